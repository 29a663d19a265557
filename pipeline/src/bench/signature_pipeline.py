"""Signatures from Parquet to Parquet: 100,000 sequences of 100 x 3 at depth 5, against PySpark with pySigLib.

The peer is a pandas_udf that calls pySigLib for a batch of 1,000 sequences; ours are the SQL function path_signature and
the SignatureTransformer. Every row is a Spark of its own with the same data, cores, memory and Parquet settings, started
from PySpark; its figure is the best of the runs after the first. Two settings of the writer are measured: Spark's own,
and the one that udfs/README.md describes (two-level arrays, no dictionary), for the peer as well. The engine "write"
writes the same signatures from memory, which bounds what any engine can reach behind Spark's writer. Beside them stand,
by JMH, what one call of path_signature costs in generated code, and the library's own calls for one sequence and for many.

    python signature_pipeline.py [--count 100000] [--runs 4] [--jar spark-ssm-jobs.jar] [--output results/FILE.json]

Needs pyspark 4.1, pyarrow, pandas and pysiglib; the project built by `mvn -DskipTests package`, with its test classes.
"""

import argparse
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

import machine

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
LENGTH, CHANNELS, DEPTH = 100, 3, 5
FILES = 8
WRITERS = {
    "default": {},
    "tuned": {"spark.sql.parquet.writeLegacyFormat": "true", "spark.hadoop.parquet.enable.dictionary": "false"},
}
TARGETS = {"ratioToPeer": 5, "ratioToOneCore": 1.8}
# Of a run of the transformer on one core with the tuned writer, an EPYC (Zen 3).
PROFILE = (
    "samples of the task's thread in Java code (Flight Recorder, 1,191): 63 % in Parquet's addFloat, three quarters of it in "
    "CapacityByteArrayOutputStream.write, which takes each number as four bytes; 12 % in making the batches of signatures, "
    "6 % in Parquet's reader"
)
TRIED = (
    "with the tuned writer and two cores, best of four: no column and size statistics 2.03 s, no compression 2.40 s, neither "
    "1.95 s, pages of 64 KiB 2.63 s, against 1.99 s"
)


