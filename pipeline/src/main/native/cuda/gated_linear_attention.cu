// Gated linear attention, real and complex. A block takes a bundle of 32 values of one head, one a lane, or several
// bundles side by side; the warps of a bundle share the keys. The backward keeps states at the beginning of every tile
// of steps and recomputes them inside it; gradients of q, k and the decays are sums over values: of the lanes by
// shuffles, of the bundles of a block through shared memory, of the blocks, where several share a head's values, by a
// kernel after it.
//
// Numbers that move through the device's memory, per step and head of K keys and V values, where n blocks share the
// values, without a phase (it is read, and its gradient written, beside those of log_alpha; there are four sums for
// three, and twice the states):
//   forward:   q, k, log_alpha read by every block, v read, o written       3 K n + 2 V
//   backward:  the first pass: k, log_alpha, v read, states written         2 K n + V + K V / 16
//              the second: q, k, log_alpha, the states, v, d_o read,
//              dv written                                                   3 K n + 3 V + K V / 16
//              dq, dk, dlog_alpha written                                   3 K
//              where n > 1, their sums written and read, log_alpha read     6 K n + K
// n is V over 32 times the bundles of a block, rounded up. Where shared memory holds the state of one step alone, the
// second pass reads those of a tile for each of its steps. For K = V = 64 and two bundles these are 320, as many as must
// move, and 1280, of which 576 must; 512 are states. Where there are too few sequences and heads for two bundles, or too
// little shared memory, they are 512 and 2432, of which what blocks read again, and their sums, are soon found in the
// second-level cache.
//
// The gradient of log_alpha would follow from those of q and k, by running sums of q dq - k dk along the sequence, and
// spare a sum; but these cancel where the state decays fast.
#include "scan.h"

namespace ssm {
namespace {

// Threads of a block: registers of the multiprocessor by those that a thread needs.
constexpr int most_threads(int states_per_thread, bool complex) {
  return states_per_thread <= (complex ? 4 : 8) ? 512 : 256;
}

// Numbers of a state, and sums over values, for each key: those of dq, dk and the decay's parts.
__host__ __device__ constexpr int parts_of(bool complex) { return complex ? 2 : 1; }
__host__ __device__ constexpr int sums_of(bool complex) { return complex ? 4 : 3; }

struct Operands {
  Segments segments;
  ScanGrid grid;         // columns: values of a head; states: keys of a head
  int64_t value_blocks;  // that share the values of a head
  int kept;              // steps of a tile whose states the backward holds
  ssm_cuda_gated_linear_attention scan;
};

// Where a thread works.
struct Place {
  int64_t head, value_block, v;  // v: value within the head
  bool exists;

  __device__ explicit Place(const Operands &p)
      : head(blockIdx.x / p.value_blocks), value_block(blockIdx.x % p.value_blocks),
        v((value_block * blockDim.z + threadIdx.z) * kWarp + threadIdx.x), exists(v < p.grid.columns) {}

  // Column of value v and of key n among all heads', and of their state.
  __device__ int64_t value(const Operands &p) const { return head * p.grid.columns + v; }
  __device__ int64_t key(const Operands &p, int64_t n) const { return head * p.grid.states + n; }
  __device__ int64_t state(const Operands &p, int64_t n) const { return key(p, n) * p.grid.columns + v; }
};

// k, the decay and q of a tile of steps, [tile][padded] each, which the bundles of a block share.
template <bool kComplex>
struct Tile {
  float *k, *decay_re, *decay_im, *q;

  __device__ Tile(float *shared, int padded)
      : k(shared), decay_re(k + kTileSteps * padded), decay_im(decay_re + kTileSteps * padded),
        q(kComplex ? decay_im + kTileSteps * padded : decay_im) {}
  __host__ __device__ static constexpr int64_t floats(int64_t padded) {
    return kTileSteps * (2 + parts_of(kComplex)) * padded;
  }

