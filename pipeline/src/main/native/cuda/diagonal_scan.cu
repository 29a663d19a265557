// The elementwise linear recurrence: a thread takes one element, real or complex, of one sequence through its steps.
//
// Numbers that move through the device's memory, per step and element (twice as many where it is complex):
//   forward:  a and b read, h written                              3, or 2 where a is constant
//   backward: a, dh and the h before read, da and db written       5, or 3 where a is constant
//             b read                                               1 more where the gain has a gradient
// These are those that must move.
#include "launch.h"

namespace ssm {
namespace {

struct Number {
  float re, im;
};

// Numbers of a row whose imaginary parts lie `half` columns after the real ones.
template <bool kComplex>
__device__ inline Number load(const ssm_cuda_matrix &m, int64_t r, int64_t c, int64_t half) {
  return {at(m, r, c), kComplex ? at(m, r, half + c) : 0.0f};
}

template <bool kComplex>
__device__ inline void store(const ssm_cuda_matrix &m, int64_t r, int64_t c, int64_t half, Number x) {
  at(m, r, c) = x.re;
  if (kComplex) at(m, r, half + c) = x.im;
}

__device__ inline Number operator+(Number x, Number y) { return {x.re + y.re, x.im + y.im}; }
__device__ inline Number operator*(Number x, Number y) {
  return {x.re * y.re - x.im * y.im, x.re * y.im + x.im * y.re};
}
__device__ inline Number conjugate(Number x) { return {x.re, -x.im}; }

// Sums of many steps, rounded less than one by one.
struct BlockedSum {
  Number total, block;
  int count;

  __device__ void add(Number x) {
    block = block + x;
    if (++count == 256) flush();
  }
  __device__ void flush() {
    total = total + block;
    block = {0.0f, 0.0f};
    count = 0;
  }
};

// sums += the sum of the rows of shares.
void add_row_sums(ssm_cuda_context &context, const ssm_cuda_matrix &shares, const ssm_cuda_matrix &sums) {
  for_each_column_sum(
      context, shares.rows, shares.columns, [=] __device__(int64_t r, int64_t c) { return at(shares, r, c); },
      [=] __device__(int64_t c, float sum) { sums.data[c] += sum; });
}

template <bool kComplex>
void forward(ssm_cuda_context &context, const Segments &segments, bool constant, const ssm_cuda_diagonal_scan &x) {
  const int64_t half = kComplex ? x.b.columns / 2 : x.b.columns;
  for_each_element(context, segments.batch, half, [=] __device__(int64_t s, int64_t c) {
    Number h = present(x.initial) ? load<kComplex>(x.initial, s, c, half) : Number{0.0f, 0.0f};
    const Number gain = present(x.gain) ? load<kComplex>(x.gain, 0, c, half) : Number{1.0f, 0.0f};
    for (int64_t r = segments.offsets[s]; r < segments.offsets[s + 1]; ++r) {
      h = load<kComplex>(x.a, constant ? 0 : r, c, half) * h + gain * load<kComplex>(x.b, r, c, half);
      store<kComplex>(x.h, r, c, half, h);
    }
    if (present(x.last)) store<kComplex>(x.last, s, c, half, h);
  });
}

template <bool kComplex>
void backward(ssm_cuda_context &context, Scratch &scratch, const Segments &segments, bool constant,
              const ssm_cuda_diagonal_scan &x, const ssm_cuda_diagonal_scan_gradients &g) {
  const int64_t columns = x.b.columns, half = kComplex ? columns / 2 : columns;
  const ssm_cuda_matrix of_a = scratch.matrix(segments.batch, columns);
  const ssm_cuda_matrix of_gain = scratch.matrix(segments.batch, columns);
  for_each_element(context, segments.batch, half, [=] __device__(int64_t s, int64_t c) {
    Number carried = present(g.dlast) ? load<kComplex>(g.dlast, s, c, half) : Number{0.0f, 0.0f};
    const Number gain = present(x.gain) ? load<kComplex>(x.gain, 0, c, half) : Number{1.0f, 0.0f};
    const Number start = present(x.initial) ? load<kComplex>(x.initial, s, c, half) : Number{0.0f, 0.0f};
    BlockedSum da = {}, dgain = {};
    const int64_t begin = segments.offsets[s];
    for (int64_t r = segments.offsets[s + 1] - 1; r >= begin; --r) {
      const Number d = carried + load<kComplex>(g.dh, r, c, half);
      const Number before = r > begin ? load<kComplex>(x.h, r - 1, c, half) : start;
      const Number to_a = d * conjugate(before);
      if (constant) {
        da.add(to_a);
      } else if (present(g.da)) {
        store<kComplex>(g.da, r, c, half, to_a);
      }
      if (present(g.dgain)) dgain.add(d * conjugate(load<kComplex>(x.b, r, c, half)));
      store<kComplex>(g.db, r, c, half, d * conjugate(gain));
      carried = d * conjugate(load<kComplex>(x.a, constant ? 0 : r, c, half));
    }
    if (present(g.dinitial)) store<kComplex>(g.dinitial, s, c, half, carried);
    da.flush();
    dgain.flush();
    store<kComplex>(of_a, s, c, half, da.total);
    store<kComplex>(of_gain, s, c, half, dgain.total);
  });
  if (constant && present(g.da)) add_row_sums(context, of_a, g.da);
  if (present(g.dgain)) add_row_sums(context, of_gain, g.dgain);
}

void check_operands(const char *operation, const Segments &segments, bool complex, bool constant,
                    const ssm_cuda_diagonal_scan &x) {
  const int64_t columns = x.b.columns;
  expect(!complex || columns % 2 == 0, operation, "complex rows have an even number of columns");
  expect_shape(operation, "b", x.b, segments.rows, columns);
  expect_shape(operation, "a", x.a, constant ? 1 : segments.rows, columns);
  expect_shape_or_absent(operation, "gain", x.gain, 1, columns);
  expect_shape_or_absent(operation, "initial", x.initial, segments.batch, columns);
  expect_shape(operation, "h", x.h, segments.rows, columns);
}

}  // namespace
}  // namespace ssm

