// Gated linear attention, forward. Lanes run across values; the state of a head is [K][V] in the first-level cache.
#include <cstring>
#include <type_traits>

#include "gated_linear_attention.h"
#include "target.h"

namespace SSM_NAMESPACE {
namespace {

using namespace gated_linear_attention;

int64_t padded(int64_t n) { return (n + kLanes - 1) / kLanes * kLanes; }

// One step for `kVectors` vectors of values: state rows are `stride` elements apart.
template <bool complex, int kVectors>
SSM_INLINE void step(int64_t keys, const float *re, const float *im, const float *k, const float *q, float *state,
                     float *imaginary, int64_t stride, const float *v, float *o) {
  // Several sums, so that the additions of one do not wait for each other.
  constexpr int kSums = kVectors >= 4 ? 1 : 4 / kVectors;
  Floats value[kVectors], sums[kSums][kVectors] = {};
#pragma GCC unroll 4
  for (int j = 0; j < kVectors; ++j) value[j] = load(v + j * kLanes);
  auto one = [&](int64_t i, Floats *sum) __attribute__((always_inline)) {
    float *row = state + i * stride;
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) {
      const Floats before = load(row + j * kLanes);
      Floats after = re[i] * before + k[i] * value[j];
      if (complex) {
        float *other = imaginary + i * stride + j * kLanes;
        const Floats before_im = load(other);
        after -= im[i] * before_im;
        store(other, re[i] * before_im + im[i] * before);
      }
      store(row + j * kLanes, after);
      sum[j] += q[i] * after;
    }
  };
  int64_t i = 0;
  for (; i + kSums <= keys; i += kSums) {
#pragma GCC unroll 4
    for (int s = 0; s < kSums; ++s) one(i + s, sums[s]);
  }
  for (; i < keys; ++i) one(i, sums[0]);
#pragma GCC unroll 4
  for (int j = 0; j < kVectors; ++j) {
    Floats sum = sums[0][j];
#pragma GCC unroll 4
    for (int s = 1; s < kSums; ++s) sum += sums[s][j];
    store(o + j * kLanes, sum);
  }
}

struct Space {
  float *state, *imaginary;        // [K][padded V]
  float *re, *im;                  // [padded K]
  float *value, *output;           // [padded V]
  int64_t floats;

  Space(float *base, int64_t keys, int64_t values, bool complex) {
    Pieces pieces(base);
    const int64_t vectors = padded(values) / kLanes;
    state = pieces.take(keys * vectors);
    imaginary = complex ? pieces.take(keys * vectors) : nullptr;
    re = pieces.take(padded(keys) / kLanes);
    im = pieces.take(padded(keys) / kLanes);
    value = pieces.take(vectors);
    output = pieces.take(vectors);
    floats = pieces.floats();
  }
};

void load_state(const float *row, int64_t keys, int64_t values, float *state) {
  const int64_t stride = padded(values);
  std::memset(state, 0, keys * stride * sizeof(float));
  for (int64_t i = 0; i < keys && row != nullptr; ++i)
    std::memcpy(state + i * stride, row + i * values, values * sizeof(float));
}

void store_state(const float *state, int64_t keys, int64_t values, float *row) {
  for (int64_t i = 0; i < keys; ++i)
    std::memcpy(row + i * values, state + i * padded(values), values * sizeof(float));
}

template <bool complex>
void forward(int64_t batch, const int32_t *offsets, int64_t heads, int64_t keys, int64_t values, const float *q,
             int64_t q_stride, const float *k, int64_t k_stride, const float *v, int64_t v_stride,
             const float *log_alpha, int64_t log_alpha_stride, const float *phase, int64_t phase_stride,
             const float *initial, int64_t initial_stride, float *o, int64_t o_stride, float *last,
             int64_t last_stride, float *workspace) {
  const Space space(workspace, keys, values, complex);
  const int64_t vectors = padded(values) / kLanes, stride = padded(values), size = keys * values;
  for (int64_t s = 0; s < batch; ++s)
    for (int64_t head = 0; head < heads; ++head) {
      const float *start = initial == nullptr ? nullptr : initial + s * initial_stride + head * size;
      load_state(start, keys, values, space.state);
      if (complex) load_state(start == nullptr ? nullptr : start + heads * size, keys, values, space.imaginary);
      std::memset(space.value, 0, stride * sizeof(float));
      for (int64_t row = offsets[s]; row < offsets[s + 1]; ++row) {
        for_each_vector(1, keys, [&](int64_t, int64_t c, int64_t count) {
          const Decay decay = decay_of<complex>(
              load_up_to(log_alpha + row * log_alpha_stride + head * keys + c, count),
              complex ? load_up_to(phase + row * phase_stride + head * keys + c, count) : Floats{});
          store(space.re + c, decay.re);
          if (complex) store(space.im + c, decay.im);
        });
        std::memcpy(space.value, v + row * v_stride + head * values, values * sizeof(float));
        const float *key = k + row * k_stride + head * keys, *query = q + row * q_stride + head * keys;
        auto run = [&](auto tag, int64_t j) {
          step<complex, decltype(tag)::value>(keys, space.re, space.im, key, query, space.state + j * kLanes,
                                              complex ? space.imaginary + j * kLanes : nullptr, stride,
                                              space.value + j * kLanes, space.output + j * kLanes);
        };
        int64_t j = 0;
        for (; j + 4 <= vectors; j += 4) run(std::integral_constant<int, 4>(), j);
        for (; j + 2 <= vectors; j += 2) run(std::integral_constant<int, 2>(), j);
        for (; j < vectors; ++j) run(std::integral_constant<int, 1>(), j);
        std::memcpy(o + row * o_stride + head * values, space.output, values * sizeof(float));
      }
      if (last != nullptr) {
        float *end = last + s * last_stride + head * size;
        store_state(space.state, keys, values, end);
        if (complex) store_state(space.imaginary, keys, values, end + heads * size);
      }
    }
}

}  // namespace

int32_t gated_linear_attention_forward_f32(int64_t batch, const int32_t *offsets, int64_t heads, int64_t keys,
                                           int64_t values, const float *q, int64_t q_stride, const float *k,
                                           int64_t k_stride, const float *v, int64_t v_stride, const float *log_alpha,
                                           int64_t log_alpha_stride, const float *phase, int64_t phase_stride,
                                           const float *initial, int64_t initial_stride, float *o, int64_t o_stride,
                                           float *last, int64_t last_stride, float *workspace) {
  if (batch < 0 || heads < 0 || keys < 0 || values < 0) return SSM_INVALID_ARGUMENT;
  (phase == nullptr ? forward<false> : forward<true>)(
      batch, offsets, heads, keys, values, q, q_stride, k, k_stride, v, v_stride, log_alpha, log_alpha_stride, phase,
      phase_stride, initial, initial_stride, o, o_stride, last, last_stride, workspace);
  return SSM_OK;
}

int64_t gated_linear_attention_forward_workspace_f32(int64_t keys, int64_t values, int32_t complex) {
  return Space(nullptr, keys, values, complex != 0).floats;
}

}  // namespace SSM_NAMESPACE
