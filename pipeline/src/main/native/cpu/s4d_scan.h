// What the forward and the backward of S4D share. Lanes run across channels; a few states at a time stay in
// registers over a block of steps.
#pragma once

#include "recurrence.h"

namespace SSM_NAMESPACE {
namespace s4d_scan {

// Vectors per state in the packed parameters: aBar, bBar and 2 c as (2 re, -2 im), so that y = sum of c h by parts.
constexpr int kParameters = 6;

// Matrices [D, 2 N] of `count` channels as [N][6][lanes]; 0 beyond.
inline void pack_parameters(const float *a_bar, int64_t a_stride, const float *b_bar, int64_t b_stride, const float *c,
                            int64_t c_stride, int64_t states, int64_t count, float *packed) {
  for (int64_t n = 0; n < states; ++n)
    for (int64_t i = 0; i < kLanes; ++i) {
      float *at = packed + n * kParameters * kLanes + i;
      const bool inside = i < count;
      at[0 * kLanes] = inside ? a_bar[i * a_stride + n] : 0.0f;
      at[1 * kLanes] = inside ? a_bar[i * a_stride + states + n] : 0.0f;
      at[2 * kLanes] = inside ? b_bar[i * b_stride + n] : 0.0f;
      at[3 * kLanes] = inside ? b_bar[i * b_stride + states + n] : 0.0f;
      at[4 * kLanes] = inside ? 2.0f * c[i * c_stride + n] : 0.0f;
      at[5 * kLanes] = inside ? -2.0f * c[i * c_stride + states + n] : 0.0f;
    }
}

// A row of `count` channels by 2 N numbers, to or from [N][2][lanes].
inline void load_states(const float *row, int64_t states, int64_t count, float *packed) {
  for (int64_t n = 0; n < states; ++n)
    for (int64_t i = 0; i < kLanes; ++i) {
      const bool inside = row != nullptr && i < count;
      packed[2 * n * kLanes + i] = inside ? row[i * 2 * states + n] : 0.0f;
      packed[(2 * n + 1) * kLanes + i] = inside ? row[i * 2 * states + states + n] : 0.0f;
    }
}

inline void store_states(const float *packed, int64_t states, int64_t count, float *row) {
  for (int64_t i = 0; i < count && i < kLanes; ++i)
    for (int64_t n = 0; n < states; ++n) {
      row[i * 2 * states + n] = packed[2 * n * kLanes + i];
      row[i * 2 * states + states + n] = packed[(2 * n + 1) * kLanes + i];
    }
}

// Runs `steps` steps of kStates states. u [steps][lanes]; state [kStates][2][lanes], in and out; y [steps][lanes] is
// added to where not null; trace [steps + 1][kStates][2][lanes] takes the states, the first included, where not null.
template <int kStates>
SSM_INLINE void advance(const float *parameters, const float *u, int64_t steps, float *state, float *y, float *trace) {
  Floats ar[kStates], ai[kStates], br[kStates], bi[kStates], cr[kStates], ci[kStates], hr[kStates], hi[kStates];
#pragma GCC unroll 4
  for (int n = 0; n < kStates; ++n) {
    const float *at = parameters + n * kParameters * kLanes;
    ar[n] = load(at);
    ai[n] = load(at + kLanes);
    br[n] = load(at + 2 * kLanes);
    bi[n] = load(at + 3 * kLanes);
    cr[n] = load(at + 4 * kLanes);
    ci[n] = load(at + 5 * kLanes);
    hr[n] = load(state + 2 * n * kLanes);
    hi[n] = load(state + (2 * n + 1) * kLanes);
    if (trace != nullptr) {
      store(trace + 2 * n * kLanes, hr[n]);
      store(trace + (2 * n + 1) * kLanes, hi[n]);
    }
  }
  for (int64_t l = 0; l < steps; ++l) {
    const Floats x = load(u + l * kLanes);
    Floats sum = y == nullptr ? Floats{} : load(y + l * kLanes);
#pragma GCC unroll 4
    for (int n = 0; n < kStates; ++n) {
      const Floats re = ar[n] * hr[n] + (br[n] * x - ai[n] * hi[n]);
      const Floats im = ar[n] * hi[n] + (bi[n] * x + ai[n] * hr[n]);
      hr[n] = re;
      hi[n] = im;
      sum += cr[n] * re + ci[n] * im;
      if (trace != nullptr) {
        store(trace + ((l + 1) * kStates + n) * 2 * kLanes, re);
        store(trace + (((l + 1) * kStates + n) * 2 + 1) * kLanes, im);
      }
    }
    if (y != nullptr) store(y + l * kLanes, sum);
  }
#pragma GCC unroll 4
  for (int n = 0; n < kStates; ++n) {
    store(state + 2 * n * kLanes, hr[n]);
    store(state + (2 * n + 1) * kLanes, hi[n]);
  }
}

// All states over a block of steps.
inline void advance_all(const float *parameters, int64_t states, const float *u, int64_t steps, float *state,
                        float *y) {
  int64_t n = 0;
  for (; n + 3 <= states; n += 3)
    advance<3>(parameters + n * kParameters * kLanes, u, steps, state + 2 * n * kLanes, y, nullptr);
  for (; n < states; ++n)
    advance<1>(parameters + n * kParameters * kLanes, u, steps, state + 2 * n * kLanes, y, nullptr);
}

}  // namespace s4d_scan
}  // namespace SSM_NAMESPACE
