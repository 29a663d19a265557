"""Signatures, log-signatures and their gradients on one core, against pySigLib and iisignature in the same run.

Ours are the functions of the native kernels' C interface (ssm.h), called by ctypes on NumPy arrays: what the JVM calls
too, less its copies of arrays. Every engine writes a new array at each call and gets the same random walks, and the
results are compared. pySigLib's and our gradient of a signature take the signature as an argument; the gradient of a
log-signature begins at the path for both, and pySigLib's time for it is the sum of its three calls, its result compared
on eight sequences.

    python signature.py [--output results/signature.json] [--seconds 0.3] [--skip-iisignature]

Needs numpy, pysiglib, a C++ compiler and cmake; iisignature if it is there (pip install "setuptools<70" wheel numpy,
then pip install --no-build-isolation iisignature). Three minutes after the build.

A row gives milliseconds (the best call), the ratio to pySigLib, and for ours two rates as fractions of the measured
peak of fused multiply-adds: `executed` counts what our algorithm does per increment, `horner` what Horner's rule on all
words would need in the same time, which can exceed 1.
"""

import argparse
import ctypes
import importlib.metadata
import os
import shutil
import subprocess
import tempfile
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import machine
import numpy as np
import pysiglib
from pysiglib.log_sig_backprop import sig_to_log_sig_backprop

HERE = os.path.dirname(os.path.abspath(__file__))
NATIVE = os.path.join(HERE, "..", "main", "native")
# Batch, length, channels, depth.
SMALL = [(1000, 100, 2, 6), (1000, 100, 3, 5)]
LARGE = [(1000, 100, 3, 8), (128, 256, 8, 5), (64, 1024, 16, 4), (256, 1000, 5, 6)]
PRECISIONS = {"float64": (np.float64, "f64", 1e-10), "float32": (np.float32, "f32", 2e-4)}
TARGETS = {"forward": 5, "backward": 20, "logForward": 5}
WORDS = 1
# What a row that misses a target is bound by, and what was tried, on an EPYC (Zen 3) core; instructions by callgrind.
NOTES = {
    ("forward", 3, 8, "float64"): {
        "bound": "memory: 118 ms into a new array of 79 MB, 61 ms into one that was written before, 10 ms to copy it",
        "profile": "of the instructions 38 % follow the shuffle relations to all words, the rest walks the Lyndon words",
        "tried": "blocks of 8 to 48 increments: 32 is best; the direct way has five times the operations",
    },
    ("backward", 3, 8, "float32"): {
        "bound": "loads and stores: 5.5 times those of the forward pass in 2.3 times its instructions, since the gradients "
        "of increments and of brackets are summed in memory, and the 16 registers hold tiles of at most 2 x 3 words",
        "profile": "of its instructions 63 % in the tiles of the last two levels, 16 % in the nodes two brackets above",
        "tried": "kept: a fixed number of brackets in the loop of a node, 1.3 times as fast on short nodes",
    },
}


def build(folder):
    """The native kernels as a shared library."""
    run = lambda *command: subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    run("cmake", "-S", NATIVE, "-B", folder)
    run("cmake", "--build", folder, "--target", "ssm", "--parallel", "2")
    return ctypes.CDLL(os.path.join(folder, "libssm.so"))


def pointer(array):
    return ctypes.c_void_p(array.ctypes.data)


class Ours:
    """The kernels on one batch of equal lengths."""

    def __init__(self, library, paths, depth, suffix):
        self.library, self.paths, self.depth, self.suffix = library, paths, depth, suffix
        self.batch, self.length, self.channels = paths.shape
        self.begin = np.arange(self.batch, dtype=np.int64) * self.length
        self.end = self.begin + self.length
        self.width = sum(self.channels**k for k in range(1, depth + 1))
        self.log_width = pysiglib.log_sig_length(self.channels, depth)

    def call(self, name, *more):
        function = getattr(self.library, f"ssm_{name}_{self.suffix}")
        arrays = [pointer(self.paths), pointer(self.begin), pointer(self.end)]
        shape = [ctypes.c_int64(self.batch), ctypes.c_int32(self.channels), ctypes.c_int32(self.depth)]
        status = function(*arrays, *shape, *more)
        if status != 0:
            machine.fail(f"ssm_{name}_{self.suffix} gives status {status}")

    def forward(self):
        out = np.empty((self.batch, self.width), self.paths.dtype)
        self.call("signature_forward", pointer(out))
        return out

    def backward(self, signature, gradient):
        out = np.zeros_like(self.paths)
        self.call("signature_backward", pointer(signature), pointer(gradient), pointer(out))
        return out

    def log_forward(self):
        out = np.empty((self.batch, self.log_width), self.paths.dtype)
        self.call("log_signature_forward", ctypes.c_int32(WORDS), pointer(out))
        return out

    def log_backward(self, gradient):
        out = np.zeros_like(self.paths)
        self.call("log_signature_backward", ctypes.c_int32(WORDS), pointer(gradient), pointer(out))
        return out


