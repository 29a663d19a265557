// Selective scan S6, forward.
#include <algorithm>

#include "selective_scan.h"
#include "target.h"

namespace SSM_NAMESPACE {
namespace {

using namespace selective_scan;

struct Space {
  float *transition;     // [vector][N][lanes], times log2 e
  float *state;          // [vector][N][lanes]
  float *delta, *input;  // [vector][stride][lanes]
  float *output;         // [vector][stride][lanes], before skip and gate
  float *decays;         // [chunk][block][lanes]
  int64_t floats;

  Space(float *base, int64_t states) {
    Pieces pieces(base);
    transition = pieces.take(kVectors * states);
    state = pieces.take(kVectors * states);
    for (float **steps : {&delta, &input, &output}) *steps = pieces.take(kVectors * kStride);
    decays = pieces.take(kChunk * kBlock);
    floats = pieces.floats();
  }
};

// Adds to output[l] the sum of c h over a block of states of one vector of channels, which goes through the chunk.
template <int kSize>
void run(int64_t n, int64_t steps, const float *transition, float *state, const float *delta, const float *input,
         const float *b, int64_t b_stride, const float *c, int64_t c_stride, float *decays, float *output) {
  advance<kSize>(n, steps, transition, state, delta, input, b, b_stride, decays, [&](int64_t l, auto states) {
    Floats sum = n == 0 ? Floats{} : load(output + l * kLanes);
    states([&](int j, Floats h) { sum += h * c[l * c_stride + n + j]; });
    store(output + l * kLanes, sum);
  });
}

}  // namespace

int32_t selective_scan_forward_f32(int64_t batch, const int32_t *offsets, int64_t columns, int64_t states,
                                   const float *u, int64_t u_stride, const float *delta_raw, int64_t delta_raw_stride,
                                   const float *delta_bias, const float *a, int64_t a_stride, const float *b,
                                   int64_t b_stride, const float *c, int64_t c_stride, const float *skip,
                                   const float *gate, int64_t gate_stride, const float *initial,
                                   int64_t initial_stride, float *y, int64_t y_stride, float *last,
                                   int64_t last_stride, float *kept, float *workspace) {
  if (batch < 0 || columns < 0 || states < 0) return SSM_INVALID_ARGUMENT;
  const Space space(workspace, states);
  const Operands operands = {u, u_stride, delta_raw, delta_raw_stride, delta_bias};
  const int64_t matrix = states * kLanes;
  for (int64_t i = 0; i < kVectors * kStride && states == 0; ++i) store(space.output + i * kLanes, Floats{});
  for (int64_t first = 0; first < columns; first += kGroupColumns) {
    const int64_t vectors = std::min(kVectors, padded(columns - first) / kLanes);
    auto for_each = [&](auto f) {
      for (int64_t v = 0; v < vectors; ++v) f(v * matrix, first + v * kLanes, columns - first - v * kLanes);
    };
    for_each([&](int64_t at, int64_t column, int64_t count) {
      pack_transition(a + column * a_stride, a_stride, states, count, kLog2E, space.transition + at);
    });
    float *chunk = kept;
    for (int64_t s = 0; s < batch; ++s) {
      for_each([&](int64_t at, int64_t column, int64_t count) {
        load_states(initial == nullptr ? nullptr : initial + s * initial_stride + column * states, states, count,
                    space.state + at);
      });
      for (int64_t row = offsets[s]; row < offsets[s + 1]; row += kChunk) {
        const int64_t steps = std::min<int64_t>(kChunk, offsets[s + 1] - row);
        if (kept != nullptr) {
          for_each([&](int64_t at, int64_t column, int64_t count) {
            keep_states(space.state + at, states, count, chunk + column * states);
          });
          chunk += columns * states;
        }
        for_each_step(row, steps, first, columns, [&](int64_t l, int64_t v, int64_t r, int64_t column, int64_t count) {
          const int64_t at = (v * kStride + l) * kLanes;
          load_step(operands, r, r + kChunk, column, count, space.delta + at, space.input + at);
          prefetch(y + r * y_stride + column, 1);
          if (gate != nullptr) prefetch(gate + r * gate_stride + column, 1);
        });
        for (int64_t v = 0; v < vectors; ++v)
          for_each_block(states, [&](auto size, int64_t n) {
            const int64_t at = v * kStride * kLanes;
            run<decltype(size)::value>(n, steps, space.transition + v * matrix, space.state + v * matrix,
                                       space.delta + at, space.input + at, b + row * b_stride, b_stride,
                                       c + row * c_stride, c_stride, space.decays, space.output + at);
          });
        for_each_step(row, steps, first, columns, [&](int64_t l, int64_t v, int64_t r, int64_t column, int64_t count) {
          Floats sum = load(space.output + (v * kStride + l) * kLanes);
          if (skip != nullptr) sum += load_up_to(skip + column, count) * load_up_to(u + r * u_stride + column, count);
          if (gate != nullptr) {
            const Floats z = load_up_to(gate + r * gate_stride + column, count);
            sum *= z * sigmoid(z);
          }
          store_up_to(y + r * y_stride + column, sum, count);
        });
      }
      for_each([&](int64_t at, int64_t column, int64_t count) {
        if (last != nullptr)
          store_states(space.state + at, states, count, last + s * last_stride + column * states);
      });
    }
  }
  return SSM_OK;
}

int64_t selective_scan_forward_workspace_f32(int64_t states) { return Space(nullptr, states).floats; }

}  // namespace SSM_NAMESPACE
