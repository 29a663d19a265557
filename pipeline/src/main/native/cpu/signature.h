// What the signature kernels share: the shape of a truncated signature, packing of increments, transposed output.
#pragma once

#include <cstdlib>
#include <utility>

#include "simd.h"
#include "ssm.h"

namespace SSM_NAMESPACE {

// The entries of the kernel table; arguments as in ssm.h, `order` (may be null) is the sequence of processing.
int32_t signature_forward_f32(const float *values, const int64_t *begin, const int64_t *end, const int64_t *order,
                              int64_t batch, int32_t channels, int32_t depth, float *out);
int32_t signature_forward_f64(const double *values, const int64_t *begin, const int64_t *end, const int64_t *order,
                              int64_t batch, int32_t channels, int32_t depth, double *out);

// Gradients with respect to the paths, added to `out`; arguments as in ssm.h.
int32_t signature_backward_f32(const float *values, const int64_t *begin, const int64_t *end, const int64_t *order,
                               int64_t batch, int32_t channels, int32_t depth, const float *signature,
                               const float *gradient, float *out);
int32_t signature_backward_f64(const double *values, const int64_t *begin, const int64_t *end, const int64_t *order,
                               int64_t batch, int32_t channels, int32_t depth, const double *signature,
                               const double *gradient, double *out);

// Logarithms at the Lyndon words or at all words, and their gradients with respect to the paths, added to `out`.
int32_t log_signature_forward_f32(const float *values, const int64_t *begin, const int64_t *end, const int64_t *order,
                                  int64_t batch, int32_t channels, int32_t depth, bool lyndon, float *out);
int32_t log_signature_forward_f64(const double *values, const int64_t *begin, const int64_t *end,
                                  const int64_t *order, int64_t batch, int32_t channels, int32_t depth, bool lyndon,
                                  double *out);
int32_t log_signature_backward_f32(const float *values, const int64_t *begin, const int64_t *end,
                                   const int64_t *order, int64_t batch, int32_t channels, int32_t depth, bool lyndon,
                                   const float *gradient, float *out);
int32_t log_signature_backward_f64(const double *values, const int64_t *begin, const int64_t *end,
                                   const int64_t *order, int64_t batch, int32_t channels, int32_t depth, bool lyndon,
                                   const double *gradient, double *out);

// Two or more channels reach the 2^63 limit of any width well before this depth; one channel has its own closed form.
constexpr int kMaxDepth = 62;

// Integer lanes of the size of T, for masks.
template <typename T>
struct MaskOf;
template <>
struct MaskOf<float> {
  typedef int32_t type __attribute__((vector_size(SSM_VECTOR_BYTES), aligned(4), may_alias));
};
template <>
struct MaskOf<double> {
  typedef int64_t type __attribute__((vector_size(SSM_VECTOR_BYTES), aligned(8), may_alias));
};
template <typename T>
using Mask = typename MaskOf<T>::type;

// Working memory in one aligned piece, released with the object.
class Workspace {
 public:
  explicit Workspace(size_t bytes) : memory_(std::aligned_alloc(64, (bytes + 63) / 64 * 64 + 64)) {}
  ~Workspace() { std::free(memory_); }
  Workspace(const Workspace &) = delete;
  Workspace &operator=(const Workspace &) = delete;

  bool failed() const { return memory_ == nullptr; }

  template <typename T>
  T *take(size_t count) {
    T *start = reinterpret_cast<T *>(static_cast<char *>(memory_) + used_);
    used_ += (count * sizeof(T) + 63) / 64 * 64;
    return start;
  }

  template <typename T>
  static size_t bytes(size_t count) {
    return (count * sizeof(T) + 63) / 64 * 64;
  }

