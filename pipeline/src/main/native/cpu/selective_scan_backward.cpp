// Selective scan S6, backward. States are known at the beginning of every chunk of steps, because the forward kept them
// or by running through the sequence once more; inside it, the states and decays of one block of states are recomputed
// right before the adjoint goes through them, so they stay in the first-level cache. Shares in the gradients of b and c
// are summed over the vectors of a group before their lanes are.
#include <algorithm>
#include <cstring>

#include "selective_scan.h"
#include "target.h"

namespace SSM_NAMESPACE {
namespace {

using namespace selective_scan;

struct Space {
  float *scaled;           // [vector][N][lanes], the transition times log2 e
  float *transition;       // [vector][N][lanes]
  float *dtransition;      // [vector][N][lanes]
  float *gradient;         // [vector][N][lanes], of the state
  float *starts;           // [chunks][vector][N][lanes]; one chunk where the forward kept states
  float *delta, *input;    // [vector][stride][lanes]
  float *rate;             // [vector][stride][lanes], derivative of delta by delta_raw
  float *g;                // [vector][stride][lanes], gradient of the output before the gate
  float *gate_rate;        // [vector][stride][lanes], dy times the derivative of the gate
  float *output;           // [vector][stride][lanes], before skip and gate
  float *ddelta, *dinput;  // [vector][stride][lanes]
  float *states, *decays;  // [chunk + 1][block][lanes]; the states before each step
  float *db, *dc;          // [chunk][N][lanes]
  int64_t floats;

