"""What distributed training costs: the exchange of gradients, modes, executors, micro-shards and checkpoints.

  exchange     one sum of 1 MB of gradient (262,144 float32) over two processes on loopback: from the moment both have their
               own gradient to the moment both have the sum; unencrypted and encrypted, beside torch.distributed (gloo)
  modes        one step of a tiny model in barrier and in elastic mode on two executors of one core: nearly all of it is
               overhead
  executors    Mamba of width 64, 2 blocks, length 100: sequences/s on one and on two executors of one core
  microshards  the same on two executors with 8, 16 and 64 micro-shards
  checkpoints  the same on two executors with and without checkpoints, one every two seconds instead of every minute

    python training_exchange.py [--only exchange,modes,...] [--output results/training_exchange.json]

Needs the project built by `mvn -DskipTests package`, SPARK_HOME (or pyspark, by deploy/standalone/get-spark.sh), and torch for
the peer. With --only, the other rows of the output file stay as they are.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

import machine

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
PARAMETERS, SUMS = 262_144, 300
MAMBA = ["--model", "mamba", "--width", "64", "--batch", "32", "--validation-fraction", "0", "--epochs", "1"]
TINY = ["--model", "linear-cde", "--width", "4", "--state", "4", "--blocks", "1", "--batch", "8",
        "--validation-fraction", "0", "--epochs", "1"]  # fmt: skip

GLOO = """
import os, sys, time, torch, torch.distributed as d
torch.set_num_threads(1)
rank = int(sys.argv[1])
d.init_process_group("gloo", init_method="file://" + sys.argv[2], rank=rank, world_size=2)
t, micros = torch.zeros(int(sys.argv[3])), []
for i in range(2 * int(sys.argv[4])):
    d.barrier(); before = time.perf_counter(); d.all_reduce(t); micros.append((time.perf_counter() - before) * 1e6)
