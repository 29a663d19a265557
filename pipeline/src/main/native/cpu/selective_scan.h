// What the forward and the backward of the selective scan share. Lanes run across channels. A group of channels goes
// through a chunk of steps together, so that rows are read as they lie in memory; inside the chunk, one vector of
// channels at a time has its states [N][lanes] in the first-level cache.
#pragma once

#include "rows.h"

namespace SSM_NAMESPACE {
namespace selective_scan {

constexpr float kLog2E = 1.44269504f;
constexpr int64_t kVectors = 16;  // vectors of channels in a group
constexpr int64_t kGroupColumns = kVectors * kLanes;

// The operands a pass over the steps reads; rows are counted over the packed batch.
struct Operands {
  int64_t states;
  const float *u;
  int64_t u_stride;
  const float *delta_raw;
  int64_t delta_raw_stride;
  const float *delta_bias;
  const float *b;
  int64_t b_stride;
};

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

// softplus(delta_raw + bias) and u of the channels [first, first + columns) of `steps` rows, as [vector][chunk][lanes].
inline void load_steps(const Operands &x, int64_t row, int64_t steps, int64_t chunk, int64_t first, int64_t columns,
                       float *delta, float *u) {
  for (int64_t l = 0; l < steps; ++l)
    for (int64_t v = 0; v * kLanes < columns; ++v) {
      const int64_t column = first + v * kLanes, count = columns - v * kLanes;
      const Floats bias = x.delta_bias == nullptr ? Floats{} : load_up_to(x.delta_bias + column, count);
      const Floats raw = load_up_to(x.delta_raw + (row + l) * x.delta_raw_stride + column, count);
      store(delta + (v * chunk + l) * kLanes, softplus(raw + bias));
      store(u + (v * chunk + l) * kLanes, load_up_to(x.u + (row + l) * x.u_stride + column, count));
    }
}

}  // namespace selective_scan
}  // namespace SSM_NAMESPACE
