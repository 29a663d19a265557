// Signatures of one vector of sequences, a lane each, and their gradients: the walk over the tree of words.
//
// Forward as in signature_forward.cpp. With relations only the Lyndon words and their prefixes are walked: they are the
// nodes u with u = (v v v ...) cut off, v a Lyndon word of length `period`; the letters below such a node begin with
// the one that continues the period, and every later letter makes a Lyndon word. All other entries follow at the end
// from the relations of lyndon.h.
//
// Backward runs over the increments from the last to the first and needs no stored signatures: a node's entry before an
// increment is the one after it less Q x_i, where Q, the bracket of its prefixes, has been computed before it in the
// walk. With the gradient g_k of the entry after the increment, and p_n the gradient of the bracket that leaves for
// level n, summed over the node's children and divided by n - k,
//   q_k += g x_i,  q_n += p_n x_i,  dx_i += g Q_k + sum_n p_n Q_n,  g <- g + sum_n p_n
// where q are the gradients of the brackets that came in. Memory does not depend on the length.
#pragma once

#include <array>
#include <cstring>

#include "lyndon.h"
#include "signature_nodes.h"

namespace SSM_NAMESPACE {

// ---- one node, backwards ----

// Takes the entry back through the increments; the brackets that leave are those of the forward pass. A negative `fixed`
// means as many as `count` says.
template <typename T, int fixed>
void rewind_node_of(const T *x, int64_t stride, const T *in, int steps, T *state, T *out, int count) {
  constexpr int W = VectorOf<T>::lanes;
  const int brackets = fixed < 0 ? count : fixed;
  Vector<T> s = load(state);
  for (int l = steps - 1; l >= 0; --l) {
    const Vector<T> xi = load(x + l * stride);
    const T *q = in + int64_t{l} * (brackets + 1) * W;
    T *p = out + int64_t{l} * brackets * W;
    s -= load(q) * xi;
#pragma GCC unroll 8
    for (int n = 1; n <= brackets; ++n) store(p + (n - 1) * W, (s + load(q + n * W) * xi) * (T(1) / T(n)));
  }
  store(state, s);
}

// The gradients of the node's increments, of what came in, and of its entry before the first increment.
template <typename T, int fixed>
void reverse_node_of(const T *x, T *dx, int64_t stride, const T *in, T *din, const T *dout, int steps, T *gradient,
                     int count) {
  constexpr int W = VectorOf<T>::lanes;
  const int brackets = fixed < 0 ? count : fixed;
  Vector<T> g = load(gradient);
  for (int l = steps - 1; l >= 0; --l) {
    const Vector<T> xi = load(x + l * stride);
    const T *q = in + int64_t{l} * (brackets + 1) * W;
    T *dq = din + int64_t{l} * (brackets + 1) * W;
    const T *p = dout + int64_t{l} * brackets * W;
    Vector<T> dxi = load(dx + l * stride) + g * load(q);
    store(dq, load(dq) + g * xi);
#pragma GCC unroll 8
    for (int n = 1; n <= brackets; ++n) {
      const Vector<T> pn = load(p + (n - 1) * W) * (T(1) / T(n));
      store(dq + n * W, load(dq + n * W) + pn * xi);
      dxi += pn * load(q + n * W);
      g += pn;
    }
    store(dx + l * stride, dxi);
  }
  store(gradient, g);
}

template <typename T>
using RewindNode = void (*)(const T *, int64_t, const T *, int, T *, T *, int);
template <typename T>
using ReverseNode = void (*)(const T *, T *, int64_t, const T *, T *, const T *, int, T *, int);

// By the number of brackets that leave, with a loop over any number after them.
constexpr int kFixedBrackets = 8;

template <typename T, int... n>
constexpr std::array<RewindNode<T>, kFixedBrackets + 1> rewind_nodes(std::integer_sequence<int, n...>) {
  return {rewind_node_of<T, n>..., rewind_node_of<T, -1>};
}

template <typename T, int... n>
constexpr std::array<ReverseNode<T>, kFixedBrackets + 1> reverse_nodes(std::integer_sequence<int, n...>) {
  return {reverse_node_of<T, n>..., reverse_node_of<T, -1>};
}

template <typename T>
void rewind_node(const T *x, int64_t stride, const T *in, int steps, T *state, T *out, int count) {
  static constexpr auto kNodes = rewind_nodes<T>(std::make_integer_sequence<int, kFixedBrackets>());
  kNodes[count < kFixedBrackets ? count : kFixedBrackets](x, stride, in, steps, state, out, count);
}

template <typename T>
void reverse_node(const T *x, T *dx, int64_t stride, const T *in, T *din, const T *dout, int steps, T *gradient,
                  int count) {
  static constexpr auto kNodes = reverse_nodes<T>(std::make_integer_sequence<int, kFixedBrackets>());
  kNodes[count < kFixedBrackets ? count : kFixedBrackets](x, dx, stride, in, din, dout, steps, gradient, count);
}

#if SSM_VECTOR_BYTES == 64
constexpr int kReverseRegisters = 28;
constexpr int kReverseLetters = 16;
#else
constexpr int kReverseRegisters = 14;
constexpr int kReverseLetters = 8;
#endif

constexpr int max_reverse_rows(int letters) {
  const int rows = kReverseRegisters / (letters + 4);
  return rows < 1 ? 1 : rows > kMaxTile ? kMaxTile : rows;
}

// The two lowest levels, backwards: `rows` branches and `letters` last letters, whose gradients stay in registers. With
// several tiles beside one another each finds the same `upper`, and the gradient of the branch is the sum of theirs.
template <typename T, int letters, int rows>
void reverse_tile(const T *x, T *dx, int64_t channels, const T *in, T *din, int steps, const T *x_row, T *dx_row,
                  T *upper, bool keep_upper, T *upper_gradient, bool first, const T *lower_gradient) {
  constexpr int W = VectorOf<T>::lanes;
  Vector<T> u[rows], g[rows], h[rows][letters];
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) {
    u[r] = load(upper + r * W);
    g[r] = first ? load(upper_gradient + r * W) : Vector<T>{};
#pragma GCC unroll 16
    for (int j = 0; j < letters; ++j) h[r][j] = load(lower_gradient + (r * channels + j) * W);
  }
  for (int l = steps - 1; l >= 0; --l) {
    const Vector<T> q0 = load(in + 2 * l * W), q1 = load(in + (2 * l + 1) * W);
    Vector<T> bracket[rows], p[rows];
#pragma GCC unroll 16
    for (int r = 0; r < rows; ++r) {
      const Vector<T> xi = load(x_row + (l * channels + r) * W);
      u[r] -= q0 * xi;
      bracket[r] = u[r] + q1 * xi;
      p[r] = Vector<T>{};
    }
#pragma GCC unroll 16
    for (int j = 0; j < letters; ++j) {
      const Vector<T> xj = load(x + (l * channels + j) * W);
      Vector<T> dxj = load(dx + (l * channels + j) * W);
#pragma GCC unroll 16
      for (int r = 0; r < rows; ++r) {
        p[r] += h[r][j] * xj;
        dxj += h[r][j] * bracket[r];
      }
      store(dx + (l * channels + j) * W, dxj);
    }
    Vector<T> dq0 = load(din + 2 * l * W), dq1 = load(din + (2 * l + 1) * W);
#pragma GCC unroll 16
    for (int r = 0; r < rows; ++r) {
      const Vector<T> xi = load(x_row + (l * channels + r) * W);
      dq0 += g[r] * xi;
      dq1 += p[r] * xi;
      T *place = dx_row + (l * channels + r) * W;
      store(place, load(place) + (g[r] * q0 + p[r] * q1));
      g[r] += p[r];
    }
    store(din + 2 * l * W, dq0);
    store(din + (2 * l + 1) * W, dq1);
  }
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) {
    if (keep_upper) store(upper + r * W, u[r]);
    store(upper_gradient + r * W, first ? g[r] : load(upper_gradient + r * W) + g[r]);
  }
}

