// S4D: the time-invariant diagonal state space per channel. The backward keeps states at the beginning of every tile of
// steps and recomputes them inside it, as that of the selective scan; nothing is summed over channels.
#include "scan.h"

namespace ssm {
namespace {

// Numbers of a channel's state: the transition, the input's and the output's factor, complex each.
constexpr int kParameters = 6;

struct Operands {
  Segments segments;
  ScanGrid grid;
  ssm_cuda_s4d_scan scan;
};

template <int kStates>
struct Channel {
  float ar[kStates], ai[kStates], br[kStates], bi[kStates], cr[kStates], ci[kStates];

  __device__ void load(const Operands &p, bool exists, int64_t d, int first) {
    const int64_t states = p.grid.states;
#pragma unroll
    for (int j = 0; j < kStates; ++j) {
      const bool valid = exists && first + j < states;
      const int64_t n = first + j;
      ar[j] = valid ? at(p.scan.a_bar, d, n) : 0.0f;
      ai[j] = valid ? at(p.scan.a_bar, d, states + n) : 0.0f;
      br[j] = valid ? at(p.scan.b_bar, d, n) : 0.0f;
      bi[j] = valid ? at(p.scan.b_bar, d, states + n) : 0.0f;
      // The output is 2 Re(c h).
      cr[j] = valid ? 2.0f * at(p.scan.c, d, n) : 0.0f;
      ci[j] = valid ? -2.0f * at(p.scan.c, d, states + n) : 0.0f;
    }
  }
  __device__ void step(int j, float x, float &hr, float &hi) const {
    const float r = ar[j] * hr - ai[j] * hi + br[j] * x;
    hi = ar[j] * hi + ai[j] * hr + bi[j] * x;
    hr = r;
  }
};

// With kOutput: outputs and last states; without: the states at the beginning of each tile, [tile slots][2 N][D].
template <int kStates, bool kOutput>
__global__ void run_tiles(Operands p, float *starts) {
  const int lane = threadIdx.x, warp = threadIdx.y, warps = p.grid.warps, first = warp * kStates;
  float *const u = dynamic_shared();               // [tile][lanes]
  float *const partial = u + kTileSteps * kWarp;   // [warps][tile][lanes]
  const int64_t d = int64_t{blockIdx.x} * kWarp + lane, columns = p.grid.columns, states = p.grid.states;
  const bool exists = d < columns;
  Channel<kStates> channel;
  channel.load(p, exists, d, first);
  const int64_t begin_sequence = blockIdx.y * p.grid.sequences_per_group;
  for (int64_t s = begin_sequence; s < begin_sequence + p.grid.sequences_per_group && s < p.segments.batch; ++s) {
    const int64_t begin = p.segments.offsets[s], end = p.segments.offsets[s + 1];
    float hr[kStates], hi[kStates];
#pragma unroll
    for (int j = 0; j < kStates; ++j) {
      const bool valid = exists && first + j < states && present(p.scan.initial);
      hr[j] = valid ? at(p.scan.initial, s, d * 2 * states + first + j) : 0.0f;
      hi[j] = valid ? at(p.scan.initial, s, (d * 2 + 1) * states + first + j) : 0.0f;
    }
    for (int64_t row = begin; row < end; row += kTileSteps) {
      const int steps = static_cast<int>(end - row < kTileSteps ? end - row : kTileSteps);
      if (!kOutput) {
        float *const slot = starts + tile_slot(begin, s, (row - begin) / kTileSteps) * 2 * states * columns;
#pragma unroll
        for (int j = 0; j < kStates; ++j) {
          if (!exists || first + j >= states) continue;
          slot[(first + j) * columns + d] = hr[j];
          slot[(states + first + j) * columns + d] = hi[j];
        }
      }
      __syncthreads();
      for (int l = warp; l < steps; l += warps) u[l * kWarp + lane] = exists ? at(p.scan.u, row + l, d) : 0.0f;
      __syncthreads();
      for (int l = 0; l < steps; ++l) {
        const float x = u[l * kWarp + lane];
        float sum = 0;
#pragma unroll
        for (int j = 0; j < kStates; ++j) {
          channel.step(j, x, hr[j], hi[j]);
          sum += channel.cr[j] * hr[j] + channel.ci[j] * hi[j];
        }
        if (kOutput) partial[(warp * kTileSteps + l) * kWarp + lane] = sum;
      }
      if (!kOutput) continue;
      __syncthreads();
      for (int l = warp; l < steps && exists; l += warps) {
        float sum = present(p.scan.skip) ? p.scan.skip.data[d] * u[l * kWarp + lane] : 0.0f;
        for (int w = 0; w < warps; ++w) sum += partial[(w * kTileSteps + l) * kWarp + lane];
        at(p.scan.y, row + l, d) = sum;
      }
    }
    if (kOutput && present(p.scan.last)) {
#pragma unroll
      for (int j = 0; j < kStates; ++j) {
        if (!exists || first + j >= states) continue;
        at(p.scan.last, s, d * 2 * states + first + j) = hr[j];
        at(p.scan.last, s, (d * 2 + 1) * states + first + j) = hi[j];
      }
    }
  }
}

// Holds the states of `kept` steps. shares: [groups][kParameters N + 1][D], of the gradients of the parameters, then of
// skip.
template <int kStates>
__global__ void run_back(Operands p, int kept, ssm_cuda_s4d_scan_gradients g, const float *starts, float *shares) {
  const int lane = threadIdx.x, warp = threadIdx.y, warps = p.grid.warps, first = warp * kStates;
  const int padded = static_cast<int>(p.grid.padded);
  float *const u = dynamic_shared();                  // [tile][lanes]
  float *const dy = u + kTileSteps * kWarp;           // [tile][lanes]
  float *const partial = dy + kTileSteps * kWarp;     // [warps][tile][lanes]: of the gradient of u
  float *const before = partial + warps * kTileSteps * kWarp;  // [kept][2][padded][lanes]
  const int64_t d = int64_t{blockIdx.x} * kWarp + lane, columns = p.grid.columns, states = p.grid.states;
  const bool exists = d < columns;
  Channel<kStates> channel;
  channel.load(p, exists, d, first);
  float sums[kParameters][kStates] = {};
  float dskip = 0;
  const int64_t begin_sequence = blockIdx.y * p.grid.sequences_per_group;
  for (int64_t s = begin_sequence; s < begin_sequence + p.grid.sequences_per_group && s < p.segments.batch; ++s) {
    const int64_t begin = p.segments.offsets[s], length = p.segments.offsets[s + 1] - begin;
    float gr[kStates], gi[kStates];
#pragma unroll
    for (int j = 0; j < kStates; ++j) {
      const bool valid = exists && first + j < states && present(g.dlast);
      gr[j] = valid ? at(g.dlast, s, d * 2 * states + first + j) : 0.0f;
      gi[j] = valid ? at(g.dlast, s, (d * 2 + 1) * states + first + j) : 0.0f;
    }
    for (int64_t tile = (length + kTileSteps - 1) / kTileSteps - 1; tile >= 0; --tile) {
      const int64_t row = begin + tile * kTileSteps, left = length - tile * kTileSteps;
      const int steps = static_cast<int>(left < kTileSteps ? left : kTileSteps);
      __syncthreads();
      for (int l = warp; l < steps; l += warps) {
        u[l * kWarp + lane] = exists ? at(p.scan.u, row + l, d) : 0.0f;
        dy[l * kWarp + lane] = exists ? at(g.dy, row + l, d) : 0.0f;
      }
      __syncthreads();
      const float *const slot = starts + tile_slot(begin, s, tile) * 2 * states * columns;
      for (int part = (steps - 1) / kept * kept; part >= 0; part -= kept) {
        const int part_end = part + kept < steps ? part + kept : steps;
        float hr[kStates], hi[kStates];
#pragma unroll
        for (int j = 0; j < kStates; ++j) {
          const bool valid = exists && first + j < states;
          hr[j] = valid ? slot[(first + j) * columns + d] : 0.0f;
          hi[j] = valid ? slot[(states + first + j) * columns + d] : 0.0f;
        }
        for (int l = 0; l < part_end; ++l) {
          float *const to = before + (l - part) * 2 * padded * kWarp;
#pragma unroll
          for (int j = 0; j < kStates; ++j) {
            if (l >= part) {
              to[(first + j) * kWarp + lane] = hr[j];
              to[(padded + first + j) * kWarp + lane] = hi[j];
            }
            channel.step(j, u[l * kWarp + lane], hr[j], hi[j]);
          }
        }
        for (int l = part_end - 1; l >= part; --l) {
          const float x = u[l * kWarp + lane], output = dy[l * kWarp + lane];
          const float *const from = before + (l - part) * 2 * padded * kWarp;
          float dx = 0;
#pragma unroll
          for (int j = 0; j < kStates; ++j) {
            sums[4][j] += output * hr[j];
            sums[5][j] += output * hi[j];
            hr[j] = from[(first + j) * kWarp + lane];
            hi[j] = from[(padded + first + j) * kWarp + lane];
            const float dr = gr[j] + output * channel.cr[j], di = gi[j] + output * channel.ci[j];
            sums[0][j] += dr * hr[j] + di * hi[j];
            sums[1][j] += di * hr[j] - dr * hi[j];
            sums[2][j] += dr * x;
            sums[3][j] += di * x;
            dx += dr * channel.br[j] + di * channel.bi[j];
            gr[j] = dr * channel.ar[j] + di * channel.ai[j];
            gi[j] = di * channel.ar[j] - dr * channel.ai[j];
          }
          partial[(warp * kTileSteps + l) * kWarp + lane] = dx;
        }
      }
      __syncthreads();
      for (int l = warp; l < steps && exists; l += warps) {
        const float output = dy[l * kWarp + lane];
        float sum = present(p.scan.skip) ? p.scan.skip.data[d] * output : 0.0f;
        for (int w = 0; w < warps; ++w) sum += partial[(w * kTileSteps + l) * kWarp + lane];
        at(g.du, row + l, d) = sum;
        dskip += output * u[l * kWarp + lane];
      }
    }
    if (present(g.dinitial)) {
#pragma unroll
      for (int j = 0; j < kStates; ++j) {
        if (!exists || first + j >= states) continue;
        at(g.dinitial, s, d * 2 * states + first + j) = gr[j];
        at(g.dinitial, s, (d * 2 + 1) * states + first + j) = gi[j];
      }
    }
  }
  float *const share = shares + blockIdx.y * (kParameters * states + 1) * columns;
  for (int i = 0; i < kParameters; ++i) {
#pragma unroll
    for (int j = 0; j < kStates; ++j)
      if (exists && first + j < states) share[(i * states + first + j) * columns + d] = sums[i][j];
  }
  __syncthreads();
  partial[warp * kWarp + lane] = dskip;
  __syncthreads();
  if (warp == 0 && exists) {
    float total = 0;
    for (int w = 0; w < warps; ++w) total += partial[w * kWarp + lane];
    share[kParameters * states * columns + d] = total;
  }
}

Operands operands(const char *operation, Scratch &scratch, int64_t batch, const int32_t *offsets,
                  const ssm_cuda_s4d_scan &x, int states_per_thread) {
  const Segments segments = upload_segments(scratch, batch, offsets);
  const int64_t columns = x.u.columns, width = x.a_bar.columns;
  expect(width % 2 == 0, operation, "complex rows have an even number of columns");
  expect_shape(operation, "u", x.u, segments.rows, columns);
  expect_shape(operation, "a_bar", x.a_bar, columns, width);
  expect_shape(operation, "b_bar", x.b_bar, columns, width);
  expect_shape(operation, "c", x.c, columns, width);
  expect_shape_or_absent(operation, "skip", x.skip, 1, columns);
  expect_shape_or_absent(operation, "initial", x.initial, batch, columns * width);
  return {segments, scan_grid(batch, columns, width / 2, states_per_thread), x};
}

template <int kStates, bool kOutput>
void run(ssm_cuda_context &context, const Operands &p, float *starts) {
  if (p.grid.channel_blocks == 0 || p.grid.groups == 0) return;
  const size_t bytes = kTileSteps * kWarp * (1 + p.grid.warps) * sizeof(float);
  launch(context, run_tiles<kStates, kOutput>, p.grid.grid(), p.grid.block(), bytes, p, starts);
}

template <int kStates>
void run_backward(ssm_cuda_context &context, Scratch &scratch, const Operands &p,
                  const ssm_cuda_s4d_scan_gradients &g) {
  const int64_t columns = p.grid.columns, states = p.grid.states, numbers = (kParameters * states + 1) * columns;
  float *const starts = scratch.floats(tile_slots(p.segments) * 2 * states * columns);
  float *const shares = scratch.floats(p.grid.groups * numbers);
  if (p.grid.channel_blocks > 0 && p.grid.groups > 0) {
    run<kStates, false>(context, p, starts);
    auto bytes_for = [&](int steps) {
      return (kTileSteps * (2 + p.grid.warps) + steps * 2 * p.grid.padded) * kWarp * sizeof(float);
    };
    const int kept = steps_kept(context, bytes_for);
    const size_t bytes = bytes_for(kept);
    allow_shared(context, run_back<kStates>, bytes);
    launch(context, run_back<kStates>, p.grid.grid(), p.grid.block(), bytes, p, kept, g,
           static_cast<const float *>(starts), shares);
  }
  for_each_column_sum(
      context, p.grid.groups, numbers, [=] __device__(int64_t k, int64_t i) { return shares[k * numbers + i]; },
      [=] __device__(int64_t i, float sum) {
        const int64_t d = i % columns, n = i / columns % states, which = i / columns / states;
        const int64_t imaginary = which % 2 * states + n;
        if (i / columns == kParameters * states) {
          if (present(g.dskip)) g.dskip.data[d] += sum;
        } else if (which < 2) {
          at(g.da_bar, d, imaginary) += sum;
        } else if (which < 4) {
          at(g.db_bar, d, imaginary) += sum;
        } else {
          at(g.dc, d, imaginary) += which == 4 ? 2.0f * sum : -2.0f * sum;
        }
      });
}

}  // namespace
}  // namespace ssm

