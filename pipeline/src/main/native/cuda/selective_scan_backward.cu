// Selective scan S6, backward: it goes back tile by tile, from the states at the beginning of each, which the forward
// kept or a first pass keeps; between them it recomputes the states into registers and takes the adjoint through them.
// Gradients of b and c are sums over channels: of the lanes by shuffles, of the bundles of a block through shared
// memory, of the blocks by a kernel after it.
//
// Numbers that move through the device's memory, per step and channel, with a gate, C = 32 to 128 channels of a block:
//   read once:     u, delta_raw, gate, dy                                   4
//   written once:  du, ddelta_raw, dgate                                    3
//   kept states:   N / 16, read once for each part of a tile                1     for N = 16
//   b and c:       2 N / C                                                  0.25  for N = 16, C = 128
//   db and dc:     2 N / C written and read, 2 N / D written at last        0.5   for the same, and the little of D
// For N = 16 these are 8.75, or 11 where few sequences leave 32 channels to a block. Without kept states the first pass
// adds u, delta_raw and b read and N / 16 written: 3.1 or 3.5.
#include "selective_scan.h"

namespace ssm {
namespace selective_scan {
namespace {

struct Partials {
  const float *kept;  // [tiles][N][D]
  float *shares;      // [channel blocks][T][2 padded]: of db, then of dc
  float *da;          // [groups][N D], states slowest
  float *vectors;     // [groups][2 D]: of ddelta_bias, then of dskip
};

constexpr int kTile = kTileSteps * kWarp;

// Steps whose states a thread holds in registers, 64 numbers or fewer; the parts of a tile.
template <int kStates>
constexpr int kPart = 64 / kStates < kTileSteps ? 64 / kStates : kTileSteps;

// What a bundle has of shared memory.
__host__ __device__ inline int bundle_floats(const ScanGrid &grid) { return (5 + 3 * grid.warps) * kTile; }

inline int64_t shared_floats(const ScanGrid &grid) {
  return 2 * kTileSteps * grid.padded * (1 + grid.bundles) + grid.bundles * bundle_floats(grid);
}

template <int kStates>
__global__ void __launch_bounds__(most_threads(kStates))
    run_back(Operands p, ssm_cuda_selective_scan_gradients g, Partials out) {
  const int lane = threadIdx.x, warp = threadIdx.y, warps = p.grid.warps;
  const int padded = static_cast<int>(p.grid.padded);
  const int thread = (threadIdx.z * warps + warp) * kWarp + lane, threads = kWarp * warps * blockDim.z;
  float *const b = dynamic_shared();            // [tile][padded]
  float *const c = b + kTileSteps * padded;     // [tile][padded]
  float *const sums = c + kTileSteps * padded;  // [bundles][tile][2 padded]: of db and dc over a bundle's channels
  float *const own_sums = sums + threadIdx.z * kTileSteps * 2 * padded;
  float *const delta = sums + blockDim.z * kTileSteps * 2 * padded + threadIdx.z * bundle_floats(p.grid);
  float *const u = delta + kTile;           // [tile][lanes], as the one before and the next ones
  float *const rate = u + kTile;            // derivative of delta by delta_raw
  float *const dy = rate + kTile;           // gradient of the output before the gate
  float *const gate_rate = dy + kTile;      // gradient of the output times the derivative of the gate
  float *const output = gate_rate + kTile;  // [warps][tile][lanes], shares, as the next two
  float *const ddelta = output + warps * kTile;
  float *const dinput = ddelta + warps * kTile;
  const int64_t d = (int64_t{blockIdx.x} * blockDim.z + threadIdx.z) * kWarp + lane;
  const int64_t columns = p.grid.columns, states = p.grid.states;
  const bool exists = d < columns;
  const int first = warp * kStates;

  float a[kStates], da[kStates];
#pragma unroll
  for (int j = 0; j < kStates; ++j) {
    a[j] = exists && first + j < states ? kLog2E * at(p.scan.a, d, first + j) : 0.0f;
    da[j] = 0;
  }
  const float skip = exists && present(p.scan.skip) ? p.scan.skip.data[d] : 0.0f;
  float dbias = 0, dskip = 0;

  const int64_t begin_sequence = blockIdx.y * p.grid.sequences_per_group;
  for (int64_t s = begin_sequence; s < begin_sequence + p.grid.sequences_per_group && s < p.segments.batch; ++s) {
    const int64_t begin = p.segments.offsets[s], length = p.segments.offsets[s + 1] - begin;
    float gradient[kStates];  // of the state
#pragma unroll
    for (int j = 0; j < kStates; ++j)
      gradient[j] = exists && first + j < states && present(g.dlast) ? at(g.dlast, s, d * states + first + j) : 0.0f;
    for (int64_t tile = (length + kTileSteps - 1) / kTileSteps - 1; tile >= 0; --tile) {
      const int64_t row = begin + tile * kTileSteps, left = length - tile * kTileSteps;
      const int steps = static_cast<int>(left < kTileSteps ? left : kTileSteps);
      __syncthreads();
      for (int l = warp; l < steps; l += warps) {
        const int i = l * kWarp + lane;
        const Step step = exists ? step_at(p, row + l, d) : Step{0.0f, 0.0f, 0.0f};
        delta[i] = step.delta;
        u[i] = step.u;
        rate[i] = step.rate;
        float value = exists ? at(g.dy, row + l, d) : 0.0f;
        if (exists && present(p.scan.gate)) {
          const float z = at(p.scan.gate, row + l, d);
          gate_rate[i] = value * silu_derivative(z);
          value *= silu(z);
        }
        dy[i] = value;
      }
      load_rows(p.scan.b, row, steps, p.grid, b);
      load_rows(p.scan.c, row, steps, p.grid, c);
      __syncthreads();

      // Parts of the tile, last one first; each begins from the tile's first state.
      const float *const start = tile_states(p, out.kept, s, tile);
      for (int part = (steps - 1) / kPart<kStates> * kPart<kStates>; part >= 0; part -= kPart<kStates>) {
        float h[kStates], before[kPart<kStates>][kStates];  // states, and those before the part's steps
#pragma unroll
        for (int j = 0; j < kStates; ++j)
          h[j] = exists && first + j < states ? start[(first + j) * columns + d] : 0.0f;
        for (int l = 0; l < part; ++l) {
          const float t = delta[l * kWarp + lane], x = t * u[l * kWarp + lane];
          float to[kStates];
          load_states<kStates>(b + l * padded + first, to);
#pragma unroll
          for (int j = 0; j < kStates; ++j) h[j] = exp2f(t * a[j]) * h[j] + x * to[j];
        }
#pragma unroll
        for (int i = 0; i < kPart<kStates>; ++i) {
          const int l = part + i;
          if (l >= steps) continue;
          const float t = delta[l * kWarp + lane], x = t * u[l * kWarp + lane];
          float to[kStates], from[kStates], sum = 0;
          load_states<kStates>(b + l * padded + first, to);
          load_states<kStates>(c + l * padded + first, from);
#pragma unroll
          for (int j = 0; j < kStates; ++j) {
            before[i][j] = h[j];
            h[j] = exp2f(t * a[j]) * h[j] + x * to[j];
            sum += from[j] * h[j];
          }
          output[(warp * kTileSteps + l) * kWarp + lane] = sum;
        }
#pragma unroll
        for (int i = kPart<kStates> - 1; i >= 0; --i) {
          const int l = part + i;
          if (l >= steps) continue;
          const float t = delta[l * kWarp + lane], x = t * u[l * kWarp + lane], value = dy[l * kWarp + lane];
          float to[kStates], from[kStates], of_b[kStates], of_c[kStates], of_delta = 0, of_input = 0;
          load_states<kStates>(b + l * padded + first, to);
          load_states<kStates>(c + l * padded + first, from);
#pragma unroll
          for (int j = 0; j < kStates; ++j) {
            of_c[j] = value * h[j];
            h[j] = before[i][j];
            const float dh = gradient[j] + value * from[j];
            of_b[j] = dh * x;
            of_input += dh * to[j];
            gradient[j] = dh * exp2f(t * a[j]);
            const float w = gradient[j] * h[j];
            of_delta += w * a[j];
            da[j] += w * t;
          }
          ddelta[(warp * kTileSteps + l) * kWarp + lane] = of_delta * (1.0f / kLog2E);
          dinput[(warp * kTileSteps + l) * kWarp + lane] = of_input;
          store_lane_sums(of_b, of_c, own_sums + 2 * l * padded + first, own_sums + (2 * l + 1) * padded + first);
        }
      }
      __syncthreads();
      for (int i = thread; i < steps * 2 * padded; i += threads) {
        float sum = 0;
        for (int k = 0; k < static_cast<int>(blockDim.z); ++k)
          sum += sums[k * kTileSteps * 2 * padded + i];
        out.shares[(blockIdx.x * p.segments.rows + row) * 2 * padded + i] = sum;
      }
      for (int l = warp; l < steps && exists; l += warps) {
        const int i = l * kWarp + lane;
        float sum = 0, of_delta = 0, of_input = 0;
        for (int w = 0; w < warps; ++w) {
          sum += output[w * kTile + i];
          of_delta += ddelta[w * kTile + i];
          of_input += dinput[w * kTile + i];
        }
        at(g.du, row + l, d) = of_input * delta[i] + dy[i] * skip;
        const float draw = (of_delta + of_input * u[i]) * rate[i];
        at(g.ddelta_raw, row + l, d) = draw;
        if (present(g.dgate)) at(g.dgate, row + l, d) = gate_rate[i] * (sum + skip * u[i]);
        dbias += draw;
        dskip += dy[i] * u[i];
      }
    }
    if (present(g.dinitial)) {
#pragma unroll
      for (int j = 0; j < kStates; ++j)
        if (exists && first + j < states) at(g.dinitial, s, d * states + first + j) = gradient[j];
    }
  }
#pragma unroll
  for (int j = 0; j < kStates; ++j)
    if (exists && first + j < states) out.da[(blockIdx.y * states + first + j) * columns + d] = da[j];
  // The warps' shares of the sums over steps, through the memory of the tile.
  __syncthreads();
  delta[warp * kWarp + lane] = dbias;
  u[warp * kWarp + lane] = dskip;
  __syncthreads();
  if (warp == 0 && exists) {
    float of_bias = 0, of_skip = 0;
    for (int w = 0; w < warps; ++w) {
      of_bias += delta[w * kWarp + lane];
      of_skip += u[w * kWarp + lane];
    }
    out.vectors[blockIdx.y * 2 * columns + d] = of_bias;
    out.vectors[(blockIdx.y * 2 + 1) * columns + d] = of_skip;
  }
}

template <int kStates>
void run_backward(ssm_cuda_context &context, Scratch &scratch, const Operands &p, int64_t tiles,
                  const ssm_cuda_selective_scan_gradients &g) {
  const ScanGrid &grid = p.grid;
  const int64_t rows = p.segments.rows, padded = grid.padded, columns = grid.columns, states = grid.states;
  const float *kept = p.scan.kept.data;
  if (kept == nullptr) {
    float *const starts = scratch.floats(tiles * states * columns);
    run<false>(context, p, kStates, starts);
    kept = starts;
  }
  const Partials partials = {kept, scratch.floats(grid.channel_blocks * rows * 2 * padded),
                             scratch.floats(grid.groups * states * columns), scratch.floats(grid.groups * 2 * columns)};
  if (grid.channel_blocks > 0 && grid.groups > 0) {
    const size_t bytes = shared_floats(grid) * sizeof(float);
    allow_shared(context, run_back<kStates>, bytes);
    launch(context, run_back<kStates>, grid.grid(), grid.block(), bytes, p, g, partials);
  }
  const int64_t blocks = grid.channel_blocks;
  const float *const shares = partials.shares;
  for_each_element(context, rows, states, [=] __device__(int64_t r, int64_t n) {
    float of_b = 0, of_c = 0;
    for (int64_t k = 0; k < blocks; ++k) {
      of_b += shares[(k * rows + r) * 2 * padded + n];
      of_c += shares[(k * rows + r) * 2 * padded + padded + n];
    }
    at(g.db, r, n) = of_b;
    at(g.dc, r, n) = of_c;
  });
  for_each_column_sum(
      context, grid.groups, states * columns,
      [da = partials.da, states, columns] __device__(int64_t k, int64_t i) { return da[k * states * columns + i]; },
      [=] __device__(int64_t i, float sum) { at(g.da, i % columns, i / columns) += sum; });
  for_each_column_sum(
      context, grid.groups, 2 * columns,
      [v = partials.vectors, columns] __device__(int64_t k, int64_t i) { return v[k * 2 * columns + i]; },
      [=] __device__(int64_t i, float sum) {
        if (i < columns && present(g.ddelta_bias)) g.ddelta_bias.data[i] += sum;
        if (i >= columns && present(g.dskip)) g.dskip.data[i - columns] += sum;
      });
}

}  // namespace
}  // namespace selective_scan
}  // namespace ssm

