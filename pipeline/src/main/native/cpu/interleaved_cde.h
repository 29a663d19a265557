// The transitions of structured Linear CDEs that have few coefficients a row: products with M(c), with its transpose,
// and what the gradient of c is made of, for as many sequences as a vector has lanes, one lane each. Vectors of states
// and coefficients are [n][lanes].
#pragma once

#include <algorithm>
#include <cmath>

#include "structured_cde.h"

namespace SSM_NAMESPACE {
namespace interleaved_cde {

using structured_cde::Controls;
using structured_cde::kMostParts;
using structured_cde::kMostTerms;
using structured_cde::kPartNorm;
using structured_cde::kTolerance;

// Larger blocks go one sequence at a time, so that the coefficients of a step stay in the cache.
constexpr int64_t kLargestBlock = 32;

inline bool takes(int32_t structure, int64_t size) {
  return structure != SSM_TRANSITION_BLOCK_DIAGONAL || size <= kLargestBlock;
}

SSM_INLINE Floats at(const float *x, int64_t n) { return load(x + n * kLanes); }
SSM_INLINE void put(float *x, int64_t n, Floats v) { store(x + n * kLanes, v); }
SSM_INLINE Floats where(Ints lanes, Floats v) { return bits_to_floats(floats_to_bits(v) & lanes); }
SSM_INLINE Floats choose(Ints lanes, Floats yes, Floats no) {
  return bits_to_floats((floats_to_bits(yes) & lanes) | (floats_to_bits(no) & ~lanes));
}
SSM_INLINE bool any(Ints lanes) {
  bool found = false;
  for (int s = 0; s < kLanes; ++s) found |= lanes[s] != 0;
  return found;
}
SSM_INLINE Floats root(Floats v) {
  for (int s = 0; s < kLanes; ++s) v[s] = std::sqrt(v[s]);
  return v;
}
// NaN where one of them is.
SSM_INLINE Floats greater(Floats most, Floats v) { return choose((Ints)(v > most) | (Ints)(v != v), v, most); }

inline Floats square_sum(const float *x, int64_t count) {
  Floats sum = {};
  for (int64_t n = 0; n < count; ++n) sum += at(x, n) * at(x, n);
  return sum;
}

inline Floats greatest(const float *x, int64_t count) {
  Floats most = {};
  for (int64_t n = 0; n < count; ++n) most = greater(most, absolute(at(x, n)));
  return most;
}

// Coefficients [n][lanes] that have been stored.
struct Stored {
  const float *c;

  Floats operator()(int64_t p) const { return at(c, p); }
  Stored from(int64_t first) const { return {c + first * kLanes}; }
};

// Coefficients sum_k increment_k row_k, formed where they are used.
template <int kCount>
struct Formed {
  Floats increment[kCount];
  const float *row[kCount];

  Formed(const int32_t *active, int64_t coefficients, const float *increments, const float *theta) {
    for (int k = 0; k < kCount; ++k) {
      increment[k] = at(increments, active[k]);
      row[k] = theta + active[k] * coefficients;
    }
  }

  SSM_INLINE Floats operator()(int64_t p) const { return added_to(Floats{}, p); }
  // One by one, so that controls which move other sequences only change no bit.
  SSM_INLINE Floats added_to(Floats sum, int64_t p) const {
#pragma GCC unroll 4
    for (int k = 0; k < kCount; ++k) sum += increment[k] * row[k][p];
    return sum;
  }
  Formed from(int64_t first) const {
    Formed moved = *this;
    for (const float *&theta : moved.row) theta += first;
    return moved;
  }
};

// Every structure: times() uses each coefficient once; the gradient of coefficient p is left[i] right[j] with (i, j) as
// pairs() says, left and right being made from the gradient h of M(c) u and from u by factors().

// Blocks of a size known to the compiler, or of any with kSize = 0.
template <int kSize>
struct Blocks {
  int64_t states;
  int64_t size;

  int64_t block() const { return kSize == 0 ? size : kSize; }
  int64_t rows() const { return states; }

