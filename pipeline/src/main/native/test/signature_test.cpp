// The signature kernels of every instruction set of this machine against Horner's rule and the logarithm's series
// written plainly; gradients against central differences of these along random directions.
#include "ssm.h"

#include <cmath>
#include <cstdio>
#include <cstring>
#include <random>
#include <vector>

namespace {

int failures = 0;

void check(bool condition, const char *target, const char *type, int channels, int depth, int batch, double error) {
  if (!condition) {
    std::printf("FAILED: %s %s, %d channels, depth %d, batch %d: error %g\n", target, type, channels, depth, batch,
                error);
    ++failures;
  }
}

std::vector<double> plain_signature(const double *path, int64_t length, int channels, int depth) {
  std::vector<std::vector<double>> level(depth + 1);
  level[0] = {1.0};
  for (int k = 1; k <= depth; ++k) level[k].assign(level[k - 1].size() * channels, 0.0);
  for (int64_t l = 1; l < length; ++l) {
    const double *now = path + l * channels, *before = now - channels;
    for (int n = depth; n >= 1; --n) {
      std::vector<double> bracket = {1.0};
      for (int k = 1; k <= n; ++k) {
        std::vector<double> next(level[k]);
        for (size_t w = 0; w < bracket.size(); ++w)
          for (int i = 0; i < channels; ++i) next[w * channels + i] += bracket[w] * (now[i] - before[i]) / (n - k + 1);
        bracket = next;
      }
      level[n] = bracket;
    }
  }
  std::vector<double> out;
  for (int k = 1; k <= depth; ++k) out.insert(out.end(), level[k].begin(), level[k].end());
  return out;
}

using Plain = std::vector<double> (*)(const double *, int64_t, int, int);

// log(1 + a) by powers of a, at all words.
std::vector<double> plain_logarithm(const double *path, int64_t length, int channels, int depth) {
  const std::vector<double> a = plain_signature(path, length, channels, depth);
  std::vector<double> power = a, out = a;
  for (int k = 2; k <= depth; ++k) {
    std::vector<double> next(a.size(), 0.0);
    int64_t first_n = 0, words_n = channels;
    for (int n = 1; n <= depth; ++n) {
      for (int64_t w = 0; w < words_n; ++w) {
        // Level i of the power times level n - i of a.
        int64_t first = 0, words = channels;
        for (int i = 1; i < n; ++i) {
          int64_t rest_first = 0, rest_words = channels;
          for (int r = 1; r < n - i; ++r) {
            rest_first += rest_words;
            rest_words *= channels;
          }
          next[first_n + w] += power[first + w / rest_words] * a[rest_first + w % rest_words];
          first += words;
          words *= channels;
        }
      }
      first_n += words_n;
      words_n *= channels;
    }
    power = next;
    for (size_t e = 0; e < out.size(); ++e) out[e] += (k % 2 == 0 ? -1.0 : 1.0) / k * power[e];
  }
  return out;
}

bool is_lyndon(int64_t word, int channels, int length) {
  std::vector<int> letters(length);
  for (int k = length - 1; k >= 0; --k, word /= channels) letters[k] = static_cast<int>(word % channels);
  for (int start = 1; start < length; ++start) {
    const std::vector<int> suffix(letters.begin() + start, letters.end());
    if (!(letters < suffix)) return false;
  }
  return true;
}

std::vector<double> plain_logarithm_of_words(const double *path, int64_t length, int channels, int depth) {
  const std::vector<double> all = plain_logarithm(path, length, channels, depth);
  std::vector<double> out;
  int64_t first = 0, words = channels;
  for (int n = 1; n <= depth; ++n) {
    for (int64_t w = 0; w < words; ++w)
      if (is_lyndon(w, channels, n)) out.push_back(all[first + w]);
    first += words;
    words *= channels;
  }
  return out;
}

int32_t forward(const float *v, const int64_t *b, const int64_t *e, int64_t n, int c, int d, float *o) {
  return ssm_signature_forward_f32(v, b, e, n, c, d, o);
}
int32_t forward(const double *v, const int64_t *b, const int64_t *e, int64_t n, int c, int d, double *o) {
  return ssm_signature_forward_f64(v, b, e, n, c, d, o);
}

int32_t backward(const float *v, const int64_t *b, const int64_t *e, int64_t n, int c, int d, const float *s,
                 const float *g, float *o) {
  return ssm_signature_backward_f32(v, b, e, n, c, d, s, g, o);
}
int32_t backward(const double *v, const int64_t *b, const int64_t *e, int64_t n, int c, int d, const double *s,
                 const double *g, double *o) {
  return ssm_signature_backward_f64(v, b, e, n, c, d, s, g, o);
}
int32_t log_forward(const float *v, const int64_t *b, const int64_t *e, int64_t n, int c, int d, int basis, float *o) {
  return ssm_log_signature_forward_f32(v, b, e, n, c, d, basis, o);
}
int32_t log_forward(const double *v, const int64_t *b, const int64_t *e, int64_t n, int c, int d, int basis,
                    double *o) {
  return ssm_log_signature_forward_f64(v, b, e, n, c, d, basis, o);
}
int32_t log_backward(const float *v, const int64_t *b, const int64_t *e, int64_t n, int c, int d, int basis,
                     const float *g, float *o) {
  return ssm_log_signature_backward_f32(v, b, e, n, c, d, basis, g, o);
}
int32_t log_backward(const double *v, const int64_t *b, const int64_t *e, int64_t n, int c, int d, int basis,
                     const double *g, double *o) {
  return ssm_log_signature_backward_f64(v, b, e, n, c, d, basis, g, o);
}

// A packed batch of random walks.
template <typename T>
struct Batch {
  std::vector<int64_t> begin, end;
  std::vector<T> values;

