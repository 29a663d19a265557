// Gradients of truncated signatures with respect to the paths.
#include "signature_walk.h"

namespace SSM_NAMESPACE {
namespace {

// With one channel level k is X^k / k! of the total increment X; with depth 1 it is X.
template <typename T>
void closed_form_backward(const T *values, const int64_t *begin, const int64_t *end, int64_t batch, int channels,
                          int depth, const T *gradient, T *out) {
  const int64_t width = channels == 1 ? depth : channels;
  for (int64_t b = 0; b < batch; ++b) {
    if (end[b] - begin[b] < 2) continue;
    for (int c = 0; c < channels; ++c) {
      const int64_t first = begin[b] * channels + c, last = (end[b] - 1) * channels + c;
      const T *g = gradient + b * width + c;
      T sum = g[0], term = 1;
      for (int k = 2; k <= depth; ++k) {
        term *= (values[last] - values[first]) / T(k - 1);
        sum += term * g[k - 1];
      }
      out[last] += sum;
      out[first] -= sum;
    }
  }
}

template <typename T>
int32_t signature_backward(const T *values, const int64_t *begin, const int64_t *end, const int64_t *order,
                           int64_t batch, int32_t channels, int32_t depth, const T *signature, const T *gradient,
                           T *out) {
  if (channels == 1 || depth == 1) {
    closed_form_backward(values, begin, end, batch, channels, depth, gradient, out);
    return SSM_OK;
  }
  constexpr int W = VectorOf<T>::lanes;
  const ssm::LyndonTables *tables = nullptr;
  if (may_relate<T>(channels, depth)) {
    tables = ssm::lyndon_tables(channels, depth);
    if (tables == nullptr) return SSM_OUT_OF_MEMORY;
  }
  const WalkShape shape = walk_shape<T>(channels, depth, tables);
  const int64_t width = shape.width(), lower = shape.first[depth];
  Walk<T> walk(shape, true);
  if (walk.failed()) return SSM_OUT_OF_MEMORY;
  for (int64_t from = 0; from < batch; from += W) {
    const Sequences<T> sequences(values, begin, end, order, from, batch, channels);
    const T *rows[W];
    for (int lane = 0; lane < W; ++lane) rows[lane] = gradient + sequences.number[lane] * width;
    gather_lanes(rows, width, walk.gradient());
    // The last level of a signature has no part in its gradient.
    for (int lane = 0; lane < W; ++lane) rows[lane] = signature + sequences.number[lane] * width;
    gather_lanes(rows, lower, walk.state());
    walk.relate_backward(depth);
    walk.backward(sequences, begin, out);
  }
  return SSM_OK;
}

}  // namespace

int32_t signature_backward_f32(const float *values, const int64_t *begin, const int64_t *end, const int64_t *order,
                               int64_t batch, int32_t channels, int32_t depth, const float *signature,
                               const float *gradient, float *out) {
  return signature_backward(values, begin, end, order, batch, channels, depth, signature, gradient, out);
}

int32_t signature_backward_f64(const double *values, const int64_t *begin, const int64_t *end, const int64_t *order,
                               int64_t batch, int32_t channels, int32_t depth, const double *signature,
                               const double *gradient, double *out) {
  return signature_backward(values, begin, end, order, batch, channels, depth, signature, gradient, out);
}

}  // namespace SSM_NAMESPACE
