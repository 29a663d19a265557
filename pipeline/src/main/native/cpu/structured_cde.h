// The transitions of structured Linear CDEs with large blocks: products with M(c), with its transpose, and the gradient
// of c, for one sequence, lanes across states. Vectors of states and coefficients are padded with zeros to whole lanes.
#pragma once

#include <cmath>

#include "recurrence.h"
#include "ssm.h"

namespace SSM_NAMESPACE {
namespace structured_cde {

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
  void add_outer(float factor, const float *h, const float *u, float *dc) const {
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
  Plan(int32_t solver, const Blocks &transition, int64_t coefficients, float *c) {
    if (solver == SSM_CDE_RK4) terms = 4;
    if (solver != SSM_CDE_EXPONENTIAL) return;
    const float norm = transition.norm(c);
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
inline int take_part(const Blocks &transition, const Plan &plan, const float *c, const float *f, const float *before,
                     float *terms, bool kept, float *after) {
  const int64_t n = transition.states, stride = padded(n);
  const float size = 1.0f / plan.parts;
  for_lanes(n, [&](int64_t i) { store(after + i, load(before + i)); });
  const float *term = before;
  float previous = INFINITY;
  for (int j = 1; j <= plan.terms; ++j) {
    float *next = terms + (kept ? j - 1 : (j - 1) % 2) * stride;
    transition.times(c, term, next);
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

// Copies a row into a padded vector; zeros where there is none.
SSM_INLINE void fetch(const float *row, int64_t states, float *to) {
  for (int64_t n = 0; n < padded(states); ++n) to[n] = row != nullptr && n < states ? row[n] : 0.0f;
}

SSM_INLINE void put(const float *from, int64_t states, float *row) {
  for (int64_t n = 0; n < states; ++n) row[n] = from[n];
}

}  // namespace structured_cde
}  // namespace SSM_NAMESPACE
