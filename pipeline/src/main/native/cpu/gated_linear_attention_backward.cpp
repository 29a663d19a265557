// Gated linear attention, backward. The states at the beginnings of chunks are computed first, a block of chunks at a
// time where sequences are long; the states inside a chunk once more, a tile at a time, right before the adjoint goes
// through them.
#include <algorithm>

#include "gated_linear_attention.h"
#include "target.h"

namespace SSM_NAMESPACE {
namespace {

using namespace gated_linear_attention;

// What is summed over the values of a key, a step at a time: products of the gradient of the output and the state
// before, of the gradient of the state and v, and of the gradient of the state and the conjugate of the state before.
template <bool complex>
struct Sums {
  static constexpr int kQRe = 0, kK = 1, kARe = 2, kQIm = 3, kAIm = 4, kCount = complex ? 5 : 3;
};

template <bool complex>
struct Space {
  static constexpr int kParts = complex ? 2 : 1;
  Pieces pieces;
  Chunk chunk;
  int64_t matrix;          // floats of a state
  int64_t block;           // steps
  float *blocks, *starts;  // [blocks], [chunks of a block][parts][K][padded V]
  float *gradient;         // [parts][K][padded V], of the state
  float *d_o, *dv;         // [kChunk][padded V]
  float *trace;            // [kChunk][keys of a tile][vectors of a tile][parts][lanes]: states before the steps
  float *shares;           // [kChunk][sums][lanes]: the keys of a tile side by side, in equal parts of the lanes
  float *sums;             // [sums][kChunk][padded K]