extern "C" int32_t ssm_cuda_selective_scan_backward(ssm_cuda_context *context, int64_t batch, const int32_t *offsets,
                                                    const ssm_cuda_selective_scan *scan,
                                                    const ssm_cuda_selective_scan_gradients *gradients) try {
  using namespace ssm;
  const char *const operation = "selective_scan_backward";
  Scratch scratch(*context);
  with_states_per_thread(operation, scan->a.columns, [&](auto tag) {
    constexpr int kStates = decltype(tag)::value;
    auto p = selective_scan::operands(operation, *context, scratch, batch, offsets, *scan, kStates,
                                      selective_scan::shared_floats);
    const int64_t rows = p.segments.rows, columns = p.grid.columns, states = p.grid.states;
    const ssm_cuda_selective_scan_gradients &g = *gradients;
    expect_shape(operation, "dy", g.dy, rows, columns);
    expect_shape_or_absent(operation, "dlast", g.dlast, batch, columns * states);
    expect_shape(operation, "du", g.du, rows, columns);
    expect_shape(operation, "ddelta_raw", g.ddelta_raw, rows, columns);
    expect_shape_or_absent(operation, "ddelta_bias", g.ddelta_bias, 1, columns);
    expect_shape(operation, "da", g.da, columns, states);
    expect_shape(operation, "db", g.db, rows, states);
    expect_shape(operation, "dc", g.dc, rows, states);
    expect_shape_or_absent(operation, "dskip", g.dskip, 1, columns);
    expect_shape_or_absent(operation, "dgate", g.dgate, rows, columns);
    expect(!present(g.dgate) || present(scan->gate), operation, "there is no gate to have a gradient");
    expect_shape_or_absent(operation, "dinitial", g.dinitial, batch, columns * states);
    const int64_t tiles = selective_scan::place_tiles(operation, scratch, offsets, p);
    selective_scan::run_backward<kStates>(*context, scratch, p, tiles, g);
  });
  return SSM_CUDA_OK;
} catch (...) {
  return ssm::status_of_exception();
}
