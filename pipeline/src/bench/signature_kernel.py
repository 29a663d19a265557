"""Signature kernels against pySigLib: pairs, Gram matrices and gradients, in one sitting on the same threads.

Ours are the functions of the C ABI (include/ssm.h), called by ctypes in the library that CMake builds; with two threads the
paths x are divided between two calls. Every figure is the best of the runs; a cell is one of the refined grid of two paths.
Values and gradients of both sides are compared before anything is timed. The peer's Gram matrices have been seen at 1.1 to 1.6
Gcell/s elsewhere, several times what they reach in the committed rows, so look at the rates beside the ratios.

    python signature_kernel.py [--only linear,wide,...] [--runs 7] [--build FOLDER] [--output results/signature_kernel.json]

Needs cmake, a C++ compiler, numpy and pysiglib. With --only, the other rows of the output file stay as they are.
"""

import argparse
import concurrent.futures
import ctypes
import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
import time

import machine

NATIVE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "main", "native")
BATCH, LENGTH = 128, 100
MATCHED, ALL, SYMMETRIC = 0, 1, 2
# Whether the static kernel is RBF, the dyadic order, channels.
CASES = {"linear": (False, 0, 3), "wide": (False, 0, 8), "refined": (False, 1, 3), "rbf": (True, 0, 3)}
SIGMA = 1.0
TOLERANCE = {"float64": 1e-10, "float32": 5e-4}