extern "C" {

int32_t ssm_cuda_s4d_scan_forward(ssm_cuda_context *context, int64_t batch, const int32_t *offsets,
                                  const ssm_cuda_s4d_scan *scan) try {
  using namespace ssm;
  const char *const operation = "s4d_scan_forward";
  Scratch scratch(*context);
  with_states_per_thread(operation, scan->a_bar.columns / 2, [&](auto states) {
    constexpr int kStates = decltype(states)::value;
    const Operands p = operands(operation, scratch, batch, offsets, *scan, kStates);
    expect_shape(operation, "y", scan->y, p.segments.rows, p.grid.columns);
    expect_shape_or_absent(operation, "last", scan->last, batch, p.grid.columns * scan->a_bar.columns);
    run<kStates, true>(*context, p, nullptr);
  });
  return SSM_CUDA_OK;
} catch (...) {
  return ssm::status_of_exception();
}

int32_t ssm_cuda_s4d_scan_backward(ssm_cuda_context *context, int64_t batch, const int32_t *offsets,
                                   const ssm_cuda_s4d_scan *scan, const ssm_cuda_s4d_scan_gradients *gradients) try {
  using namespace ssm;
  const char *const operation = "s4d_scan_backward";
  Scratch scratch(*context);
  with_states_per_thread(operation, scan->a_bar.columns / 2, [&](auto states) {
    constexpr int kStates = decltype(states)::value;
    const Operands p = operands(operation, scratch, batch, offsets, *scan, kStates);
    const int64_t rows = p.segments.rows, columns = p.grid.columns, width = scan->a_bar.columns;
    const ssm_cuda_s4d_scan_gradients &g = *gradients;
    expect_shape(operation, "dy", g.dy, rows, columns);
    expect_shape_or_absent(operation, "dlast", g.dlast, batch, columns * width);
    expect_shape(operation, "du", g.du, rows, columns);
    expect_shape(operation, "da_bar", g.da_bar, columns, width);
    expect_shape(operation, "db_bar", g.db_bar, columns, width);
    expect_shape(operation, "dc", g.dc, columns, width);
    expect_shape_or_absent(operation, "dskip", g.dskip, 1, columns);
    expect_shape_or_absent(operation, "dinitial", g.dinitial, batch, columns * width);
    run_backward<kStates>(*context, scratch, p, g);
  });
  return SSM_CUDA_OK;
} catch (...) {
  return ssm::status_of_exception();
}

}  // extern "C"