  Batch(int channels, int batch, bool ragged, std::mt19937 &random) {
    std::normal_distribution<double> normal;
    for (int b = 0; b < batch; ++b) {
      const int64_t length = ragged ? static_cast<int64_t>(random() % 70) : 41;
      begin.push_back(static_cast<int64_t>(values.size()) / channels);
      std::vector<double> point(channels, 0.0);
      for (int64_t l = 0; l < length; ++l)
        for (int c = 0; c < channels; ++c) values.push_back(static_cast<T>(point[c] += 0.15 * normal(random)));
      end.push_back(static_cast<int64_t>(values.size()) / channels);
    }
  }

  std::vector<double> path(int b, int channels) const {
    return std::vector<double>(values.begin() + begin[b] * channels, values.begin() + end[b] * channels);
  }
};

double worse(double error, double difference) {
  return difference <= error ? error : std::isnan(difference) ? 1e300 : difference;
}

// The derivative of <gradient, plain(path)> along a direction, by differences of fourth order.
double derivative(Plain plain, const std::vector<double> &path, const std::vector<double> &direction, int channels,
                  int depth, const std::vector<double> &gradient) {
  const double h = 5e-4;
  const auto at = [&](double t) {
    std::vector<double> moved(path);
    for (size_t i = 0; i < moved.size(); ++i) moved[i] += t * direction[i];
    const std::vector<double> value = plain(moved.data(), static_cast<int64_t>(moved.size()) / channels, channels, depth);
    double sum = 0;
    for (size_t e = 0; e < value.size(); ++e) sum += gradient[e] * value[e];
    return sum;
  };
  return (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
}

// What is differentiated: the signature, or its logarithm in one of two bases.
enum class Function { kSignature, kLogExpanded, kLogWords };

template <typename T>
void compare_more(Function function, const char *target, const char *type, int channels, int depth, int batch,
                  bool ragged, double tolerance, double gradient_tolerance) {
  std::mt19937 random(channels * 1000 + depth * 100 + batch);
  std::normal_distribution<double> normal;
  const Batch<T> data(channels, batch, ragged, random);
  const Plain plain = function == Function::kSignature     ? plain_signature
                      : function == Function::kLogExpanded ? plain_logarithm
                                                           : plain_logarithm_of_words;
  const int basis = function == Function::kLogExpanded ? SSM_LOG_EXPANDED : SSM_LOG_WORDS;
  const int64_t width = static_cast<int64_t>(plain(nullptr, 0, channels, depth).size());
  std::vector<T> out(width * batch + 1, T(-7)), gradient(width * batch + 1), moved(data.values.size() + 1, T(0.5));
  for (T &g : gradient) g = static_cast<T>(normal(random));
  const T *values = data.values.data();
  const int64_t *begin = data.begin.data(), *end = data.end.data();
  int32_t status;
  if (function == Function::kSignature) {
    status = forward(values, begin, end, batch, channels, depth, out.data());
    status |= backward(values, begin, end, batch, channels, depth, out.data(), gradient.data(), moved.data());
  } else {
    status = log_forward(values, begin, end, batch, channels, depth, basis, out.data());
    status |= log_backward(values, begin, end, batch, channels, depth, basis, gradient.data(), moved.data());
  }
  double error = status == SSM_OK ? 0 : 1e300, gradient_error = 0;
  for (int b = 0; b < batch; ++b) {
    const std::vector<double> path = data.path(b, channels);
    const std::vector<double> expected = plain(path.data(), data.end[b] - data.begin[b], channels, depth);
    // A logarithm is the small difference of a signature's large entries.
    double scale = 1;
    for (double e : plain_signature(path.data(), data.end[b] - data.begin[b], channels, depth))
      scale = std::fmax(scale, std::fabs(e));
    for (int64_t w = 0; w < width; ++w) error = worse(error, std::fabs(out[b * width + w] - expected[w]) / scale);
    if (b >= 2 && b + 1 < batch) continue;
    std::vector<double> direction(path.size()), own(gradient.begin() + b * width, gradient.begin() + (b + 1) * width);
    for (double &v : direction) v = normal(random);
    double sum = 0, size = 1;
    for (size_t i = 0; i < path.size(); ++i) {
      const double term = (moved[data.begin[b] * channels + i] - 0.5) * direction[i];
      sum += term;
      size += std::fabs(term);
    }
    const double slope = derivative(plain, path, direction, channels, depth, own);
    gradient_error = worse(gradient_error, std::fabs(sum - slope) / size);
  }
  check(error <= tolerance, target, type, channels, depth, batch, error);
  check(gradient_error <= gradient_tolerance, target, type, channels, depth, batch, gradient_error);
  check(out[width * batch] == T(-7) && moved.back() == T(0.5), target, type, channels, depth, batch, -1);
}

template <typename T>
void compare(const char *target, const char *type, int channels, int depth, int batch, bool ragged, double tolerance) {
  std::mt19937 random(channels * 1000 + depth * 100 + batch);
  const Batch<T> data(channels, batch, ragged, random);
  const std::vector<int64_t> &begin = data.begin, &end = data.end;
  const std::vector<T> &values = data.values;
  int64_t width = 0;
  for (int k = 0; k < depth; ++k) width = (width + 1) * channels;
  std::vector<T> out(width * batch + 1, T(-7));
  const int32_t status = forward(values.data(), begin.data(), end.data(), batch, channels, depth, out.data());
  double error = status == SSM_OK ? 0 : 1e300;
  for (int b = 0; b < batch; ++b) {
    std::vector<double> path(values.begin() + begin[b] * channels, values.begin() + end[b] * channels);
    const std::vector<double> expected = plain_signature(path.data(), end[b] - begin[b], channels, depth);
    double scale = 1;
    for (double e : expected) scale = std::fmax(scale, std::fabs(e));
    for (int64_t w = 0; w < width; ++w) {
      error = worse(error, std::fabs(out[b * width + w] - expected[w]) / scale);
    }
  }
  check(error <= tolerance, target, type, channels, depth, batch, error);
  check(out[width * batch] == T(-7), target, type, channels, depth, batch, -1);
}

}  // namespace

// Exit status: 1 if any check failed.
int main() {
  for (const char *target : {"x86-64-v2", "x86-64-v3", "x86-64-v4", "generic"}) {
    if (ssm_target_select(target) != SSM_OK) continue;
    const int shapes[][2] = {{1, 1}, {1, 7},  {2, 1},  {2, 2},  {2, 3},  {2, 4}, {2, 6},  {2, 9},  {3, 1},  {3, 2},
                             {3, 3}, {3, 4},  {3, 6},  {4, 2},  {4, 3},  {4, 5}, {5, 1},  {5, 2},  {5, 3},  {5, 4},
                             {6, 4}, {7, 3},  {8, 4},  {9, 2},  {11, 3}, {13, 2}, {16, 3}, {17, 2}, {19, 3}, {33, 2},
                             {40, 2}, {70, 2}};
    for (const auto &shape : shapes) {
      for (int batch : {0, 1, 2, 3, 5, 16, 33}) {
        for (bool ragged : {false, true}) {
          compare<float>(target, "f32", shape[0], shape[1], batch, ragged, 2e-5);
          compare<double>(target, "f64", shape[0], shape[1], batch, ragged, 1e-12);
        }
      }
    }
    const int small[][2] = {{1, 1}, {1, 5}, {2, 1}, {2, 2}, {2, 3}, {2, 6},  {2, 8},  {2, 9},  {3, 2}, {3, 3},
                            {3, 6}, {4, 4}, {5, 3}, {6, 4}, {8, 3}, {16, 2}, {17, 2}, {19, 3}, {40, 2}};
    for (const auto &shape : small) {
      for (int batch : {0, 1, 3, 17}) {
        if (batch == 17 && shape[0] * shape[1] > 24) continue;
        for (bool ragged : {false, true}) {
          for (Function f : {Function::kSignature, Function::kLogExpanded, Function::kLogWords}) {
            // Going back along the path, and powers of a signature, cost float more at high depth.
            const double narrow = shape[1] <= 8 ? 2e-5 : 2e-4;
            compare_more<float>(f, target, "f32", shape[0], shape[1], batch, ragged, narrow, narrow);
            compare_more<double>(f, target, "f64", shape[0], shape[1], batch, ragged, 1e-12, 1e-9);
          }
        }
      }
    }
    const int64_t begin = 0, end = 3, backwards = -1;
    const float path[6] = {};
    float out[6];
    const bool refused = ssm_signature_forward_f32(path, &begin, &end, 1, 2, 0, out) == SSM_INVALID_ARGUMENT &&
                         ssm_signature_forward_f32(path, &begin, &end, 1, 0, 2, out) == SSM_INVALID_ARGUMENT &&
                         ssm_signature_forward_f32(path, &begin, &end, 1, 2, 64, out) == SSM_INVALID_ARGUMENT &&
                         ssm_signature_forward_f32(path, &begin, &backwards, 1, 2, 2, out) == SSM_INVALID_ARGUMENT &&
                         ssm_signature_forward_f32(path, &begin, &end, -1, 2, 2, out) == SSM_INVALID_ARGUMENT &&
                         ssm_signature_backward_f32(path, &begin, &end, 1, 0, 2, out, out, out) ==
                             SSM_INVALID_ARGUMENT &&
                         ssm_log_signature_forward_f32(path, &begin, &end, 1, 2, 2, 2, out) == SSM_INVALID_ARGUMENT &&
                         ssm_log_signature_backward_f32(path, &begin, &end, 1, 2, 40, 1, out, out) ==
                             SSM_INVALID_ARGUMENT;
    check(refused, target, "impossible arguments", 0, 0, 0, 0);
  }
  return failures == 0 ? 0 : 1;
}
