// Discretized diagonal transitions, in double precision.
#include <cmath>
#include <limits>

#include "recurrence.h"
#include "target.h"

namespace SSM_NAMESPACE {
namespace {

struct Number {
  double re, im;
};

inline Number operator+(Number x, Number y) { return {x.re + y.re, x.im + y.im}; }
inline Number operator-(Number x, Number y) { return {x.re - y.re, x.im - y.im}; }
inline Number operator*(Number x, Number y) { return {x.re * y.re - x.im * y.im, x.re * y.im + x.im * y.re}; }
inline Number operator*(double x, Number y) { return {x * y.re, x * y.im}; }
inline Number operator/(Number x, Number y) {
  const double square = y.re * y.re + y.im * y.im;
  return {(x.re * y.re + x.im * y.im) / square, (x.im * y.re - x.re * y.im) / square};
}
inline Number conjugate(Number x) { return {x.re, -x.im}; }

constexpr Number kOne = {1, 0};

// e^x to 3e-16 of itself; our own, because the C library's exp asks for glibc 2.29.
inline double exp(double x) {
  if (x != x || x > 710) return x + std::numeric_limits<double>::infinity();
  if (x < -745) return 0;
  const double k = std::rint(x * 1.4426950408889634);
  const double r = (x - k * 6.93147180369123816490e-01) - k * 1.90821492927058770002e-10;
  double sum = 1;
  for (int n = 14; n >= 1; --n) sum = 1 + r / n * sum;
  return std::ldexp(sum, static_cast<int>(k));
}

inline Number exp(Number z) {
  const double magnitude = exp(z.re);
  return {magnitude * std::cos(z.im), magnitude * std::sin(z.im)};
}

// Below |z| = 1/2 the series of phi1(z) = (e^z - 1) / z and of its derivative are exact to rounding after 16 terms;
// above, the quotients lose at most two bits.
constexpr int kTerms = 16;
inline bool small(Number z) { return z.re * z.re + z.im * z.im < 0.25; }

inline Number phi1(Number z, Number exp_z) {
  if (!small(z)) return (exp_z - kOne) / z;
  Number sum = {0, 0};
  for (int k = kTerms; k >= 0; --k) sum = (1.0 / (k + 2)) * (sum * z) + kOne;
  return sum;
}

inline Number phi1_derivative(Number z, Number exp_z, Number phi) {
  if (!small(z)) return (exp_z - phi) / z;
  Number sum = {0, 0}, power = kOne;
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

  Transition(int32_t rule, double log_step, Number a, bool derivatives) {
    const double step = exp(log_step);
    const Number z = step * a;
    if (rule == SSM_DISCRETIZATION_BILINEAR) {
      const Number inverse = kOne / (kOne - 0.5 * z), square = inverse * inverse;
      a_bar = (kOne + 0.5 * z) * inverse;
      b_bar = step * inverse;
      a_bar_by_a = b_bar_by_log_step = step * square;
      b_bar_by_a = 0.5 * step * step * square;
      a_bar_by_log_step = z * square;
      return;
    }
    a_bar = exp(z);
    const Number phi = phi1(z, a_bar);
    b_bar = step * phi;
    a_bar_by_a = b_bar_by_log_step = step * a_bar;
    b_bar_by_a = derivatives ? step * step * phi1_derivative(z, a_bar, phi) : Number{0, 0};
    a_bar_by_log_step = z * a_bar;
  }
};

}  // namespace

int32_t discretize_forward_f32(int32_t rule, int64_t rows, int64_t states, const float *log_step,
                               int64_t log_step_stride, int32_t per_row, const float *a, int64_t a_stride,
                               float *a_bar, int64_t a_bar_stride, float *b_bar, int64_t b_bar_stride) {
  if (rule != SSM_DISCRETIZATION_ZERO_ORDER_HOLD && rule != SSM_DISCRETIZATION_BILINEAR) return SSM_INVALID_ARGUMENT;
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t n = 0; n < states; ++n) {
      const Number at = {a[r * a_stride + n], a[r * a_stride + states + n]};
      const Transition t(rule, log_step[r * log_step_stride + (per_row ? 0 : n)], at, false);
      a_bar[r * a_bar_stride + n] = static_cast<float>(t.a_bar.re);
      a_bar[r * a_bar_stride + states + n] = static_cast<float>(t.a_bar.im);
      b_bar[r * b_bar_stride + n] = static_cast<float>(t.b_bar.re);
      b_bar[r * b_bar_stride + states + n] = static_cast<float>(t.b_bar.im);
    }
  return SSM_OK;
}

int32_t discretize_backward_f32(int32_t rule, int64_t rows, int64_t states, const float *log_step,
                                int64_t log_step_stride, int32_t per_row, const float *a, int64_t a_stride,
                                const float *da_bar, int64_t da_bar_stride, const float *db_bar,
                                int64_t db_bar_stride, float *dlog_step, int64_t dlog_step_stride, float *da,
                                int64_t da_stride) {
  if (rule != SSM_DISCRETIZATION_ZERO_ORDER_HOLD && rule != SSM_DISCRETIZATION_BILINEAR) return SSM_INVALID_ARGUMENT;
  for (int64_t r = 0; r < rows; ++r) {
    double sum = 0;
    for (int64_t n = 0; n < states; ++n) {
      const Number at = {a[r * a_stride + n], a[r * a_stride + states + n]};
      const Transition t(rule, log_step[r * log_step_stride + (per_row ? 0 : n)], at, true);
      const Number by_a_bar = {da_bar[r * da_bar_stride + n], da_bar[r * da_bar_stride + states + n]};
      const Number by_b_bar = {db_bar[r * db_bar_stride + n], db_bar[r * db_bar_stride + states + n]};
      const Number by_a = by_a_bar * conjugate(t.a_bar_by_a) + by_b_bar * conjugate(t.b_bar_by_a);
      da[r * da_stride + n] += static_cast<float>(by_a.re);
      da[r * da_stride + states + n] += static_cast<float>(by_a.im);
      const double by_step =
          (by_a_bar * conjugate(t.a_bar_by_log_step) + by_b_bar * conjugate(t.b_bar_by_log_step)).re;
      if (per_row)
        sum += by_step;
      else
        dlog_step[r * dlog_step_stride + n] += static_cast<float>(by_step);
    }
    if (per_row) dlog_step[r * dlog_step_stride] += static_cast<float>(sum);
  }
  return SSM_OK;
}

}  // namespace SSM_NAMESPACE