  Space(float *base, int64_t n, int64_t longest) {
    Pieces pieces(base);
    for (float **matrix : {&scaled, &transition, &dtransition, &gradient}) *matrix = pieces.take(kVectors * n);
    starts = pieces.take(kVectors * n * std::max<int64_t>(chunk_count(longest, kChunk), 1));
    for (float **steps : {&delta, &input, &rate, &g, &gate_rate, &output, &ddelta, &dinput})
      *steps = pieces.take(kVectors * kStride);
    for (float **block : {&states, &decays}) *block = pieces.take(kBlock * (kChunk + 1));
    for (float **shares : {&db, &dc}) *shares = pieces.take(n * kChunk);
    floats = pieces.floats();
  }
};

// What the passes over one chunk of one vector of channels read and write.
struct Chunk {
  int64_t states, steps;
  const float *scaled, *transition;
  float *dtransition, *gradient, *state;
  const float *delta, *input, *g;
  float *output, *ddelta, *dinput;
  const float *b, *c;
  int64_t b_stride, c_stride;
};

// A block of states through the chunk and back: recomputes it, keeping what the adjoint needs, and adds to output,
// ddelta, dinput, to the shares of b and c, and to the gradient of the transition.
template <int kSize, bool kOutput>
void pass(int64_t n, const Chunk &x, const Space &space) {
  float *const before = space.states, *const decays = space.decays;
  const int64_t states = x.states;
#pragma GCC unroll 4
  for (int j = 0; j < kSize; ++j) store(before + j * kLanes, load(x.state + (n + j) * kLanes));
  advance<kSize>(n, x.steps, x.scaled, x.state, x.delta, x.input, x.b, x.b_stride, decays, [&](int64_t l, auto each) {
    const Floats g = load(x.g + l * kLanes);
    Floats sum = kOutput && n > 0 ? load(x.output + l * kLanes) : Floats{};
    each([&](int j, Floats h) {
      store(before + ((l + 1) * kSize + j) * kLanes, h);
      float *const dc = space.dc + (l * states + n + j) * kLanes;
      store(dc, load(dc) + g * h);
      if (kOutput) sum += h * x.c[l * x.c_stride + n + j];
    });
    if (kOutput) store(x.output + l * kLanes, sum);
  });

  Floats gradient[kSize], dtransition[kSize], transition[kSize];
#pragma GCC unroll 4
  for (int j = 0; j < kSize; ++j) {
    gradient[j] = load(x.gradient + (n + j) * kLanes);
    transition[j] = load(x.transition + (n + j) * kLanes);
    dtransition[j] = Floats{};
  }
  for (int64_t l = x.steps - 1; l >= 0; --l) {
    const Floats d = load(x.delta + l * kLanes), input = load(x.input + l * kLanes), g = load(x.g + l * kLanes);
    Floats ddelta = n == 0 ? Floats{} : load(x.ddelta + l * kLanes);
    Floats dinput = n == 0 ? Floats{} : load(x.dinput + l * kLanes);
#pragma GCC unroll 4
    for (int j = 0; j < kSize; ++j) {
      const Floats dh = gradient[j] + g * x.c[l * x.c_stride + n + j];
      dinput += dh * x.b[l * x.b_stride + n + j];
      float *const db = space.db + (l * states + n + j) * kLanes;
      store(db, load(db) + dh * input);
      gradient[j] = dh * load(decays + (l * kSize + j) * kLanes);
      const Floats w = gradient[j] * load(before + (l * kSize + j) * kLanes);
      ddelta += w * transition[j];
      dtransition[j] += w * d;
    }
    store(x.ddelta + l * kLanes, ddelta);
    store(x.dinput + l * kLanes, dinput);
  }
#pragma GCC unroll 4
  for (int j = 0; j < kSize; ++j) {
    const int64_t at = (n + j) * kLanes;
    store(x.gradient + at, gradient[j]);
    store(x.dtransition + at, load(x.dtransition + at) + dtransition[j]);
  }
}

// Row l of a gradient [T, N]: the sums over the lanes of the shares; added, unless this is the first group.
void gather(const float *shares, int64_t states, bool added, float *row) {
  for (int64_t n = 0; n < states; n += kLanes) {
    Floats sum = sums_of_lanes(n, states - n, [&](int64_t i) { return load(shares + i * kLanes); });
    if (added) sum += load_up_to(row + n, states - n);
    store_up_to(row + n, sum, states - n);
  }
}

}  // namespace

int32_t selective_scan_backward_f32(
    int64_t batch, const int32_t *offsets, int64_t columns, int64_t states, const float *u, int64_t u_stride,
    const float *delta_raw, int64_t delta_raw_stride, const float *delta_bias, const float *a, int64_t a_stride,
    const float *b, int64_t b_stride, const float *c, int64_t c_stride, const float *skip, const float *gate,
    int64_t gate_stride, const float *initial, int64_t initial_stride, const float *dy, int64_t dy_stride,
    const float *dlast, int64_t dlast_stride, float *du, int64_t du_stride, float *ddelta_raw,
    int64_t ddelta_raw_stride, float *ddelta_bias, float *da, int64_t da_stride, float *db, int64_t db_stride,
    float *dc, int64_t dc_stride, float *dskip, float *dgate, int64_t dgate_stride, float *dinitial,
    int64_t dinitial_stride, const float *kept, float *workspace) {
  if (batch < 0 || columns < 0 || states < 0) return SSM_INVALID_ARGUMENT;
  const Space space(workspace, states, kept != nullptr ? 0 : longest_sequence(batch, offsets));
  const Operands operands = {u, u_stride, delta_raw, delta_raw_stride, delta_bias};
  const int64_t matrix = states * kLanes;

  for (int64_t r = 0; columns == 0 && batch > 0 && states > 0 && r < offsets[batch]; ++r) {
    std::memset(db + r * db_stride, 0, states * sizeof(float));
    std::memset(dc + r * dc_stride, 0, states * sizeof(float));
  }
  for (float *steps : {space.output, space.ddelta, space.dinput})
    if (states == 0) std::memset(steps, 0, kVectors * kStride * kLanes * sizeof(float));

  for (int64_t first = 0; first < columns; first += kGroupColumns) {
    const int64_t vectors = std::min(kVectors, padded(columns - first) / kLanes);
    auto for_each = [&](auto f) {
      for (int64_t v = 0; v < vectors; ++v) f(v, first + v * kLanes, columns - first - v * kLanes);
    };
    for_each([&](int64_t v, int64_t column, int64_t count) {
      pack_transition(a + column * a_stride, a_stride, states, count, kLog2E, space.scaled + v * matrix);
      pack_transition(a + column * a_stride, a_stride, states, count, 1.0f, space.transition + v * matrix);
    });
    std::memset(space.dtransition, 0, vectors * matrix * sizeof(float));

    const float *kept_states = kept;
    for (int64_t s = 0; s < batch; ++s) {
      const int64_t begin = offsets[s], length = offsets[s + 1] - begin;
      const int64_t chunks = chunk_count(length, kChunk);
      for_each([&](int64_t v, int64_t column, int64_t count) {
        if (chunks > 0 && kept == nullptr)
          load_states(initial == nullptr ? nullptr : initial + s * initial_stride + column * states, states, count,
                      space.starts + v * matrix);
        load_states(dlast == nullptr ? nullptr : dlast + s * dlast_stride + column * states, states, count,
                    space.gradient + v * matrix);
      });
      for (int64_t k = 0; k + 1 < chunks && kept == nullptr; ++k) {
        const int64_t row = begin + k * kChunk;
        for_each_step(row, kChunk, first, columns, [&](int64_t l, int64_t v, int64_t r, int64_t column, int64_t count) {
          const int64_t at = (v * kStride + l) * kLanes;
          load_step(operands, r, r + kChunk, column, count, space.delta + at, space.input + at);
        });
        const float *const from = space.starts + k * kVectors * matrix;
        float *const to = space.starts + (k + 1) * kVectors * matrix;
        std::memcpy(to, from, vectors * matrix * sizeof(float));
        for (int64_t v = 0; v < vectors; ++v)
          for_each_block(states, [&](auto size, int64_t n) {
            advance<decltype(size)::value>(n, kChunk, space.scaled + v * matrix, to + v * matrix,
                                           space.delta + v * kStride * kLanes, space.input + v * kStride * kLanes,
                                           b + row * b_stride, b_stride, space.decays,
                                           [](int64_t, auto each) { each([](int, Floats) {}); });
          });
      }

      for (int64_t k = chunks - 1; k >= 0; --k) {
        const int64_t row = begin + k * kChunk;
        const int64_t steps = std::min(kChunk, length - k * kChunk);
        float *const start = space.starts + (kept == nullptr ? k * kVectors * matrix : 0);
        if (kept != nullptr)
          for_each([&](int64_t v, int64_t column, int64_t count) {
            load_kept(kept_states + (k * columns + column) * states, states, count, start + v * matrix);
          });
        for_each_step(row, steps, first, columns, [&](int64_t l, int64_t v, int64_t r, int64_t column, int64_t count)
                                                      __attribute__((always_inline)) {
          const int64_t at = (v * kStride + l) * kLanes;
          const int64_t next = r - kChunk;
          load_step(operands, r, next, column, count, space.delta + at, space.input + at, space.rate + at);
          prefetch(dy + next * dy_stride + column, 1);
          if (gate != nullptr) prefetch(gate + next * gate_stride + column, 1);
          prefetch(du + r * du_stride + column, 1);
          prefetch(ddelta_raw + r * ddelta_raw_stride + column, 1);
          Floats g = load_up_to(dy + r * dy_stride + column, count);
          if (gate != nullptr) {
            const Floats z = load_up_to(gate + r * gate_stride + column, count), q = sigmoid(z), silu = z * q;
            store(space.gate_rate + at, g * (q + silu * (1.0f - q)));
            g *= silu;
          }
          store(space.g + at, g);
        });
        std::memset(space.db, 0, steps * matrix * sizeof(float));
        std::memset(space.dc, 0, steps * matrix * sizeof(float));
        for_each_block(states, [&](auto size, int64_t n) {
          constexpr int kSize = decltype(size)::value;
          for (int64_t v = 0; v < vectors; ++v) {
            const int64_t at = v * kStride * kLanes;
            const Chunk x = {states, steps, space.scaled + v * matrix, space.transition + v * matrix,
                             space.dtransition + v * matrix, space.gradient + v * matrix,
                             start + v * matrix, space.delta + at, space.input + at,
                             space.g + at, space.output + at, space.ddelta + at, space.dinput + at,
                             b + row * b_stride, c + row * c_stride, b_stride, c_stride};
            dgate == nullptr ? pass<kSize, false>(n, x, space) : pass<kSize, true>(n, x, space);
          }
        });
        for (int64_t l = 0; l < steps; ++l) {
          gather(space.db + l * matrix, states, first > 0, db + (row + l) * db_stride);
          gather(space.dc + l * matrix, states, first > 0, dc + (row + l) * dc_stride);
        }
        for_each_step(row, steps, first, columns, [&](int64_t l, int64_t v, int64_t r, int64_t column, int64_t count) {
          const int64_t at = (v * kStride + l) * kLanes;
          const Floats g = load(space.g + at), dinput = load(space.dinput + at);
          const Floats x = load_up_to(u + r * u_stride + column, count);
          const Floats through = skip == nullptr ? Floats{} : load_up_to(skip + column, count);
          store_up_to(du + r * du_stride + column, dinput * load(space.delta + at) + g * through, count);
          const Floats draw = (load(space.ddelta + at) + dinput * x) * load(space.rate + at);
          store_up_to(ddelta_raw + r * ddelta_raw_stride + column, draw, count);
          if (ddelta_bias != nullptr)
            store_up_to(ddelta_bias + column, load_up_to(ddelta_bias + column, count) + draw, count);
          if (dskip != nullptr) store_up_to(dskip + column, load_up_to(dskip + column, count) + g * x, count);
          if (dgate != nullptr)
            store_up_to(dgate + r * dgate_stride + column,
                        load(space.gate_rate + at) * (load(space.output + at) + through * x), count);
        });
      }
      kept_states += kept == nullptr ? 0 : chunks * columns * states;
      for_each([&](int64_t v, int64_t column, int64_t count) {
        if (dinitial != nullptr)
          store_states(space.gradient + v * matrix, states, count,
                       dinitial + s * dinitial_stride + column * states);
      });
    }
    for_each([&](int64_t v, int64_t column, int64_t count) {
      for (int64_t i = 0; i < count && i < kLanes; ++i)
        for (int64_t n = 0; n < states; ++n)
          da[(column + i) * da_stride + n] += space.dtransition[v * matrix + n * kLanes + i];
    });
  }
  return SSM_OK;
}

int64_t selective_scan_backward_workspace_f32(int64_t states, int64_t longest) {
  return Space(nullptr, states, longest).floats;
}

}  // namespace SSM_NAMESPACE
