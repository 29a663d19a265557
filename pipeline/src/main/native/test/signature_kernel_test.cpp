// The signature kernels of every instruction set of this machine against the recursion and its adjoint written plainly.
#include "ssm.h"

#include <cmath>
#include <cstdio>
#include <random>
#include <string>
#include <vector>

namespace {

int failures = 0;

void check(bool condition, const char *target, const std::string &what, double error) {
  if (!condition) {
    std::printf("FAILED: %s %s: error %g\n", target, what.c_str(), error);
    ++failures;
  }
}

int32_t forward(const float *x, const int64_t *xb, const int64_t *xe, int64_t nx, const float *y, const int64_t *yb,
                const int64_t *ye, int64_t ny, int32_t pairs, int32_t c, int32_t q, int32_t k, double s, float *o) {
  return ssm_signature_kernel_forward_f32(x, xb, xe, nx, y, yb, ye, ny, pairs, c, q, k, s, o);
}
int32_t forward(const double *x, const int64_t *xb, const int64_t *xe, int64_t nx, const double *y, const int64_t *yb,
                const int64_t *ye, int64_t ny, int32_t pairs, int32_t c, int32_t q, int32_t k, double s, double *o) {
  return ssm_signature_kernel_forward_f64(x, xb, xe, nx, y, yb, ye, ny, pairs, c, q, k, s, o);
}
int32_t backward(const float *x, const int64_t *xb, const int64_t *xe, int64_t nx, const float *y, const int64_t *yb,
                 const int64_t *ye, int64_t ny, int32_t pairs, int32_t c, int32_t q, int32_t k, double s,
                 const float *g, float *gx, float *gy) {
  return ssm_signature_kernel_backward_f32(x, xb, xe, nx, y, yb, ye, ny, pairs, c, q, k, s, g, gx, gy);
}
int32_t backward(const double *x, const int64_t *xb, const int64_t *xe, int64_t nx, const double *y, const int64_t *yb,
                 const int64_t *ye, int64_t ny, int32_t pairs, int32_t c, int32_t q, int32_t k, double s,
                 const double *g, double *gx, double *gy) {
  return ssm_signature_kernel_backward_f64(x, xb, xe, nx, y, yb, ye, ny, pairs, c, q, k, s, g, gx, gy);
}

struct Kernel {
  int channels, order, kind;
  double sigma;

  double value(const double *a, const double *b) const {
    double sum = 0;
    for (int c = 0; c < channels; ++c)
      sum += kind == SSM_RBF_STATIC_KERNEL ? (a[c] - b[c]) * (a[c] - b[c]) : a[c] * b[c];
    return kind == SSM_RBF_STATIC_KERNEL ? std::exp(-sum / sigma) : sum;
  }
};

// The kernel of two paths; adds the gradients of seed times it.
double plain(const Kernel &kernel, const double *x, int64_t length_x, const double *y, int64_t length_y, double seed,
             double *gx, double *gy) {
  if (length_x < 2 || length_y < 2) return 1;
  const int refined = 1 << kernel.order, channels = kernel.channels;
  const int64_t rows = (length_x - 1) * refined, columns = (length_y - 1) * refined;
  std::vector<double> p((length_x - 1) * (length_y - 1)), dp(p.size(), 0.0);
  auto value = [&](int64_t i, int64_t j) { return kernel.value(x + i * channels, y + j * channels); };
  for (int64_t i = 0; i + 1 < length_x; ++i)
    for (int64_t j = 0; j + 1 < length_y; ++j)
      p[i * (length_y - 1) + j] =
          (value(i + 1, j + 1) - value(i, j + 1) - value(i + 1, j) + value(i, j)) / (refined * refined);
  std::vector<double> k((rows + 1) * (columns + 1), 1.0), a((rows + 1) * (columns + 1), 0.0);
  auto at = [&](int64_t i, int64_t j) { return i * (columns + 1) + j; };
  auto cell = [&](int64_t i, int64_t j) { return (i / refined) * (length_y - 1) + j / refined; };
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) {
      const double q = p[cell(i, j)];
      k[at(i + 1, j + 1)] =
          (k[at(i + 1, j)] + k[at(i, j + 1)]) * (1 + q / 2 + q * q / 12) - k[at(i, j)] * (1 - q * q / 12);
    }
  a[at(rows, columns)] = seed;
  for (int64_t i = rows - 1; i >= 0; --i)
    for (int64_t j = columns - 1; j >= 0; --j) {
      const double q = p[cell(i, j)], adjoint = a[at(i + 1, j + 1)];
      a[at(i + 1, j)] += adjoint * (1 + q / 2 + q * q / 12);
      a[at(i, j + 1)] += adjoint * (1 + q / 2 + q * q / 12);
      a[at(i, j)] -= adjoint * (1 - q * q / 12);
      dp[cell(i, j)] += adjoint * ((k[at(i + 1, j)] + k[at(i, j + 1)]) * (0.5 + q / 6) + k[at(i, j)] * q / 6) /
                        (refined * refined);
    }
  for (int64_t i = 0; i + 1 < length_x; ++i)
    for (int64_t j = 0; j + 1 < length_y; ++j)
      for (int side = 0; side < 4; ++side) {
        const int64_t l = i + side / 2, m = j + side % 2;
        const double d = dp[i * (length_y - 1) + j] * (side == 0 || side == 3 ? 1 : -1);
        for (int c = 0; c < channels; ++c) {
          const double a_c = x[l * channels + c], b_c = y[m * channels + c];
          if (kernel.kind == SSM_RBF_STATIC_KERNEL) {
            const double part = d * value(l, m) * -2 / kernel.sigma * (a_c - b_c);
            gx[l * channels + c] += part;
            gy[m * channels + c] -= part;
          } else {
            gx[l * channels + c] += d * b_c;
            gy[m * channels + c] += d * a_c;
          }
        }
      }
  return k[at(rows, columns)];
}

