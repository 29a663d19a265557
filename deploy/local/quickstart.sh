#!/usr/bin/env bash
# From nothing to trained, evaluated models and a report, on an embedded local Spark.
#   deploy/local/quickstart.sh [OUTPUT_FOLDER=target/quickstart]
# Builds what is missing, then
#   (a) area: 20,000 generated paths; a random Linear CDE with a linear readout, and a small trained Mamba;
#   (b) JapaneseVowels: signature features with logistic regression, and a trained Mamba classifier;
# and ends with a table of results and the place of the report.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
output=${1:-$root/target/quickstart}
vowels=$root/pipeline/src/test/resources/data/JapaneseVowels
unset SPARK_HOME # the embedded Spark, whatever else this machine has

for tool in java mvn; do
  command -v "$tool" >/dev/null || { echo "quickstart: $tool is needed (a JDK 17 and Maven)" >&2; exit 1; }
done
if [ ! -f "$root/jobs/target/spark-ssm-jobs.jar" ] || [ ! -d "$root/jobs/target/runtime" ]; then
  echo "quickstart: building (the first build also downloads Spark and ND4J)" >&2
  (cd "$root" && mvn -B -ntp -q -DskipTests package)
fi

mkdir -p "$output"
output=$(cd "$output" && pwd)
rm -rf "${output:?}"/{area,vowels,results}
mkdir -p "$output/results"
step=0
run() { # NAME COMMAND OPTION...: keeps the JSON summary under results/NAME.json
  local name=$1
  shift
  step=$((step + 1))
  echo "[$step/13] spark-ssm $*" >&2
  "$root/jobs/bin/spark-ssm" "$@" --summary "$output/results/$name.json" >/dev/null
}

run info info

area=$output/area
run area-data generate --task area --count 20000 --length 100 --seed 1 --shards 4 --output "$area/area-paths"
run area-features features --input "$area/area-paths" --output "$area/features" \
  --kind linear-cde --state 256 --solver rk4 --seed 1
run area-readout train --input "$area/features" --output "$area/readout" --model linear-readout
run area-readout-rmse evaluate --model "$area/readout" --input "$area/features" --split validation \
  --output "$area/readout-evaluation"
run area-mamba train --input "$area/area-paths" --output "$area/mamba" --model mamba --blocks 2 --width 16 --state 8 \
  --epochs 4 --batch 128 --learning-rate 0.003 --seed 1
run area-mamba-rmse evaluate --model "$area/mamba" --input "$area/area-paths" --split validation \
  --output "$area/mamba-evaluation"

jv=$output/vowels
run vowels-data import --format ts --input "$vowels/JapaneseVowels_TRAIN.ts,$vowels/JapaneseVowels_TEST.ts" \
  --output "$jv/japanese-vowels" --standardize
run vowels-features features --input "$jv/japanese-vowels" --output "$jv/features" --kind signature --depth 2 \
  --transform time,basepoint
run vowels-logistic train --input "$jv/features" --output "$jv/logistic" --model logistic-regression
run vowels-logistic-accuracy evaluate --model "$jv/logistic" --input "$jv/features" --split test \
  --output "$jv/logistic-evaluation"
run vowels-mamba train --input "$jv/japanese-vowels" --output "$jv/mamba" --model mamba --seed 1
run vowels-mamba-accuracy evaluate --model "$jv/mamba" --input "$jv/japanese-vowels" --split test \
  --output "$jv/mamba-evaluation"

"$root/jobs/bin/spark-ssm" report --output "$output/report.html" --overwrite --input \
  "$area/area-paths,$area/readout,$area/readout-evaluation,$area/mamba,$area/mamba-evaluation,$jv/japanese-vowels,$jv/logistic,$jv/logistic-evaluation,$jv/mamba,$jv/mamba-evaluation" \
  >/dev/null

metric() { # NAME METRIC: one number of results/NAME.json
  grep -oE "\"$2\": *[-+0-9.eE]+" "$output/results/$1.json" | head -n 1 | sed 's/.*: *//'
}
printf '\n%-46s %-22s %s\n' "task and model" "metric" "value"
printf '%-46s %-22s %.6f\n' "area, random Linear CDE (256) + readout" "validation RMSE" "$(metric area-readout-rmse rmse)"
printf '%-46s %-22s %.6f\n' "area, Mamba, 2 blocks" "validation RMSE" "$(metric area-mamba-rmse rmse)"
printf '%-46s %-22s %.4f\n' "JapaneseVowels, signature + logistic" "test accuracy" "$(metric vowels-logistic-accuracy accuracy)"
printf '%-46s %-22s %.4f\n' "JapaneseVowels, Mamba" "test accuracy" "$(metric vowels-mamba-accuracy accuracy)"
printf '\nThe report: %s\n' "$output/report.html"