def generate(count, folder):
    """Random walks in single precision, in a few files."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    random = np.random.default_rng(1)
    os.makedirs(folder)
    for file in range(FILES):
        ids = np.arange(file * count // FILES, (file + 1) * count // FILES)
        paths = np.cumsum(random.normal(size=(len(ids), LENGTH, CHANNELS)), 1).astype("f4") / 10
        offsets = np.arange(0, paths.size + 1, LENGTH * CHANNELS, dtype="i4")
        values = pa.ListArray.from_arrays(offsets, pa.array(paths.reshape(-1)))
        pq.write_table(pa.table({"id": ids, "values": values}), os.path.join(folder, f"{file}.parquet"))


def peer(spark, paths):
    """pySigLib in a pandas_udf."""
    import numpy as np
    import pandas as pd
    from pyspark.sql.functions import col, pandas_udf

    @pandas_udf("array<float>")
    def signature(values: pd.Series) -> pd.Series:
        import pysiglib

        batch = np.ascontiguousarray(np.stack(values.to_numpy()).reshape(len(values), -1, CHANNELS))
        return pd.Series(list(pysiglib.sig(batch, DEPTH, n_jobs=1)))

    return paths.select("id", signature(col("values")).alias("signature"))


def sql(spark, paths):
    """The SQL function."""
    return paths.selectExpr("id", f"path_signature(values, {CHANNELS}, {DEPTH}) AS signature")


def transformer(spark, paths):
    """The MLlib transformer."""
    from pyspark.sql import DataFrame

    stage = spark._jvm.org.sparkssm.ml.SignatureTransformer()
    stage.setChannels(CHANNELS).setDepth(DEPTH).setOutputType("array").setOutputCol("signature")
    return DataFrame(stage.transform(paths._jdf), spark).select("id", "signature")


KEPT = {}


def write(spark, paths):
    """Signatures that are in memory from the first run on."""
    if "signatures" not in KEPT:
        KEPT["signatures"] = sql(spark, paths).persist()
    return KEPT["signatures"]


ENGINES = {"peer": peer, "sql": sql, "transformer": transformer, "write": write}


def run(engine, cores, writer, folder, runs, jar):
    """Seconds of each run, and the first signature, on standard output."""
    from pyspark.sql import SparkSession

    builder = (
        SparkSession.builder.master(f"local[{cores}]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.memory", "6g")
        .config("spark.sql.execution.arrow.maxRecordsPerBatch", "1000")
    )
    for key, value in WRITERS[writer].items():
        builder = builder.config(key, value)
    if engine != "peer":
        builder = builder.config("spark.driver.extraClassPath", jar)
        builder = builder.config("spark.sql.extensions", "org.sparkssm.sql.SparkSsmExtensions")
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("OFF")
    out = os.path.join(folder, f"{engine}-{cores}-{writer}")
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        paths = spark.read.parquet(os.path.join(folder, "data"))
        ENGINES[engine](spark, paths).write.mode("overwrite").parquet(out)
        seconds.append(time.perf_counter() - start)
    first = spark.read.parquet(out).where("id = 7").first()["signature"]
    spark.stop()
    print(json.dumps({"seconds": seconds, "first": list(first)}))


def calls(jar):
    """Nanoseconds a row of the SQL function in generated code and of the library, by JMH."""
    udfs = os.path.join(ROOT, "udfs/target")
    classes = ":".join([f"{udfs}/test-classes", f"{udfs}/jmh/*", jar, os.path.join(ROOT, "jobs/target/runtime/*")])
    opens = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in ("java.nio", "java.lang", "sun.nio.ch", "java.util")]
    with tempfile.TemporaryDirectory() as folder:
        results = os.path.join(folder, "jmh.json")
        command = ["java", "-Xmx1g", *opens, "-cp", classes, "org.openjdk.jmh.Main", "SignatureCallBenchmark", "-foe", "true"]
        done = subprocess.run([*command, "-rf", "json", "-rff", results], capture_output=True, text=True)
        if done.returncode != 0:
            machine.fail(f"SignatureCallBenchmark ended with {done.returncode}: {(done.stdout + done.stderr).strip()[-2000:]}")
        with open(results) as read:
            found = json.load(read)
    rows = []
    for one in found:
        score = one["primaryMetric"]
        row = {"engine": "jmh", "call": one["benchmark"].rsplit(".", 1)[1], "nanosecondsPerRow": round(score["score"])}
        rows.append({**row, "error99Nanoseconds": round(score["scoreError"])})
    return rows


def measure(engine, cores, writer, folder, options):
    """One row of the result, from a process of its own."""
    command = [sys.executable, __file__, "--engine", engine, "--cores", str(cores), "--writer", writer]
    command += ["--folder", folder, "--runs", str(options.runs), "--jar", options.jar]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYSPARK_PYTHON": sys.executable}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        machine.fail(f"{engine} ended with {done.returncode}: {done.stderr.strip()[-2000:]}")
    result = json.loads(done.stdout.strip().splitlines()[-1])
    best = min(result["seconds"][1:])
    row = {
        "engine": engine,
        "cores": cores,
        "writer": writer,
        "seconds": round(best, 2),
        "sequencesPerSecond": round(options.count / best),
    }
    return row, result["first"]


def compare(rows):
    """Adds the ratios to the rows of one writer, and to those that miss a target what bounds them."""
    seconds = {(row["engine"], row["cores"]): row["seconds"] for row in rows}
    for row in rows:
        engine, cores = row["engine"], row["cores"]
        if cores == 1 or engine == "peer":
            continue
        row["ratioToPeer"] = round(seconds["peer", 2] / row["seconds"], 2)
        row["ratioToOneCore"] = round(seconds[engine, 1] / row["seconds"], 2)
        if engine == "write":
            continue
        if engine == "sql":
            row["ratioToTransformer"] = round(seconds["transformer", 2] / row["seconds"], 2)
        if any(row[ratio] < target for ratio, target in TARGETS.items()):
            share = seconds["write", 2] / row["seconds"]
            ratio = seconds["write", 1] / seconds["write", 2]
            row["bound"] = (
                f"Spark's Parquet writer: writing the same signatures from memory takes {share:.0%} of this row's time, and is "
                f"{ratio:.2f} times as fast on two cores as on one"
            )
            row["profile"], row["tried"] = PROFILE, TRIED


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=4)
    parser.add_argument("--jar", default=os.path.join(ROOT, "jobs/target/spark-ssm-jobs.jar"))
    parser.add_argument("--output", default=os.path.join(os.path.dirname(__file__), "results/signature_pipeline.json"))
    for internal in ("--engine", "--cores", "--writer", "--folder"):
        parser.add_argument(internal, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.engine:
        run(options.engine, options.cores, options.writer, options.folder, options.runs, options.jar)
        return

    folder = tempfile.mkdtemp(prefix="spark-ssm-bench-")
    rows = []
    try:
        generate(options.count, os.path.join(folder, "data"))
        for writer in WRITERS:
            reference = None
            for engine in ENGINES:
                for cores in (1, 2) if engine != "peer" else (2,):
                    row, first = measure(engine, cores, writer, folder, options)
                    reference = reference or first
                    scale = max(abs(entry) for entry in reference)
                    if max(abs(a - b) for a, b in zip(reference, first, strict=True)) > 1e-4 * scale:
                        machine.fail(f"{engine} gives another signature than the peer")
                    rows.append(row)
            compare([row for row in rows if row["writer"] == writer])
    finally:
        shutil.rmtree(folder)
    rows += calls(options.jar)
    versions = {name: importlib.metadata.version(name) for name in ("pyspark", "pysiglib")}
    shape = {"count": options.count, "length": LENGTH, "channels": CHANNELS, "depth": DEPTH, "precision": "float32"}
    machine.write(options.output, "signature_pipeline", rows, **versions, **shape)


if __name__ == "__main__":
    main()