template <typename T>
using ReverseTile = void (*)(const T *, T *, int64_t, const T *, T *, int, const T *, T *, T *, bool, T *, bool,
                             const T *);

template <typename T>
struct ReverseTiles {
  ReverseTile<T> run[kReverseLetters][kMaxTile];

  template <int letters, int rows>
  static constexpr ReverseTile<T> tile() {
    constexpr bool fits = max_reverse_rows(letters) >= rows;
    return fits ? reverse_tile<T, letters, fits ? rows : 1> : nullptr;
  }

  template <int... i>
  constexpr explicit ReverseTiles(std::integer_sequence<int, i...>)
      : run{{tile<i + 1, 1>(), tile<i + 1, 2>(), tile<i + 1, 3>(), tile<i + 1, 4>()}...} {}
};

template <typename T>
constexpr ReverseTiles<T> kReverseTiles{std::make_integer_sequence<int, kReverseLetters>()};

// ---- the walk ----

// The shape of a walk. Levels are stored in full, [channels^k][W]; without relations every word is walked.
struct WalkShape {
  int channels;
  int depth;
  int block;       // increments per walk of the tree
  int64_t packed;  // increments packed at a time, a multiple of block
  const ssm::LyndonTables *tables;
  int64_t power[kMaxDepth + 1];
  int64_t first[kMaxDepth + 1];  // where level k starts in an output row

