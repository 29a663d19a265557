// Truncated signatures of piecewise linear paths.
//
// One increment x multiplies the signature S by exp(x). By Horner's rule, level n becomes
//   S_n += (...((x / n + S_1) x / (n - 1) + S_2) x / (n - 2) + ... + S_{n-1}) x          (tensor products)
// The entry of a word depends on the entries of its prefixes only, so the words form a tree, and every subtree can be
// run over many increments on its own. A node at level k receives from its parent, for every increment and for every
// target level n >= k, the partial value Q_n = (Horner's bracket at level k - 1) / (n - k + 1), and
//   S_k <- S_k + Q_k x_i,     Q'_n = (S_k(before) + Q_n x_i) / (n - k)  for n > k          (i: the node's last letter)
// The walk is depth first over the upper levels, a block of increments at a time, streaming the partials through small
// buffers; the lowest levels hold all their entries in registers over the whole block.
//
// This is the direct way, for a sequence alone, for short ones and at high depth; others go through signature_walk.h.
//
// A vector lane is a pair (sequence, prefix word). With at least as many sequences as lanes the prefix is empty; with
// fewer, the lanes of one sequence take different prefixes of equal length and run the same subtree below them.
#include "signature_walk.h"

namespace SSM_NAMESPACE {
namespace {

// Entries of a register tree of `height` levels below (and with) one node.
constexpr int tree_size(int channels, int height) {
  int size = 0;
  for (int k = 0; k < height; ++k) size = size * channels + 1;
  return size;
}

// The levels that stay in registers below a branch node, as far as registers go.
constexpr int register_height(int channels) {
  int height = 2;
  while (channels <= 4 && tree_size(channels, height + 1) <= kAccumulators) ++height;
  return height;
}

template <typename T>
struct Plan {
  static constexpr int W = VectorOf<T>::lanes;
  int channels;
  int depth;
  int prefix;        // letters of a lane's prefix word
  int64_t prefixes;  // channels^prefix
  int height;        // levels in registers
  int block;         // increments per walk of the tree
  int64_t packed;    // increments packed at a time, a multiple of block
  int64_t power[kMaxDepth + 1];
  int64_t first[kMaxDepth + 1];  // where level k starts in an output row

