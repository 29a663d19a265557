// Causal softmax attention without a matrix of scores: a warp takes a query (or, for the gradients of keys and values, a
// key) and goes through tiles of 32 of the others, which the warps of a block share in shared memory. Scores are a lane's
// each; sums over them are taken with lanes across the columns.
#include "launch.h"

namespace ssm {
namespace {

constexpr int kWarps = 16;
constexpr int kMostColumns = 256;
constexpr int kPerLane = kMostColumns / kWarp;

struct Operands {
  Segments segments, key_segments;
  int64_t heads, keys, values;  // keys, values: columns of a head
  float scale;
  ssm_cuda_causal_attention attention;
};

// A sequence and head, and how its queries and keys lie.
struct Head {
  int64_t head, first_query, queries, first_key, keys;

  __device__ explicit Head(const Operands &p)
      : head(blockIdx.y), first_query(p.segments.offsets[blockIdx.z]),
        queries(p.segments.offsets[blockIdx.z + 1] - first_query), first_key(p.key_segments.offsets[blockIdx.z]),
        keys(p.key_segments.offsets[blockIdx.z + 1] - first_key) {}

  // Keys that a query sees are those before this one.
  __device__ int64_t visible(int64_t query) const { return keys - queries + query + 1; }
};

// Rows begin, begin + 1, ... of a head, `count` of them, to [32][columns + 1]; zeros beyond.
__device__ inline void load_tile(const ssm_cuda_matrix &m, int64_t row, int64_t count, int64_t head, int64_t columns,
                                 float *tile) {
  for (int64_t i = threadIdx.y * kWarp + threadIdx.x; i < kWarp * columns; i += kWarps * kWarp) {
    const int64_t r = i / columns, c = i % columns;
    tile[r * (columns + 1) + c] = r < count ? at(m, row + r, head * columns + c) : 0.0f;
  }
}

// A warp's row to shared memory; it may then read it.
__device__ inline void load_row(const ssm_cuda_matrix &m, int64_t row, int64_t head, int64_t columns, float *shared) {
  for (int64_t c = threadIdx.x; c < columns; c += kWarp) shared[c] = at(m, row, head * columns + c);
  __syncwarp();
}

__device__ inline float dot(const float *x, const float *y, int64_t columns) {
  float sum = 0;
  for (int64_t c = 0; c < columns; ++c) sum += x[c] * y[c];
  return sum;
}

// sums[i] += sum over the lanes j of weight_j tile[j][lane + 32 i].
__device__ inline void add_weighted(float weight, const float *tile, int64_t columns, float (&sums)[kPerLane]) {
  for (int j = 0; j < kWarp; ++j) {
    const float w = __shfl_sync(kWholeWarp, weight, j);
#pragma unroll
    for (int i = 0; i < kPerLane; ++i) {
      const int64_t c = threadIdx.x + i * kWarp;
      if (c < columns) sums[i] += w * tile[j * (columns + 1) + c];
    }
  }
}

__device__ inline void store_row(const float (&sums)[kPerLane], float factor, const ssm_cuda_matrix &m, int64_t row,
                                 int64_t head, int64_t columns) {
#pragma unroll
  for (int i = 0; i < kPerLane; ++i) {
    const int64_t c = threadIdx.x + i * kWarp;
    if (c < columns) at(m, row, head * columns + c) = factor * sums[i];
  }
}

// Floats of two tiles and, for each warp, two rows.
size_t shared_bytes(const Operands &p) {
  return (kWarp * (p.keys + p.values + 2) + kWarps * (p.keys + p.values)) * sizeof(float);
}

struct Shared {
  float *keys, *values;              // tiles of rows with K and with V columns
  float *key_columns, *value_columns;  // a warp's rows

