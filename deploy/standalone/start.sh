#!/usr/bin/env bash
# Starts a standalone Spark master and workers on this machine and prints the master's address.
#   SPARK_HOME=... deploy/standalone/start.sh RUN_FOLDER [WORKERS=2] [CORES=1] [MEMORY=1g]
# RUN_FOLDER holds logs, process ids and the workers' scratch; stop.sh RUN_FOLDER ends what was started.
# SPARK_SSM_BIND is the address to listen on, default 127.0.0.1; ports are free ones.
set -euo pipefail
folder=${1:?usage: start.sh RUN_FOLDER [WORKERS] [CORES] [MEMORY]}
workers=${2:-2} cores=${3:-1} memory=${4:-1g}
: "${SPARK_HOME:?set SPARK_HOME to a Spark 4.1 distribution, for example by deploy/standalone/get-spark.sh}"
host=${SPARK_SSM_BIND:-127.0.0.1}
export SPARK_LOCAL_IP=$host OMP_NUM_THREADS=1

mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
if [ -s "$folder/pids" ]; then
  echo "start.sh: a cluster runs in $folder already; stop it with deploy/standalone/stop.sh $folder" >&2
  exit 1
fi

spawn() { # NAME CLASS ARGUMENT...
  local name=$1
  shift
  setsid "$SPARK_HOME/bin/spark-class" "$@" >"$folder/$name.log" 2>&1 </dev/null &
  echo "$! $name" >>"$folder/pids"
}

await() { # NAME PATTERN: waits for a line in a log, at most a minute
  for _ in $(seq 240); do
    grep -qE "$2" "$folder/$1.log" 2>/dev/null && return 0
    kill -0 "$(awk -v n="$1" '$2 == n { print $1 }' "$folder/pids")" 2>/dev/null || break
    sleep 0.25
  done
  echo "start.sh: $1 did not come up; its log is $folder/$1.log" >&2
  return 1
}

spawn master org.apache.spark.deploy.master.Master --host "$host" --port 0 --webui-port 0
await master 'Starting Spark master at spark://'
master=$(grep -oE 'spark://[^ ]+' "$folder/master.log" | head -n 1)
for i in $(seq "$workers"); do
  spawn "worker-$i" org.apache.spark.deploy.worker.Worker --host "$host" --webui-port 0 \
    --cores "$cores" --memory "$memory" --work-dir "$folder/work-$i" "$master"
done
for i in $(seq "$workers"); do
  await "worker-$i" 'Successfully registered with master'
done
echo "$master"
