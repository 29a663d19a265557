#!/usr/bin/env bash
# Prints the GPUs of this machine as Spark's resource discovery wants them: {"name": "gpu", "addresses": ["0", "1"]}
# Spark runs it on workers (spark.worker.resource.gpu.discoveryScript) or executors (spark.executor.resource.gpu.discoveryScript).
set -euo pipefail
indices=$(nvidia-smi --query-gpu=index --format=csv,noheader)
printf '{"name": "gpu", "addresses": [%s]}\n' "$(sed 's/[^0-9]//g; s/.*/"&"/' <<<"$indices" | paste -sd ,)"
