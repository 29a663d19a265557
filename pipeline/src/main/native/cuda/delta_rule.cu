// The delta rule. A warp takes 32 values of one head of one sequence, one a lane: rows of the state are independent of
// each other. A thread holds its row, kKeys numbers. The backward keeps states at the beginning of every tile of steps
// and, inside a tile, the states that each update starts from.
#include "scan.h"

namespace ssm {
namespace {

constexpr int kSteps = 8;             // of a tile
constexpr int64_t kMostBlocks = 1024;  // of a launch: what a tile keeps is theirs

struct Operands {
  Segments segments;
  int64_t heads, keys, values, updates, value_blocks;
  ssm_cuda_delta_rule rule;

  __host__ __device__ int64_t items() const { return segments.batch * heads * value_blocks; }
};

// Where a warp works.
struct Place {
  int64_t sequence, head, value_block, v;
  bool exists;

  __device__ Place(const Operands &p, int64_t item)
      : sequence(item / p.value_blocks / p.heads), head(item / p.value_blocks % p.heads),
        value_block(item % p.value_blocks), v(value_block * kWarp + threadIdx.x), exists(v < p.values) {}

  __device__ int64_t state(const Operands &p, int64_t key) const { return (head * p.values + v) * p.keys + key; }
};

template <int kKeys>
__device__ inline void load_row(const Operands &p, const Place &place, const ssm_cuda_matrix &rows,
                                float (&row)[kKeys]) {
#pragma unroll
  for (int i = 0; i < kKeys; ++i)
    row[i] = place.exists && i < p.keys && present(rows) ? at(rows, place.sequence, place.state(p, i)) : 0.0f;
}

template <int kKeys>
__device__ inline void store_row(const Operands &p, const Place &place, const ssm_cuda_matrix &rows,
                                 const float (&row)[kKeys]) {
  if (!place.exists || !present(rows)) return;
#pragma unroll
  for (int i = 0; i < kKeys; ++i)
    if (i < p.keys) at(rows, place.sequence, place.state(p, i)) = row[i];
}

// Copies the keys of an update, or the query, of a step to shared memory, zeros beyond them. The warp may then read.
template <int kKeys>
__device__ inline void load_keys(const Operands &p, const ssm_cuda_matrix &m, int64_t row, int64_t group,
                                 float *shared) {
  __syncwarp();
  for (int i = threadIdx.x; i < kKeys; i += kWarp) shared[i] = i < p.keys ? at(m, row, group * p.keys + i) : 0.0f;
  __syncwarp();
}

__device__ inline float decay_of(const Operands &p, int64_t row, int64_t head) {
  return present(p.rule.log_alpha) ? expf(at(p.rule.log_alpha, row, head)) : 1.0f;
}

template <int kKeys>
__device__ inline float dot(const float (&row)[kKeys], const float *key) {
  float sum = 0;
#pragma unroll
  for (int i = 0; i < kKeys; ++i) sum += row[i] * key[i];
  return sum;
}

// S <- S + beta (v - S k) k^T for the keys in shared memory; returns v - S k.
template <int kKeys>
__device__ inline float update(const Operands &p, const Place &place, int64_t row, int64_t group, const float *key,
                               float (&state)[kKeys]) {
  const float value = place.exists ? at(p.rule.v, row, group * p.values + place.v) : 0.0f;
  const float error = value - dot(state, key), change = at(p.rule.beta, row, group) * error;
#pragma unroll
  for (int i = 0; i < kKeys; ++i) state[i] += change * key[i];
  return error;
}

template <int kKeys>
__global__ void run_forward(Operands p) {
  float *const key = dynamic_shared();  // [kKeys]
  for (int64_t item = blockIdx.x; item < p.items(); item += gridDim.x) {
    const Place place(p, item);
    float state[kKeys];
    load_row(p, place, p.rule.initial, state);
    for (int64_t row = p.segments.offsets[place.sequence]; row < p.segments.offsets[place.sequence + 1]; ++row) {
      const float decay = decay_of(p, row, place.head);
#pragma unroll
      for (int i = 0; i < kKeys; ++i) state[i] *= decay;
      for (int64_t r = 0; r < p.updates; ++r) {
        load_keys<kKeys>(p, p.rule.k, row, r * p.heads + place.head, key);
        update(p, place, row, r * p.heads + place.head, key, state);
      }
      load_keys<kKeys>(p, p.rule.q, row, place.head, key);
      const float output = dot(state, key);
      if (place.exists) at(p.rule.o, row, place.head * p.values + place.v) = output;
    }
    store_row(p, place, p.rule.last, state);
  }
}

// Sums over the lanes of kKeys values to out[0], ... of which `count` exist.
template <int kKeys>
__device__ inline void store_key_sums(const float (&values)[kKeys], int64_t count, float *out) {
#pragma unroll
  for (int begin = 0; begin < kKeys; begin += 16) {
    float part[16];
#pragma unroll
    for (int i = 0; i < 16; ++i) part[i] = values[begin + i];
    const float sum = fold_lanes(part);
    const int i = begin + threadIdx.x / 2;
    if (threadIdx.x % 2 == 0 && i < count) out[i] = sum;
  }
}

// What the warps of a launch keep, and what is summed over the blocks of values afterwards.
struct Space {
  float *starts;  // [blocks][tiles of the longest sequence][kKeys][lanes]
  float *trace;   // [blocks][kSteps][updates][kKeys][lanes]
  float *shares;  // [value blocks][T][heads][(1 + updates) keys + updates + 1]: of dq, dk, dbeta, dlog_alpha
  int64_t tiles;

