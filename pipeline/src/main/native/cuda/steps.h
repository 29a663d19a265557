// Batches that go through time together, one step after the other on the host's loop: sequences by falling length, so
// that those which still run are always the first ones.
#pragma once

#include <algorithm>
#include <numeric>
#include <vector>

#include "launch.h"

namespace ssm {

struct Steps {
  Segments segments;
  const int32_t *order;         // on the device: the sequence at each place
  std::vector<int64_t> active;  // per step: how many sequences have it

  // The row of a step of the sequence at a place.
  struct Rows {
    Segments segments;
    const int32_t *order;

    __device__ int64_t sequence(int64_t place) const { return order[place]; }
    __device__ int64_t first(int64_t place) const { return segments.offsets[order[place]]; }
  };
  Rows rows() const { return {segments, order}; }
};

inline std::vector<int32_t> by_falling_length(int64_t batch, const int32_t *offsets) {
  std::vector<int32_t> order(static_cast<size_t>(batch));
  std::iota(order.begin(), order.end(), 0);
  auto length = [&](int32_t s) { return offsets[s + 1] - offsets[s]; };
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return length(a) > length(b); });
  return order;
}

inline Steps upload_steps(Scratch &scratch, int64_t batch, const int32_t *offsets) {
  Steps steps;
  steps.segments = upload_segments(scratch, batch, offsets);
  const std::vector<int32_t> order = by_falling_length(batch, offsets);
  auto length = [&](int32_t s) { return offsets[s + 1] - offsets[s]; };
  steps.order = scratch.upload(order.data(), batch);
  int64_t count = batch;
  for (int64_t l = 0; l < steps.segments.longest; ++l) {
    while (count > 0 && length(order[static_cast<size_t>(count) - 1]) <= l) --count;
    steps.active.push_back(count);
  }
  return steps;
}

// The first `rows` rows.
inline ssm_cuda_matrix first_rows(const ssm_cuda_matrix &m, int64_t rows) {
  return {m.data, rows, m.columns, m.stride};
}

// places[p, :] = rows[sequence at p, begin : begin + columns], 0 where `rows` is absent.
inline void gather_sequences(ssm_cuda_context &context, const Steps &steps, const ssm_cuda_matrix &rows,
                             int64_t begin, const ssm_cuda_matrix &places) {
  for_each_element(context, places.rows, places.columns,
                   [=, at_place = steps.rows()] __device__(int64_t p, int64_t c) {
                     at(places, p, c) = present(rows) ? at(rows, at_place.sequence(p), begin + c) : 0.0f;
                   });
}

// The opposite.
inline void scatter_sequences(ssm_cuda_context &context, const Steps &steps, const ssm_cuda_matrix &places,
                              int64_t begin, const ssm_cuda_matrix &rows) {
  if (!present(rows)) return;
  for_each_element(context, places.rows, places.columns,
                   [=, at_place = steps.rows()] __device__(int64_t p, int64_t c) {
                     at(rows, at_place.sequence(p), begin + c) = at(places, p, c);
                   });
}

}  // namespace ssm
