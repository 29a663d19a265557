// Selective scan S6, backward. States are stored at the beginning of every chunk of steps and recomputed inside it, so
// that memory does not hold [B, L, D, N].
#include <cstring>

#include "selective_scan.h"
#include "target.h"

namespace SSM_NAMESPACE {
namespace {

using namespace selective_scan;

#if defined(__clang__)
#define SSM_SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SSM_SHUFFLE(a, b, ...) __builtin_shuffle(a, b, Ints{__VA_ARGS__})
#endif
#if SSM_VECTOR_BYTES == 64
SSM_INLINE Floats even_of_pair(Floats a, Floats b) {
  return SSM_SHUFFLE(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
}
SSM_INLINE Floats odd_of_pair(Floats a, Floats b) {
  return SSM_SHUFFLE(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
}
#elif SSM_VECTOR_BYTES == 32
SSM_INLINE Floats even_of_pair(Floats a, Floats b) { return SSM_SHUFFLE(a, b, 0, 2, 4, 6, 8, 10, 12, 14); }
SSM_INLINE Floats odd_of_pair(Floats a, Floats b) { return SSM_SHUFFLE(a, b, 1, 3, 5, 7, 9, 11, 13, 15); }
#else
SSM_INLINE Floats even_of_pair(Floats a, Floats b) { return SSM_SHUFFLE(a, b, 0, 2, 4, 6); }
SSM_INLINE Floats odd_of_pair(Floats a, Floats b) { return SSM_SHUFFLE(a, b, 1, 3, 5, 7); }
#endif

// Lane i of the result is the sum of the lanes of v[i]; v is overwritten.
SSM_INLINE Floats sums_of_lanes(Floats *v) {
#pragma GCC unroll 4
  for (int width = kLanes / 2; width > 0; width /= 2)
#pragma GCC unroll 8
    for (int i = 0; i < width; ++i) v[i] = even_of_pair(v[2 * i], v[2 * i + 1]) + odd_of_pair(v[2 * i], v[2 * i + 1]);
  return v[0];
}

struct Space {
  float *transition2;  // [N][lanes], times log2 e
  float *transition;   // [N][lanes]
  float *dtransition, *dtransition_of_chunk;
  float *state;     // [N][lanes]
  float *gradient;  // [N][lanes], of the state
  float *starts;    // [chunks][N][lanes]
  float *states;    // [steps + 1][N][lanes]
  float *decays;    // [steps][N][lanes]
  float *steps;     // [steps][4][lanes]: delta, u, gradient of the ungated output, ungated output

  static int64_t floats(int64_t states, int64_t longest) {
    const int64_t chunk = chunk_length(longest);
    return kLanes * (states * (6 + (longest + chunk - 1) / chunk + 2 * chunk + 1) + 4 * chunk);
  }

  Space(float *base, int64_t n, int64_t longest) {
    const int64_t chunk = chunk_length(longest);
    auto take = [&](int64_t vectors) {
      float *piece = base;
      base += vectors * kLanes;
      return piece;
    };
    transition2 = take(n);
    transition = take(n);
    dtransition = take(n);
    dtransition_of_chunk = take(n);
    state = take(n);
    gradient = take(n);
    starts = take(n * ((longest + chunk - 1) / chunk));
    states = take(n * (chunk + 1));
    decays = take(n * chunk);
    steps = take(4 * chunk);
  }
};

}  // namespace

int32_t selective_scan_backward_f32(
    int64_t batch, const int32_t *offsets, int64_t columns, int64_t states, const float *u, int64_t u_stride,
    const float *delta_raw, int64_t delta_raw_stride, const float *delta_bias, const float *a, int64_t a_stride,
    const float *b, int64_t b_stride, const float *c, int64_t c_stride, const float *skip, const float *gate,
    int64_t gate_stride, const float *initial, int64_t initial_stride, const float *dy, int64_t dy_stride,
    const float *dlast, int64_t dlast_stride, float *du, int64_t du_stride, float *ddelta_raw,
    int64_t ddelta_raw_stride, float *ddelta_bias, float *da, int64_t da_stride, float *db, int64_t db_stride,
    float *dc, int64_t dc_stride, float *dskip, float *dgate, int64_t dgate_stride, float *dinitial,
    int64_t dinitial_stride, float *workspace) {
  if (batch < 0 || columns < 0 || states < 0) return SSM_INVALID_ARGUMENT;
  int64_t longest = 0;
  for (int64_t s = 0; s < batch; ++s)
    longest = offsets[s + 1] - offsets[s] > longest ? offsets[s + 1] - offsets[s] : longest;
  const int64_t chunk = chunk_length(longest);
  const Space space(workspace, states, longest);
  const int64_t block = states * kLanes;
  const bool want_output = gate != nullptr && dgate != nullptr;

  if (columns == 0 && batch > 0)
    for (int64_t r = 0; r < offsets[batch] && states > 0; ++r) {
      std::memset(db + r * db_stride, 0, states * sizeof(float));
      std::memset(dc + r * dc_stride, 0, states * sizeof(float));
    }

  for_each_vector(1, columns, [&](int64_t, int64_t first, int64_t count) {
    pack_transition(a + first * a_stride, a_stride, states, count, kLog2E, space.transition2);
    pack_transition(a + first * a_stride, a_stride, states, count, 1.0f, space.transition);
    std::memset(space.dtransition, 0, block * sizeof(float));
    const Floats bias = delta_bias == nullptr ? Floats{} : load_up_to(delta_bias + first, count);
    const Floats through = skip == nullptr ? Floats{} : load_up_to(skip + first, count);
    Floats dbias_total = {}, dskip_total = {};

    // delta and u of `steps` steps from row `begin` on.
    auto load_steps = [&](int64_t begin, int64_t steps) {
      for (int64_t l = 0; l < steps; ++l) {
        float *step = space.steps + l * 4 * kLanes;
        store(step, softplus(load_up_to(delta_raw + (begin + l) * delta_raw_stride + first, count) + bias));
        store(step + kLanes, load_up_to(u + (begin + l) * u_stride + first, count));
      }
    };

    for (int64_t s = 0; s < batch; ++s) {
      const int64_t begin = offsets[s], length = offsets[s + 1] - begin;
      const int64_t chunks = (length + chunk - 1) / chunk;
      load_states(initial == nullptr ? nullptr : initial + s * initial_stride + first * states, states, count,
                  chunks == 0 ? space.state : space.starts);
      for (int64_t k = 0; k + 1 < chunks; ++k) {
        float *state = space.starts + (k + 1) * block;
        std::memcpy(state, space.starts + k * block, block * sizeof(float));
        load_steps(begin + k * chunk, chunk);
        for (int64_t l = 0; l < chunk; ++l) {
          const Floats d = load(space.steps + l * 4 * kLanes), input = d * load(space.steps + (l * 4 + 1) * kLanes);
          const float *in = b + (begin + k * chunk + l) * b_stride;
#pragma GCC unroll 4
          for (int64_t n = 0; n < states; ++n)
            store(state + n * kLanes, exp2_of_decay(d * load(space.transition2 + n * kLanes)) *
                                              load(state + n * kLanes) +
                                          input * in[n]);
        }
      }

      load_states(dlast == nullptr ? nullptr : dlast + s * dlast_stride + first * states, states, count,
                  space.gradient);
      for (int64_t k = chunks - 1; k >= 0; --k) {
        const int64_t start = begin + k * chunk;
        const int64_t steps = length - k * chunk < chunk ? length - k * chunk : chunk;
        load_steps(start, steps);
        std::memcpy(space.states, space.starts + k * block, block * sizeof(float));
        std::memset(space.dtransition_of_chunk, 0, block * sizeof(float));
        for (int64_t l = 0; l < steps; ++l) {
          float *step = space.steps + l * 4 * kLanes;
          const Floats d = load(step), x = load(step + kLanes), input = d * x;
          const float *in = b + (start + l) * b_stride;
          const float *out = c + (start + l) * c_stride;
          const float *before = space.states + l * block;
          float *after = space.states + (l + 1) * block, *decay = space.decays + l * block;
          Floats sum = through * x;
#pragma GCC unroll 4
          for (int64_t n = 0; n < states; ++n) {
            const Floats e = exp2_of_decay(d * load(space.transition2 + n * kLanes));
            const Floats h = e * load(before + n * kLanes) + input * in[n];
            store(decay + n * kLanes, e);
            store(after + n * kLanes, h);
            if (want_output) sum += h * out[n];
          }
          store(step + 3 * kLanes, sum);
        }
        for (int64_t l = steps - 1; l >= 0; --l) {
          const int64_t row = start + l;
          const float *step = space.steps + l * 4 * kLanes;
          const float *in = b + row * b_stride;
          const float *out = c + row * c_stride;
          const float *before = space.states + l * block, *after = before + block, *decay = space.decays + l * block;
          const Floats d = load(step), x = load(step + kLanes), input = d * x;
          Floats g = load_up_to(dy + row * dy_stride + first, count);
          if (gate != nullptr) {
            const Floats z = load_up_to(gate + row * gate_stride + first, count);
            const Floats q = sigmoid(z);
            if (dgate != nullptr)
              store_up_to(dgate + row * dgate_stride + first,
                          g * load(step + 3 * kLanes) * (q + z * q * (1.0f - q)), count);
            g *= z * q;
          }
          Floats ddelta = {}, dinput = {};
          for (int64_t n0 = 0; n0 < states; n0 += kLanes) {
            Floats to_b[kLanes], to_c[kLanes];
            const int64_t inside = states - n0 < kLanes ? states - n0 : kLanes;
#pragma GCC unroll 4
            for (int64_t i = 0; i < inside; ++i) {
              const int64_t n = n0 + i, at = n * kLanes;
              const Floats dh = load(space.gradient + at) + g * out[n];
              to_c[i] = g * load(after + at);
              to_b[i] = dh * input;
              dinput += dh * in[n];
              const Floats carried = dh * load(decay + at);
              const Floats w = carried * load(before + at);
              ddelta += w * load(space.transition + at);
              store(space.dtransition_of_chunk + at, load(space.dtransition_of_chunk + at) + w * d);
              store(space.gradient + at, carried);
            }
            for (int64_t i = inside; i < kLanes; ++i) to_b[i] = to_c[i] = Floats{};
            Floats sum_b = sums_of_lanes(to_b), sum_c = sums_of_lanes(to_c);
            if (first > 0) {
              sum_b += load_up_to(db + row * db_stride + n0, inside);
              sum_c += load_up_to(dc + row * dc_stride + n0, inside);
            }
            store_up_to(db + row * db_stride + n0, sum_b, inside);
            store_up_to(dc + row * dc_stride + n0, sum_c, inside);
          }
          store_up_to(du + row * du_stride + first, dinput * d + g * through, count);
          dskip_total += g * x;
          // The derivative of softplus is the logistic function.
          const Floats raw = load_up_to(delta_raw + row * delta_raw_stride + first, count) + bias;
          const Floats draw = (ddelta + dinput * x) * sigmoid(raw);
          dbias_total += draw;
          store_up_to(ddelta_raw + row * ddelta_raw_stride + first, draw, count);
        }
        for (int64_t i = 0; i < block; i += kLanes)
          store(space.dtransition + i, load(space.dtransition + i) + load(space.dtransition_of_chunk + i));
      }
      if (dinitial != nullptr)
        store_states(space.gradient, states, count, dinitial + s * dinitial_stride + first * states);
    }
    for (int64_t i = 0; i < count && i < kLanes; ++i)
      for (int64_t n = 0; n < states; ++n) da[(first + i) * da_stride + n] += space.dtransition[n * kLanes + i];
    if (ddelta_bias != nullptr)
      store_up_to(ddelta_bias + first, load_up_to(ddelta_bias + first, count) + dbias_total, count);
    if (dskip != nullptr) store_up_to(dskip + first, load_up_to(dskip + first, count) + dskip_total, count);
  });
  return SSM_OK;
}

int64_t selective_scan_workspace_f32(int64_t states, int64_t longest) {
  return Space::floats(states, longest);
}

}  // namespace SSM_NAMESPACE
