"""What is known of targets that `recurrences.py` finds missed: (fields of the row, what is added to it).

Profiles are samples of the processor's clock (`perf record -e cpu-clock`) of the native function alone on one core of an AMD
EPYC (Zen 3, AVX2); times under `tried` are of one core and half of the row's batch.
"""

SCAN_TRIED = (
    "kept: decays of four states side by side before the states that wait for each other, max and min instead of comparing and "
    "blending, rows asked for ahead: forward 3.2 to 2.5 ms, backward 6.5 to 5.8 ms")  # fmt: skip

# Of structures, forward and gradient with lanes across states, then with one lane a sequence.
STRUCTURED = (
    ({"structure": "diagonal"}, "1.1 to 0.7 ms, 7.5 to 5.3 ms"),
    ({"structure": "block-diagonal", "b": 4}, "5.3 to 1.8 ms, 26 to 8.9 ms"),
    ({"structure": "block-diagonal", "b": 16}, "9.4 to 5.9 ms, 51 to 24 ms"),
    ({"structure": "low-rank", "r": 1}, "13 to 1.9 ms, 67 to 9.0 ms"),
    ({"structure": "low-rank", "r": 4}, "17 to 3.7 ms, 83 to 18 ms"),
    ({"structure": "walsh-hadamard"}, "3.4 to 1.4 ms, 17 to 6.4 ms"),
    ({"structure": "sparse"}, "44 to 10 ms, 174 to 39 ms"))  # fmt: skip

NOTES = [
    ({"row": "selective-scan", "direction": "forward"},
     {"profile": "exponentials of decays 47 %, softplus and loads 23 %, recurrence and sums 18 %, output 6 %",
      "bound": "not settled: alone, one core takes 2.5 ms for its half of the batch of 32, and both together 5.6 ms in the JVM",
      "tried": SCAN_TRIED}),
    ({"row": "selective-scan", "direction": "gradient"},
     {"profile": "of the backward: exponentials 24 %, softplus, its derivative and loads 24 %, adjoint 22 %, states again 14 %",
      "bound": "not settled: see forward",
      "tried": SCAN_TRIED}),
    ({"row": "linear-cde", "direction": "gradient", "B": 32},
     {"profile": "of forward and backward: products of forward and adjoint 54 %, gradient of A 32 %, copies and packing 10 %",
      "bound": "the multiply-add pipes, of which fractionOfPeak is in use",
      "tried": "kept: broadcasts that are loads, panels of A held while all sequences pass, rows of the gradient asked for ahead: "
               "38 to 25 ms"}),
    ({"row": "linear-cde", "direction": "gradient", "B": 128},
     {"profile": "as for a batch of 32",
      "bound": "the multiply-add pipes, of which fractionOfPeak is in use: at all of it JAX would be beaten less than 2.5 times",
      "tried": "kept: broadcasts that are loads, panels of A held while all sequences pass, tiles of equal size: 153 to 93 ms"}),
    *(({"row": "structured-cde", **structure},
       {"bound": "not settled",
        "tried": f"kept: one lane a sequence, gradients of coefficients summed in registers over 16 terms: {times}"})
      for structure, times in STRUCTURED),
]  # fmt: skip
