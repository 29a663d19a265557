// One step of Adam or AdamW.
#include <cmath>

#include "rows.h"
#include "target.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace SSM_NAMESPACE {
namespace {

SSM_INLINE Floats square_root(Floats v) {
#if defined(__AVX512F__)
  return (Floats)_mm512_sqrt_ps((__m512)v);
#elif defined(__AVX__)
  return (Floats)_mm256_sqrt_ps((__m256)v);
#elif defined(__SSE2__)
  return (Floats)_mm_sqrt_ps((__m128)v);
#else
  for (int i = 0; i < kLanes; ++i) v[i] = std::sqrt(v[i]);
  return v;
#endif
}

// beta^step by squaring: the same bits on every machine, unlike the C library's pow.
double power(double beta, int64_t step) {
  double result = 1;
  for (double square = beta; step > 0; step >>= 1, square *= square)
    if (step & 1) result *= square;
  return result;
}

}  // namespace

int32_t adam_step_f32(int64_t n, double learning_rate, double beta1, double beta2, double epsilon, double weight_decay,
                      int32_t decoupled, int64_t step, float *parameters, const float *gradient, float *m, float *v) {
  if (step < 1) return SSM_INVALID_ARGUMENT;
  const float keep1 = static_cast<float>(beta1), take1 = static_cast<float>(1 - beta1);
  const float keep2 = static_cast<float>(beta2), take2 = static_cast<float>(1 - beta2);
  const float rate = static_cast<float>(learning_rate / (1 - power(beta1, step)));
  const float unbias = static_cast<float>(1 / std::sqrt(1 - power(beta2, step)));
  const float shrink = decoupled ? static_cast<float>(1 - learning_rate * weight_decay) : 1.0f;
  const float penalty = decoupled ? 0.0f : static_cast<float>(weight_decay);
  const float floor = static_cast<float>(epsilon);
  for_each_vector(1, n, [&](int64_t, int64_t i, int64_t count) {
    const Floats w = load_up_to(parameters + i, count);
    const Floats g = load_up_to(gradient + i, count) + penalty * w;
    const Floats first = keep1 * load_up_to(m + i, count) + take1 * g;
    const Floats second = keep2 * load_up_to(v + i, count) + take2 * (g * g);
    store_up_to(m + i, first, count);
    store_up_to(v + i, second, count);
    store_up_to(parameters + i, shrink * w - rate * first / (square_root(second) * unbias + floor), count);
  });
  return SSM_OK;
}

}  // namespace SSM_NAMESPACE
