// One step of Adam or AdamW.
#include <cmath>

#include "launch.h"

using namespace ssm;

namespace {

double power(double beta, int64_t step) {
  double result = 1;
  for (double square = beta; step > 0; step >>= 1, square *= square)
    if (step & 1) result *= square;
  return result;
}

}  // namespace

extern "C" int32_t ssm_cuda_adam_step(ssm_cuda_context *context, double learning_rate, double beta1, double beta2,
                                      double epsilon, double weight_decay, int32_t decoupled, int64_t step,
                                      const ssm_cuda_matrix *parameters, const ssm_cuda_matrix *gradient,
                                      const ssm_cuda_matrix *m, const ssm_cuda_matrix *v) try {
  const int64_t n = parameters->columns;
  expect(step >= 1, "adam_step", "steps count from 1");
  expect_shape("adam_step", "parameters", *parameters, 1, n);
  expect_shape("adam_step", "gradient", *gradient, 1, n);
  expect_shape("adam_step", "m", *m, 1, n);
  expect_shape("adam_step", "v", *v, 1, n);
  const float keep1 = static_cast<float>(beta1), take1 = static_cast<float>(1 - beta1);
  const float keep2 = static_cast<float>(beta2), take2 = static_cast<float>(1 - beta2);
  const float rate = static_cast<float>(learning_rate / (1 - power(beta1, step)));
  const float unbias = static_cast<float>(1 / std::sqrt(1 - power(beta2, step)));
  const float shrink = decoupled ? static_cast<float>(1 - learning_rate * weight_decay) : 1.0f;
  const float penalty = decoupled ? 0.0f : static_cast<float>(weight_decay);
  const float floor = static_cast<float>(epsilon);
  for_each_element(*context, 1, n,
                   [=, w = parameters->data, g = gradient->data, m = m->data, v = v->data] __device__(int64_t,
                                                                                                      int64_t i) {
                     const float d = g[i] + penalty * w[i];
                     const float first = keep1 * m[i] + take1 * d, second = keep2 * v[i] + take2 * (d * d);
                     m[i] = first;
                     v[i] = second;
                     w[i] = shrink * w[i] - rate * first / (sqrtf(second) * unbias + floor);
                   });
  return SSM_CUDA_OK;
} catch (...) {
  return status_of_exception();
}
