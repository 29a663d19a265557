// Structured transitions M(c) on vectors in shared memory, by all threads of a block together: products with M, with its
// transpose, the gradient of c, and a norm. Every function ends with a barrier.
#pragma once

#include "launch.h"
#include "structured_cde.h"

namespace ssm {
namespace structured_cde {

constexpr int kThreads = 256;

struct Transition {
  int32_t kind;
  int64_t states, size, coefficients;
  // Sparse: entries by rows, and by columns (entry numbers and their rows).
  const int32_t *row_begin, *column, *column_begin, *row, *entry;

  // Floats of shared memory that the functions need beside their vectors.
  __host__ __device__ int64_t scratch_floats() const { return kThreads + 2 * states + 2 * size + 2; }
};

// f(n) for every n below count, each by one thread.
template <typename F>
__device__ inline void for_each_thread(int64_t count, F f) {
  for (int64_t n = threadIdx.x; n < count; n += kThreads) f(n);
  __syncthreads();
}

// The greater one; NaN if one is.
struct Greater {
  __device__ float operator()(float a, float b) const { return a > b || a != a ? a : b; }
};
struct Plus {
  __device__ float operator()(float a, float b) const { return a + b; }
};

// combine(f(0), f(1), ...) from 0 on, the same for all threads.
template <typename F, typename Combine>
__device__ float reduce(int64_t count, float *scratch, F f, Combine combine) {
  float value = 0;
  for (int64_t n = threadIdx.x; n < count; n += kThreads) value = combine(value, f(n));
  __syncthreads();
  scratch[threadIdx.x] = value;
  const int thread = threadIdx.x;
  for (int half = kThreads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (thread < half) scratch[thread] = combine(scratch[thread], scratch[thread + half]);
  }
  __syncthreads();
  value = scratch[0];
  __syncthreads();
  return value;
}

__device__ inline float greatest(const float *x, int64_t count, float *scratch) {
  return reduce(count, scratch, [&](int64_t n) { return fabsf(x[n]); }, Greater());
}

__device__ inline float square_sum(const float *x, int64_t count, float *scratch) {
  return reduce(count, scratch, [&](int64_t n) { return x[n] * x[n]; }, Plus());
}

// sums[k] = sum_n factor[n, k] x[n] for k below rank.
__device__ inline void project(const Transition &m, const float *factor, const float *x, float *sums) {
  for_each_thread(m.size, [&](int64_t k) {
    float sum = 0;
    for (int64_t n = 0; n < m.states; ++n) sum += factor[n * m.size + k] * x[n];
    sums[k] = sum;
  });
}

// out = (diag(d) + first second^T) x.
__device__ inline void times_low_rank(const Transition &m, const float *d, const float *first, const float *second,
                                      const float *x, float *out, float *scratch) {
  float *const inner = scratch + kThreads + 2 * m.states;
  project(m, second, x, inner);
  for_each_thread(m.states, [&](int64_t n) {
    float sum = d[n] * x[n];
    for (int64_t k = 0; k < m.size; ++k) sum += first[n * m.size + k] * inner[k];
    out[n] = sum;
  });
}

// out = H x by the fast Walsh-Hadamard transform; out may be x.
__device__ inline void walsh_hadamard(const Transition &m, const float *x, float *out, float *scratch) {
  float *const spare = scratch + kThreads;
  for_each_thread(m.states, [&](int64_t n) { spare[n] = x[n]; });
  for (int64_t distance = 1; distance < m.states; distance *= 2)
    for_each_thread(m.states / 2, [&](int64_t i) {
      const int64_t a = i / distance * 2 * distance + i % distance, b = a + distance;
      const float sum = spare[a] + spare[b], difference = spare[a] - spare[b];
      spare[a] = sum;
      spare[b] = difference;
    });
  const float scale = 1.0f / sqrtf(static_cast<float>(m.states));
  for_each_thread(m.states, [&](int64_t n) { out[n] = scale * spare[n]; });
}

// out = M(c) z; out is not z.
__device__ inline void times(const Transition &m, const float *c, const float *z, float *out, float *scratch) {
  const int64_t size = m.size;
  switch (m.kind) {
    case kBlockDiagonal:
      if (size < kWarp) {
        for_each_thread(m.states, [&](int64_t n) {
          const float *const row = c + n * size, *const part = z + n / size * size;
          float sum = 0;
          for (int64_t j = 0; j < size; ++j) sum += row[j] * part[j];
          out[n] = sum;
        });
      } else {
        // A row is a warp's, so that its coefficients are read side by side.
        const int lane = threadIdx.x % kWarp;
        for (int64_t n = threadIdx.x / kWarp; n < m.states; n += kThreads / kWarp) {
          const float *const row = c + n * size, *const part = z + n / size * size;
          float sum = 0;
          for (int64_t j = lane; j < size; j += kWarp) sum += row[j] * part[j];
          sum = warp_sum(sum);
          if (lane == 0) out[n] = sum;
        }
        __syncthreads();
      }
      break;
    case kLowRank:
      times_low_rank(m, c, c + m.states, c + m.states * (1 + size), z, out, scratch);
      break;
    case kWalshHadamard:
      for_each_thread(m.states, [&](int64_t n) { out[n] = c[n] * z[n]; });
      walsh_hadamard(m, out, out, scratch);
      break;
    default:
      for_each_thread(m.states, [&](int64_t n) {
        float sum = 0;
        for (int32_t e = m.row_begin[n]; e < m.row_begin[n + 1]; ++e) sum += c[e] * z[m.column[e]];
        out[n] = sum;
      });
  }
}

// out = M(c)^T h; out is not h.
__device__ inline void times_transposed(const Transition &m, const float *c, const float *h, float *out,
                                        float *scratch) {
  const int64_t size = m.size;
  switch (m.kind) {
    case kBlockDiagonal:
      for_each_thread(m.states, [&](int64_t n) {
        const int64_t first = n / size * size;
        float sum = 0;
        for (int64_t i = 0; i < size; ++i) sum += c[(first + i) * size + n - first] * h[first + i];
        out[n] = sum;
      });
      break;
    case kLowRank:
      times_low_rank(m, c, c + m.states * (1 + size), c + m.states, h, out, scratch);
      break;
    case kWalshHadamard:
      walsh_hadamard(m, h, out, scratch);
      for_each_thread(m.states, [&](int64_t n) { out[n] *= c[n]; });
      break;
    default:
      for_each_thread(m.states, [&](int64_t n) {
        float sum = 0;
        for (int32_t i = m.column_begin[n]; i < m.column_begin[n + 1]; ++i) sum += c[m.entry[i]] * h[m.row[i]];
        out[n] = sum;
      });
  }
}

// dc += factor times the gradient of h^T M(c) u by c.
__device__ inline void add_outer(const Transition &m, float factor, const float *c, const float *h, const float *u,
                                 float *dc, float *scratch) {
  const int64_t size = m.size;
  switch (m.kind) {
    case kBlockDiagonal:
      for_each_thread(m.coefficients, [&](int64_t p) {
        const int64_t n = p / size;
        dc[p] += factor * h[n] * u[n / size * size + p % size];
      });
      break;
    case kLowRank: {
      float *const of_right = scratch + kThreads + 2 * m.states, *const of_left = of_right + size;
      project(m, c + m.states * (1 + size), u, of_right);
      project(m, c + m.states, h, of_left);
      for_each_thread(m.states, [&](int64_t n) {
        dc[n] += factor * h[n] * u[n];
        for (int64_t k = 0; k < size; ++k) {
          dc[m.states + n * size + k] += factor * h[n] * of_right[k];
          dc[m.states * (1 + size) + n * size + k] += factor * u[n] * of_left[k];
        }
      });
      break;
    }
    case kWalshHadamard: {
      float *const transformed = scratch + kThreads + m.states;
      walsh_hadamard(m, h, transformed, scratch);
      for_each_thread(m.states, [&](int64_t n) { dc[n] += factor * transformed[n] * u[n]; });
      break;
    }
    default:
      for_each_thread(m.states, [&](int64_t n) {
        for (int32_t e = m.row_begin[n]; e < m.row_begin[n + 1]; ++e) dc[e] += factor * h[n] * u[m.column[e]];
      });
  }
}

// An upper bound of the spectral norm of M(c), the same for all threads.
__device__ inline float norm(const Transition &m, const float *c, float *scratch) {
  const int64_t block = m.size * m.size;
  switch (m.kind) {
    case kBlockDiagonal:
      if (m.size == 1) return greatest(c, m.states, scratch);
      {
        float most = 0;
        for (int64_t first = 0; first < m.states / m.size; ++first)
          most = Greater()(square_sum(c + first * block, block, scratch), most);
        return sqrtf(most);
      }
    case kLowRank: {
      const int64_t factor = m.states * m.size;
      return greatest(c, m.states, scratch) +
             sqrtf(square_sum(c + m.states, factor, scratch) * square_sum(c + m.states + factor, factor, scratch));
    }
    case kWalshHadamard: return greatest(c, m.states, scratch);
    default: return sqrtf(square_sum(c, m.coefficients, scratch));
  }
}

}  // namespace structured_cde
}  // namespace ssm
