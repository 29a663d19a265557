"""What is known of targets that `recurrences.py` finds missed: (fields of the row, what is added to it).

Profiles are samples of the processor's clock (`perf record -e cpu-clock`) on an AMD EPYC with AVX-512 (Zen 5, 4.2 GHz, two cores):
of the native functions alone on one core, of training steps in the virtual machine on both. Times under `tried` are of one core.
"""

# Of structures: operations that a profile of the forward finds, of the backward; where the bound lies; what was tried on Zen 3.
BEFORE = "before coefficients were formed in place: "
SUMS = ("loads of the first-level cache: for the gradients of coefficients and of increments every coefficient of every step is made of two"
        " factors twice over")  # fmt: skip
STATES = ("gradient: the states of all steps, 13 MB, are written by the forward, read and transposed by the backward, which the ratio of"
          " operations leaves out")  # fmt: skip
STRUCTURED = (
    ({"structure": "diagonal"}, "product 25 %, series 28 %, coefficients 24 %, increments 7 %",
     "rows of states 33 %, series 15 %, copies of factors 11 %, gradients of coefficients 8 % and increments 6 %",
     "loads and stores of the first-level cache: a state needs five multiply-adds or so and as many loads and stores; " + STATES,
     "1.1 to 0.7 ms, 7.5 to 5.3 ms"),
    ({"structure": "block-diagonal", "b": 4}, "product 38 %, coefficients 38 %, series 12 %",
     "rows of states 23 %, gradients of coefficients 16 % and increments 10 %, product 10 %, coefficients 10 %",
     SUMS + "; " + STATES, "5.3 to 1.8 ms, 26 to 8.9 ms"),
    ({"structure": "block-diagonal", "b": 16}, "product 43 %, coefficients 43 %",
     "gradients of coefficients 24 % and increments 15 %, coefficients 17 %, product 15 %, rows of states 8 %",
     SUMS, "9.4 to 5.9 ms, 51 to 24 ms"),
    ({"structure": "low-rank", "r": 1}, "coefficients 34 %, products with both factors 40 %, series 12 %",
     "rows of states 22 %, gradients of coefficients 14 % and increments 9 %, series 11 %, products 13 %",
     SUMS + "; " + STATES, "13 to 1.9 ms, 67 to 9.0 ms"),
    ({"structure": "low-rank", "r": 4}, "coefficients 39 %, products with both factors 46 %",
     "gradients of coefficients 20 % and increments 12 %, products 25 %, coefficients 12 %, rows of states 11 %",
     SUMS, "17 to 3.7 ms, 83 to 18 ms"),
    ({"structure": "walsh-hadamard"}, "transform 41 %, series 16 %, coefficients 15 %, product 13 %",
     "rows of states 23 %, transform 19 %, series 14 %, gradients of coefficients 8 %",
     "loads and stores of the first-level cache: four passes over 16 KB for the transform of 256 states; " + STATES,
     "3.4 to 1.4 ms, 17 to 6.4 ms"),
    ({"structure": "sparse"}, "product 49 %, coefficients 36 %",
     "product with the transpose 28 %, gradients of coefficients 24 % and increments 14 %, coefficients 15 %",
     SUMS, "44 to 10 ms, 174 to 39 ms"))  # fmt: skip

MAMBA_TRIED = (
    "kept: states of every 16 steps for the scan's backward, one sum of gradients for all threads instead of a copy for each; not tried:"
    " an own product of matrices, OpenBLAS's kernel running at 95 % of the multiply-add peak at width 256")  # fmt: skip

NOTES = [
    ({"row": "selective-scan", "direction": "gradient"},
     {"profile": "exponentials of decays 26 %, adjoint 26 %, states again and output 27 %, softplus and loads 11 %, sums over lanes 1 %",
      "bound": "the multiply-add pipes and the ports of the first-level cache at once: 18 operations, 8 loads and 4 stores a state and"
               " step, 21 cycles where those could take 8; JAX's own time differs by 2.7 between sittings (73 to 200 ms at batch 32)",
      "tried": "kept: decays by a table and half a polynomial, groups of 16 vectors of channels (8: 10 % slower, 4: 20 %), rows asked for"
               " ahead; not kept: blocks of 8 states (2 % faster) and of 2 (12 % slower)"}),
    ({"row": "linear-cde", "direction": "gradient", "B": 128},
     {"profile": "of forward and backward: products of forward and adjoint 54 %, gradient of A 32 %, copies and packing 10 % (Zen 3)",
      "bound": "the multiply-add pipes, of which fractionOfPeak is in use",
      "tried": "kept: broadcasts that are loads, panels of A held while all sequences pass, tiles of equal size: 153 to 93 ms (Zen 3)"}),
    *(({"row": "structured-cde", **structure, "direction": direction},
       {"profile": profile, "bound": bound,
        "tried": f"kept: one lane a sequence, gradients of coefficients summed in registers over 16 terms: {times} on Zen 3; coefficients"
                 " formed where the product uses them: forward 1.2 to 2 times as fast, backward up to 1.16; not kept: rows of the next step"
                 " asked for ahead (3 % at most)"})
      for structure, forward, backward, bound, times in STRUCTURED
      for direction, profile in (("forward", BEFORE + forward), ("gradient", "of the backward, " + BEFORE + backward))),
    ({"row": "mamba-step", "D": 64},
     {"profile": "products 32 %, their packing 9 %, scan backward 27 %, forward 11 %, convolution 8 %, clearing 2 %",
      "bound": "the processor: nothing stands out beside the products and the scan, whose own rows are above", "tried": MAMBA_TRIED}),
    ({"row": "mamba-step", "D": 256},
     {"profile": "products 53 %, their packing 10 %, scan backward 14 %, forward 6 %, convolution 6 %, clearing 2 %",
      "bound": "the multiply-add pipes: the 16.4 Gflop of the products alone take 30 ms at the peak of both cores (536 Gflop/s), with which"
               " JAX would be beaten 14 times",
      "tried": MAMBA_TRIED}),
    ({"row": "length"},
     {"profile": "Mamba, 1,000 and 100,000 steps: convolution 6 and 16 %, packing for products 7 and 15 %, page faults below 1 and 12 %, scan"
                 " 32 and 24 %, products 18 and 12 %",
      "bound": "memory: activations of 100,000 steps, 0.1 to 0.5 GB, leave the 32 MB of the last-level cache, those of 1,000 lie within; from"
               " 100 steps on the time a step falls, then rises by what a load from memory costs, and bytes a step stay or fall",
      "tried": "recomputation in chunks keeps bytes a step constant (bytesPerStep); sequences cut into parts that stay in the cache would"
               " change what layers get: not built"}),
    ({"row": "two-cores", "of": "s4d"},
     {"profile": "one core, batches of 32, 16, 4 and 2: forward 0.60, 0.34, 0.14, 0.11 ms, gradient 1.99, 1.07, 0.52, 0.44 ms: 0.08 and 0.4 ms"
                 " do not depend on the batch",
      "bound": "the convolution's kernels of all channels, and their gradients, which each core makes for itself whatever its share of the"
               " batch: half a batch on one core takes what both cores take for a whole one",
      "tried": "the batch on one core, see profile; tasks that share kernels would share memory and wait for each other: not built"}),
]  # fmt: skip
