"""Recurrence kernels and training steps against JAX, PyTorch and mambapy, in one run on the same cores, in float32.

Ours runs in a JVM (org.sparkssm.bench.RecurrenceBenchmark): kernels through the interface `Kernels` that the layers call,
training steps through `SequenceModel` and `Trainer`, with as many Java threads as cores, each with sequences of its own, as
Spark's tasks. Kernels and their peers get the same numbers, and what they compute is compared before it is timed. A time is
the shortest of several; compilation is left out. Our operands stay where they are while a time is taken, and where that is in
physical memory can cost a virtual machine half of its speed; peers allocate anew in every call, so ours are placed three times,
each for as long as a peer is timed.
"gradient" is forward and backward together.

    python recurrences.py [--only selective-scan,gla,...] [--output results/recurrences.json]

Needs jax, torch, mambapy, cc, and the project built by `mvn -DskipTests package`. With --only, the other rows of the output
file stay as they are.
"""

import argparse
import json
import os
import shutil
import subprocess
import tempfile
import time

import jax
import numpy as np
import torch

import machine
import recurrence_peers as peers
from recurrence_notes import NOTES

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.abspath(os.path.join(HERE, "..", "..", ".."))
CORES = os.cpu_count()
SECONDS = 0.3  # spent on a time
PLACES = 3  # in which our operands lie in turn
TOLERANCE = 2e-3  # of what is compared, relative to its largest element


class Ours:
    """The JVM, which answers requests one by one."""

    def __init__(self):
        opens = [f"--add-opens=java.base/{p}=ALL-UNNAMED" for p in ("java.nio", "java.lang", "sun.nio.ch", "java.util")]
        classes = ":".join(os.path.join(ROOT, p) for p in ("pipeline/target/test-classes", "pipeline/target/classes",
                           "jobs/target/spark-ssm-jobs.jar", "jobs/target/runtime/*"))  # fmt: skip
        self.process = subprocess.Popen(
            ["java", "-Xmx4g", *opens, "-cp", classes, "org.sparkssm.bench.RecurrenceBenchmark"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})  # fmt: skip
        self.folder = tempfile.mkdtemp(prefix="spark-ssm-bench-")

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        while line and not line.startswith("{"):
            line = self.process.stdout.readline()
        if not line:
            machine.fail(f"the benchmark's JVM ended at {request}")
        return json.loads(line)

    def seconds(self, operation, arrays, batch, length, sizes, backward, threads=CORES):
        for name, array in arrays.items():
            np.ascontiguousarray(array, "<f4").tofile(os.path.join(self.folder, name + ".f32"))
        request = {"operation": operation, "batch": batch, "length": length, "sizes": sizes, "backward": backward}
        return min(self.ask(time="operation", folder=self.folder, threads=threads, seconds=SECONDS, **request)["seconds"]
                   for _ in range(PLACES))  # fmt: skip

    def result(self, name, like):
        return np.fromfile(os.path.join(self.folder, f"out.{name}.f32"), "<f4").reshape(like.shape)

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        shutil.rmtree(self.folder)


def shortest(run):
    """The shortest of at least 3 times of `run`, after a first call that compiles."""
    run()
    best, began, count = float("inf"), time.perf_counter(), 0
    while count < 3 or time.perf_counter() - began < SECONDS:
        before = time.perf_counter()
        run()
        best, count = min(best, time.perf_counter() - before), count + 1
    return best


class Jax:
    """Times of forms of one function, the fastest of each direction."""

    def __init__(self, forms, arrays, cotangent, differentiated):
        self.arrays = {name: jax.numpy.asarray(a) for name, a in arrays.items()}
        self.forms, self.times = forms, {}
        inner = {name: self.arrays[name] for name in differentiated}

        for name, form in forms.items():
            forward = jax.jit(form)
            gradient = jax.jit(jax.grad(lambda d, rest, form=form: (form({**rest, **d}) * cotangent).sum()))
            self.times[name] = (
                shortest(lambda: jax.block_until_ready(forward(self.arrays))),
                shortest(lambda: jax.block_until_ready(gradient(inner, self.arrays))))  # fmt: skip
            self.value, self.gradients = forward(self.arrays), gradient(inner, self.arrays)

    def best(self, backward):
        name = min(self.times, key=lambda n: self.times[n][backward])
        return f"jax {name}", self.times[name][backward]