 private:
  void *memory_;
  size_t used_ = 0;
};

template <typename T, int half, int... j>
SSM_INLINE Vector<T> shuffle_low(Vector<T> a, Vector<T> b, std::integer_sequence<int, j...>) {
  constexpr int W = VectorOf<T>::lanes;
  return __builtin_shufflevector(a, b, ((j & half) ? W + j - half : j)...);
}

template <typename T, int half, int... j>
SSM_INLINE Vector<T> shuffle_high(Vector<T> a, Vector<T> b, std::integer_sequence<int, j...>) {
  constexpr int W = VectorOf<T>::lanes;
  return __builtin_shufflevector(a, b, ((j & half) ? W + j : j + half)...);
}

// Transposes a square of lanes x lanes elements held in registers.
template <typename T, int half = VectorOf<T>::lanes / 2>
SSM_INLINE void transpose(Vector<T> *rows) {
  constexpr int W = VectorOf<T>::lanes;
#pragma GCC unroll 16
  for (int r = 0; r < W; ++r) {
    if ((r & half) == 0) {
      const Vector<T> a = rows[r], b = rows[r + half];
      rows[r] = shuffle_low<T, half>(a, b, std::make_integer_sequence<int, W>());
      rows[r + half] = shuffle_high<T, half>(a, b, std::make_integer_sequence<int, W>());
    }
  }
  if constexpr (half > 1) transpose<T, half / 2>(rows);
}

// Writes source[e][lane], e < count, to rows[lane][e]; only the first `used` lanes are written.
template <typename T>
void scatter_lanes(const T *source, int64_t count, T *const *rows, int used) {
  constexpr int W = VectorOf<T>::lanes;
  int64_t e = 0;
  for (; e + W <= count; e += W) {
    Vector<T> square[W];
#pragma GCC unroll 16
    for (int r = 0; r < W; ++r) square[r] = load(source + (e + r) * W);
    transpose<T>(square);
    if (used == W) {
#pragma GCC unroll 16
      for (int r = 0; r < W; ++r) store(rows[r] + e, square[r]);
    } else {
      for (int r = 0; r < used; ++r) store(rows[r] + e, square[r]);
    }
  }
  for (; e < count; ++e)
    for (int r = 0; r < used; ++r) rows[r][e] = source[e * W + r];
}

// Reads rows[lane][e], e < count, to target[e][lane].
template <typename T>
void gather_lanes(const T *const *rows, int64_t count, T *target) {
  constexpr int W = VectorOf<T>::lanes;
  int64_t e = 0;
  for (; e + W <= count; e += W) {
    Vector<T> square[W];
#pragma GCC unroll 16
    for (int lane = 0; lane < W; ++lane) square[lane] = load(rows[lane] + e);
    transpose<T>(square);
#pragma GCC unroll 16
    for (int r = 0; r < W; ++r) store(target + (e + r) * W, square[r]);
  }
  for (; e < count; ++e)
    for (int lane = 0; lane < W; ++lane) target[e * W + lane] = rows[lane][e];
}

// Differences of consecutive rows, element by element: out[e][lane] = path[lane][e + channels] - path[lane][e] for
// e < count, and 0 from available[lane] on. `out` has room for count rounded up to whole vectors.
template <typename T>
void gather_increments(const T *const *path, const int64_t *available, int channels, int64_t count, T *out) {
  constexpr int W = VectorOf<T>::lanes;
  bool same = true;
  int64_t shortest = available[0];
  for (int lane = 1; lane < W; ++lane) {
    same = same && path[lane] == path[0] && available[lane] == available[0];
    if (available[lane] < shortest) shortest = available[lane];
  }
  if (shortest > count) shortest = count;
  int64_t e = 0;
  if (same) {
    for (; e < shortest; ++e) store(out + e * W, broadcast<T>(path[0][e + channels] - path[0][e]));
  } else {
    for (; e + W <= shortest; e += W) {
      Vector<T> square[W];
#pragma GCC unroll 16
      for (int lane = 0; lane < W; ++lane) square[lane] = load(path[lane] + e + channels) - load(path[lane] + e);
      transpose<T>(square);
#pragma GCC unroll 16
      for (int r = 0; r < W; ++r) store(out + (e + r) * W, square[r]);
    }
  }
  for (; e < count; ++e)
    for (int lane = 0; lane < W; ++lane)
      out[e * W + lane] = e < available[lane] ? path[lane][e + channels] - path[lane][e] : T(0);
}

}  // namespace SSM_NAMESPACE