  int64_t width() const { return first[depth] + power[depth]; }
};

// Relations multiply rounding errors: as seen on random and smooth paths, and relative to the largest entry of a level,
// by up to 100 at these depths in float, and by up to 3000 in double.
template <typename T>
constexpr int related_depth(int channels) {
  return sizeof(T) == 8 ? 8 : channels == 2 ? 6 : 5;
}
constexpr int64_t kRelatedWords = 100000;

// Whether the entries of all words may be got from those of the Lyndon words.
template <typename T>
bool may_relate(int channels, int depth) {
  if (depth > related_depth<T>(channels)) return false;
  int64_t words = 1;
  for (int k = 0; k < depth && words <= kRelatedWords; ++k) words *= channels;
  return words <= kRelatedWords;
}

template <typename T>
WalkShape walk_shape(int channels, int depth, const ssm::LyndonTables *tables) {
  constexpr int W = VectorOf<T>::lanes;
  WalkShape shape{};
  shape.channels = channels;
  shape.depth = depth;
  shape.tables = tables;
  shape.power[0] = 1;
  for (int k = 1; k <= depth; ++k) {
    shape.power[k] = shape.power[k - 1] * channels;
    shape.first[k] = k == 1 ? 0 : shape.first[k - 1] + shape.power[k - 1];
  }
  const int64_t step_bytes = int64_t{channels} * W * sizeof(T);
  const int64_t block = 16384 / step_bytes;
  shape.block = static_cast<int>(block < 8 ? 8 : block > 32 ? 32 : block);
  const int64_t packed = (256 << 10) / step_bytes / shape.block * shape.block;
  shape.packed = packed < shape.block ? shape.block : packed;
  return shape;
}

// The sequences in the lanes; lanes beyond `used` repeat the last one.
template <typename T>
struct Sequences {
  static constexpr int W = VectorOf<T>::lanes;
  int used;
  int64_t number[W];  // of the sequence in the batch
  const T *path[W];   // first point
  int64_t steps[W];   // increments

