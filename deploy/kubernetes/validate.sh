#!/usr/bin/env bash
# Checks the manifests and pod templates against the schemas of Kubernetes, the Dockerfile by hadolint and the project's shell
# scripts by shellcheck.
#   deploy/kubernetes/validate.sh TOOLS_FOLDER      installs the tools (requirements.txt) into TOOLS_FOLDER, once
set -euo pipefail
tools=${1:?usage: validate.sh TOOLS_FOLDER}
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
wanted=$(cksum <"$here/requirements.txt" | cut -d ' ' -f 1)
if [ ! -f "$tools/complete-$wanted" ]; then
  python3 -m venv --clear "$tools"
  "$tools/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
  touch "$tools/complete-$wanted"
fi
for version in 1.29 1.33 1.37; do
  "$tools/bin/kubernetes-validate" --strict --kubernetes-version "$version" "$here"/*.yaml "$here"/gpu/*.yaml
done
"$tools/bin/hadolint" "$here/Dockerfile"
"$tools/bin/shellcheck" --severity=warning "$root"/deploy/*/*.sh "$root/jobs/bin/spark-ssm"