template <typename T>
struct Paths {
  std::vector<T> values;
  std::vector<int64_t> begin, end;

  Paths(std::mt19937 &random, int batch, int channels, int longest, bool ragged) {
    std::normal_distribution<double> normal;
    for (int b = 0; b < batch; ++b) {
      const int length = ragged ? static_cast<int>(random() % (longest + 1)) : longest;
      begin.push_back(static_cast<int64_t>(values.size()) / channels);
      std::vector<double> point(channels, 0.0);
      for (int l = 0; l < length; ++l)
        for (int c = 0; c < channels; ++c)
          values.push_back(static_cast<T>(point[c] += normal(random) / std::sqrt(longest * channels)));
      end.push_back(static_cast<int64_t>(values.size()) / channels);
    }
  }
  int64_t size() const { return static_cast<int64_t>(begin.size()); }
};

double worst(const std::vector<double> &expected, const double *scale_of, size_t count, const std::vector<double> &got) {
  double scale = 1, error = 0;
  for (size_t i = 0; i < count; ++i) scale = std::fmax(scale, std::fabs(scale_of[i]));
  for (size_t i = 0; i < expected.size(); ++i) {
    const double difference = std::fabs(expected[i] - got[i]) / scale;
    error = difference <= error ? error : std::isnan(difference) ? 1e300 : difference;
  }
  return error;
}

template <typename T>
void compare(const char *target, Kernel kernel, int batch_x, int batch_y, int longest, bool ragged, int pairs,
             double value_tolerance, double gradient_tolerance) {
  const int channels = kernel.channels;
  std::mt19937 random(channels * 1000 + longest * 10 + batch_x);
  Paths<T> x(random, batch_x, channels, longest, ragged), y(random, batch_y, channels, longest - longest / 4, ragged);
  if (pairs == SSM_SYMMETRIC_PAIRS) y = x;
  const int64_t count = pairs == SSM_MATCHED_PAIRS ? x.size() : x.size() * y.size();
  std::vector<T> out(count + 1, T(-7)), seed(count + 1), gx(x.values.size() + 1, T(0.5)), gy(y.values.size() + 1, T(0.5));
  for (T &s : seed) s = static_cast<T>(random() % 1000 / 500.0 - 1);
  const int32_t status = forward(x.values.data(), x.begin.data(), x.end.data(), x.size(), y.values.data(),
                                 y.begin.data(), y.end.data(), y.size(), pairs, channels, kernel.order, kernel.kind,
                                 kernel.sigma, out.data());
  const int32_t back = backward(x.values.data(), x.begin.data(), x.end.data(), x.size(), y.values.data(),
                                y.begin.data(), y.end.data(), y.size(), pairs, channels, kernel.order, kernel.kind,
                                kernel.sigma, seed.data(), gx.data(), gy.data());
  std::vector<double> px(x.values.begin(), x.values.end()), py(y.values.begin(), y.values.end());
  std::vector<double> values(count + 1, -7.0), egx(gx.size(), 0.5), egy(gy.size(), 0.5);
  bool same_bits = true;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t a = pairs == SSM_MATCHED_PAIRS ? i : i / y.size(), b = pairs == SSM_MATCHED_PAIRS ? i : i % y.size();
    values[i] = plain(kernel, px.data() + x.begin[a] * channels, x.end[a] - x.begin[a],
                      py.data() + y.begin[b] * channels, y.end[b] - y.begin[b], seed[i],
                      egx.data() + x.begin[a] * channels, egy.data() + y.begin[b] * channels);
    if (i % 7 == 0) {
      // Alone, and the other way round.
      T alone, swapped;
      forward(x.values.data(), &x.begin[a], &x.end[a], 1, y.values.data(), &y.begin[b], &y.end[b], 1, SSM_ALL_PAIRS,
              channels, kernel.order, kernel.kind, kernel.sigma, &alone);
      forward(y.values.data(), &y.begin[b], &y.end[b], 1, x.values.data(), &x.begin[a], &x.end[a], 1,
              SSM_MATCHED_PAIRS, channels, kernel.order, kernel.kind, kernel.sigma, &swapped);
      same_bits = same_bits && alone == out[i] && swapped == out[i];
    }
  }
  const std::string what = std::string(sizeof(T) == 4 ? "f32" : "f64") + (kernel.kind ? " rbf" : " linear") +
                           " channels " + std::to_string(channels) + " order " + std::to_string(kernel.order) +
                           " batch " + std::to_string(batch_x) + " x " + std::to_string(batch_y) + " length " +
                           std::to_string(longest) + (ragged ? " ragged" : "") + " pairs " + std::to_string(pairs);
  check(status == SSM_OK && back == SSM_OK, target, what + " status", 0);
  const double error = worst(values, values.data(), values.size() - 1, {out.begin(), out.end()});
  check(error <= value_tolerance, target, what + " value", error);
  check(same_bits, target, what + " bits", 0);
  const double error_x = worst(egx, egx.data(), egx.size() - 1, {gx.begin(), gx.end()});
  const double error_y = worst(egy, egy.data(), egy.size() - 1, {gy.begin(), gy.end()});
  check(error_x <= gradient_tolerance, target, what + " gradient of x", error_x);
  check(error_y <= gradient_tolerance, target, what + " gradient of y", error_y);
}

