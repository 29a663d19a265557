// What the forward and the backward of the selective scan share. Lanes run across channels. A group of channels goes
// through a chunk of steps together, so that rows are read as they lie in memory; inside the chunk, a block of states
// of one vector of channels at a time stays in registers over all steps.
#pragma once

#include <type_traits>

#include "recurrence.h"
#include "ssm.h"

namespace SSM_NAMESPACE {
namespace selective_scan {

constexpr float kLog2E = 1.44269504f;
constexpr int64_t kVectors = 16;  // vectors of channels in a group
constexpr int64_t kGroupColumns = kVectors * kLanes;
constexpr int kBlock = 4;  // states that go through a chunk side by side

// Calls f(size as a constant, n) for blocks of the states n, n + 1, ... n + size - 1.
template <typename F>
SSM_INLINE void for_each_block(int64_t states, F f) {
  int64_t n = 0;
  for (; n + kBlock <= states; n += kBlock) f(std::integral_constant<int, kBlock>(), n);
  for (; n < states; ++n) f(std::integral_constant<int, 1>(), n);
}

// The operands a pass over the steps reads; rows are counted over the packed batch.
struct Operands {
  const float *u;
  int64_t u_stride;
  const float *delta_raw;
  int64_t delta_raw_stride;
  const float *delta_bias;
};

// Steps between two kept states, and what the forward and the backward recompute at a time: with what a block of states
// keeps of them for the adjoint, they stay in the first-level cache.
constexpr int64_t kChunk = SSM_SELECTIVE_SCAN_CHUNK;
// Rows from one vector of channels to the next; odd, so that the vectors of a step spread over the sets of the cache.
constexpr int64_t kStride = kChunk + 1;

// Kept states of one chunk: [N][count] for every vector of channels, of which `count` exist.
SSM_INLINE void keep_states(const float *packed, int64_t states, int64_t count, float *kept) {
  const int64_t lanes = count < kLanes ? count : kLanes;
  for (int64_t n = 0; n < states; ++n) store_up_to(kept + n * lanes, load(packed + n * kLanes), count);
}

SSM_INLINE void load_kept(const float *kept, int64_t states, int64_t count, float *packed) {
  const int64_t lanes = count < kLanes ? count : kLanes;
  for (int64_t n = 0; n < states; ++n) store(packed + n * kLanes, load_up_to(kept + n * lanes, count));
}

// The matrix a [D, N] of `count` channels, transposed to [N][lanes] and multiplied by `factor`; 0 beyond.
inline void pack_transition(const float *a, int64_t stride, int64_t states, int64_t count, float factor,
                            float *packed) {
  for (int64_t n = 0; n < states; ++n)
    for (int64_t i = 0; i < kLanes; ++i) packed[n * kLanes + i] = i < count ? factor * a[i * stride + n] : 0.0f;
}

// A row of `count` channels by N states, to or from [N][lanes]; a null row is zeros.
inline void load_states(const float *row, int64_t states, int64_t count, float *packed) {
  for (int64_t n = 0; n < states; ++n)
    for (int64_t i = 0; i < kLanes; ++i)
      packed[n * kLanes + i] = row != nullptr && i < count ? row[i * states + n] : 0.0f;
}

inline void store_states(const float *packed, int64_t states, int64_t count, float *row) {
  for (int64_t i = 0; i < count && i < kLanes; ++i)
    for (int64_t n = 0; n < states; ++n) row[i * states + n] = packed[n * kLanes + i];
}

// Calls f(l, v, row, column, count) for every vector of channels, row by row: v counts from `first`, count channels of
// it exist.
template <typename F>
SSM_INLINE void for_each_step(int64_t row, int64_t steps, int64_t first, int64_t columns, F f) {
  for (int64_t l = 0; l < steps; ++l)
    for (int64_t v = 0; v < kVectors && first + v * kLanes < columns; ++v)
      f(l, v, row + l, first + v * kLanes, columns - first - v * kLanes);
}

// softplus(delta_raw + bias) and its product with u; where asked for, the derivative of the softplus too. `next` is the
// row of the following chunk.
SSM_INLINE void load_step(const Operands &x, int64_t row, int64_t next, int64_t column, int64_t count, float *delta,
                          float *input, float *rate = nullptr) {
  prefetch(x.delta_raw + next * x.delta_raw_stride + column, 1);
  prefetch(x.u + next * x.u_stride + column, 1);
  const Floats bias = x.delta_bias == nullptr ? Floats{} : load_up_to(x.delta_bias + column, count);
  Floats derivative;
  const Floats d = softplus_and_derivative(
      load_up_to(x.delta_raw + row * x.delta_raw_stride + column, count) + bias, &derivative);
  if (rate != nullptr) store(rate, derivative);
  store(delta, d);
  store(input, d * load_up_to(x.u + row * x.u_stride + column, count));
}

// Takes the states n .. n + kSize - 1 of one vector of channels through `steps` steps, after all their decays, which do
// not wait for each other: [steps][kSize][lanes]. each(l, use) calls use(j, h), h being state n + j after step l.
template <int kSize, typename F>
SSM_INLINE void advance(int64_t n, int64_t steps, const float *scaled, float *state, const float *delta,
                        const float *input, const float *b, int64_t b_stride, float *decays, F each) {
  Floats a[kSize], h[kSize];
#pragma GCC unroll 4
  for (int j = 0; j < kSize; ++j) {
    a[j] = load(scaled + (n + j) * kLanes);
    h[j] = load(state + (n + j) * kLanes);
  }
  for (int64_t l = 0; l < steps; ++l) {
    Floats decay[kSize];
    exp2_of_decays<kSize>(load(delta + l * kLanes), a, decay);
#pragma GCC unroll 4
    for (int j = 0; j < kSize; ++j) store(decays + (l * kSize + j) * kLanes, decay[j]);
  }
  for (int64_t l = 0; l < steps; ++l) {
    const Floats x = load(input + l * kLanes);
    each(l, [&](auto use) __attribute__((always_inline)) {
#pragma GCC unroll 4
      for (int j = 0; j < kSize; ++j) {
        h[j] = load(decays + (l * kSize + j) * kLanes) * h[j] + x * b[l * b_stride + n + j];
        use(j, h[j]);
      }
    });
  }
#pragma GCC unroll 4
  for (int j = 0; j < kSize; ++j) store(state + (n + j) * kLanes, h[j]);
}

}  // namespace selective_scan
}  // namespace SSM_NAMESPACE
