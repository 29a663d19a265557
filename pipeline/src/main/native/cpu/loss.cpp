// Losses, summed in double precision in row order, and their gradients.
#include <cmath>

#include "rows.h"
#include "target.h"

namespace SSM_NAMESPACE {
namespace {

// log x for a positive, finite x, to a few ulp: the same bits on every machine, unlike the C library's.
double logarithm(double x) {
  int exponent;
  double m = std::frexp(x, &exponent);
  if (m < 0.70710678118654752) {
    m *= 2;
    --exponent;
  }
  // log m = 2 artanh s with |s| < 0.172.
  const double s = (m - 1) / (m + 1), q = s * s;
  double sum = 0;
  for (int k = 21; k >= 3; k -= 2) sum = (sum + 1.0 / k) * q;
  return exponent * 0.69314718055994531 + (2 * s + 2 * s * sum);
}

}  // namespace

int32_t squared_error_f32(int64_t rows, int64_t columns, const float *prediction, int64_t prediction_stride,
                          const float *target, int64_t target_stride, const float *weights, float *dprediction,
                          int64_t dprediction_stride, double *sum) {
  double total = 0;
  for (int64_t r = 0; r < rows; ++r) {
    double row = 0;
    for (int64_t c = 0; c < columns; ++c) {
      const float difference = prediction[r * prediction_stride + c] - target[r * target_stride + c];
      row += static_cast<double>(difference) * difference;
      if (dprediction != nullptr) dprediction[r * dprediction_stride + c] = 2 * weights[r] * difference;
    }
    total += weights[r] * row;
  }
  *sum = total;
  return SSM_OK;
}

int32_t softmax_cross_entropy_f32(int64_t rows, int64_t columns, const float *logits, int64_t logits_stride,
                                  const int32_t *targets, const float *weights, float *dlogits,
                                  int64_t dlogits_stride, double *sum) {
  double total = 0;
  for (int64_t r = 0; r < rows; ++r) {
    const float *row = logits + r * logits_stride;
    float *gradient = dlogits == nullptr ? nullptr : dlogits + r * dlogits_stride;
    if (weights[r] == 0) {
      for (int64_t c = 0; gradient != nullptr && c < columns; ++c) gradient[c] = 0;
      continue;
    }
    if (targets[r] < 0 || targets[r] >= columns) return SSM_INVALID_ARGUMENT;
    float largest = row[0];
    for (int64_t c = 1; c < columns; ++c) largest = row[c] > largest ? row[c] : largest;
    double normalizer = 0;
    for_each_vector(1, columns, [&](int64_t, int64_t c, int64_t count) {
      const Floats e = exp(load_up_to(row + c, count) - largest);
      if (gradient != nullptr) store_up_to(gradient + c, e, count);
      for (int64_t i = 0; i < count && i < kLanes; ++i) normalizer += e[i];
    });
    total += weights[r] * (logarithm(normalizer) - (static_cast<double>(row[targets[r]]) - largest));
    if (gradient != nullptr) {
      const float scale = static_cast<float>(weights[r] / normalizer);
      map_rows(1, columns, gradient, 0, gradient, 0, [=](Floats e) { return e * scale; });
      // weight (p - 1), without the cancellation where p is nearly 1.
      double others = 0;
      for (int64_t c = 0; c < columns; ++c)
        if (c != targets[r]) others += gradient[c];
      gradient[targets[r]] = static_cast<float>(-others);
    }
  }
  *sum = total;
  return SSM_OK;
}

}  // namespace SSM_NAMESPACE
