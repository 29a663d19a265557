// Signature kernels of pairs of paths, and Gram matrices.
#include "signature_kernel.h"

namespace SSM_NAMESPACE {
namespace {

// Working memory of one vector of pairs.
template <typename T>
struct ForwardBuffers {
  T *increments;  // [kRows][kColumns + margin]
  T *gaussian;    // two rows of kColumns + 1
  T *solution;    // on the boundary between two groups of rows: margin, refined columns + 1, margin
};

// The solutions at the last corner, one a lane.
template <typename T>
Vector<T> solve(const KernelShape<T> &shape, const PairVector<T> &pair, const ForwardBuffers<T> &buffers) {
  constexpr int W = VectorOf<T>::lanes;
  const int order = shape.order;
  const int64_t rows = pair.rows << order, columns = pair.columns << order;
  const int64_t stride = kColumns + kMargin;
  T *const boundary = buffers.solution + kMargin * W;
  for (int64_t j = -kMargin; j < columns + 1 + kMargin; ++j) store(boundary + j * W, broadcast(T(1)));
  T *out[kRows] = {};
  out[kRows - 1] = boundary;
  for (int64_t i = 0; i < rows; i += kRows) {
    Front<T> front;
    for (int64_t column = 0; column < pair.columns; column += kColumns) {
      const int64_t count = pair.columns - column < kColumns ? pair.columns - column : kColumns;
      const T *u[kRows];
      for (int r = 0; r < kRows; ++r) {
        T *const row = buffers.increments + (r >> order) * stride * W;
        if ((r >> order) << order == r)
          for (int m = 0; m < kMargin; ++m)
            store(row + m * W, column == 0 ? Vector<T>{} : load(row + (kColumns + m) * W));
        u[r] = row + (kMargin - column) * W;
      }
      increments(shape, pair, i >> order, column, count, buffers.gaussian, buffers.increments + kMargin * W, stride);
      const bool is_last = column + count == pair.columns;
      sweep<T, false>(column << order, is_last ? columns + kRows - 1 : (column + count) << order, order, u, boundary,
                      out, &front);
    }
  }
  return load(boundary + columns * W);
}

// ---- one pair, along anti-diagonals ----

// Vectors of neighbouring rows that are swept together, each lane one column behind the lane before it. Two vectors
// hide half of a step's latency (15 cycles, with the shift from lane to lane).
constexpr int kVectors = 2;

// Lanes moved up by one; the first is the last of `before`.
template <typename T, int... j>
SSM_INLINE Vector<T> shift_in(Vector<T> lanes, Vector<T> before, std::integer_sequence<int, j...>) {
  constexpr int W = VectorOf<T>::lanes;
  return __builtin_shufflevector(lanes, before, (j == 0 ? 2 * W - 1 : j - 1)...);
}

// The kernel of one pair with the linear static kernel, the same bits as `solve` gives. x is [steps][channels], scaled
// increments; y the same, refined, turned round and with kVectors W zeros before and after: [channels][columns + zeros].
// `boundary` is room for the refined columns and three times kVectors W.
template <typename T>
T solve_one(const KernelShape<T> &shape, const T *x, int64_t x_steps, const T *y, int64_t columns, T *rows,
            T *boundary) {
  constexpr int W = VectorOf<T>::lanes;
  constexpr int height = kVectors * W;
  const int channels = shape.channels;
  const int64_t own = x_steps << shape.order, all = (own + height - 1) / height * height;
  const int64_t y_stride = columns + 2 * height;
  T *const line = boundary + height;
  for (int64_t j = -height; j < columns + 2 * height; ++j) line[j] = 1;
  for (int64_t i = 0; i < all; i += height) {
    for (int r = 0; r < height; ++r) {
      const int64_t row = i + r - (all - own);
      for (int c = 0; c < channels; ++c) rows[c * height + r] = row < 0 ? T(0) : x[(row >> shape.order) * channels + c];
    }
    Vector<T> last[kVectors], corner[kVectors];
    for (int v = 0; v < kVectors; ++v) last[v] = corner[v] = broadcast(T(1));
    for (int64_t t = 0; t < columns + height - 1; ++t) {
      const T *const window = y + (columns - 1 - t + height);
      Vector<T> before = broadcast(line[t + 1]);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
        Vector<T> cell{};
        for (int c = 0; c < channels; ++c)
          cell += load(rows + c * height + v * W) * load(window + c * y_stride + v * W);
        const Vector<T> above = shift_in<T>(last[v], before, std::make_integer_sequence<int, W>());
        before = last[v];
        last[v] = after_cell<T>(cell, last[v] + above, corner[v]);
        corner[v] = above;
      }
      line[t - height + 2] = last[kVectors - 1][W - 1];
    }
  }
  return line[columns];
}

// The increments of a path times the scale, [steps][channels].
template <typename T>
void scaled_increments(const KernelShape<T> &shape, const T *path, int64_t steps, T *out) {
  for (int64_t e = 0; e < steps * shape.channels; ++e) out[e] = (path[e + shape.channels] - path[e]) * shape.scale;
}

// Turns scaled increments round for `solve_one`.
template <typename T>
void turn_round(const KernelShape<T> &shape, const T *increments, int64_t steps, T *out) {
  constexpr int height = kVectors * VectorOf<T>::lanes;
  const int64_t columns = steps << shape.order;
  for (int c = 0; c < shape.channels; ++c, out += columns + 2 * height) {
    for (int j = 0; j < height; ++j) out[j] = out[height + columns + j] = 0;
    for (int64_t j = 0; j < columns; ++j)
      out[height + j] = increments[((columns - 1 - j) >> shape.order) * shape.channels + c];
  }
}

template <typename T>
class Forward {
 public:
  Forward(const KernelShape<T> &shape, const PathBatch<T> &x, int64_t x_batch, const PathBatch<T> &y, int64_t y_batch,
          const int64_t *order)
      : shape_(shape), x_(x), y_(y), x_batch_(x_batch), y_batch_(y_batch), order_(order) {}