print(sorted(micros[len(micros) // 2:])[len(micros) // 4])
"""


def exchange():
    """Two processes each: ours open and encrypted, and gloo."""
    opens = []
    for package in ("java.nio", "java.lang", "sun.nio.ch", "java.util"):
        opens.append(f"--add-opens=java.base/{package}=ALL-UNNAMED")
    classes = ":".join([os.path.join(ROOT, "pipeline/target/test-classes"), os.path.join(ROOT, "pipeline/target/classes"),
                        os.path.join(ROOT, "jobs/target/spark-ssm-jobs.jar"), os.path.join(ROOT, "jobs/target/runtime/*")])  # fmt: skip
    rows = []
    for how in ("open", "encrypted"):
        processes = [
            subprocess.Popen(["java", "-Xmx512m", *opens, "-cp", classes, "org.sparkssm.spark.ExchangeBenchmark", str(self),
                              str(PARAMETERS), str(SUMS), how],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            for self in range(2)]  # fmt: skip
        addresses = " ".join(process.stdout.readline().strip() for process in processes)
        for process in processes:
            process.stdin.write(addresses + "\n")
            process.stdin.flush()
        results = [json.loads(process.stdout.readline()) for process in processes]
        row = {"row": "exchange", "transport": how, "bytes": 4 * PARAMETERS, "processes": 2}
        row.update({f"{k}Micros": max(result[k] for result in results) for k in results[0]})
        rows.append(row)
    try:
        import torch
    except ImportError:
        return rows
    with tempfile.TemporaryDirectory() as folder:
        peers = [subprocess.Popen([sys.executable, "-c", GLOO, str(rank), folder + "/init", str(PARAMETERS), str(SUMS)],
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) for rank in range(2)]  # fmt: skip
        median = max(float(peer.communicate()[0].split()[-1]) for peer in peers)
    rows.append({"row": "exchange", "transport": f"gloo of torch {torch.__version__}", "bytes": 4 * PARAMETERS,
                 "processes": 2, "medianMicros": round(median, 1)})  # fmt: skip
    for row in rows[:2]:
        row["ratioToGloo"] = round(row["medianMicros"] / median, 2)
    return rows


class Cluster:
    """A standalone Spark of two executors of one core, and a data set."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="spark-ssm-bench-")
        home = os.environ.get("SPARK_HOME") or self.script("get-spark.sh", os.path.join(ROOT, "jobs/target/spark"))
        self.environment = {**os.environ, "SPARK_HOME": home, "SPARK_DRIVER_MEMORY": "1g", "OMP_NUM_THREADS": "1",
                            "SPARK_LOCAL_IP": "127.0.0.1"}  # fmt: skip
        self.master = self.script("start.sh", self.folder + "/cluster", "1", "2", "3g")
        self.data = self.folder + "/data"
        self.command("generate", "--task", "area", "--count", "4000", "--length", "100", "--output", self.data)

    def script(self, name, *arguments):
        environment = getattr(self, "environment", None)
        done = subprocess.run([os.path.join(ROOT, "deploy/standalone", name), *arguments], capture_output=True, text=True,
                              env=environment)  # fmt: skip
        if done.returncode != 0:
            machine.fail(f"{name} ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout.strip()

    def command(self, *arguments):
        command = [os.path.join(ROOT, "jobs/bin/spark-ssm"), *arguments, "--master", self.master, "--conf",
                   "spark.executor.cores=1", "--conf", "spark.executor.memory=1g"]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, env=self.environment)
        if done.returncode != 0:
            machine.fail(f"{arguments[0]} ended with {done.returncode}: {done.stderr.strip()[-2000:]}")
        return json.loads(done.stdout.strip().splitlines()[-1])

    def train(self, executors, *options):
        """Sequences a second over the time of the steps."""
        model = tempfile.mkdtemp(dir=self.folder)
        os.rmdir(model)
        return self.command("train", "--input", self.data, "--output", model, *options, "--conf",
                            f"spark.cores.max={executors}")["sequencesPerSecond"]  # fmt: skip

    def close(self):
        self.script("stop.sh", self.folder + "/cluster")
        shutil.rmtree(self.folder)


def modes(cluster):
    return [
        {"row": "modes", "mode": mode, "executors": 2, "stepMillis": round(8000 / cluster.train(2, *TINY, "--mode", mode), 3)}
        for mode in ("barrier", "elastic")
    ]


def executors(cluster):
    one, two = (cluster.train(n, *MAMBA) for n in (1, 2))
    return [
        {"row": "executors", "executors": 1, "sequencesPerSecond": round(one, 1)},
        {"row": "executors", "executors": 2, "sequencesPerSecond": round(two, 1), "ratio": round(two / one, 3)},
    ]


def microshards(cluster):
    return [
        {"row": "microshards", "microShards": count, "executors": 2,
         "sequencesPerSecond": round(cluster.train(2, *MAMBA, "--micro-shards", str(count)), 1)}
        for count in (8, 16, 64)]  # fmt: skip


def checkpoints(cluster):
    """Without and with, three times each in turn."""
    speeds = {False: [], True: []}
    for i in range(3):
        for kept in (False, True):
            options = ["--checkpoint", f"{cluster.folder}/checkpoint-{i}", "--conf", "spark.ssm.checkpointInterval=2s"]
            speeds[kept].append(cluster.train(2, *MAMBA, *(options if kept else [])))
    without, kept = (statistics.median(speeds[k]) for k in (False, True))
    return [{"row": "checkpoints", "interval": "2s", "executors": 2, "sequencesPerSecond": round(kept, 1),
             "sequencesPerSecondWithout": round(without, 1), "cost": round(1 - kept / without, 4)}]  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="exchange,modes,executors,microshards,checkpoints")
    parser.add_argument("--output", default=os.path.join(os.path.dirname(__file__), "results", "training_exchange.json"))
    options = parser.parse_args()
    wanted = options.only.split(",")
    rows = exchange() if "exchange" in wanted else []
    parts = [part for part in (modes, executors, microshards, checkpoints) if part.__name__ in wanted]
    if parts:
        cluster = Cluster()
        try:
            for part in parts:
                rows += part(cluster)
        finally:
            cluster.close()
    if os.path.exists(options.output):
        with open(options.output) as earlier:
            rows = [row for row in json.load(earlier)["rows"] if row["row"] not in wanted] + rows
    machine.write(options.output, "training_exchange", rows)


if __name__ == "__main__":
    main()
