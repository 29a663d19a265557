// Discretized diagonal transitions, in double precision.
#include "launch.h"

namespace ssm {
namespace {

constexpr int32_t kZeroOrderHold = 0, kBilinear = 1;

struct Number {
  double re, im;
};

__device__ inline Number operator+(Number x, Number y) { return {x.re + y.re, x.im + y.im}; }
__device__ inline Number operator-(Number x, Number y) { return {x.re - y.re, x.im - y.im}; }
__device__ inline Number operator*(Number x, Number y) { return {x.re * y.re - x.im * y.im, x.re * y.im + x.im * y.re}; }
__device__ inline Number operator*(double x, Number y) { return {x * y.re, x * y.im}; }
__device__ inline Number operator/(Number x, Number y) {
  const double square = y.re * y.re + y.im * y.im;
  return {(x.re * y.re + x.im * y.im) / square, (x.im * y.re - x.re * y.im) / square};
}
__device__ inline Number one() { return {1, 0}; }
__device__ inline Number conjugate(Number x) { return {x.re, -x.im}; }

__device__ inline Number exponential(Number z) {
  const double magnitude = exp(z.re);
  return {magnitude * cos(z.im), magnitude * sin(z.im)};
}

// Below |z| = 1/2 the series of phi1(z) = (e^z - 1) / z and of its derivative are exact to rounding after 16 terms;
// above, the quotients lose at most two bits.
constexpr int kTerms = 16;
__device__ inline bool small(Number z) { return z.re * z.re + z.im * z.im < 0.25; }

__device__ inline Number phi1(Number z, Number exp_z) {
  if (!small(z)) return (exp_z - one()) / z;
  Number sum = {0, 0};
  for (int k = kTerms; k >= 0; --k) sum = (1.0 / (k + 2)) * (sum * z) + one();
  return sum;
}

__device__ inline Number phi1_derivative(Number z, Number exp_z, Number phi) {
  if (!small(z)) return (exp_z - phi) / z;
  Number sum = {0, 0}, power = one();
  double factorial = 1;
  for (int k = 0; k <= kTerms; ++k) {
    factorial *= k + 2;
    sum = sum + ((k + 1) / factorial) * power;
    power = power * z;
  }
  return sum;
}

// The transition of a step, and its derivatives by A and by the logarithm of the step.
struct Transition {
  Number a_bar, b_bar, a_bar_by_a, b_bar_by_a, a_bar_by_log_step, b_bar_by_log_step;

  __device__ Transition(int32_t rule, double log_step, Number a, bool derivatives) {
    const double step = exp(log_step);
    const Number z = step * a;
    if (rule == kBilinear) {
      const Number inverse = one() / (one() - 0.5 * z), square = inverse * inverse;
      a_bar = (one() + 0.5 * z) * inverse;
      b_bar = step * inverse;
      a_bar_by_a = b_bar_by_log_step = step * square;
      b_bar_by_a = 0.5 * step * step * square;
      a_bar_by_log_step = z * square;
      return;
    }
    a_bar = exponential(z);
    const Number phi = phi1(z, a_bar);
    b_bar = step * phi;
    a_bar_by_a = b_bar_by_log_step = step * a_bar;
    b_bar_by_a = derivatives ? step * step * phi1_derivative(z, a_bar, phi) : Number{0, 0};
    a_bar_by_log_step = z * a_bar;
  }
};


int64_t check_operands(const char *operation, int32_t rule, const ssm_cuda_matrix &log_step, const ssm_cuda_matrix &a) {
  expect(rule == kZeroOrderHold || rule == kBilinear, operation, "there is no such rule");
  const int64_t states = a.columns / 2;
  expect(a.columns % 2 == 0, operation, "complex rows have an even number of columns");
  expect_shape(operation, "log_step", log_step, a.rows, log_step.columns == 1 ? 1 : states);
  return states;
}

}  // namespace
}  // namespace ssm

extern "C" {

int32_t ssm_cuda_discretize_forward(ssm_cuda_context *context, int32_t rule, const ssm_cuda_matrix *log_step,
                                    const ssm_cuda_matrix *a, const ssm_cuda_matrix *a_bar,
                                    const ssm_cuda_matrix *b_bar) try {
  using namespace ssm;
  const int64_t states = check_operands("discretize_forward", rule, *log_step, *a);
  expect_shape("discretize_forward", "a_bar", *a_bar, a->rows, a->columns);
  expect_shape("discretize_forward", "b_bar", *b_bar, a->rows, a->columns);
  const bool per_row = log_step->columns == 1;
  for_each_element(*context, a->rows, states,
                   [=, log_step = *log_step, a = *a, a_bar = *a_bar, b_bar = *b_bar] __device__(int64_t r, int64_t n) {
                     const Number value = {at(a, r, n), at(a, r, states + n)};
                     const Transition t(rule, at(log_step, r, per_row ? 0 : n), value, false);
                     at(a_bar, r, n) = static_cast<float>(t.a_bar.re);
                     at(a_bar, r, states + n) = static_cast<float>(t.a_bar.im);
                     at(b_bar, r, n) = static_cast<float>(t.b_bar.re);
                     at(b_bar, r, states + n) = static_cast<float>(t.b_bar.im);
                   });
  return SSM_CUDA_OK;
} catch (...) {
  return ssm::status_of_exception();
}

int32_t ssm_cuda_discretize_backward(ssm_cuda_context *context, int32_t rule, const ssm_cuda_matrix *log_step,
                                     const ssm_cuda_matrix *a, const ssm_cuda_matrix *da_bar,
                                     const ssm_cuda_matrix *db_bar, const ssm_cuda_matrix *dlog_step,
                                     const ssm_cuda_matrix *da) try {
  using namespace ssm;
  const char *const operation = "discretize_backward";
  const int64_t states = check_operands(operation, rule, *log_step, *a);
  expect_shape(operation, "da_bar", *da_bar, a->rows, a->columns);
  expect_shape(operation, "db_bar", *db_bar, a->rows, a->columns);
  expect_shape(operation, "dlog_step", *dlog_step, a->rows, log_step->columns);
  expect_shape(operation, "da", *da, a->rows, a->columns);
  const bool per_row = log_step->columns == 1;
  // A row is a thread's: the sum over its states keeps one order. Rows are many and states few.
  for_each_element(*context, a->rows, per_row ? 1 : states,
                   [=, log_step = *log_step, a = *a, da_bar = *da_bar, db_bar = *db_bar, dlog_step = *dlog_step,
                    da = *da] __device__(int64_t r, int64_t column) {
                     double sum = 0;
                     for (int64_t n = per_row ? 0 : column; n < (per_row ? states : column + 1); ++n) {
                       const Number value = {at(a, r, n), at(a, r, states + n)};
                       const Transition t(rule, at(log_step, r, column), value, true);
                       const Number by_a_bar = {at(da_bar, r, n), at(da_bar, r, states + n)};
                       const Number by_b_bar = {at(db_bar, r, n), at(db_bar, r, states + n)};
                       const Number by_a = by_a_bar * conjugate(t.a_bar_by_a) + by_b_bar * conjugate(t.b_bar_by_a);
                       at(da, r, n) += static_cast<float>(by_a.re);
                       at(da, r, states + n) += static_cast<float>(by_a.im);
                       sum += (by_a_bar * conjugate(t.a_bar_by_log_step) + by_b_bar * conjugate(t.b_bar_by_log_step)).re;
                     }
                     at(dlog_step, r, column) += static_cast<float>(sum);
                   });
  return SSM_CUDA_OK;
} catch (...) {
  return ssm::status_of_exception();
}

}  // extern "C"
