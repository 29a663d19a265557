// Selective scan S6, backward. States are stored at the beginning of every chunk of steps and recomputed inside it, so
// that memory does not hold [B, L, D, N].
#include <algorithm>
#include <cstring>

#include "selective_scan.h"
#include "target.h"

namespace SSM_NAMESPACE {
namespace {

using namespace selective_scan;

// Steps between two stored states: the states of one vector of channels and 16 states fit the first-level cache. Long
// sequences take the square root of their length, and so does their memory.
int64_t chunk_length(int64_t longest) {
  int64_t chunk = 16;
  while (chunk * chunk < longest) chunk += 16;
  return chunk;
}

#if defined(__clang__)
#define SSM_SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SSM_SHUFFLE(a, b, ...) __builtin_shuffle(a, b, Ints{__VA_ARGS__})
#endif

// Sums of neighbouring lanes: those of a, then those of b.
SSM_INLINE Floats add_neighbours(Floats a, Floats b) {
#if SSM_VECTOR_BYTES == 64
  return SSM_SHUFFLE(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30) +
         SSM_SHUFFLE(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
#elif SSM_VECTOR_BYTES == 32
  return SSM_SHUFFLE(a, b, 0, 2, 4, 6, 8, 10, 12, 14) + SSM_SHUFFLE(a, b, 1, 3, 5, 7, 9, 11, 13, 15);
#else
  return SSM_SHUFFLE(a, b, 0, 2, 4, 6) + SSM_SHUFFLE(a, b, 1, 3, 5, 7);
#endif
}

struct Shares {
  Floats b, c;
};

// Lane i of the result: the sum over the lanes of f(first + i), for i < kCount lanes.
template <int kCount, typename F>
SSM_INLINE Shares sums_of_lanes(int64_t first, F &f) {
  if constexpr (kCount == 1) {
    return f(first);
  } else {
    const Shares low = sums_of_lanes<kCount / 2>(first, f), high = sums_of_lanes<kCount / 2>(first + kCount / 2, f);
    return {add_neighbours(low.b, high.b), add_neighbours(low.c, high.c)};
  }
}

struct BackwardSpace {
  float *scaled;       // [vector][N][lanes], the transition times log2 e
  float *transition;   // [vector][N][lanes]
  float *dtransition;  // [vector][N][lanes]
  float *gradient;     // [vector][N][lanes], of the state
  float *starts;       // [chunks][vector][N][lanes]
  float *delta, *u;    // [vector][chunk][lanes]
  float *g;            // [vector][chunk][lanes], gradient of the output before the gate
  float *sum;          // [vector][chunk][lanes], output before the gate
  float *ddelta, *dinput;  // [vector][chunk][lanes]
  float *states;       // [chunk + 1][N][lanes]
  float *decays;       // [chunk][N][lanes]
  float *dchunk;       // [N][lanes], gradient of the transition from one chunk

  // With a null base it only counts.
  int64_t floats = 0;

  BackwardSpace(float *base, int64_t n, int64_t longest) {
    const int64_t chunk = chunk_length(longest);
    auto take = [&](int64_t size) {
      float *piece = base == nullptr ? nullptr : base + floats;
      floats += size * kLanes;
      return piece;
    };
    scaled = take(kVectors * n);
    transition = take(kVectors * n);
    dtransition = take(kVectors * n);
    gradient = take(kVectors * n);
    starts = take(kVectors * n * ((longest + chunk - 1) / chunk));
    for (float **steps : {&delta, &u, &g, &sum, &ddelta, &dinput}) *steps = take(kVectors * chunk);
    states = take(n * (chunk + 1));
    decays = take(n * chunk);
    dchunk = take(n);
  }
};

// The states of one vector of channels after `steps` steps.
void advance(int64_t states, int64_t steps, const float *scaled, float *state, const float *delta, const float *u,
             const float *b, int64_t b_stride) {
  for (int64_t l = 0; l < steps; ++l, b += b_stride) {
    const Floats d = load(delta + l * kLanes), input = d * load(u + l * kLanes);
    for (int64_t n = 0; n < states; ++n)
      store(state + n * kLanes,
            exp2_of_decay(d * load(scaled + n * kLanes)) * load(state + n * kLanes) + input * b[n]);
  }
}

// All states and decays of a chunk, from states[0]; where kOutput, also sum over n of c h.
template <bool kOutput>
void recompute(int64_t states, int64_t steps, const float *scaled, float *state, float *decay, const float *delta,
               const float *u, const float *b, int64_t b_stride, const float *c, int64_t c_stride, float *sum) {
  for (int64_t l = 0; l < steps; ++l, b += b_stride, c += c_stride) {
    const Floats d = load(delta + l * kLanes), input = d * load(u + l * kLanes);
    Floats out = {};
    float *after = state + states * kLanes;
    for (int64_t n = 0; n < states; ++n) {
      const Floats e = exp2_of_decay(d * load(scaled + n * kLanes));
      const Floats h = e * load(state + n * kLanes) + input * b[n];
      store(decay + n * kLanes, e);
      store(after + n * kLanes, h);
      if (kOutput) out += h * c[n];
    }
    if (kOutput) store(sum + l * kLanes, out);
    state = after;
    decay += states * kLanes;
  }
}

struct Adjoint {
  int64_t states, steps;
  const float *transition, *state, *decay;
  const float *delta, *u, *g;
  const float *b, *c;
  int64_t b_stride, c_stride;
  float *gradient, *dchunk;
  float *db, *dc;
  int64_t db_stride, dc_stride;
  bool overwrite;  // db and dc, instead of adding to them
  float *ddelta, *dinput;
};

// The adjoint of one vector of channels through a chunk, last step first.
void retreat(const Adjoint &x) {
  const float *const transition = x.transition;
  float *const gradient = x.gradient, *const dchunk = x.dchunk;
  const int64_t states = x.states;
  for (int64_t l = x.steps - 1; l >= 0; --l) {
    const float *const before = x.state + l * states * kLanes, *const after = before + states * kLanes;
    const float *const decay = x.decay + l * states * kLanes;
    const float *const b = x.b + l * x.b_stride, *const c = x.c + l * x.c_stride;
    const Floats d = load(x.delta + l * kLanes), input = d * load(x.u + l * kLanes), g = load(x.g + l * kLanes);
    Floats ddelta = {}, dinput = {};
    auto share = [&](int64_t n) -> Shares {
      const int64_t at = n * kLanes;
      const Floats dh = load(gradient + at) + g * c[n];
      dinput += dh * b[n];
      const Floats carried = dh * load(decay + at);
      const Floats w = carried * load(before + at);
      ddelta += w * load(transition + at);
      store(dchunk + at, load(dchunk + at) + w * d);
      store(gradient + at, carried);
      return {dh * input, g * load(after + at)};
    };
    for (int64_t first = 0; first < states; first += kLanes) {
      const int64_t inside = states - first;
      auto guarded = [&](int64_t n) -> Shares { return n < states ? share(n) : Shares{Floats{}, Floats{}}; };
      Shares sums = inside >= kLanes ? sums_of_lanes<kLanes>(first, share) : sums_of_lanes<kLanes>(first, guarded);
      float *const db = x.db + l * x.db_stride + first, *const dc = x.dc + l * x.dc_stride + first;
      if (!x.overwrite) {
        sums.b += load_up_to(db, inside);
        sums.c += load_up_to(dc, inside);
      }
      store_up_to(db, sums.b, inside);
      store_up_to(dc, sums.c, inside);
    }
    store(x.ddelta + l * kLanes, ddelta);
    store(x.dinput + l * kLanes, dinput);
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
    int64_t dinitial_stride, float *workspace) {
  if (batch < 0 || columns < 0 || states < 0) return SSM_INVALID_ARGUMENT;
  int64_t longest = 0;
  for (int64_t s = 0; s < batch; ++s) longest = std::max<int64_t>(longest, offsets[s + 1] - offsets[s]);
  const int64_t chunk = chunk_length(longest);
  const BackwardSpace space(workspace, states, longest);
  const Operands operands = {states, u, u_stride, delta_raw, delta_raw_stride, delta_bias, b, b_stride};
  const int64_t matrix = states * kLanes, steps_size = chunk * kLanes;

  for (int64_t r = 0; columns == 0 && batch > 0 && states > 0 && r < offsets[batch]; ++r) {
    std::memset(db + r * db_stride, 0, states * sizeof(float));
    std::memset(dc + r * dc_stride, 0, states * sizeof(float));
  }

  for (int64_t first = 0; first < columns; first += kGroupColumns) {
    const int64_t width = std::min(kGroupColumns, columns - first);
    const int64_t vectors = (width + kLanes - 1) / kLanes;
    auto for_each = [&](auto f) {
      for (int64_t v = 0; v < vectors; ++v) f(v, first + v * kLanes, width - v * kLanes);
    };
    for_each([&](int64_t v, int64_t column, int64_t count) {
      pack_transition(a + column * a_stride, a_stride, states, count, kLog2E, space.scaled + v * matrix);
      pack_transition(a + column * a_stride, a_stride, states, count, 1.0f, space.transition + v * matrix);
    });
    std::memset(space.dtransition, 0, vectors * matrix * sizeof(float));

    for (int64_t s = 0; s < batch; ++s) {
      const int64_t begin = offsets[s], length = offsets[s + 1] - begin;
      const int64_t chunks = (length + chunk - 1) / chunk;
      for_each([&](int64_t v, int64_t column, int64_t count) {
        if (chunks > 0)
          load_states(initial == nullptr ? nullptr : initial + s * initial_stride + column * states, states, count,
                      space.starts + v * matrix);
        load_states(dlast == nullptr ? nullptr : dlast + s * dlast_stride + column * states, states, count,
                    space.gradient + v * matrix);
      });
      for (int64_t k = 0; k + 1 < chunks; ++k) {
        const int64_t row = begin + k * chunk;
        load_steps(operands, row, chunk, chunk, first, width, space.delta, space.u);
        const float *from = space.starts + k * kVectors * matrix;
        float *to = space.starts + (k + 1) * kVectors * matrix;
        std::memcpy(to, from, vectors * matrix * sizeof(float));
        for (int64_t v = 0; v < vectors; ++v)
          advance(states, chunk, space.scaled + v * matrix, to + v * matrix, space.delta + v * steps_size,
                  space.u + v * steps_size, b + row * b_stride, b_stride);
      }

      for (int64_t k = chunks - 1; k >= 0; --k) {
        const int64_t row = begin + k * chunk;
        const int64_t steps = std::min(chunk, length - k * chunk);
        load_steps(operands, row, steps, chunk, first, width, space.delta, space.u);
        for (int64_t l = 0; l < steps; ++l)
          for_each([&](int64_t v, int64_t column, int64_t count) {
            Floats g = load_up_to(dy + (row + l) * dy_stride + column, count);
            if (gate != nullptr) {
              const Floats z = load_up_to(gate + (row + l) * gate_stride + column, count);
              g *= z * sigmoid(z);
            }
            store(space.g + v * steps_size + l * kLanes, g);
          });
        for_each([&](int64_t v, int64_t, int64_t) {
          std::memcpy(space.states, space.starts + (k * kVectors + v) * matrix, matrix * sizeof(float));
          std::memset(space.dchunk, 0, matrix * sizeof(float));
          const auto compute = dgate == nullptr ? &recompute<false> : &recompute<true>;
          const int64_t at = v * steps_size;
          compute(states, steps, space.scaled + v * matrix, space.states, space.decays, space.delta + at,
                  space.u + at, b + row * b_stride, b_stride, c + row * c_stride, c_stride, space.sum + at);
          retreat({states, steps, space.transition + v * matrix, space.states, space.decays, space.delta + at,
                   space.u + at, space.g + at, b + row * b_stride, c + row * c_stride, b_stride, c_stride,
                   space.gradient + v * matrix, space.dchunk, db + row * db_stride, dc + row * dc_stride, db_stride,
                   dc_stride, first == 0 && v == 0, space.ddelta + at, space.dinput + at});
          float *total = space.dtransition + v * matrix;
          for (int64_t i = 0; i < matrix; i += kLanes) store(total + i, load(total + i) + load(space.dchunk + i));
        });
        for_each([&](int64_t v, int64_t column, int64_t count) {
          Floats dbias = {}, dthrough = {};
          const Floats bias = delta_bias == nullptr ? Floats{} : load_up_to(delta_bias + column, count);
          const Floats through = skip == nullptr ? Floats{} : load_up_to(skip + column, count);
          for (int64_t l = steps - 1; l >= 0; --l) {
            const int64_t at = v * steps_size + l * kLanes, r = row + l;
            const Floats g = load(space.g + at), x = load(space.u + at), dinput = load(space.dinput + at);
            store_up_to(du + r * du_stride + column, dinput * load(space.delta + at) + g * through, count);
            dthrough += g * x;
            // The derivative of softplus is the logistic function.
            const Floats raw = load_up_to(delta_raw + r * delta_raw_stride + column, count) + bias;
            const Floats draw = (load(space.ddelta + at) + dinput * x) * sigmoid(raw);
            dbias += draw;
            store_up_to(ddelta_raw + r * ddelta_raw_stride + column, draw, count);
            if (dgate != nullptr) {
              const Floats z = load_up_to(gate + r * gate_stride + column, count), q = sigmoid(z);
              const Floats out = load(space.sum + at) + through * x;
              store_up_to(dgate + r * dgate_stride + column,
                          load_up_to(dy + r * dy_stride + column, count) * out * (q + z * q * (1.0f - q)), count);
            }
          }
          if (ddelta_bias != nullptr)
            store_up_to(ddelta_bias + column, load_up_to(ddelta_bias + column, count) + dbias, count);
          if (dskip != nullptr) store_up_to(dskip + column, load_up_to(dskip + column, count) + dthrough, count);
        });
      }
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
  return BackwardSpace(nullptr, states, longest).floats;
}

}  // namespace SSM_NAMESPACE