  template <typename C>
  void times(C c, const float *z, float *out) const {
    int64_t p = 0;
    for (int64_t first = 0; first < states; first += block())
      for (int64_t i = 0; i < block(); ++i, p += block()) {
        Floats sum = c(p) * at(z, first);
        for (int64_t j = 1; j < block(); ++j) sum += c(p + j) * at(z, first + j);
        put(out, first + i, sum);
      }
  }
  template <typename C>
  void times_transposed(C c, const float *h, float *out) const {
    int64_t p = 0;
    for (int64_t first = 0; first < states; first += block(), p += block() * block())
      for (int64_t j = 0; j < block(); ++j) {
        Floats sum = c(p + j) * at(h, first);
        for (int64_t i = 1; i < block(); ++i) sum += c(p + i * block() + j) * at(h, first + i);
        put(out, first + j, sum);
      }
  }
  template <typename C>
  void factors(const C &, const float *h, const float *u, float *left, float *right) const {
    std::copy(h, h + states * kLanes, left);
    std::copy(u, u + states * kLanes, right);
  }
  void pairs(int32_t *left, int32_t *right) const {
    for (int64_t n = 0; n < states; ++n)
      for (int64_t j = 0; j < block(); ++j) {
        *left++ = static_cast<int32_t>(n);
        *right++ = static_cast<int32_t>(n / block() * block() + j);
      }
  }
  Floats norm(const float *c) const {
    Floats most = {};
    for (int64_t first = 0; first < states; first += block(), c += block() * block() * kLanes)
      most = greater(most, square_sum(c, block() * block()));
    return root(most);
  }
};

// diag(d) + U V^T; c is d [N], U [N, rank], V [N, rank]. Behind the states, left has U^T h and right V^T u.
struct LowRank {
  int64_t states;
  int64_t rank;
  float *inner;  // scratch, [rank]

  int64_t rows() const { return states + rank; }
  template <typename C>
  C left_of(const C &c) const {
    return c.from(states);
  }
  template <typename C>
  C right_of(const C &c) const {
    return c.from(states * (1 + rank));
  }

  // sums[k] = sum_n factor[n, k] x[n].
  template <typename C>
  void project(const C &factor, const float *x, float *sums) const {
    constexpr int kSums = 4;  // so that the additions do not wait for each other
    for (int64_t k = 0; k < rank; ++k) {
      Floats sum[kSums] = {};
      int64_t n = 0;
      for (; n + kSums <= states; n += kSums)
#pragma GCC unroll 4
        for (int i = 0; i < kSums; ++i) sum[i] += factor((n + i) * rank + k) * at(x, n + i);
      for (; n < states; ++n) sum[0] += factor(n * rank + k) * at(x, n);
      put(sums, k, (sum[0] + sum[1]) + (sum[2] + sum[3]));
    }
  }
  template <typename C>
  void apply(const C &d, const C &first, const C &second, const float *x, float *out) const {
    project(second, x, inner);
    for (int64_t n = 0; n < states; ++n) {
      Floats sum = d(n) * at(x, n);
      for (int64_t k = 0; k < rank; ++k) sum += first(n * rank + k) * at(inner, k);
      put(out, n, sum);
    }
  }
  template <typename C>
  void times(C c, const float *z, float *out) const {
    apply(c, left_of(c), right_of(c), z, out);
  }
  template <typename C>
  void times_transposed(C c, const float *h, float *out) const {
    apply(c, right_of(c), left_of(c), h, out);
  }
  template <typename C>
  void factors(const C &c, const float *h, const float *u, float *left, float *right) const {
    std::copy(h, h + states * kLanes, left);
    std::copy(u, u + states * kLanes, right);
    project(left_of(c), h, left + states * kLanes);
    project(right_of(c), u, right + states * kLanes);
  }
  void pairs(int32_t *left, int32_t *right) const {
    for (int part = 0; part < 3; ++part)
      for (int64_t n = 0; n < states; ++n)
        for (int64_t k = 0; k < (part == 0 ? 1 : rank); ++k) {
          *left++ = static_cast<int32_t>(part == 2 ? states + k : n);
          *right++ = static_cast<int32_t>(part == 1 ? states + k : n);
        }
  }
  Floats norm(const float *c) const {
    return greatest(c, states) +
           root(square_sum(left_of(Stored{c}).c, states * rank) * square_sum(right_of(Stored{c}).c, states * rank));
  }
};

// H diag(c), H by the fast Walsh-Hadamard transform, two of its passes at a time.
struct WalshHadamard {
  int64_t states;

  int64_t rows() const { return states; }