  Space(float *base, int64_t keys, int64_t values, int64_t longest)
      : pieces(base), chunk(pieces, keys, values, complex), matrix(kParts * keys * chunk.value_stride) {
    block = block_length(longest, kChunk);
    blocks = pieces.take(block_count(longest, block) * matrix / kLanes);
    starts = pieces.take(chunk_count(std::min(longest, block), kChunk) * matrix / kLanes);
    gradient = pieces.take(matrix / kLanes);
    for (float **rows : {&d_o, &dv}) *rows = pieces.take(kChunk * chunk.value_stride / kLanes);
    trace = pieces.take(kChunk * kTileKeys<complex> * kTileVectors * kParts);
    shares = pieces.take(kChunk * Sums<complex>::kCount);
    sums = pieces.take(Sums<complex>::kCount * kChunk * chunk.key_stride / kLanes);
  }
};

// The state at the end of the packed chunk.
template <bool complex>
void advance_state(const Operands &x, const Chunk &chunk, const Ahead &ahead, float *state) {
  int64_t tile = 0;
  for_each_tile_of_values(x.values, [&](auto vectors, int64_t j) {
    for_each_tile_of_keys<complex>(x.keys, [&](auto keys, int64_t i) {
      auto begin = [&](int64_t l) __attribute__((always_inline)) { ahead.ask(tile, l); };
      auto nothing = [](auto...) {};
      advance<complex, decltype(keys)::value, decltype(vectors)::value>(chunk, x.keys, i, j, state, begin, nothing,
                                                                        nothing);
      ++tile;
    });
  });
}

// The adjoint of keys i .. i + kKeys - 1 and of kVectors vectors of values from j on, back through the chunk: adds to
// dv, and to the shares of the keys what values before j have not.
template <bool complex, int kKeys, int kVectors>
void retreat(const Operands &x, const Space<complex> &space, const Ahead &ahead, int64_t tile, float *state, int64_t i,
             int64_t j) {
  using Sum = Sums<complex>;
  constexpr int kParts = complex ? 2 : 1;
  const Chunk &chunk = space.chunk;
  auto before_at = [&](int64_t l, int a, int b) __attribute__((always_inline)) {
    return space.trace + ((l * kKeys + a) * kVectors + b) * kParts * kLanes;
  };
  auto nothing = [](auto...) {};
  auto keep = [&](int64_t l, int a, int b, Floats before, Floats before_im, Floats) __attribute__((always_inline)) {
    store(before_at(l, a, b), before);
    if (complex) store(before_at(l, a, b) + kLanes, before_im);
  };
  advance<complex, kKeys, kVectors>(chunk, x.keys, i, j, state, nothing, keep, nothing);

  float *const re = space.gradient + i * chunk.value_stride + j, *const im = re + x.keys * chunk.value_stride;
  Floats g[kKeys][kVectors], e[kKeys][kVectors];
  load_tile<complex, kKeys, kVectors>(re, im, chunk.value_stride, g, e);
  for (int64_t l = chunk.steps - 1; l >= 0; --l) {
    ahead.ask(tile, l);
    const int64_t row = l * chunk.value_stride + j;
    float *const shares = space.shares + l * Sum::kCount * kLanes;
    Floats dv[kVectors], output[kVectors], value[kVectors], waiting[2][Sum::kCount];
#pragma GCC unroll 4
    for (int b = 0; b < kVectors; ++b) {
      dv[b] = load(space.dv + row + b * kLanes);
      output[b] = load(space.d_o + row + b * kLanes);
      value[b] = load(chunk.value + row + b * kLanes);
    }
#pragma GCC unroll 4
    for (int a = 0; a < kKeys; ++a) {
      const int64_t at = l * chunk.key_stride + i + a;
      const Floats query = broadcast(chunk.query[at]), key = broadcast(chunk.key[at]), decay = broadcast(chunk.re[at]);
      Floats sums[Sum::kCount] = {};
#pragma GCC unroll 4
      for (int b = 0; b < kVectors; ++b) {
        const Floats h = load(before_at(l, a, b)), dr = g[a][b] + query * output[b];
        sums[Sum::kQRe] += output[b] * h;
        sums[Sum::kK] += dr * value[b];
        sums[Sum::kARe] += dr * h;
        dv[b] += key * dr;
        g[a][b] = decay * dr;
        if constexpr (complex) {
          const Floats h_im = load(before_at(l, a, b) + kLanes), di = e[a][b];
          sums[Sum::kQIm] += output[b] * h_im;
          sums[Sum::kARe] += di * h_im;
          sums[Sum::kAIm] += di * h - dr * h_im;
          g[a][b] += chunk.im[at] * di;
          e[a][b] = decay * di - chunk.im[at] * dr;
        }
      }
      // Lanes are summed until one vector holds all keys of the tile: with the key before, then with the pair before.
#pragma GCC unroll 8
      for (int n = 0; n < Sum::kCount; ++n) {
        if (a % 2 == 1) sums[n] = add_neighbours(waiting[0][n], sums[n]);
        if (a % 4 == 3) sums[n] = add_neighbours(waiting[1][n], sums[n]);
        if (a + 1 < kKeys)
          waiting[a % 2][n] = sums[n];
        else
          store(shares + n * kLanes, j > 0 ? load(shares + n * kLanes) + sums[n] : sums[n]);
      }
    }
#pragma GCC unroll 4
    for (int b = 0; b < kVectors; ++b) store(space.dv + row + b * kLanes, dv[b]);
  }
  store_tile<complex, kKeys, kVectors>(g, e, chunk.value_stride, re, im);
}

// Sums the lanes of the shares of keys i .. i + kKeys - 1.
template <bool complex, int kKeys>
void gather(const Space<complex> &space, int64_t i) {
  constexpr int kCount = Sums<complex>::kCount, kAtOnce = kLanes / kKeys;
  for (int64_t l = 0; l < space.chunk.steps; ++l)
    for (int64_t first = 0; first < kCount; first += kAtOnce) {
      auto share = [&](int64_t n) __attribute__((always_inline)) {
        return n < kCount ? load(space.shares + (l * kCount + n) * kLanes) : Floats{};
      };
      float found[kLanes];
      store(found, sums_of_lanes_from<kAtOnce>(first, share));
      for (int64_t n = first; n < kCount && n < first + kAtOnce; ++n)
        std::memcpy(space.sums + (n * kChunk + l) * space.chunk.key_stride + i, found + (n - first) * kKeys,
                    kKeys * sizeof(float));
    }
}

struct Gradients {
  const float *d_o;
  int64_t d_o_stride;
  float *dq;
  int64_t dq_stride;
  float *dk;
  int64_t dk_stride;
  float *dv;
  int64_t dv_stride;
  float *dlog_alpha;
  int64_t dlog_alpha_stride;
  float *dphase;
  int64_t dphase_stride;
};

// The gradients of the steps from `row` on, of which the chunk is packed; `state` is the one before them.
template <bool complex>
void chunk_backward(const Operands &x, const Gradients &y, const Space<complex> &space, const Ahead &ahead,
                    int64_t head, int64_t row, float *state) {
  using Sum = Sums<complex>;
  const Chunk &chunk = space.chunk;
  const int64_t steps = chunk.steps, key = head * x.keys, value = head * x.values;
  int64_t tile = 0;
  std::memset(space.dv, 0, steps * chunk.value_stride * sizeof(float));
  for_each_tile_of_keys<complex>(x.keys, [&](auto keys, int64_t i) {
    constexpr int kKeys = decltype(keys)::value;
    if (x.values == 0) std::memset(space.shares, 0, steps * Sum::kCount * kLanes * sizeof(float));
    for_each_tile_of_values(x.values, [&](auto vectors, int64_t j) {
      retreat<complex, kKeys, decltype(vectors)::value>(x, space, ahead, tile++, state, i, j);
    });
    gather<complex, kKeys>(space, i);
  });
  for (int64_t l = 0; l < steps; ++l) {
    std::memcpy(y.dv + (row + l) * y.dv_stride + value, space.dv + l * chunk.value_stride, x.values * sizeof(float));
    // o_t has k_t v_t of its own step in it.
    Floats products = {};
    for (int64_t j = 0; j < x.values; j += kLanes)
      products += load(space.d_o + l * chunk.value_stride + j) * load(chunk.value + l * chunk.value_stride + j);
    const float through = sum_of_lanes(products);
    for_each_vector(1, x.keys, [&](int64_t, int64_t c, int64_t count) {
      const int64_t at = l * chunk.key_stride + c, column = key + c;
      auto sum = [&](int n) __attribute__((always_inline)) {
        return load(space.sums + n * kChunk * chunk.key_stride + at);
      };
      const Floats re = load(chunk.re + at);
      Floats to_q = re * sum(Sum::kQRe) + through * load(chunk.key + at), to_log = re * sum(Sum::kARe);
      if constexpr (complex) {
        const Floats im = load(chunk.im + at);
        to_q -= im * sum(Sum::kQIm);
        to_log += im * sum(Sum::kAIm);
        store_up_to(y.dphase + (row + l) * y.dphase_stride + column, re * sum(Sum::kAIm) - im * sum(Sum::kARe), count);
      }
      store_up_to(y.dq + (row + l) * y.dq_stride + column, to_q, count);
      store_up_to(y.dk + (row + l) * y.dk_stride + column, sum(Sum::kK), count);
      store_up_to(y.dlog_alpha + (row + l) * y.dlog_alpha_stride + column, to_log, count);
    });
  }
}

template <bool complex>
void backward(int64_t batch, const int32_t *offsets, const Operands &x, const Gradients &y, const float *initial,
              int64_t initial_stride, const float *dlast, int64_t dlast_stride, float *dinitial,
              int64_t dinitial_stride, float *workspace) {
  Space<complex> space(workspace, x.keys, x.values, longest_sequence(batch, offsets));
  const int64_t matrix = space.matrix, block = space.block;
  for (int64_t s = 0; s < batch; ++s)
    for (int64_t head = 0; head < x.heads; ++head) {
      const int64_t begin = offsets[s], length = offsets[s + 1] - begin;
      auto copy = [&](const float *from, float *to) { std::memcpy(to, from, matrix * sizeof(float)); };
      // From the state at the beginning of chunk `first`, which is at `state`, on; keeps those of all chunks if asked.
      auto advance_chunks = [&](int64_t first, int64_t count, float *state, bool kept) {
        for (int64_t n = first; n < first + count; ++n) {
          const int64_t row = begin + n * kChunk;
          const Ahead ahead = pack<complex>(x, head, row, kChunk, row + kChunk, &space.chunk);
          if (kept) copy(state, state + matrix);
          if (kept) state += matrix;
          advance_state<complex>(x, space.chunk, ahead, state);
        }
      };
      load_state<complex>(x, initial == nullptr ? nullptr : initial + s * initial_stride, head, space.blocks);
      const int64_t blocks = block_count(length, block), chunks_of_block = block / kChunk;
      for (int64_t m = 0; m + 1 < blocks; ++m) {
        float *const next = space.blocks + (m + 1) * matrix;
        copy(next - matrix, next);
        advance_chunks(m * chunks_of_block, chunks_of_block, next, false);
      }
      load_state<complex>(x, dlast == nullptr ? nullptr : dlast + s * dlast_stride, head, space.gradient);
      for (int64_t m = blocks - 1; m >= 0 && length > 0; --m) {
        const int64_t first = m * chunks_of_block;
        const int64_t chunks = chunk_count(std::min(block, length - m * block), kChunk);
        copy(space.blocks + m * matrix, space.starts);
        advance_chunks(first, chunks - 1, space.starts, true);
        for (int64_t n = chunks - 1; n >= 0; --n) {
          const int64_t row = begin + (first + n) * kChunk;
          const int64_t steps = std::min<int64_t>(kChunk, offsets[s + 1] - row);
          const int64_t next = row - kChunk, key = head * x.keys, value = head * x.values;
          Ahead ahead = pack<complex>(x, head, row, steps, next, &space.chunk);
          pack_rows(x.q + row * x.q_stride + key, x.q_stride, steps, x.keys, space.chunk.query);
          pack_rows(y.d_o + row * y.d_o_stride + value, y.d_o_stride, steps, x.values, space.d_o);
          ahead.add(x.q + next * x.q_stride + key, x.q_stride, x.keys);
          ahead.add(y.d_o + next * y.d_o_stride + value, y.d_o_stride, x.values);
          ahead.add(y.dq + next * y.dq_stride + key, y.dq_stride, x.keys);
          ahead.add(y.dk + next * y.dk_stride + key, y.dk_stride, x.keys);
          ahead.add(y.dv + next * y.dv_stride + value, y.dv_stride, x.values);
          ahead.add(y.dlog_alpha + next * y.dlog_alpha_stride + key, y.dlog_alpha_stride, x.keys);
          if (complex) ahead.add(y.dphase + next * y.dphase_stride + key, y.dphase_stride, x.keys);
          chunk_backward<complex>(x, y, space, ahead, head, row, space.starts + n * matrix);
        }
      }
      if (dinitial != nullptr) store_state<complex>(x, space.gradient, head, dinitial + s * dinitial_stride);
    }
}

}  // namespace

int32_t gated_linear_attention_backward_f32(
    int64_t batch, const int32_t *offsets, int64_t heads, int64_t keys, int64_t values, const float *q,
    int64_t q_stride, const float *k, int64_t k_stride, const float *v, int64_t v_stride, const float *log_alpha,
    int64_t log_alpha_stride, const float *phase, int64_t phase_stride, const float *initial, int64_t initial_stride,
    const float *d_o, int64_t d_o_stride, const float *dlast, int64_t dlast_stride, float *dq, int64_t dq_stride,
    float *dk, int64_t dk_stride, float *dv, int64_t dv_stride, float *dlog_alpha, int64_t dlog_alpha_stride,
    float *dphase, int64_t dphase_stride, float *dinitial, int64_t dinitial_stride, float *workspace) {
  if (batch < 0 || heads < 0 || keys < 0 || values < 0) return SSM_INVALID_ARGUMENT;
  const Operands operands = {heads,    keys,      values,           q,     q_stride,     k, k_stride, v,
                             v_stride, log_alpha, log_alpha_stride, phase, phase_stride};
  const Gradients gradients = {d_o, d_o_stride, dq,         dq_stride,         dk,     dk_stride,
                               dv,  dv_stride,  dlog_alpha, dlog_alpha_stride, dphase, dphase_stride};
  (phase == nullptr ? backward<false> : backward<true>)(batch, offsets, operands, gradients, initial, initial_stride,
                                                        dlast, dlast_stride, dinitial, dinitial_stride, workspace);
  return SSM_OK;
}

int64_t gated_linear_attention_backward_workspace_f32(int64_t keys, int64_t values, int32_t complex,
                                                      int64_t longest) {
  return complex ? Space<true>(nullptr, keys, values, longest).pieces.floats()
                 : Space<false>(nullptr, keys, values, longest).pieces.floats();
}

}  // namespace SSM_NAMESPACE
