// The tanh recurrence and the LSTM. A tile of sequences goes through time together, so that a weight matrix is read
// once for all of them; products are those of the dense Linear CDE.
#include <cstring>

#include "linear_cde.h"
#include "target.h"

namespace SSM_NAMESPACE {
namespace {

using namespace linear_cde;

constexpr int kGates = 4;
constexpr int kSaved = 5;  // i, f, g, o, c

struct Space {
  float *packed[kGates];
  float *gates[kGates];  // of the tile
  float *h;
  float *c;
  int32_t *order;

  Space(Pieces &pieces, const Geometry &geometry, int gate_count, int64_t batch) {
    for (int k = 0; k < gate_count; ++k) packed[k] = pieces.take(geometry.matrix());
    for (int k = 0; k < gate_count; ++k) gates[k] = pieces.take(geometry.tile * geometry.stride);
    h = pieces.take(geometry.tile * geometry.stride);
    c = pieces.take(geometry.tile * geometry.stride);
    order = reinterpret_cast<int32_t *>(pieces.take(batch));
  }
};

// Copies a row of `states` numbers into a padded vector; zeros where there is none.
SSM_INLINE void fetch(const Geometry &geometry, const float *row, float *to) {
  std::memset(to, 0, geometry.padded * sizeof(float));
  if (row != nullptr) std::memcpy(to, row, geometry.states * sizeof(float));
}

}  // namespace

int64_t recurrent_scan_workspace_f32(int32_t cell, int64_t batch, int64_t hidden) {
  linear_cde::Pieces pieces(nullptr);
  const Space space(pieces, Geometry(hidden), cell == SSM_CELL_LSTM ? kGates : 1, batch);
  (void)space;
  return pieces.used();
}

int32_t recurrent_scan_forward_f32(int32_t cell, int64_t batch, const int32_t *offsets, int64_t hidden, const float *p,
                                   int64_t p_stride, const float *weight, const float *initial, int64_t initial_stride,
                                   float *h, int64_t h_stride, float *saved, int64_t saved_stride, float *last,
                                   int64_t last_stride, float *workspace) {
  if (batch < 0 || hidden < 1 || (cell != SSM_CELL_TANH && cell != SSM_CELL_LSTM)) return SSM_INVALID_ARGUMENT;
  const bool lstm = cell == SSM_CELL_LSTM;
  const int gates = lstm ? kGates : 1;
  const Geometry geometry(hidden);
  linear_cde::Pieces pieces(workspace);
  const Space space(pieces, geometry, gates, batch);
  for (int k = 0; k < gates; ++k) pack(geometry, weight + k * hidden * hidden, false, space.packed[k]);
  sort_by_length(batch, offsets, space.order);
  const int64_t bytes = hidden * sizeof(float);
  Operands operands;
  for (int64_t first = 0; first < batch; first += geometry.tile) {
    const int32_t *order = space.order + first;
    const int tile = static_cast<int>(batch - first < geometry.tile ? batch - first : geometry.tile);
    auto length = [&](int s) { return offsets[order[s] + 1] - offsets[order[s]]; };
    for (int s = 0; s < tile; ++s) {
      const float *before = initial == nullptr ? nullptr : initial + order[s] * initial_stride;
      fetch(geometry, before, space.h + s * geometry.stride);
      if (lstm) fetch(geometry, before == nullptr ? nullptr : before + hidden, space.c + s * geometry.stride);
    }
    int alive = tile;
    for (int64_t l = 0; l < length(0); ++l) {
      while (length(alive - 1) <= l) --alive;
      for (int k = 0; k < gates; ++k) {
        operands.count = 0;
        for (int s = 0; s < alive; ++s) {
          float *gate = space.gates[k] + s * geometry.stride;
          fetch(geometry, p + (offsets[order[s]] + l) * p_stride + k * hidden, gate);
          operands.add(space.h + s * geometry.stride, gate, 1, nullptr);
        }
        multiply(geometry, space.packed[k], operands, nullptr);
      }
      for (int s = 0; s < alive; ++s) {
        const int64_t at = s * geometry.stride, row = offsets[order[s]] + l;
        float *state = space.h + at;
        for (int64_t n = 0; n < hidden; n += kLanes) {
          const int64_t count = hidden - n;
          if (lstm) {
            const Floats in = sigmoid(load(space.gates[0] + at + n)), forget = sigmoid(load(space.gates[1] + at + n));
            const Floats value = tanh(load(space.gates[2] + at + n)), out = sigmoid(load(space.gates[3] + at + n));
            const Floats c = forget * load(space.c + at + n) + in * value;
            store(space.c + at + n, c);
            store(state + n, out * tanh(c));
            float *to = saved + row * saved_stride + n;
            const Floats kept[kSaved] = {in, forget, value, out, c};
            for (int k = 0; k < kSaved; ++k) store_up_to(to + k * hidden, kept[k], count);
          } else {
            store(state + n, tanh(load(space.gates[0] + at + n)));
          }
        }
        std::memcpy(h + row * h_stride, state, bytes);
      }
    }
    for (int s = 0; s < tile && last != nullptr; ++s) {
      std::memcpy(last + order[s] * last_stride, space.h + s * geometry.stride, bytes);
      if (lstm) std::memcpy(last + order[s] * last_stride + hidden, space.c + s * geometry.stride, bytes);
    }
  }
  return SSM_OK;
}

int32_t recurrent_scan_backward_f32(int32_t cell, int64_t batch, const int32_t *offsets, int64_t hidden,
                                    const float *weight, const float *initial, int64_t initial_stride, const float *h,
                                    int64_t h_stride, const float *saved, int64_t saved_stride, const float *dh,
                                    int64_t dh_stride, const float *dlast, int64_t dlast_stride, float *dp,
                                    int64_t dp_stride, float *dinitial, int64_t dinitial_stride, float *workspace) {
  if (batch < 0 || hidden < 1 || (cell != SSM_CELL_TANH && cell != SSM_CELL_LSTM)) return SSM_INVALID_ARGUMENT;
  const bool lstm = cell == SSM_CELL_LSTM;
  const int gates = lstm ? kGates : 1;
  const Geometry geometry(hidden);
  linear_cde::Pieces pieces(workspace);
  const Space space(pieces, geometry, gates, batch);
  for (int k = 0; k < gates; ++k) pack(geometry, weight + k * hidden * hidden, true, space.packed[k]);
  sort_by_length(batch, offsets, space.order);
  const int64_t bytes = hidden * sizeof(float);
  Operands operands;
  for (int64_t first = 0; first < batch; first += geometry.tile) {
    const int32_t *order = space.order + first;
    const int tile = static_cast<int>(batch - first < geometry.tile ? batch - first : geometry.tile);
    auto length = [&](int s) { return offsets[order[s] + 1] - offsets[order[s]]; };
    // space.h and space.c hold the gradients of the state.
    for (int s = 0; s < tile; ++s) {
      const float *of_last = dlast == nullptr ? nullptr : dlast + order[s] * dlast_stride;
      fetch(geometry, of_last, space.h + s * geometry.stride);
      if (lstm) fetch(geometry, of_last == nullptr ? nullptr : of_last + hidden, space.c + s * geometry.stride);
    }
    int alive = 0;
    for (int64_t l = length(0) - 1; l >= 0; --l) {
      while (alive < tile && length(alive) > l) ++alive;
      for (int s = 0; s < alive; ++s) {
        const int64_t at = s * geometry.stride, row = offsets[order[s]] + l;
        float *g = space.h + at;
        for (int64_t n = 0; n < hidden; n += kLanes) {
          const int64_t count = hidden - n;
          const Floats of_h = load(g + n) + load_up_to(dh + row * dh_stride + n, count);
          float *to = dp + row * dp_stride + n;
          if (lstm) {
            Floats kept[kSaved];
            for (int k = 0; k < kSaved; ++k)
              kept[k] = load_up_to(saved + row * saved_stride + k * hidden + n, count);
            const float *previous = l > 0                ? saved + (row - 1) * saved_stride + 4 * hidden + n
                                    : initial == nullptr ? nullptr
                                                         : initial + order[s] * initial_stride + hidden + n;
            const Floats before = previous == nullptr ? Floats{} : load_up_to(previous, count);
            const Floats in = kept[0], forget = kept[1], value = kept[2], out = kept[3], squashed = tanh(kept[4]);
            const Floats of_c = load(space.c + at + n) + of_h * out * (1.0f - squashed * squashed);
            const Floats gradients[kGates] = {
                of_c * value * in * (1.0f - in), of_c * before * forget * (1.0f - forget),
                of_c * in * (1.0f - value * value), of_h * squashed * out * (1.0f - out)};
            store(space.c + at + n, of_c * forget);
            for (int k = 0; k < kGates; ++k) {
              store(space.gates[k] + at + n, gradients[k]);
              store_up_to(to + k * hidden, gradients[k], count);
            }
          } else {
            const Floats state = load_up_to(h + row * h_stride + n, count);
            const Floats gradient = of_h * (1.0f - state * state);
            store(space.gates[0] + at + n, gradient);
            store_up_to(to, gradient, count);
          }
        }
        std::memset(g, 0, geometry.padded * sizeof(float));
      }
      for (int k = 0; k < gates; ++k) {
        operands.count = 0;
        for (int s = 0; s < alive; ++s)
          operands.add(space.gates[k] + s * geometry.stride, space.h + s * geometry.stride, 1, nullptr);
        multiply(geometry, space.packed[k], operands, nullptr);
      }
    }
    for (int s = 0; s < tile && dinitial != nullptr; ++s) {
      std::memcpy(dinitial + order[s] * dinitial_stride, space.h + s * geometry.stride, bytes);
      if (lstm) std::memcpy(dinitial + order[s] * dinitial_stride + hidden, space.c + s * geometry.stride, bytes);
    }
  }
  return SSM_OK;
}

}  // namespace SSM_NAMESPACE
