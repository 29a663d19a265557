#!/usr/bin/env bash
# Runs a spark-ssm command on a cluster.
#   SPARK_HOME=... deploy/standalone/submit.sh MASTER COMMAND [OPTION...]
set -euo pipefail
master=${1:?usage: submit.sh MASTER COMMAND [OPTION...]}
shift
: "${SPARK_HOME:?set SPARK_HOME to a Spark 4.1 distribution, for example by deploy/standalone/get-spark.sh}"
exec "$(dirname "$0")/../../jobs/bin/spark-ssm" "$@" --master "$master"
