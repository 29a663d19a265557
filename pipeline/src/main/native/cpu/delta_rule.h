// What the forward and the backward of the delta rule share. Lanes run across values; the state of a vector of values
// is [K][lanes]. Rows of the state matrix do not mix, so vectors of values are independent.
#pragma once

#include "recurrence.h"

namespace SSM_NAMESPACE {
namespace delta_rule {

// The decay of a step: 1 without one.
SSM_INLINE float decay_of(const float *log_alpha, int64_t stride, int64_t row, int64_t head) {
  return log_alpha == nullptr ? 1.0f : exp(broadcast(log_alpha[row * stride + head]))[0];
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
