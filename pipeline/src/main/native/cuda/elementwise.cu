// Operations on every element, and their sums.
#include "functions.h"
#include "launch.h"

using namespace ssm;

namespace {

void expect_same(const char *operation, const char *name, const ssm_cuda_matrix &m, const ssm_cuda_matrix &like) {
  expect_shape(operation, name, m, like.rows, like.columns);
}

}  // namespace

extern "C" {

int32_t ssm_cuda_copy(ssm_cuda_context *context, const ssm_cuda_matrix *source, const ssm_cuda_matrix *target) try {
  expect_same("copy", "target", *target, *source);
  for_each_element(*context, target->rows, target->columns,
                   [x = *source, y = *target] __device__(int64_t r, int64_t c) { at(y, r, c) = at(x, r, c); });
  return SSM_CUDA_OK;
} catch (...) {
  return status_of_exception();
}

int32_t ssm_cuda_fill(ssm_cuda_context *context, const ssm_cuda_matrix *target, float value) try {
  for_each_element(*context, target->rows, target->columns,
                   [y = *target, value] __device__(int64_t r, int64_t c) { at(y, r, c) = value; });
  return SSM_CUDA_OK;
} catch (...) {
  return status_of_exception();
}

int32_t ssm_cuda_add_scaled(ssm_cuda_context *context, float alpha, const ssm_cuda_matrix *x,
                            const ssm_cuda_matrix *y) try {
  expect_same("add_scaled", "y", *y, *x);
  for_each_element(*context, y->rows, y->columns, [=, x = *x, y = *y] __device__(int64_t r, int64_t c) {
    at(y, r, c) += alpha * at(x, r, c);
  });
  return SSM_CUDA_OK;
} catch (...) {
  return status_of_exception();
}

int32_t ssm_cuda_add_row(ssm_cuda_context *context, const ssm_cuda_matrix *bias, const ssm_cuda_matrix *x) try {
  expect_shape("add_row", "bias", *bias, 1, x->columns);
  for_each_element(*context, x->rows, x->columns,
                   [x = *x, bias = *bias] __device__(int64_t r, int64_t c) { at(x, r, c) += bias.data[c]; });
  return SSM_CUDA_OK;
} catch (...) {
  return status_of_exception();
}

int32_t ssm_cuda_sum_rows(ssm_cuda_context *context, const ssm_cuda_matrix *dy, const ssm_cuda_matrix *dbias) try {
  expect_shape("sum_rows", "dbias", *dbias, 1, dy->columns);
  for_each_column_sum(
      *context, dy->rows, dy->columns, [dy = *dy] __device__(int64_t r, int64_t c) { return at(dy, r, c); },
      [sums = dbias->data] __device__(int64_t c, float sum) { sums[c] += sum; });
  return SSM_CUDA_OK;
} catch (...) {
  return status_of_exception();
}

int32_t ssm_cuda_multiply(ssm_cuda_context *context, const ssm_cuda_matrix *x, const ssm_cuda_matrix *y,
                          const ssm_cuda_matrix *z) try {
  expect_same("multiply", "y", *y, *x);
  expect_same("multiply", "z", *z, *x);
  for_each_element(*context, z->rows, z->columns, [x = *x, y = *y, z = *z] __device__(int64_t r, int64_t c) {
    at(z, r, c) = at(x, r, c) * at(y, r, c);
  });
  return SSM_CUDA_OK;
} catch (...) {
  return status_of_exception();
}

int32_t ssm_cuda_add_scaled_columns(ssm_cuda_context *context, const ssm_cuda_matrix *gain, const ssm_cuda_matrix *x,
                                    const ssm_cuda_matrix *y) try {
  expect_same("add_scaled_columns", "y", *y, *x);
  expect_shape("add_scaled_columns", "gain", *gain, 1, x->columns);
  for_each_element(*context, y->rows, y->columns,
                   [x = *x, y = *y, gain = gain->data] __device__(int64_t r, int64_t c) {
                     at(y, r, c) += gain[c] * at(x, r, c);
                   });
  return SSM_CUDA_OK;
} catch (...) {
  return status_of_exception();
}

int32_t ssm_cuda_sum_products(ssm_cuda_context *context, const ssm_cuda_matrix *x, const ssm_cuda_matrix *y,
                              const ssm_cuda_matrix *sums) try {
  expect_same("sum_products", "y", *y, *x);
  expect_shape("sum_products", "sums", *sums, 1, x->columns);
  for_each_column_sum(
      *context, x->rows, x->columns,
      [x = *x, y = *y] __device__(int64_t r, int64_t c) { return at(x, r, c) * at(y, r, c); },
      [sums = sums->data] __device__(int64_t c, float sum) { sums[c] += sum; });
  return SSM_CUDA_OK;
} catch (...) {
  return status_of_exception();
}

int32_t ssm_cuda_sum_of_squares(ssm_cuda_context *context, const ssm_cuda_matrix *x, int32_t total) try {
  const int64_t columns = x->columns;
  total_of(*context, total, x->rows * columns, [x = *x, columns] __device__(int64_t i) {
    const double value = at(x, i / columns, i % columns);
    return value * value;
  });
  return SSM_CUDA_OK;
} catch (...) {
  return status_of_exception();
}

int32_t ssm_cuda_glu_forward(ssm_cuda_context *context, const ssm_cuda_matrix *x, const ssm_cuda_matrix *y) try {
  const int64_t half = y->columns;
  expect_shape("glu_forward", "x", *x, y->rows, 2 * half);
  for_each_element(*context, y->rows, half, [x = *x, y = *y, half] __device__(int64_t r, int64_t c) {
    at(y, r, c) = at(x, r, c) * sigmoid(at(x, r, half + c));
  });
  return SSM_CUDA_OK;
} catch (...) {
  return status_of_exception();
}

int32_t ssm_cuda_glu_backward(ssm_cuda_context *context, const ssm_cuda_matrix *x, const ssm_cuda_matrix *dy,
                              const ssm_cuda_matrix *dx) try {
  const int64_t half = dy->columns;
  expect_shape("glu_backward", "x", *x, dy->rows, 2 * half);
  expect_shape("glu_backward", "dx", *dx, dy->rows, 2 * half);
  for_each_element(*context, dy->rows, half, [x = *x, dy = *dy, dx = *dx, half] __device__(int64_t r, int64_t c) {
    const float s = sigmoid(at(x, r, half + c)), value = at(x, r, c), ds = at(dy, r, c) * s;
    at(dx, r, c) = ds;
    at(dx, r, half + c) = ds * value * (1.0f - s);
  });
  return SSM_CUDA_OK;
} catch (...) {
  return status_of_exception();
}

int32_t ssm_cuda_negative_exp_forward(ssm_cuda_context *context, const ssm_cuda_matrix *x,
                                      const ssm_cuda_matrix *y) try {
  expect_same("negative_exp_forward", "y", *y, *x);
  for_each_element(*context, y->rows, y->columns,
                   [x = *x, y = *y] __device__(int64_t r, int64_t c) { at(y, r, c) = -expf(at(x, r, c)); });
  return SSM_CUDA_OK;
} catch (...) {
  return status_of_exception();
}

int32_t ssm_cuda_negative_exp_backward(ssm_cuda_context *context, const ssm_cuda_matrix *y, const ssm_cuda_matrix *dy,
                                       const ssm_cuda_matrix *dx) try {
  expect_same("negative_exp_backward", "dy", *dy, *y);
  expect_same("negative_exp_backward", "dx", *dx, *y);
  for_each_element(*context, y->rows, y->columns, [y = *y, dy = *dy, dx = *dx] __device__(int64_t r, int64_t c) {
    at(dx, r, c) += at(dy, r, c) * at(y, r, c);
  });
  return SSM_CUDA_OK;
} catch (...) {
  return status_of_exception();
}

int32_t ssm_cuda_stretched_step_forward(ssm_cuda_context *context, const ssm_cuda_matrix *x,
                                        const ssm_cuda_matrix *bias, const ssm_cuda_matrix *durations,
                                        const ssm_cuda_matrix *y) try {
  expect_same("stretched_step_forward", "y", *y, *x);
  expect_shape("stretched_step_forward", "bias", *bias, 1, x->columns);
  expect_shape("stretched_step_forward", "durations", *durations, x->rows, 1);
  for_each_element(*context, x->rows, x->columns,
                   [x = *x, bias = bias->data, durations = *durations, y = *y] __device__(int64_t r, int64_t c) {
                     const float d = fmaxf(at(durations, r, 0) * softplus(at(x, r, c) + bias[c]), 1e-37f);
                     at(y, r, c) = d + logf(saturation(d));
                   });
  return SSM_CUDA_OK;
} catch (...) {
  return status_of_exception();
}

int32_t ssm_cuda_stretched_step_backward(ssm_cuda_context *context, const ssm_cuda_matrix *x,
                                         const ssm_cuda_matrix *bias, const ssm_cuda_matrix *durations,
                                         const ssm_cuda_matrix *dy, const ssm_cuda_matrix *dx) try {
  expect_same("stretched_step_backward", "dy", *dy, *x);
  expect_same("stretched_step_backward", "dx", *dx, *x);
  expect_shape("stretched_step_backward", "bias", *bias, 1, x->columns);
  expect_shape("stretched_step_backward", "durations", *durations, x->rows, 1);
  for_each_element(
      *context, x->rows, x->columns,
      [x = *x, bias = bias->data, durations = *durations, dy = *dy, dx = *dx] __device__(int64_t r, int64_t c) {
        const float raw = at(x, r, c) + bias[c], duration = at(durations, r, 0);
        const float d = fmaxf(duration * softplus(raw), 1e-37f);
        at(dx, r, c) = at(dy, r, c) * duration * sigmoid(raw) / saturation(d);
      });
  return SSM_CUDA_OK;
} catch (...) {
  return status_of_exception();
}

int32_t ssm_cuda_dropout(ssm_cuda_context *context, int32_t threshold, float scale, const int64_t *keys,
                         const ssm_cuda_matrix *x) try {
  Scratch scratch(*context);
  const int64_t *const device_keys = scratch.upload(keys, x->rows);
  for_each_element(*context, x->rows, x->columns,
                   [x = *x, device_keys, threshold, scale] __device__(int64_t r, int64_t c) {
                     uint64_t z = static_cast<uint64_t>(device_keys[r]) +
                                  static_cast<uint64_t>(c + 1) * 0x9E3779B97F4A7C15u;
                     z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
                     z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
                     const int32_t hash = static_cast<int32_t>((z ^ (z >> 31)) >> 40);
                     at(x, r, c) = hash < threshold ? 0.0f : at(x, r, c) * scale;
                   });
  return SSM_CUDA_OK;
} catch (...) {
  return status_of_exception();
}

int32_t ssm_cuda_rotate(ssm_cuda_context *context, const int32_t *positions, const ssm_cuda_matrix *angles,
                        int32_t inverse, const ssm_cuda_matrix *x, const ssm_cuda_matrix *y) try {
  expect_same("rotate", "y", *y, *x);
  const int64_t pairs = angles->columns / 2;
  expect(pairs > 0 && angles->columns % 2 == 0 && x->columns % (2 * pairs) == 0, "rotate",
         "the columns of x are no multiple of those of the angles");
  for (int64_t r = 0; r < x->rows; ++r)
    expect(positions[r] >= 0 && positions[r] < angles->rows, "rotate", "a position has no angles");
  Scratch scratch(*context);
  const int32_t *const rows = scratch.upload(positions, x->rows);
  for_each_element(*context, x->rows, x->columns / 2,
                   [x = *x, y = *y, angles = *angles, rows, pairs, inverse] __device__(int64_t r, int64_t i) {
                     const int64_t pair = i % pairs, c = (i / pairs) * 2 * pairs + pair;
                     const float cosine = at(angles, rows[r], pair);
                     const float sine = inverse != 0 ? -at(angles, rows[r], pairs + pair)
                                                     : at(angles, rows[r], pairs + pair);
                     const float a = at(x, r, c), b = at(x, r, c + pairs);
                     at(y, r, c) = a * cosine - b * sine;
                     at(y, r, c + pairs) = a * sine + b * cosine;
                   });
  return SSM_CUDA_OK;
} catch (...) {
  return status_of_exception();
}

}  // extern "C"
