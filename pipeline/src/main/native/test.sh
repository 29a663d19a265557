#!/usr/bin/env bash
# Runs the tests that need no JVM; called by Maven's test phase.
#   test.sh BUILD
# Where build.sh found no compiler there is nothing to test: it says so and succeeds.
set -euo pipefail
build=$1/cmake
if [ ! -f "$build/CTestTestfile.cmake" ]; then
  echo "spark-ssm: no native build on this machine: skipping the native tests"
  exit 0
fi
log=$1/ctest.log
(cd "$build" && ctest --output-on-failure) >"$log" 2>&1 || { cat "$log"; exit 1; }