def difference(found, expected):
    """The largest, relative to the largest expected number."""
    expected = np.asarray(expected)
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def millis(seconds):
    return round(seconds * 1e3, 4)


def against(row, direction, ours, peer, target, **more):
    """A row of the table: our time, the peer's, and what it should be."""
    name, seconds = peer
    ratio = seconds / ours
    return {**row, "direction": direction, "oursMillis": millis(ours), "peer": name, "peerMillis": millis(seconds),
            "ratio": round(ratio, 2), "target": target, "met": ratio >= target, **more}  # fmt: skip


def kernel_rows(ours, name, shape, arrays, dy, forms, outputs, targets, others=None):
    """Forward and gradient of one kernel at one shape, one core and all, against the fastest JAX form and others.

    outputs: our name of every gradient, by JAX's name of what it is a gradient of, and a function that turns JAX's into ours.
    """
    batch, length, sizes = shape["B"], shape["L"], {k: v for k, v in shape.items() if k not in "BL"}
    for operand in outputs:
        assert operand in arrays, operand
    fed = {**arrays, "dLast" if name == "linear-cde" else "dy": dy}
    jaxed = Jax(forms, arrays, dy, list(outputs))
    rows, differences = [], {}
    row = {"row": name, "shape": shape, "threads": CORES}
    for backward, direction in ((False, "forward"), (True, "gradient")):
        one = ours.seconds(name, fed, batch, length, sizes, backward, threads=1)
        both = ours.seconds(name, fed, batch, length, sizes, backward)
        y = ours.result("last" if name == "linear-cde" else "y", np.asarray(dy))
        differences["value"] = difference(y, jaxed.value.reshape(y.shape))
        if backward:
            for operand, (out, convert) in outputs.items():
                expected = convert(np.asarray(jaxed.gradients[operand]), arrays)
                differences[out] = difference(ours.result(out, expected), expected)
        worst = max(differences.values())
        if not worst < TOLERANCE:
            machine.fail(f"{name} {shape} differs from JAX: {differences}")
        others_times = {other: millis(times[backward]) for other, times in (others or {}).items()}
        more = {"largestDifference": float(f"{worst:.2g}"), "oneCoreMillis": millis(one), "jaxMillis":
                {form: millis(times[backward]) for form, times in jaxed.times.items()}, "otherMillis": others_times}  # fmt: skip
        rows.append(against(row, direction, both, jaxed.best(backward), targets[backward], **more))
        rows.append(two_cores(name, shape, direction, one, both))
    return rows


def two_cores(name, shape, direction, one, both):
    ratio = one / both
    return {"row": "two-cores", "of": name, "shape": shape, "direction": direction, "oneCoreMillis": millis(one),
            "twoCoresMillis": millis(both), "ratio": round(ratio, 3), "target": 1.8, "met": ratio >= 1.8}  # fmt: skip


def same(gradient, arrays):
    return gradient


def random(*parts):
    return np.random.default_rng(parts)


def selective_scan(ours):
    rows = []
    for B, L, D, N in ((32, 100, 256, 16), (8, 1024, 256, 16)):
        r = random(B, L)
        delta = r.uniform(0.001, 0.1, (B, L, D)).astype("f4")
        arrays = {"u": r.normal(size=(B, L, D)), "delta": delta, "a": -np.exp(r.normal(size=(D, N))),
                  "b": r.normal(size=(B, L, N)), "c": r.normal(size=(B, L, N))}  # fmt: skip
        arrays = {k: v.astype("f4") for k, v in arrays.items()}
        dy = r.normal(size=(B, L, D)).astype("f4")
        alone, both = peers.mambapy_selective_scan(arrays, dy)
        others = {f"mambapy, torch {torch.__version__}": (shortest(alone), shortest(both))}
        # Ours takes the softplus of its operand, which the peers do not.
        arrays["deltaRaw"] = np.log(np.expm1(delta.astype("f8"))).astype("f4")
        outputs = {"u": ("du", same), "delta": ("dDeltaRaw", lambda g, x: g * -np.expm1(-x["delta"])), "a": ("da", same),
                   "b": ("db", same), "c": ("dc", same)}  # fmt: skip
        forms = {"lax.scan": peers.selective_scan, "associative_scan": peers.selective_associative}
        shape = {"B": B, "L": L, "D": D, "N": N}
        rows += kernel_rows(ours, "selective-scan", shape, arrays, dy, forms, outputs, (12, 40), others)
    return rows


