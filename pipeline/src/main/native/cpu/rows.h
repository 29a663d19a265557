// Loops over the rows of strided matrices. The last, partial vector of a row goes through the same arithmetic as the
// full ones, so that a number does not depend on the column or the width it stands in.
#pragma once

#include "simd_math.h"

namespace SSM_NAMESPACE {

// n, rounded up to whole vectors.
SSM_INLINE int64_t padded(int64_t n) { return (n + kLanes - 1) / kLanes * kLanes; }

SSM_INLINE Floats load_up_to(const float *p, int64_t count) {
  return count >= kLanes ? load(p) : load_part(p, static_cast<int>(count));
}

SSM_INLINE void store_up_to(float *p, Floats v, int64_t count) {
  if (count >= kLanes)
    store(p, v);
  else
    store_part(p, v, static_cast<int>(count));
}

// Dense matrices are one long row.
template <typename... Strides>
SSM_INLINE void flatten(int64_t &rows, int64_t &columns, Strides... strides) {
  if (((strides == columns) && ...)) {
    columns *= rows;
    rows = 1;
  }
}

// Calls f(r, c, count) for every vector of every row, count elements of it inside.
template <typename F>
SSM_INLINE void for_each_vector(int64_t rows, int64_t columns, F f) {
  for (int64_t r = 0; r < rows; ++r) {
    int64_t c = 0;
    for (; c + kLanes <= columns; c += kLanes) f(r, c, static_cast<int64_t>(kLanes));
    if (c < columns) f(r, c, columns - c);
  }
}

// y = f(x).
template <typename F>
SSM_INLINE void map_rows(int64_t rows, int64_t columns, const float *x, int64_t x_stride, float *y, int64_t y_stride,
                         F f) {
  flatten(rows, columns, x_stride, y_stride);
  for_each_vector(rows, columns, [&](int64_t r, int64_t c, int64_t count) {
    store_up_to(y + r * y_stride + c, f(load_up_to(x + r * x_stride + c, count)), count);
  });
}

// z = f(x, y).
template <typename F>
SSM_INLINE void map_rows(int64_t rows, int64_t columns, const float *x, int64_t x_stride, const float *y,
                         int64_t y_stride, float *z, int64_t z_stride, F f) {
  flatten(rows, columns, x_stride, y_stride, z_stride);
  for_each_vector(rows, columns, [&](int64_t r, int64_t c, int64_t count) {
    store_up_to(z + r * z_stride + c,
                f(load_up_to(x + r * x_stride + c, count), load_up_to(y + r * y_stride + c, count)), count);
  });
}

}  // namespace SSM_NAMESPACE