  __device__ explicit Shared(const Operands &p)
      : keys(dynamic_shared()), values(keys + kWarp * (p.keys + 1)),
        key_columns(values + kWarp * (p.values + 1) + threadIdx.y * (p.keys + p.values)),
        value_columns(key_columns + p.keys) {}
};

__global__ void __launch_bounds__(kWarps * kWarp) run_forward(Operands p) {
  const Shared shared(p);
  const Head at_head(p);
  const int64_t query = int64_t{blockIdx.x} * kWarps + threadIdx.y;
  const bool exists = query < at_head.queries;
  const int64_t last = (int64_t{blockIdx.x} + 1) * kWarps < at_head.queries ? (int64_t{blockIdx.x} + 1) * kWarps
                                                                           : at_head.queries;
  const int64_t end = at_head.visible(last - 1), visible = exists ? at_head.visible(query) : 0;
  if (exists) load_row(p.attention.q, at_head.first_query + query, at_head.head, p.keys, shared.key_columns);
  float sums[kPerLane] = {}, greatest = -INFINITY, denominator = 0;
  for (int64_t begin = 0; begin < end && last > int64_t{blockIdx.x} * kWarps; begin += kWarp) {
    __syncthreads();
    load_tile(p.attention.k, at_head.first_key + begin, at_head.keys - begin, at_head.head, p.keys, shared.keys);
    load_tile(p.attention.v, at_head.first_key + begin, at_head.keys - begin, at_head.head, p.values, shared.values);
    __syncthreads();
    if (begin >= visible) continue;
    const bool seen = begin + threadIdx.x < visible;
    const float score = seen ? p.scale * dot(shared.key_columns, shared.keys + threadIdx.x * (p.keys + 1), p.keys)
                             : -INFINITY;
    const float most = fmaxf(greatest, warp_maximum(score));
    const float shrink = expf(greatest - most), weight = expf(score - most);
    denominator = denominator * shrink + warp_sum(weight);
    greatest = most;
#pragma unroll
    for (int i = 0; i < kPerLane; ++i) sums[i] *= shrink;
    add_weighted(weight, shared.values, p.values, sums);
  }
  if (!exists) return;
  store_row(sums, 1.0f / denominator, p.attention.o, at_head.first_query + query, at_head.head, p.values);
  if (threadIdx.x == 0) at(p.attention.log_sums, at_head.first_query + query, at_head.head) = greatest + logf(denominator);
}

// inner [T, heads]: sum of o and its gradient for each query.
__global__ void __launch_bounds__(kWarps * kWarp) run_back_queries(Operands p, ssm_cuda_causal_attention_gradients g, ssm_cuda_matrix inner) {
  const Shared shared(p);
  const Head at_head(p);
  const int64_t query = int64_t{blockIdx.x} * kWarps + threadIdx.y, row = at_head.first_query + query;
  const bool exists = query < at_head.queries;
  const int64_t last = (int64_t{blockIdx.x} + 1) * kWarps < at_head.queries ? (int64_t{blockIdx.x} + 1) * kWarps
                                                                           : at_head.queries;
  const int64_t end = at_head.visible(last - 1), visible = exists ? at_head.visible(query) : 0;
  float product = 0, log_sum = 0;
  if (exists) {
    load_row(p.attention.q, row, at_head.head, p.keys, shared.key_columns);
    load_row(g.d_o, row, at_head.head, p.values, shared.value_columns);
    product = warp_sum_over(p.values, [&](int64_t c) {
      return shared.value_columns[c] * at(p.attention.o, row, at_head.head * p.values + c);
    });
    log_sum = at(p.attention.log_sums, row, at_head.head);
    if (threadIdx.x == 0) at(inner, row, at_head.head) = product;
  }
  float sums[kPerLane] = {};
  for (int64_t begin = 0; begin < end && last > int64_t{blockIdx.x} * kWarps; begin += kWarp) {
    __syncthreads();
    load_tile(p.attention.k, at_head.first_key + begin, at_head.keys - begin, at_head.head, p.keys, shared.keys);
    load_tile(p.attention.v, at_head.first_key + begin, at_head.keys - begin, at_head.head, p.values, shared.values);
    __syncthreads();
    if (begin >= visible) continue;
    float of_score = 0;
    if (begin + threadIdx.x < visible) {
      const float score = p.scale * dot(shared.key_columns, shared.keys + threadIdx.x * (p.keys + 1), p.keys);
      const float weight_gradient = dot(shared.value_columns, shared.values + threadIdx.x * (p.values + 1), p.values);
      of_score = expf(score - log_sum) * (weight_gradient - product);
    }
    add_weighted(of_score, shared.keys, p.keys, sums);
  }
  if (exists) store_row(sums, p.scale, g.dq, row, at_head.head, p.keys);
}

__global__ void __launch_bounds__(kWarps * kWarp) run_back_keys(Operands p, ssm_cuda_causal_attention_gradients g, ssm_cuda_matrix inner) {
  const Shared shared(p);
  const Head at_head(p);
  const int64_t key = int64_t{blockIdx.x} * kWarps + threadIdx.y, row = at_head.first_key + key;
  const bool exists = key < at_head.keys;
  if (exists) {
    load_row(p.attention.k, row, at_head.head, p.keys, shared.key_columns);
    load_row(p.attention.v, row, at_head.head, p.values, shared.value_columns);
  }
  // Queries before the first that sees any of the block's keys have nothing to add.
  const int64_t hidden = int64_t{blockIdx.x} * kWarps - (at_head.keys - at_head.queries);
  const int64_t start = hidden > 0 ? hidden / kWarp * kWarp : 0;
  float of_key[kPerLane] = {}, of_value[kPerLane] = {};
  for (int64_t begin = start; begin < at_head.queries; begin += kWarp) {
    __syncthreads();
    const int64_t rows = at_head.queries - begin;
    load_tile(p.attention.q, at_head.first_query + begin, rows, at_head.head, p.keys, shared.keys);
    load_tile(g.d_o, at_head.first_query + begin, rows, at_head.head, p.values, shared.values);
    __syncthreads();
    if (!exists) continue;
    const int64_t query = begin + threadIdx.x;
    float weight = 0, of_score = 0;
    if (query < at_head.queries && key < at_head.visible(query)) {
      const float score = p.scale * dot(shared.key_columns, shared.keys + threadIdx.x * (p.keys + 1), p.keys);
      const float weight_gradient = dot(shared.value_columns, shared.values + threadIdx.x * (p.values + 1), p.values);
      weight = expf(score - at(p.attention.log_sums, at_head.first_query + query, at_head.head));
      of_score = weight * (weight_gradient - at(inner, at_head.first_query + query, at_head.head));
    }
    add_weighted(weight, shared.values, p.values, of_value);
    add_weighted(of_score, shared.keys, p.keys, of_key);
  }
  if (!exists) return;
  store_row(of_key, p.scale, g.dk, row, at_head.head, p.keys);
  store_row(of_value, 1.0f, g.dv, row, at_head.head, p.values);
}

Operands operands(const char *operation, Scratch &scratch, int64_t batch, const int32_t *offsets,
                  const int32_t *key_offsets, int64_t heads, const ssm_cuda_causal_attention &x) {
  const Segments segments = upload_segments(scratch, batch, offsets);
  const Segments key_segments = upload_segments(scratch, batch, key_offsets);
  for (int64_t s = 0; s < batch; ++s)
    expect(key_offsets[s + 1] - key_offsets[s] >= offsets[s + 1] - offsets[s], operation,
           "a sequence has fewer keys than queries");
  expect(heads >= 1 && x.q.columns % heads == 0 && x.v.columns % heads == 0, operation,
         "the columns do not divide into the heads");
  expect(batch <= 65535 && heads <= 65535, operation, "a launch takes at most 65535 sequences and heads");
  const int64_t keys = x.q.columns / heads, values = x.v.columns / heads;
  if (keys > kMostColumns || values > kMostColumns)
    fail(SSM_CUDA_INVALID_ARGUMENT,
         "%s: heads of %lld are wider than the %d that the GPU kernel holds in registers; spark.ssm.device=cpu runs them",
         operation, static_cast<long long>(keys > values ? keys : values), kMostColumns);
  expect_shape(operation, "q", x.q, segments.rows, heads * keys);
  expect_shape(operation, "k", x.k, key_segments.rows, heads * keys);
  expect_shape(operation, "v", x.v, key_segments.rows, heads * values);
  expect_shape(operation, "o", x.o, segments.rows, heads * values);
  expect_shape(operation, "log_sums", x.log_sums, segments.rows, heads);
  return {segments, key_segments, heads, keys, values, 1.0f / sqrtf(static_cast<float>(keys)), x};
}

dim3 grid_of(const Operands &p, int64_t longest) {
  return dim3(static_cast<unsigned>(divide_up(longest, kWarps)), static_cast<unsigned>(p.heads),
              static_cast<unsigned>(p.segments.batch));
}

}  // namespace
}  // namespace ssm

