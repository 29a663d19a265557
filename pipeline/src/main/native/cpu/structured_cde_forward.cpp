// Structured Linear CDE, forward. With large blocks, a few sequences go through time side by side, their coefficients
// formed together.
#include "interleaved_cde.h"
#include "target.h"

namespace SSM_NAMESPACE {
namespace {

using namespace structured_cde;

struct ForwardSpace {
  Pieces pieces;
  float *c[kGroup];
  float *state[kGroup];
  float *next;
  float *force;
  float *terms;
  int32_t *active;

  ForwardSpace(float *base, int64_t states, int64_t coefficients, int64_t controls) : pieces(base) {
    auto take = [&](int64_t floats) { return pieces.take(padded(floats) / kLanes); };
    for (float *&piece : c) piece = take(coefficients);
    for (float *&piece : state) piece = take(states);
    next = take(states);
    force = take(states);
    terms = take(2 * padded(states));
    active = reinterpret_cast<int32_t *>(take(controls));
  }
};

}  // namespace

int64_t structured_cde_forward_workspace_f32(int64_t states, int64_t size, int64_t coefficients, int64_t controls) {
  return std::max(ForwardSpace(nullptr, states, coefficients, controls).pieces.floats(),
                  interleaved_cde::forward_workspace(states, size, coefficients, controls));
}

int32_t structured_cde_forward_f32(int32_t solver, int32_t structure, int64_t batch, const int32_t *offsets,
                                   int64_t controls, int64_t states, int64_t size, int64_t coefficients,
                                   const int32_t *row_begin, const int32_t *column, const float *domega,
                                   int64_t domega_stride, const float *theta, const float *force, int64_t force_stride,
                                   const float *initial, int64_t initial_stride, float *y, int64_t y_stride,
                                   float *last, int64_t last_stride, float *workspace) {
  if (batch < 0 || controls < 0 || states < 1 || solver < SSM_CDE_EULER || solver > SSM_CDE_EXPONENTIAL)
    return SSM_INVALID_ARGUMENT;
  if (interleaved_cde::takes(structure, size))
    return interleaved_cde::forward(solver, structure, batch, offsets, controls, states, size, coefficients,
                                    row_begin, column, domega, domega_stride, theta, force, force_stride, initial,
                                    initial_stride, y, y_stride, last, last_stride, workspace);
  const ForwardSpace space(workspace, states, coefficients, controls);
  if (states % size != 0 || states * size != coefficients) return SSM_INVALID_ARGUMENT;
  const Blocks transition{states, size};
  Controls moving(space.active);
  for (int64_t first = 0; first < batch; first += kGroup) {
    const int members = static_cast<int>(batch - first < kGroup ? batch - first : kGroup);
    for (int s = 0; s < members; ++s)
      fetch(initial == nullptr ? nullptr : initial + (first + s) * initial_stride, states, space.state[s]);
    const int64_t longest = longest_sequence(members, offsets + first);
    for (int64_t l = 0; l < longest; ++l) {
      const float *increments[kGroup];
      int alive[kGroup], count = 0;
      for (int s = 0; s < members; ++s) {
        const int64_t row = offsets[first + s] + l;
        if (row >= offsets[first + s + 1]) continue;
        increments[count] = domega + row * domega_stride;
        alive[count++] = s;
      }
      moving.find(count, controls, increments);
      form(count, moving, coefficients, increments, theta, space.c);
      for (int k = 0; k < count; ++k) {
        const int64_t row = offsets[first + alive[k]] + l;
        float *state = space.state[alive[k]];
        if (force != nullptr) fetch(force + row * force_stride, states, space.force);
        const Plan plan(solver, transition, coefficients, space.c[k]);
        for (int part = 0; part < plan.parts; ++part) {
          take_part(transition, plan, space.c[k], force == nullptr ? nullptr : space.force, state, space.terms,
                    false, space.next);
          for_lanes(states, [&](int64_t n) { store(state + n, load(space.next + n)); });
        }
        if (y != nullptr) put(state, states, y + row * y_stride);
      }
    }
    for (int s = 0; s < members && last != nullptr; ++s)
      put(space.state[s], states, last + (first + s) * last_stride);
  }
  return SSM_OK;
}

}  // namespace SSM_NAMESPACE
