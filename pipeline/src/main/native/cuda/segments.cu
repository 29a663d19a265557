// Operations along the rows of packed sequences.
#include "launch.h"

using namespace ssm;

extern "C" {

int32_t ssm_cuda_difference_forward(ssm_cuda_context *context, int64_t batch, const int32_t *offsets,
                                    const ssm_cuda_matrix *x, const ssm_cuda_matrix *before,
                                    const ssm_cuda_matrix *y) try {
  Scratch scratch(*context);
  const Segments segments = upload_segments(scratch, batch, offsets);
  expect_shape("difference_forward", "x", *x, segments.rows, x->columns);
  expect_shape("difference_forward", "y", *y, segments.rows, x->columns);
  expect_shape_or_absent("difference_forward", "before", *before, batch, x->columns);
  for_each_element(*context, x->rows, x->columns,
                   [=, x = *x, before = *before, y = *y] __device__(int64_t r, int64_t c) {
                     const int64_t s = sequence_of(segments, r);
                     const float value = at(x, r, c);
                     at(y, r, c) = r > segments.offsets[s] ? value - at(x, r - 1, c)
                                   : present(before)       ? value - at(before, s, c)
                                                           : 0.0f;
                   });
  return SSM_CUDA_OK;
} catch (...) {
  return status_of_exception();
}

int32_t ssm_cuda_difference_backward(ssm_cuda_context *context, int64_t batch, const int32_t *offsets,
                                     const ssm_cuda_matrix *dy, const ssm_cuda_matrix *dx) try {
  Scratch scratch(*context);
  const Segments segments = upload_segments(scratch, batch, offsets);
  expect_shape("difference_backward", "dy", *dy, segments.rows, dy->columns);
  expect_shape("difference_backward", "dx", *dx, segments.rows, dy->columns);
  for_each_element(*context, dy->rows, dy->columns, [=, dy = *dy, dx = *dx] __device__(int64_t r, int64_t c) {
    const int64_t s = sequence_of(segments, r);
    // Row 0 is a constant, so its own gradient does not count.
    const float own = r > segments.offsets[s] ? at(dy, r, c) : 0.0f;
    at(dx, r, c) = r + 1 < segments.offsets[s + 1] ? own - at(dy, r + 1, c) : own;
  });
  return SSM_CUDA_OK;
} catch (...) {
  return status_of_exception();
}

int32_t ssm_cuda_reverse_rows(ssm_cuda_context *context, int64_t batch, const int32_t *offsets,
                              const ssm_cuda_matrix *x, const ssm_cuda_matrix *y) try {
  Scratch scratch(*context);
  const Segments segments = upload_segments(scratch, batch, offsets);
  expect_shape("reverse_rows", "x", *x, segments.rows, x->columns);
  expect_shape("reverse_rows", "y", *y, segments.rows, x->columns);
  for_each_element(*context, x->rows, x->columns, [=, x = *x, y = *y] __device__(int64_t r, int64_t c) {
    const int64_t s = sequence_of(segments, r);
    at(y, segments.offsets[s] + segments.offsets[s + 1] - 1 - r, c) = at(x, r, c);
  });
  return SSM_CUDA_OK;
} catch (...) {
  return status_of_exception();
}

int32_t ssm_cuda_last_row_forward(ssm_cuda_context *context, int64_t batch, const int32_t *offsets,
                                  const ssm_cuda_matrix *x, const ssm_cuda_matrix *y) try {
  Scratch scratch(*context);
  const Segments segments = upload_segments(scratch, batch, offsets);
  expect_shape("last_row_forward", "x", *x, segments.rows, x->columns);
  expect_shape("last_row_forward", "y", *y, batch, x->columns);
  for_each_element(*context, batch, x->columns, [=, x = *x, y = *y] __device__(int64_t s, int64_t c) {
    const int64_t end = segments.offsets[s + 1];
    at(y, s, c) = segments.offsets[s] == end ? 0.0f : at(x, end - 1, c);
  });
  return SSM_CUDA_OK;
} catch (...) {
  return status_of_exception();
}

int32_t ssm_cuda_last_row_backward(ssm_cuda_context *context, int64_t batch, const int32_t *offsets,
                                   const ssm_cuda_matrix *dy, const ssm_cuda_matrix *dx) try {
  Scratch scratch(*context);
  const Segments segments = upload_segments(scratch, batch, offsets);
  expect_shape("last_row_backward", "dy", *dy, batch, dy->columns);
  expect_shape("last_row_backward", "dx", *dx, segments.rows, dy->columns);
  for_each_element(*context, segments.rows, dx->columns, [=, dy = *dy, dx = *dx] __device__(int64_t r, int64_t c) {
    const int64_t s = sequence_of(segments, r);
    at(dx, r, c) = r + 1 == segments.offsets[s + 1] ? at(dy, s, c) : 0.0f;
  });
  return SSM_CUDA_OK;
} catch (...) {
  return status_of_exception();
}

int32_t ssm_cuda_mean_row_forward(ssm_cuda_context *context, int64_t batch, const int32_t *offsets,
                                  const ssm_cuda_matrix *x, const ssm_cuda_matrix *y) try {
  Scratch scratch(*context);
  const Segments segments = upload_segments(scratch, batch, offsets);
  expect_shape("mean_row_forward", "x", *x, segments.rows, x->columns);
  expect_shape("mean_row_forward", "y", *y, batch, x->columns);
  for_each_element(*context, batch, x->columns, [=, x = *x, y = *y] __device__(int64_t s, int64_t c) {
    constexpr int64_t kBlock = 64;  // rows summed before they are added to the total
    const int64_t begin = segments.offsets[s], end = segments.offsets[s + 1];
    float total = 0;
    for (int64_t first = begin; first < end; first += kBlock) {
      float block = 0;
      for (int64_t r = first; r < end && r < first + kBlock; ++r) block += at(x, r, c);
      total += block;
    }
    at(y, s, c) = begin == end ? 0.0f : total / static_cast<float>(end - begin);
  });
  return SSM_CUDA_OK;
} catch (...) {
  return status_of_exception();
}

int32_t ssm_cuda_mean_row_backward(ssm_cuda_context *context, int64_t batch, const int32_t *offsets,
                                   const ssm_cuda_matrix *dy, const ssm_cuda_matrix *dx) try {
  Scratch scratch(*context);
  const Segments segments = upload_segments(scratch, batch, offsets);
  expect_shape("mean_row_backward", "dy", *dy, batch, dy->columns);
  expect_shape("mean_row_backward", "dx", *dx, segments.rows, dy->columns);
  for_each_element(*context, segments.rows, dx->columns, [=, dy = *dy, dx = *dx] __device__(int64_t r, int64_t c) {
    const int64_t s = sequence_of(segments, r);
    at(dx, r, c) = at(dy, s, c) / static_cast<float>(segments.offsets[s + 1] - segments.offsets[s]);
  });
  return SSM_CUDA_OK;
} catch (...) {
  return status_of_exception();
}

}  // extern "C"
