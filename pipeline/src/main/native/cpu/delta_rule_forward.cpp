// The delta rule, forward.
#include <cstring>
#include <type_traits>

#include "delta_rule.h"
#include "target.h"

namespace SSM_NAMESPACE {
namespace {

using namespace delta_rule;

// Calls f(i, sum) for i < keys with one of several sums in turn, so that the additions of one do not wait for each
// other; returns their total.
template <int kVectors, typename F>
SSM_INLINE void sum_over_keys(int64_t keys, Floats *total, F f) {
  constexpr int kSums = kVectors >= 4 ? 1 : 4 / kVectors;
  Floats sums[kSums][kVectors] = {};
  int64_t i = 0;
  for (; i + kSums <= keys; i += kSums) {
#pragma GCC unroll 4
    for (int s = 0; s < kSums; ++s) f(i + s, sums[s]);
  }
  for (; i < keys; ++i) f(i, sums[0]);
#pragma GCC unroll 4
  for (int j = 0; j < kVectors; ++j) {
    total[j] = sums[0][j];
#pragma GCC unroll 4
    for (int s = 1; s < kSums; ++s) total[j] += sums[s][j];
  }
}

// One update S <- decay S + beta (v - decay S k) k^T of `kVectors` vectors of values; with q, o = S q too.
template <int kVectors>
SSM_INLINE void update(int64_t keys, const float *k, float beta, float decay, const float *v, const float *q,
                       float *state, float *o) {
  constexpr int kStride = kVectors * kLanes;
  Floats predicted[kVectors], change[kVectors], output[kVectors];
  sum_over_keys<kVectors>(keys, predicted, [&](int64_t i, Floats *sum) __attribute__((always_inline)) {
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) sum[j] += k[i] * load(state + i * kStride + j * kLanes);
  });
#pragma GCC unroll 4
  for (int j = 0; j < kVectors; ++j) change[j] = beta * (load(v + j * kLanes) - decay * predicted[j]);
  auto change_key = [&](int64_t i, Floats *sum) __attribute__((always_inline)) {
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) {
      float *at = state + i * kStride + j * kLanes;
      const Floats after = decay * load(at) + k[i] * change[j];
      store(at, after);
      if (q != nullptr) sum[j] += q[i] * after;
    }
  };
  sum_over_keys<kVectors>(keys, output, change_key);
  if (q == nullptr) return;
#pragma GCC unroll 4
  for (int j = 0; j < kVectors; ++j) store(o + j * kLanes, output[j]);
}

struct Operands {
  int64_t heads, keys, values, updates;
  const float *q;
  int64_t q_stride;
  const float *k;
  int64_t k_stride;
  const float *v;
  int64_t v_stride;
  const float *beta;
  int64_t beta_stride;
  const float *log_alpha;
  int64_t log_alpha_stride;
  float *o;
  int64_t o_stride;
};

// The values first .. first + count - 1 of one head over one sequence.
template <int kVectors>
void run(const Operands &p, int64_t begin, int64_t end, int64_t head, int64_t first, int64_t count, float *state) {
  constexpr int64_t kStride = kVectors * kLanes;
  float value[kStride] = {}, output[kStride];
  for (int64_t row = begin; row < end; ++row) {
    float decay = decay_of(p.log_alpha, p.log_alpha_stride, row, head);
    for (int64_t r = 0; r < p.updates; ++r) {
      const int64_t group = r * p.heads + head;
      std::memcpy(value, p.v + row * p.v_stride + group * p.values + first, count * sizeof(float));
      update<kVectors>(p.keys, p.k + row * p.k_stride + group * p.keys, p.beta[row * p.beta_stride + group], decay,
                       value, r + 1 == p.updates ? p.q + row * p.q_stride + head * p.keys : nullptr, state, output);
      decay = 1.0f;
    }
    std::memcpy(p.o + row * p.o_stride + head * p.values + first, output, count * sizeof(float));
  }
}

constexpr int kMostVectors = 4;

}  // namespace

int32_t delta_rule_forward_f32(int64_t batch, const int32_t *offsets, int64_t heads, int64_t keys, int64_t values,
                               int64_t updates, const float *q, int64_t q_stride, const float *k, int64_t k_stride,
                               const float *v, int64_t v_stride, const float *beta, int64_t beta_stride,
                               const float *log_alpha, int64_t log_alpha_stride, const float *initial,
                               int64_t initial_stride, float *o, int64_t o_stride, float *last, int64_t last_stride,
                               float *workspace) {
  if (batch < 0 || heads < 0 || keys < 0 || values < 0 || updates < 1) return SSM_INVALID_ARGUMENT;
  const Operands operands = {heads, keys, values, updates, q,    q_stride,    k,         k_stride,
                             v,     v_stride, beta, beta_stride, log_alpha, log_alpha_stride, o, o_stride};
  for (int64_t s = 0; s < batch; ++s)
    for (int64_t head = 0; head < heads; ++head) {
      auto run_block = [&](auto tag, int64_t first) {
        constexpr int kVectors = decltype(tag)::value;
        constexpr int64_t kStride = kVectors * kLanes;
        const int64_t count = values - first < kStride ? values - first : kStride;
        const int64_t at = (head * values + first) * keys;
        load_state(initial == nullptr ? nullptr : initial + s * initial_stride + at, keys, count, kStride, workspace);
        run<kVectors>(operands, offsets[s], offsets[s + 1], head, first, count, workspace);
        if (last != nullptr) store_state(workspace, keys, count, kStride, last + s * last_stride + at);
      };
      int64_t first = 0;
      while (first < values) {
        const int64_t rest = (values - first + kLanes - 1) / kLanes;
        const int64_t vectors = rest >= kMostVectors ? kMostVectors : rest >= 2 ? 2 : 1;
        if (vectors == 4)
          run_block(std::integral_constant<int, 4>(), first);
        else if (vectors == 2)
          run_block(std::integral_constant<int, 2>(), first);
        else
          run_block(std::integral_constant<int, 1>(), first);
        first += vectors * kLanes;
      }
    }
  return SSM_OK;
}

int64_t delta_rule_forward_workspace_f32(int64_t keys) { return keys * kMostVectors * kLanes; }

}  // namespace SSM_NAMESPACE
