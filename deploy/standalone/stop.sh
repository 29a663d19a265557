#!/usr/bin/env bash
# Ends the master and workers that start.sh started in a folder.
#   deploy/standalone/stop.sh RUN_FOLDER
set -euo pipefail
folder=${1:?usage: stop.sh RUN_FOLDER}
[ -s "$folder/pids" ] || exit 0
# Workers first, so that none loses its master. Each is the leader of a process group of its own.
for pid in $(awk '{ print $1 }' "$folder/pids" | tac); do
  kill -- "-$pid" 2>/dev/null || true
done
for _ in $(seq 40); do
  alive=0
  for pid in $(awk '{ print $1 }' "$folder/pids"); do
    kill -0 "$pid" 2>/dev/null && alive=1
  done
  [ "$alive" = 1 ] || break
  sleep 0.25
done
for pid in $(awk '{ print $1 }' "$folder/pids"); do
  kill -9 -- "-$pid" 2>/dev/null || true
done
rm -f "$folder/pids"