  template <bool kQueries>
  __device__ void load(const Operands &p, const Place &place, int64_t row, int steps) const {
    const int padded = static_cast<int>(p.grid.padded), threads = kWarp * blockDim.y * blockDim.z;
    for (int i = (threadIdx.z * blockDim.y + threadIdx.y) * kWarp + threadIdx.x; i < steps * padded; i += threads) {
      const int64_t r = row + i / padded, n = i % padded;
      const bool valid = n < p.grid.states;
      const int64_t key = place.key(p, n);
      k[i] = valid ? at(p.scan.k, r, key) : 0.0f;
      if (kQueries) q[i] = valid ? at(p.scan.q, r, key) : 0.0f;
      const float size = valid ? expf(at(p.scan.log_alpha, r, key)) : 0.0f;
      if (kComplex) {
        const float angle = valid ? at(p.scan.phase, r, key) : 0.0f;
        decay_re[i] = size * cosf(angle);
        decay_im[i] = size * sinf(angle);
      } else {
        decay_re[i] = size;
      }
    }
  }
  __device__ float imaginary(int i) const { return kComplex ? decay_im[i] : 0.0f; }
};

// The values of a bundle for a tile of steps, [tile][lanes], by its warps.
__device__ inline void load_values(const Operands &p, const Place &place, const ssm_cuda_matrix &m, int64_t row,
                                   int steps, float *values) {
  for (int l = threadIdx.y; l < steps; l += blockDim.y)
    values[l * kWarp + threadIdx.x] = place.exists ? at(m, row + l, place.value(p)) : 0.0f;
}

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
  const int64_t part = p.grid.heads * p.grid.states * p.grid.columns;
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
  const int64_t part = p.grid.heads * p.grid.states * p.grid.columns;
#pragma unroll
  for (int j = 0; j < kStates; ++j) {
    if (!place.exists || first + j >= p.grid.states) continue;
    at(rows, s, place.state(p, first + j)) = re[j];
    if (kComplex) at(rows, s, part + place.state(p, first + j)) = im[j];
  }
}

// What a bundle has of shared memory in the forward: values and, of each warp, shares of the outputs.
__host__ __device__ inline int forward_floats(const ScanGrid &grid) { return (1 + grid.warps) * kTileSteps * kWarp; }

// With kOutput: outputs and last states; else the states at the beginning of each tile, rows of `starts`.
template <int kStates, bool kComplex, bool kOutput>
__global__ void __launch_bounds__(most_threads(kStates, kComplex)) run_tiles(Operands p, ssm_cuda_matrix starts) {
  const int lane = threadIdx.x, warp = threadIdx.y, warps = p.grid.warps, first = warp * kStates;
  const int padded = static_cast<int>(p.grid.padded);
  const Place place(p);
  const Tile<kComplex> tile(dynamic_shared(), padded);
  float *const v = dynamic_shared() + Tile<kComplex>::floats(padded) + threadIdx.z * forward_floats(p.grid);
  float *const partial = v + kTileSteps * kWarp;  // [warps][tile][lanes]
  const int64_t begin_sequence = blockIdx.y * p.grid.sequences_per_group;
  for (int64_t s = begin_sequence; s < begin_sequence + p.grid.sequences_per_group && s < p.segments.batch; ++s) {
    const int64_t begin = p.segments.offsets[s], end = p.segments.offsets[s + 1];
    float re[kStates], im[kStates];
    load_state<kStates, kComplex>(p, place, first, p.scan.initial, s, re, im);
    for (int64_t row = begin; row < end; row += kTileSteps) {
      const int steps = static_cast<int>(end - row < kTileSteps ? end - row : kTileSteps);
      if (!kOutput)
        store_state<kStates, kComplex>(p, place, first, starts, tile_slot(begin, s, (row - begin) / kTileSteps), re,
                                       im);
      __syncthreads();
      tile.template load<kOutput>(p, place, row, steps);
      load_values(p, place, p.scan.v, row, steps, v);
      __syncthreads();
      for (int l = 0; l < steps; ++l) {
        const float value = v[l * kWarp + lane];
        float sum = 0;
#pragma unroll
        for (int j = 0; j < kStates; ++j) {
          const int i = l * padded + first + j;
          step<kComplex>(tile.decay_re[i], tile.imaginary(i), tile.k[i] * value, re[j], im[j]);
          if (kOutput) sum += tile.q[i] * re[j];
        }
        if (kOutput) partial[(warp * kTileSteps + l) * kWarp + lane] = sum;
      }
      if (!kOutput) continue;
      __syncthreads();
      for (int l = warp; l < steps && place.exists; l += warps) {
        float sum = 0;
        for (int w = 0; w < warps; ++w) sum += partial[(w * kTileSteps + l) * kWarp + lane];
        at(p.scan.o, row + l, place.value(p)) = sum;
      }
    }
    if (kOutput && present(p.scan.last)) store_state<kStates, kComplex>(p, place, first, p.scan.last, s, re, im);
  }
}

// The states of a thread, between registers and a slot of shared memory, [parts][padded][lanes].
template <int kStates, bool kComplex>
__device__ inline void put_state(float *slot, int first, int padded, const float (&re)[kStates],
                                 const float (&im)[kStates]) {
#pragma unroll
  for (int j = 0; j < kStates; ++j) {
    slot[(first + j) * kWarp + threadIdx.x] = re[j];
    if (kComplex) slot[(padded + first + j) * kWarp + threadIdx.x] = im[j];
  }
}

template <int kStates, bool kComplex>
__device__ inline void get_state(const float *slot, int first, int padded, float (&re)[kStates],
                                 float (&im)[kStates]) {
#pragma unroll
  for (int j = 0; j < kStates; ++j) {
    re[j] = slot[(first + j) * kWarp + threadIdx.x];
    im[j] = kComplex ? slot[(padded + first + j) * kWarp + threadIdx.x] : 0.0f;
  }
}

// Gradients of a step and key: from the sums over values and the decay.
template <bool kComplex>
__device__ inline void store_gradients(const ssm_cuda_gated_linear_attention_gradients &g, int64_t row, int64_t key,
                                       float re, float im, const float (&sums)[sums_of(kComplex)]) {
  at(g.dq, row, key) = sums[0];
  at(g.dk, row, key) = sums[1];
  if constexpr (kComplex) {
    at(g.dlog_alpha, row, key) = re * sums[2] + im * sums[3];
    at(g.dphase, row, key) = re * sums[3] - im * sums[2];
  } else {
    at(g.dlog_alpha, row, key) = re * sums[2];
  }
}

// Whether the state at the beginning of a tile is held beside those of `kept` steps: where it is needed again, for
// several parts of a tile, and there is more room than for one step.
__host__ __device__ inline bool holds_start(int kept) { return kept > 1 && kept < kTileSteps; }

// What a bundle has of shared memory in the backward beside the sums of the steps kept.
__host__ __device__ inline int64_t backward_floats(const ScanGrid &grid, bool complex, int kept) {
  return ((2 + grid.warps) * kTileSteps + (kept + holds_start(kept)) * parts_of(complex) * grid.padded) * kWarp;
}

// shares: [value blocks][T][heads][sums][padded]: sums over the values of a block; null where a block has them all.
template <int kStates, bool kComplex>
__global__ void __launch_bounds__(most_threads(kStates, kComplex))
    run_back(Operands p, ssm_cuda_gated_linear_attention_gradients g, ssm_cuda_matrix starts, float *shares) {
  constexpr int kParts = parts_of(kComplex), kSums = sums_of(kComplex);
  const int lane = threadIdx.x, warp = threadIdx.y, warps = p.grid.warps, first = warp * kStates;
  const int padded = static_cast<int>(p.grid.padded), kept = p.kept, bundles = blockDim.z;
  const int thread = (threadIdx.z * warps + warp) * kWarp + lane, threads = kWarp * warps * bundles;
  const Place place(p);
  const Tile<kComplex> tile(dynamic_shared(), padded);
  float *const sums = dynamic_shared() + Tile<kComplex>::floats(padded);  // [bundles][kept][sums][padded]
  float *const own_sums = sums + threadIdx.z * kept * kSums * padded;
  float *const v = sums + bundles * kept * kSums * padded + threadIdx.z * backward_floats(p.grid, kComplex, kept);
  float *const d_o = v + kTileSteps * kWarp;                   // [tile][lanes], as v
  float *const partial = d_o + kTileSteps * kWarp;             // [warps][tile][lanes]
  float *const before = partial + warps * kTileSteps * kWarp;  // [kept]: states before steps
  float *const start = before + kept * kParts * padded * kWarp;
  const int64_t begin_sequence = blockIdx.y * p.grid.sequences_per_group;
  for (int64_t s = begin_sequence; s < begin_sequence + p.grid.sequences_per_group && s < p.segments.batch; ++s) {
    const int64_t begin = p.segments.offsets[s], length = p.segments.offsets[s + 1] - begin;
    float gr[kStates], gi[kStates];
    load_state<kStates, kComplex>(p, place, first, g.dlast, s, gr, gi);
    for (int64_t t = (length + kTileSteps - 1) / kTileSteps - 1; t >= 0; --t) {
      const int64_t row = begin + t * kTileSteps, left = length - t * kTileSteps;
      const int steps = static_cast<int>(left < kTileSteps ? left : kTileSteps);
      float re[kStates], im[kStates];
      if (holds_start(kept)) {
        load_state<kStates, kComplex>(p, place, first, starts, tile_slot(begin, s, t), re, im);
        put_state<kStates, kComplex>(start, first, padded, re, im);
      }
      __syncthreads();
      tile.template load<true>(p, place, row, steps);
      load_values(p, place, p.scan.v, row, steps, v);
      load_values(p, place, g.d_o, row, steps, d_o);
      __syncthreads();
      for (int part = (steps - 1) / kept * kept; part >= 0; part -= kept) {
        const int part_end = part + kept < steps ? part + kept : steps;
        if (holds_start(kept)) {
          get_state<kStates, kComplex>(start, first, padded, re, im);
        } else {
          load_state<kStates, kComplex>(p, place, first, starts, tile_slot(begin, s, t), re, im);
        }
        for (int l = 0; l < part_end; ++l) {
          if (l >= part)
            put_state<kStates, kComplex>(before + (l - part) * kParts * padded * kWarp, first, padded, re, im);
#pragma unroll
          for (int j = 0; j < kStates; ++j) {
            const int i = l * padded + first + j;
            step<kComplex>(tile.decay_re[i], tile.imaginary(i), tile.k[i] * v[l * kWarp + lane], re[j], im[j]);
          }
        }
        for (int l = part_end - 1; l >= part; --l) {
          const float value = v[l * kWarp + lane], output = d_o[l * kWarp + lane];
          float of_q[kStates], of_k[kStates], of_re[kStates], of_im[kStates], of_v = 0;
#pragma unroll
          for (int j = 0; j < kStates; ++j) of_q[j] = output * re[j];
          get_state<kStates, kComplex>(before + (l - part) * kParts * padded * kWarp, first, padded, re, im);
#pragma unroll
          for (int j = 0; j < kStates; ++j) {
            const int i = l * padded + first + j;
            const float dr = gr[j] + output * tile.q[i], di = kComplex ? gi[j] : 0.0f;
            of_k[j] = dr * value;
            of_v += dr * tile.k[i];
            of_re[j] = kComplex ? dr * re[j] + di * im[j] : dr * re[j];
            of_im[j] = kComplex ? di * re[j] - dr * im[j] : 0.0f;
            gr[j] = kComplex ? dr * tile.decay_re[i] + di * tile.imaginary(i) : dr * tile.decay_re[i];
            gi[j] = kComplex ? di * tile.decay_re[i] - dr * tile.imaginary(i) : 0.0f;
          }
          partial[(warp * kTileSteps + l) * kWarp + lane] = of_v;
          float *const sum = own_sums + (l - part) * kSums * padded + first;
          store_lane_sums(of_q, of_k, sum, sum + padded);
          if constexpr (kComplex) {
            store_lane_sums(of_re, of_im, sum + 2 * padded, sum + 3 * padded);
          } else {
            store_lane_sums(of_re, sum + 2 * padded);
          }
        }
        __syncthreads();
        for (int i = thread; i < (part_end - part) * padded; i += threads) {
          const int l = i / padded, n = i % padded;
          float total[kSums];
#pragma unroll
          for (int k = 0; k < kSums; ++k) {
            total[k] = 0;
            for (int b = 0; b < bundles; ++b) total[k] += sums[((b * kept + l) * kSums + k) * padded + n];
          }
          const int64_t r = row + part + l;
          if (shares == nullptr) {
            if (n < p.grid.states)
              store_gradients<kComplex>(g, r, place.key(p, n), tile.decay_re[part * padded + i],
                                        tile.imaginary(part * padded + i), total);
          } else {
            const int64_t of_head = (place.value_block * p.segments.rows + r) * p.grid.heads + place.head;
            float *const share = shares + of_head * kSums * padded;
#pragma unroll
            for (int k = 0; k < kSums; ++k) share[k * padded + n] = total[k];
          }
        }
        __syncthreads();
      }
      for (int l = warp; l < steps && place.exists; l += warps) {
        float sum = 0;
        for (int w = 0; w < warps; ++w) sum += partial[(w * kTileSteps + l) * kWarp + lane];
        at(g.dv, row + l, place.value(p)) = sum;
      }
    }
    if (present(g.dinitial)) store_state<kStates, kComplex>(p, place, first, g.dinitial, s, gr, gi);
  }
}

// Bytes of shared memory of a block of the forward, and of one of the backward that keeps the states of `kept` steps.
size_t forward_bytes(const ScanGrid &grid, bool complex) {
  const int64_t tile = complex ? Tile<true>::floats(grid.padded) : Tile<false>::floats(grid.padded);
  return static_cast<size_t>(tile + grid.bundles * forward_floats(grid)) * sizeof(float);
}
size_t backward_bytes(const ScanGrid &grid, bool complex, int kept) {
  const int64_t tile = complex ? Tile<true>::floats(grid.padded) : Tile<false>::floats(grid.padded);
  const int64_t bundle = backward_floats(grid, complex, kept) + kept * sums_of(complex) * grid.padded;
  return static_cast<size_t>(tile + grid.bundles * bundle) * sizeof(float);
}

// Blocks of several bundles keep at least so many steps, lest states be recomputed too often.
constexpr int kFewestKept = 4;

Operands operands(const char *operation, const ssm_cuda_context &context, Scratch &scratch, int64_t batch,
                  const int32_t *offsets, int64_t heads, const ssm_cuda_gated_linear_attention &x,
                  int states_per_thread, bool backward) {
  const Segments segments = upload_segments(scratch, batch, offsets);
  expect(heads >= 1 && x.q.columns % heads == 0 && x.v.columns % heads == 0, operation,
         "the columns do not divide into the heads");
  const int64_t keys = x.q.columns / heads, values = x.v.columns / heads;
  const bool complex = present(x.phase);
  const int64_t state = parts_of(complex) * heads * keys * values;
  expect_shape(operation, "q", x.q, segments.rows, heads * keys);
  expect_shape(operation, "k", x.k, segments.rows, heads * keys);
  expect_shape(operation, "v", x.v, segments.rows, heads * values);
  expect_shape(operation, "log_alpha", x.log_alpha, segments.rows, heads * keys);
  expect_shape_or_absent(operation, "phase", x.phase, segments.rows, heads * keys);
  expect_shape_or_absent(operation, "initial", x.initial, batch, state);
  const ScanGrid grid = in_bundles(
      scan_grid(batch, values, keys, states_per_thread, heads), most_threads(states_per_thread, complex),
      [&](const ScanGrid &larger) {
        return (backward ? backward_bytes(larger, complex, kFewestKept) : forward_bytes(larger, complex)) <=
               static_cast<size_t>(context.shared_bytes);
      });
  const int kept = steps_kept(context, [&](int steps) { return backward_bytes(grid, complex, steps); });
  return {segments, grid, grid.channel_blocks / heads, kept, x};
}

template <int kStates, bool kComplex, bool kOutput>
void run(ssm_cuda_context &context, const Operands &p, const ssm_cuda_matrix &starts) {
  if (p.grid.channel_blocks == 0 || p.grid.groups == 0) return;
  const size_t bytes = forward_bytes(p.grid, kComplex);
  allow_shared(context, run_tiles<kStates, kComplex, kOutput>, bytes);
  launch(context, run_tiles<kStates, kComplex, kOutput>, p.grid.grid(), p.grid.block(), bytes, p, starts);
}

template <int kStates, bool kComplex>
void run_backward(ssm_cuda_context &context, Scratch &scratch, const Operands &p,
                  const ssm_cuda_gated_linear_attention_gradients &g) {
  constexpr int kSums = sums_of(kComplex);
  const int64_t rows = p.segments.rows, keys = p.grid.states, padded = p.grid.padded, heads = p.grid.heads;
  const int64_t state = parts_of(kComplex) * heads * keys * p.grid.columns, blocks = p.value_blocks;
  const ssm_cuda_matrix starts = scratch.matrix(tile_slots(p.segments), state);
  float *const shares = blocks == 1 ? nullptr : scratch.floats(blocks * rows * heads * kSums * padded);
  if (p.grid.channel_blocks > 0 && p.grid.groups > 0) {
    run<kStates, kComplex, false>(context, p, starts);
    const size_t bytes = backward_bytes(p.grid, kComplex, p.kept);
    allow_shared(context, run_back<kStates, kComplex>, bytes);
    launch(context, run_back<kStates, kComplex>, p.grid.grid(), p.grid.block(), bytes, p, g, starts, shares);
  }
  if (blocks == 1) return;
  for_each_element(context, rows, heads * keys, [=, scan = p.scan] __device__(int64_t r, int64_t c) {
    float sums[kSums] = {};
    for (int64_t k = 0; k < blocks; ++k)
      for (int i = 0; i < kSums; ++i)
        sums[i] += shares[(((k * rows + r) * heads + c / keys) * kSums + i) * padded + c % keys];
    const float size = expf(at(scan.log_alpha, r, c)), angle = kComplex ? at(scan.phase, r, c) : 0.0f;
    store_gradients<kComplex>(g, r, c, kComplex ? size * cosf(angle) : size, kComplex ? size * sinf(angle) : 0.0f,
                              sums);
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
    const Operands p = operands(operation, *context, scratch, batch, offsets, heads, *scan, kStates, false);
    expect_shape(operation, "o", scan->o, p.segments.rows, scan->v.columns);
    const int64_t state = (present(scan->phase) ? 2 : 1) * scan->q.columns * p.grid.columns;
    expect_shape_or_absent(operation, "last", scan->last, batch, state);
    present(scan->phase) ? run<kStates, true, true>(*context, p, {}) : run<kStates, false, true>(*context, p, {});
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
    const Operands p = operands(operation, *context, scratch, batch, offsets, heads, *scan, kStates, true);
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
