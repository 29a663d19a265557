// Structured Linear CDE with few coefficients a row, forward: as many sequences as a vector has lanes go through time
// side by side.
#include "interleaved_cde.h"

namespace SSM_NAMESPACE {
namespace interleaved_cde {
namespace {

struct Space {
  Pieces pieces;
  float *scratch;
  float *c;
  float *state;
  float *force;
  float *terms;
  float *increments;
  int32_t *active;

  Space(float *base, int64_t states, int64_t size, int64_t coefficients, int64_t controls) : pieces(base) {
    scratch = pieces.take(size);
    c = pieces.take(coefficients);
    state = pieces.take(states);
    force = pieces.take(states);
    terms = pieces.take(2 * states);
    increments = pieces.take(controls);
    active = reinterpret_cast<int32_t *>(pieces.take(controls + 1));
  }
};

}  // namespace

int64_t forward_workspace(int64_t states, int64_t size, int64_t coefficients, int64_t controls) {
  return Space(nullptr, states, size, coefficients, controls).pieces.floats();
}

int32_t forward(int32_t solver, int32_t structure, int64_t batch, const int32_t *offsets, int64_t controls,
                int64_t states, int64_t size, int64_t coefficients, const int32_t *row_begin, const int32_t *column,
                const float *domega, int64_t domega_stride, const float *theta, const float *force,
                int64_t force_stride, const float *initial, int64_t initial_stride, float *y, int64_t y_stride,
                float *last, int64_t last_stride, float *workspace) {
  const Space space(workspace, states, size, coefficients, controls);
  return with_structure(
      structure, states, size, row_begin, column, space.scratch, [&](auto transition, int64_t expected) -> int32_t {
        if (expected != coefficients) return SSM_INVALID_ARGUMENT;
        Controls moving(space.active);
        for (int64_t first = 0; first < batch; first += kLanes) {
          const int64_t members = std::min<int64_t>(batch - first, kLanes);
          fetch(states, space.state, [&](int s) {
            return initial == nullptr || s >= members ? nullptr : initial + (first + s) * initial_stride;
          });
          const int64_t longest = longest_sequence(members, offsets + first);
          for (int64_t l = 0; l < longest; ++l) {
            const Step step(members, offsets + first, l);
            step.increments(domega, domega_stride, controls, space.increments, moving);
            if (force != nullptr) fetch(states, space.force, step.rows_of(force, force_stride));
            auto advance = [&](const auto &c, const Plan &plan) {
              for (int part = 0; part < plan.most_parts; ++part)
                take_part(transition, plan, step.alive & plan.takes_part(part), c,
                          force == nullptr ? nullptr : space.force, space.state, space.terms, false, space.state);
            };
            with_coefficients(solver, transition, moving, coefficients, space.increments, theta, space.c, advance);
            if (y != nullptr) spread_out(states, space.state, step.rows_of(y, y_stride));
          }
          if (last != nullptr)
            spread_out(states, space.state,
                       [&](int s) { return s >= members ? nullptr : last + (first + s) * last_stride; });
        }
        return SSM_OK;
      });
}

}  // namespace interleaved_cde
}  // namespace SSM_NAMESPACE