  int root() const { return depth - height; }
  int64_t words(int level) const { return power[level - prefix]; }  // of one lane
};

// What a walk over one block needs.
template <typename T>
struct Block {
  const Plan<T> *plan;
  const T *x;  // [steps][channels][W]
  int steps;
  T *level[kMaxDepth + 1];   // [words of one lane][W]
  T *stream[kMaxDepth + 1];  // [block][depth - k][W]: the partials that leave a node of level k
};

// ---- the lowest levels in registers ----

template <typename T, int channels, int height>
SSM_INLINE void descend(Vector<T> *s, const Vector<T> *x, Vector<T> xi, const Vector<T> *q) {
  const Vector<T> old = s[0];
  s[0] = old + q[0] * xi;
  if constexpr (height > 1) {
    Vector<T> p[height - 1];
#pragma GCC unroll 8
    for (int n = 1; n < height; ++n) {
      p[n - 1] = old + q[n] * xi;
      if (n > 1) p[n - 1] *= T(1) / T(n);
    }
#pragma GCC unroll 8
    for (int i = 0; i < channels; ++i)
      descend<T, channels, height - 1>(s + 1 + i * tree_size(channels, height - 1), x, x[i], p);
  }
}

template <typename T, int channels, int height, bool loading>
SSM_INLINE void move_tree(Vector<T> *s, T *const *level, int64_t word) {
  T *place = level[0] + word * VectorOf<T>::lanes;
  if constexpr (loading) {
    s[0] = load(place);
  } else {
    store(place, s[0]);
  }
  if constexpr (height > 1) {
#pragma GCC unroll 8
    for (int i = 0; i < channels; ++i)
      move_tree<T, channels, height - 1, loading>(s + 1 + i * tree_size(channels, height - 1), level + 1,
                                                  word * channels + i);
  }
}

// Two to four channels: every branch below the root as one register tree.
template <typename T, int channels, int height>
void run_branches(const Block<T> &block, int64_t root) {
  constexpr int W = VectorOf<T>::lanes;
  const int above = block.plan->root();
  const T *in = block.stream[above];
  for (int i = 0; i < channels; ++i) {
    Vector<T> s[tree_size(channels, height)];
    move_tree<T, channels, height, true>(s, block.level + above + 1, root * channels + i);
    for (int l = 0; l < block.steps; ++l) {
      Vector<T> x[channels], q[height];
      const T *step = block.x + int64_t{l} * channels * W;
#pragma GCC unroll 8
      for (int j = 0; j < channels; ++j) x[j] = load(step + j * W);
#pragma GCC unroll 8
      for (int n = 0; n < height; ++n) q[n] = load(in + (int64_t{l} * height + n) * W);
      descend<T, channels, height>(s, x, load(step + i * W), q);
    }
    move_tree<T, channels, height, false>(s, block.level + above + 1, root * channels + i);
  }
}

template <typename T>
void run_tiles(const Block<T> &block, int64_t root) {
  constexpr int W = VectorOf<T>::lanes;
  const int d = block.plan->channels, above = block.plan->root();
  T *upper = block.level[above + 1] + root * d * W, *lower = block.level[above + 2] + root * d * d * W;
  const int columns = (d + kMaxLetters - 1) / kMaxLetters;
  for (int c = 0; c < columns; ++c) {
    const int from = static_cast<int>(int64_t{d} * c / columns);
    const int letters = static_cast<int>(int64_t{d} * (c + 1) / columns) - from;
    const int most = max_rows(letters), tiles = (d + most - 1) / most;
    for (int t = 0; t < tiles; ++t) {
      const int i = static_cast<int>(int64_t{d} * t / tiles);
      const int rows = static_cast<int>(int64_t{d} * (t + 1) / tiles) - i;
      kTiles<T>.run[letters - 1][rows - 1](block.x + from * W, d, block.stream[above], block.steps, block.x + i * W,
                                           upper + i * W, c == columns - 1, lower + (int64_t{i} * d + from) * W);
    }
  }
}

// One level: only where a lane's prefix leaves no more.
template <typename T>
void run_leaves(const Block<T> &block, int64_t root) {
  constexpr int W = VectorOf<T>::lanes;
  const int d = block.plan->channels, above = block.plan->root();
  for (int i = 0; i < d; ++i) {
    T *place = block.level[above + 1] + (root * d + i) * W;
    Vector<T> s = load(place);
    for (int l = 0; l < block.steps; ++l)
      s += load(block.stream[above] + int64_t{l} * W) * load(block.x + (int64_t{l} * d + i) * W);
    store(place, s);
  }
}

template <typename T, int channels>
void run_register_tree(const Block<T> &block, int64_t root) {
  constexpr int most = register_height(channels);
  switch (block.plan->height) {
    case 1: return run_leaves(block, root);
    case 2: return run_branches<T, channels, 2>(block, root);
    case 3: return run_branches<T, channels, most >= 3 ? 3 : 2>(block, root);
    default: return run_branches<T, channels, most >= 4 ? 4 : 2>(block, root);
  }
}

template <typename T>
void run_root(const Block<T> &block, int64_t root) {
  switch (block.plan->channels) {
    case 2: return run_register_tree<T, 2>(block, root);
    case 3: return run_register_tree<T, 3>(block, root);
    case 4: return run_register_tree<T, 4>(block, root);
    default: return block.plan->height == 1 ? run_leaves(block, root) : run_tiles(block, root);
  }
}

// ---- the walk ----

template <typename T>
void walk(const Block<T> &block, int level, int64_t word);

template <typename T>
void walk_child(const Block<T> &block, int level, int64_t word, int letter) {
  constexpr int W = VectorOf<T>::lanes;
  const int d = block.plan->channels;
  const int64_t child = word * d + letter;
  pass_node(block.x + letter * W, int64_t{d} * W, block.stream[level], block.steps, block.level[level + 1] + child * W,
            block.stream[level + 1], block.plan->depth - level - 1);
  walk(block, level + 1, child);
}

template <typename T>
void walk(const Block<T> &block, int level, int64_t word) {
  if (level == block.plan->root()) {
    run_root(block, word);
  } else {
    for (int i = 0; i < block.plan->channels; ++i) walk_child(block, level, word, i);
  }
}

// ---- the plan ----

// Vector operations of one increment for one vector of lanes.
template <typename T>
double cost_of_step(const Plan<T> &plan) {
  double cost = 6.0 * plan.channels;
  for (int k = 1; k <= plan.depth; ++k) {
    const double words = k <= plan.prefix ? 1 : static_cast<double>(plan.words(k));
    cost += words * (plan.depth - k + 1) * (k > plan.root() ? 1.0 : 2.0);
    if (k <= plan.prefix) cost += plan.channels;
  }
  return cost;
}

template <typename T>
int64_t state_words(const Plan<T> &plan) {
  int64_t words = plan.prefix;
  for (int k = plan.prefix + 1; k <= plan.depth; ++k) words += plan.words(k);
  return words;
}

template <typename T>
Plan<T> make_plan(int64_t batch, int channels, int depth) {
  constexpr int W = Plan<T>::W;
  // A state beyond this leaves the second-level cache; longer prefixes make it smaller.
  constexpr double kComfortableBytes = 32 << 20;
  Plan<T> best{};
  double least = 0;
  for (int prefix = 0; prefix < depth && prefix <= 6; ++prefix) {
    Plan<T> plan{};
    plan.channels = channels;
    plan.depth = depth;
    plan.prefix = prefix;
    plan.power[0] = 1;
    plan.first[0] = 0;
    for (int k = 1; k <= depth; ++k) {
      plan.power[k] = plan.power[k - 1] * channels;
      plan.first[k] = k == 1 ? 0 : plan.first[k - 1] + plan.power[k - 1];
    }
    plan.prefixes = plan.power[prefix];
    const int most = channels == 2   ? register_height(2)
                     : channels == 3 ? register_height(3)
                     : channels == 4 ? register_height(4)
                                     : 2;
    plan.height = depth - prefix < most ? depth - prefix : most;
    const double vectors = static_cast<double>((batch * plan.prefixes + W - 1) / W);
    double cost = vectors * cost_of_step(plan);
    if (static_cast<double>(state_words(plan)) * W * sizeof(T) > kComfortableBytes) cost *= 4;
    if (prefix == 0 || cost < least) {
      least = cost;
      best = plan;
    }
    if (plan.prefixes > 4 * W) break;
  }
  const int64_t step_bytes = int64_t{channels} * W * sizeof(T);
  int64_t block = 16384 / step_bytes;
  best.block = static_cast<int>(block < 8 ? 8 : block > 32 ? 32 : block);
  int64_t packed = (256 << 10) / step_bytes / best.block * best.block;
  best.packed = packed < best.block ? best.block : packed;
  return best;
}

// ---- one vector of lanes ----

template <typename T>
struct Lanes {
  static constexpr int W = VectorOf<T>::lanes;
  int used;
  const T *path[W];   // first point of the lane's sequence
  int64_t steps[W];   // increments
  int64_t prefix[W];  // word number of the lane's prefix
  T *row[W];          // output row of the lane's sequence
};

template <typename T>
struct Buffers {
  T *increments;  // [packed][channels][W]
  T *letters;     // [packed][W] per letter of the prefix: the increments of the lanes' own letters
  T *state;
  int64_t state_size;
  T *chain;  // [prefix][W]: the entries of the prefixes themselves
  T *stream[kMaxDepth + 1];
};

// increments of letter k of each lane's prefix, for every packed step.
template <typename T>
void select_letters(const Plan<T> &plan, const Lanes<T> &lanes, const T *increments, int64_t steps, T *letters) {
  constexpr int W = VectorOf<T>::lanes;
  for (int k = 0; k < plan.prefix; ++k) {
    T *out = letters + k * plan.packed * W;
    int letter[W];
    bool present[W] = {};
    for (int lane = 0; lane < W; ++lane)
      letter[lane] = static_cast<int>(lanes.prefix[lane] / plan.power[plan.prefix - 1 - k] % plan.channels);
    bool first = true;
    for (int lane = 0; lane < W; ++lane) {
      if (present[lane]) continue;
      Mask<T> mask{};
      for (int other = lane; other < W; ++other) {
        if (letter[other] == letter[lane]) {
          mask[other] = -1;
          present[other] = true;
        }
      }
      const T *in = increments + int64_t{letter[lane]} * W;
      const int64_t stride = int64_t{plan.channels} * W;
      for (int64_t l = 0; l < steps; ++l) {
        Mask<T> chosen = reinterpret_cast<Mask<T>>(load(in + l * stride)) & mask;
        if (!first) chosen |= reinterpret_cast<Mask<T>>(load(out + l * W));
        store(out + l * W, reinterpret_cast<Vector<T>>(chosen));
      }
      first = false;
    }
  }
}

template <typename T>
void run_packed(const Plan<T> &plan, const Buffers<T> &buffers, int64_t steps) {
  constexpr int W = VectorOf<T>::lanes;
  Block<T> block;
  block.plan = &plan;
  for (int k = 0; k <= plan.depth; ++k) block.stream[k] = buffers.stream[k];
  T *place = buffers.state;
  for (int k = plan.prefix + 1; k <= plan.depth; ++k) {
    block.level[k] = place;
    place += plan.words(k) * W;
  }
  const int64_t step_size = int64_t{plan.channels} * W;
  auto enter = [&](int64_t from) {
    block.x = buffers.increments + from * step_size;
    block.steps = static_cast<int>(steps - from < plan.block ? steps - from : plan.block);
  };
  if (plan.prefix == 0 && plan.root() > 0) {
    // Letter by letter, so that the subtree of a first letter stays in the cache over many blocks.
    for (int i = 0; i < plan.channels; ++i) {
      for (int64_t from = 0; from < steps; from += plan.block) {
        enter(from);
        walk_child(block, 0, 0, i);
      }
    }
    return;
  }
  for (int64_t from = 0; from < steps; from += plan.block) {
    enter(from);
    for (int k = 0; k < plan.prefix; ++k)
      pass_node(buffers.letters + (k * plan.packed + from) * W, W, block.stream[k], block.steps, buffers.chain + k * W,
                block.stream[k + 1], plan.depth - k - 1);
    walk(block, plan.prefix, 0);
  }
}

template <typename T>
void write_lanes(const Plan<T> &plan, const Lanes<T> &lanes, const Buffers<T> &buffers) {
  constexpr int W = VectorOf<T>::lanes;
  if (plan.prefix == 0) {
    scatter_lanes(buffers.state, plan.first[plan.depth] + plan.power[plan.depth], lanes.row, lanes.used);
    return;
  }
  for (int lane = 0; lane < lanes.used; ++lane) {
    // Every proper prefix is shared by several lanes; the one that goes on with first letters writes it.
    for (int k = 1; k <= plan.prefix; ++k) {
      const int64_t below = plan.power[plan.prefix - k];
      if (lanes.prefix[lane] % below == 0)
        lanes.row[lane][plan.first[k] + lanes.prefix[lane] / below] = buffers.chain[(k - 1) * W + lane];
    }
  }
  const T *place = buffers.state;
  for (int k = plan.prefix + 1; k <= plan.depth; ++k) {
    T *rows[W];
    for (int lane = 0; lane < lanes.used; ++lane)
      rows[lane] = lanes.row[lane] + plan.first[k] + lanes.prefix[lane] * plan.words(k);
    scatter_lanes(place, plan.words(k), rows, lanes.used);
    place += plan.words(k) * W;
  }
}

template <typename T>
void run_lanes(const Plan<T> &plan, const Lanes<T> &lanes, const Buffers<T> &buffers) {
  constexpr int W = VectorOf<T>::lanes;
  for (int64_t i = 0; i < buffers.state_size; ++i) buffers.state[i] = 0;
  for (int i = 0; i < plan.prefix * W; ++i) buffers.chain[i] = 0;
  int64_t longest = 0;
  for (int lane = 0; lane < W; ++lane) longest = lanes.steps[lane] > longest ? lanes.steps[lane] : longest;
  for (int64_t from = 0; from < longest; from += plan.packed) {
    const int64_t steps = longest - from < plan.packed ? longest - from : plan.packed;
    const T *path[W];
    int64_t available[W];
    for (int lane = 0; lane < W; ++lane) {
      const int64_t left = lanes.steps[lane] - from;
      available[lane] = (left < 0 ? 0 : left) * plan.channels;
      path[lane] = left < 0 ? lanes.path[lane] : lanes.path[lane] + from * plan.channels;
    }
    gather_increments(path, available, plan.channels, steps * plan.channels, buffers.increments);
    select_letters(plan, lanes, buffers.increments, steps, buffers.letters);
    run_packed(plan, buffers, steps);
  }
  write_lanes(plan, lanes, buffers);
}

// With one channel level k is the total increment to the power of k over k!; with depth 1 it is that increment.
template <typename T>
void closed_form(const T *values, const int64_t *begin, const int64_t *end, int64_t batch, int channels, int depth,
                 T *out) {
  const int64_t width = channels == 1 ? depth : channels;
  for (int64_t b = 0; b < batch; ++b) {
    T *row = out + b * width;
    const bool moves = end[b] - begin[b] >= 2;
    for (int c = 0; c < channels; ++c) {
      const T increment =
          moves ? values[(end[b] - 1) * channels + c] - values[begin[b] * channels + c] : T(0);
      row[c] = increment;
      T term = increment;
      for (int k = 2; k <= depth; ++k) {
        term *= increment / T(k);
        row[k - 1] = term;
      }
    }
  }
}

// The sequences order[from] .. order[batch].
template <typename T>
int32_t forward_directly(const T *values, const int64_t *begin, const int64_t *end, const int64_t *order,
                         int64_t from, int64_t batch, int32_t channels, int32_t depth, T *out) {
  constexpr int W = VectorOf<T>::lanes;
  const Plan<T> plan = make_plan<T>(batch - from, channels, depth);
  const int64_t width = plan.first[depth] + plan.power[depth];

  int64_t longest = 1;
  for (int64_t i = from; i < batch; ++i) {
    const int64_t b = order == nullptr ? i : order[i];
    longest = end[b] - begin[b] > longest ? end[b] - begin[b] : longest;
  }
  Plan<T> sized = plan;
  const int64_t blocks = (longest + plan.block - 1) / plan.block;
  if (sized.packed > blocks * plan.block) sized.packed = blocks * plan.block;

  Buffers<T> buffers;
  const int64_t increments_size = (sized.packed * channels + W) * W;
  const int64_t letters_size = sized.packed * plan.prefix * W;
  buffers.state_size = (state_words(plan) - plan.prefix) * W;
  size_t bytes = Workspace::bytes<T>(increments_size) + Workspace::bytes<T>(letters_size) +
                 Workspace::bytes<T>(buffers.state_size) + Workspace::bytes<T>(plan.prefix * W);
  for (int k = 0; k <= plan.root(); ++k) bytes += Workspace::bytes<T>(int64_t{plan.block} * (depth - k) * W);
  Workspace workspace(bytes);
  if (workspace.failed()) return SSM_OUT_OF_MEMORY;
  buffers.increments = workspace.take<T>(increments_size);
  buffers.letters = workspace.take<T>(letters_size);
  buffers.state = workspace.take<T>(buffers.state_size);
  buffers.chain = workspace.take<T>(plan.prefix * W);
  for (int k = 0; k <= depth; ++k)
    buffers.stream[k] = k <= plan.root() ? workspace.take<T>(int64_t{plan.block} * (depth - k) * W) : nullptr;
  // The root of all words is 1 for every increment.
  for (int l = 0; l < plan.block; ++l)
    for (int n = 1; n <= depth; ++n)
      store(buffers.stream[0] + (int64_t{l} * depth + n - 1) * W, broadcast(T(1) / T(n)));

  const int64_t items = (batch - from) * plan.prefixes;
  for (int64_t item = 0; item < items; item += W) {
    Lanes<T> lanes;
    lanes.used = static_cast<int>(items - item < W ? items - item : W);
    for (int lane = 0; lane < W; ++lane) {
      const int64_t own = item + (lane < lanes.used ? lane : lanes.used - 1);
      const int64_t i = from + own / plan.prefixes, b = order == nullptr ? i : order[i];
      lanes.path[lane] = values + begin[b] * channels;
      lanes.steps[lane] = end[b] - begin[b] < 2 ? 0 : end[b] - begin[b] - 1;
      lanes.prefix[lane] = own % plan.prefixes;
      lanes.row[lane] = out + b * width;
    }
    run_lanes(sized, lanes, buffers);
  }
  return SSM_OK;
}

// Increments from which on the relations of the Lyndon words save more than they cost.
template <typename T>
int64_t related_steps(const WalkShape &shape) {
  const ssm::LyndonTables &tables = *shape.tables;
  const int32_t relations = tables.first_relation[shape.depth + 1];
  const double finish = 3.0 * relations + tables.relations[relations - 1].end;
  double step = 0;
  for (int k = 1; k <= shape.depth; ++k) step += static_cast<double>(shape.power[k]) * (shape.depth - k + 1);
  return 1 + static_cast<int64_t>(2 * finish / (step * (1 - 1.3 / shape.depth)));
}

template <typename T>
int32_t forward_related(const WalkShape &shape, const T *values, const int64_t *begin, const int64_t *end,
                        const int64_t *order, int64_t batch, T *out) {
  constexpr int W = VectorOf<T>::lanes;
  const int64_t width = shape.width();
  Walk<T> walk(shape, false);
  if (walk.failed()) return SSM_OUT_OF_MEMORY;
  for (int64_t from = 0; from < batch; from += W) {
    const Sequences<T> sequences(values, begin, end, order, from, batch, shape.channels);
    walk.forward(sequences);
    walk.relate(shape.depth);
    T *rows[W];
    for (int lane = 0; lane < W; ++lane) rows[lane] = out + sequences.number[lane] * width;
    scatter_lanes(walk.state(), width, rows, sequences.used);
  }
  return SSM_OK;
}

template <typename T>
int32_t signature_forward(const T *values, const int64_t *begin, const int64_t *end, const int64_t *order,
                          int64_t batch, int32_t channels, int32_t depth, T *out) {
  if (channels == 1 || depth == 1) {
    closed_form(values, begin, end, batch, channels, depth, out);
    return SSM_OK;
  }
  // A sequence alone has all its lanes busy only in the direct way.
  if (batch < 2 || !may_relate<T>(channels, depth))
    return forward_directly(values, begin, end, order, 0, batch, channels, depth, out);
  const ssm::LyndonTables *tables = ssm::lyndon_tables(channels, depth);
  if (tables == nullptr) return SSM_OUT_OF_MEMORY;
  const WalkShape shape = walk_shape<T>(channels, depth, tables);
  const int64_t steps = related_steps<T>(shape);
  // Sequences of different lengths come longest first.
  int64_t related = 0;
  while (related < batch && end[order == nullptr ? related : order[related]] -
                                    begin[order == nullptr ? related : order[related]] > steps)
    ++related;
  if (related > 0) {
    const int32_t status = forward_related(shape, values, begin, end, order, related, out);
    if (status != SSM_OK || related == batch) return status;
  }
  return forward_directly(values, begin, end, order, related, batch, channels, depth, out);
}

}  // namespace

int32_t signature_forward_f32(const float *values, const int64_t *begin, const int64_t *end, const int64_t *order,
                              int64_t batch, int32_t channels, int32_t depth, float *out) {
  return signature_forward(values, begin, end, order, batch, channels, depth, out);
}

int32_t signature_forward_f64(const double *values, const int64_t *begin, const int64_t *end, const int64_t *order,
                              int64_t batch, int32_t channels, int32_t depth, double *out) {
  return signature_forward(values, begin, end, order, batch, channels, depth, out);
}

}  // namespace SSM_NAMESPACE
