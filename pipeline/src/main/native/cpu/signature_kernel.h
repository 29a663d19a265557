// The signature kernel of as many pairs of paths as a vector has lanes: the static kernel's increments and the sweep
// over the grid of both paths (formula: ssm.h).
//
// A lane is a pair. Paths shorter than the longest of their vector are filled up IN FRONT with increments of zero: there
// the solution is exactly 1, as on the boundary, so that every lane ends in the last corner and has the bits it would
// have alone. With u = p / sqrt(12), s = k_(i+1,j) + k_(i,j+1) and c = k_ij a cell is
//   k_(i+1,j+1) = (s - c) + u (s (u + sqrt(3)) + u c)
#pragma once

#include "signature.h"
#include "simd_math.h"
#include "target.h"

namespace SSM_NAMESPACE {

// The entries of the kernel table; arguments as in ssm.h. `order` (may be null) is the sequence in which pairs, or the
// paths x of a Gram matrix, are processed.
int32_t signature_kernel_forward_f32(SSM_KERNEL_PATHS(float), float *out);
int32_t signature_kernel_forward_f64(SSM_KERNEL_PATHS(double), double *out);
int32_t signature_kernel_backward_f32(SSM_KERNEL_PATHS(float), const float *out_gradient,
                                      float *x_gradient, float *y_gradient);
int32_t signature_kernel_backward_f64(SSM_KERNEL_PATHS(double), const double *out_gradient,
                                      double *x_gradient, double *y_gradient);

// Rows of the refined grid that are swept together, each one column behind the row above it: their cells of one step
// do not depend on one another, which hides the latency of a cell (11 cycles, for 3 cycles of work).
constexpr int kRows = 4;
// Columns before the first and after the last that a sweep touches while it fills and drains.
constexpr int kMargin = kRows;
// Columns of the static kernel computed at a time by the forward pass, so that they stay in the first-level cache.
constexpr int64_t kColumns = 32;

// What all pairs of a call share.
template <typename T>
struct KernelShape {
  int channels;
  int order;         // dyadic
  bool rbf;
  T scale;           // linear: of each increment; RBF: of a second difference
  T minus_inverse_sigma;

  KernelShape(int32_t channels_in, int32_t dyadic_order, int32_t static_kernel, double sigma)
      : channels(channels_in), order(dyadic_order), rbf(static_kernel == SSM_RBF_STATIC_KERNEL) {
    const double cell = 1 / (3.4641016151377545871 * (int64_t{1} << 2 * dyadic_order));
    scale = static_cast<T>(rbf ? cell : __builtin_sqrt(cell));
    minus_inverse_sigma = static_cast<T>(rbf ? -1 / sigma : 0);
  }