  // out = H x, which may be out.
  void transform(const float *x, float *out) const {
    const Floats scale = broadcast(1.0f / std::sqrt(static_cast<float>(states)));
    int64_t half = 1;
    for (; half * 4 <= states; half *= 4, x = out) {
      const Floats factor = half * 4 == states ? scale : broadcast(1.0f);
      for (int64_t block = 0; block < states; block += 4 * half)
        for (int64_t n = block; n < block + half; ++n) {
          const Floats a = at(x, n), b = at(x, n + half), c = at(x, n + 2 * half), d = at(x, n + 3 * half);
          const Floats ab = a + b, cd = c + d, a_b = a - b, c_d = c - d;
          put(out, n, factor * (ab + cd));
          put(out, n + half, factor * (a_b + c_d));
          put(out, n + 2 * half, factor * (ab - cd));
          put(out, n + 3 * half, factor * (a_b - c_d));
        }
    }
    if (half == states) {
      if (states == 1) put(out, 0, at(x, 0));
      return;
    }
    for (int64_t n = 0; n < half; ++n) {
      const Floats a = at(x, n), b = at(x, n + half);
      put(out, n, scale * (a + b));
      put(out, n + half, scale * (a - b));
    }
  }
  template <typename C>
  void times(C c, const float *z, float *out) const {
    for (int64_t n = 0; n < states; ++n) put(out, n, c(n) * at(z, n));
    transform(out, out);
  }
  template <typename C>
  void times_transposed(C c, const float *h, float *out) const {
    transform(h, out);
    for (int64_t n = 0; n < states; ++n) put(out, n, c(n) * at(out, n));
  }
  template <typename C>
  void factors(const C &, const float *h, const float *u, float *left, float *right) const {
    transform(h, left);
    std::copy(u, u + states * kLanes, right);
  }
  void pairs(int32_t *left, int32_t *right) const {
    for (int64_t n = 0; n < states; ++n) left[n] = right[n] = static_cast<int32_t>(n);
  }
  Floats norm(const float *c) const { return greatest(c, states); }
};

struct Sparse {
  int64_t states;
  const int32_t *row_begin;
  const int32_t *column;

  int64_t rows() const { return states; }

  template <typename C>
  void times(C c, const float *z, float *out) const {
    for (int64_t n = 0; n < states; ++n) {
      Floats sum = {};
      for (int32_t e = row_begin[n]; e < row_begin[n + 1]; ++e) sum += c(e) * at(z, column[e]);
      put(out, n, sum);
    }
  }
  template <typename C>
  void times_transposed(C c, const float *h, float *out) const {
    for (int64_t n = 0; n < states; ++n) put(out, n, Floats{});
    for (int64_t n = 0; n < states; ++n) {
      const Floats factor = at(h, n);
      for (int32_t e = row_begin[n]; e < row_begin[n + 1]; ++e)
        put(out, column[e], at(out, column[e]) + c(e) * factor);
    }
  }
  template <typename C>
  void factors(const C &, const float *h, const float *u, float *left, float *right) const {
    std::copy(h, h + states * kLanes, left);
    std::copy(u, u + states * kLanes, right);
  }
  void pairs(int32_t *left, int32_t *right) const {
    for (int64_t n = 0; n < states; ++n)
      for (int32_t e = row_begin[n]; e < row_begin[n + 1]; ++e) {
        left[e] = static_cast<int32_t>(n);
        right[e] = column[e];
      }
  }
  Floats norm(const float *c) const { return root(square_sum(c, row_begin[states])); }
};

// Calls f with the structure the arguments name; SSM_INVALID_ARGUMENT if they name none. scratch: [size][lanes].
template <typename F>
int32_t with_structure(int32_t structure, int64_t states, int64_t size, const int32_t *row_begin,
                       const int32_t *column, float *scratch, F f) {
  switch (structure) {
    case SSM_TRANSITION_BLOCK_DIAGONAL:
      if (size < 1 || states % size != 0) return SSM_INVALID_ARGUMENT;
      if (size == 1) return f(Blocks<1>{states, size}, states);
      if (size == 4) return f(Blocks<4>{states, size}, states * size);
      return f(Blocks<0>{states, size}, states * size);
    case SSM_TRANSITION_LOW_RANK:
      if (size < 0) return SSM_INVALID_ARGUMENT;
      return f(LowRank{states, size, scratch}, states * (1 + 2 * size));
    case SSM_TRANSITION_WALSH_HADAMARD:
      if ((states & (states - 1)) != 0) return SSM_INVALID_ARGUMENT;
      return f(WalshHadamard{states}, states);
    case SSM_TRANSITION_SPARSE:
      if (row_begin == nullptr || (column == nullptr && row_begin[states] > 0)) return SSM_INVALID_ARGUMENT;
      return f(Sparse{states, row_begin, column}, static_cast<int64_t>(row_begin[states]));
    default: return SSM_INVALID_ARGUMENT;
  }
}

// The sequences of a group at one step.
struct Step {
  int64_t row[kLanes];  // -1 where the sequence has ended
  Ints alive;

