// The delta rule, backward, some vectors of values at a time. The states at the beginnings of chunks are computed
// first, a block of chunks at a time where sequences are long; those inside a chunk once more before the adjoint goes
// through them.
#include <algorithm>
#include <cstring>

#include "delta_rule.h"
#include "target.h"

namespace SSM_NAMESPACE {
namespace {

using namespace delta_rule;

constexpr int64_t kChunk = 16;  // steps

struct Space {
  float *blocks, *starts;  // [blocks], [chunks of a block][K][vectors][lanes]
  float *trace;            // [kChunk][R][K][vectors][lanes]: the states that the updates start from, decayed
  float *errors;           // [kChunk][R][vectors][lanes]: v - S k
  float *gradient;         // [K][vectors][lanes], of the state
  int64_t block;           // steps
  int64_t floats;

  Space(float *base, int64_t keys, int64_t values, int64_t updates, int64_t longest) {
    block = block_length(longest, kChunk);
    const int64_t vectors = std::min<int64_t>(kMostVectors, padded(values) / kLanes);
    Pieces pieces(base);
    blocks = pieces.take(block_count(longest, block) * keys * vectors);
    starts = pieces.take(chunk_count(std::min(longest, block), kChunk) * keys * vectors);
    trace = pieces.take(kChunk * updates * keys * vectors);
    errors = pieces.take(kChunk * updates * vectors);
    gradient = pieces.take(keys * vectors);
    floats = pieces.floats();
  }
};

struct Gradients {
  const float *d_o;
  int64_t d_o_stride;
  float *dq;
  int64_t dq_stride;
  float *dk;
  int64_t dk_stride;
  float *dv;
  int64_t dv_stride;
  float *dbeta;
  int64_t dbeta_stride;
  float *dlog_alpha;
  int64_t dlog_alpha_stride;
};

// The values first .. first + count - 1 of one head.
struct Tile {
  int64_t head, first, count;
};

template <int kVectors>
SSM_INLINE void copy_scaled(int64_t keys, float factor, const float *from, float *to) {
  for (int64_t i = 0; i < keys * kVectors * kLanes; i += kLanes) store(to + i, factor * load(from + i));
}

// Takes the state through `steps` steps from `row` on. With errors, every update keeps the state it starts from and its
// error, and the last one makes no state; without, there is one state, which ends as that after the steps.
template <int kVectors>
void advance(const Operands &x, const Tile &tile, int64_t row, int64_t steps, float *state, float *errors) {
  const int64_t matrix = x.keys * kVectors * kLanes;
  auto decay = [&](int64_t l) { return decay_of(x.log_alpha, x.log_alpha_stride, row + l, tile.head); };
  if (x.log_alpha != nullptr) copy_scaled<kVectors>(x.keys, decay(0), state, state);
  for (int64_t l = 0; l < steps; ++l)
    for (int64_t r = 0; r < x.updates; ++r) {
      const int64_t group = r * x.heads + tile.head;
      const float *key = x.k + (row + l) * x.k_stride + group * x.keys;
      const float *value = x.v + (row + l) * x.v_stride + group * x.values + tile.first;
      prefetch(key + kChunk * x.k_stride, x.keys);
      prefetch(value + kChunk * x.v_stride, tile.count);
      Floats change[kVectors];
      predict<kVectors>(x.keys, key, state, change);
      const float beta = x.beta[(row + l) * x.beta_stride + group];
#pragma GCC unroll 4
      for (int j = 0; j < kVectors; ++j) {
        const Floats error = load_up_to(value + j * kLanes, tile.count - j * kLanes) - change[j];
        if (errors != nullptr) store(errors + ((l * x.updates + r) * kVectors + j) * kLanes, error);
        change[j] = beta * error;
      }
      const bool step_ends = r + 1 == x.updates, chunk_ends = step_ends && l + 1 == steps;
      if (chunk_ends && errors != nullptr) return;
      float *const to = errors == nullptr ? state : state + matrix;
      for (int64_t i = 0; i < x.keys; ++i) {
        const Floats k = broadcast(key[i]);
#pragma GCC unroll 4
        for (int j = 0; j < kVectors; ++j) {
          const int64_t at = (i * kVectors + j) * kLanes;
          store(to + at, load(state + at) + k * change[j]);
        }
      }
      if (x.log_alpha != nullptr && step_ends && !chunk_ends) copy_scaled<kVectors>(x.keys, decay(l + 1), to, to);
      state = to;
    }
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

template <int kVectors>
SSM_INLINE float sum_of_products(const Floats *a, const Floats *b) {
  Floats sum = a[0] * b[0];
#pragma GCC unroll 4
  for (int j = 1; j < kVectors; ++j) sum += a[j] * b[j];
  return sum_of_lanes(sum);
}

SSM_INLINE void put(float *at, float value, bool added) { *at = added ? *at + value : value; }

// The adjoint of update r of a step, which starts from the state `before`; with d_o that of the output too.
template <int kVectors>
void retreat(const Operands &x, const Gradients &y, const Tile &tile, int64_t row, int64_t r, const float *before,
             const float *errors, float *gradient, const Floats *d_o) {
  const bool added = tile.first > 0;  // to what earlier values gave
  const int64_t group = r * x.heads + tile.head;
  const float *key = x.k + row * x.k_stride + group * x.keys;
  const float beta = x.beta[row * x.beta_stride + group];
  Floats error[kVectors], change[kVectors], dchange[kVectors];
#pragma GCC unroll 4
  for (int j = 0; j < kVectors; ++j) {
    error[j] = load(errors + j * kLanes);
    change[j] = beta * error[j];
  }
  if (d_o != nullptr) {
    // o = S q with S = before + change k^T.
    const float *query = x.q + row * x.q_stride + tile.head * x.keys;
    float *const dq = y.dq + row * y.dq_stride + tile.head * x.keys;
    auto of_output = [&](int64_t i, Floats *sum) __attribute__((always_inline)) {
      const Floats to_q = broadcast(query[i]), to_k = broadcast(key[i]);
#pragma GCC unroll 4
      for (int j = 0; j < kVectors; ++j) {
        float *const at = gradient + (i * kVectors + j) * kLanes;
        const Floats d = load(at) + to_q * d_o[j];
        store(at, d);
        sum[j] += to_k * d;
      }
    };
    sum_over_keys<kVectors>(x.keys, dchange, of_output);
    lane_sums_by_key(x.keys, added, dq, [&](int64_t i) __attribute__((always_inline)) {
      Floats sum = d_o[0] * load(before + i * kVectors * kLanes);
#pragma GCC unroll 4
      for (int j = 1; j < kVectors; ++j) sum += d_o[j] * load(before + (i * kVectors + j) * kLanes);
      return sum;
    });
    const Floats through = broadcast(sum_of_products<kVectors>(d_o, change));
    for (int64_t i = 0; i < x.keys; i += kLanes)
      store_up_to(dq + i, load_up_to(dq + i, x.keys - i) + through * load_up_to(key + i, x.keys - i), x.keys - i);
  } else {
    predict<kVectors>(x.keys, key, gradient, dchange);
  }
  put(y.dbeta + row * y.dbeta_stride + group, sum_of_products<kVectors>(dchange, error), added);
  Floats dvalue[kVectors];
#pragma GCC unroll 4
  for (int j = 0; j < kVectors; ++j) {
    dvalue[j] = beta * dchange[j];
    store_up_to(y.dv + row * y.dv_stride + group * x.values + tile.first + j * kLanes, dvalue[j],
                tile.count - j * kLanes);
  }
  auto of_key = [&](int64_t i) __attribute__((always_inline)) {
    const Floats to_k = broadcast(key[i]);
    Floats sum = {};
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) {
      float *const at = gradient + (i * kVectors + j) * kLanes;
      const Floats d = load(at);
      store(at, d - to_k * dvalue[j]);
      sum += d * change[j];
      sum -= dvalue[j] * load(before + (i * kVectors + j) * kLanes);
    }
    return sum;
  };
  lane_sums_by_key(x.keys, added, y.dk + row * y.dk_stride + group * x.keys, of_key);
}

// The gradients of the steps from `row` on; the trace begins with the state before them.
template <int kVectors>
void chunk_backward(const Operands &x, const Gradients &y, const Tile &tile, const Space &space, int64_t row,
                    int64_t steps) {
  const int64_t matrix = x.keys * kVectors * kLanes;
  advance<kVectors>(x, tile, row, steps, space.trace, space.errors);
  for (int64_t l = steps - 1; l >= 0; --l) {
    Floats d_o[kVectors];
    const float *output_gradient = y.d_o + (row + l) * y.d_o_stride + tile.head * x.values + tile.first;
    const int64_t next = row + l - kChunk, of_keys = tile.head * x.keys;
    prefetch(y.d_o + next * y.d_o_stride + tile.head * x.values + tile.first, tile.count);
    prefetch(x.q + next * x.q_stride + of_keys, x.keys);
    prefetch(y.dq + next * y.dq_stride + of_keys, x.keys);
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j)
      d_o[j] = load_up_to(output_gradient + j * kLanes, tile.count - j * kLanes);
    for (int64_t r = x.updates - 1; r >= 0; --r) {
      const int64_t at = l * x.updates + r, group = r * x.heads + tile.head;
      prefetch(y.dk + next * y.dk_stride + group * x.keys, x.keys);
      prefetch(y.dv + next * y.dv_stride + group * x.values + tile.first, tile.count);
      retreat<kVectors>(x, y, tile, row + l, r, space.trace + at * matrix, space.errors + at * kVectors * kLanes,
                        space.gradient, r + 1 == x.updates ? d_o : nullptr);
    }
    if (x.log_alpha == nullptr) continue;
    const float *before = space.trace + l * x.updates * matrix;
    Floats sum = {};
    for (int64_t i = 0; i < matrix; i += kLanes) sum += load(space.gradient + i) * load(before + i);
    put(y.dlog_alpha + (row + l) * y.dlog_alpha_stride + tile.head, sum_of_lanes(sum), tile.first > 0);
    copy_scaled<kVectors>(x.keys, decay_of(x.log_alpha, x.log_alpha_stride, row + l, tile.head), space.gradient,
                          space.gradient);
  }
}

// The steps begin .. end - 1 of one sequence.
template <int kVectors>
void backward(const Operands &x, const Gradients &y, const Tile &tile, const Space &space, int64_t begin, int64_t end,
              const float *initial, const float *dlast, float *dinitial) {
  constexpr int64_t kStride = kVectors * kLanes;
  const int64_t length = end - begin, matrix = x.keys * kStride;
  const int64_t block = space.block, chunks_of_block = block / kChunk;
  auto copy = [&](const float *from, float *to) { std::memcpy(to, from, matrix * sizeof(float)); };
  load_state(initial, x.keys, tile.count, kStride, space.blocks);
  const int64_t blocks = block_count(length, block);
  for (int64_t m = 0; m + 1 < blocks; ++m) {
    float *const next = space.blocks + (m + 1) * matrix;
    copy(next - matrix, next);
    advance<kVectors>(x, tile, begin + m * block, block, next, nullptr);
  }
  load_state(dlast, x.keys, tile.count, kStride, space.gradient);
  for (int64_t m = blocks - 1; m >= 0 && length > 0; --m) {
    const int64_t chunks = chunk_count(std::min(block, length - m * block), kChunk);
    copy(space.blocks + m * matrix, space.starts);
    for (int64_t n = 0; n + 1 < chunks; ++n) {
      float *const next = space.starts + (n + 1) * matrix;
      copy(next - matrix, next);
      advance<kVectors>(x, tile, begin + m * block + n * kChunk, kChunk, next, nullptr);
    }
    for (int64_t n = chunks - 1; n >= 0; --n) {
      const int64_t row = begin + (m * chunks_of_block + n) * kChunk;
      copy(space.starts + n * matrix, space.trace);
      chunk_backward<kVectors>(x, y, tile, space, row, std::min<int64_t>(kChunk, end - row));
    }
  }
  if (dinitial != nullptr) store_state(space.gradient, x.keys, tile.count, kStride, dinitial);
}

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
  const Space space(workspace, keys, values, updates, longest_sequence(batch, offsets));
  const Operands operands = {heads, keys,     values, updates,     q,         q_stride,        k, k_stride,
                             v,     v_stride, beta,   beta_stride, log_alpha, log_alpha_stride};
  const Gradients gradients = {d_o, d_o_stride, dq,    dq_stride,    dk,         dk_stride,
                               dv,  dv_stride,  dbeta, dbeta_stride, dlog_alpha, dlog_alpha_stride};
  for (int64_t s = 0; s < batch; ++s)
    for (int64_t head = 0; head < heads; ++head)
      for_each_tile(values, [&](auto vectors, int64_t first, int64_t count) {
        const int64_t at = (head * values + first) * keys;
        auto of_sequence = [&](auto *rows, int64_t stride) {
          return rows == nullptr ? nullptr : rows + s * stride + at;
        };
        backward<decltype(vectors)::value>(operands, gradients, {head, first, count}, space, offsets[s], offsets[s + 1],
                                           of_sequence(initial, initial_stride), of_sequence(dlast, dlast_stride),
                                           of_sequence(dinitial, dinitial_stride));
      });
  return SSM_OK;
}

int64_t delta_rule_backward_workspace_f32(int64_t keys, int64_t values, int64_t updates, int64_t longest) {
  return Space(nullptr, keys, values, updates, longest).floats;
}

}  // namespace SSM_NAMESPACE
