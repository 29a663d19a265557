"""What is known of targets that `recurrences.py` finds missed: (fields of the row, what is added to it)."""

NOTES = [
    ({"row": "selective-scan", "direction": "gradient"},
     {"profile": "instructions per 16 elements: exponential 9, recurrence and output 3; backward 9 + 3 again, adjoint and sums 9",
      "bound": "the multiply-add pipes: 8 instructions of the forward and 15 of the backward go to them, one of 16 lanes a cycle "
               "on Zen 4 (114 GFLOP/s a core)",
      "tried": "states kept by the forward instead of a second run through the sequence, 2^x by a table and the adder instead of "
               "a polynomial, chunks of 16, 100 and 512 steps"}),
    ({"row": "mamba-step", "D": 256},
     {"profile": "matrix products: 16.4 GFLOP a step",
      "bound": "the FMA peak: 16.4 GFLOP at the 227 GFLOP/s of both cores are 72 ms without anything else",
      "tried": "sums of squares of gradients by vectors instead of one chain of additions"}),
]  # fmt: skip
