// The delta rule, backward, one vector of values at a time. States are stored at the beginning of every chunk of steps
// and recomputed inside it.
#include <cstring>

#include "delta_rule.h"
#include "target.h"

namespace SSM_NAMESPACE {
namespace {

using namespace delta_rule;

struct Space {
  float *starts;    // [chunks][K][lanes]
  float *trace;     // [steps][R][K][lanes]: the states that the updates start from, decayed
  float *errors;    // [steps][R][lanes]: v - S k
  float *state;     // [K][lanes]
  float *gradient;  // [K][lanes], of the state
  int64_t floats;

  Space(float *base, int64_t keys, int64_t updates, int64_t longest) {
    const int64_t chunk = chunk_length(longest);
    Pieces pieces(base);
    starts = pieces.take(chunk_count(longest, chunk) * keys);
    trace = pieces.take(chunk * updates * keys);
    errors = pieces.take(chunk * updates);
    state = pieces.take(keys);
    gradient = pieces.take(keys);
    floats = pieces.floats();
  }
};

// Several sums, so that the additions of one do not wait for each other.
constexpr int kSums = 4;

template <typename F>
SSM_INLINE Floats sum_over_keys(int64_t keys, F f) {
  Floats sums[kSums] = {};
  int64_t i = 0;
  for (; i + kSums <= keys; i += kSums) {
#pragma GCC unroll 4
    for (int s = 0; s < kSums; ++s) sums[s] += f(i + s);
  }
  for (; i < keys; ++i) sums[0] += f(i);
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

// S <- S + beta (v - S k) k^T; keeps the state before, if asked for, and returns the error.
SSM_INLINE Floats update(int64_t keys, const float *k, float beta, Floats v, float *state, float *before) {
  const Floats predicted = sum_over_keys(keys, [&](int64_t i) { return k[i] * load(state + i * kLanes); });
  const Floats error = v - predicted, change = beta * error;
  for (int64_t i = 0; i < keys; ++i) {
    const Floats old = load(state + i * kLanes);
    if (before != nullptr) store(before + i * kLanes, old);
    store(state + i * kLanes, old + k[i] * change);
  }
  return error;
}

// Calls f(i) for i < keys and writes the sum of the lanes of each result to out[i], or adds it.
template <typename F>
SSM_INLINE void lane_sums_by_key(int64_t keys, bool added, float *out, F f) {
  for (int64_t i0 = 0; i0 < keys; i0 += kLanes) {
    Floats sum = sums_of_lanes(i0, keys - i0, f);
    if (added) sum += load_up_to(out + i0, keys - i0);
    store_up_to(out + i0, sum, keys - i0);
  }
}

SSM_INLINE void put(float *at, float value, bool added) { *at = added ? *at + value : value; }

}  // namespace

int32_t delta_rule_backward_f32(int64_t batch, const int32_t *offsets, int64_t heads, int64_t keys, int64_t values,
                                int64_t updates, const float *q, int64_t q_stride, const float *k, int64_t k_stride,
                                const float *v, int64_t v_stride, const float *beta, int64_t beta_stride,
                                const float *log_alpha, int64_t log_alpha_stride, const float *initial,
                                int64_t initial_stride, const float *d_o, int64_t d_o_stride, const float *dlast,
                                int64_t dlast_stride, float *dq, int64_t dq_stride, float *dk, int64_t dk_stride,
                                float *dv, int64_t dv_stride, float *dbeta, int64_t dbeta_stride, float *dlog_alpha,
                                int64_t dlog_alpha_stride, float *dinitial, int64_t dinitial_stride,
                                float *workspace) {
  if (batch < 0 || heads < 0 || keys < 0 || values < 0 || updates < 1) return SSM_INVALID_ARGUMENT;
  const int64_t longest = longest_sequence(batch, offsets), chunk = chunk_length(longest);
  const Space space(workspace, keys, updates, longest);
  const int64_t block = keys * kLanes;
  for (int64_t s = 0; s < batch; ++s)
    for (int64_t head = 0; head < heads; ++head) {
      const int64_t begin = offsets[s], length = offsets[s + 1] - begin;
      const int64_t chunks = chunk_count(length, chunk);
      for_each_vector(1, values, [&](int64_t, int64_t first, int64_t count) {
        const int64_t at = (head * values + first) * keys;
        const bool added = first > 0;  // to what earlier values gave
        // One step of space.state; the trace and the errors are nullable.
        auto advance = [&](int64_t row, float *trace, float *errors) {
          if (log_alpha != nullptr) {
            const float decay = decay_of(log_alpha, log_alpha_stride, row, head);
            for (int64_t i = 0; i < block; i += kLanes) store(space.state + i, decay * load(space.state + i));
          }
          for (int64_t r = 0; r < updates; ++r) {
            const int64_t group = r * heads + head;
            const Floats error = update(keys, k + row * k_stride + group * keys, beta[row * beta_stride + group],
                                        load_up_to(v + row * v_stride + group * values + first, count), space.state,
                                        trace == nullptr ? nullptr : trace + r * block);
            if (errors != nullptr) store(errors + r * kLanes, error);
          }
        };

        load_state(initial == nullptr ? nullptr : initial + s * initial_stride + at, keys, count, kLanes,
                   space.state);
        for (int64_t n = 0; n < chunks; ++n) {
          std::memcpy(space.starts + n * block, space.state, block * sizeof(float));
          for (int64_t l = 0; l < chunk && n + 1 < chunks; ++l) advance(begin + n * chunk + l, nullptr, nullptr);
        }

        load_state(dlast == nullptr ? nullptr : dlast + s * dlast_stride + at, keys, count, kLanes, space.gradient);
        for (int64_t n = chunks - 1; n >= 0; --n) {
          const int64_t start = begin + n * chunk;
          const int64_t steps = length - n * chunk < chunk ? length - n * chunk : chunk;
          std::memcpy(space.state, space.starts + n * block, block * sizeof(float));
          for (int64_t l = 0; l < steps; ++l)
            advance(start + l, space.trace + l * updates * block, space.errors + l * updates * kLanes);
          for (int64_t l = steps - 1; l >= 0; --l) {
            const int64_t row = start + l;
            const Floats g = load_up_to(d_o + row * d_o_stride + head * values + first, count);
            const float *query = q + row * q_stride + head * keys;
            for (int64_t r = updates - 1; r >= 0; --r) {
              const int64_t group = r * heads + head;
              const float *key = k + row * k_stride + group * keys;
              const float *before = space.trace + (l * updates + r) * block;
              const Floats error = load(space.errors + (l * updates + r) * kLanes);
              const float rate = beta[row * beta_stride + group];
              const Floats change = rate * error;
              Floats dchange;
              if (r + 1 == updates) {
                // o = S q with S = before + change k^T.
                const float through = sum_of_lanes(g * change);
                lane_sums_by_key(keys, added, dq + row * dq_stride + head * keys,
                                 [&](int64_t i) { return g * load(before + i * kLanes); });
                for (int64_t i = 0; i < keys; ++i) dq[row * dq_stride + head * keys + i] += through * key[i];
                dchange = sum_over_keys(keys, [&](int64_t i) {
                  const Floats d = load(space.gradient + i * kLanes) + query[i] * g;
                  store(space.gradient + i * kLanes, d);
                  return d * key[i];
                });
              } else {
                dchange = sum_over_keys(
                    keys, [&](int64_t i) { return load(space.gradient + i * kLanes) * key[i]; });
              }
              put(dbeta + row * dbeta_stride + group, sum_of_lanes(dchange * error), added);
              const Floats dvalue = rate * dchange;
              store_up_to(dv + row * dv_stride + group * values + first, dvalue, count);
              lane_sums_by_key(keys, added, dk + row * dk_stride + group * keys, [&](int64_t i) {
                const Floats d = load(space.gradient + i * kLanes);
                store(space.gradient + i * kLanes, d - key[i] * dvalue);
                return d * change - dvalue * load(before + i * kLanes);
              });
            }
            if (log_alpha != nullptr) {
              const float decay = decay_of(log_alpha, log_alpha_stride, row, head);
              const float *before = space.trace + l * updates * block;
              const Floats sum = sum_over_keys(keys, [&](int64_t i) {
                const Floats d = load(space.gradient + i * kLanes);
                store(space.gradient + i * kLanes, decay * d);
                return d * load(before + i * kLanes);
              });
              put(dlog_alpha + row * dlog_alpha_stride + head, sum_of_lanes(sum), added);
            }
          }
        }
        if (dinitial != nullptr)
          store_state(space.gradient, keys, count, kLanes, dinitial + s * dinitial_stride + at);
      });
    }
  return SSM_OK;
}

int64_t delta_rule_backward_workspace_f32(int64_t keys, int64_t updates, int64_t longest) {
  return Space(nullptr, keys, updates, longest).floats;
}

}  // namespace SSM_NAMESPACE
