// What the forward and the backward of gated linear attention share. Lanes run across values. A chunk of steps of one
// head is packed, its decays with it; then a tile of the state, some keys by some vectors of values, stays in registers
// over all steps of the chunk.
#pragma once

#include <cstring>
#include <type_traits>

#include "recurrence.h"
#include "trigonometry.h"

namespace SSM_NAMESPACE {
namespace gated_linear_attention {

constexpr int64_t kChunk = 16;  // steps
constexpr int kTileVectors = 4;

template <bool complex>
constexpr int kTileKeys = (SSM_VECTOR_BYTES == 64 ? 4 : 2) / (complex ? 2 : 1);

// Calls f(keys of the tile as a constant, first key).
template <bool complex, typename F>
SSM_INLINE void for_each_tile_of_keys(int64_t keys, F f) {
  int64_t i = 0;
  for (; i + kTileKeys<complex> <= keys; i += kTileKeys<complex>)
    f(std::integral_constant<int, kTileKeys<complex>>(), i);
  for (; i < keys; ++i) f(std::integral_constant<int, 1>(), i);
}

// Calls f(vectors of the tile as a constant, first value).
template <typename F>
SSM_INLINE void for_each_tile_of_values(int64_t values, F f) {
  int64_t j = 0;
  for (; j + (kTileVectors - 1) * kLanes < values; j += kTileVectors * kLanes)
    f(std::integral_constant<int, kTileVectors>(), j);
  if (j + kLanes < values) {
    f(std::integral_constant<int, 2>(), j);
    j += 2 * kLanes;
  }
  if (j < values) f(std::integral_constant<int, 1>(), j);
}

struct Operands {
  int64_t heads, keys, values;
  const float *q;
  int64_t q_stride;
  const float *k;
  int64_t k_stride;
  const float *v;
  int64_t v_stride;
  const float *log_alpha;
  int64_t log_alpha_stride;
  const float *phase;
  int64_t phase_stride;
};

// Steps of one head, rows padded to whole vectors by zeros.
struct Chunk {
  int64_t steps, tiles, key_stride, value_stride;
  float *query, *key, *re, *im;  // [kChunk][key_stride]; re and im: the decay
  float *value;                  // [kChunk][value_stride]

  Chunk(Pieces &pieces, int64_t keys, int64_t values, bool complex)
      : steps(0), tiles(0), key_stride(padded(keys)), value_stride(padded(values)) {
    for_each_tile_of_values(values, [&](auto, int64_t) {
      auto count = [&](auto, int64_t) { ++tiles; };
      complex ? for_each_tile_of_keys<true>(keys, count) : for_each_tile_of_keys<false>(keys, count);
    });
    query = pieces.take(kChunk * key_stride / kLanes);
    key = pieces.take(kChunk * key_stride / kLanes);
    re = pieces.take(kChunk * key_stride / kLanes);
    im = complex ? pieces.take(kChunk * key_stride / kLanes) : nullptr;
    value = pieces.take(kChunk * value_stride / kLanes);
  }
};

// Rows of the next chunk. At each step of each of `tiles` tiles some of the arrays are asked for: all at once, they
// would wait for each other.
class Ahead {
 public:
  explicit Ahead(int64_t tiles) : tiles_(tiles) {}

  void add(const float *first, int64_t stride, int64_t columns) { arrays_[count_++] = {first, stride, columns}; }

  SSM_INLINE void ask(int64_t tile, int64_t l) const {
    for (int64_t a = tile; a < count_; a += tiles_)
      prefetch(arrays_[a].first + l * arrays_[a].stride, arrays_[a].columns);
  }

