// S4D as the convolution with its impulse response, in the lanes of a vector of channels. Over L steps it takes L / 2
// multiply-adds a step and the scan 8 N, so short sequences that begin and end without a state are convolved.
#pragma once

#include "s4d_scan.h"

namespace SSM_NAMESPACE {
namespace s4d_scan {

// Steps whose sums are in registers together; as many zeros stand before and after what is convolved.
constexpr int kSteps = 8;

// Longest sequence that is convolved.
inline int64_t longest_convolved(int64_t states, int64_t longest) { return longest < 4 * states ? longest : 4 * states; }

// Vectors of an array of `steps` steps between zeros.
inline int64_t padded_steps(int64_t steps) { return steps + 2 * kSteps; }

// Zeros an array of `steps` steps and those around it; returns its first step.
inline float *clear_steps(float *base, int64_t steps) {
  for (int64_t l = 0; l < padded_steps(steps); ++l) store(base + l * kLanes, Floats{});
  return base + kSteps * kLanes;
}

// response[l] = what an impulse at step 0 does at step l; state [N][2][lanes] is scratch, response between zeros.
inline void impulse_response(const float *parameters, int64_t states, int64_t steps, float *impulse, float *state,
                             float *response) {
  for (int64_t l = 0; l < steps; ++l) store(impulse + l * kLanes, broadcast(l == 0 ? 1.0f : 0.0f));
  for (int64_t n = 0; n < 2 * states; ++n) store(state + n * kLanes, Floats{});
  advance_all(parameters, states, impulse, steps, state, response);
}

// y[l] += sum over m <= l of response[l - m] u[m]; response stands between zeros.
inline void convolve(const float *response, const float *u, int64_t steps, float *y) {
  for (int64_t first = 0; first < steps; first += kSteps) {
    Floats sum[kSteps] = {};
    const int64_t end = first + kSteps < steps ? first + kSteps : steps;
    for (int64_t m = 0; m < end; ++m) {
      const Floats x = load(u + m * kLanes);
      const float *at = response + (first - m) * kLanes;
#pragma GCC unroll 8
      for (int j = 0; j < kSteps; ++j) sum[j] += x * load(at + j * kLanes);
    }
#pragma GCC unroll 8
    for (int j = 0; j < kSteps; ++j)
      if (first + j < end) store(y + (first + j) * kLanes, load(y + (first + j) * kLanes) + sum[j]);
  }
}

// correlation[t] += sum over m of u[m] dy[m + t]; dy stands between zeros.
inline void correlate(const float *u, const float *dy, int64_t steps, float *correlation) {
  for (int64_t first = 0; first < steps; first += kSteps) {
    Floats sum[kSteps] = {};
    for (int64_t m = 0; m + first < steps; ++m) {
      const Floats x = load(u + m * kLanes);
      const float *at = dy + (first + m) * kLanes;
#pragma GCC unroll 8
      for (int j = 0; j < kSteps; ++j) sum[j] += x * load(at + j * kLanes);
    }
#pragma GCC unroll 8
    for (int j = 0; j < kSteps; ++j)
      if (first + j < steps)
        store(correlation + (first + j) * kLanes, load(correlation + (first + j) * kLanes) + sum[j]);
  }
}

}  // namespace s4d_scan
}  // namespace SSM_NAMESPACE
