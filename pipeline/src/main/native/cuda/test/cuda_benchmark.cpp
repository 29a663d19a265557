// Times kernels on the first GPU and prints a JSON object a line; pipeline/src/bench/gpu.py runs it.
//   cuda_benchmark selective_scan BATCH LENGTH CHANNELS STATES
//   cuda_benchmark linear_cde BATCH LENGTH CONTROLS STATES
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <random>
#include <vector>

#include "ssm_cuda.h"

namespace {

constexpr double kSecondsPerTiming = 0.5;
constexpr int kTimings = 5;

void require(int32_t status) {
  if (status == 0) return;
  std::fprintf(stderr, "%s\n", ssm_cuda_error());
  std::exit(1);
}

ssm_cuda_context *open() {
  int32_t count = 0;
  require(ssm_cuda_device_count(&count));
  ssm_cuda_context *context = nullptr;
  require(ssm_cuda_open(0, 0, 0, &context));
  return context;
}

ssm_cuda_matrix normal(ssm_cuda_context *context, int64_t rows, int64_t columns, float scale, bool negative = false) {
  static std::mt19937 random(1);
  std::normal_distribution<float> distribution(0, scale);
  std::vector<float> values(static_cast<size_t>(rows * columns));
  for (float &value : values) {
    value = distribution(random);
    if (negative) value = value < 0 ? value - 0.1f : -value - 0.1f;
  }
  ssm_cuda_matrix m = {nullptr, rows, columns, columns};
  require(ssm_cuda_take(context, rows * columns, &m.data));
  require(ssm_cuda_write(context, values.data(), &m));
  return m;
}

// Seconds of one call: the least of some timings, each over many calls.
double seconds(ssm_cuda_context *context, const std::function<void()> &call) {
  auto time = [&](int calls) {
    require(ssm_cuda_synchronize(context));
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < calls; ++i) call();
    require(ssm_cuda_synchronize(context));
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  time(2);
  int calls = 1;
  while (time(calls) < kSecondsPerTiming) calls *= 2;
  double best = 1e30;
  for (int i = 0; i < kTimings; ++i) {
    const double spent = time(calls) / calls;
    if (spent < best) best = spent;
  }
  return best;
}

std::vector<int32_t> uniform(int64_t batch, int64_t length) {
  std::vector<int32_t> offsets;
  for (int64_t b = 0; b <= batch; ++b) offsets.push_back(static_cast<int32_t>(b * length));
  return offsets;
}

void selective_scan(int64_t batch, int64_t length, int64_t d, int64_t n) {
  ssm_cuda_context *const context = open();
  const int64_t t = batch * length;
  const std::vector<int32_t> offsets = uniform(batch, length);
  auto m = [&](int64_t rows, int64_t columns) { return normal(context, rows, columns, 1); };
  const int64_t chunks = (length + SSM_CUDA_SELECTIVE_SCAN_CHUNK - 1) / SSM_CUDA_SELECTIVE_SCAN_CHUNK;
  const ssm_cuda_matrix kept = m(batch * chunks, d * n);
  const ssm_cuda_selective_scan scan = {m(t, d), m(t, d), m(1, d), normal(context, d, n, 1, true), m(t, n), m(t, n),
                                        m(1, d), m(t, d), {},      m(t, d),                        {},      kept};
  const ssm_cuda_selective_scan_gradients g = {m(t, d), {},      m(t, d), m(t, d), m(1, d), m(d, n),
                                               m(t, n), m(t, n), m(1, d), m(t, d), {}};
  const double forward = seconds(
      context, [&] { require(ssm_cuda_selective_scan_forward(context, batch, offsets.data(), &scan)); });
  const double backward = seconds(
      context, [&] { require(ssm_cuda_selective_scan_backward(context, batch, offsets.data(), &scan, &g)); });
  // u, delta, gate, y; then u, delta, gate, dy, du, ddelta, dgate; b and c and their gradients.
  const double forward_bytes = 4.0 * static_cast<double>(t) * static_cast<double>(4 * d + 2 * n);
  const double backward_bytes = 4.0 * static_cast<double>(t) * static_cast<double>(7 * d + 4 * n);
  std::printf("{\"kernel\": \"selective_scan\", \"shape\": [%lld, %lld, %lld, %lld], \"device\": \"%s\", "
              "\"forwardSeconds\": %.6g, \"backwardSeconds\": %.6g, \"forwardBytes\": %.0f, \"backwardBytes\": %.0f}\n",
              (long long)batch, (long long)length, (long long)d, (long long)n, ssm_cuda_description(context), forward,
              backward, forward_bytes, backward_bytes);
  ssm_cuda_close(context);
}

void linear_cde(int64_t batch, int64_t length, int64_t w, int64_t n) {
  ssm_cuda_context *const context = open();
  const int64_t t = batch * length;
  const std::vector<int32_t> offsets = uniform(batch, length);
  auto m = [&](int64_t rows, int64_t columns, float scale) { return normal(context, rows, columns, scale); };
  const ssm_cuda_linear_cde solve = {m(t, w, 0.01f), m(w * n, n, 0.06f), m(t, w, 0.01f), m(n, w, 1), m(batch, n, 1),
                                     m(t, n, 1),     {}};
  const ssm_cuda_linear_cde_gradients g = {m(t, n, 1), {}, m(t, w, 1), m(w * n, n, 1), {}, {}, {}};
  const int32_t rk4 = 1;
  const double forward = seconds(
      context, [&] { require(ssm_cuda_linear_cde_forward(context, rk4, batch, offsets.data(), &solve)); });
  const double backward = seconds(
      context, [&] { require(ssm_cuda_linear_cde_backward(context, rk4, batch, offsets.data(), &solve, &g)); });
  const double stage = 2.0 * static_cast<double>(t) * static_cast<double>(w * n * n);
  std::printf("{\"kernel\": \"linear_cde\", \"shape\": [%lld, %lld, %lld, %lld], \"device\": \"%s\", "
              "\"forwardSeconds\": %.6g, \"backwardSeconds\": %.6g, \"forwardFlops\": %.0f, \"backwardFlops\": %.0f}\n",
              (long long)batch, (long long)length, (long long)w, (long long)n, ssm_cuda_description(context), forward,
              backward, 4 * stage, 12 * stage);
  ssm_cuda_close(context);
}

}  // namespace

int main(int count, char **arguments) {
  if (count != 6) {
    std::fprintf(stderr, "usage: cuda_benchmark selective_scan|linear_cde BATCH LENGTH CHANNELS|CONTROLS STATES\n");
    return 2;
  }
  int64_t sizes[4];
  for (int i = 0; i < 4; ++i) sizes[i] = std::atoll(arguments[2 + i]);
  (std::strcmp(arguments[1], "selective_scan") == 0 ? selective_scan : linear_cde)(sizes[0], sizes[1], sizes[2],
                                                                                   sizes[3]);
  return 0;
}