  __host__ __device__ static int64_t share_size(const Operands &p) {
    return (1 + p.updates) * p.keys + p.updates + 1;
  }
};

template <int kKeys>
__global__ void run_back(Operands p, ssm_cuda_delta_rule_gradients g, Space space) {
  float *const key = dynamic_shared();  // [kKeys]
  const int lane = threadIdx.x;
  constexpr int64_t kRow = int64_t{kKeys} * kWarp;
  float *const starts = space.starts + blockIdx.x * space.tiles * kRow;
  float *const trace = space.trace + blockIdx.x * kSteps * p.updates * kRow;
  auto keep = [&](const float(&row)[kKeys], float *to) {
#pragma unroll
    for (int i = 0; i < kKeys; ++i) to[i * kWarp + lane] = row[i];
  };
  auto fetch = [&](float(&row)[kKeys], const float *from) {
#pragma unroll
    for (int i = 0; i < kKeys; ++i) row[i] = from[i * kWarp + lane];
  };
  for (int64_t item = blockIdx.x; item < p.items(); item += gridDim.x) {
    const Place place(p, item);
    const int64_t begin = p.segments.offsets[place.sequence], end = p.segments.offsets[place.sequence + 1];
    float state[kKeys], gradient[kKeys];
    load_row(p, place, p.rule.initial, state);
    // One step of `state`; where asked for, keeps what each update starts from.
    auto advance = [&](int64_t row, float *kept) {
      const float decay = decay_of(p, row, place.head);
#pragma unroll
      for (int i = 0; i < kKeys; ++i) state[i] *= decay;
      for (int64_t r = 0; r < p.updates; ++r) {
        load_keys<kKeys>(p, p.rule.k, row, r * p.heads + place.head, key);
        if (kept != nullptr) keep(state, kept + r * kRow);
        update(p, place, row, r * p.heads + place.head, key, state);
      }
    };
    for (int64_t row = begin; row < end; ++row) {
      if ((row - begin) % kSteps == 0) keep(state, starts + (row - begin) / kSteps * kRow);
      advance(row, nullptr);
    }
    load_row(p, place, g.dlast, gradient);
    for (int64_t tile = (end - begin + kSteps - 1) / kSteps - 1; tile >= 0; --tile) {
      const int64_t first = begin + tile * kSteps;
      const int steps = static_cast<int>(end - first < kSteps ? end - first : kSteps);
      fetch(state, starts + tile * kRow);
      for (int l = 0; l < steps; ++l) advance(first + l, trace + l * p.updates * kRow);
      for (int l = steps - 1; l >= 0; --l) {
        const int64_t row = first + l;
        float *const share = space.shares + ((place.value_block * p.segments.rows + row) * p.heads + place.head) *
                                                Space::share_size(p);
        const float output = place.exists ? at(g.d_o, row, place.head * p.values + place.v) : 0.0f;
        float products[kKeys];
        // o = S q with the state after the last update.
        load_keys<kKeys>(p, p.rule.k, row, (p.updates - 1) * p.heads + place.head, key);
        fetch(state, trace + (l * p.updates + p.updates - 1) * kRow);
        update(p, place, row, (p.updates - 1) * p.heads + place.head, key, state);
        load_keys<kKeys>(p, p.rule.q, row, place.head, key);
#pragma unroll
        for (int i = 0; i < kKeys; ++i) {
          products[i] = output * state[i];
          gradient[i] += output * key[i];
        }
        store_key_sums(products, p.keys, share);
        for (int64_t r = p.updates - 1; r >= 0; --r) {
          const int64_t group = r * p.heads + place.head;
          load_keys<kKeys>(p, p.rule.k, row, group, key);
          fetch(state, trace + (l * p.updates + r) * kRow);
          const float value = place.exists ? at(p.rule.v, row, group * p.values + place.v) : 0.0f;
          const float rate = at(p.rule.beta, row, group), error = value - dot(state, key), change = rate * error;
          const float dchange = dot(gradient, key), dvalue = rate * dchange;
          if (place.exists) at(g.dv, row, group * p.values + place.v) = dvalue;
          const float dbeta = warp_sum(dchange * error);
          if (lane == 0) share[(1 + p.updates) * p.keys + r] = dbeta;
#pragma unroll
          for (int i = 0; i < kKeys; ++i) {
            products[i] = gradient[i] * change - dvalue * state[i];
            gradient[i] -= dvalue * key[i];
          }
          store_key_sums(products, p.keys, share + (1 + r) * p.keys);
        }
        // `state` is now the decayed state that the step's updates started from.
        if (present(p.rule.log_alpha)) {
          const float decay = decay_of(p, row, place.head);
          float sum = 0;
#pragma unroll
          for (int i = 0; i < kKeys; ++i) {
            sum += gradient[i] * state[i];
            gradient[i] *= decay;
          }
          sum = warp_sum(sum);
          if (lane == 0) share[(1 + p.updates) * p.keys + p.updates] = sum;
        }
      }
    }
    store_row(p, place, g.dinitial, gradient);
  }
}

Operands operands(const char *operation, Scratch &scratch, int64_t batch, const int32_t *offsets, int64_t heads,
                  int64_t updates, const ssm_cuda_delta_rule &x) {
  const Segments segments = upload_segments(scratch, batch, offsets);
  expect(heads >= 1 && updates >= 1 && x.q.columns % heads == 0 && x.o.columns % heads == 0, operation,
         "the columns do not divide into the heads");
  const int64_t keys = x.q.columns / heads, values = x.o.columns / heads;
  expect_shape(operation, "q", x.q, segments.rows, heads * keys);
  expect_shape(operation, "k", x.k, segments.rows, updates * heads * keys);
  expect_shape(operation, "v", x.v, segments.rows, updates * heads * values);
  expect_shape(operation, "beta", x.beta, segments.rows, updates * heads);
  expect_shape_or_absent(operation, "log_alpha", x.log_alpha, segments.rows, heads);
  expect_shape_or_absent(operation, "initial", x.initial, batch, heads * values * keys);
  expect_shape(operation, "o", x.o, segments.rows, heads * values);
  return {segments, heads, keys, values, updates, divide_up(values, kWarp), x};
}

template <typename F>
void with_keys(const char *operation, int64_t keys, F f) {
  if (keys <= 16) return f(std::integral_constant<int, 16>());
  if (keys <= 32) return f(std::integral_constant<int, 32>());
  if (keys <= 64) return f(std::integral_constant<int, 64>());
  if (keys <= 128) return f(std::integral_constant<int, 128>());
  fail(SSM_CUDA_INVALID_ARGUMENT,
       "%s: keys of %lld are more than the 128 that the GPU kernel holds in registers; spark.ssm.device=cpu runs them",
       operation, static_cast<long long>(keys));
}

template <int kKeys>
void run_backward(ssm_cuda_context &context, Scratch &scratch, const Operands &p,
                  const ssm_cuda_delta_rule_gradients &g) {
  const int64_t rows = p.segments.rows, heads = p.heads, keys = p.keys, updates = p.updates;
  const int64_t blocks = p.items() < kMostBlocks ? p.items() : kMostBlocks, size = Space::share_size(p);
  const int64_t tiles = divide_up(p.segments.longest, kSteps), value_blocks = p.value_blocks;
  const Space space = {scratch.floats(blocks * tiles * kKeys * kWarp),
                       scratch.floats(blocks * kSteps * updates * kKeys * kWarp),
                       scratch.floats(value_blocks * rows * heads * size), tiles};
  if (blocks > 0)
    launch(context, run_back<kKeys>, dim3(static_cast<unsigned>(blocks)), dim3(kWarp), kKeys * sizeof(float), p, g,
           space);
  const float *const shares = space.shares;
  for_each_element(context, rows, heads * size, [=] __device__(int64_t r, int64_t c) {
    const int64_t head = c / size, i = c % size;
    float sum = 0;
    for (int64_t k = 0; k < value_blocks; ++k) sum += shares[((k * rows + r) * heads + head) * size + i];
    if (i < keys) {
      at(g.dq, r, head * keys + i) = sum;
    } else if (i < (1 + updates) * keys) {
      at(g.dk, r, ((i / keys - 1) * heads + head) * keys + i % keys) = sum;
    } else if (i < (1 + updates) * keys + updates) {
      at(g.dbeta, r, (i - (1 + updates) * keys) * heads + head) = sum;
    } else if (present(g.dlog_alpha)) {
      at(g.dlog_alpha, r, head) = sum;
    }
  });
}

}  // namespace
}  // namespace ssm

