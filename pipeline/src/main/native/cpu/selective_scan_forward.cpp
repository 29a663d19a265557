// Selective scan S6, forward.
#include <algorithm>

#include "selective_scan.h"
#include "target.h"

namespace SSM_NAMESPACE {
namespace {

using namespace selective_scan;

constexpr int64_t kChunk = 16;

struct ForwardSpace {
  float *transition;  // [vector][N][lanes], times log2 e
  float *state;       // [vector][N][lanes]
  float *delta, *u;   // [vector][chunk][lanes]
  float *sum;         // [vector][chunk][lanes]

  ForwardSpace(float *base, int64_t states) {
    const int64_t matrix = kVectors * states * kLanes, steps = kVectors * kChunk * kLanes;
    transition = base;
    state = transition + matrix;
    delta = state + matrix;
    u = delta + steps;
    sum = u + steps;
  }

  static int64_t floats(int64_t states) { return kVectors * kLanes * (2 * states + 3 * kChunk); }
};

// Advances one vector of channels: sum[l] = sum over n of c h.
void advance(int64_t states, int64_t steps, const float *transition, float *state, const float *delta, const float *u,
             const float *b, int64_t b_stride, const float *c, int64_t c_stride, float *sum) {
  for (int64_t l = 0; l < steps; ++l, b += b_stride, c += c_stride) {
    const Floats d = load(delta + l * kLanes), input = d * load(u + l * kLanes);
    Floats even = {}, odd = {};
    int64_t n = 0;
    auto step = [&](int64_t at) {
      const Floats h =
          exp2_of_decay(d * load(transition + at * kLanes)) * load(state + at * kLanes) + input * b[at];
      store(state + at * kLanes, h);
      return h * c[at];
    };
    for (; n + 2 <= states; n += 2) {
      even += step(n);
      odd += step(n + 1);
    }
    if (n < states) even += step(n);
    store(sum + l * kLanes, even + odd);
  }
}

}  // namespace

int32_t selective_scan_forward_f32(int64_t batch, const int32_t *offsets, int64_t columns, int64_t states,
                                   const float *u, int64_t u_stride, const float *delta_raw, int64_t delta_raw_stride,
                                   const float *delta_bias, const float *a, int64_t a_stride, const float *b,
                                   int64_t b_stride, const float *c, int64_t c_stride, const float *skip,
                                   const float *gate, int64_t gate_stride, const float *initial,
                                   int64_t initial_stride, float *y, int64_t y_stride, float *last,
                                   int64_t last_stride, float *workspace) {
  if (batch < 0 || columns < 0 || states < 0) return SSM_INVALID_ARGUMENT;
  const ForwardSpace space(workspace, states);
  const Operands operands = {states, u, u_stride, delta_raw, delta_raw_stride, delta_bias, b, b_stride};
  const int64_t matrix = states * kLanes, steps_size = kChunk * kLanes;
  for (int64_t first = 0; first < columns; first += kGroupColumns) {
    const int64_t width = std::min(kGroupColumns, columns - first);
    const int64_t vectors = (width + kLanes - 1) / kLanes;
    for (int64_t v = 0; v < vectors; ++v)
      pack_transition(a + (first + v * kLanes) * a_stride, a_stride, states, width - v * kLanes, kLog2E,
                      space.transition + v * matrix);
    for (int64_t s = 0; s < batch; ++s) {
      for (int64_t v = 0; v < vectors; ++v)
        load_states(initial == nullptr ? nullptr : initial + s * initial_stride + (first + v * kLanes) * states,
                    states, width - v * kLanes, space.state + v * matrix);
      for (int64_t row = offsets[s]; row < offsets[s + 1]; row += kChunk) {
        const int64_t steps = std::min<int64_t>(kChunk, offsets[s + 1] - row);
        load_steps(operands, row, steps, kChunk, first, width, space.delta, space.u);
        for (int64_t v = 0; v < vectors; ++v)
          advance(states, steps, space.transition + v * matrix, space.state + v * matrix,
                  space.delta + v * steps_size, space.u + v * steps_size, b + row * b_stride, b_stride,
                  c + row * c_stride, c_stride, space.sum + v * steps_size);
        for (int64_t l = 0; l < steps; ++l)
          for (int64_t v = 0; v < vectors; ++v) {
            const int64_t column = first + v * kLanes, count = width - v * kLanes, at = v * steps_size + l * kLanes;
            Floats sum = load(space.sum + at);
            if (skip != nullptr) sum += load_up_to(skip + column, count) * load(space.u + at);
            if (gate != nullptr) {
              const Floats z = load_up_to(gate + (row + l) * gate_stride + column, count);
              sum *= z * sigmoid(z);
            }
            store_up_to(y + (row + l) * y_stride + column, sum, count);
          }
      }
      for (int64_t v = 0; v < vectors && last != nullptr; ++v)
        store_states(space.state + v * matrix, states, width - v * kLanes,
                     last + s * last_stride + (first + v * kLanes) * states);
    }
  }
  return SSM_OK;
}

int64_t selective_scan_forward_workspace_f32(int64_t states) { return ForwardSpace::floats(states); }

}  // namespace SSM_NAMESPACE