ATTENTION_SHAPES = ((32, 100, 4, 32, 64), (8, 1024, 4, 32, 64))


def gla(ours):
    rows = []
    for B, L, H, K, V in ATTENTION_SHAPES:
        r = random(B, L)
        arrays = {"q": r.normal(size=(B, L, H, K)) / K**0.5, "k": r.normal(size=(B, L, H, K)), "v": r.normal(size=(B, L, H, V)),
                  "logAlpha": np.log(1 / (1 + np.exp(-r.normal(size=(B, L, H, K))))) / 16}  # fmt: skip
        arrays = {k: v.astype("f4") for k, v in arrays.items()}
        dy = r.normal(size=(B, L, H, V)).astype("f4")
        outputs = {"q": ("dq", same), "k": ("dk", same), "v": ("dv", same), "logAlpha": ("dLogAlpha", same)}
        forms = {"lax.scan": peers.gla_scan, **{f"chunks of {c}": peers.gla_chunked(c) for c in (32, 64)}}
        rows += kernel_rows(ours, "gla", {"B": B, "L": L, "H": H, "K": K, "V": V}, arrays, dy, forms, outputs, (5, 5))
    return rows


def delta_rule(ours):
    rows = []
    for B, L, H, K, V in ((32, 100, 4, 64, 64), (8, 1024, 4, 64, 64)):
        r = random(B, L)
        k = r.normal(size=(B, L, H, K))
        arrays = {"q": r.normal(size=(B, L, H, K)), "k": k / np.linalg.norm(k, axis=-1, keepdims=True),
                  "v": r.normal(size=(B, L, H, V)), "beta": r.uniform(size=(B, L, H))}  # fmt: skip
        arrays = {k: v.astype("f4") for k, v in arrays.items()}
        dy = r.normal(size=(B, L, H, V)).astype("f4")
        outputs = {"q": ("dq", same), "k": ("dk", same), "v": ("dv", same), "beta": ("dBeta", same)}
        forms = {"lax.scan": peers.delta_scan, **{f"chunks of {c}": peers.delta_chunked(c) for c in (32, 64)}}
        rows += kernel_rows(ours, "delta-rule", {"B": B, "L": L, "H": H, "K": K, "V": V}, arrays, dy, forms, outputs, (5, 5))
    return rows


def transition(r, rows, N):
    """Discretized states of S4D-Lin, real parts first."""
    step = np.exp(r.uniform(np.log(1e-3), np.log(1e-1), (rows, 1)))
    a = -0.5 + 1j * np.pi * np.arange(N)
    a_bar = np.exp(step * a)
    b_bar = (a_bar - 1) / a
    return tuple(np.concatenate([z.real, z.imag], -1) for z in (a_bar, b_bar))


def s4d(ours):
    rows = []
    for B, L, D, N in ((32, 100, 256, 32), (8, 1024, 256, 32)):
        r = random(B, L)
        a_bar, b_bar = transition(r, D, N)
        arrays = {"u": r.normal(size=(B, L, D)), "aBar": a_bar, "bBar": b_bar, "c": r.normal(size=(D, 2 * N))}
        arrays = {k: v.astype("f4") for k, v in arrays.items()}
        dy = r.normal(size=(B, L, D)).astype("f4")
        outputs = {"u": ("du", same), "aBar": ("daBar", same), "bBar": ("dbBar", same), "c": ("dc", same)}
        forms = {"lax.scan": peers.s4d_scan, "FFT": peers.s4d_fft}
        if L <= 256:
            forms["Toeplitz product"] = peers.s4d_toeplitz
        rows += kernel_rows(ours, "s4d", {"B": B, "L": L, "D": D, "N": N}, arrays, dy, forms, outputs, (5, 5))
    return rows


