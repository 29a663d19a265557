#!/usr/bin/env bash
# Installs Airflow 3.3.2 with its Spark provider into a Python environment of its own, once, and prints the folder of its
# commands.
#   export PATH=$(deploy/airflow/get-airflow.sh FOLDER):$PATH
set -euo pipefail
folder=${1:?usage: get-airflow.sh FOLDER}
here=$(cd "$(dirname "$0")" && pwd)
wanted=$(cat "$here"/requirements.txt "$here"/constraints.txt | cksum | cut -d ' ' -f 1)
if [ ! -f "$folder/complete-$wanted" ]; then
  command -v python3 >/dev/null || { echo "get-airflow.sh: python3 (3.10 or later) is needed" >&2; exit 1; }
  echo "get-airflow.sh: installing Airflow into $folder" >&2
  python3 -m venv --clear "$folder" >&2
  "$folder/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt" >&2
  touch "$folder/complete-$wanted"
fi
cd "$folder/bin" && pwd
