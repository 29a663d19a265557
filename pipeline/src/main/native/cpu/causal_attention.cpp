// Causal softmax attention, lanes across queries: a vector of queries walks over its keys in small blocks with a running
// maximum (Milakov and Gimelshein 2018, arXiv 1805.02867), so that no row of scores is ever stored.
#include <cmath>

#include "recurrence.h"
#include "target.h"

namespace SSM_NAMESPACE {
namespace {

constexpr int kKeys = 8;  // of a block, whose scores share one rescaling
constexpr float kMasked = -1e30f;

// The queries of one head of one sequence, and the keys they see.
struct Head {
  int64_t keys, values;  // sizes
  int64_t queries;       // number of them
  int64_t seen;          // keys before those of the first query
  const float *q, *k, *v;
  int64_t q_stride, k_stride, v_stride;
};

// x[lane][c] of `count` rows as one vector per column.
SSM_INLINE void gather_rows(const float *x, int64_t stride, int count, int64_t columns, float factor, float *to) {
  for (int64_t c = 0; c < columns; ++c) {
    Floats column = {};
    for (int i = 0; i < count; ++i) column[i] = factor * x[i * stride + c];
    store(to + c * kLanes, column);
  }
}

SSM_INLINE void scatter_rows(const float *from, int64_t columns, float *x, int64_t stride, int count) {
  for (int64_t c = 0; c < columns; ++c) {
    const Floats column = load(from + c * kLanes);
    for (int i = 0; i < count; ++i) x[i * stride + c] = column[i];
  }
}

// Lane i: the number of keys that query first + i sees.
SSM_INLINE Ints visible(const Head &head, int64_t first) {
  Ints keys;
  for (int i = 0; i < kLanes; ++i) keys[i] = static_cast<int32_t>(head.seen + first + i + 1);
  return keys;
}

SSM_INLINE Floats score(const Head &head, const float *q, int64_t key, Ints seen) {
  const float *k = head.k + key * head.k_stride;
  Floats sum[2] = {};
  int64_t c = 0;
  for (; c + 2 <= head.keys; c += 2) {
    sum[0] += k[c] * load(q + c * kLanes);
    sum[1] += k[c + 1] * load(q + (c + 1) * kLanes);
  }
  if (c < head.keys) sum[0] += k[c] * load(q + c * kLanes);
  return seen > static_cast<int32_t>(key) ? sum[0] + sum[1] : broadcast(kMasked);
}

// log x for each lane: rare, once per query.
SSM_INLINE Floats logarithm(Floats x) {
  for (int i = 0; i < kLanes; ++i) x[i] = std::log(x[i]);
  return x;
}

void forward(const Head &head, float *o, int64_t o_stride, float *log_sums, int64_t log_sums_stride, float *workspace) {
  float *q = workspace, *sums = workspace + head.keys * kLanes;
  const float scale = 1.0f / std::sqrt(static_cast<float>(head.keys));
  for (int64_t first = 0; first < head.queries; first += kLanes) {
    const int count = static_cast<int>(head.queries - first < kLanes ? head.queries - first : kLanes);
    gather_rows(head.q + first * head.q_stride, head.q_stride, count, head.keys, scale, q);
    for (int64_t c = 0; c < head.values; ++c) store(sums + c * kLanes, Floats{});
    const Ints seen = visible(head, first);
    const int64_t end = head.seen + first + count;
    Floats greatest = broadcast(kMasked), denominator = {};
    for (int64_t key = 0; key < end; key += kKeys) {
      const int keys = static_cast<int>(end - key < kKeys ? end - key : kKeys);
      Floats p[kKeys];
      Floats most = greatest;
      for (int j = 0; j < kKeys; ++j) {
        p[j] = j < keys ? score(head, q, key + j, seen) : broadcast(kMasked);
        most = p[j] > most || p[j] != p[j] ? p[j] : most;
      }
      const Floats shrink = exp(greatest - most);
      Floats sum = {};
      for (int j = 0; j < kKeys; ++j) {
        p[j] = exp(p[j] - most);
        sum += p[j];
      }
      greatest = most;
      denominator = denominator * shrink + sum;
      const float *v = head.v + key * head.v_stride;
      for (int64_t c = 0; c < head.values; ++c) {
        Floats total = load(sums + c * kLanes) * shrink;
        for (int j = 0; j < keys; ++j) total += p[j] * v[j * head.v_stride + c];
        store(sums + c * kLanes, total);
      }
    }
    const Floats inverse = 1.0f / denominator;
    for (int64_t c = 0; c < head.values; ++c) store(sums + c * kLanes, load(sums + c * kLanes) * inverse);
    scatter_rows(sums, head.values, o + first * o_stride, o_stride, count);
    const Floats log_sum = greatest + logarithm(denominator);
    for (int i = 0; i < count; ++i) log_sums[(first + i) * log_sums_stride] = log_sum[i];
  }
}

struct HeadGradients {
  const float *o, *d_o, *log_sums;
  int64_t o_stride, d_o_stride, log_sums_stride;
  float *dq, *dk, *dv;
  int64_t dq_stride, dk_stride, dv_stride;
};

// dk and dv are added to.
void backward(const Head &head, const HeadGradients &g, float *workspace) {
  float *q = workspace, *dq = q + head.keys * kLanes, *d_o = dq + head.keys * kLanes;
  const float scale = 1.0f / std::sqrt(static_cast<float>(head.keys));
  for (int64_t first = 0; first < head.queries; first += kLanes) {
    const int count = static_cast<int>(head.queries - first < kLanes ? head.queries - first : kLanes);
    gather_rows(head.q + first * head.q_stride, head.q_stride, count, head.keys, scale, q);
    gather_rows(g.d_o + first * g.d_o_stride, g.d_o_stride, count, head.values, 1, d_o);
    for (int64_t c = 0; c < head.keys; ++c) store(dq + c * kLanes, Floats{});
    // Lanes beyond the last query must not contribute: their probabilities are those of a huge denominator.
    Floats log_sum = broadcast(-kMasked), inner = {};
    for (int i = 0; i < count; ++i) {
      log_sum[i] = g.log_sums[(first + i) * g.log_sums_stride];
      const float *o = g.o + (first + i) * g.o_stride, *d = g.d_o + (first + i) * g.d_o_stride;
      float sum = 0;
      for (int64_t c = 0; c < head.values; ++c) sum += o[c] * d[c];
      inner[i] = sum;
    }
    const Ints seen = visible(head, first);
    for (int64_t key = 0; key < head.seen + first + count; ++key) {
      const Floats p = exp(score(head, q, key, seen) - log_sum);
      const float *v = head.v + key * head.v_stride, *k = head.k + key * head.k_stride;
      Floats dp = {};
      for (int64_t c = 0; c < head.values; ++c) dp += v[c] * load(d_o + c * kLanes);
      const Floats dscore = p * (dp - inner);
      float *dv = g.dv + key * g.dv_stride, *dk = g.dk + key * g.dk_stride;
      for_each_vector(1, head.values, [&](int64_t, int64_t c, int64_t part) {
        const Floats sum = sums_of_lanes(c, part, [&](int64_t i) { return p * load(d_o + i * kLanes); });
        store_up_to(dv + c, load_up_to(dv + c, part) + sum, part);
      });
      for_each_vector(1, head.keys, [&](int64_t, int64_t c, int64_t part) {
        const Floats sum = sums_of_lanes(c, part, [&](int64_t i) { return dscore * load(q + i * kLanes); });
        store_up_to(dk + c, load_up_to(dk + c, part) + sum, part);
      });
      const Floats scaled = scale * dscore;
      for (int64_t c = 0; c < head.keys; ++c) store(dq + c * kLanes, load(dq + c * kLanes) + k[c] * scaled);
    }
    scatter_rows(dq, head.keys, g.dq + first * g.dq_stride, g.dq_stride, count);
  }
}

}  // namespace

int64_t causal_attention_workspace_f32(int64_t keys, int64_t values) { return (2 * keys + values) * kLanes; }

int32_t causal_attention_forward_f32(int64_t batch, const int32_t *offsets, const int32_t *key_offsets, int64_t heads,
                                     int64_t keys, int64_t values, const float *q, int64_t q_stride, const float *k,
                                     int64_t k_stride, const float *v, int64_t v_stride, float *o, int64_t o_stride,
                                     float *log_sums, int64_t log_sums_stride, float *workspace) {
  if (batch < 0 || heads < 1 || keys < 1 || values < 1) return SSM_INVALID_ARGUMENT;
  for (int64_t s = 0; s < batch; ++s) {
    const int64_t row = offsets[s], key_row = key_offsets[s], queries = offsets[s + 1] - row;
    const int64_t seen = key_offsets[s + 1] - key_row - queries;
    if (seen < 0) return SSM_INVALID_ARGUMENT;
    for (int64_t h = 0; h < heads; ++h) {
      const Head head = {keys, values, queries, seen, q + row * q_stride + h * keys, k + key_row * k_stride + h * keys,
                         v + key_row * v_stride + h * values, q_stride, k_stride, v_stride};
      forward(head, o + row * o_stride + h * values, o_stride, log_sums + row * log_sums_stride + h, log_sums_stride,
              workspace);
    }
  }
  return SSM_OK;
}

int32_t causal_attention_backward_f32(int64_t batch, const int32_t *offsets, const int32_t *key_offsets, int64_t heads,
                                      int64_t keys, int64_t values, const float *q, int64_t q_stride, const float *k,
                                      int64_t k_stride, const float *v, int64_t v_stride, const float *o,
                                      int64_t o_stride, const float *log_sums, int64_t log_sums_stride,
                                      const float *d_o, int64_t d_o_stride, float *dq, int64_t dq_stride, float *dk,
                                      int64_t dk_stride, float *dv, int64_t dv_stride, float *workspace) {
  if (batch < 0 || heads < 1 || keys < 1 || values < 1) return SSM_INVALID_ARGUMENT;
  for (int64_t s = 0; s < batch; ++s) {
    const int64_t row = offsets[s], key_row = key_offsets[s], queries = offsets[s + 1] - row;
    const int64_t seen = key_offsets[s + 1] - key_row - queries;
    if (seen < 0) return SSM_INVALID_ARGUMENT;
    for (int64_t r = key_row; r < key_offsets[s + 1]; ++r) {
      for (int64_t c = 0; c < heads * keys; ++c) dk[r * dk_stride + c] = 0;
      for (int64_t c = 0; c < heads * values; ++c) dv[r * dv_stride + c] = 0;
    }
    for (int64_t h = 0; h < heads; ++h) {
      const Head head = {keys, values, queries, seen, q + row * q_stride + h * keys, k + key_row * k_stride + h * keys,
                         v + key_row * v_stride + h * values, q_stride, k_stride, v_stride};
      const HeadGradients g = {o + row * o_stride + h * values,
                               d_o + row * d_o_stride + h * values,
                               log_sums + row * log_sums_stride + h,
                               o_stride,
                               d_o_stride,
                               log_sums_stride,
                               dq + row * dq_stride + h * keys,
                               dk + key_row * dk_stride + h * keys,
                               dv + key_row * dv_stride + h * values,
                               dq_stride,
                               dk_stride,
                               dv_stride};
      backward(head, g, workspace);
    }
  }
  return SSM_OK;
}

int32_t rotate_f32(int64_t rows, int64_t columns, const int32_t *positions, int64_t pairs, const float *angles,
                   int64_t angles_stride, int32_t inverse, const float *x, int64_t x_stride, float *y,
                   int64_t y_stride) {
  if (pairs < 1 || columns % (2 * pairs) != 0) return SSM_INVALID_ARGUMENT;
  const float sign = inverse ? -1.0f : 1.0f;
  for (int64_t r = 0; r < rows; ++r) {
    const float *angle = angles + positions[r] * angles_stride;
    for (int64_t first = 0; first < columns; first += 2 * pairs) {
      const float *from = x + r * x_stride + first;
      float *to = y + r * y_stride + first;
      for_each_vector(1, pairs, [&](int64_t, int64_t c, int64_t count) {
        const Floats cosine = load_up_to(angle + c, count), sine = sign * load_up_to(angle + pairs + c, count);
        const Floats a = load_up_to(from + c, count), b = load_up_to(from + pairs + c, count);
        store_up_to(to + c, a * cosine - b * sine, count);
        store_up_to(to + pairs + c, a * sine + b * cosine, count);
      });
    }
  }
  return SSM_OK;
}

}  // namespace SSM_NAMESPACE
