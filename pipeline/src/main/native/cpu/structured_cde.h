// The transitions of structured Linear CDEs: products with M(c), with its transpose, and the gradient of c, for one
// sequence, lanes across states. Vectors of states and coefficients are padded with zeros to whole lanes.
#pragma once

#include <cmath>

#include "recurrence.h"
#include "ssm.h"

namespace SSM_NAMESPACE {
namespace structured_cde {

inline int64_t padded(int64_t count) { return (count + kLanes - 1) / kLanes * kLanes; }

// f(n) for every vector that begins at n.
template <typename F>
SSM_INLINE void for_lanes(int64_t count, F f) {
  for (int64_t n = 0; n < count; n += kLanes) f(n);
}

SSM_INLINE float square_sum(const float *x, int64_t count) {
  Floats sum = {};
  for_each_vector(1, count, [&](int64_t, int64_t c, int64_t part) {
    const Floats v = load_up_to(x + c, part);
    sum += v * v;
  });
  return sum_of_lanes(sum);
}

SSM_INLINE float greatest(const float *x, int64_t count) {
  Floats most = {};
  for_each_vector(1, count, [&](int64_t, int64_t c, int64_t part) {
    const Floats v = absolute(load_up_to(x + c, part));
    most = v > most || v != v ? v : most;
  });
  float all = 0;
  for (int i = 0; i < kLanes; ++i) all = most[i] > all || most[i] != most[i] ? most[i] : all;
  return all;
}

struct Diagonal {
  int64_t states;

  void times(const float *c, const float *z, float *out) const {
    for_lanes(states, [&](int64_t n) { store(out + n, load(c + n) * load(z + n)); });
  }
  void times_transposed(const float *c, const float *h, float *out) const { times(c, h, out); }
  void add_outer(float factor, const float *, const float *h, const float *u, float *dc) const {
    for_lanes(states, [&](int64_t n) { store(dc + n, load(dc + n) + factor * load(h + n) * load(u + n)); });
  }
  float norm(const float *c) const { return greatest(c, states); }
};

// Blocks of a size known to the compiler.
template <int kBlock>
struct SmallBlocks {
  int64_t states;

  void times(const float *c, const float *z, float *out) const {
    for (int64_t first = 0; first < states; first += kBlock, c += kBlock * kBlock)
      for (int i = 0; i < kBlock; ++i) {
        float sum = 0;
        for (int j = 0; j < kBlock; ++j) sum += c[i * kBlock + j] * z[first + j];
        out[first + i] = sum;
      }
  }
  void times_transposed(const float *c, const float *h, float *out) const {
    for (int64_t first = 0; first < states; first += kBlock, c += kBlock * kBlock) {
      float sum[kBlock] = {};
      for (int i = 0; i < kBlock; ++i)
        for (int j = 0; j < kBlock; ++j) sum[j] += c[i * kBlock + j] * h[first + i];
      for (int j = 0; j < kBlock; ++j) out[first + j] = sum[j];
    }
  }
  void add_outer(float factor, const float *, const float *h, const float *u, float *dc) const {
    for (int64_t first = 0; first < states; first += kBlock, dc += kBlock * kBlock)
      for (int i = 0; i < kBlock; ++i)
        for (int j = 0; j < kBlock; ++j) dc[i * kBlock + j] += factor * h[first + i] * u[first + j];
  }
  float norm(const float *c) const {
    float most = 0;
    for (int64_t first = 0; first < states; first += kBlock, c += kBlock * kBlock) {
      float sum = 0;
      for (int i = 0; i < kBlock * kBlock; ++i) sum += c[i] * c[i];
      most = sum > most || sum != sum ? sum : most;
    }
    return std::sqrt(most);
  }
};

// Blocks of any size; one block is the dense transition.
struct Blocks {
  int64_t states;
  int64_t block;