extern "C" {

int32_t ssm_cuda_causal_attention_forward(ssm_cuda_context *context, int64_t batch, const int32_t *offsets,
                                          const int32_t *key_offsets, int64_t heads,
                                          const ssm_cuda_causal_attention *attention) try {
  using namespace ssm;
  Scratch scratch(*context);
  const Operands p = operands("causal_attention_forward", scratch, batch, offsets, key_offsets, heads, *attention);
  if (p.segments.longest == 0) return SSM_CUDA_OK;
  allow_shared(*context, run_forward, shared_bytes(p));
  launch(*context, run_forward, grid_of(p, p.segments.longest), dim3(kWarp, kWarps), shared_bytes(p), p);
  return SSM_CUDA_OK;
} catch (...) {
  return ssm::status_of_exception();
}

int32_t ssm_cuda_causal_attention_backward(ssm_cuda_context *context, int64_t batch, const int32_t *offsets,
                                           const int32_t *key_offsets, int64_t heads,
                                           const ssm_cuda_causal_attention *attention,
                                           const ssm_cuda_causal_attention_gradients *gradients) try {
  using namespace ssm;
  const char *const operation = "causal_attention_backward";
  Scratch scratch(*context);
  const Operands p = operands(operation, scratch, batch, offsets, key_offsets, heads, *attention);
  const ssm_cuda_causal_attention_gradients &g = *gradients;
  expect_shape(operation, "d_o", g.d_o, p.segments.rows, heads * p.values);
  expect_shape(operation, "dq", g.dq, p.segments.rows, heads * p.keys);
  expect_shape(operation, "dk", g.dk, p.key_segments.rows, heads * p.keys);
  expect_shape(operation, "dv", g.dv, p.key_segments.rows, heads * p.values);
  const ssm_cuda_matrix inner = scratch.matrix(p.segments.rows, heads);
  if (p.segments.longest > 0) {
    allow_shared(*context, run_back_queries, shared_bytes(p));
    launch(*context, run_back_queries, grid_of(p, p.segments.longest), dim3(kWarp, kWarps), shared_bytes(p), p, g,
           inner);
  }
  if (p.key_segments.longest > 0) {
    allow_shared(*context, run_back_keys, shared_bytes(p));
    launch(*context, run_back_keys, grid_of(p, p.key_segments.longest), dim3(kWarp, kWarps), shared_bytes(p), p, g,
           inner);
  }
  return SSM_CUDA_OK;
} catch (...) {
  return ssm::status_of_exception();
}

}  // extern "C"
