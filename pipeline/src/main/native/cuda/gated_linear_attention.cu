// Gated linear attention, real and complex. A block takes 32 values of one head, one a lane; its warps share the keys.
// The backward keeps states at the beginning of every tile of steps and recomputes them inside it; gradients of q, k and
// the decays are sums over values: of the lanes by shuffles, of the blocks by a kernel after it.
//
// Numbers that move through the device's memory, per step and head of K keys and V values, without a phase (with one,
// 4 K for 3 K and twice the states), where n = ceil(V / 32) blocks share the values:
//   forward:   q, k, log_alpha read by every block, v read, o written       3 K n + 2 V
//   backward:  the first pass as the forward, but states for o              3 K n + V + K V / 16
//              the second: the same read, the states for each part of a
//              tile (two for K = 64), d_o read, dv written                  3 K n + 3 V + K V / 16 or more
//              sums for dq, dk and the decays written and read              8 K n
//              log_alpha read, dq, dk, dlog_alpha written                   4 K
// For K = V = 64 these are 512 and 3072, of which 320 and 576 must move; what blocks read again, and their sums, are
// soon found in the second-level cache.
#include "scan.h"

namespace ssm {
namespace {

struct Operands {
  Segments segments;
  ScanGrid grid;  // columns: values of a head; states: keys of a head; channel_blocks: heads times blocks of values
  int64_t heads, value_blocks;
  ssm_cuda_gated_linear_attention scan;
};

// Where a block works.
struct Place {
  int64_t head, value_block, v;  // v: value within the head
  bool exists;

  __device__ explicit Place(const Operands &p)
      : head(blockIdx.x / p.value_blocks), value_block(blockIdx.x % p.value_blocks),
        v(value_block * kWarp + threadIdx.x), exists(v < p.grid.columns) {}

  // Column of value v and of key n among all heads', and of their state.
  __device__ int64_t value(const Operands &p) const { return head * p.grid.columns + v; }
  __device__ int64_t key(const Operands &p, int64_t n) const { return head * p.grid.states + n; }
  __device__ int64_t state(const Operands &p, int64_t n) const { return key(p, n) * p.grid.columns + v; }
};

// q, k and the decay of a tile of steps, [tile][padded] each.
struct Tile {
  float *q, *k, *decay_re, *decay_im, *v;  // v: [tile][lanes]

  __device__ Tile(float *shared, int padded)
      : q(shared), k(q + kTileSteps * padded), decay_re(k + kTileSteps * padded),
        decay_im(decay_re + kTileSteps * padded), v(decay_im + kTileSteps * padded) {}
  __host__ __device__ static constexpr int64_t floats(int64_t padded) { return kTileSteps * (4 * padded + kWarp); }