  // Rows row, row + 1, ... of a block, one per lane of the result.
  template <bool kWhole>
  SSM_INLINE void rows_times(const float *c, const float *z, int64_t rows, float *out) const {
    Floats sum[kLanes] = {};
    for_each_vector(1, block, [&](int64_t, int64_t j, int64_t count) {
      const Floats v = load_up_to(z + j, count);
#pragma GCC unroll 16
      for (int64_t i = 0; i < (kWhole ? kLanes : rows); ++i) sum[i] += load_up_to(c + i * block + j, count) * v;
    });
    store_up_to(out, sums_of_lanes(0, rows, [&](int64_t i) { return sum[i]; }), rows);
  }
  void times(const float *c, const float *z, float *out) const {
    for (int64_t first = 0; first < states; first += block, c += block * block) {
      int64_t row = 0;
      for (; row + kLanes <= block; row += kLanes)
        rows_times<true>(c + row * block, z + first, kLanes, out + first + row);
      if (row < block) rows_times<false>(c + row * block, z + first, block - row, out + first + row);
    }
  }
  void times_transposed(const float *c, const float *h, float *out) const {
    constexpr int kColumns = 8;  // vectors of columns held in registers
    for (int64_t first = 0; first < states; first += block, c += block * block)
      for (int64_t column = 0; column < block; column += kColumns * kLanes) {
        const int64_t left = block - column;
        Floats sum[kColumns] = {};
        for (int64_t i = 0; i < block; ++i) {
          const float factor = h[first + i];
          const float *row = c + i * block + column;
          for (int v = 0; v < kColumns && v * kLanes < left; ++v)
            sum[v] += factor * load_up_to(row + v * kLanes, left - v * kLanes);
        }
        for (int v = 0; v < kColumns && v * kLanes < left; ++v)
          store_up_to(out + first + column + v * kLanes, sum[v], left - v * kLanes);
      }
  }
  void add_outer(float factor, const float *, const float *h, const float *u, float *dc) const {
    for (int64_t first = 0; first < states; first += block, dc += block * block)
      for (int64_t i = 0; i < block; ++i) {
        const float scaled = factor * h[first + i];
        float *row = dc + i * block;
        for_each_vector(1, block, [&](int64_t, int64_t j, int64_t count) {
          store_up_to(row + j, load_up_to(row + j, count) + scaled * load_up_to(u + first + j, count), count);
        });
      }
  }
  float norm(const float *c) const {
    float most = 0;
    for (int64_t first = 0; first < states; first += block, c += block * block) {
      const float sum = square_sum(c, block * block);
      most = sum > most || sum != sum ? sum : most;
    }
    return std::sqrt(most);
  }
};

// diag(d) + U V^T; c is d [N], U [N, rank], V [N, rank].
struct LowRank {
  int64_t states;
  int64_t rank;
  float *inner;  // scratch, [2, rank]

  const float *left(const float *c) const { return c + states; }
  const float *right(const float *c) const { return c + states * (1 + rank); }

  // sums[k] = sum_n factor[n, k] x[n].
  void project(const float *factor, const float *x, float *sums) const {
    for (int64_t k = 0; k < rank; ++k) sums[k] = 0;
    for (int64_t n = 0; n < states; ++n)
      for (int64_t k = 0; k < rank; ++k) sums[k] += factor[n * rank + k] * x[n];
  }
  void apply(const float *d, const float *first, const float *second, const float *x, float *out) const {
    project(second, x, inner);
    for (int64_t n = 0; n < states; ++n) {
      float sum = d[n] * x[n];
      for (int64_t k = 0; k < rank; ++k) sum += first[n * rank + k] * inner[k];
      out[n] = sum;
    }
  }
  void times(const float *c, const float *z, float *out) const { apply(c, left(c), right(c), z, out); }
  void times_transposed(const float *c, const float *h, float *out) const { apply(c, right(c), left(c), h, out); }
  void add_outer(float factor, const float *c, const float *h, const float *u, float *dc) const {
    float *of_right = inner, *of_left = inner + rank;
    project(right(c), u, of_right);
    project(left(c), h, of_left);
    float *dleft = dc + states, *dright = dc + states * (1 + rank);
    for (int64_t n = 0; n < states; ++n) {
      const float fh = factor * h[n], fu = factor * u[n];
      dc[n] += fh * u[n];
      for (int64_t k = 0; k < rank; ++k) {
        dleft[n * rank + k] += fh * of_right[k];
        dright[n * rank + k] += fu * of_left[k];
      }
    }
  }
  float norm(const float *c) const {
    return greatest(c, states) + std::sqrt(square_sum(left(c), states * rank) * square_sum(right(c), states * rank));
  }
};

#if SSM_VECTOR_BYTES == 64
#define SSM_EVEN 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define SSM_ODD 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
#elif SSM_VECTOR_BYTES == 32
#define SSM_EVEN 0, 2, 4, 6, 8, 10, 12, 14
#define SSM_ODD 1, 3, 5, 7, 9, 11, 13, 15
#else
#define SSM_EVEN 0, 2, 4, 6
#define SSM_ODD 1, 3, 5, 7
#endif

// H diag(c), H by the fast Walsh-Hadamard transform of constant geometry (Pease 1968): every pass is the same.
struct WalshHadamard {
  int64_t states;
  float *spare[2];  // scratch, padded(states) each