extern "C" {

int32_t ssm_cuda_delta_rule_forward(ssm_cuda_context *context, int64_t batch, const int32_t *offsets, int64_t heads,
                                    int64_t updates, const ssm_cuda_delta_rule *rule) try {
  using namespace ssm;
  const char *const operation = "delta_rule_forward";
  Scratch scratch(*context);
  const Operands p = operands(operation, scratch, batch, offsets, heads, updates, *rule);
  expect_shape_or_absent(operation, "last", rule->last, batch, heads * p.values * p.keys);
  if (p.items() == 0) return SSM_CUDA_OK;
  with_keys(operation, p.keys, [&](auto keys) {
    constexpr int kKeys = decltype(keys)::value;
    launch(*context, run_forward<kKeys>, dim3(grid_size(p.items(), 1 << 20)), dim3(kWarp), kKeys * sizeof(float), p);
  });
  return SSM_CUDA_OK;
} catch (...) {
  return ssm::status_of_exception();
}

int32_t ssm_cuda_delta_rule_backward(ssm_cuda_context *context, int64_t batch, const int32_t *offsets, int64_t heads,
                                     int64_t updates, const ssm_cuda_delta_rule *rule,
                                     const ssm_cuda_delta_rule_gradients *gradients) try {
  using namespace ssm;
  const char *const operation = "delta_rule_backward";
  Scratch scratch(*context);
  const Operands p = operands(operation, scratch, batch, offsets, heads, updates, *rule);
  const ssm_cuda_delta_rule_gradients &g = *gradients;
  const int64_t rows = p.segments.rows, state = heads * p.values * p.keys;
  expect_shape(operation, "d_o", g.d_o, rows, heads * p.values);
  expect_shape_or_absent(operation, "dlast", g.dlast, batch, state);
  expect_shape(operation, "dq", g.dq, rows, rule->q.columns);
  expect_shape(operation, "dk", g.dk, rows, rule->k.columns);
  expect_shape(operation, "dv", g.dv, rows, rule->v.columns);
  expect_shape(operation, "dbeta", g.dbeta, rows, rule->beta.columns);
  expect(present(rule->log_alpha) == present(g.dlog_alpha), operation, "log_alpha and its gradient come together");
  expect_shape_or_absent(operation, "dlog_alpha", g.dlog_alpha, rows, heads);
  expect_shape_or_absent(operation, "dinitial", g.dinitial, batch, state);
  with_keys(operation, p.keys, [&](auto keys) {
    run_backward<decltype(keys)::value>(*context, scratch, p, g);
  });
  return SSM_CUDA_OK;
} catch (...) {
  return ssm::status_of_exception();
}

}  // extern "C"