  Sequences(const T *values, const int64_t *begin, const int64_t *end, const int64_t *order, int64_t from,
            int64_t batch, int channels)
      : used(static_cast<int>(batch - from < W ? batch - from : W)) {
    for (int lane = 0; lane < W; ++lane) {
      const int64_t own = from + (lane < used ? lane : used - 1);
      const int64_t b = order == nullptr ? own : order[own];
      number[lane] = b;
      path[lane] = values + begin[b] * channels;
      steps[lane] = end[b] - begin[b] < 2 ? 0 : end[b] - begin[b] - 1;
    }
  }

  int64_t longest() const {
    int64_t most = 0;
    for (int lane = 0; lane < W; ++lane) most = steps[lane] > most ? steps[lane] : most;
    return most;
  }
};

template <typename T>
class Walk {
 public:
  static constexpr int W = VectorOf<T>::lanes;

  Walk(const WalkShape &shape, bool with_gradient)
      : shape_(shape), gradients_(with_gradient), workspace_(bytes(shape, with_gradient)) {
    if (workspace_.failed()) return;
    const int d = shape.channels, depth = shape.depth;
    x_ = workspace_.template take<T>((shape.packed * d + W) * W);
    state_ = workspace_.template take<T>(shape.width() * W);
    for (int k = 0; k < depth; ++k) stream_[k] = workspace_.template take<T>(stream_size(shape, k));
    if (with_gradient) {
      dx_ = workspace_.template take<T>((shape.packed * d + W) * W);
      gradient_ = workspace_.template take<T>(shape.width() * W);
      row_ = workspace_.template take<T>(shape.packed * d * W);
      for (int k = 0; k < depth; ++k) dstream_[k] = workspace_.template take<T>(stream_size(shape, k));
      std::memset(dstream_[0], 0, stream_size(shape, 0) * sizeof(T));
    }
    // The root of all words is 1 for every increment.
    for (int l = 0; l < shape.block; ++l)
      for (int n = 1; n <= depth; ++n)
        store(stream_[0] + (int64_t{l} * depth + n - 1) * W, broadcast(T(1) / T(n)));
  }

  bool failed() const { return workspace_.failed(); }
  T *state() const { return state_; }
  T *gradient() const { return gradient_; }
  T *state(int k) const { return state_ + shape_.first[k] * W; }
  T *gradient(int k) const { return gradient_ + shape_.first[k] * W; }

  // The signatures, up to relations.
  void forward(const Sequences<T> &sequences) {
    std::memset(state_, 0, shape_.width() * W * sizeof(T));
    const int64_t longest = sequences.longest();
    for (int64_t from = 0; from < longest; from += shape_.packed) {
      const int64_t steps = pack(sequences, from, longest);
      for_each_branch([&](int letter) {
        for (int64_t l = 0; l < steps; l += shape_.block) {
          enter(l, steps);
          if (letter < 0)
            bottom(0, 1);
          else
            child(0, 0, 1, letter);
        }
      });
    }
  }

  // All entries of the levels up to `levels` from those of Lyndon words.
  void relate(int levels) {
    if (shape_.tables == nullptr) return;
    const ssm::LyndonTables &tables = *shape_.tables;
    for (int n = 2; n <= levels; ++n) {
      T *own = state(n);
      for (int32_t i = tables.first_relation[n]; i < tables.first_relation[n + 1]; ++i) {
        const ssm::Relation &relation = tables.relations[i];
        Vector<T> sum = load(state(relation.left_length) + relation.left * int64_t{W}) *
                        load(state(n - relation.left_length) + relation.right * int64_t{W});
        Vector<T> rest{};
        int32_t t = relation.begin;
        for (; t + 1 < relation.repeats; t += 2) {
          sum -= load(own + tables.terms[t] * int64_t{W});
          rest += load(own + tables.terms[t + 1] * int64_t{W});
        }
        for (; t < relation.end; ++t) sum -= T(tables.counts[t]) * load(own + tables.terms[t] * int64_t{W});
        sum -= rest;
        if (relation.count > 1) sum *= T(1) / T(relation.count);
        store(own + relation.word * int64_t{W}, sum);
      }
    }
  }