  Step(int64_t members, const int32_t *offsets, int64_t l) : alive{} {
    for (int s = 0; s < kLanes; ++s) {
      row[s] = s < members && offsets[s] + l < offsets[s + 1] ? offsets[s] + l : -1;
      alive[s] = row[s] < 0 ? 0 : -1;
    }
  }

  // The rows of a matrix, for fetch() and spread_out().
  template <typename T>
  auto rows_of(T *matrix, int64_t stride) const {
    return [this, matrix, stride](int s) { return row[s] < 0 ? nullptr : matrix + row[s] * stride; };
  }

  // The increments, [controls][lanes], and those controls that have any.
  void increments(const float *domega, int64_t stride, int64_t controls, float *packed, Controls &moving) const {
    moving.count = 0;
    for (int64_t i = 0; i < controls; ++i) {
      bool moves = false;
      for (int s = 0; s < kLanes; ++s) {
        const float increment = row[s] < 0 ? 0.0f : domega[row[s] * stride + i];
        packed[i * kLanes + s] = increment;
        moves |= increment != 0;
      }
      moving.active[moving.count] = static_cast<int32_t>(i);
      moving.count += moves;
    }
  }
};

#if SSM_VECTOR_BYTES == 64
#define SSM_LOW 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define SSM_HIGH 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#elif SSM_VECTOR_BYTES == 32
#define SSM_LOW 0, 8, 1, 9, 2, 10, 3, 11
#define SSM_HIGH 4, 12, 5, 13, 6, 14, 7, 15
#else
#define SSM_LOW 0, 4, 1, 5
#define SSM_HIGH 2, 6, 3, 7
#endif

SSM_INLINE void transpose(Floats *v) {
  Floats other[kLanes];
#pragma GCC unroll 4
  for (int round = 1; round < kLanes; round *= 2) {
#pragma GCC unroll 16
    for (int i = 0; i < kLanes / 2; ++i) {
      other[2 * i] = SSM_SHUFFLE(v[i], v[i + kLanes / 2], SSM_LOW);
      other[2 * i + 1] = SSM_SHUFFLE(v[i], v[i + kLanes / 2], SSM_HIGH);
    }
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) v[i] = other[i];
  }
}

// Rows of the sequences to [states][lanes], and back; row_of(s) is null where there is none, which reads as zeros.
template <typename F>
void fetch(int64_t states, float *to, F row_of) {
  const float *rows[kLanes];
  for (int s = 0; s < kLanes; ++s) rows[s] = row_of(s);
  for (int64_t n = 0; n < states; n += kLanes) {
    Floats v[kLanes];
#pragma GCC unroll 16
    for (int s = 0; s < kLanes; ++s) v[s] = rows[s] == nullptr ? Floats{} : load_up_to(rows[s] + n, states - n);
    transpose(v);
    for (int64_t i = 0; i < kLanes && n + i < states; ++i) put(to, n + i, v[i]);
  }
}

template <typename F>
void spread_out(int64_t states, const float *from, F row_of) {
  float *rows[kLanes];
  for (int s = 0; s < kLanes; ++s) rows[s] = row_of(s);
  for (int64_t n = 0; n < states; n += kLanes) {
    Floats v[kLanes];
    for (int64_t i = 0; i < kLanes; ++i) v[i] = n + i < states ? at(from, n + i) : Floats{};
    transpose(v);
#pragma GCC unroll 16
    for (int s = 0; s < kLanes; ++s)
      if (rows[s] != nullptr) store_up_to(rows[s] + n, v[s], states - n);
  }
}

constexpr int64_t kMostFormed = 4;

// Calls f with the coefficients that `count` controls make, kMostFormed or the number of them if that is less.
template <typename F>
void with_formed(const int32_t *active, int64_t count, int64_t coefficients, const float *increments,
                 const float *theta, F f) {
  switch (count) {
    case 1: return f(Formed<1>(active, coefficients, increments, theta));
    case 2: return f(Formed<2>(active, coefficients, increments, theta));
    case 3: return f(Formed<3>(active, coefficients, increments, theta));
    default: return f(Formed<kMostFormed>(active, coefficients, increments, theta));
  }
}

// c = sum_i increments_i theta_i.
inline void form(const Controls &moving, int64_t coefficients, const float *increments, const float *theta, float *c) {
  if (moving.count == 0) std::fill(c, c + coefficients * kLanes, 0.0f);
  for (int64_t k = 0; k < moving.count; k += kMostFormed)
    with_formed(moving.active + k, moving.count - k, coefficients, increments, theta, [&](const auto &formed) {
      for (int64_t p = 0; p < coefficients; ++p) put(c, p, formed.added_to(k > 0 ? at(c, p) : Floats{}, p));
    });
}

// How a step is taken: in equal parts of some terms of the Taylor series, both of every sequence's own number.
struct Plan {
  int most_parts = 1;
  int most_terms = 1;
  Ints parts;
  Floats size;     // of a part
  Ints adaptive;   // those that end their series themselves

