#!/usr/bin/env bash
# Archives the classes that a small run of the embedded Spark loads, so that each later command starts seconds sooner
# (dynamic class data sharing of the JDK). Called by Maven after packaging; a failure costs speed only and is said.
#   class-archive.sh BUILD_FOLDER SPARK_SSM
set -uo pipefail
build=$1 spark_ssm=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
unset SPARK_HOME
rm -f "$build/spark-ssm.jsa"
{
  "$spark_ssm" generate --task area --count 64 --length 8 --shards 1 --output "$scratch/data" &&
    SPARK_SSM_JAVA_OPTIONS="-XX:ArchiveClassesAtExit=$build/spark-ssm.jsa" "$spark_ssm" features \
      --input "$scratch/data" --output "$scratch/features" --kind linear-cde --state 8
} >"$build/class-archive.log" 2>&1 ||
  echo "spark-ssm: no class archive could be made (see $build/class-archive.log); commands start a few seconds later"
exit 0