  template <bool kComplex>
  __device__ void load(const Operands &p, const Place &place, int64_t row, int steps) const {
    const int padded = static_cast<int>(p.grid.padded), threads = kWarp * blockDim.y;
    for (int i = threadIdx.y * kWarp + threadIdx.x; i < steps * padded; i += threads) {
      const int64_t r = row + i / padded, n = i % padded;
      const bool valid = n < p.grid.states;
      const int64_t key = place.key(p, n);
      q[i] = valid ? at(p.scan.q, r, key) : 0.0f;
      k[i] = valid ? at(p.scan.k, r, key) : 0.0f;
      const float size = valid ? expf(at(p.scan.log_alpha, r, key)) : 0.0f;
      const float angle = kComplex && valid ? at(p.scan.phase, r, key) : 0.0f;
      decay_re[i] = kComplex ? size * cosf(angle) : size;
      decay_im[i] = kComplex ? size * sinf(angle) : 0.0f;
    }
    for (int l = threadIdx.y; l < steps; l += blockDim.y)
      v[l * kWarp + threadIdx.x] = place.exists ? at(p.scan.v, row + l, place.value(p)) : 0.0f;
  }
};

template <bool kComplex>
__device__ inline void step(float decay_re, float decay_im, float input, float &re, float &im) {
  const float r = decay_re * re - (kComplex ? decay_im * im : 0.0f) + input;
  if (kComplex) im = decay_re * im + decay_im * re;
  re = r;
}

// The states of a thread, from a row of `parts` blocks of heads keys values; zeros where it is absent.
template <int kStates, bool kComplex>
__device__ inline void load_state(const Operands &p, const Place &place, int first, const ssm_cuda_matrix &rows,
                                  int64_t s, float (&re)[kStates], float (&im)[kStates]) {
  const int64_t part = p.heads * p.grid.states * p.grid.columns;
#pragma unroll
  for (int j = 0; j < kStates; ++j) {
    const bool valid = place.exists && first + j < p.grid.states && present(rows);
    re[j] = valid ? at(rows, s, place.state(p, first + j)) : 0.0f;
    im[j] = kComplex && valid ? at(rows, s, part + place.state(p, first + j)) : 0.0f;
  }
}

template <int kStates, bool kComplex>
__device__ inline void store_state(const Operands &p, const Place &place, int first, const ssm_cuda_matrix &rows,
                                   int64_t s, const float (&re)[kStates], const float (&im)[kStates]) {
  const int64_t part = p.heads * p.grid.states * p.grid.columns;
#pragma unroll
  for (int j = 0; j < kStates; ++j) {
    if (!place.exists || first + j >= p.grid.states) continue;
    at(rows, s, place.state(p, first + j)) = re[j];
    if (kComplex) at(rows, s, part + place.state(p, first + j)) = im[j];
  }
}

// With `starts` null: outputs and last states; else the states at the beginning of each tile, rows of `starts`.
template <int kStates, bool kComplex>
__global__ void run_tiles(Operands p, ssm_cuda_matrix starts) {
  const int lane = threadIdx.x, warp = threadIdx.y, warps = p.grid.warps, first = warp * kStates;
  const int padded = static_cast<int>(p.grid.padded);
  const Place place(p);
  const Tile tile(dynamic_shared(), padded);
  float *const partial = dynamic_shared() + Tile::floats(padded);  // [warps][tile][lanes]
  const int64_t begin_sequence = blockIdx.y * p.grid.sequences_per_group;
  for (int64_t s = begin_sequence; s < begin_sequence + p.grid.sequences_per_group && s < p.segments.batch; ++s) {
    const int64_t begin = p.segments.offsets[s], end = p.segments.offsets[s + 1];
    float re[kStates], im[kStates];
    load_state<kStates, kComplex>(p, place, first, p.scan.initial, s, re, im);
    for (int64_t row = begin; row < end; row += kTileSteps) {
      const int steps = static_cast<int>(end - row < kTileSteps ? end - row : kTileSteps);
      if (present(starts))
        store_state<kStates, kComplex>(p, place, first, starts, tile_slot(begin, s, (row - begin) / kTileSteps), re,
                                       im);
      __syncthreads();
      tile.load<kComplex>(p, place, row, steps);
      __syncthreads();
      for (int l = 0; l < steps; ++l) {
        const float value = tile.v[l * kWarp + lane];
        float sum = 0;
#pragma unroll
        for (int j = 0; j < kStates; ++j) {
          const int i = l * padded + first + j;
          step<kComplex>(tile.decay_re[i], tile.decay_im[i], tile.k[i] * value, re[j], im[j]);
          sum += tile.q[i] * re[j];
        }
        partial[(warp * kTileSteps + l) * kWarp + lane] = sum;
      }
      if (present(starts)) continue;
      __syncthreads();
      for (int l = warp; l < steps && place.exists; l += warps) {
        float sum = 0;
        for (int w = 0; w < warps; ++w) sum += partial[(w * kTileSteps + l) * kWarp + lane];
        at(p.scan.o, row + l, place.value(p)) = sum;
      }
    }
    if (!present(starts) && present(p.scan.last))
      store_state<kStates, kComplex>(p, place, first, p.scan.last, s, re, im);
  }
}

// shares: [value blocks][T][heads][4][padded]: sums over the values of a block for q, k and the decay's two parts.
template <int kStates, bool kComplex>
__global__ void run_back(Operands p, ssm_cuda_gated_linear_attention_gradients g, ssm_cuda_matrix starts,
                         float *shares) {
  const int lane = threadIdx.x, warp = threadIdx.y, warps = p.grid.warps, first = warp * kStates;
  const int padded = static_cast<int>(p.grid.padded), kept = steps_kept((kComplex ? 2 : 1) * padded);
  const Place place(p);
  const Tile tile(dynamic_shared(), padded);
  float *const d_o = dynamic_shared() + Tile::floats(padded);   // [tile][lanes]
  float *const partial = d_o + kTileSteps * kWarp;              // [warps][tile][lanes]
  float *const before = partial + warps * kTileSteps * kWarp;   // [kept][parts][padded][lanes]
  constexpr int kParts = kComplex ? 2 : 1;
  const int64_t begin_sequence = blockIdx.y * p.grid.sequences_per_group;
  for (int64_t s = begin_sequence; s < begin_sequence + p.grid.sequences_per_group && s < p.segments.batch; ++s) {
    const int64_t begin = p.segments.offsets[s], length = p.segments.offsets[s + 1] - begin;
    float gr[kStates], gi[kStates];
    load_state<kStates, kComplex>(p, place, first, g.dlast, s, gr, gi);
    for (int64_t t = (length + kTileSteps - 1) / kTileSteps - 1; t >= 0; --t) {
      const int64_t row = begin + t * kTileSteps, left = length - t * kTileSteps;
      const int steps = static_cast<int>(left < kTileSteps ? left : kTileSteps);
      __syncthreads();
      tile.load<kComplex>(p, place, row, steps);
      for (int l = warp; l < steps; l += warps)
        d_o[l * kWarp + lane] = place.exists ? at(g.d_o, row + l, place.value(p)) : 0.0f;
      __syncthreads();
      for (int part = (steps - 1) / kept * kept; part >= 0; part -= kept) {
        const int part_end = part + kept < steps ? part + kept : steps;
        float re[kStates], im[kStates];
        load_state<kStates, kComplex>(p, place, first, starts, tile_slot(begin, s, t), re, im);
        for (int l = 0; l < part_end; ++l) {
          float *const to = before + (l - part) * kParts * padded * kWarp;
#pragma unroll
          for (int j = 0; j < kStates; ++j) {
            if (l >= part) {
              to[(first + j) * kWarp + lane] = re[j];
              if (kComplex) to[(padded + first + j) * kWarp + lane] = im[j];
            }
            const int i = l * padded + first + j;
            step<kComplex>(tile.decay_re[i], tile.decay_im[i], tile.k[i] * tile.v[l * kWarp + lane], re[j], im[j]);
          }
        }
        for (int l = part_end - 1; l >= part; --l) {
          const float value = tile.v[l * kWarp + lane], output = d_o[l * kWarp + lane];
          const float *const from = before + (l - part) * kParts * padded * kWarp;
          float of_q[kStates], of_k[kStates], of_re[kStates], of_im[kStates], of_v = 0;
#pragma unroll
          for (int j = 0; j < kStates; ++j) {
            const int i = l * padded + first + j;
            of_q[j] = output * re[j];
            re[j] = from[(first + j) * kWarp + lane];
            im[j] = kComplex ? from[(padded + first + j) * kWarp + lane] : 0.0f;
            const float dr = gr[j] + output * tile.q[i], di = kComplex ? gi[j] : 0.0f;
            of_k[j] = dr * value;
            of_v += dr * tile.k[i];
            of_re[j] = dr * re[j] + di * im[j];
            of_im[j] = di * re[j] - dr * im[j];
            gr[j] = dr * tile.decay_re[i] + di * tile.decay_im[i];
            gi[j] = di * tile.decay_re[i] - dr * tile.decay_im[i];
          }
          partial[(warp * kTileSteps + l) * kWarp + lane] = of_v;
          float *const share =
              shares + ((place.value_block * p.segments.rows + row + l) * p.heads + place.head) * 4 * padded + first;
          store_lane_sums(of_q, of_k, share, share + padded);
          store_lane_sums(of_re, of_im, share + 2 * padded, share + 3 * padded);
        }
      }
      __syncthreads();
      for (int l = warp; l < steps && place.exists; l += warps) {
        float sum = 0;
        for (int w = 0; w < warps; ++w) sum += partial[(w * kTileSteps + l) * kWarp + lane];
        at(g.dv, row + l, place.value(p)) = sum;
      }
    }
    if (present(g.dinitial)) store_state<kStates, kComplex>(p, place, first, g.dinitial, s, gr, gi);
  }
}

Operands operands(const char *operation, Scratch &scratch, int64_t batch, const int32_t *offsets, int64_t heads,
                  const ssm_cuda_gated_linear_attention &x, int states_per_thread) {
  const Segments segments = upload_segments(scratch, batch, offsets);
  expect(heads >= 1 && x.q.columns % heads == 0 && x.v.columns % heads == 0, operation,
         "the columns do not divide into the heads");
  const int64_t keys = x.q.columns / heads, values = x.v.columns / heads;
  const int64_t state = (present(x.phase) ? 2 : 1) * heads * keys * values;
  expect_shape(operation, "q", x.q, segments.rows, heads * keys);
  expect_shape(operation, "k", x.k, segments.rows, heads * keys);
  expect_shape(operation, "v", x.v, segments.rows, heads * values);
  expect_shape(operation, "log_alpha", x.log_alpha, segments.rows, heads * keys);
  expect_shape_or_absent(operation, "phase", x.phase, segments.rows, heads * keys);
  expect_shape_or_absent(operation, "initial", x.initial, batch, state);
  Operands p = {segments, scan_grid(batch, values, keys, states_per_thread), heads, divide_up(values, kWarp), x};
  p.grid.channel_blocks = heads * p.value_blocks;
  return p;
}

template <int kStates, bool kComplex>
void run(ssm_cuda_context &context, const Operands &p, const ssm_cuda_matrix &starts) {
  if (p.grid.channel_blocks == 0 || p.grid.groups == 0) return;
  const size_t bytes = (Tile::floats(p.grid.padded) + p.grid.warps * kTileSteps * kWarp) * sizeof(float);
  allow_shared(context, run_tiles<kStates, kComplex>, bytes);
  launch(context, run_tiles<kStates, kComplex>, p.grid.grid(), p.grid.block(), bytes, p, starts);
}

template <int kStates, bool kComplex>
void run_backward(ssm_cuda_context &context, Scratch &scratch, const Operands &p,
                  const ssm_cuda_gated_linear_attention_gradients &g) {
  const int64_t rows = p.segments.rows, keys = p.grid.states, padded = p.grid.padded, heads = p.heads;
  const int64_t state = (kComplex ? 2 : 1) * heads * keys * p.grid.columns, blocks = p.value_blocks;
  const ssm_cuda_matrix starts = scratch.matrix(tile_slots(p.segments), state);
  float *const shares = scratch.floats(blocks * rows * heads * 4 * padded);
  if (p.grid.channel_blocks > 0 && p.grid.groups > 0) {
    run<kStates, kComplex>(context, p, starts);
    const size_t bytes = (Tile::floats(padded) + (1 + p.grid.warps) * kTileSteps * kWarp +
                          steps_kept((kComplex ? 2 : 1) * padded) * (kComplex ? 2 : 1) * padded * kWarp) *
                         sizeof(float);
    allow_shared(context, run_back<kStates, kComplex>, bytes);
    launch(context, run_back<kStates, kComplex>, p.grid.grid(), p.grid.block(), bytes, p, g, starts, shares);
  }
  for_each_element(context, rows, heads * keys, [=, scan = p.scan] __device__(int64_t r, int64_t c) {
    float sums[4] = {};
    for (int64_t k = 0; k < blocks; ++k)
      for (int i = 0; i < 4; ++i) sums[i] += shares[(((k * rows + r) * heads + c / keys) * 4 + i) * padded + c % keys];
    const float size = expf(at(scan.log_alpha, r, c)), angle = kComplex ? at(scan.phase, r, c) : 0.0f;
    const float re = kComplex ? size * cosf(angle) : size, im = kComplex ? size * sinf(angle) : 0.0f;
    at(g.dq, r, c) = sums[0];
    at(g.dk, r, c) = sums[1];
    at(g.dlog_alpha, r, c) = re * sums[2] + im * sums[3];
    if (kComplex) at(g.dphase, r, c) = re * sums[3] - im * sums[2];
  });
}

}  // namespace
}  // namespace ssm