  // The adjoint of relate: moves the gradient of all words to the Lyndon words.
  void relate_backward(int levels) {
    if (shape_.tables == nullptr) return;
    const ssm::LyndonTables &tables = *shape_.tables;
    for (int n = levels; n >= 2; --n) {
      T *own = gradient(n);
      for (int32_t i = tables.first_relation[n + 1] - 1; i >= tables.first_relation[n]; --i) {
        const ssm::Relation &relation = tables.relations[i];
        T *place = own + relation.word * int64_t{W};
        Vector<T> g = load(place);
        // A prefix of a Lyndon word is walked, and its own gradient starts from nothing.
        store(place, Vector<T>{});
        if (relation.count > 1) g *= T(1) / T(relation.count);
        const int64_t left = relation.left * int64_t{W}, right = relation.right * int64_t{W};
        T *dleft = gradient(relation.left_length) + left, *dright = gradient(n - relation.left_length) + right;
        const Vector<T> a = load(state(relation.left_length) + left);
        const Vector<T> b = load(state(n - relation.left_length) + right);
        store(dleft, load(dleft) + g * b);
        store(dright, load(dright) + g * a);
        for (int32_t t = relation.begin; t < relation.end; ++t) {
          T *term = own + tables.terms[t] * int64_t{W};
          store(term, load(term) - (t < relation.repeats ? g : g * T(tables.counts[t])));
        }
      }
    }
  }

  // From the signatures in state() and their gradients in gradient(), both used up: adds the gradients of the paths to
  // `out`, which has the layout of the values.
  void backward(const Sequences<T> &sequences, const int64_t *begin, T *out) {
    const int64_t longest = sequences.longest();
    const int d = shape_.channels;
    for (int64_t from = (longest - 1) / shape_.packed * shape_.packed; from >= 0 && longest > 0;
         from -= shape_.packed) {
      const int64_t steps = pack(sequences, from, longest);
      std::memset(dx_, 0, steps * d * W * sizeof(T));
      for_each_branch([&](int letter) {
        for (int64_t l = (steps - 1) / shape_.block * shape_.block; l >= 0; l -= shape_.block) {
          enter(l, steps);
          if (letter < 0)
            bottom_backward(0, 1);
          else
            child_backward(0, 0, 1, letter);
        }
      });
      T *rows[W];
      for (int lane = 0; lane < W; ++lane) rows[lane] = row_ + lane * shape_.packed * d;
      scatter_lanes(dx_, steps * d, rows, sequences.used);
      for (int lane = 0; lane < sequences.used; ++lane) {
        const int64_t left = sequences.steps[lane] - from, own = left < steps ? left : steps;
        T *before = out + (begin[sequences.number[lane]] + from) * d;
        for (int64_t e = 0; e < own * d; ++e) before[e] -= rows[lane][e];
        for (int64_t e = 0; e < own * d; ++e) before[e + d] += rows[lane][e];
      }
    }
  }

 private:
  static int64_t stream_size(const WalkShape &shape, int k) {
    return int64_t{shape.block} * (shape.depth - k) * W;
  }

  static size_t bytes(const WalkShape &shape, bool with_gradient) {
    const int64_t increments = shape.packed * shape.channels * W;
    size_t bytes = Workspace::bytes<T>(increments + W * W) + Workspace::bytes<T>(shape.width() * W);
    for (int k = 0; k < shape.depth; ++k) bytes += Workspace::bytes<T>(stream_size(shape, k));
    return with_gradient ? 2 * bytes + Workspace::bytes<T>(increments) : bytes;
  }