def s5(ours):
    """The scan of 32 and of 128 complex states; the products around it are the BLAS library's on both sides."""
    rows = []
    for B, L, N in ((32, 100, 128), (8, 1024, 32)):
        r = random(B, L)
        a_bar, b_bar = transition(r, 1, N)
        arrays = {"u": r.normal(size=(B, L, 2 * N)), "aBar": a_bar, "bBar": b_bar}
        arrays = {k: v.astype("f4") for k, v in arrays.items()}
        dy = r.normal(size=(B, L, 2 * N)).astype("f4")
        outputs = {"u": ("du", same), "aBar": ("daBar", same), "bBar": ("dbBar", same)}
        forms = {"lax.scan": peers.s5_scan, "associative_scan": peers.s5_associative}
        rows += kernel_rows(ours, "s5", {"B": B, "L": L, "N": N}, arrays, dy, forms, outputs, (5, 5))
    return rows


def cde_arrays(B, L, W, N):
    r = random(B, L)
    return {"dOmega": 0.1 * r.normal(size=(B, L, W)), "initial": r.normal(size=(B, N)),
            "a": r.normal(size=(W * N, N)) / N**0.5, "dLast": r.normal(size=(B, N))}, r  # fmt: skip


def linear_cde(ours):
    """Dense: against JAX and PyTorch, and as a fraction of the FMA peak."""
    rows, peak = [], round(machine.fma_peak("f32") * 1e-9, 1)
    for B in (32, 128):
        L, W, N = 100, 3, 256
        arrays, _ = cde_arrays(B, L, W, N)
        arrays = {k: v.astype("f4") for k, v in arrays.items()}
        d_last = arrays.pop("dLast")
        alone, both = peers.torch_linear_cde(arrays, d_last)
        others = {f"torch {torch.__version__}": (shortest(alone), shortest(both))}
        outputs = {"dOmega": ("dDOmega", same), "a": ("da", same), "initial": ("dInitial", same)}
        shape = {"B": B, "L": L, "W": W, "N": N, "solver": "EULER"}
        made = kernel_rows(ours, "linear-cde", shape, arrays, d_last, {"lax.scan": peers.linear_cde_scan}, outputs,
                           (1, 2.5), others)  # fmt: skip
        for row in made:
            if row["row"] == "linear-cde":
                flops = 2 * B * L * W * N * N * (3 if row["direction"] == "gradient" else 1)
                row["gflops"] = round(flops / row["oursMillis"] * 1e-6, 1)
                row["peakGflops"] = round(peak * CORES, 1)
                row["fractionOfPeak"] = round(row["gflops"] / row["peakGflops"], 3)
                if B == 128:
                    rows.append({"row": "fraction-of-peak", "of": "linear-cde", "shape": shape, "direction": row["direction"],
                                 "gflops": row["gflops"], "peakGflops": row["peakGflops"], "ratio": row["fractionOfPeak"],
                                 "target": 0.6, "met": row["fractionOfPeak"] >= 0.6})  # fmt: skip
        rows += made
    return rows


def structured_cde(ours):
    """Structured against dense: how much faster, and how many fewer operations."""
    rows = []
    B, L, W, N = 128, 100, 3, 256
    arrays, r = cde_arrays(B, L, W, N)
    sizes = {"W": W, "N": N, "solver": "EULER"}
    dense = {backward: ours.seconds("linear-cde", arrays, B, L, sizes, backward) for backward in (False, True)}
    # Coefficients, and operations of one product beside those of its coefficients.
    structures = (("diagonal", {}, N, 2 * N), ("block-diagonal", {"b": 4}, 4 * N, 8 * N),
                  ("block-diagonal", {"b": 16}, 16 * N, 32 * N), ("low-rank", {"r": 1}, 3 * N, 6 * N),
                  ("low-rank", {"r": 4}, 9 * N, 18 * N), ("walsh-hadamard", {}, N, (2 + 8) * N),
                  ("sparse", {"entries": 26}, 26 * N, 52 * N))  # fmt: skip
    for structure, options, coefficients, product in structures:
        arrays["coefficients"] = r.normal(size=(W, coefficients)) / N**0.5
        shape = {"B": B, "L": L, **sizes, "structure": structure, **options}
        flops = 2 * W * N * N / (2 * W * coefficients + product)
        for backward, direction in ((False, "forward"), (True, "gradient")):
            seconds = ours.seconds("structured-cde", arrays, B, L, {**sizes, "structure": structure, **options}, backward)
            ratio = dense[backward] / seconds
            rows.append({"row": "structured-cde", "shape": shape, "direction": direction, "oursMillis": millis(seconds),
                         "denseMillis": millis(dense[backward]), "ratio": round(ratio, 2), "flopRatio": round(flops, 2),
                         "target": round(flops / 2, 2), "met": ratio >= flops / 2})  # fmt: skip
    return rows