extern "C" {

int32_t ssm_cuda_gated_linear_attention_forward(ssm_cuda_context *context, int64_t batch, const int32_t *offsets,
                                                int64_t heads, const ssm_cuda_gated_linear_attention *scan) try {
  using namespace ssm;
  const char *const operation = "gated_linear_attention_forward";
  Scratch scratch(*context);
  with_states_per_thread(operation, heads < 1 ? 0 : scan->q.columns / heads, [&](auto states) {
    constexpr int kStates = decltype(states)::value;
    const Operands p = operands(operation, scratch, batch, offsets, heads, *scan, kStates);
    expect_shape(operation, "o", scan->o, p.segments.rows, scan->v.columns);
    const int64_t state = (present(scan->phase) ? 2 : 1) * scan->q.columns * p.grid.columns;
    expect_shape_or_absent(operation, "last", scan->last, batch, state);
    present(scan->phase) ? run<kStates, true>(*context, p, {}) : run<kStates, false>(*context, p, {});
  });
  return SSM_CUDA_OK;
} catch (...) {
  return ssm::status_of_exception();
}

int32_t ssm_cuda_gated_linear_attention_backward(ssm_cuda_context *context, int64_t batch, const int32_t *offsets,
                                                 int64_t heads, const ssm_cuda_gated_linear_attention *scan,
                                                 const ssm_cuda_gated_linear_attention_gradients *gradients) try {
  using namespace ssm;
  const char *const operation = "gated_linear_attention_backward";
  Scratch scratch(*context);
  with_states_per_thread(operation, heads < 1 ? 0 : scan->q.columns / heads, [&](auto states) {
    constexpr int kStates = decltype(states)::value;
    const Operands p = operands(operation, scratch, batch, offsets, heads, *scan, kStates);
    const ssm_cuda_gated_linear_attention_gradients &g = *gradients;
    const bool complex = present(scan->phase);
    const int64_t rows = p.segments.rows, keys = scan->q.columns, values = scan->v.columns;
    const int64_t state = (complex ? 2 : 1) * keys * p.grid.columns;
    expect_shape(operation, "d_o", g.d_o, rows, values);
    expect_shape_or_absent(operation, "dlast", g.dlast, batch, state);
    expect_shape(operation, "dq", g.dq, rows, keys);
    expect_shape(operation, "dk", g.dk, rows, keys);
    expect_shape(operation, "dv", g.dv, rows, values);
    expect_shape(operation, "dlog_alpha", g.dlog_alpha, rows, keys);
    expect(complex == present(g.dphase), operation, "phase and dphase come together");
    expect_shape_or_absent(operation, "dphase", g.dphase, rows, keys);
    expect_shape_or_absent(operation, "dinitial", g.dinitial, batch, state);
    complex ? run_backward<kStates, true>(*context, scratch, p, g)
            : run_backward<kStates, false>(*context, scratch, p, g);
  });
  return SSM_CUDA_OK;
} catch (...) {
  return ssm::status_of_exception();
}

}  // extern "C"
