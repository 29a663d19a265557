// Depthwise causal convolution over packed sequences.
#include "functions.h"
#include "launch.h"

using namespace ssm;

namespace {

struct Convolution {
  Segments segments;
  ssm_cuda_matrix x, weight, bias;
  int64_t width;

  // The sum before the non-linearity.
  __device__ float operator()(int64_t row, int64_t c) const {
    const int64_t begin = segments.offsets[sequence_of(segments, row)], first = row - width + 1;
    float sum = present(bias) ? bias.data[c] : 0.0f;
    for (int64_t j = first < begin ? begin - first : 0; j < width; ++j) sum += at(weight, c, j) * at(x, first + j, c);
    return sum;
  }
};

Convolution convolution(const char *operation, const Segments &segments, const ssm_cuda_matrix &x,
                        const ssm_cuda_matrix &weight, const ssm_cuda_matrix &bias) {
  expect_shape(operation, "x", x, segments.rows, x.columns);
  expect_shape(operation, "weight", weight, x.columns, weight.columns);
  expect_shape_or_absent(operation, "bias", bias, 1, x.columns);
  expect(weight.columns > 0, operation, "there are no taps");
  return {segments, x, weight, bias, weight.columns};
}

}  // namespace

extern "C" {

int32_t ssm_cuda_causal_convolution_forward(ssm_cuda_context *context, int64_t batch, const int32_t *offsets,
                                            const ssm_cuda_matrix *x, const ssm_cuda_matrix *weight,
                                            const ssm_cuda_matrix *bias, int32_t silu_follows,
                                            const ssm_cuda_matrix *y) try {
  Scratch scratch(*context);
  const Convolution convolve = convolution("causal_convolution_forward", upload_segments(scratch, batch, offsets), *x,
                                           *weight, *bias);
  expect_shape("causal_convolution_forward", "y", *y, x->rows, x->columns);
  for_each_element(*context, x->rows, x->columns, [=, y = *y] __device__(int64_t r, int64_t c) {
    const float p = convolve(r, c);
    at(y, r, c) = silu_follows != 0 ? silu(p) : p;
  });
  return SSM_CUDA_OK;
} catch (...) {
  return status_of_exception();
}

int32_t ssm_cuda_causal_convolution_backward(ssm_cuda_context *context, int64_t batch, const int32_t *offsets,
                                             const ssm_cuda_matrix *x, const ssm_cuda_matrix *weight,
                                             const ssm_cuda_matrix *bias, int32_t silu_follows,
                                             const ssm_cuda_matrix *dy, const ssm_cuda_matrix *dx,
                                             const ssm_cuda_matrix *dweight, const ssm_cuda_matrix *dbias) try {
  Scratch scratch(*context);
  const Segments segments = upload_segments(scratch, batch, offsets);
  const Convolution convolve = convolution("causal_convolution_backward", segments, *x, *weight, *bias);
  const int64_t rows = x->rows, columns = x->columns, width = weight->columns;
  expect_shape("causal_convolution_backward", "dy", *dy, rows, columns);
  expect_shape("causal_convolution_backward", "dx", *dx, rows, columns);
  expect_shape("causal_convolution_backward", "dweight", *dweight, columns, width);
  expect_shape_or_absent("causal_convolution_backward", "dbias", *dbias, 1, columns);
  // The gradient of the sum before the non-linearity.
  const ssm_cuda_matrix dp = scratch.matrix(rows, columns);
  for_each_element(*context, rows, columns, [=, dy = *dy] __device__(int64_t r, int64_t c) {
    const float d = at(dy, r, c);
    at(dp, r, c) = silu_follows != 0 ? d * silu_derivative(convolve(r, c)) : d;
  });
  for_each_element(*context, rows, columns, [=, weight = *weight, dx = *dx] __device__(int64_t r, int64_t c) {
    const int64_t end = segments.offsets[sequence_of(segments, r) + 1];
    float sum = 0;
    for (int64_t j = width - 1; j >= 0 && r + width - 1 - j < end; --j)
      sum += at(weight, c, j) * at(dp, r + width - 1 - j, c);
    at(dx, r, c) = sum;
  });
  for (int64_t j = 0; j < width; ++j) {
    const int64_t shift = width - 1 - j;
    for_each_column_sum(
        *context, rows, columns,
        [=, x = *x] __device__(int64_t r, int64_t c) {
          return r - shift < segments.offsets[sequence_of(segments, r)] ? 0.0f : at(dp, r, c) * at(x, r - shift, c);
        },
        [j, dweight = *dweight] __device__(int64_t c, float sum) { at(dweight, c, j) += sum; });
  }
  if (present(*dbias))
    for_each_column_sum(
        *context, rows, columns, [dp] __device__(int64_t r, int64_t c) { return at(dp, r, c); },
        [sums = dbias->data] __device__(int64_t c, float sum) { sums[c] += sum; });
  return SSM_CUDA_OK;
} catch (...) {
  return status_of_exception();
}

}  // extern "C"
