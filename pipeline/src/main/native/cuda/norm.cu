// Root-mean-square and layer normalization: a warp takes a row.
#include "launch.h"

using namespace ssm;

extern "C" {

int32_t ssm_cuda_rms_norm_forward(ssm_cuda_context *context, const ssm_cuda_matrix *x, const ssm_cuda_matrix *gamma,
                                  double epsilon, const ssm_cuda_matrix *y, const ssm_cuda_matrix *inverse) try {
  const int64_t columns = x->columns;
  expect_shape("rms_norm_forward", "gamma", *gamma, 1, columns);
  expect_shape("rms_norm_forward", "y", *y, x->rows, columns);
  expect_shape("rms_norm_forward", "inverse", *inverse, x->rows, 1);
  for_each_row(*context, x->rows,
               [x = *x, gamma = gamma->data, y = *y, inverse = *inverse, columns, epsilon] __device__(int64_t r) {
                 const float squares = warp_sum_over(columns, [&](int64_t c) { return at(x, r, c) * at(x, r, c); });
                 const float scale = static_cast<float>(1 / sqrt(static_cast<double>(squares) / columns + epsilon));
                 if (threadIdx.x == 0) at(inverse, r, 0) = scale;
                 for (int64_t c = threadIdx.x; c < columns; c += kWarp) at(y, r, c) = at(x, r, c) * scale * gamma[c];
               });
  return SSM_CUDA_OK;
} catch (...) {
  return status_of_exception();
}

int32_t ssm_cuda_rms_norm_backward(ssm_cuda_context *context, const ssm_cuda_matrix *x, const ssm_cuda_matrix *gamma,
                                   const ssm_cuda_matrix *inverse, const ssm_cuda_matrix *dy, const ssm_cuda_matrix *dx,
                                   const ssm_cuda_matrix *dgamma) try {
  const int64_t columns = x->columns;
  expect_shape("rms_norm_backward", "gamma", *gamma, 1, columns);
  expect_shape("rms_norm_backward", "inverse", *inverse, x->rows, 1);
  expect_shape("rms_norm_backward", "dy", *dy, x->rows, columns);
  expect_shape("rms_norm_backward", "dx", *dx, x->rows, columns);
  expect_shape_or_absent("rms_norm_backward", "dgamma", *dgamma, 1, columns);
  // Before dx, which may be dy, is written.
  if (present(*dgamma))
    for_each_column_sum(
        *context, x->rows, columns,
        [x = *x, dy = *dy, inverse = *inverse] __device__(int64_t r, int64_t c) {
          return at(dy, r, c) * at(x, r, c) * at(inverse, r, 0);
        },
        [sums = dgamma->data] __device__(int64_t c, float sum) { sums[c] += sum; });
  for_each_row(*context, x->rows,
               [x = *x, gamma = gamma->data, inverse = *inverse, dy = *dy, dx = *dx, columns] __device__(int64_t r) {
                 const float scale = at(inverse, r, 0);
                 const float product = warp_sum_over(
                     columns, [&](int64_t c) { return at(dy, r, c) * gamma[c] * at(x, r, c); });
                 const float correction = product * scale * scale / static_cast<float>(columns);
                 for (int64_t c = threadIdx.x; c < columns; c += kWarp)
                   at(dx, r, c) = scale * (at(dy, r, c) * gamma[c] - at(x, r, c) * correction);
               });
  return SSM_CUDA_OK;
} catch (...) {
  return status_of_exception();
}

int32_t ssm_cuda_layer_norm_forward(ssm_cuda_context *context, const ssm_cuda_matrix *x, const ssm_cuda_matrix *gamma,
                                    const ssm_cuda_matrix *beta, double epsilon, const ssm_cuda_matrix *y,
                                    const ssm_cuda_matrix *statistics) try {
  const int64_t columns = x->columns;
  expect_shape("layer_norm_forward", "gamma", *gamma, 1, columns);
  expect_shape("layer_norm_forward", "beta", *beta, 1, columns);
  expect_shape("layer_norm_forward", "y", *y, x->rows, columns);
  expect_shape("layer_norm_forward", "statistics", *statistics, x->rows, 2);
  for_each_row(*context, x->rows,
               [x = *x, gamma = gamma->data, beta = beta->data, y = *y, statistics = *statistics, columns,
                epsilon] __device__(int64_t r) {
                 const float mean =
                     warp_sum_over(columns, [&](int64_t c) { return at(x, r, c); }) / static_cast<float>(columns);
                 const float squares = warp_sum_over(columns, [&](int64_t c) {
                   const float v = at(x, r, c) - mean;
                   return v * v;
                 });
                 const float scale = static_cast<float>(1 / sqrt(static_cast<double>(squares) / columns + epsilon));
                 if (threadIdx.x == 0) {
                   at(statistics, r, 0) = mean;
                   at(statistics, r, 1) = scale;
                 }
                 for (int64_t c = threadIdx.x; c < columns; c += kWarp)
                   at(y, r, c) = (at(x, r, c) - mean) * scale * gamma[c] + beta[c];
               });
  return SSM_CUDA_OK;
} catch (...) {
  return status_of_exception();
}

int32_t ssm_cuda_layer_norm_backward(ssm_cuda_context *context, const ssm_cuda_matrix *x, const ssm_cuda_matrix *gamma,
                                     const ssm_cuda_matrix *statistics, const ssm_cuda_matrix *dy,
                                     const ssm_cuda_matrix *dx, const ssm_cuda_matrix *dgamma,
                                     const ssm_cuda_matrix *dbeta) try {
  const int64_t columns = x->columns;
  expect_shape("layer_norm_backward", "gamma", *gamma, 1, columns);
  expect_shape("layer_norm_backward", "statistics", *statistics, x->rows, 2);
  expect_shape("layer_norm_backward", "dy", *dy, x->rows, columns);
  expect_shape("layer_norm_backward", "dx", *dx, x->rows, columns);
  expect_shape_or_absent("layer_norm_backward", "dgamma", *dgamma, 1, columns);
  expect_shape_or_absent("layer_norm_backward", "dbeta", *dbeta, 1, columns);
  if (present(*dgamma))
    for_each_column_sum(
        *context, x->rows, columns,
        [x = *x, dy = *dy, statistics = *statistics] __device__(int64_t r, int64_t c) {
          return at(dy, r, c) * (at(x, r, c) - at(statistics, r, 0)) * at(statistics, r, 1);
        },
        [sums = dgamma->data] __device__(int64_t c, float sum) { sums[c] += sum; });
  if (present(*dbeta))
    for_each_column_sum(
        *context, x->rows, columns, [dy = *dy] __device__(int64_t r, int64_t c) { return at(dy, r, c); },
        [sums = dbeta->data] __device__(int64_t c, float sum) { sums[c] += sum; });
  for_each_row(*context, x->rows,
               [x = *x, gamma = gamma->data, statistics = *statistics, dy = *dy, dx = *dx,
                columns] __device__(int64_t r) {
                 const float mean = at(statistics, r, 0), scale = at(statistics, r, 1);
                 const float count = static_cast<float>(columns);
                 const float mean_d =
                     warp_sum_over(columns, [&](int64_t c) { return at(dy, r, c) * gamma[c]; }) / count;
                 const float mean_dn = warp_sum_over(columns,
                                                     [&](int64_t c) {
                                                       return at(dy, r, c) * gamma[c] * (at(x, r, c) - mean) * scale;
                                                     }) /
                                       count;
                 for (int64_t c = threadIdx.x; c < columns; c += kWarp) {
                   const float normal = (at(x, r, c) - mean) * scale;
                   at(dx, r, c) = scale * (at(dy, r, c) * gamma[c] - mean_d - normal * mean_dn);
                 }
               });
  return SSM_CUDA_OK;
} catch (...) {
  return status_of_exception();
}

}  // extern "C"