  // A transition out of range becomes NaN.
  template <typename Structure>
  Plan(int32_t solver, const Structure &structure, int64_t coefficients, float *c)
      : parts(Ints{} + 1), size(broadcast(1.0f)), adaptive{} {
    if (solver == SSM_CDE_RK4) most_terms = 4;
    if (solver != SSM_CDE_EXPONENTIAL) return;
    const Floats norm = structure.norm(c);
    most_terms = kMostTerms;
    for (int s = 0; s < kLanes; ++s) {
      if (!(norm[s] < kPartNorm * kMostParts)) continue;
      adaptive[s] = -1;
      parts[s] = norm[s] > kPartNorm ? static_cast<int>(std::ceil(norm[s] / kPartNorm)) : 1;
      size[s] = 1.0f / parts[s];
      most_parts = std::max(most_parts, parts[s]);
    }
    for (int64_t p = 0; p < coefficients && any(~adaptive); ++p)
      put(c, p, choose(adaptive, at(c, p), broadcast(std::nanf(""))));
  }

  Ints takes_part(int part) const { return (Ints)(parts > part); }
};

// after = before + t_1 + t_2 + ..., t_1 = g (M before + f), t_j = g / j M t_{j-1}, in the lanes `live`; returns the
// number of terms of each. Term j is stored at terms + (j - 1) [N] where kept, else over the one before the last; after
// may be before.
template <typename Structure, typename C>
Ints take_part(const Structure &structure, const Plan &plan, Ints live, const C &c, const float *f, const float *before,
               float *terms, bool kept, float *after) {
  const int64_t n = structure.states;
  const float *term = before;
  Floats previous = broadcast(INFINITY);
  Ints count = {};
  for (int j = 1; j <= plan.most_terms; ++j) {
    float *next = terms + (kept ? j - 1 : (j - 1) % 2) * n * kLanes;
    structure.times(c, term, next);
    const Floats factor = plan.size / static_cast<float>(j);
    const float *from = j == 1 ? before : after;
    for (int64_t i = 0; i < n; ++i) {
      const Floats product = j == 1 && f != nullptr ? at(next, i) + at(f, i) : at(next, i);
      const Floats t = where(live, factor * product);
      put(next, i, t);
      put(after, i, at(from, i) + t);
    }
    term = next;
    count -= live;
    if (plan.most_terms < kMostTerms) continue;
    const Floats most = greatest(next, n);
    live &= plan.adaptive & ~(Ints)(previous + most <= kTolerance * greatest(after, n));
    if (!any(live)) break;
    previous = most;
  }
  return count;
}

// Calls f with the coefficients of a step and its plan. With Euler's rule a step has one product with them, so that those
// of a few controls need no place; else they are stored at c.
template <typename Structure, typename F>
void with_coefficients(int32_t solver, const Structure &structure, const Controls &moving, int64_t coefficients,
                       const float *increments, const float *theta, float *c, F f) {
  if (solver == SSM_CDE_EULER && moving.count > 0 && moving.count <= kMostFormed)
    return with_formed(moving.active, moving.count, coefficients, increments, theta, [&](const auto &formed) {
      f(formed, Plan(solver, structure, coefficients, nullptr));
    });
  form(moving, coefficients, increments, theta, c);
  f(Stored{c}, Plan(solver, structure, coefficients, c));
}

// As ssm_structured_cde_forward_f32 and ssm_structured_cde_backward_f32, for what takes() says.
int64_t forward_workspace(int64_t states, int64_t size, int64_t coefficients, int64_t controls);
decltype(ssm_structured_cde_forward_f32) forward;
int64_t backward_workspace(int64_t states, int64_t size, int64_t coefficients, int64_t controls);
decltype(ssm_structured_cde_backward_f32) backward;

}  // namespace interleaved_cde
}  // namespace SSM_NAMESPACE