  int64_t pack(const Sequences<T> &sequences, int64_t from, int64_t longest) {
    const int d = shape_.channels;
    const int64_t steps = longest - from < shape_.packed ? longest - from : shape_.packed;
    const T *path[W];
    int64_t available[W];
    for (int lane = 0; lane < W; ++lane) {
      const int64_t left = sequences.steps[lane] - from;
      available[lane] = (left < 0 ? 0 : left) * d;
      path[lane] = left < 0 ? sequences.path[lane] : sequences.path[lane] + from * d;
    }
    gather_increments(path, available, d, steps * d, x_);
    return steps;
  }

  void enter(int64_t from, int64_t steps) {
    block_x_ = x_ + from * shape_.channels * W;
    block_dx_ = gradients_ ? dx_ + from * shape_.channels * W : nullptr;
    steps_ = static_cast<int>(steps - from < shape_.block ? steps - from : shape_.block);
  }

  // Letter by letter, so that the subtree of a first letter stays in the cache over many blocks; -1 means all at once.
  template <typename F>
  void for_each_branch(F f) {
    if (shape_.depth == 2) return f(-1);
    for (int i = 0; i < shape_.channels; ++i)
      if (enters(0, 1, i)) f(i);
  }

  bool related() const { return shape_.tables != nullptr; }

  // The first letter below a node of that level and period: the one that continues the period.
  int lowest(int level, int period) const { return related() && level > 0 ? letters_[level % period] : 0; }

  int period_below(int level, int period, int letter) const {
    return level > 0 && letter == lowest(level, period) ? period : level + 1;
  }

  // Whether a child is a Lyndon word or the prefix of one; notes its letter.
  bool enters(int level, int period, int letter) {
    letters_[level] = letter;
    if (!related()) return true;
    const int own = period_below(level, period, letter);
    if (own == level + 1) return true;
    for (int n = level + 1; n < shape_.depth; ++n)
      if (letters_[n % own] < shape_.channels - 1) return true;
    return false;
  }

  void child(int level, int64_t word, int period, int letter) {
    const int d = shape_.channels;
    const int64_t own = word * d + letter;
    letters_[level] = letter;
    pass_node(block_x_ + letter * W, int64_t{d} * W, stream_[level], steps_, state(level + 1) + own * W,
              stream_[level + 1], shape_.depth - level - 1);
    const int below = period_below(level, period, letter);
    if (level + 1 == shape_.depth - 2) return bottom(own, below);
    for (int i = lowest(level + 1, below); i < d; ++i)
      if (enters(level + 1, below, i)) child(level + 1, own, below, i);
  }

  void child_backward(int level, int64_t word, int period, int letter) {
    const int d = shape_.channels, count = shape_.depth - level - 1;
    const int64_t own = word * d + letter;
    letters_[level] = letter;
    rewind_node(block_x_ + letter * W, int64_t{d} * W, stream_[level], steps_, state(level + 1) + own * W,
                stream_[level + 1], count);
    std::memset(dstream_[level + 1], 0, int64_t{steps_} * count * W * sizeof(T));
    const int below = period_below(level, period, letter);
    if (level + 1 == shape_.depth - 2) {
      bottom_backward(own, below);
    } else {
      for (int i = lowest(level + 1, below); i < d; ++i)
        if (enters(level + 1, below, i)) child_backward(level + 1, own, below, i);
    }
    reverse_node(block_x_ + letter * W, block_dx_ + letter * W, int64_t{d} * W, stream_[level], dstream_[level],
                 dstream_[level + 1], steps_, gradient(level + 1) + own * W, count);
  }

  // Calls f(row, row_end, letter) for the rectangles of words, from `letter` on, below a node two levels from the end.
  template <typename F>
  void for_each_rectangle(int period, F f) {
    const int d = shape_.channels, level = shape_.depth - 2;
    if (!related()) return f(0, d, 0);
    if (level < 1) {
      for (int i = 0; i < d; ++i) f(i, i + 1, i + 1);
      return;
    }
    const int low = lowest(level, period);
    letters_[level] = low;
    const int next = letters_[(level + 1) % period] + 1;
    if (next < d) f(low, low + 1, next);
    if (low + 1 < d) f(low + 1, d, letters_[0] + 1);
  }