def best(call, seconds):
    """The shortest call in milliseconds, of as many as fit into `seconds` and one at least, and the last result."""
    shortest, start = float("inf"), time.perf_counter()
    while True:
        before = time.perf_counter()
        result = call()
        now = time.perf_counter()
        shortest = min(shortest, now - before)
        if now - start >= seconds:
            return 1000 * shortest, result


def compare(what, ours, theirs, tolerance):
    error = float(np.max(np.abs(ours.astype(np.float64) - theirs)) / np.max(np.abs(theirs)))
    if not error <= tolerance:
        machine.fail(f"{what}: ours and pySigLib's differ by {error:.1e} of the largest entry")
    return error


def horner_operations(channels, depth):
    """Multiply-adds of one increment by Horner's rule on all words."""
    return sum(channels**k * (depth - k + 1) for k in range(1, depth + 1))


def walked_words(channels, depth):
    """How many Lyndon words and prefixes of such are walked at each level."""
    counts = [0] * (depth + 1)

    def visit(letters, period):
        level = len(letters)
        if level > 0:
            counts[level] += 1
        if level == depth:
            return
        for letter in range(letters[level % period] if level else 0, channels):
            below = letters + [letter]
            own = period if level and letter == letters[level % period] else level + 1
            if own == level + 1 or any(below[n % own] < channels - 1 for n in range(level + 1, depth)):
                visit(below, own)

    visit([], 1)
    return counts


def executed_operations(channels, depth, precision):
    """Multiply-adds of one increment, forward and backward."""
    # Where the kernels follow the Lyndon words alone: ssm.h.
    if depth > (8 if precision == "float64" else 6 if channels == 2 else 5):
        words = [channels**k for k in range(depth + 1)]
    else:
        words = walked_words(channels, depth)
    forward = sum(words[k] * (depth - k + 1) for k in range(1, depth + 1))
    # Once to go back below the last level, twice for the gradients of increments and of brackets.
    return forward, forward - words[depth] + 2 * forward


def measure(library, peaks, shape, precision, options):
    """The rows of one shape."""
    dtype, suffix, tolerance = PRECISIONS[precision]
    batch, length, channels, depth = shape
    random = np.random.default_rng(7)
    paths = np.cumsum(random.normal(size=(batch, length, channels)), 1) / np.sqrt(length)
    paths = np.ascontiguousarray(paths.astype(dtype))
    ours = Ours(library, paths, depth, suffix)
    pysiglib.prepare_log_sig(channels, depth, 1, device="cpu")

    signature = ours.forward()
    theirs = pysiglib.sig(paths, depth, n_jobs=1)
    gradient = random.normal(size=signature.shape).astype(dtype)
    log_gradient = random.normal(size=(batch, ours.log_width)).astype(dtype)

    def their_log_to_signature():
        return sig_to_log_sig_backprop(theirs, log_gradient, channels, depth, method=1, n_jobs=1)

    calls = {
        "forward": (ours.forward, lambda: pysiglib.sig(paths, depth, n_jobs=1)),
        "backward": (
            lambda: ours.backward(signature, gradient),
            lambda: pysiglib.sig_backprop(paths, theirs, gradient, depth, n_jobs=1),
        ),
        "logForward": (ours.log_forward, lambda: pysiglib.log_sig(paths, depth, method=1, n_jobs=1)),
        "logBackward": (lambda: ours.log_backward(log_gradient), their_log_to_signature),
    }
    rows, times = [], {}
    for operation, (own, their) in calls.items():
        own_time, own_result = best(own, options.seconds)
        their_time, their_result = best(their, options.seconds)
        if operation == "logBackward":
            their_time += times["forward"][1] + times["backward"][1]
            own_result = own_result[:8]
            their_result = pysiglib.sig_backprop(paths[:8], theirs[:8], their_result[:8], depth, n_jobs=1)
        times[operation] = own_time, their_time
        error = compare(f"{operation} {shape} {precision}", own_result, their_result, tolerance)
        row = {"operation": operation, "batch": batch, "length": length, "channels": channels, "depth": depth}
        row |= {"precision": precision, "milliseconds": own_time, "pysiglibMilliseconds": their_time}
        row |= {"ratioToPysiglib": their_time / own_time, "difference": error}
        if operation == "forward" and options.iisignature:
            row["iisignatureMilliseconds"] = best(lambda: options.iisignature.sig(paths, depth), 0)[0]
        if operation == "backward":
            row["ratioToOwnForward"] = own_time / times["forward"][0]
        if operation in ("forward", "backward"):
            executed = executed_operations(channels, depth, precision)[operation == "backward"]
            horner = horner_operations(channels, depth) * (3 if operation == "backward" else 1)
            scale = 2 * batch * (length - 1) / (own_time * 1e-3) / peaks[suffix]
            row |= {"executedFractionOfPeak": executed * scale, "hornerFractionOfPeak": horner * scale}
        row |= NOTES.get((operation, channels, depth, precision), {})
        rows.append({key: float(f"{v:.3g}") if isinstance(v, float) else v for key, v in row.items()})
        print(rows[-1], flush=True)
    return rows


