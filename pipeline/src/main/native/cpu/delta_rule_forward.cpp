// The delta rule, forward.
#include <cstring>

#include "delta_rule.h"
#include "target.h"

namespace SSM_NAMESPACE {
namespace {

using namespace delta_rule;

// One update S <- decay S + beta (v - decay S k) k^T of `kVectors` vectors of values; with q, o = S q too.
template <int kVectors, bool decayed>
SSM_INLINE void update(int64_t keys, const float *k, float beta, float decay, const float *v, const float *q,
                       float *state, float *o) {
  Floats change[kVectors], output[kVectors];
  predict<kVectors>(keys, k, state, change);
#pragma GCC unroll 4
  for (int j = 0; j < kVectors; ++j) change[j] = beta * (load(v + j * kLanes) - decay * change[j]);
  auto change_key = [&](int64_t i, Floats *sum) __attribute__((always_inline)) {
    const Floats key = broadcast(k[i]), query = q == nullptr ? Floats{} : broadcast(q[i]);
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) {
      float *at = state + (i * kVectors + j) * kLanes;
      const Floats after = (decayed ? decay * load(at) : load(at)) + key * change[j];
      store(at, after);
      if (q != nullptr) sum[j] += query * after;
    }
  };
  sum_over_keys<kVectors>(keys, output, change_key);
  if (q == nullptr) return;
#pragma GCC unroll 4
  for (int j = 0; j < kVectors; ++j) store(o + j * kLanes, output[j]);
}

constexpr int64_t kAhead = 4;  // steps

// The values first .. first + count - 1 of one head over one sequence.
template <int kVectors>
void run(const Operands &x, int64_t begin, int64_t end, int64_t head, int64_t first, int64_t count, float *o,
         int64_t o_stride, float *state) {
  constexpr int64_t kStride = kVectors * kLanes;
  float value[kStride] = {}, output[kStride];
  for (int64_t row = begin; row < end; ++row) {
    const float decay = decay_of(x.log_alpha, x.log_alpha_stride, row, head);
    const float *query = x.q + row * x.q_stride + head * x.keys;
    float *const out = o + row * o_stride + head * x.values + first;
    prefetch(query + kAhead * x.q_stride, x.keys);
    prefetch(out + kAhead * o_stride, count);
    for (int64_t r = 0; r < x.updates; ++r) {
      const int64_t group = r * x.heads + head;
      const float *key = x.k + row * x.k_stride + group * x.keys;
      const float *from = x.v + row * x.v_stride + group * x.values + first;
      prefetch(key + kAhead * x.k_stride, x.keys);
      prefetch(from + kAhead * x.v_stride, count);
      std::memcpy(value, from, count * sizeof(float));
      (r == 0 && x.log_alpha != nullptr ? update<kVectors, true> : update<kVectors, false>)(
          x.keys, key, x.beta[row * x.beta_stride + group], r == 0 ? decay : 1.0f, value,
          r + 1 == x.updates ? query : nullptr, state, output);
    }
    std::memcpy(out, output, count * sizeof(float));
  }
}

}  // namespace

int32_t delta_rule_forward_f32(int64_t batch, const int32_t *offsets, int64_t heads, int64_t keys, int64_t values,
                               int64_t updates, const float *q, int64_t q_stride, const float *k, int64_t k_stride,
                               const float *v, int64_t v_stride, const float *beta, int64_t beta_stride,
                               const float *log_alpha, int64_t log_alpha_stride, const float *initial,
                               int64_t initial_stride, float *o, int64_t o_stride, float *last, int64_t last_stride,
                               float *workspace) {
  if (batch < 0 || heads < 0 || keys < 0 || values < 0 || updates < 1) return SSM_INVALID_ARGUMENT;
  const Operands operands = {heads, keys,     values, updates,     q,         q_stride,        k, k_stride,
                             v,     v_stride, beta,   beta_stride, log_alpha, log_alpha_stride};
  for (int64_t s = 0; s < batch; ++s)
    for (int64_t head = 0; head < heads; ++head)
      for_each_tile(values, [&](auto vectors, int64_t first, int64_t count) {
        constexpr int kVectors = decltype(vectors)::value;
        const int64_t at = (head * values + first) * keys;
        load_state(initial == nullptr ? nullptr : initial + s * initial_stride + at, keys, count, kVectors * kLanes,
                   workspace);
        run<kVectors>(operands, offsets[s], offsets[s + 1], head, first, count, o, o_stride, workspace);
        if (last != nullptr)
          store_state(workspace, keys, count, kVectors * kLanes, last + s * last_stride + at);
      });
  return SSM_OK;
}

int64_t delta_rule_forward_workspace_f32(int64_t keys) { return keys * kMostVectors * kLanes; }

}  // namespace SSM_NAMESPACE