  int32_t run(int32_t pairs, T *out) {
    constexpr int W = VectorOf<T>::lanes;
    int64_t rows = 0, columns = 0;
    for (int64_t b = 0; b < x_batch_; ++b) rows = x_.steps(b) > rows ? x_.steps(b) : rows;
    for (int64_t b = 0; b < y_batch_; ++b) columns = y_.steps(b) > columns ? y_.steps(b) : columns;
    rows = whole_rows(shape_, rows);
    const bool matched = pairs == SSM_MATCHED_PAIRS;
    const int64_t increments_size = (kRows * (kColumns + kMargin) + kMargin) * W;
    const int64_t gaussian_size = 2 * (kColumns + 1) * W;
    Elements sizes;
    // Also the boundary of one pair, which has three times kVectors * W more.
    const int64_t solution_size =
        sizes.of(columns, int64_t{W} << shape_.order) + (2 * kMargin + 1 + 3 * kVectors) * W;
    const int64_t x_size = sizes.of(shape_.stored(rows), shape_.channels, W);
    const int64_t y_size = sizes.of(shape_.stored(columns), shape_.channels, matched ? W : 1);
    constexpr int height = kVectors * W;
    const int64_t turned_size =
        shape_.rbf ? 0 : sizes.of(sizes.of(columns, int64_t{1} << shape_.order) + 2 * height, shape_.channels);
    const int64_t turned_rows_size = sizes.of(height, shape_.channels);
    if (!sizes.fit()) return SSM_OUT_OF_MEMORY;
    Workspace workspace(Workspace::bytes<T>(increments_size) + Workspace::bytes<T>(gaussian_size) +
                        Workspace::bytes<T>(solution_size) + Workspace::bytes<T>(x_size) +
                        Workspace::bytes<T>(y_size) + Workspace::bytes<T>(turned_size) +
                        Workspace::bytes<T>(turned_rows_size));
    if (workspace.failed()) return SSM_OUT_OF_MEMORY;
    buffers_.increments = workspace.template take<T>(increments_size);
    buffers_.gaussian = workspace.template take<T>(gaussian_size);
    buffers_.solution = workspace.template take<T>(solution_size);
    packed_x_ = workspace.template take<T>(x_size);
    packed_y_ = workspace.template take<T>(y_size);
    turned_y_ = workspace.template take<T>(turned_size);
    turned_rows_ = workspace.template take<T>(turned_rows_size);
    // A sweep reads past the last column while it drains; nothing depends on what is there.
    for (int64_t e = 0; e < increments_size; ++e) buffers_.increments[e] = 0;
    if (matched)
      run_matched(out);
    else
      run_gram(pairs == SSM_SYMMETRIC_PAIRS, out);
    return SSM_OK;
  }

 private:
  int64_t position(int64_t p) const { return order_ == nullptr ? p : order_[p]; }

  // The next W paths x from position p on: their numbers; the most increments among them; packed if there are many.
  int64_t take_x(int64_t p, int64_t *lanes, int *used) {
    constexpr int W = VectorOf<T>::lanes;
    *used = static_cast<int>(x_batch_ - p < W ? x_batch_ - p : W);
    int64_t rows = 0;
    for (int lane = 0; lane < *used; ++lane) {
      lanes[lane] = position(p + lane);
      rows = x_.steps(lanes[lane]) > rows ? x_.steps(lanes[lane]) : rows;
    }
    rows = whole_rows(shape_, rows);
    if (!one_by_one(*used)) pack_lanes(shape_, x_, lanes, *used, rows, packed_x_);
    return rows;
  }

