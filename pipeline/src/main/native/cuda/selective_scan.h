// What the forward and the backward of the selective scan share.
#pragma once

#include "functions.h"
#include "scan.h"

namespace ssm {
namespace selective_scan {

static_assert(kTileSteps == SSM_CUDA_SELECTIVE_SCAN_CHUNK, "states are kept at the beginning of every tile");

// Threads of a block: registers of the multiprocessor by those that a thread needs.
constexpr int most_threads(int states_per_thread) { return states_per_thread <= 4 ? 512 : 256; }

struct Operands {
  Segments segments;
  const int32_t *first_tiles;  // per sequence: tiles of the sequences before it; null where no states are kept
  ScanGrid grid;
  ssm_cuda_selective_scan scan;
};

// The softplus of the raw step size, the input and the derivative of the softplus.
struct Step {
  float delta, u, rate;
};

__device__ inline Step step_at(const Operands &p, int64_t row, int64_t d) {
  const float raw = at(p.scan.delta_raw, row, d) + (present(p.scan.delta_bias) ? p.scan.delta_bias.data[d] : 0.0f);
  return {softplus(raw), at(p.scan.u, row, d), sigmoid(raw)};
}

// Rows [row, row + steps) of a [T, N] matrix, padded with zeros to [steps][padded], by all threads of the block.
__device__ inline void load_rows(const ssm_cuda_matrix &m, int64_t row, int steps, const ScanGrid &grid, float *tile) {
  const int padded = static_cast<int>(grid.padded), threads = kWarp * blockDim.y * blockDim.z;
  for (int i = (threadIdx.z * blockDim.y + threadIdx.y) * kWarp + threadIdx.x; i < steps * padded; i += threads) {
    const int l = i / padded, n = i % padded;
    tile[i] = n < grid.states ? at(m, row + l, n) : 0.0f;
  }
}

// The states at the beginning of a tile of a sequence: [N][D].
template <typename T>
__device__ inline T *tile_states(const Operands &p, T *kept, int64_t sequence, int64_t tile) {
  return kept + (p.first_tiles[sequence] + tile) * p.grid.states * p.grid.columns;
}

// shared_floats(grid): what a block has of shared memory.
template <typename F>
Operands operands(const char *operation, const ssm_cuda_context &context, Scratch &scratch, int64_t batch,
                  const int32_t *offsets, const ssm_cuda_selective_scan &scan, int states_per_thread,
                  F shared_floats) {
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
  const ScanGrid grid = scan_grid(batch, columns, states, states_per_thread);
  auto fits = [&](const ScanGrid &larger) {
    return shared_floats(larger) * static_cast<int64_t>(sizeof(float)) <= context.shared_bytes;
  };
  return {segments, nullptr, in_bundles(grid, most_threads(states_per_thread), fits), scan};
}

// Gives the operands the places of kept states; returns how many tiles there are.
inline int64_t place_tiles(const char *operation, Scratch &scratch, const int32_t *offsets, Operands &p) {
  const std::vector<int32_t> first = first_tiles(p.segments.batch, offsets);
  const int64_t tiles = first.back(), width = p.grid.columns * p.grid.states;
  expect_shape_or_absent(operation, "kept", p.scan.kept, tiles, width);
  expect(!present(p.scan.kept) || tiles <= 1 || p.scan.kept.stride == width, operation, "kept has dense rows");
  p.first_tiles = scratch.upload(first.data(), p.segments.batch + 1);
  return tiles;
}

// Takes the states through the steps: with kOutput it writes outputs and last states. Where `kept` is not null, the
// states at the beginning of each tile go there, [tiles][N][D].
template <bool kOutput>
void run(ssm_cuda_context &context, const Operands &operands, int states_per_thread, float *kept);

}  // namespace selective_scan
}  // namespace ssm
