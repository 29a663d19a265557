// Log-signatures: the logarithm of a signature at all words or at the Lyndon words, and its gradient.
//
// With a = S - 1 and c_k = (-1)^(k+1) / k, log S = sum_k c_k a^k by Horner's rule:
//   r_depth = c_depth,  r_k = c_k + a r_(k+1),  log S = a r_1            (tensor products)
// a raises the level by at least one, so r_k is needed up to level depth - k. Only the last product reaches the last
// level, where it is formed at the words that are asked for; the other entries of that level are never computed.
#include "signature_walk.h"

namespace SSM_NAMESPACE {
namespace {

// The words of level n that are asked for, and where they stand in the output.
struct Coordinates {
  int64_t width = 0;
  int32_t *words = nullptr;  // by level
  int64_t first[kMaxDepth + 2] = {};

  Coordinates(int channels, int depth, bool lyndon) {
    for (int n = 1; n <= depth; ++n) {
      first[n] = width;
      width += count(channels, n, lyndon);
    }
    first[depth + 1] = width;
    words = static_cast<int32_t *>(std::malloc(width * sizeof(int32_t)));
    if (words == nullptr) return;
    for (int n = 1; n <= depth; ++n) {
      if (lyndon) {
        ssm::lyndon_words(channels, n, words + first[n]);
      } else {
        for (int64_t w = 0; w < first[n + 1] - first[n]; ++w) words[first[n] + w] = static_cast<int32_t>(w);
      }
    }
  }
  ~Coordinates() { std::free(words); }
  Coordinates(const Coordinates &) = delete;
  Coordinates &operator=(const Coordinates &) = delete;

 private:
  static int64_t count(int channels, int level, bool lyndon) {
    if (lyndon) return ssm::lyndon_words(channels, level, nullptr);
    int64_t words = 1;
    for (int k = 0; k < level; ++k) words *= channels;
    return words;
  }
};

template <typename T>
class Logarithm {
 public:
  static constexpr int W = VectorOf<T>::lanes;

  Logarithm(const WalkShape &shape, const Coordinates &coordinates, bool with_gradient)
      : shape_(shape), coordinates_(coordinates), workspace_(bytes(shape, coordinates, with_gradient)) {
    if (workspace_.failed()) return;
    for (int k = 1; k < shape.depth; ++k) {
      tail_[k] = workspace_.template take<T>(size(shape, k));
      if (with_gradient) dtail_[k] = workspace_.template take<T>(size(shape, k));
    }
    out_ = workspace_.template take<T>(coordinates.width * W);
  }

  bool failed() const { return workspace_.failed(); }
  T *out() const { return out_; }

  // r_(depth-1) .. r_1, without their entries of the empty word.
  void tails(const T *a) {
    for (int k = shape_.depth - 1; k >= 1; --k)
      for (int n = 1; n <= shape_.depth - k; ++n)
        for (int64_t word = 0; word < shape_.power[n]; ++word)
          store(tail_[k] + (shape_.first[n] + word) * W, product(a, k + 1, n, word));
  }

  // The logarithm at the coordinates, to out().
  void apply(const T *a) {
    tails(a);
    for (int n = 1; n <= shape_.depth; ++n)
      for (int64_t i = coordinates_.first[n]; i < coordinates_.first[n + 1]; ++i)
        store(out_ + i * W, product(a, 1, n, coordinates_.words[i]));
  }

  // From the gradient of the coordinates in out(): that of a to `da`.
  void backward(const T *a, T *da) {
    tails(a);
    std::memset(da, 0, shape_.width() * W * sizeof(T));
    for (int k = 1; k < shape_.depth; ++k) std::memset(dtail_[k], 0, size(shape_, k) * sizeof(T));
    for (int n = 1; n <= shape_.depth; ++n)
      for (int64_t i = coordinates_.first[n]; i < coordinates_.first[n + 1]; ++i)
        product_backward(load(out_ + i * W), a, da, 1, n, coordinates_.words[i]);
    for (int k = 1; k < shape_.depth; ++k)
      for (int n = 1; n <= shape_.depth - k; ++n)
        for (int64_t word = 0; word < shape_.power[n]; ++word)
          product_backward(load(dtail_[k] + (shape_.first[n] + word) * W), a, da, k + 1, n, word);
  }

 private:
  static size_t size(const WalkShape &shape, int k) {
    return (shape.first[shape.depth - k] + shape.power[shape.depth - k]) * W;
  }

  static size_t bytes(const WalkShape &shape, const Coordinates &coordinates, bool with_gradient) {
    size_t bytes = Workspace::bytes<T>(coordinates.width * W);
    for (int k = 1; k < shape.depth; ++k) bytes += (with_gradient ? 2 : 1) * Workspace::bytes<T>(size(shape, k));
    return bytes;
  }

  static T coefficient(int k) { return T(k % 2 == 0 ? -1 : 1) / T(k); }

  // (a (c_k + r_k)) at a word of level n.
  Vector<T> product(const T *a, int k, int n, int64_t word) const {
    Vector<T> sum = coefficient(k) * load(a + (shape_.first[n] + word) * W);
    int64_t left = word;
    for (int i = n - 1; i >= 1; --i) {
      left /= shape_.channels;
      const int64_t right = word - left * shape_.power[n - i];
      sum += load(a + (shape_.first[i] + left) * W) * load(tail_[k] + (shape_.first[n - i] + right) * W);
    }
    return sum;
  }