  // out = H x; out must not be x.
  void transform(const float *x, float *out) const {
    const int64_t half = states / 2;
    const float scale = 1.0f / std::sqrt(static_cast<float>(states));
    const float *from = x;
    int turn = 0;
    for (int64_t pass = 1; pass < states; pass *= 2) {
      float *to = spare[turn];
      turn ^= 1;
      if (half >= kLanes) {
        for (int64_t n = 0; n < half; n += kLanes) {
          const Floats a = load(from + 2 * n), b = load(from + 2 * n + kLanes);
          const Floats even = SSM_SHUFFLE(a, b, SSM_EVEN), odd = SSM_SHUFFLE(a, b, SSM_ODD);
          store(to + n, even + odd);
          store(to + half + n, even - odd);
        }
      } else {
        for (int64_t n = 0; n < half; ++n) {
          const float even = from[2 * n], odd = from[2 * n + 1];
          to[n] = even + odd;
          to[half + n] = even - odd;
        }
      }
      from = to;
    }
    for (int64_t n = 0; n < states; ++n) out[n] = scale * from[n];
  }
  void times(const float *c, const float *z, float *out) const {
    for_lanes(states, [&](int64_t n) { store(spare[1] + n, load(c + n) * load(z + n)); });
    transform(spare[1], out);
  }
  void times_transposed(const float *c, const float *h, float *out) const {
    transform(h, out);
    for_lanes(states, [&](int64_t n) { store(out + n, load(c + n) * load(out + n)); });
  }
  // Leaves the transform of h in the scratch.
  void add_outer(float factor, const float *, const float *h, const float *u, float *dc) const {
    float *transformed = spare[0] + 2 * padded(states);
    transform(h, transformed);
    for_each_vector(1, states, [&](int64_t, int64_t n, int64_t count) {
      store_up_to(dc + n, load_up_to(dc + n, count) + factor * load_up_to(transformed + n, count) * load_up_to(u + n, count),
                  count);
    });
  }
  float norm(const float *c) const { return greatest(c, states); }
};

struct Sparse {
  int64_t states;
  const int32_t *row_begin;
  const int32_t *column;

  void times(const float *c, const float *z, float *out) const {
    for (int64_t n = 0; n < states; ++n) {
      float sum = 0;
      for (int32_t e = row_begin[n]; e < row_begin[n + 1]; ++e) sum += c[e] * z[column[e]];
      out[n] = sum;
    }
  }
  void times_transposed(const float *c, const float *h, float *out) const {
    for (int64_t n = 0; n < states; ++n) out[n] = 0;
    for (int64_t n = 0; n < states; ++n)
      for (int32_t e = row_begin[n]; e < row_begin[n + 1]; ++e) out[column[e]] += c[e] * h[n];
  }
  void add_outer(float factor, const float *, const float *h, const float *u, float *dc) const {
    for (int64_t n = 0; n < states; ++n) {
      const float scaled = factor * h[n];
      for (int32_t e = row_begin[n]; e < row_begin[n + 1]; ++e) dc[e] += scaled * u[column[e]];
    }
  }
  float norm(const float *c) const { return std::sqrt(square_sum(c, row_begin[states])); }
};

// Sequences whose coefficients are formed together, so that those of a control are read once for all of them.
constexpr int kGroup = 4;

constexpr int kMostTerms = 30;
constexpr int kMostParts = 256;
constexpr float kPartNorm = 3.5f;
constexpr float kTolerance = 0x1p-25f;

// The controls that move any of the sequences of a group.
struct Controls {
  int64_t count = 0;
  int32_t *active;

  explicit Controls(int32_t *active) : active(active) {}

  void find(int members, int64_t controls, const float *const *domega) {
    count = 0;
    for (int64_t i = 0; i < controls; ++i) {
      bool moves = false;
      for (int s = 0; s < members; ++s) moves |= domega[s][i] != 0;
      active[count] = static_cast<int32_t>(i);
      count += moves;
    }
  }
};

template <int kMembers>
void form(const Controls &controls, int64_t coefficients, const float *const *domega, const float *theta,
          float *const *c) {
  for_each_vector(1, coefficients, [&](int64_t, int64_t p, int64_t count) {
    Floats sum[kMembers] = {};
    for (int64_t k = 0; k < controls.count; ++k) {
      const int64_t i = controls.active[k];
      const Floats v = load_up_to(theta + i * coefficients + p, count);
      for (int s = 0; s < kMembers; ++s) sum[s] += domega[s][i] * v;
    }
    for (int s = 0; s < kMembers; ++s) store(c[s] + p, sum[s]);  // c is padded
  });
}

// c[s] = sum_i domega[s][i] theta_i.
inline void form(int members, const Controls &controls, int64_t coefficients, const float *const *domega,
                 const float *theta, float *const *c) {
  switch (members) {
    case 1: return form<1>(controls, coefficients, domega, theta, c);
    case 2: return form<2>(controls, coefficients, domega, theta, c);
    case 3: return form<3>(controls, coefficients, domega, theta, c);
    default: return form<4>(controls, coefficients, domega, theta, c);
  }
}

// How a step is taken: in `parts` equal parts of at most `terms` terms of the Taylor series.
struct Plan {
  int parts = 1;
  int terms = 1;
  bool adaptive = false;

