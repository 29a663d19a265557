// What the forward and the backward of the delta rule share. Lanes run across values; the state of some vectors of
// values is [K][vectors][lanes]. Rows of the state matrix do not mix, so vectors of values are independent.
#pragma once

#include <type_traits>

#include "recurrence.h"

namespace SSM_NAMESPACE {
namespace delta_rule {

constexpr int kMostVectors = 4;

// Calls f(vectors of values as a constant, first value, how many there are of them).
template <typename F>
SSM_INLINE void for_each_tile(int64_t values, F f) {
  for (int64_t first = 0; first < values;) {
    const int64_t count = values - first;
    auto run = [&](auto vectors) __attribute__((always_inline)) {
      constexpr int64_t kValues = decltype(vectors)::value * kLanes;
      f(vectors, first, count < kValues ? count : kValues);
      first += kValues;
    };
    if (count > (kMostVectors - 1) * kLanes)
      run(std::integral_constant<int, kMostVectors>());
    else if (count > kLanes)
      run(std::integral_constant<int, 2>());
    else
      run(std::integral_constant<int, 1>());
  }
}

struct Operands {
  int64_t heads, keys, values, updates;
  const float *q;
  int64_t q_stride;
  const float *k;
  int64_t k_stride;
  const float *v;
  int64_t v_stride;
  const float *beta;
  int64_t beta_stride;
  const float *log_alpha;
  int64_t log_alpha_stride;
};

// The decay of a step: 1 without one.
SSM_INLINE float decay_of(const float *log_alpha, int64_t stride, int64_t row, int64_t head) {
  return log_alpha == nullptr ? 1.0f : exp(broadcast(log_alpha[row * stride + head]))[0];
}

// Calls f(i, sum) for i < keys with one of several sums in turn, so that the additions of one do not wait for each
// other; total is their sum.
template <int kVectors, typename F>
SSM_INLINE void sum_over_keys(int64_t keys, Floats *total, F f) {
  constexpr int kSums = kVectors >= 4 ? 2 : 4 / kVectors;
  Floats sums[kSums][kVectors] = {};
  int64_t i = 0;
  for (; i + kSums <= keys; i += kSums) {
#pragma GCC unroll 4
    for (int s = 0; s < kSums; ++s) f(i + s, sums[s]);
  }
  for (; i < keys; ++i) f(i, sums[0]);
#pragma GCC unroll 4
  for (int j = 0; j < kVectors; ++j) {
    total[j] = sums[0][j];
#pragma GCC unroll 4
    for (int s = 1; s < kSums; ++s) total[j] += sums[s][j];
  }
}

// The product of the state and k.
template <int kVectors>
SSM_INLINE void predict(int64_t keys, const float *k, const float *state, Floats *predicted) {
  auto one = [&](int64_t i, Floats *sum) __attribute__((always_inline)) {
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) sum[j] += k[i] * load(state + (i * kVectors + j) * kLanes);
  };
  sum_over_keys<kVectors>(keys, predicted, one);
}

// The state [V, K] of `count` values, to or from [K][stride elements].
inline void load_state(const float *rows, int64_t keys, int64_t count, int64_t stride, float *packed) {
  for (int64_t i = 0; i < keys; ++i)
    for (int64_t j = 0; j < stride; ++j)
      packed[i * stride + j] = rows != nullptr && j < count ? rows[j * keys + i] : 0.0f;
}

inline void store_state(const float *packed, int64_t keys, int64_t count, int64_t stride, float *rows) {
  for (int64_t j = 0; j < count; ++j)
    for (int64_t i = 0; i < keys; ++i) rows[j * keys + i] = packed[i * stride + j];
}

}  // namespace delta_rule
}  // namespace SSM_NAMESPACE