  void product_backward(Vector<T> g, const T *a, T *da, int k, int n, int64_t word) const {
    T *own = da + (shape_.first[n] + word) * W;
    store(own, load(own) + coefficient(k) * g);
    int64_t left = word;
    for (int i = n - 1; i >= 1; --i) {
      left /= shape_.channels;
      const int64_t right = word - left * shape_.power[n - i];
      const int64_t in_a = (shape_.first[i] + left) * W, in_tail = (shape_.first[n - i] + right) * W;
      store(da + in_a, load(da + in_a) + g * load(tail_[k] + in_tail));
      store(dtail_[k] + in_tail, load(dtail_[k] + in_tail) + g * load(a + in_a));
    }
  }

  const WalkShape &shape_;
  const Coordinates &coordinates_;
  Workspace workspace_;
  T *tail_[kMaxDepth + 1] = {}, *dtail_[kMaxDepth + 1] = {}, *out_ = nullptr;
};

// With one channel or depth 1 the logarithm is the total increment.
template <typename T>
void total_increment(const T *values, const int64_t *begin, const int64_t *end, int64_t batch, int channels,
                     int64_t width, T *out) {
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t c = 0; c < width; ++c)
      out[b * width + c] = c < channels && end[b] - begin[b] >= 2
                               ? values[(end[b] - 1) * channels + c] - values[begin[b] * channels + c]
                               : T(0);
}

template <typename T>
void total_increment_backward(const int64_t *begin, const int64_t *end, int64_t batch, int channels, int64_t width,
                              const T *gradient, T *out) {
  for (int64_t b = 0; b < batch; ++b) {
    if (end[b] - begin[b] < 2) continue;
    for (int c = 0; c < channels; ++c) {
      out[(end[b] - 1) * channels + c] += gradient[b * width + c];
      out[begin[b] * channels + c] -= gradient[b * width + c];
    }
  }
}

// Forward with a null gradient, else backward.
template <typename T>
int32_t log_signature(const T *values, const int64_t *begin, const int64_t *end, const int64_t *order, int64_t batch,
                      int32_t channels, int32_t depth, bool lyndon, const T *gradient, T *out) {
  if (channels == 1 || depth == 1) {
    const int64_t width = channels > 1 ? channels : lyndon ? 1 : depth;
    if (gradient == nullptr)
      total_increment(values, begin, end, batch, channels, width, out);
    else
      total_increment_backward(begin, end, batch, channels, width, gradient, out);
    return SSM_OK;
  }
  constexpr int W = VectorOf<T>::lanes;
  const ssm::LyndonTables *tables = nullptr;
  if (may_relate<T>(channels, depth)) {
    tables = ssm::lyndon_tables(channels, depth);
    if (tables == nullptr) return SSM_OUT_OF_MEMORY;
  }
  const WalkShape shape = walk_shape<T>(channels, depth, tables);
  const Coordinates coordinates(channels, depth, lyndon);
  if (coordinates.words == nullptr) return SSM_OUT_OF_MEMORY;
  const bool backward = gradient != nullptr;
  Walk<T> walk(shape, backward);
  Logarithm<T> logarithm(shape, coordinates, backward);
  if (walk.failed() || logarithm.failed()) return SSM_OUT_OF_MEMORY;
  for (int64_t from = 0; from < batch; from += W) {
    const Sequences<T> sequences(values, begin, end, order, from, batch, channels);
    walk.forward(sequences);
    walk.relate(lyndon || backward ? depth - 1 : depth);
    if (!backward) {
      logarithm.apply(walk.state());
      T *rows[W];
      for (int lane = 0; lane < W; ++lane) rows[lane] = out + sequences.number[lane] * coordinates.width;
      scatter_lanes(logarithm.out(), coordinates.width, rows, sequences.used);
    } else {
      const T *rows[W];
      for (int lane = 0; lane < W; ++lane) rows[lane] = gradient + sequences.number[lane] * coordinates.width;
      gather_lanes(rows, coordinates.width, logarithm.out());
      logarithm.backward(walk.state(), walk.gradient());
      walk.relate_backward(depth);
      walk.backward(sequences, begin, out);
    }
  }
  return SSM_OK;
}

}  // namespace

int32_t log_signature_forward_f32(const float *values, const int64_t *begin, const int64_t *end, const int64_t *order,
                                  int64_t batch, int32_t channels, int32_t depth, bool lyndon, float *out) {
  return log_signature<float>(values, begin, end, order, batch, channels, depth, lyndon, nullptr, out);
}

int32_t log_signature_forward_f64(const double *values, const int64_t *begin, const int64_t *end,
                                  const int64_t *order, int64_t batch, int32_t channels, int32_t depth, bool lyndon,
                                  double *out) {
  return log_signature<double>(values, begin, end, order, batch, channels, depth, lyndon, nullptr, out);
}

int32_t log_signature_backward_f32(const float *values, const int64_t *begin, const int64_t *end,
                                   const int64_t *order, int64_t batch, int32_t channels, int32_t depth, bool lyndon,
                                   const float *gradient, float *out) {
  return log_signature(values, begin, end, order, batch, channels, depth, lyndon, gradient, out);
}

int32_t log_signature_backward_f64(const double *values, const int64_t *begin, const int64_t *end,
                                   const int64_t *order, int64_t batch, int32_t channels, int32_t depth, bool lyndon,
                                   const double *gradient, double *out) {
  return log_signature(values, begin, end, order, batch, channels, depth, lyndon, gradient, out);
}

}  // namespace SSM_NAMESPACE
