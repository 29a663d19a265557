// The elementwise linear recurrence. Rows are walked in order, lanes across elements: the state before a step is the
// row of h above it.
#include <cstring>

#include "recurrence.h"
#include "target.h"

namespace SSM_NAMESPACE {
namespace {

struct Complex {
  Floats re, im;
};

// A complex row has its imaginary parts `half` elements after the real ones; half is 0 for real rows.
template <bool complex>
SSM_INLINE Complex load_number(const float *row, int64_t half, int64_t c, int64_t count) {
  return {load_up_to(row + c, count), complex ? load_up_to(row + half + c, count) : Floats{}};
}

template <bool complex>
SSM_INLINE void store_number(float *row, int64_t half, int64_t c, int64_t count, Complex x) {
  store_up_to(row + c, x.re, count);
  if (complex) store_up_to(row + half + c, x.im, count);
}

template <bool complex>
SSM_INLINE Complex product(Complex x, Complex y) {
  if (!complex) return {x.re * y.re, Floats{}};
  return {x.re * y.re - x.im * y.im, x.re * y.im + x.im * y.re};
}

// x times the conjugate of y.
template <bool complex>
SSM_INLINE Complex product_with_conjugate(Complex x, Complex y) {
  if (!complex) return {x.re * y.re, Floats{}};
  return {x.re * y.re + x.im * y.im, x.im * y.re - x.re * y.im};
}

template <bool complex>
SSM_INLINE Complex sum(Complex x, Complex y) {
  return {x.re + y.re, complex ? x.im + y.im : Floats{}};
}

template <bool complex>
void forward(int64_t batch, const int32_t *offsets, int64_t columns, bool constant, const float *a, int64_t a_stride,
             const float *b, int64_t b_stride, const float *gain, const float *initial, int64_t initial_stride,
             float *h, int64_t h_stride, float *last, int64_t last_stride) {
  const int64_t width = complex ? columns / 2 : columns, half = width;
  for (int64_t s = 0; s < batch; ++s) {
    const float *before = initial == nullptr ? nullptr : initial + s * initial_stride;
    for (int64_t row = offsets[s]; row < offsets[s + 1]; ++row) {
      const float *decay = a + (constant ? 0 : row * a_stride);
      float *after = h + row * h_stride;
      for_each_vector(1, width, [&](int64_t, int64_t c, int64_t count) {
        Complex x = load_number<complex>(b + row * b_stride, half, c, count);
        if (gain != nullptr) x = product<complex>(load_number<complex>(gain, half, c, count), x);
        if (before != nullptr)
          x = sum<complex>(x, product<complex>(load_number<complex>(decay, half, c, count),
                                               load_number<complex>(before, half, c, count)));
        store_number<complex>(after, half, c, count, x);
      });
      before = after;
    }
    if (last != nullptr && columns > 0) {
      if (before == nullptr)
        std::memset(last + s * last_stride, 0, columns * sizeof(float));
      else
        std::memcpy(last + s * last_stride, before, columns * sizeof(float));
    }
  }
}

template <bool complex>
void backward(int64_t batch, const int32_t *offsets, int64_t columns, bool constant, const float *a, int64_t a_stride,
              const float *b, int64_t b_stride, const float *gain, const float *initial, int64_t initial_stride,
              const float *h, int64_t h_stride, const float *dh, int64_t dh_stride, const float *dlast,
              int64_t dlast_stride, float *da, int64_t da_stride, float *db, int64_t db_stride, float *dgain,
              float *dinitial, int64_t dinitial_stride, float *workspace) {
  constexpr int64_t kBlock = 256;  // rows summed before they are added to the total
  const int64_t width = complex ? columns / 2 : columns, half = width;
  float *carried = workspace, *da_of_block = workspace + columns, *dgain_of_block = workspace + 2 * columns;
  const bool sum_a = constant && da != nullptr, sum_gain = gain != nullptr && dgain != nullptr;
  for (int64_t s = 0; s < batch; ++s) {
    if (dlast == nullptr)
      std::memset(carried, 0, columns * sizeof(float));
    else
      std::memcpy(carried, dlast + s * dlast_stride, columns * sizeof(float));
    for (int64_t end = offsets[s + 1]; end > offsets[s]; end -= kBlock) {
      const int64_t begin = end - kBlock > offsets[s] ? end - kBlock : offsets[s];
      std::memset(da_of_block, 0, 2 * columns * sizeof(float));
      for (int64_t row = end - 1; row >= begin; --row) {
        const float *decay = a + (constant ? 0 : row * a_stride);
        const float *before = row > offsets[s] ? h + (row - 1) * h_stride
                              : initial == nullptr ? nullptr
                                                   : initial + s * initial_stride;
        for_each_vector(1, width, [&](int64_t, int64_t c, int64_t count) {
          const Complex d = sum<complex>(load_number<complex>(carried, half, c, count),
                                         load_number<complex>(dh + row * dh_stride, half, c, count));
          if (da != nullptr) {
            const Complex x = before == nullptr ? Complex{Floats{}, Floats{}}
                                                : product_with_conjugate<complex>(
                                                      d, load_number<complex>(before, half, c, count));
            if (constant)
              store_number<complex>(da_of_block, half, c, count,
                                    sum<complex>(load_number<complex>(da_of_block, half, c, count), x));
            else
              store_number<complex>(da + row * da_stride, half, c, count, x);
          }
          Complex dx = d;
          if (gain != nullptr) {
            if (sum_gain) {
              const Complex x =
                  product_with_conjugate<complex>(d, load_number<complex>(b + row * b_stride, half, c, count));
              store_number<complex>(dgain_of_block, half, c, count,
                                    sum<complex>(load_number<complex>(dgain_of_block, half, c, count), x));
            }
            dx = product_with_conjugate<complex>(d, load_number<complex>(gain, half, c, count));
          }
          store_number<complex>(db + row * db_stride, half, c, count, dx);
          store_number<complex>(carried, half, c, count,
                                product_with_conjugate<complex>(d, load_number<complex>(decay, half, c, count)));
        });
      }
      for (int64_t c = 0; c < columns; ++c) {
        if (sum_a) da[c] += da_of_block[c];
        if (sum_gain) dgain[c] += dgain_of_block[c];
      }
    }
    if (dinitial != nullptr && columns > 0)
      std::memcpy(dinitial + s * dinitial_stride, carried, columns * sizeof(float));
  }
}

}  // namespace

int32_t diagonal_scan_forward_f32(int64_t batch, const int32_t *offsets, int64_t columns, int32_t complex,
                                  int32_t constant, const float *a, int64_t a_stride, const float *b, int64_t b_stride,
                                  const float *gain, const float *initial, int64_t initial_stride, float *h,
                                  int64_t h_stride, float *last, int64_t last_stride) {
  if (batch < 0 || columns < 0 || (complex && columns % 2 != 0)) return SSM_INVALID_ARGUMENT;
  (complex ? forward<true> : forward<false>)(batch, offsets, columns, constant != 0, a, a_stride, b, b_stride, gain,
                                             initial, initial_stride, h, h_stride, last, last_stride);
  return SSM_OK;
}

int32_t diagonal_scan_backward_f32(int64_t batch, const int32_t *offsets, int64_t columns, int32_t complex,
                                   int32_t constant, const float *a, int64_t a_stride, const float *b,
                                   int64_t b_stride, const float *gain, const float *initial, int64_t initial_stride,
                                   const float *h, int64_t h_stride, const float *dh, int64_t dh_stride,
                                   const float *dlast, int64_t dlast_stride, float *da, int64_t da_stride, float *db,
                                   int64_t db_stride, float *dgain, float *dinitial, int64_t dinitial_stride,
                                   float *workspace) {
  if (batch < 0 || columns < 0 || (complex && columns % 2 != 0)) return SSM_INVALID_ARGUMENT;
  (complex ? backward<true> : backward<false>)(batch, offsets, columns, constant != 0, a, a_stride, b, b_stride, gain,
                                               initial, initial_stride, h, h_stride, dh, dh_stride, dlast,
                                               dlast_stride, da, da_stride, db, db_stride, dgain, dinitial,
                                               dinitial_stride, workspace);
  return SSM_OK;
}

}  // namespace SSM_NAMESPACE