  void bottom(int64_t word, int period) {
    const int d = shape_.channels, level = shape_.depth - 2;
    for_each_rectangle(period, [&](int row, int row_end, int letter) {
      T *upper = state(level + 1) + (word * d + row) * W;
      if (letter == d)
        return pass_node(block_x_ + row * W, int64_t{d} * W, stream_[level], steps_, upper, stream_[level + 1], 1);
      T *lower = state(level + 2) + (word * d + row) * d * W;
      const int columns = (d - letter + kMaxLetters - 1) / kMaxLetters;
      for (int c = 0; c < columns; ++c) {
        const int from = letter + part(d - letter, c, columns);
        const int letters = letter + part(d - letter, c + 1, columns) - from;
        const int tiles = (row_end - row + max_rows(letters) - 1) / max_rows(letters);
        for (int t = 0; t < tiles; ++t) {
          const int i = part(row_end - row, t, tiles), rows = part(row_end - row, t + 1, tiles) - i;
          kTiles<T>.run[letters - 1][rows - 1](block_x_ + from * W, d, stream_[level], steps_,
                                               block_x_ + (row + i) * W, upper + i * W, c == columns - 1,
                                               lower + (int64_t{i} * d + from) * W);
        }
      }
    });
  }

  void bottom_backward(int64_t word, int period) {
    const int d = shape_.channels, level = shape_.depth - 2;
    for_each_rectangle(period, [&](int row, int row_end, int letter) {
      T *upper = state(level + 1) + (word * d + row) * W, *dupper = gradient(level + 1) + (word * d + row) * W;
      if (letter == d) {
        rewind_node(block_x_ + row * W, int64_t{d} * W, stream_[level], steps_, upper, stream_[level + 1], 1);
        std::memset(dstream_[level + 1], 0, int64_t{steps_} * W * sizeof(T));
        return reverse_node(block_x_ + row * W, block_dx_ + row * W, int64_t{d} * W, stream_[level], dstream_[level],
                            dstream_[level + 1], steps_, dupper, 1);
      }
      const T *dlower = gradient(level + 2) + (word * d + row) * d * W;
      const int columns = (d - letter + kReverseLetters - 1) / kReverseLetters;
      for (int c = 0; c < columns; ++c) {
        const int from = letter + part(d - letter, c, columns);
        const int letters = letter + part(d - letter, c + 1, columns) - from;
        const int tiles = (row_end - row + max_reverse_rows(letters) - 1) / max_reverse_rows(letters);
        for (int t = 0; t < tiles; ++t) {
          const int i = part(row_end - row, t, tiles), rows = part(row_end - row, t + 1, tiles) - i;
          kReverseTiles<T>.run[letters - 1][rows - 1](
              block_x_ + from * W, block_dx_ + from * W, d, stream_[level], dstream_[level], steps_,
              block_x_ + (row + i) * W, block_dx_ + (row + i) * W, upper + i * W, c == columns - 1, dupper + i * W,
              c == 0, dlower + (int64_t{i} * d + from) * W);
        }
      }
    });
  }

  // Where part `i` of `parts` nearly equal parts begins.
  static int part(int size, int i, int parts) { return static_cast<int>(int64_t{size} * i / parts); }

  const WalkShape shape_;
  const bool gradients_;
  Workspace workspace_;
  T *x_ = nullptr, *state_ = nullptr;
  T *dx_ = nullptr, *gradient_ = nullptr, *row_ = nullptr;
  T *stream_[kMaxDepth] = {}, *dstream_[kMaxDepth] = {};
  int32_t letters_[kMaxDepth + 1] = {};
  // The block that is walked.
  const T *block_x_ = nullptr;
  T *block_dx_ = nullptr;
  int steps_ = 0;
};

}  // namespace SSM_NAMESPACE
