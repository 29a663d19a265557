// S4D, backward: short sequences by convolution, in others states are stored at the beginning of every chunk of steps and
// recomputed inside it, two at a time.
#include <algorithm>
#include <cstring>
#include <type_traits>

#include "s4d_convolution.h"
#include "target.h"

namespace SSM_NAMESPACE {
namespace {

using namespace s4d_scan;

// Steps between two stored states in a backward; its square reaches the longest sequence, so that memory grows
// with the square root of the length.
int64_t chunk_length(int64_t longest) {
  int64_t chunk = 32;
  while (chunk * chunk < longest) chunk += 16;
  return chunk;
}

struct Space {
  float *parameters;   // [N][6][lanes]
  float *dparameters;  // [N][6][lanes]
  float *state;        // [N][2][lanes]
  float *gradient;     // [N][2][lanes], of the state
  float *starts;       // [chunks][N][2][lanes]
  float *trace;        // [steps + 1][2][2][lanes], of two states
  float *u, *dy, *du;  // [steps][lanes]
  float *response, *dresponse, *padded_dy;  // [steps of a convolution between zeros][lanes]
  int64_t floats;

  Space(float *base, int64_t n, int64_t longest) {
    const int64_t chunk = chunk_length(longest), convolved = longest_convolved(n, longest);
    const int64_t steps = std::max(chunk, convolved);
    Pieces pieces(base);
    parameters = pieces.take(n * kParameters);
    dparameters = pieces.take(n * kParameters);
    state = pieces.take(2 * n);
    gradient = pieces.take(2 * n);
    starts = pieces.take(2 * n * chunk_count(longest, chunk));
    trace = pieces.take((steps + 1) * 4);
    u = pieces.take(steps);
    dy = pieces.take(steps);
    du = pieces.take(steps);
    for (float **array : {&response, &dresponse, &padded_dy}) *array = pieces.take(padded_steps(convolved));
    floats = pieces.floats();
  }
};

// Goes back over `steps` steps of kStates states. state [kStates][2][lanes] is overwritten, gradient in and out;
// du [steps][lanes] and dparameters are added to.
template <int kStates>
void retreat(const float *parameters, const float *u, const float *dy, int64_t steps, float *state, float *gradient,
             float *trace, float *du, float *dparameters) {
  advance<kStates>(parameters, u, steps, state, nullptr, trace);
  Floats sums[kStates][kParameters] = {};
  Floats gr[kStates], gi[kStates];
#pragma GCC unroll 2
  for (int n = 0; n < kStates; ++n) {
    gr[n] = load(gradient + 2 * n * kLanes);
    gi[n] = load(gradient + (2 * n + 1) * kLanes);
  }
  for (int64_t l = steps - 1; l >= 0; --l) {
    const Floats x = load(u + l * kLanes), g = load(dy + l * kLanes);
    Floats dx = load(du + l * kLanes);
    const float *before = trace + l * kStates * 2 * kLanes, *after = before + kStates * 2 * kLanes;
#pragma GCC unroll 2
    for (int n = 0; n < kStates; ++n) {
      const float *at = parameters + n * kParameters * kLanes;
      sums[n][4] += g * load(after + 2 * n * kLanes);
      sums[n][5] += g * load(after + (2 * n + 1) * kLanes);
      const Floats dr = gr[n] + g * load(at + 4 * kLanes), di = gi[n] + g * load(at + 5 * kLanes);
      const Floats hr = load(before + 2 * n * kLanes), hi = load(before + (2 * n + 1) * kLanes);
      sums[n][0] += dr * hr + di * hi;
      sums[n][1] += di * hr - dr * hi;
      sums[n][2] += dr * x;
      sums[n][3] += di * x;
      dx += dr * load(at + 2 * kLanes) + di * load(at + 3 * kLanes);
      const Floats ar = load(at), ai = load(at + kLanes);
      gr[n] = dr * ar + di * ai;
      gi[n] = di * ar - dr * ai;
    }
    store(du + l * kLanes, dx);
  }
#pragma GCC unroll 2
  for (int n = 0; n < kStates; ++n) {
    store(gradient + 2 * n * kLanes, gr[n]);
    store(gradient + (2 * n + 1) * kLanes, gi[n]);
    float *d = dparameters + n * kParameters * kLanes;
    for (int i = 0; i < kParameters; ++i) store(d + i * kLanes, load(d + i * kLanes) + sums[n][i]);
  }
}

}  // namespace

int32_t s4d_scan_backward_f32(int64_t batch, const int32_t *offsets, int64_t columns, int64_t states, const float *u,
                              int64_t u_stride, const float *a_bar, int64_t a_bar_stride, const float *b_bar,
                              int64_t b_bar_stride, const float *c, int64_t c_stride, const float *skip,
                              const float *initial, int64_t initial_stride, const float *dy, int64_t dy_stride,
                              const float *dlast, int64_t dlast_stride, float *du, int64_t du_stride, float *da_bar,
                              int64_t da_bar_stride, float *db_bar, int64_t db_bar_stride, float *dc,
                              int64_t dc_stride, float *dskip, float *dinitial, int64_t dinitial_stride,
                              float *workspace) {
  if (batch < 0 || columns < 0 || states < 0) return SSM_INVALID_ARGUMENT;
  const int64_t longest = longest_sequence(batch, offsets), chunk = chunk_length(longest);
  const Space space(workspace, states, longest);
  const int64_t block = 2 * states * kLanes;
  const bool stateless = initial == nullptr && dlast == nullptr && dinitial == nullptr;
  const int64_t convolved = stateless ? longest_convolved(states, longest) : 0;

  for_each_vector(1, columns, [&](int64_t, int64_t first, int64_t count) {
    pack_parameters(a_bar + first * a_bar_stride, a_bar_stride, b_bar + first * b_bar_stride, b_bar_stride,
                    c + first * c_stride, c_stride, states, count, space.parameters);
    std::memset(space.dparameters, 0, states * kParameters * kLanes * sizeof(float));
    const Floats through = skip == nullptr ? Floats{} : load_up_to(skip + first, count);
    Floats dskip_total = {};
    // Back over `steps` steps of all states, which begin at `start`.
    auto retreat_all = [&](int64_t steps, float *start) {
      auto back = [&](auto tag, int64_t n) {
        retreat<decltype(tag)::value>(space.parameters + n * kParameters * kLanes, space.u, space.dy, steps,
                                      start + 2 * n * kLanes, space.gradient + 2 * n * kLanes, space.trace, space.du,
                                      space.dparameters + n * kParameters * kLanes);
      };
      int64_t n = 0;
      for (; n + 2 <= states; n += 2) back(std::integral_constant<int, 2>(), n);
      if (n < states) back(std::integral_constant<int, 1>(), n);
    };
    float *const response = clear_steps(space.response, convolved);
    float *const dresponse = clear_steps(space.dresponse, convolved);
    float *const padded_dy = clear_steps(space.padded_dy, convolved);
    if (convolved > 0) impulse_response(space.parameters, states, convolved, space.u, space.state, response);
    for (int64_t s = 0; s < batch; ++s) {
      const int64_t begin = offsets[s], length = offsets[s + 1] - begin;
      if (convolved > 0 && length <= convolved) {
        // du runs back through time as y does forward.
        Floats dskip_of_sequence = {};
        for (int64_t l = 0; l < length; ++l) {
          const Floats x = load_up_to(u + (begin + l) * u_stride + first, count);
          const Floats g = load_up_to(dy + (begin + l) * dy_stride + first, count);
          store(space.u + l * kLanes, x);
          store(padded_dy + l * kLanes, g);
          store(space.dy + (length - 1 - l) * kLanes, g);
          store(space.du + (length - 1 - l) * kLanes, through * g);
          dskip_of_sequence += g * x;
        }
        dskip_total += dskip_of_sequence;
        for (int64_t l = length; l < length + kSteps; ++l) store(padded_dy + l * kLanes, Floats{});
        correlate(space.u, padded_dy, length, dresponse);
        convolve(response, space.dy, length, space.du);
        for (int64_t l = 0; l < length; ++l)
          store_up_to(du + (begin + l) * du_stride + first, load(space.du + (length - 1 - l) * kLanes), count);
        continue;
      }
      const int64_t chunks = chunk_count(length, chunk);
      load_states(initial == nullptr ? nullptr : initial + s * initial_stride + first * 2 * states, states, count,
                  space.state);
      for (int64_t k = 0; k < chunks; ++k) {
        std::memcpy(space.starts + k * block, space.state, block * sizeof(float));
        if (k + 1 == chunks) break;
        for (int64_t l = 0; l < chunk; ++l)
          store(space.u + l * kLanes, load_up_to(u + (begin + k * chunk + l) * u_stride + first, count));
        advance_all(space.parameters, states, space.u, chunk, space.state, nullptr);
      }
      load_states(dlast == nullptr ? nullptr : dlast + s * dlast_stride + first * 2 * states, states, count,
                  space.gradient);
      for (int64_t k = chunks - 1; k >= 0; --k) {
        const int64_t start = begin + k * chunk;
        const int64_t steps = length - k * chunk < chunk ? length - k * chunk : chunk;
        Floats dskip_of_chunk = {};
        for (int64_t l = 0; l < steps; ++l) {
          const Floats x = load_up_to(u + (start + l) * u_stride + first, count);
          const Floats g = load_up_to(dy + (start + l) * dy_stride + first, count);
          store(space.u + l * kLanes, x);
          store(space.dy + l * kLanes, g);
          store(space.du + l * kLanes, through * g);
          dskip_of_chunk += g * x;
        }
        dskip_total += dskip_of_chunk;
        retreat_all(steps, space.starts + k * block);
        for (int64_t l = 0; l < steps; ++l)
          store_up_to(du + (start + l) * du_stride + first, load(space.du + l * kLanes), count);
      }
      if (dinitial != nullptr)
        store_states(space.gradient, states, count, dinitial + s * dinitial_stride + first * 2 * states);
    }
    if (convolved > 0) {
      // The gradient of the response is that of the outputs after an impulse.
      for (int64_t l = 0; l < convolved; ++l) {
        store(space.u + l * kLanes, broadcast(l == 0 ? 1.0f : 0.0f));
        store(space.dy + l * kLanes, load(dresponse + l * kLanes));
        store(space.du + l * kLanes, Floats{});
      }
      std::memset(space.state, 0, block * sizeof(float));
      std::memset(space.gradient, 0, block * sizeof(float));
      retreat_all(convolved, space.state);
    }
    for (int64_t i = 0; i < count && i < kLanes; ++i)
      for (int64_t n = 0; n < states; ++n) {
        const float *d = space.dparameters + n * kParameters * kLanes + i;
        da_bar[(first + i) * da_bar_stride + n] += d[0];
        da_bar[(first + i) * da_bar_stride + states + n] += d[kLanes];
        db_bar[(first + i) * db_bar_stride + n] += d[2 * kLanes];
        db_bar[(first + i) * db_bar_stride + states + n] += d[3 * kLanes];
        dc[(first + i) * dc_stride + n] += 2.0f * d[4 * kLanes];
        dc[(first + i) * dc_stride + states + n] -= 2.0f * d[5 * kLanes];
      }
    if (dskip != nullptr) store_up_to(dskip + first, load_up_to(dskip + first, count) + dskip_total, count);
  });
  return SSM_OK;
}

// Room for the forward too, which keeps less.
int64_t s4d_scan_workspace_f32(int64_t states, int64_t longest) { return Space(nullptr, states, longest).floats; }

}  // namespace SSM_NAMESPACE
