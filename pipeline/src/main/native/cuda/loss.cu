// Losses, summed in double precision, and their gradients.
#include "launch.h"

using namespace ssm;

extern "C" {

int32_t ssm_cuda_squared_error(ssm_cuda_context *context, const ssm_cuda_matrix *prediction,
                               const ssm_cuda_matrix *target, const float *weights, const ssm_cuda_matrix *dprediction,
                               int32_t total) try {
  const int64_t rows = prediction->rows, columns = prediction->columns;
  expect_shape("squared_error", "target", *target, rows, columns);
  expect_shape_or_absent("squared_error", "dprediction", *dprediction, rows, columns);
  Scratch scratch(*context);
  const float *const w = scratch.upload(weights, rows);
  if (present(*dprediction))
    for_each_element(*context, rows, columns,
                     [p = *prediction, t = *target, d = *dprediction, w] __device__(int64_t r, int64_t c) {
                       at(d, r, c) = 2 * w[r] * (at(p, r, c) - at(t, r, c));
                     });
  total_of(*context, total, rows * columns, [p = *prediction, t = *target, w, columns] __device__(int64_t i) {
    const float difference = at(p, i / columns, i % columns) - at(t, i / columns, i % columns);
    return static_cast<double>(w[i / columns]) * (static_cast<double>(difference) * difference);
  });
  return SSM_CUDA_OK;
} catch (...) {
  return status_of_exception();
}

int32_t ssm_cuda_softmax_cross_entropy(ssm_cuda_context *context, const ssm_cuda_matrix *logits, const int32_t *targets,
                                       const float *weights, const ssm_cuda_matrix *dlogits,
                                       int32_t total) try {
  const int64_t rows = logits->rows, columns = logits->columns;
  expect_shape_or_absent("softmax_cross_entropy", "dlogits", *dlogits, rows, columns);
  for (int64_t r = 0; r < rows; ++r)
    expect(weights[r] == 0 || (targets[r] >= 0 && targets[r] < columns), "softmax_cross_entropy",
           "a target is not among the classes");
  Scratch scratch(*context);
  const float *const w = scratch.upload(weights, rows);
  const int32_t *const t = scratch.upload(targets, rows);
  double *const losses = scratch.doubles(rows);
  for_each_row(*context, rows,
               [logits = *logits, dlogits = *dlogits, w, t, losses, columns] __device__(int64_t r) {
                 if (w[r] == 0) {
                   if (threadIdx.x == 0) losses[r] = 0;
                   if (present(dlogits))
                     for (int64_t c = threadIdx.x; c < columns; c += kWarp) at(dlogits, r, c) = 0;
                   return;
                 }
                 float largest = -INFINITY;
                 for (int64_t c = threadIdx.x; c < columns; c += kWarp) largest = fmaxf(largest, at(logits, r, c));
                 largest = warp_maximum(largest);
                 const float normalizer =
                     warp_sum_over(columns, [&](int64_t c) { return expf(at(logits, r, c) - largest); });
                 if (threadIdx.x == 0)
                   losses[r] = w[r] * (log(static_cast<double>(normalizer)) -
                                       (static_cast<double>(at(logits, r, t[r])) - largest));
                 if (!present(dlogits)) return;
                 const float scale = w[r] / normalizer;
                 // weight (p - 1) at the target, without the cancellation where p is nearly 1.
                 const float others = warp_sum_over(columns, [&](int64_t c) {
                   const float p = expf(at(logits, r, c) - largest) * scale;
                   if (c != t[r]) at(dlogits, r, c) = p;
                   return c == t[r] ? 0.0f : p;
                 });
                 if (threadIdx.x == 0) at(dlogits, r, t[r]) = -others;
               });
  total_of(*context, total, rows, [losses] __device__(int64_t r) { return losses[r]; });
  return SSM_CUDA_OK;
} catch (...) {
  return status_of_exception();
}

}  // extern "C"
