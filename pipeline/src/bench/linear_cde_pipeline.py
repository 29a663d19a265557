"""Area or volume, 100,000 paths, random Linear CDE of state 256, RK4: the whole pipeline against JAX's solve alone.

Ours is timed from the first command to the validation RMSE: generate, features, train (linear readout), evaluate, each a
process of its own. JAX's time is that of the compiled solver only, on data that is already in memory: no generation, no
readout, no metric, compilation left out. Both run on all cores of this machine, one after the other, in one sitting.

    python linear_cde_pipeline.py [--task area|volume] [--count 100000] [--scaling 0.0625] [--output results/FILE.json]

The transitions are scaling N(0, 1) / sqrt(N). The paper's scaling is 1; smaller ones approximate better. 0.0625 was chosen
among 1, 0.5, 0.25, 0.125 and 0.0625 by the error on the training rows of volume.

Needs numpy and jax; the project built by `mvn -DskipTests package`.
"""

import argparse
import json
import os
import shutil
import subprocess
import tempfile
import time

import machine

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
LENGTH, STATE = 100, 256


def jax_solve(task, count):
    """Seconds that JAX needs to solve the equation for all paths in batches of 1,000, compiled before."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    channels = 2 if task == "area" else 3
    width = channels + 1
    random = np.random.default_rng(0)
    paths = np.cumsum(np.rint(random.normal(size=(count, LENGTH, channels))), 1)
    paths /= np.abs(paths).max()
    time_channel = np.broadcast_to(np.linspace(0, 1, LENGTH)[None, :, None], (count, LENGTH, 1))
    increments = np.diff(np.concatenate([time_channel, paths], -1), axis=1).astype("f4")
    a = (random.normal(size=(width, STATE, STATE)) / np.sqrt(STATE)).astype("f4").reshape(width * STATE, STATE)
    b = random.normal(size=(STATE, width)).astype("f4")
    initial = random.normal(size=(count, STATE)).astype("f4")

    def field(z, d):
        return ((z @ a.T).reshape(-1, width, STATE) * d[..., None]).sum(1) + d @ b.T

    @jax.jit
    def solve(z0, d):
        def step(z, d):
            k1 = field(z, d)
            k2 = field(z + k1 / 2, d)
            k3 = field(z + k2 / 2, d)
            k4 = field(z + k3, d)
            return z + (k1 + 2 * k2 + 2 * k3 + k4) / 6, None

        return jax.lax.scan(step, z0, jnp.swapaxes(d, 0, 1))[0]

    def everything():
        start = time.perf_counter()
        for i in range(0, count, 1000):
            jax.block_until_ready(solve(initial[i : i + 1000], increments[i : i + 1000]))
        return time.perf_counter() - start

    jax.block_until_ready(solve(initial[:1000], increments[:1000]))
    return everything(), jax.__version__


def pipeline(task, count, scaling, folder):
    """Seconds of every command and the validation RMSE."""
    data, features, model = (os.path.join(folder, name) for name in ("data", "features", "model"))
    commands = [
        ["generate", "--task", task, "--count", str(count), "--length", str(LENGTH), "--seed", "1", "--output", data],
        ["features", "--input", data, "--output", features, "--kind", "linear-cde", "--state", str(STATE),
         "--solver", "rk4", "--scaling", str(scaling), "--seed", "1"],
        ["train", "--input", features, "--output", model, "--model", "linear-readout"],
        ["evaluate", "--model", model, "--input", features, "--split", "validation"],
    ]  # fmt: skip
    seconds, summary = {}, None
    for command in commands:
        start = time.perf_counter()
        done = subprocess.run([os.path.join(ROOT, "jobs/bin/spark-ssm"), *command], capture_output=True, text=True)
        if done.returncode != 0:
            machine.fail(f"{command[0]} ended with {done.returncode}: {done.stderr.strip()}")
        seconds[command[0]] = round(time.perf_counter() - start, 2)
        summary = json.loads(done.stdout.strip().splitlines()[-1])
    return seconds, summary["metrics"]["rmse"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", choices=["area", "volume"], default="area")
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--scaling", type=float, default=0.0625)
    parser.add_argument("--output")
    options = parser.parse_args()
    output = options.output or os.path.join(
        os.path.dirname(__file__), "results", f"linear_cde_pipeline_{options.task}.json")  # fmt: skip

    jax_seconds, jax_version = jax_solve(options.task, options.count)
    folder = tempfile.mkdtemp(prefix="spark-ssm-bench-")
    try:
        seconds, rmse = pipeline(options.task, options.count, options.scaling, folder)
    finally:
        shutil.rmtree(folder)
    total = round(sum(seconds.values()), 2)
    row = {
        "task": options.task,
        "count": options.count,
        "length": LENGTH,
        "state": STATE,
        "solver": "rk4",
        "scaling": options.scaling,
        "jaxSolveSeconds": round(jax_seconds, 2),
        "pipelineSeconds": total,
        "commands": seconds,
        "ratio": round(jax_seconds / total, 3),
        "validationRmse": rmse,
    }
    machine.write(output, "linear_cde_pipeline", [row], jax=jax_version)


if __name__ == "__main__":
    main()