void refusals(const char *target) {
  const int64_t begin = 0, end = 3, backwards = -1, huge = int64_t{1} << 58;
  const double path[6] = {};
  double out[2];
  auto status = [&](const int64_t *e, int64_t n, int pairs, int channels, int order, int kind, double sigma) {
    return ssm_signature_kernel_forward_f64(path, &begin, e, n, path, &begin, &end, 1, pairs, channels, order, kind,
                                            sigma, out);
  };
  check(status(&end, 1, 1, 2, 0, 0, 0) == SSM_OK && out[0] == 1, target, "constant path", 0);
  check(status(&end, 1, 1, 0, 0, 0, 0) == SSM_INVALID_ARGUMENT, target, "no channels", 0);
  check(status(&end, 1, 1, 2, -1, 0, 0) == SSM_INVALID_ARGUMENT, target, "negative order", 0);
  check(status(&end, 1, 1, 2, 11, 0, 0) == SSM_INVALID_ARGUMENT, target, "order 11", 0);
  check(status(&end, 1, 3, 2, 0, 0, 0) == SSM_INVALID_ARGUMENT, target, "unknown pairs", 0);
  check(status(&end, 1, 1, 2, 0, 2, 1) == SSM_INVALID_ARGUMENT, target, "unknown static kernel", 0);
  check(status(&end, 1, 1, 2, 0, 1, 0) == SSM_INVALID_ARGUMENT, target, "sigma 0", 0);
  check(status(&end, 1, 1, 2, 0, 1, std::nan("")) == SSM_INVALID_ARGUMENT, target, "sigma NaN", 0);
  check(status(&end, 0, 0, 2, 0, 0, 0) == SSM_INVALID_ARGUMENT, target, "unmatched pairs", 0);
  check(status(&end, -1, 1, 2, 0, 0, 0) == SSM_INVALID_ARGUMENT, target, "negative batch", 0);
  check(status(&backwards, 1, 1, 2, 0, 0, 0) == SSM_INVALID_ARGUMENT, target, "backward range", 0);
  check(status(&huge, 1, 1, 2, 10, 0, 0) == SSM_OUT_OF_MEMORY, target, "path beyond memory", 0);
}

}  // namespace

// Exit status: 1 if any check failed.
int main() {
  for (const char *target : {"x86-64-v2", "x86-64-v3", "x86-64-v4", "generic"}) {
    if (ssm_target_select(target) != SSM_OK) continue;
    refusals(target);
    for (int kind : {SSM_LINEAR_STATIC_KERNEL, SSM_RBF_STATIC_KERNEL}) {
      for (int pairs : {SSM_MATCHED_PAIRS, SSM_ALL_PAIRS, SSM_SYMMETRIC_PAIRS}) {
        const int shapes[][3] = {{1, 1, 5}, {1, 5, 33}, {2, 3, 34}, {3, 17, 7}, {3, 2, 75}, {5, 9, 40}, {17, 4, 12}};
        for (const auto &shape : shapes) {
          for (int order : {0, 1, 2, 3}) {
            if (order >= 2 && shape[1] * shape[2] > 120) continue;  // the plain form would take minutes
            for (bool ragged : {false, true}) {
              const Kernel kernel{shape[0], order, kind, 0.8};
              const int other = pairs == SSM_ALL_PAIRS ? shape[1] / 2 + 1 : shape[1];
              // Rounding adds up along the rows and columns of the refined grid.
              const double in_float = std::fmax(2e-5, 1e-7 * 2 * (shape[2] << order));
              compare<float>(target, kernel, shape[1], other, shape[2], ragged, pairs, in_float, 10 * in_float);
              compare<double>(target, kernel, shape[1], other, shape[2], ragged, pairs, 1e-12, 1e-11);
            }
          }
        }
        if (pairs != SSM_MATCHED_PAIRS)
          compare<double>(target, Kernel{2, 0, kind, 0.8}, 0, 0, 5, true, pairs, 1e-12, 1e-11);
      }
    }
  }
  return failures == 0 ? 0 : 1;
}
