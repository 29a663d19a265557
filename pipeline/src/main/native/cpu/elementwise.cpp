// Copies, products and sums without further arithmetic.
#include <cstring>

#include "rows.h"
#include "target.h"

namespace SSM_NAMESPACE {

int32_t copy_f32(int64_t rows, int64_t columns, const float *source, int64_t source_stride, float *target,
                 int64_t target_stride) {
  flatten(rows, columns, source_stride, target_stride);
  for (int64_t r = 0; r < rows; ++r)
    if (columns > 0) std::memcpy(target + r * target_stride, source + r * source_stride, columns * sizeof(float));
  return SSM_OK;
}

int32_t fill_f32(int64_t rows, int64_t columns, float value, float *target, int64_t target_stride) {
  flatten(rows, columns, target_stride);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c) target[r * target_stride + c] = value;
  return SSM_OK;
}

int32_t add_scaled_f32(int64_t rows, int64_t columns, float alpha, const float *x, int64_t x_stride, float *y,
                       int64_t y_stride) {
  map_rows(rows, columns, x, x_stride, y, y_stride, y, y_stride,
           [=](Floats a, Floats b) { return alpha * a + b; });
  return SSM_OK;
}

int32_t add_row_f32(int64_t rows, int64_t columns, const float *bias, float *x, int64_t x_stride) {
  map_rows(rows, columns, x, x_stride, bias, 0, x, x_stride, [](Floats a, Floats b) { return a + b; });
  return SSM_OK;
}

int32_t multiply_f32(int64_t rows, int64_t columns, const float *x, int64_t x_stride, const float *y, int64_t y_stride,
                     float *z, int64_t z_stride) {
  map_rows(rows, columns, x, x_stride, y, y_stride, z, z_stride, [](Floats a, Floats b) { return a * b; });
  return SSM_OK;
}

int32_t add_scaled_columns_f32(int64_t rows, int64_t columns, const float *gain, const float *x, int64_t x_stride,
                               float *y, int64_t y_stride) {
  for_each_vector(rows, columns, [&](int64_t r, int64_t c, int64_t count) {
    float *at = y + r * y_stride + c;
    store_up_to(at, load_up_to(at, count) + load_up_to(gain + c, count) * load_up_to(x + r * x_stride + c, count),
                count);
  });
  return SSM_OK;
}

int32_t sum_products_f32(int64_t rows, int64_t columns, const float *x, int64_t x_stride, const float *y,
                         int64_t y_stride, float *sums) {
  constexpr int64_t kBlock = 64;
  for_each_vector(1, columns, [&](int64_t, int64_t c, int64_t count) {
    Floats total = {};
    for (int64_t begin = 0; begin < rows; begin += kBlock) {
      const int64_t end = begin + kBlock < rows ? begin + kBlock : rows;
      Floats block = {};
      for (int64_t r = begin; r < end; ++r)
        block += load_up_to(x + r * x_stride + c, count) * load_up_to(y + r * y_stride + c, count);
      total += block;
    }
    store_up_to(sums + c, load_up_to(sums + c, count) + total, count);
  });
  return SSM_OK;
}

int32_t sum_rows_f32(int64_t rows, int64_t columns, const float *x, int64_t x_stride, float *sum) {
  // Blocks of rows first, so that the rounding error does not grow with the number of rows.
  constexpr int64_t kBlock = 64;
  for_each_vector(1, columns, [&](int64_t, int64_t c, int64_t count) {
    Floats total = {};
    for (int64_t begin = 0; begin < rows; begin += kBlock) {
      const int64_t end = begin + kBlock < rows ? begin + kBlock : rows;
      Floats block = {};
      for (int64_t r = begin; r < end; ++r) block += load_up_to(x + r * x_stride + c, count);
      total += block;
    }
    store_up_to(sum + c, load_up_to(sum + c, count) + total, count);
  });
  return SSM_OK;
}

int32_t sum_of_squares_f32(int64_t rows, int64_t columns, const float *x, int64_t x_stride, double *sum) {
  typedef float Half __attribute__((vector_size(SSM_VECTOR_BYTES / 2), aligned(4), may_alias));
  typedef Vector<double> Doubles;
  constexpr int64_t kDoubles = VectorOf<double>::lanes;
  constexpr int kSums = 4;  // so that the additions of one do not wait for each other
  flatten(rows, columns, x_stride);
  double total = 0;
  for (int64_t r = 0; r < rows; ++r) {
    const float *row = x + r * x_stride;
    Doubles sums[kSums] = {};
    int64_t c = 0;
    for (; c + kSums * kDoubles <= columns; c += kSums * kDoubles)
      for (int i = 0; i < kSums; ++i) {
        const Doubles v = __builtin_convertvector(*reinterpret_cast<const Half *>(row + c + i * kDoubles), Doubles);
        sums[i] += v * v;
      }
    const Doubles all = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    for (int i = 0; i < kDoubles; ++i) total += all[i];
    for (; c < columns; ++c) total += static_cast<double>(row[c]) * row[c];
  }
  *sum = total;
  return SSM_OK;
}

}  // namespace SSM_NAMESPACE
