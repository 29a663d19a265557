// Gated linear attention, forward.
#include <algorithm>

#include "gated_linear_attention.h"
#include "target.h"

namespace SSM_NAMESPACE {
namespace {

using namespace gated_linear_attention;

struct Space {
  Pieces pieces;
  Chunk chunk;
  float *state;   // [parts][K][padded V]
  float *output;  // [kChunk][padded V]

  Space(float *base, int64_t keys, int64_t values, bool complex)
      : pieces(base), chunk(pieces, keys, values, complex) {
    state = pieces.take((complex ? 2 : 1) * keys * chunk.value_stride / kLanes);
    output = pieces.take(kChunk * chunk.value_stride / kLanes);
  }
};

// The outputs of a chunk; the state goes on to its end.
template <bool complex>
void run(const Operands &x, const Space &space, const Ahead &ahead) {
  int64_t tile = 0;
  const Chunk &chunk = space.chunk;
  std::memset(space.output, 0, chunk.steps * chunk.value_stride * sizeof(float));
  for_each_tile_of_values(x.values, [&](auto vectors, int64_t j) {
    for_each_tile_of_keys<complex>(x.keys, [&](auto keys, int64_t i) {
      constexpr int kVectors = decltype(vectors)::value;
      Floats sum[kVectors];
      auto output = [&](int64_t l, int b) __attribute__((always_inline)) {
        return space.output + l * chunk.value_stride + j + b * kLanes;
      };
      auto begin = [&](int64_t l) __attribute__((always_inline)) {
        ahead.ask(tile, l);
#pragma GCC unroll 4
        for (int b = 0; b < kVectors; ++b) sum[b] = load(output(l, b));
      };
      auto use = [&](int64_t l, int a, int b, Floats, Floats, Floats after) __attribute__((always_inline)) {
        sum[b] += chunk.query[l * chunk.key_stride + i + a] * after;
      };
      auto end = [&](int64_t l) __attribute__((always_inline)) {
#pragma GCC unroll 4
        for (int b = 0; b < kVectors; ++b) store(output(l, b), sum[b]);
      };
      advance<complex, decltype(keys)::value, kVectors>(chunk, x.keys, i, j, space.state, begin, use, end);
      ++tile;
    });
  });
}

template <bool complex>
void forward(int64_t batch, const int32_t *offsets, const Operands &x, const float *initial, int64_t initial_stride,
             float *o, int64_t o_stride, float *last, int64_t last_stride, float *workspace) {
  Space space(workspace, x.keys, x.values, complex);
  for (int64_t s = 0; s < batch; ++s)
    for (int64_t head = 0; head < x.heads; ++head) {
      load_state<complex>(x, initial == nullptr ? nullptr : initial + s * initial_stride, head, space.state);
      for (int64_t row = offsets[s]; row < offsets[s + 1]; row += kChunk) {
        const int64_t steps = std::min<int64_t>(kChunk, offsets[s + 1] - row);
        Ahead ahead = pack<complex>(x, head, row, steps, row + kChunk, &space.chunk);
        const float *query = x.q + row * x.q_stride + head * x.keys;
        float *output = o + row * o_stride + head * x.values;
        pack_rows(query, x.q_stride, steps, x.keys, space.chunk.query);
        ahead.add(query + kChunk * x.q_stride, x.q_stride, x.keys);
        ahead.add(output + kChunk * o_stride, o_stride, x.values);
        run<complex>(x, space, ahead);
        for (int64_t l = 0; l < steps; ++l)
          std::memcpy(output + l * o_stride, space.output + l * space.chunk.value_stride, x.values * sizeof(float));
      }
      if (last != nullptr) store_state<complex>(x, space.state, head, last + s * last_stride);
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
  const Operands operands = {heads,    keys,      values,           q,     q_stride,     k, k_stride, v,
                             v_stride, log_alpha, log_alpha_stride, phase, phase_stride};
  (phase == nullptr ? forward<false> : forward<true>)(batch, offsets, operands, initial, initial_stride, o, o_stride,
                                                      last, last_stride, workspace);
  return SSM_OK;
}

int64_t gated_linear_attention_forward_workspace_f32(int64_t keys, int64_t values, int32_t complex) {
  return Space(nullptr, keys, values, complex != 0).pieces.floats();
}

}  // namespace SSM_NAMESPACE
