// Selective scan S6, forward. Per step and channel four numbers move through the device's memory (u, delta_raw and
// gate read, y written), N / 16 more where states are kept for the backward, and 2 N / (channels of a block, 32 to 128)
// for b and c. N exponentials are taken, which is what bounds it.
#include "selective_scan.h"

namespace ssm {
namespace selective_scan {
namespace {

constexpr int kTile = kTileSteps * kWarp;

// What a bundle has of shared memory.
__host__ __device__ inline int bundle_floats(const ScanGrid &grid) { return (2 + grid.warps) * kTile; }

inline int64_t shared_floats(const ScanGrid &grid) {
  return 2 * kTileSteps * grid.padded + grid.bundles * bundle_floats(grid);
}

template <int kStates, bool kOutput>
__global__ void __launch_bounds__(most_threads(kStates)) run_tiles(Operands p, float *kept) {
  const int lane = threadIdx.x, warp = threadIdx.y, warps = p.grid.warps;
  const int padded = static_cast<int>(p.grid.padded);
  float *const b = dynamic_shared();         // [tile][padded]
  float *const c = b + kTileSteps * padded;  // [tile][padded]
  float *const delta = c + kTileSteps * padded + threadIdx.z * bundle_floats(p.grid);  // [tile][lanes]
  float *const u = delta + kTile;                                                      // [tile][lanes]
  float *const partial = u + kTile;  // [warps][tile][lanes], shares of the output
  const int64_t d = (int64_t{blockIdx.x} * blockDim.z + threadIdx.z) * kWarp + lane;
  const int64_t columns = p.grid.columns, states = p.grid.states;
  const bool exists = d < columns;
  const int first = warp * kStates;

  float a[kStates];
#pragma unroll
  for (int j = 0; j < kStates; ++j) a[j] = exists && first + j < states ? kLog2E * at(p.scan.a, d, first + j) : 0.0f;

  const int64_t begin_sequence = blockIdx.y * p.grid.sequences_per_group;
  for (int64_t s = begin_sequence; s < begin_sequence + p.grid.sequences_per_group && s < p.segments.batch; ++s) {
    const int64_t begin = p.segments.offsets[s], end = p.segments.offsets[s + 1];
    float h[kStates];
#pragma unroll
    for (int j = 0; j < kStates; ++j)
      h[j] = exists && first + j < states && present(p.scan.initial) ? at(p.scan.initial, s, d * states + first + j)
                                                                     : 0.0f;
    for (int64_t row = begin; row < end; row += kTileSteps) {
      const int steps = static_cast<int>(end - row < kTileSteps ? end - row : kTileSteps);
      if (kept != nullptr) {
        float *const start = tile_states(p, kept, s, (row - begin) / kTileSteps);
#pragma unroll
        for (int j = 0; j < kStates; ++j)
          if (exists && first + j < states) start[(first + j) * columns + d] = h[j];
      }
      __syncthreads();
      for (int l = warp; l < steps; l += warps) {
        const Step step = exists ? step_at(p, row + l, d) : Step{0.0f, 0.0f, 0.0f};
        delta[l * kWarp + lane] = step.delta;
        u[l * kWarp + lane] = step.u;
      }
      load_rows(p.scan.b, row, steps, p.grid, b);
      if (kOutput) load_rows(p.scan.c, row, steps, p.grid, c);
      __syncthreads();
      for (int l = 0; l < steps; ++l) {
        const float t = delta[l * kWarp + lane], x = t * u[l * kWarp + lane];
        float to[kStates], from[kStates], sum = 0;
        load_states<kStates>(b + l * padded + first, to);
        if (kOutput) load_states<kStates>(c + l * padded + first, from);
#pragma unroll
        for (int j = 0; j < kStates; ++j) {
          h[j] = exp2f(t * a[j]) * h[j] + x * to[j];
          if (kOutput) sum += from[j] * h[j];
        }
        if (kOutput) partial[(warp * kTileSteps + l) * kWarp + lane] = sum;
      }
      if (!kOutput) continue;
      __syncthreads();
      for (int l = warp; l < steps && exists; l += warps) {
        float sum = 0;
        for (int w = 0; w < warps; ++w) sum += partial[(w * kTileSteps + l) * kWarp + lane];
        if (present(p.scan.skip)) sum += p.scan.skip.data[d] * u[l * kWarp + lane];
        if (present(p.scan.gate)) sum *= silu(at(p.scan.gate, row + l, d));
        at(p.scan.y, row + l, d) = sum;
      }
    }
    if (kOutput && present(p.scan.last)) {
#pragma unroll
      for (int j = 0; j < kStates; ++j)
        if (exists && first + j < states) at(p.scan.last, s, d * states + first + j) = h[j];
    }
  }
}

template <int kStates, bool kOutput>
void start(ssm_cuda_context &context, const Operands &operands, float *kept) {
  const ScanGrid &grid = operands.grid;
  const size_t bytes = shared_floats(grid) * sizeof(float);
  allow_shared(context, run_tiles<kStates, kOutput>, bytes);
  launch(context, run_tiles<kStates, kOutput>, grid.grid(), grid.block(), bytes, operands, kept);
}

}  // namespace

template <bool kOutput>
void run(ssm_cuda_context &context, const Operands &operands, int states_per_thread, float *kept) {
  if (operands.grid.channel_blocks == 0 || operands.grid.groups == 0) return;
  switch (states_per_thread) {
    case 1: return start<1, kOutput>(context, operands, kept);
    case 4: return start<4, kOutput>(context, operands, kept);
    case 8: return start<8, kOutput>(context, operands, kept);
    case 16: return start<16, kOutput>(context, operands, kept);
    default: return start<32, kOutput>(context, operands, kept);
  }
}

template void run<true>(ssm_cuda_context &, const Operands &, int, float *);
template void run<false>(ssm_cuda_context &, const Operands &, int, float *);

}  // namespace selective_scan
}  // namespace ssm

extern "C" int32_t ssm_cuda_selective_scan_forward(ssm_cuda_context *context, int64_t batch, const int32_t *offsets,
                                                   const ssm_cuda_selective_scan *scan) try {
  using namespace ssm;
  const char *const operation = "selective_scan_forward";
  Scratch scratch(*context);
  with_states_per_thread(operation, scan->a.columns, [&](auto tag) {
    constexpr int kStates = decltype(tag)::value;
    auto p = selective_scan::operands(operation, *context, scratch, batch, offsets, *scan, kStates,
                                      selective_scan::shared_floats);
    expect_shape(operation, "y", scan->y, scan->u.rows, scan->u.columns);
    expect_shape_or_absent(operation, "last", scan->last, batch, scan->u.columns * scan->a.columns);
    if (present(scan->kept)) selective_scan::place_tiles(operation, scratch, offsets, p);
    selective_scan::run<true>(*context, p, kStates, scan->kept.data);
  });
  return SSM_CUDA_OK;
} catch (...) {
  return ssm::status_of_exception();
}
