// Selective scan S6, backward: a first pass keeps the states at the beginning of every tile of steps; the second goes
// back tile by tile, recomputes states and decays into shared memory and takes the adjoint through them. Gradients of b
// and c are sums over channels: of the lanes by shuffles, of the blocks of channels by a kernel after it.
#include "selective_scan.h"

namespace ssm {
namespace selective_scan {
namespace {

struct Partials {
  const float *starts;  // [tile slots][N][D]
  float *shares;        // [channel blocks][T][2 padded]: of db, then of dc
  float *da;            // [groups][N D], states slowest
  float *vectors;       // [groups][2 D]: of ddelta_bias, then of dskip
};

template <int kStates>
__global__ void run_back(Operands p, ssm_cuda_selective_scan_gradients g, Partials out) {
  const int lane = threadIdx.x, warp = threadIdx.y, warps = p.grid.warps;
  const int padded = static_cast<int>(p.grid.padded), kept = steps_kept(2 * padded);
  constexpr int kTile = kTileSteps * kWarp;
  float *const delta = dynamic_shared();    // [tile][lanes], as all of these
  float *const input = delta + kTile;
  float *const rate = input + kTile;        // derivative of delta by delta_raw
  float *const dy = rate + kTile;           // gradient of the output before the gate
  float *const gate_rate = dy + kTile;      // gradient of the output times the derivative of the gate
  float *const b = gate_rate + kTile;       // [tile][padded]
  float *const c = b + kTileSteps * padded;
  float *const output = c + kTileSteps * padded;      // [warps][tile][lanes], shares, as the next two
  float *const ddelta = output + warps * kTile;
  float *const dinput = ddelta + warps * kTile;
  float *const before = dinput + warps * kTile;       // [kept][padded][lanes]: states before the steps
  float *const decays = before + kept * padded * kWarp;  // [kept][padded][lanes]
  const int64_t d = int64_t{blockIdx.x} * kWarp + lane, columns = p.grid.columns, states = p.grid.states;
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
        input[i] = step.input;
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
      const float *const slot = out.starts + tile_slot(begin, s, tile) * states * columns;
      for (int part = (steps - 1) / kept * kept; part >= 0; part -= kept) {
        const int part_end = part + kept < steps ? part + kept : steps;
        float h[kStates];
#pragma unroll
        for (int j = 0; j < kStates; ++j)
          h[j] = exists && first + j < states ? slot[(first + j) * columns + d] : 0.0f;
        for (int l = 0; l < part_end; ++l) {
          const float t = delta[l * kWarp + lane], x = input[l * kWarp + lane];
          float to[kStates], from[kStates], sum = 0;
          load_states<kStates>(b + l * padded + first, to);
          load_states<kStates>(c + l * padded + first, from);
#pragma unroll
          for (int j = 0; j < kStates; ++j) {
            const float decay = exp2f(t * a[j]);
            if (l >= part) {
              before[((l - part) * padded + first + j) * kWarp + lane] = h[j];
              decays[((l - part) * padded + first + j) * kWarp + lane] = decay;
            }
            h[j] = decay * h[j] + x * to[j];
            sum += from[j] * h[j];
          }
          if (l >= part) output[(warp * kTileSteps + l) * kWarp + lane] = sum;
        }
        for (int l = part_end - 1; l >= part; --l) {
          const float t = delta[l * kWarp + lane], x = input[l * kWarp + lane], value = dy[l * kWarp + lane];
          float to[kStates], from[kStates], of_b[kStates], of_c[kStates], of_delta = 0, of_input = 0;
          load_states<kStates>(b + l * padded + first, to);
          load_states<kStates>(c + l * padded + first, from);
#pragma unroll
          for (int j = 0; j < kStates; ++j) {
            of_c[j] = value * h[j];
            h[j] = before[((l - part) * padded + first + j) * kWarp + lane];
            const float dh = gradient[j] + value * from[j];
            of_b[j] = dh * x;
            of_input += dh * to[j];
            gradient[j] = dh * decays[((l - part) * padded + first + j) * kWarp + lane];
            const float w = gradient[j] * h[j];
            of_delta += w * a[j];
            da[j] += w * t;
          }
          ddelta[(warp * kTileSteps + l) * kWarp + lane] = of_delta * (1.0f / kLog2E);
          dinput[(warp * kTileSteps + l) * kWarp + lane] = of_input;
          float *const share = out.shares + (blockIdx.x * p.segments.rows + row + l) * 2 * padded + first;
          store_lane_sums(of_b, of_c, share, share + padded);
        }
      }
      __syncthreads();
      for (int l = warp; l < steps && exists; l += warps) {
        const int i = l * kWarp + lane;
        float sum = 0, of_delta = 0, of_input = 0;
        for (int w = 0; w < warps; ++w) {
          sum += output[w * kTile + i];
          of_delta += ddelta[w * kTile + i];
          of_input += dinput[w * kTile + i];
        }
        const float u = at(p.scan.u, row + l, d);
        at(g.du, row + l, d) = of_input * delta[i] + dy[i] * skip;
        const float draw = (of_delta + of_input * u) * rate[i];
        at(g.ddelta_raw, row + l, d) = draw;
        if (present(g.dgate)) at(g.dgate, row + l, d) = gate_rate[i] * (sum + skip * u);
        dbias += draw;
        dskip += dy[i] * u;
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
  input[warp * kWarp + lane] = dskip;
  __syncthreads();
  if (warp == 0 && exists) {
    float of_bias = 0, of_skip = 0;
    for (int w = 0; w < warps; ++w) {
      of_bias += delta[w * kWarp + lane];
      of_skip += input[w * kWarp + lane];
    }
    out.vectors[blockIdx.y * 2 * columns + d] = of_bias;
    out.vectors[(blockIdx.y * 2 + 1) * columns + d] = of_skip;
  }
}

size_t shared_bytes(const ScanGrid &grid) {
  return (kTileSteps * (5 * kWarp + 2 * grid.padded + 3 * grid.warps * kWarp) +
          2 * steps_kept(2 * grid.padded) * grid.padded * kWarp) *
         sizeof(float);
}

template <int kStates>
void run_backward(ssm_cuda_context &context, Scratch &scratch, const Operands &p,
                  const ssm_cuda_selective_scan_gradients &g) {
  const ScanGrid &grid = p.grid;
  const int64_t rows = p.segments.rows, padded = grid.padded, columns = grid.columns, states = grid.states;
  float *const starts = scratch.floats(tile_slots(p.segments) * states * columns);
  const Partials partials = {starts, scratch.floats(grid.channel_blocks * rows * 2 * padded),
                             scratch.floats(grid.groups * states * columns), scratch.floats(grid.groups * 2 * columns)};
  if (grid.channel_blocks > 0 && grid.groups > 0) {
    run(context, p, kStates, starts);
    const size_t bytes = shared_bytes(grid);
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
    const auto p = selective_scan::operands(operation, scratch, batch, offsets, *scan, kStates);
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
    selective_scan::run_backward<kStates>(*context, scratch, p, g);
  });
  return SSM_CUDA_OK;
} catch (...) {
  return ssm::status_of_exception();
}
