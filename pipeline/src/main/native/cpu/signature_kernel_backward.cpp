// Gradients of signature kernels with respect to both paths: the derivative of the discrete solution itself.
//
// A first pass keeps the solution on some horizontal lines; from the last line upwards the rows below each are solved
// again, all cells kept, and the adjoint equation is swept over them from the last corner to the first. With a the
// adjoint of a cell's value, a cell gives m = a (1 + sqrt(3) u + u^2) to the cells before it in its row and in its
// column and -n = -a (1 - u^2) to the one before it in both; its increment has the gradient
// a (s (sqrt(3) + 2 u) + 2 u c).
#include "signature_kernel.h"

namespace SSM_NAMESPACE {
namespace {

// Where row pointers begin: `at(r)[j]` is column j, from -margin to the refined columns + margin.
template <typename T>
struct Rows {
  T *memory;
  int64_t stride;  // in vectors

  T *at(int64_t row) const { return memory + (row * stride + kMargin) * VectorOf<T>::lanes; }
};

template <typename T>
struct BackwardBuffers {
  Rows<T> lines;        // solution on the lines that the first pass keeps
  Rows<T> solution;     // on all lines of the rows between two kept ones
  Rows<T> increments;   // u of kRows refined rows, by unrefined columns
  Rows<T> gradient;     // of u: kRows refined rows
  Rows<T> below;        // m and n of the row below
  T *gaussian;          // two rows of points
  T *packed_x, *packed_y;      // by lanes
  T *x_gradient, *y_gradient;  // of what is packed
};

// What the adjoint sweep goes on from: m and n of each row's last column, n of the column before.
template <typename T, bool refined>
void sweep_back(int64_t columns, int order, const T *const *u, T *const *solution, T *below_m, T *below_n,
                T *const *gradient) {
  constexpr int W = VectorOf<T>::lanes;
  const Vector<T> root = broadcast(T(1.7320508075688772935));
  Vector<T> m[kRows] = {}, n[kRows] = {}, n_before[kRows] = {}, n_corner{};
  for (int64_t t = 0; t < columns + kRows - 1; ++t) {
    const int64_t last = columns - 1 - t;  // the column of the last row; row r is kRows - 1 - r columns behind
    const Vector<T> m_below = load(below_m + last * W), n_below = load(below_n + last * W);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const int64_t j = last + kRows - 1 - r;
      const bool is_last = r == kRows - 1;
      const Vector<T> adjoint =
          (m[r] + (is_last ? m_below : m[is_last ? r : r + 1])) - (is_last ? n_corner : n_before[is_last ? r : r + 1]);
      const Vector<T> cell = load(u[r] + (refined ? j >> order : j) * W);
      const Vector<T> left = load(solution[r + 1] + j * W), above = load(solution[r] + (j + 1) * W);
      const Vector<T> corner = load(solution[r] + j * W);
      const Vector<T> sum = left + above, twice = cell + cell;
      n_before[r] = n[r];
      m[r] = adjoint + adjoint * cell * (cell + root);
      n[r] = adjoint - adjoint * cell * cell;
      store(gradient[r] + j * W, adjoint * (sum * (root + twice) + twice * corner));
    }
    n_corner = n_below;
    store(below_m + (last + kRows - 1) * W, m[0]);
    store(below_n + (last + kRows - 1) * W, n[0]);
  }
}

template <typename T>
class Backward {
 public:
  Backward(const KernelShape<T> &shape, const PathBatch<T> &x, int64_t x_batch, const PathBatch<T> &y, int64_t y_batch,
           const int64_t *order)
      : shape_(shape), x_(x), y_(y), x_batch_(x_batch), y_batch_(y_batch), order_(order) {}

