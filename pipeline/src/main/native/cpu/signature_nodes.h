// One node of the tree of words over a block of increments, and the two lowest levels below a node as a register tile.
#pragma once

#include "signature.h"

namespace SSM_NAMESPACE {

#if SSM_VECTOR_BYTES == 64
constexpr int kAccumulators = 26;
#else
constexpr int kAccumulators = 13;
#endif
constexpr int kMaxTile = 4;

// Increments, brackets that come in [steps][count + 1], the node's entry, brackets that leave [steps][count].
template <typename T, int count>
void pass_node_fixed(const T *x, int64_t stride, const T *in, int steps, T *state, T *out, int) {
  constexpr int W = VectorOf<T>::lanes;
  Vector<T> s = load(state);
  for (int l = 0; l < steps; ++l) {
    const Vector<T> xi = load(x + l * stride), old = s;
    const T *q = in + int64_t{l} * (count + 1) * W;
    T *p = out + int64_t{l} * count * W;
    s = old + load(q) * xi;
#pragma GCC unroll 8
    for (int n = 1; n <= count; ++n) {
      Vector<T> bracket = old + load(q + n * W) * xi;
      if (n > 1) bracket *= T(1) / T(n);
      store(p + (n - 1) * W, bracket);
    }
  }
  store(state, s);
}

template <typename T>
void pass_node_any(const T *x, int64_t stride, const T *in, int steps, T *state, T *out, int count) {
  constexpr int W = VectorOf<T>::lanes;
  Vector<T> s = load(state);
  for (int l = 0; l < steps; ++l) {
    const Vector<T> xi = load(x + l * stride), old = s;
    const T *q = in + int64_t{l} * (count + 1) * W;
    T *p = out + int64_t{l} * count * W;
    s = old + load(q) * xi;
    for (int n = 1; n <= count; ++n) store(p + (n - 1) * W, (old + load(q + n * W) * xi) * (T(1) / T(n)));
  }
  store(state, s);
}

template <typename T>
void pass_node(const T *x, int64_t stride, const T *in, int steps, T *state, T *out, int count) {
  using Pass = void (*)(const T *, int64_t, const T *, int, T *, T *, int);
  static constexpr Pass kPasses[] = {
      pass_node_fixed<T, 0>, pass_node_fixed<T, 1>, pass_node_fixed<T, 2>, pass_node_fixed<T, 3>,
      pass_node_fixed<T, 4>, pass_node_fixed<T, 5>, pass_node_fixed<T, 6>, pass_node_fixed<T, 7>};
  (count < 8 ? kPasses[count] : pass_node_any<T>)(x, stride, in, steps, state, out, count);
}

// Any channels, two levels: a tile of `rows` branches and `letters` last letters.
template <typename T, int letters, int rows>
void run_tile(const T *x, int64_t channels, const T *in, int steps, const T *x_row, T *upper, bool keep_upper,
              T *lower) {
  constexpr int W = VectorOf<T>::lanes;
  Vector<T> u[rows], s[rows][letters];
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) {
    u[r] = load(upper + r * W);
#pragma GCC unroll 16
    for (int j = 0; j < letters; ++j) s[r][j] = load(lower + (r * channels + j) * W);
  }
  for (int l = 0; l < steps; ++l) {
    const Vector<T> q0 = load(in + 2 * l * W), q1 = load(in + (2 * l + 1) * W);
    Vector<T> bracket[rows];
#pragma GCC unroll 16
    for (int r = 0; r < rows; ++r) {
      const Vector<T> xi = load(x_row + (l * channels + r) * W);
      bracket[r] = u[r] + q1 * xi;
      u[r] += q0 * xi;
    }
#pragma GCC unroll 16
    for (int j = 0; j < letters; ++j) {
      const Vector<T> xj = load(x + (l * channels + j) * W);
#pragma GCC unroll 16
      for (int r = 0; r < rows; ++r) s[r][j] += bracket[r] * xj;
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) {
    if (keep_upper) store(upper + r * W, u[r]);
#pragma GCC unroll 16
    for (int j = 0; j < letters; ++j) store(lower + (r * channels + j) * W, s[r][j]);
  }
}

constexpr int kMaxLetters = 16;

constexpr int max_rows(int letters) {
  const int rows = kAccumulators / (letters + 1);
  return rows < 1 ? 1 : rows > kMaxTile ? kMaxTile : rows;
}

template <typename T>
using Tile = void (*)(const T *, int64_t, const T *, int, const T *, T *, bool, T *);

template <typename T>
struct Tiles {
  Tile<T> run[kMaxLetters][kMaxTile];

  template <int letters>
  constexpr void fill() {
    run[letters - 1][0] = run_tile<T, letters, 1>;
    run[letters - 1][1] = max_rows(letters) >= 2 ? run_tile<T, letters, max_rows(letters) >= 2 ? 2 : 1> : nullptr;
    run[letters - 1][2] = max_rows(letters) >= 3 ? run_tile<T, letters, max_rows(letters) >= 3 ? 3 : 1> : nullptr;
    run[letters - 1][3] = max_rows(letters) >= 4 ? run_tile<T, letters, max_rows(letters) >= 4 ? 4 : 1> : nullptr;
  }

  template <int... i>
  constexpr explicit Tiles(std::integer_sequence<int, i...>) : run() {
    (fill<i + 1>(), ...);
  }
};

template <typename T>
constexpr Tiles<T> kTiles{std::make_integer_sequence<int, kMaxLetters>()};

}  // namespace SSM_NAMESPACE
