// What the forward and the backward of the selective scan share. Lanes run across channels; the states of one vector
// of channels are [N][lanes] in the first-level cache.
#pragma once

#include "rows.h"

namespace SSM_NAMESPACE {
namespace selective_scan {

constexpr float kLog2E = 1.44269504f;

// The matrix a [D, N] of `count` channels, transposed to [N][lanes] and multiplied by `factor`; 0 beyond.
inline void pack_transition(const float *a, int64_t stride, int64_t states, int64_t count, float factor,
                            float *packed) {
  for (int64_t n = 0; n < states; ++n)
    for (int64_t i = 0; i < kLanes; ++i) packed[n * kLanes + i] = i < count ? factor * a[i * stride + n] : 0.0f;
}

// A row of `count` channels by N states, to or from [N][lanes].
inline void load_states(const float *row, int64_t states, int64_t count, float *packed) {
  for (int64_t n = 0; n < states; ++n)
    for (int64_t i = 0; i < kLanes; ++i)
      packed[n * kLanes + i] = row != nullptr && i < count ? row[i * states + n] : 0.0f;
}

inline void store_states(const float *packed, int64_t states, int64_t count, float *row) {
  for (int64_t i = 0; i < count && i < kLanes; ++i)
    for (int64_t n = 0; n < states; ++n) row[i * states + n] = packed[n * kLanes + i];
}

// Steps between two stored states in the backward; its square reaches the longest sequence, so that memory grows
// with the square root of the length.
inline int64_t chunk_length(int64_t longest) {
  int64_t chunk = 32;
  while (chunk * chunk < longest) chunk += 16;
  return chunk;
}

}  // namespace selective_scan
}  // namespace SSM_NAMESPACE
