// The signature kernels of every instruction set of this machine against Horner's rule written plainly.
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

int32_t forward(const float *v, const int64_t *b, const int64_t *e, int64_t n, int c, int d, float *o) {
  return ssm_signature_forward_f32(v, b, e, n, c, d, o);
}
int32_t forward(const double *v, const int64_t *b, const int64_t *e, int64_t n, int c, int d, double *o) {
  return ssm_signature_forward_f64(v, b, e, n, c, d, o);
}

template <typename T>
void compare(const char *target, const char *type, int channels, int depth, int batch, bool ragged, double tolerance) {
  std::mt19937 random(channels * 1000 + depth * 100 + batch);
  std::normal_distribution<double> normal;
  std::vector<int64_t> begin, end;
  std::vector<T> values;
  for (int b = 0; b < batch; ++b) {
    const int64_t length = ragged ? static_cast<int64_t>(random() % 70) : 41;
    begin.push_back(static_cast<int64_t>(values.size()) / channels);
    std::vector<double> point(channels, 0.0);
    for (int64_t l = 0; l < length; ++l)
      for (int c = 0; c < channels; ++c) values.push_back(static_cast<T>(point[c] += 0.15 * normal(random)));
    end.push_back(static_cast<int64_t>(values.size()) / channels);
  }
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
      const double difference = std::fabs(out[b * width + w] - expected[w]) / scale;
      error = difference <= error ? error : std::isnan(difference) ? 1e300 : difference;
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
    const int shapes[][2] = {{1, 1}, {1, 7},  {2, 1},  {2, 2},  {2, 3},  {2, 4}, {2, 5},  {2, 9},  {3, 1},  {3, 2},
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
    const int64_t begin = 0, end = 3, backwards = -1;
    const float path[6] = {};
    float out[6];
    const bool refused = ssm_signature_forward_f32(path, &begin, &end, 1, 2, 0, out) == SSM_INVALID_ARGUMENT &&
                         ssm_signature_forward_f32(path, &begin, &end, 1, 0, 2, out) == SSM_INVALID_ARGUMENT &&
                         ssm_signature_forward_f32(path, &begin, &end, 1, 2, 64, out) == SSM_INVALID_ARGUMENT &&
                         ssm_signature_forward_f32(path, &begin, &backwards, 1, 2, 2, out) == SSM_INVALID_ARGUMENT &&
                         ssm_signature_forward_f32(path, &begin, &end, -1, 2, 2, out) == SSM_INVALID_ARGUMENT;
    check(refused, target, "impossible arguments", 0, 0, 0, 0);
  }
  return failures == 0 ? 0 : 1;
}
