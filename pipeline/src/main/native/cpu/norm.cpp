// Root-mean-square and layer normalization of rows. Statistics are summed in double precision.
#include <cmath>

#include "rows.h"
#include "target.h"

namespace SSM_NAMESPACE {
namespace {

// sum f(c, count) over a row: kLanes partial sums of single precision per 16 vectors, then double precision. Lanes
// beyond the row must give 0.
template <typename F>
SSM_INLINE double sum_over_row(int64_t columns, F f) {
  double total = 0;
  for (int64_t begin = 0; begin < columns; begin += 16 * kLanes) {
    const int64_t end = begin + 16 * kLanes < columns ? begin + 16 * kLanes : columns;
    Floats part = {};
    for (int64_t c = begin; c < end; c += kLanes) part += f(c, end - c);
    total += sum_of_lanes(part);
  }
  return total;
}

SSM_INLINE Floats lanes_below(int64_t count) {
  Floats v = {};
  for (int i = 0; i < kLanes; ++i) v[i] = i < count ? 1.0f : 0.0f;
  return v;
}

}  // namespace

int32_t rms_norm_forward_f32(int64_t rows, int64_t columns, const float *x, int64_t x_stride, const float *gamma,
                             double epsilon, float *y, int64_t y_stride, float *inverse, int64_t inverse_stride) {
  for (int64_t r = 0; r < rows; ++r) {
    const float *row = x + r * x_stride;
    const double squares = sum_over_row(columns, [&](int64_t c, int64_t count) {
      const Floats v = load_up_to(row + c, count);
      return v * v;
    });
    const float scale = static_cast<float>(1 / std::sqrt(squares / columns + epsilon));
    inverse[r * inverse_stride] = scale;
    map_rows(1, columns, row, 0, gamma, 0, y + r * y_stride, 0, [=](Floats v, Floats g) { return v * scale * g; });
  }
  return SSM_OK;
}

int32_t rms_norm_backward_f32(int64_t rows, int64_t columns, const float *x, int64_t x_stride, const float *gamma,
                              const float *inverse, int64_t inverse_stride, const float *dy, int64_t dy_stride,
                              float *dx, int64_t dx_stride, float *dgamma) {
  for (int64_t r = 0; r < rows; ++r) {
    const float *row = x + r * x_stride;
    const float *d = dy + r * dy_stride;
    const float scale = inverse[r * inverse_stride];
    const double product = sum_over_row(columns, [&](int64_t c, int64_t count) {
      return load_up_to(d + c, count) * load_up_to(gamma + c, count) * load_up_to(row + c, count);
    });
    const float correction = static_cast<float>(product * scale * scale / columns);
    for_each_vector(1, columns, [&](int64_t, int64_t c, int64_t count) {
      const Floats v = load_up_to(row + c, count);
      const Floats g = load_up_to(d + c, count);
      if (dgamma != nullptr) store_up_to(dgamma + c, load_up_to(dgamma + c, count) + g * v * scale, count);
      store_up_to(dx + r * dx_stride + c, scale * (g * load_up_to(gamma + c, count) - v * correction), count);
    });
  }
  return SSM_OK;
}

int32_t layer_norm_forward_f32(int64_t rows, int64_t columns, const float *x, int64_t x_stride, const float *gamma,
                               const float *beta, double epsilon, float *y, int64_t y_stride, float *statistics,
                               int64_t statistics_stride) {
  for (int64_t r = 0; r < rows; ++r) {
    const float *row = x + r * x_stride;
    const float mean = static_cast<float>(
        sum_over_row(columns, [&](int64_t c, int64_t count) { return load_up_to(row + c, count); }) / columns);
    const double squares = sum_over_row(columns, [&](int64_t c, int64_t count) {
      const Floats v = (load_up_to(row + c, count) - mean) * lanes_below(count);
      return v * v;
    });
    const float scale = static_cast<float>(1 / std::sqrt(squares / columns + epsilon));
    statistics[r * statistics_stride] = mean;
    statistics[r * statistics_stride + 1] = scale;
    for_each_vector(1, columns, [&](int64_t, int64_t c, int64_t count) {
      const Floats v = (load_up_to(row + c, count) - mean) * scale;
      store_up_to(y + r * y_stride + c, v * load_up_to(gamma + c, count) + load_up_to(beta + c, count), count);
    });
  }
  return SSM_OK;
}

int32_t layer_norm_backward_f32(int64_t rows, int64_t columns, const float *x, int64_t x_stride, const float *gamma,
                                const float *statistics, int64_t statistics_stride, const float *dy,
                                int64_t dy_stride, float *dx, int64_t dx_stride, float *dgamma, float *dbeta) {
  for (int64_t r = 0; r < rows; ++r) {
    const float *row = x + r * x_stride;
    const float *d = dy + r * dy_stride;
    const float mean = statistics[r * statistics_stride];
    const float scale = statistics[r * statistics_stride + 1];
    auto scaled = [&](int64_t c, int64_t count) { return load_up_to(d + c, count) * load_up_to(gamma + c, count); };
    auto normal = [&](int64_t c, int64_t count) { return (load_up_to(row + c, count) - mean) * scale; };
    const float mean_d = static_cast<float>(sum_over_row(columns, scaled) / columns);
    const float mean_dn = static_cast<float>(
        sum_over_row(columns, [&](int64_t c, int64_t count) { return scaled(c, count) * normal(c, count); }) /
        columns);
    for_each_vector(1, columns, [&](int64_t, int64_t c, int64_t count) {
      const Floats n = normal(c, count);
      const Floats g = load_up_to(d + c, count);
      if (dgamma != nullptr) store_up_to(dgamma + c, load_up_to(dgamma + c, count) + g * n, count);
      if (dbeta != nullptr) store_up_to(dbeta + c, load_up_to(dbeta + c, count) + g, count);
      store_up_to(dx + r * dx_stride + c, scale * (scaled(c, count) - mean_d - n * mean_dn), count);
    });
  }
  return SSM_OK;
}

}  // namespace SSM_NAMESPACE
