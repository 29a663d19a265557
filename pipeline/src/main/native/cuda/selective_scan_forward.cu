// Selective scan S6, forward. Per step and channel four numbers move through the device's memory and N exponentials
// are taken, which is what bounds it.
#include "selective_scan.h"

namespace ssm {
namespace selective_scan {
namespace {

template <int kStates, bool kOutput>
__global__ void run_tiles(Operands p, float *starts) {
  const int lane = threadIdx.x, warp = threadIdx.y, warps = p.grid.warps;
  const int padded = static_cast<int>(p.grid.padded);
  float *const delta = dynamic_shared();               // [tile][lanes]
  float *const input = delta + kTileSteps * kWarp;     // [tile][lanes]
  float *const b = input + kTileSteps * kWarp;         // [tile][padded]
  float *const c = b + kTileSteps * padded;            // [tile][padded]
  float *const partial = c + kTileSteps * padded;      // [warps][tile][lanes], shares of the output
  const int64_t d = int64_t{blockIdx.x} * kWarp + lane, columns = p.grid.columns, states = p.grid.states;
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
      if (!kOutput) {
        float *const slot = starts + tile_slot(begin, s, (row - begin) / kTileSteps) * states * columns;
#pragma unroll
        for (int j = 0; j < kStates; ++j)
          if (exists && first + j < states) slot[(first + j) * columns + d] = h[j];
      }
      __syncthreads();
      for (int l = warp; l < steps; l += warps) {
        const Step step = exists ? step_at(p, row + l, d) : Step{0.0f, 0.0f, 0.0f};
        delta[l * kWarp + lane] = step.delta;
        input[l * kWarp + lane] = step.input;
      }
      load_rows(p.scan.b, row, steps, p.grid, b);
      if (kOutput) load_rows(p.scan.c, row, steps, p.grid, c);
      __syncthreads();
      for (int l = 0; l < steps; ++l) {
        const float t = delta[l * kWarp + lane], x = input[l * kWarp + lane];
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
        if (present(p.scan.skip)) sum += p.scan.skip.data[d] * at(p.scan.u, row + l, d);
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

size_t shared_bytes(const ScanGrid &grid) {
  return kTileSteps * (2 * kWarp + 2 * grid.padded + grid.warps * kWarp) * sizeof(float);
}

template <int kStates>
void start(ssm_cuda_context &context, const Operands &operands, float *starts) {
  const auto kernel = starts == nullptr ? run_tiles<kStates, true> : run_tiles<kStates, false>;
  const size_t bytes = shared_bytes(operands.grid);
  allow_shared(context, kernel, bytes);
  launch(context, kernel, operands.grid.grid(), operands.grid.block(), bytes, operands, starts);
}

}  // namespace

void run(ssm_cuda_context &context, const Operands &operands, int states_per_thread, float *starts) {
  if (operands.grid.channel_blocks == 0 || operands.grid.groups == 0) return;
  switch (states_per_thread) {
    case 1: return start<1>(context, operands, starts);
    case 4: return start<4>(context, operands, starts);
    case 8: return start<8>(context, operands, starts);
    case 16: return start<16>(context, operands, starts);
    default: return start<32>(context, operands, starts);
  }
}

}  // namespace selective_scan
}  // namespace ssm

extern "C" int32_t ssm_cuda_selective_scan_forward(ssm_cuda_context *context, int64_t batch, const int32_t *offsets,
                                                   const ssm_cuda_selective_scan *scan) try {
  using namespace ssm;
  Scratch scratch(*context);
  with_states_per_thread("selective_scan_forward", scan->a.columns, [&](auto states) {
    const auto operands =
        selective_scan::operands("selective_scan_forward", scratch, batch, offsets, *scan, decltype(states)::value);
    expect_shape("selective_scan_forward", "y", scan->y, scan->u.rows, scan->u.columns);
    expect_shape_or_absent("selective_scan_forward", "last", scan->last, batch, scan->u.columns * scan->a.columns);
    selective_scan::run(*context, operands, decltype(states)::value, nullptr);
  });
  return SSM_CUDA_OK;
} catch (...) {
  return ssm::status_of_exception();
}