extern "C" {

int32_t ssm_cuda_diagonal_scan_forward(ssm_cuda_context *context, int64_t batch, const int32_t *offsets,
                                       int32_t complex, int32_t constant, const ssm_cuda_diagonal_scan *scan) try {
  using namespace ssm;
  const char *const operation = "diagonal_scan_forward";
  Scratch scratch(*context);
  const Segments segments = upload_segments(scratch, batch, offsets);
  check_operands(operation, segments, complex != 0, constant != 0, *scan);
  expect_shape_or_absent(operation, "last", scan->last, batch, scan->b.columns);
  (complex != 0 ? forward<true> : forward<false>)(*context, segments, constant != 0, *scan);
  return SSM_CUDA_OK;
} catch (...) {
  return ssm::status_of_exception();
}

int32_t ssm_cuda_diagonal_scan_backward(ssm_cuda_context *context, int64_t batch, const int32_t *offsets,
                                        int32_t complex, int32_t constant, const ssm_cuda_diagonal_scan *scan,
                                        const ssm_cuda_diagonal_scan_gradients *gradients) try {
  using namespace ssm;
  const char *const operation = "diagonal_scan_backward";
  Scratch scratch(*context);
  const Segments segments = upload_segments(scratch, batch, offsets);
  check_operands(operation, segments, complex != 0, constant != 0, *scan);
  const int64_t columns = scan->b.columns;
  expect_shape(operation, "dh", gradients->dh, segments.rows, columns);
  expect_shape_or_absent(operation, "dlast", gradients->dlast, batch, columns);
  expect_shape_or_absent(operation, "da", gradients->da, constant != 0 ? 1 : segments.rows, columns);
  expect_shape(operation, "db", gradients->db, segments.rows, columns);
  expect_shape_or_absent(operation, "dgain", gradients->dgain, 1, columns);
  expect_shape_or_absent(operation, "dinitial", gradients->dinitial, batch, columns);
  (complex != 0 ? backward<true> : backward<false>)(*context, scratch, segments, constant != 0, *scan, *gradients);
  return SSM_CUDA_OK;
} catch (...) {
  return ssm::status_of_exception();
}

}  // extern "C"