class Ours:
    """The library's kernels for NumPy arrays [batch, length, channels]."""

    def __init__(self, build):
        for command in (
            ["cmake", "-S", NATIVE, "-B", build],
            ["cmake", "--build", build, "--target", "ssm", "--parallel", "2"],
        ):
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode != 0:
                machine.fail(f"{' '.join(command)} failed: {done.stdout[-1000:]} {done.stderr[-1000:]}")
        self.library = ctypes.CDLL(os.path.join(build, "libssm.so"))
        self.library.ssm_target_name.restype = ctypes.c_char_p

    def target(self):
        """The instruction set in use."""
        return self.library.ssm_target_name().decode()

    def call(self, what, x, y, pairs, order, rbf, *arrays):
        """One native call; arrays are what follows sigma."""
        import numpy as np

        offsets = [np.arange(len(paths) + 1, dtype=np.int64) * paths.shape[1] for paths in (x, y)]
        begin_end = [(o[:-1].ctypes.data, o[1:].ctypes.data) for o in offsets]
        pointer, size = ctypes.c_void_p, ctypes.c_int64
        function = getattr(self.library, f"ssm_signature_kernel_{what}_{'f64' if x.dtype == np.float64 else 'f32'}")
        status = function(
            pointer(x.ctypes.data), pointer(begin_end[0][0]), pointer(begin_end[0][1]), size(len(x)),
            pointer(y.ctypes.data), pointer(begin_end[1][0]), pointer(begin_end[1][1]), size(len(y)),
            ctypes.c_int32(pairs), ctypes.c_int32(x.shape[2]), ctypes.c_int32(order), ctypes.c_int32(int(rbf)),
            ctypes.c_double(SIGMA), *(pointer(array.ctypes.data) for array in arrays))  # fmt: skip
        if status != 0:
            machine.fail(f"the native function ended with status {status}")

    def kernel(self, x, y, order, rbf):
        """Of pairs."""
        import numpy as np

        out = np.empty(len(x), x.dtype)
        self.call("forward", x, y, MATCHED, order, rbf, out)
        return out

    def gram(self, x, y, order, rbf, threads=1):
        """The Gram matrix; where y is x each pair once."""
        import numpy as np

        out = np.empty((len(x), len(y)), x.dtype)
        if threads == 1:
            self.call("forward", x, y, SYMMETRIC if x is y else ALL, order, rbf, out)
            return out
        halves = [(x[:h], out[:h]) if first else (x[h:], out[h:]) for h in [len(x) // 2] for first in (True, False)]
        list(POOL.map(lambda half: self.call("forward", half[0], y, ALL, order, rbf, half[1]), halves))
        return out

    def gradient(self, cotangent, x, y, order, rbf):
        """Of a Gram matrix with respect to both sides."""
        import numpy as np

        gradients = np.zeros_like(x), np.zeros_like(y)
        self.call("backward", x, y, ALL, order, rbf, cotangent, *gradients)
        return gradients


POOL = concurrent.futures.ThreadPoolExecutor(2)


def walks(seed, channels, precision):
    """Random walks whose kernels are of the size of one."""
    import numpy as np

    steps = np.random.default_rng(seed).normal(size=(BATCH, LENGTH, channels))
    return np.ascontiguousarray(np.cumsum(steps / 10 / np.sqrt(channels), axis=1).astype(precision))


def agree(what, expected, actual, precision):
    """Ends unless both are equal up to the tolerance of the precision."""
    import numpy as np

    error = np.abs(expected - actual).max() / max(1, np.abs(expected).max())
    if not error <= TOLERANCE[precision]:
        machine.fail(f"{what} differs by {error} from pySigLib")


def best(runs, call):
    """Seconds of the fastest run; two runs are enough of what takes seconds, and one of what takes many."""
    seconds = []
    while not seconds or len(seconds) < (runs if seconds[0] < 1 else 2 if seconds[0] < 10 else 1):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def row(case, what, precision, threads, pairs, ours, peer):
    """A row of the result."""
    rbf, order, channels = CASES[case]
    cells = pairs * ((LENGTH - 1) << order) ** 2
    result = {
        "case": case,
        "what": what,
        "precision": precision,
        "staticKernel": "rbf" if rbf else "linear",
        "channels": channels,
        "dyadicOrder": order,
        "threads": threads,
        "milliseconds": round(ours * 1e3, 2),
        "pySigLibMilliseconds": round(peer * 1e3, 2),
        "gigacellsPerSecond": round(cells / ours / 1e9, 2),
        "pySigLibGigacellsPerSecond": round(cells / peer / 1e9, 2),
        "ratio": round(peer / ours, 2),
    }
    print(result, file=sys.stderr, flush=True)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(CASES))
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--build", default=os.path.join(tempfile.gettempdir(), "spark-ssm-bench-native"))
    parser.add_argument("--output", default=os.path.join(os.path.dirname(__file__), "results/signature_kernel.json"))
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    import pysiglib

    ours = Ours(options.build)
    rows = []
    if os.path.exists(options.output):
        with open(options.output) as before:
            rows = [row for row in json.load(before)["rows"] if row["case"] not in options.only.split(",")]
    for case in options.only.split(","):
        for precision in ("float64", "float32"):
            rows += measured(case, precision, ours, options.runs)
    facts = {"pysiglib": importlib.metadata.version("pysiglib"), "target": ours.target()}
    machine.write(options.output, "signature_kernel", rows, batch=BATCH, length=LENGTH, **facts)


def measured(case, precision, ours, runs):
    """The rows of a case: both sides compared, then timed."""
    import numpy as np
    import pysiglib
    import torch

    torch.set_num_threads(1)
    rbf, order, channels = CASES[case]
    peer = {"dyadic_order": order}
    if rbf:
        peer["static_kernel"] = pysiglib.static_kernels.RBFKernel(SIGMA)
    sides = {"left_deriv": True, "right_deriv": True}
    x, y = walks(1, channels, precision), walks(2, channels, precision)
    cotangent = np.random.default_rng(3).normal(size=(BATCH, BATCH)).astype(precision)
    agree("a kernel", pysiglib.sig_kernel(x, y, **peer), ours.kernel(x, y, order, rbf), precision)
    agree("a Gram matrix", pysiglib.sig_kernel_gram(x, y, **peer), ours.gram(x, y, order, rbf), precision)
    gradients = pysiglib.sig_kernel_gram_backprop(cotangent[:8], x[:8], y, **peer, **sides)
    for expected, actual in zip(gradients, ours.gradient(cotangent[:8], x[:8], y, order, rbf), strict=True):
        agree("a gradient", expected, actual, precision)

    # The peer holds the static kernel of all pairs in memory, unless told to take some at a time: what is faster here.
    gram = {**peer, "max_batch": min((-1, 512, 2048), key=lambda size: best(
        2, lambda: pysiglib.sig_kernel_gram(x, y, max_batch=size, **peer)))}  # fmt: skip

    def timed(what, threads, pairs, our_call, peer_call):
        return row(case, what, precision, threads, pairs, best(2 * runs, our_call), best(runs, peer_call))

    rows = [
        timed("pairs", 1, BATCH, lambda: ours.kernel(x, y, order, rbf), lambda: pysiglib.sig_kernel(x, y, **peer)),
        timed("gram of x with itself", 1, BATCH**2, lambda: ours.gram(x, x, order, rbf),
              lambda: pysiglib.sig_kernel_gram(x, x, **gram)),
        timed("gradient of a gram", 1, BATCH**2, lambda: ours.gradient(cotangent, x, y, order, rbf),
              lambda: pysiglib.sig_kernel_gram_backprop(cotangent, x, y, **gram, **sides)),
    ]  # fmt: skip
    for threads in (1, 2):
        torch.set_num_threads(threads)
        rows.append(
            timed("gram", threads, BATCH**2, lambda: ours.gram(x, y, order, rbf, threads),
                  lambda: pysiglib.sig_kernel_gram(x, y, n_jobs=threads, **gram))
        )  # fmt: skip
    return rows


if __name__ == "__main__":
    main()