def mamba_spec(width, states, blocks):
    block = {"norm": "rms", "layer": {"kind": "mamba", "state": states}}
    return {"input": {"kind": "values", "channels": 3, "standardize": False}, "width": width, "blocks": [block] * blocks,
            "finalNorm": "none", "readout": "mean", "head": {"kind": "regression"}, "seed": 1}  # fmt: skip


def mamba_step(ours):
    rows = []
    B, L, N, blocks = 32, 100, 16, 2
    r = random(B, L)
    x, y = r.normal(size=(B, L, 3)).astype("f4"), r.normal(size=B).astype("f4")
    for width in (64, 256):
        shape = {"B": B, "L": L, "D": width, "N": N, "blocks": blocks}
        jitted = {f"jax {name}": shortest(peers.mamba_step(width, N, blocks, x, y, scan))
                  for name, scan in (("lax.scan", peers.selective_scan), ("associative_scan", peers.selective_associative))}  # fmt: skip
        mambapy = shortest(peers.mambapy_step(width, N, blocks, x, y))
        one, both = (ours.ask(time="step", spec=mamba_spec(width, N, blocks), batch=B, length=L, threads=t)["seconds"]
                     for t in (1, CORES))  # fmt: skip
        best = min(jitted, key=jitted.get)
        more = {"sequencesPerSecond": round(B / both, 1), "oneCoreMillis": millis(one)}
        row = {"row": "mamba-step", "shape": shape, "threads": CORES}
        rows.append(against(row, "step", both, (best, jitted[best]), 16, **more, jaxMillis={
            name: millis(seconds) for name, seconds in jitted.items()}, peerSequencesPerSecond=round(B / jitted[best], 1)))  # fmt: skip
        rows.append(against(row, "step", both, (f"mambapy, torch {torch.__version__}", mambapy), 40, **more,
                            peerSequencesPerSecond=round(B / mambapy, 1)))  # fmt: skip
        rows.append(two_cores("mamba-step", shape, "step", one, both))
    return rows


def length(ours):
    """Time and memory of loss and gradient of one sequence, per step; linear: the longest needs no more than the middle."""
    rows = []
    for kind in ("mamba", "gla", "delta-net", "s4d", "s5", "linear-cde"):
        layer = {"kind": kind, "state": 16} if kind not in ("gla", "delta-net") else {"kind": kind}
        spec = {**mamba_spec(32, 16, 1), "blocks": [{"norm": "rms", "layer": layer}]}
        found = {L: ours.ask(time="gradient", spec=spec, length=L) for L in (100, 1000, 10_000, 100_000)}
        micros = {L: round(f["seconds"] / L * 1e6, 3) for L, f in found.items()}
        octets = {L: round(f["bytes"] / L) for L, f in found.items()}
        ratio = max(micros[100_000] / micros[1000], octets[100_000] / octets[1000])
        rows.append({"row": "length", "layer": kind, "width": 32, "threads": 1, "microsPerStep": micros, "bytesPerStep": octets,
                     "ratio": round(ratio, 3), "target": 1.25, "met": ratio <= 1.25})  # fmt: skip
    return rows


PARTS = {part.__name__.replace("_", "-"): part
         for part in (selective_scan, gla, delta_rule, s4d, s5, linear_cde, structured_cde, mamba_step, length)}  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--output", default=os.path.join(HERE, "results", "recurrences.json"))
    options = parser.parse_args()
    torch.set_num_threads(CORES)
    parts = {name: None for name in PARTS}
    if os.path.exists(options.output):
        with open(options.output) as earlier:
            for row in json.load(earlier)["rows"]:
                parts[row["part"]] = (parts[row["part"]] or []) + [row]
    ours = Ours()
    try:
        kernels = ours.ask(time="kernels")["description"]
        for name in options.only.split(","):
            parts[name] = [{"part": name, **row} for row in PARTS[name](ours)]
            rows = [machine.noted(row, NOTES) for part in parts.values() for row in part or []]
            machine.write(options.output, "recurrences", rows, kernels=kernels, jax=jax.__version__,
                          torch=torch.__version__, tolerance=TOLERANCE)  # fmt: skip
    finally:
        ours.close()


if __name__ == "__main__":
    main()