  // A transition out of range becomes NaN.
  template <typename Structure>
  Plan(int32_t solver, const Structure &structure, int64_t coefficients, float *c) {
    if (solver == SSM_CDE_RK4) terms = 4;
    if (solver != SSM_CDE_EXPONENTIAL) return;
    const float norm = structure.norm(c);
    if (norm < kPartNorm * kMostParts) {
      parts = norm > kPartNorm ? static_cast<int>(std::ceil(norm / kPartNorm)) : 1;
      terms = kMostTerms;
      adaptive = true;
    } else {
      for (int64_t p = 0; p < padded(coefficients); ++p) c[p] = std::nanf("");
    }
  }
};

// after = before + t_1 + t_2 + ..., t_1 = g (M before + f), t_j = g / j M t_{j-1}; returns the number of terms. term j is
// stored at terms + (j - 1) padded(N) where kept, else over the one before the last.
template <typename Structure>
int take_part(const Structure &structure, const Plan &plan, const float *c, const float *f, const float *before,
              float *terms, bool kept, float *after) {
  const int64_t n = structure.states, stride = padded(n);
  const float size = 1.0f / plan.parts;
  for_lanes(n, [&](int64_t i) { store(after + i, load(before + i)); });
  const float *term = before;
  float previous = INFINITY;
  for (int j = 1; j <= plan.terms; ++j) {
    float *next = terms + (kept ? j - 1 : (j - 1) % 2) * stride;
    structure.times(c, term, next);
    const float factor = size / j;
    for_lanes(n, [&](int64_t i) {
      const Floats t = factor * (j == 1 && f != nullptr ? load(next + i) + load(f + i) : load(next + i));
      store(next + i, t);
      store(after + i, load(after + i) + t);
    });
    term = next;
    if (!plan.adaptive) continue;
    const float most = greatest(next, n);
    if (previous + most <= kTolerance * greatest(after, n)) return j;
    previous = most;
  }
  return plan.terms;
}

// Calls f with the structure the arguments name; SSM_INVALID_ARGUMENT if they name none. scratch: see scratch_floats.
template <typename F>
int32_t with_structure(int32_t structure, int64_t states, int64_t size, const int32_t *row_begin,
                       const int32_t *column, float *scratch, F f) {
  switch (structure) {
    case SSM_TRANSITION_BLOCK_DIAGONAL:
      if (size < 1 || states % size != 0) return SSM_INVALID_ARGUMENT;
      if (size == 1) return f(Diagonal{states}, states);
      if (size == 2) return f(SmallBlocks<2>{states}, states * size);
      if (size == 4) return f(SmallBlocks<4>{states}, states * size);
      if (size == 8) return f(SmallBlocks<8>{states}, states * size);
      return f(Blocks{states, size}, states * size);
    case SSM_TRANSITION_LOW_RANK:
      if (size < 0) return SSM_INVALID_ARGUMENT;
      return f(LowRank{states, size, scratch}, states * (1 + 2 * size));
    case SSM_TRANSITION_WALSH_HADAMARD:
      if (states < 1 || (states & (states - 1)) != 0) return SSM_INVALID_ARGUMENT;
      return f(WalshHadamard{states, {scratch, scratch + padded(states)}}, states);
    case SSM_TRANSITION_SPARSE:
      if (row_begin == nullptr || (column == nullptr && row_begin[states] > 0)) return SSM_INVALID_ARGUMENT;
      return f(Sparse{states, row_begin, column}, static_cast<int64_t>(row_begin[states]));
    default: return SSM_INVALID_ARGUMENT;
  }
}

inline int64_t scratch_floats(int64_t states, int64_t size) { return 3 * padded(states) + padded(2 * size); }

// Copies a row into a padded vector; zeros where there is none.
SSM_INLINE void fetch(const float *row, int64_t states, float *to) {
  for (int64_t n = 0; n < padded(states); ++n) to[n] = row != nullptr && n < states ? row[n] : 0.0f;
}

SSM_INLINE void put(const float *from, int64_t states, float *row) {
  for (int64_t n = 0; n < states; ++n) row[n] = from[n];
}

}  // namespace structured_cde
}  // namespace SSM_NAMESPACE