  int32_t run(bool matched, const T *out_gradient, T *x_gradient, T *y_gradient) {
    constexpr int W = VectorOf<T>::lanes;
    int64_t rows = 0, columns = 0;
    for (int64_t b = 0; b < x_batch_; ++b) rows = x_.steps(b) > rows ? x_.steps(b) : rows;
    for (int64_t b = 0; b < y_batch_; ++b) columns = y_.steps(b) > columns ? y_.steps(b) : columns;
    if (rows == 0 || columns == 0) return SSM_OK;  // every kernel is 1
    rows = whole_rows(shape_, rows);
    Elements sizes;
    const int64_t groups = sizes.of(rows, int64_t{1} << shape_.order) / kRows;
    while (kept_groups_ * kept_groups_ < groups) ++kept_groups_;
    const int64_t refined = sizes.of(columns, int64_t{1} << shape_.order) + 1 + 2 * kMargin;
    const int64_t unrefined = columns + 1 + 2 * kMargin;
    const int64_t lines = sizes.of((groups + kept_groups_ - 1) / kept_groups_, refined, W);
    const int64_t solution = sizes.of(kept_groups_ * kRows + 1, refined, W);
    const int64_t increments = sizes.of(kRows, unrefined, W), gradient = sizes.of(kRows, refined, W);
    const int64_t below = sizes.of(2, refined, W), gaussian = sizes.of(2, columns + 1, W);
    const int64_t x_size = sizes.of(shape_.stored(rows), shape_.channels, W);
    const int64_t y_size = sizes.of(shape_.stored(columns), shape_.channels, W);
    if (!sizes.fit()) return SSM_OUT_OF_MEMORY;
    const int64_t all[] = {lines, solution, increments, gradient, below, gaussian, x_size, x_size, y_size, y_size};
    T *places[sizeof(all) / sizeof(all[0])];
    size_t bytes = 0;
    for (int64_t size : all) bytes += Workspace::bytes<T>(size);
    Workspace workspace(bytes);
    if (workspace.failed()) return SSM_OUT_OF_MEMORY;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); ++i) {
      places[i] = workspace.template take<T>(all[i]);
      for (int64_t e = 0; e < all[i]; ++e) places[i][e] = 0;
    }
    buffers_ = {{places[0], refined},   {places[1], refined}, {places[2], unrefined}, {places[3], refined},
                {places[4], refined},   places[5],            places[6],              places[8],
                places[7],              places[9]};
    for (int64_t p = 0; p < x_batch_; p += W) {
      const int used = static_cast<int>(x_batch_ - p < W ? x_batch_ - p : W);
      int64_t lanes[W];
      for (int lane = 0; lane < used; ++lane) lanes[lane] = order_ == nullptr ? p + lane : order_[p + lane];
      if (matched)
        matched_lanes(lanes, used, out_gradient, x_gradient, y_gradient);
      else
        gram_lanes(lanes, used, out_gradient, x_gradient, y_gradient);
    }
    return SSM_OK;
  }

 private:
  int64_t most_steps(const PathBatch<T> &batch, const int64_t *lanes, int used) const {
    int64_t steps = 0;
    for (int lane = 0; lane < used; ++lane)
      steps = batch.steps(lanes[lane]) > steps ? batch.steps(lanes[lane]) : steps;
    return steps;
  }

  void clear(T *gradient, int64_t steps) const {
    const int64_t size = shape_.stored(steps) * shape_.channels * VectorOf<T>::lanes;
    for (int64_t e = 0; e < size; ++e) gradient[e] = 0;
  }

  void matched_lanes(const int64_t *lanes, int used, const T *out_gradient, T *x_gradient, T *y_gradient) {
    const int64_t rows = whole_rows(shape_, most_steps(x_, lanes, used)), columns = most_steps(y_, lanes, used);
    if (rows == 0 || columns == 0) return;
    pack_lanes(shape_, x_, lanes, used, rows, buffers_.packed_x);
    pack_lanes(shape_, y_, lanes, used, columns, buffers_.packed_y);
    clear(buffers_.x_gradient, rows);
    clear(buffers_.y_gradient, columns);
    Vector<T> seed{};
    int64_t first_row[VectorOf<T>::lanes], first_column[VectorOf<T>::lanes];
    for (int lane = 0; lane < VectorOf<T>::lanes; ++lane) {
      first_row[lane] = rows - (lane < used ? x_.steps(lanes[lane]) : 0);
      first_column[lane] = columns - (lane < used ? y_.steps(lanes[lane]) : 0);
      if (lane < used) seed[lane] = out_gradient[lanes[lane]];
    }
    back(rows, columns, seed, first_row, first_column);
    for (int lane = 0; lane < used; ++lane) {
      add_lane(x_, lanes[lane], rows, buffers_.x_gradient, lane, x_gradient);
      add_lane(y_, lanes[lane], columns, buffers_.y_gradient, lane, y_gradient);
    }
  }

  void gram_lanes(const int64_t *lanes, int used, const T *out_gradient, T *x_gradient, T *y_gradient) {
    constexpr int W = VectorOf<T>::lanes;
    const int64_t rows = whole_rows(shape_, most_steps(x_, lanes, used));
    if (rows == 0) return;
    pack_lanes(shape_, x_, lanes, used, rows, buffers_.packed_x);
    clear(buffers_.x_gradient, rows);
    int64_t first_row[W], first_column[W] = {};
    for (int lane = 0; lane < W; ++lane) first_row[lane] = rows - (lane < used ? x_.steps(lanes[lane]) : 0);
    for (int64_t b = 0; b < y_batch_; ++b) {
      const int64_t columns = y_.steps(b);
      if (columns == 0) continue;
      int64_t same[W];
      Vector<T> seed{};
      for (int lane = 0; lane < W; ++lane) same[lane] = b;
      for (int lane = 0; lane < used; ++lane) seed[lane] = out_gradient[lanes[lane] * y_batch_ + b];
      pack_lanes(shape_, y_, same, W, columns, buffers_.packed_y);
      clear(buffers_.y_gradient, columns);
      back(rows, columns, seed, first_row, first_column);
      // The lanes' paths share y.
      const int64_t size = shape_.stored(columns) * shape_.channels;
      for (int64_t e = 0; e < size; ++e) {
        T sum = 0;
        for (int lane = 0; lane < used; ++lane) sum += buffers_.y_gradient[e * W + lane];
        buffers_.y_gradient[e * W] = sum;
      }
      add_lane(y_, b, columns, buffers_.y_gradient, 0, y_gradient);
    }
    for (int lane = 0; lane < used; ++lane)
      add_lane(x_, lanes[lane], rows, buffers_.x_gradient, lane, x_gradient);
  }

  // Adds the gradient of what is packed in a lane to that of the path.
  void add_lane(const PathBatch<T> &batch, int64_t b, int64_t steps, const T *packed, int lane, T *gradient) const {
    constexpr int W = VectorOf<T>::lanes;
    const int64_t own = batch.steps(b), front = steps - own;
    if (own == 0) return;
    const int channels = shape_.channels;
    T *const out = gradient + batch.begin[b] * channels;
    for (int64_t l = 0; l < own + (shape_.rbf ? 1 : 0); ++l) {
      for (int c = 0; c < channels; ++c) {
        const T value = packed[((front + l) * channels + c) * W + lane];
        if (shape_.rbf) {
          out[l * channels + c] += value;
        } else {
          out[(l + 1) * channels + c] += value * shape_.scale;
          out[l * channels + c] -= value * shape_.scale;
        }
      }
    }
  }

  // u of the refined rows i .. i + kRows, and where each of them is.
  void load_increments(const PairVector<T> &pair, int64_t i, const T **u) const {
    constexpr int W = VectorOf<T>::lanes;
    const Rows<T> &rows = buffers_.increments;
    increments(shape_, pair, i >> shape_.order, 0, pair.columns, buffers_.gaussian, rows.at(0), rows.stride);
    for (int r = 0; r < kRows; ++r) {
      T *const row = rows.at(r >> shape_.order);
      u[r] = row;
      // The sweeps fill and drain through zeros, also behind a vector that had more columns.
      for (int m = 0; m < kMargin; ++m) store(row + (pair.columns + m) * W, Vector<T>{});
    }
  }

  static void copy_line(const T *from, int64_t columns, T *to) {
    constexpr int W = VectorOf<T>::lanes;
    for (int64_t j = -kMargin; j < columns + 1 + kMargin; ++j) store(to + j * W, load(from + j * W));
  }

  static void sweep_back(int64_t columns, int order, const T *const *u, T *const *solution, T *below_m, T *below_n,
                         T *const *gradient) {
    if (order == 0)
      SSM_NAMESPACE::sweep_back<T, false>(columns, order, u, solution, below_m, below_n, gradient);
    else
      SSM_NAMESPACE::sweep_back<T, true>(columns, order, u, solution, below_m, below_n, gradient);
  }

  // Adds to the gradients of what is packed. Lanes begin at their first row and column.
  void back(int64_t unrefined_rows, int64_t unrefined_columns, Vector<T> seed, const int64_t *first_row,
            const int64_t *first_column) {
    constexpr int W = VectorOf<T>::lanes;
    const int order = shape_.order;
    const int64_t rows = unrefined_rows << order, columns = unrefined_columns << order;
    const int64_t segment = kept_groups_ * kRows;
    const PairVector<T> pair{unrefined_rows, unrefined_columns, buffers_.packed_x, buffers_.packed_y, false};
    const T *u[kRows];

    T *line = buffers_.solution.at(0);
    for (int64_t j = -kMargin; j < columns + 1 + kMargin; ++j) store(line + j * W, broadcast(T(1)));
    for (int64_t i = 0; i < rows; i += kRows) {
      if (i % segment == 0) copy_line(line, columns, buffers_.lines.at(i / segment));
      if (i / segment == (rows - 1) / segment) break;  // the rows below the last kept line are solved with all cells
      T *out[kRows] = {};
      out[kRows - 1] = line;
      load_increments(pair, i, u);
      Front<T> front;
      sweep<T, false>(0, columns + kRows - 1, order, u, line, out, &front);
    }
    T *const below_m = buffers_.below.at(0), *const below_n = buffers_.below.at(1);
    for (int64_t j = -kMargin; j < columns + 1 + kMargin; ++j) {
      store(below_m + j * W, Vector<T>{});
      store(below_n + j * W, Vector<T>{});
    }
    store(below_m + (columns - 1) * W, seed);
    for (int64_t top = (rows - 1) / segment * segment; top >= 0; top -= segment) {
      const int64_t bottom = top + segment < rows ? top + segment : rows;
      copy_line(buffers_.lines.at(top / segment), columns, buffers_.solution.at(0));
      for (int64_t i = top; i < bottom; i += kRows) {
        T *out[kRows];
        for (int r = 0; r < kRows; ++r) {
          out[r] = buffers_.solution.at(i - top + r + 1);
          store(out[r], broadcast(T(1)));
        }
        load_increments(pair, i, u);
        Front<T> front;
        sweep<T, true>(0, columns + kRows - 1, order, u, buffers_.solution.at(i - top), out, &front);
      }
      for (int64_t i = bottom - kRows; i >= top; i -= kRows) {
        T *solution[kRows + 1], *gradient[kRows];
        for (int r = 0; r <= kRows; ++r) solution[r] = buffers_.solution.at(i - top + r);
        for (int r = 0; r < kRows; ++r) gradient[r] = buffers_.gradient.at(r);
        load_increments(pair, i, u);
        sweep_back(columns, order, u, solution, below_m, below_n, gradient);
        for (int d = 0; d < shape_.distinct_rows(); ++d) {
          sum_cells(d, unrefined_columns);
          if (shape_.rbf)
            add_points((i >> order) + d, unrefined_columns, first_row, first_column);
          else
            add_increments((i >> order) + d, unrefined_columns);
        }
      }
    }
  }

  // The gradients of the refined cells of an unrefined row, summed over each unrefined cell, into its first refined row.
  void sum_cells(int distinct, int64_t columns) const {
    constexpr int W = VectorOf<T>::lanes;
    const int order = shape_.order;
    if (order == 0) return;
    const int count = kRows / shape_.distinct_rows();
    T *const out = buffers_.gradient.at(distinct * count);
    for (int64_t j = 0; j < columns; ++j) {
      Vector<T> sum{};
      for (int r = 0; r < count; ++r)
        for (int64_t k = j << order; k < (j + 1) << order; ++k)
          sum += load(buffers_.gradient.at(distinct * count + r) + k * W);
      store(out + j * W, sum);
    }
  }

  const T *cell_gradients(int64_t row) const {
    const int distinct = shape_.distinct_rows();
    return buffers_.gradient.at(row % distinct * (kRows / distinct));
  }

  void add_increments(int64_t row, int64_t columns) const {
    constexpr int W = VectorOf<T>::lanes;
    const int channels = shape_.channels;
    const T *const cells = cell_gradients(row);
    const T *const x = buffers_.packed_x + row * channels * W;
    T *const x_gradient = buffers_.x_gradient + row * channels * W;
    for (int64_t j = 0; j < columns; ++j) {
      const Vector<T> cell = load(cells + j * W);
      for (int c = 0; c < channels; ++c) {
        const int64_t at = (j * channels + c) * W;
        store(buffers_.y_gradient + at, load(buffers_.y_gradient + at) + cell * load(x + c * W));
        store(x_gradient + c * W, load(x_gradient + c * W) + cell * load(buffers_.packed_y + at));
      }
    }
  }

  // A second difference is a sum of four values of the static kernel, two in the row of points above the cell and two
  // in the one below. Points in front of a lane's path are copies and have no gradient.
  void add_points(int64_t row, int64_t columns, const int64_t *first_row, const int64_t *first_column) const {
    constexpr int W = VectorOf<T>::lanes;
    const int channels = shape_.channels;
    const T *const cells = cell_gradients(row);
    auto own_cell = [&](int64_t j) {
      Vector<T> cell = load(cells + j * W) * shape_.scale;
      for (int lane = 0; lane < W; ++lane)
        if (row < first_row[lane] || j < first_column[lane]) cell[lane] = 0;
      return cell;
    };
    Vector<T> before{};
    for (int64_t j = 0; j <= columns; ++j) {
      const Vector<T> cell = j < columns ? own_cell(j) : Vector<T>{};
      const Vector<T> below = before - cell;
      before = cell;
      const T *const y = buffers_.packed_y + j * channels * W;
      T *const y_gradient = buffers_.y_gradient + j * channels * W;
      for (int side = 0; side < 2; ++side) {
        const T *const x = buffers_.packed_x + (row + side) * channels * W;
        T *const x_gradient = buffers_.x_gradient + (row + side) * channels * W;
        Vector<T> squares{};
        for (int c = 0; c < channels; ++c) {
          const Vector<T> difference = load(x + c * W) - load(y + c * W);
          squares += difference * difference;
        }
        const Vector<T> factor = (side == 0 ? -below : below) * exp_of_negative(squares * shape_.minus_inverse_sigma) *
                                 (2 * shape_.minus_inverse_sigma);
        for (int c = 0; c < channels; ++c) {
          const Vector<T> part = factor * (load(x + c * W) - load(y + c * W));
          store(x_gradient + c * W, load(x_gradient + c * W) + part);
          store(y_gradient + c * W, load(y_gradient + c * W) - part);
        }
      }
    }
  }

  const KernelShape<T> shape_;
  const PathBatch<T> x_, y_;
  const int64_t x_batch_, y_batch_;
  const int64_t *order_;
  int64_t kept_groups_ = 1;
  BackwardBuffers<T> buffers_{};
};

}  // namespace

int32_t signature_kernel_backward_f32(SSM_KERNEL_PATHS(float), const float *out_gradient, float *x_gradient,
                                      float *y_gradient) {
  return Backward<float>(KernelShape<float>(channels, dyadic_order, static_kernel, sigma), {x, x_begin, x_end},
                         x_batch, {y, y_begin, y_end}, y_batch, order)
      .run(pairs == SSM_MATCHED_PAIRS, out_gradient, x_gradient, y_gradient);
}

int32_t signature_kernel_backward_f64(SSM_KERNEL_PATHS(double), const double *out_gradient, double *x_gradient,
                                      double *y_gradient) {
  return Backward<double>(KernelShape<double>(channels, dyadic_order, static_kernel, sigma), {x, x_begin, x_end},
                          x_batch, {y, y_begin, y_end}, y_batch, order)
      .run(pairs == SSM_MATCHED_PAIRS, out_gradient, x_gradient, y_gradient);
}

}  // namespace SSM_NAMESPACE
