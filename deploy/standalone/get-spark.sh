#!/usr/bin/env bash
# Installs Spark 4.1.0 (the distribution inside PyPI's pyspark) into a folder, once, and prints its SPARK_HOME.
#   export SPARK_HOME=$(deploy/standalone/get-spark.sh FOLDER)
set -euo pipefail
version=4.1.0
folder=${1:?usage: get-spark.sh FOLDER}
home() { find "$folder"/lib/python3*/site-packages/pyspark -maxdepth 0 2>/dev/null | head -n 1; }
if [ ! -f "$folder/complete-$version" ]; then
  command -v python3 >/dev/null || { echo "get-spark.sh: python3 is needed to install pyspark $version" >&2; exit 1; }
  mkdir -p "$folder"
  (
    flock 9
    if [ ! -f "$folder/complete-$version" ]; then
      echo "get-spark.sh: installing Spark $version into $folder" >&2
      python3 -m venv "$folder" >&2
      "$folder/bin/pip" install --quiet "pyspark==$version" >&2
      touch "$folder/complete-$version"
    fi
  ) 9>"$folder/.lock"
fi
home