  // Few pairs are solved faster one by one.
  bool one_by_one(int used) const { return !shape_.rbf && used <= VectorOf<T>::lanes / 2; }

  void turn_y(int64_t b) {
    scaled_increments(shape_, y_.path(b, shape_.channels), y_.steps(b), packed_y_);
    turn_round(shape_, packed_y_, y_.steps(b), turned_y_);
  }

  // With the y that was turned round last.
  T kernel_of(int64_t a, int64_t b) {
    if (x_.steps(a) == 0 || y_.steps(b) == 0) return 1;
    scaled_increments(shape_, x_.path(a, shape_.channels), x_.steps(a), packed_x_);
    return solve_one(shape_, packed_x_, x_.steps(a), turned_y_, y_.steps(b) << shape_.order, turned_rows_,
                     buffers_.solution);
  }

  Vector<T> solve_pair(int64_t rows, int64_t columns, const T *y, bool shared_y) {
    if (rows == 0 || columns == 0) return broadcast(T(1));
    return solve(shape_, PairVector<T>{rows, columns, packed_x_, y, shared_y}, buffers_);
  }

  void run_matched(T *out) {
    constexpr int W = VectorOf<T>::lanes;
    for (int64_t p = 0; p < x_batch_; p += W) {
      int64_t lanes[W], columns = 0;
      int used;
      const int64_t rows = take_x(p, lanes, &used);
      if (one_by_one(used)) {
        for (int lane = 0; lane < used; ++lane) {
          turn_y(lanes[lane]);
          out[lanes[lane]] = kernel_of(lanes[lane], lanes[lane]);
        }
        continue;
      }
      for (int lane = 0; lane < used; ++lane)
        columns = y_.steps(lanes[lane]) > columns ? y_.steps(lanes[lane]) : columns;
      pack_lanes(shape_, y_, lanes, used, columns, packed_y_);
      const Vector<T> kernel = solve_pair(rows, columns, packed_y_, false);
      for (int lane = 0; lane < used; ++lane) out[lanes[lane]] = kernel[lane];
    }
  }

  void run_gram(bool symmetric, T *out) {
    constexpr int W = VectorOf<T>::lanes;
    for (int64_t p = 0; p < x_batch_; p += W) {
      int64_t lanes[W];
      int used;
      const int64_t rows = take_x(p, lanes, &used);
      // A path with those after it; the kernel is the same bits either way round.
      for (int64_t q = symmetric ? p : 0; q < y_batch_; ++q) {
        const int64_t b = symmetric ? position(q) : q;
        const int64_t columns = y_.steps(b);
        const T *y = y_.path(b, shape_.channels);
        Vector<T> kernel{};
        if (one_by_one(used)) {
          turn_y(b);
          for (int lane = 0; lane < used; ++lane) kernel[lane] = kernel_of(lanes[lane], b);
        } else {
          if (!shape_.rbf) {
            scaled_increments(shape_, y, columns, packed_y_);
            y = packed_y_;
          }
          kernel = solve_pair(rows, columns, y, true);
        }
        for (int lane = 0; lane < used; ++lane) {
          out[lanes[lane] * y_batch_ + b] = kernel[lane];
          if (symmetric) out[b * y_batch_ + lanes[lane]] = kernel[lane];
        }
      }
    }
  }

  const KernelShape<T> shape_;
  const PathBatch<T> x_, y_;
  const int64_t x_batch_, y_batch_;
  const int64_t *order_;
  ForwardBuffers<T> buffers_{};
  T *packed_x_ = nullptr, *packed_y_ = nullptr;
  T *turned_y_ = nullptr, *turned_rows_ = nullptr;
};

}  // namespace

int32_t signature_kernel_forward_f32(SSM_KERNEL_PATHS(float), float *out) {
  return Forward<float>(KernelShape<float>(channels, dyadic_order, static_kernel, sigma), {x, x_begin, x_end}, x_batch,
                        {y, y_begin, y_end}, y_batch, order)
      .run(pairs, out);
}

int32_t signature_kernel_forward_f64(SSM_KERNEL_PATHS(double), double *out) {
  return Forward<double>(KernelShape<double>(channels, dyadic_order, static_kernel, sigma), {x, x_begin, x_end},
                         x_batch, {y, y_begin, y_end}, y_batch, order)
      .run(pairs, out);
}

}  // namespace SSM_NAMESPACE
