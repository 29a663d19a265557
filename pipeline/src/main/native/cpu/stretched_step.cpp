// Step sizes softplus(x + bias) stretched by the duration of a row, as the argument of another softplus.
#include "rows.h"
#include "target.h"

namespace SSM_NAMESPACE {
namespace {

// log v for normal v > 0, 3 ulp away from 1, absolutely 2^-23 near it.
SSM_INLINE Floats logarithm(Floats v) {
  const Ints bits = floats_to_bits(v);
  const Ints exponent = (bits >> 23) - 127;
  const Floats fraction = bits_to_floats((bits & 0x7fffff) | (127 << 23)) - 1.0f;
  return __builtin_convertvector(exponent, Floats) * 0.693147181f + log1p_of_fraction(fraction);
}

// 1 - e^-d for d >= 0.
SSM_INLINE Floats saturation(Floats d) {
  Floats p = 1.0f - d * (1.0f / 7);
  p = 1.0f - d * (1.0f / 6) * p;
  p = 1.0f - d * (1.0f / 5) * p;
  p = 1.0f - d * (1.0f / 4) * p;
  p = 1.0f - d * (1.0f / 3) * p;
  p = 1.0f - d * (1.0f / 2) * p;
  return d < 0.35f ? d * p : 1.0f - exp(-d);
}

}  // namespace

int32_t stretched_step_forward_f32(int64_t rows, int64_t columns, const float *x, int64_t x_stride, const float *bias,
                                   const float *durations, int64_t durations_stride, float *y, int64_t y_stride) {
  for_each_vector(rows, columns, [&](int64_t r, int64_t c, int64_t count) {
    const Floats at = load_up_to(x + r * x_stride + c, count) + load_up_to(bias + c, count);
    const Floats d = at_least(durations[r * durations_stride] * softplus(at), 1e-37f);
    store_up_to(y + r * y_stride + c, d + logarithm(saturation(d)), count);
  });
  return SSM_OK;
}

int32_t stretched_step_backward_f32(int64_t rows, int64_t columns, const float *x, int64_t x_stride, const float *bias,
                                    const float *durations, int64_t durations_stride, const float *dy,
                                    int64_t dy_stride, float *dx, int64_t dx_stride) {
  for_each_vector(rows, columns, [&](int64_t r, int64_t c, int64_t count) {
    const Floats at = load_up_to(x + r * x_stride + c, count) + load_up_to(bias + c, count);
    const float duration = durations[r * durations_stride];
    const Floats d = at_least(duration * softplus(at), 1e-37f);
    store_up_to(dx + r * dx_stride + c,
                load_up_to(dy + r * dy_stride + c, count) * duration * sigmoid(at) / saturation(d), count);
  });
  return SSM_OK;
}

}  // namespace SSM_NAMESPACE
