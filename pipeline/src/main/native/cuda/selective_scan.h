// What the forward and the backward of the selective scan share.
#pragma once

#include "functions.h"
#include "scan.h"

namespace ssm {
namespace selective_scan {

struct Operands {
  Segments segments;
  ScanGrid grid;
  ssm_cuda_selective_scan scan;
};

// The softplus of the raw step size, its product with the input and its derivative.
struct Step {
  float delta, input, rate;
};

__device__ inline Step step_at(const Operands &p, int64_t row, int64_t d) {
  const float raw = at(p.scan.delta_raw, row, d) + (present(p.scan.delta_bias) ? p.scan.delta_bias.data[d] : 0.0f);
  const float delta = softplus(raw);
  return {delta, delta * at(p.scan.u, row, d), sigmoid(raw)};
}

// Rows [row, row + steps) of a [T, N] matrix, padded with zeros to [steps][padded].
__device__ inline void load_rows(const ssm_cuda_matrix &m, int64_t row, int steps, const ScanGrid &grid, float *tile) {
  const int padded = static_cast<int>(grid.padded), threads = kWarp * blockDim.y;
  for (int i = threadIdx.y * kWarp + threadIdx.x; i < steps * padded; i += threads) {
    const int l = i / padded, n = i % padded;
    tile[i] = n < grid.states ? at(m, row + l, n) : 0.0f;
  }
}

inline Operands operands(const char *operation, Scratch &scratch, int64_t batch, const int32_t *offsets,
                         const ssm_cuda_selective_scan &scan, int states_per_thread) {
  const Segments segments = upload_segments(scratch, batch, offsets);
  const int64_t rows = segments.rows, columns = scan.u.columns, states = scan.a.columns;
  expect_shape(operation, "u", scan.u, rows, columns);
  expect_shape(operation, "delta_raw", scan.delta_raw, rows, columns);
  expect_shape_or_absent(operation, "delta_bias", scan.delta_bias, 1, columns);
  expect_shape(operation, "a", scan.a, columns, states);
  expect_shape(operation, "b", scan.b, rows, states);
  expect_shape(operation, "c", scan.c, rows, states);
  expect_shape_or_absent(operation, "skip", scan.skip, 1, columns);
  expect_shape_or_absent(operation, "gate", scan.gate, rows, columns);
  expect_shape_or_absent(operation, "initial", scan.initial, batch, columns * states);
  return {segments, scan_grid(batch, columns, states, states_per_thread), scan};
}

// Takes the states through the steps. With `starts` null it writes outputs and last states; else it writes the states
// at the beginning of each tile to starts [tile slots][N][D] and nothing else.
void run(ssm_cuda_context &context, const Operands &operands, int states_per_thread, float *starts);

}  // namespace selective_scan
}  // namespace ssm