 private:
  struct Array {
    const float *first;
    int64_t stride, columns;
  };
  static constexpr int kMostArrays = 11;  // what pack() adds for complex decays, 4, and the backward, 7
  Array arrays_[kMostArrays];
  int64_t count_ = 0;
  const int64_t tiles_;
};

SSM_INLINE void pack_rows(const float *rows, int64_t stride, int64_t steps, int64_t columns, float *packed) {
  const int64_t packed_stride = padded(columns);
  for_each_vector(steps, columns, [&](int64_t l, int64_t c, int64_t count) {
    store(packed + l * packed_stride + c, load_up_to(rows + l * stride + c, count));
  });
}

// What the states of a head depend on, for the steps from `row` on; what it is for those from `next` on goes ahead.
template <bool complex>
Ahead pack(const Operands &x, int64_t head, int64_t row, int64_t steps, int64_t next, Chunk *chunk) {
  const int64_t key = head * x.keys, value = head * x.values;
  chunk->steps = steps;
  pack_rows(x.k + row * x.k_stride + key, x.k_stride, steps, x.keys, chunk->key);
  pack_rows(x.v + row * x.v_stride + value, x.v_stride, steps, x.values, chunk->value);
  for_each_vector(steps, x.keys, [&](int64_t l, int64_t c, int64_t count) {
    const int64_t at = l * chunk->key_stride + c;
    const Floats magnitude = exp(load_up_to(x.log_alpha + (row + l) * x.log_alpha_stride + key + c, count));
    if (complex) {
      Floats sine, cosine;
      sine_and_cosine(load_up_to(x.phase + (row + l) * x.phase_stride + key + c, count), &sine, &cosine);
      store(chunk->re + at, magnitude * cosine);
      store(chunk->im + at, magnitude * sine);
    } else {
      store(chunk->re + at, magnitude);
    }
  });
  Ahead ahead(chunk->tiles);
  ahead.add(x.k + next * x.k_stride + key, x.k_stride, x.keys);
  ahead.add(x.v + next * x.v_stride + value, x.v_stride, x.values);
  ahead.add(x.log_alpha + next * x.log_alpha_stride + key, x.log_alpha_stride, x.keys);
  if (complex) ahead.add(x.phase + next * x.phase_stride + key, x.phase_stride, x.keys);
  return ahead;
}

// A tile of a state [parts][keys][stride], from or to registers.
template <bool complex, int kKeys, int kVectors>
SSM_INLINE void load_tile(const float *re, const float *im, int64_t stride, Floats (*h)[kVectors],
                          Floats (*g)[kVectors]) {
#pragma GCC unroll 4
  for (int a = 0; a < kKeys; ++a)
#pragma GCC unroll 4
    for (int b = 0; b < kVectors; ++b) {
      h[a][b] = load(re + a * stride + b * kLanes);
      if (complex) g[a][b] = load(im + a * stride + b * kLanes);
    }
}

template <bool complex, int kKeys, int kVectors>
SSM_INLINE void store_tile(const Floats (*h)[kVectors], const Floats (*g)[kVectors], int64_t stride, float *re,
                           float *im) {
#pragma GCC unroll 4
  for (int a = 0; a < kKeys; ++a)
#pragma GCC unroll 4
    for (int b = 0; b < kVectors; ++b) {
      store(re + a * stride + b * kLanes, h[a][b]);
      if (complex) store(im + a * stride + b * kLanes, g[a][b]);
    }
}

// Takes keys i .. i + kKeys - 1 and the values of kVectors vectors from j on through the chunk. The state is
// [parts][K][value_stride]. Calls begin(l), then use(l, a, b, re before, im before, re after) for key i + a and vector
// b, then end(l).
template <bool complex, int kKeys, int kVectors, typename Begin, typename Use, typename End>
SSM_INLINE void advance(const Chunk &x, int64_t keys, int64_t i, int64_t j, float *state, Begin begin, Use use,
                        End end) {
  float *const re = state + i * x.value_stride + j, *const im = re + keys * x.value_stride;
  Floats h[kKeys][kVectors], g[kKeys][kVectors];
  load_tile<complex, kKeys, kVectors>(re, im, x.value_stride, h, g);
  for (int64_t l = 0; l < x.steps; ++l) {
    begin(l);
    Floats value[kVectors];
#pragma GCC unroll 4
    for (int b = 0; b < kVectors; ++b) value[b] = load(x.value + l * x.value_stride + j + b * kLanes);
#pragma GCC unroll 4
    for (int a = 0; a < kKeys; ++a) {
      const int64_t at = l * x.key_stride + i + a;
#pragma GCC unroll 4
      for (int b = 0; b < kVectors; ++b) {
        const Floats before = h[a][b], before_im = complex ? g[a][b] : Floats{};
        h[a][b] = x.re[at] * before + x.key[at] * value[b];
        if (complex) {
          h[a][b] -= x.im[at] * before_im;
          g[a][b] = x.re[at] * before_im + x.im[at] * before;
        }
        use(l, a, b, before, before_im, h[a][b]);
      }
    }
    end(l);
  }
  store_tile<complex, kKeys, kVectors>(h, g, x.value_stride, re, im);
}

// The state [K, V] of one head in a row [parts][H, K, V], to or from [parts][K][padded V]; a null row is zeros.
template <bool complex>
void load_state(const Operands &x, const float *row, int64_t head, float *state) {
  const int64_t stride = padded(x.values), size = x.keys * x.values;
  std::memset(state, 0, (complex ? 2 : 1) * x.keys * stride * sizeof(float));
  for (int part = 0; part < (complex ? 2 : 1) && row != nullptr; ++part)
    for (int64_t i = 0; i < x.keys; ++i)
      std::memcpy(state + (part * x.keys + i) * stride, row + (part * x.heads + head) * size + i * x.values,
                  x.values * sizeof(float));
}

template <bool complex>
void store_state(const Operands &x, const float *state, int64_t head, float *row) {
  const int64_t stride = padded(x.values), size = x.keys * x.values;
  for (int part = 0; part < (complex ? 2 : 1); ++part)
    for (int64_t i = 0; i < x.keys; ++i)
      std::memcpy(row + (part * x.heads + head) * size + i * x.values, state + (part * x.keys + i) * stride,
                  x.values * sizeof(float));
}

}  // namespace gated_linear_attention
}  // namespace SSM_NAMESPACE