  // Different rows of the unrefined grid among those swept together.
  int distinct_rows() const { return order >= 2 ? 1 : kRows >> order; }
  // Points or increments that a path of so many increments is stored as.
  int64_t stored(int64_t steps) const { return steps + (rbf ? 1 : 0); }
};

// One vector of pairs. Linear: x and y are scaled increments; RBF: points. y is one path for all lanes,
// [stored][channels], or has lanes as x has: [stored][channels][W].
template <typename T>
struct PairVector {
  int64_t rows, columns;  // increments; rows is a multiple of distinct_rows
  const T *x, *y;
  bool shared_y;
};

// e^x for x <= 0, 2 ulp; below -708 what e^-708 is. The Taylor polynomial of degree 13 on |x| <= log(2) / 2.
SSM_INLINE Vector<double> exp_of_negative(Vector<double> x) {
  typedef typename VectorOf<int64_t>::type Longs;
  x = x < -708.0 ? broadcast(-708.0) : x;
  const Vector<double> rounder = broadcast(6755399441055744.0);
  const Vector<double> k = x * 1.4426950408889634 + rounder, n = k - rounder;
  const Vector<double> r = (x - n * 6.93147180369123816490e-01) - n * 1.90821492927058770002e-10;
  Vector<double> p = broadcast(1.0 / 6227020800);
  p = p * r + 1.0 / 479001600;
  p = p * r + 1.0 / 39916800;
  p = p * r + 1.0 / 3628800;
  p = p * r + 1.0 / 362880;
  p = p * r + 1.0 / 40320;
  p = p * r + 1.0 / 5040;
  p = p * r + 1.0 / 720;
  p = p * r + 1.0 / 120;
  p = p * r + 1.0 / 24;
  p = p * r + 1.0 / 6;
  p = p * r + 0.5;
  p = (p * r) * r + r + 1.0;
  return (Vector<double>)((Longs)p + ((Longs)k << 52));
}
SSM_INLINE Vector<float> exp_of_negative(Vector<float> x) { return exp(x); }

template <bool shared, typename T>
SSM_INLINE Vector<T> y_entry(const T *y, int64_t entry) {
  if constexpr (shared) return broadcast(y[entry]);
  return load(y + entry * VectorOf<T>::lanes);
}

// out[r][j] = <x_r, y_j> for a tile of rows and columns; a row of `out` is `stride` vectors.
template <typename T, bool shared, int rows, int columns>
SSM_INLINE void product_tile(const T *x, const T *y, int channels, T *out, int64_t stride) {
  constexpr int W = VectorOf<T>::lanes;
  Vector<T> sum[rows][columns] = {};
  for (int c = 0; c < channels; ++c) {
    Vector<T> left[rows];
#pragma GCC unroll 4
    for (int r = 0; r < rows; ++r) left[r] = load(x + (r * channels + c) * W);
#pragma GCC unroll 8
    for (int j = 0; j < columns; ++j) {
      const Vector<T> right = y_entry<shared>(y, j * channels + c);
#pragma GCC unroll 4
      for (int r = 0; r < rows; ++r) sum[r][j] += left[r] * right;
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 8
    for (int j = 0; j < columns; ++j) store(out + (r * stride + j) * W, sum[r][j]);
}

template <typename T, bool shared, int rows>
void products(const T *x, const T *y, int channels, int64_t columns, T *out, int64_t stride) {
  constexpr int W = VectorOf<T>::lanes;
  // As many sums as the instruction set has registers for.
  constexpr int kTile = SSM_VECTOR_BYTES == 64 ? 16 / rows : 8 / rows;
  const int64_t step = int64_t{channels} * (shared ? 1 : W);
  int64_t j = 0;
  for (; j + kTile <= columns; j += kTile)
    product_tile<T, shared, rows, kTile>(x, y + j * step, channels, out + j * W, stride);
  for (; j < columns; ++j) product_tile<T, shared, rows, 1>(x, y + j * step, channels, out + j * W, stride);
}

// out[j] = exp(-|x - y_j|^2 / sigma).
template <typename T, bool shared>
void gaussians(const KernelShape<T> &shape, const T *x, const T *y, int64_t points, T *out) {
  constexpr int W = VectorOf<T>::lanes;
  for (int64_t j = 0; j < points; ++j) {
    Vector<T> sum{};
    for (int c = 0; c < shape.channels; ++c) {
      const Vector<T> difference = load(x + c * W) - y_entry<shared>(y, j * shape.channels + c);
      sum += difference * difference;
    }
    store(out + j * W, exp_of_negative(sum * shape.minus_inverse_sigma));
  }
}

// u of unrefined rows row .. row + distinct_rows and `columns` columns from `column` on; `gaussian` is room for two rows
// of columns + 1 vectors.
template <typename T, bool shared>
void increments(const KernelShape<T> &shape, const PairVector<T> &pair, int64_t row, int64_t column, int64_t columns,
                T *gaussian, T *out, int64_t stride) {
  constexpr int W = VectorOf<T>::lanes;
  const T *x = pair.x + row * shape.channels * W;
  const T *y = pair.y + column * shape.channels * (shared ? 1 : W);
  if (!shape.rbf) {
    switch (shape.distinct_rows()) {
      case 1: return products<T, shared, 1>(x, y, shape.channels, columns, out, stride);
      case 2: return products<T, shared, 2>(x, y, shape.channels, columns, out, stride);
      default: return products<T, shared, kRows>(x, y, shape.channels, columns, out, stride);
    }
  }
  T *above = gaussian, *below = gaussian + (columns + 1) * W;
  gaussians<T, shared>(shape, x, y, columns + 1, above);
  for (int r = 0; r < shape.distinct_rows(); ++r) {
    gaussians<T, shared>(shape, x + (r + 1) * shape.channels * W, y, columns + 1, below);
    // Equal rows or columns give exactly 0, and exchanging x and y the same bits.
    for (int64_t j = 0; j < columns; ++j)
      store(out + (r * stride + j) * W, ((load(below + (j + 1) * W) + load(above + j * W)) -
                                         (load(above + (j + 1) * W) + load(below + j * W))) *
                                            shape.scale);
    T *const free = above;
    above = below;
    below = free;
  }
}

template <typename T>
void increments(const KernelShape<T> &shape, const PairVector<T> &pair, int64_t row, int64_t column, int64_t columns,
                T *gaussian, T *out, int64_t stride) {
  if (pair.shared_y) return increments<T, true>(shape, pair, row, column, columns, gaussian, out, stride);
  return increments<T, false>(shape, pair, row, column, columns, gaussian, out, stride);
}

// The solution at the cells that a sweep goes on from: of each row the last and the one before it, and the corner above.
template <typename T>
struct Front {
  Vector<T> last[kRows], before[kRows], corner;

  Front() {
    for (int r = 0; r < kRows; ++r) last[r] = before[r] = broadcast(T(1));
    corner = broadcast(T(1));
  }
};

// The solution after a cell: s the sum of the values before it in its row and in its column, c the one before it in both.
template <typename T>
SSM_INLINE Vector<T> after_cell(Vector<T> cell, Vector<T> s, Vector<T> c) {
  const Vector<T> inner = s * (cell + T(1.7320508075688772935)) + cell * c;
  return cell * inner + (s - c);
}

// Steps from .. to: row r is at column t - r. u[r] is where column 0 of the row's increments is, above the solution on
// the boundary above row 0, out[r] that below row r; only the last row is written unless `every_row`.
template <typename T, bool refined, bool every_row>
SSM_INLINE void sweep_steps(int64_t from, int64_t to, int order, const T *const *u, const T *above, T *const *out,
                            Front<T> *front) {
  constexpr int W = VectorOf<T>::lanes;
  Vector<T> last[kRows], before[kRows], corner = front->corner;
  const T *increments[kRows];
  T *rows[kRows];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
    last[r] = front->last[r];
    before[r] = front->before[r];
    increments[r] = u[r];
    rows[r] = out[r];
  }
  for (int64_t t = from; t < to; ++t) {
    const Vector<T> next_above = load(above + (t + 1) * W);
#pragma GCC unroll 8
    for (int r = kRows - 1; r >= 0; --r) {
      const Vector<T> s = last[r] + (r == 0 ? next_above : last[r == 0 ? 0 : r - 1]);
      const Vector<T> c = r == 0 ? corner : before[r == 0 ? 0 : r - 1];
      const Vector<T> cell = load(increments[r] + (refined ? (t - r) >> order : t - r) * W);
      before[r] = last[r];
      last[r] = after_cell<T>(cell, s, c);
    }
    corner = next_above;
    if constexpr (every_row) {
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) store(rows[r] + (t - r + 1) * W, last[r]);
    } else {
      store(rows[kRows - 1] + (t - kRows + 2) * W, last[kRows - 1]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
    front->last[r] = last[r];
    front->before[r] = before[r];
  }
  front->corner = corner;
}

template <typename T, bool every_row>
void sweep(int64_t from, int64_t to, int order, const T *const *u, const T *above, T *const *out, Front<T> *front) {
  if (order == 0)
    sweep_steps<T, false, every_row>(from, to, order, u, above, out, front);
  else
    sweep_steps<T, true, every_row>(from, to, order, u, above, out, front);
}

// ---- packing of paths ----

// A path as it is stored for one lane: its increments times `scale`, or its points, behind copies of the first point.
template <typename T>
void pack_lane(const KernelShape<T> &shape, const T *path, int64_t points, int64_t steps, int lane, T *out) {
  constexpr int W = VectorOf<T>::lanes;
  const int64_t stored = shape.stored(steps), own = points < 2 ? 0 : points - 1;
  const int channels = shape.channels;
  const int64_t front = steps - own;
  for (int64_t l = 0; l < stored; ++l) {
    for (int c = 0; c < channels; ++c) {
      T value = 0;
      if (shape.rbf) {
        if (points > 0) value = path[(l < front ? 0 : l - front) * channels + c];
      } else if (l >= front) {
        const T *at = path + (l - front) * channels + c;
        value = (at[channels] - at[0]) * shape.scale;
      }
      out[(l * channels + c) * W + lane] = value;
    }
  }
}

SSM_INLINE int64_t steps_of(const int64_t *begin, const int64_t *end, int64_t b) {
  return end[b] - begin[b] < 2 ? 0 : end[b] - begin[b] - 1;
}

// The paths of one side of a call.
template <typename T>
struct PathBatch {
  const T *values;
  const int64_t *begin, *end;

  const T *path(int64_t b, int channels) const { return values + begin[b] * channels; }
  int64_t points(int64_t b) const { return end[b] - begin[b]; }
  int64_t steps(int64_t b) const { return steps_of(begin, end, b); }
};

// Packs the paths lanes[0 .. used) side by side; the other lanes have no increments.
template <typename T>
void pack_lanes(const KernelShape<T> &shape, const PathBatch<T> &batch, const int64_t *lanes, int used, int64_t steps,
                T *out) {
  for (int lane = 0; lane < VectorOf<T>::lanes; ++lane) {
    if (lane < used)
      pack_lane(shape, batch.path(lanes[lane], shape.channels), batch.points(lanes[lane]), steps, lane, out);
    else
      pack_lane(shape, batch.values, 0, steps, lane, out);
  }
}

// The most increments among paths, rounded up to whole sweeps.
template <typename T>
int64_t whole_rows(const KernelShape<T> &shape, int64_t steps) {
  const int distinct = shape.distinct_rows();
  return (steps + distinct - 1) / distinct * distinct;
}

// Numbers of elements whose product with their size may not fit; `fits` is false from the first that does not.
class Elements {
 public:
  int64_t of(int64_t a, int64_t b, int64_t c = 1) {
    int64_t product = 0;
    // 2^56 elements are more than any machine has, and far from the end of int64.
    if (__builtin_mul_overflow(a, b, &product) || __builtin_mul_overflow(product, c, &product) ||
        product > (int64_t{1} << 56))
      fits_ = false;
    return fits_ ? product : 0;
  }
  bool fit() const { return fits_; }

 private:
  bool fits_ = true;
};

}  // namespace SSM_NAMESPACE