def geometric_mean(values):
    return float(f"{np.exp(np.mean(np.log(values))):.3g}")


def summarize(rows):
    """Geometric means and the worst rows, and whether each target holds."""
    summary = {}
    for precision in PRECISIONS:
        own = [row for row in rows if row["precision"] == precision]
        for operation in ("forward", "backward", "logForward", "logBackward"):
            ratios = [row["ratioToPysiglib"] for row in own if row["operation"] == operation]
            entry = {"geometricMeanRatio": geometric_mean(ratios), "worstRatio": min(ratios)}
            if operation in TARGETS:
                entry["target"] = TARGETS[operation]
                reached = entry["geometricMeanRatio"] if operation == "forward" else entry["worstRatio"]
                entry["met"] = reached >= TARGETS[operation] and entry["worstRatio"] >= 2
            summary[f"{operation} {precision}"] = entry
        backward = [row["ratioToOwnForward"] for row in own if row["operation"] == "backward"]
        summary[f"backward over forward {precision}"] = {"worst": max(backward), "target": 4, "met": max(backward) <= 4}
        large = [
            row["executedFractionOfPeak"]
            for row in own
            if row["operation"] == "forward" and (row["batch"], row["length"], row["channels"], row["depth"]) in LARGE
        ]
        entry = {"worst": min(large), "target": 0.3, "met": min(large) >= 0.3}
        summary[f"fraction of peak, large shapes {precision}"] = entry
    return summary


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", default=os.path.join(HERE, "results/signature.json"))
    parser.add_argument("--seconds", type=float, default=0.3, help="of calls for each figure")
    parser.add_argument("--skip-iisignature", action="store_true")
    options = parser.parse_args()
    versions = {"pysiglib": importlib.metadata.version("pysiglib")}
    options.iisignature = None
    if not options.skip_iisignature:
        try:
            import iisignature

            options.iisignature = iisignature
            versions["iisignature"] = importlib.metadata.version("iisignature")
        except ImportError:
            print("iisignature is not installed: left out")
    folder = tempfile.mkdtemp(prefix="spark-ssm-bench-")
    try:
        library = build(folder)
        library.ssm_target_name.restype = ctypes.c_char_p
        peaks = {precision: machine.fma_peak(precision) for precision in ("f32", "f64")}
        rows = []
        for shape in SMALL + LARGE:
            for precision in PRECISIONS:
                rows += measure(library, peaks, shape, precision, options)
    finally:
        shutil.rmtree(folder)
    machine.write(
        options.output,
        "signature",
        rows,
        **versions,
        instructionSet=library.ssm_target_name().decode(),
        calledThrough="ctypes on the C interface ssm.h, NumPy arrays, one thread",
        peakGflops={key: round(value / 1e9, 1) for key, value in peaks.items()},
        summary=summarize(rows),
    )


if __name__ == "__main__":
    main()
