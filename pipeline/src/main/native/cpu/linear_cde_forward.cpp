// Dense Linear CDE, forward. A tile of sequences goes through time together; every product A_i z runs only over the
// sequences whose increment of control i is not zero.
#include <cstring>

#include "linear_cde.h"
#include "target.h"

namespace SSM_NAMESPACE {
using namespace linear_cde;

int32_t linear_cde_forward_f32(int32_t solver, int64_t batch, const int32_t *offsets, int64_t controls, int64_t states,
                               int64_t drives, const float *domega, int64_t domega_stride, const float *a,
                               const float *dxi, int64_t dxi_stride, const float *drive, int64_t drive_stride,
                               const float *initial, int64_t initial_stride, float *y, int64_t y_stride, float *last,
                               int64_t last_stride, float *workspace) {
  if (batch < 0 || controls < 0 || states < 0 || drives < 0) return SSM_INVALID_ARGUMENT;
  if (solver != SSM_CDE_EULER && solver != SSM_CDE_RK4) return SSM_INVALID_ARGUMENT;
  if (batch == 0 || states == 0) return SSM_OK;
  const Geometry geometry(states);
  Pieces pieces(workspace);
  const ForwardSpace space(pieces, geometry, batch, controls, drives);
  const int64_t bytes = states * sizeof(float);

  for (int64_t i = 0; i < controls; ++i)
    pack(geometry, a + i * states * states, false, space.packed + i * geometry.matrix());
  pack_drive(geometry, drives, drive, drive_stride, space.drive);
  sort_by_length(batch, offsets, space.order);

  Operands operands;
  geometry.for_each_tile(batch, [&](int64_t first, int tile) {
    const int32_t *order = space.order + first;
    auto length = [&](int s) { return offsets[order[s] + 1] - offsets[order[s]]; };
    float *now = space.states[0], *spare[2] = {space.states[1], space.states[2]};
    for (int s = 0; s < tile; ++s) {
      float *state = now + s * geometry.stride;
      std::memset(state, 0, geometry.stride * sizeof(float));
      if (initial != nullptr) std::memcpy(state, initial + order[s] * initial_stride, bytes);
      if (last != nullptr && length(s) == 0) std::memcpy(last + order[s] * last_stride, state, bytes);
    }
    int alive = tile;
    for (int64_t l = 0; l < length(0); ++l) {
      while (length(alive - 1) <= l) --alive;
      for (int s = 0; s < alive && drives > 0; ++s)
        force(geometry, drives, space.drive, dxi + (offsets[order[s]] + l) * dxi_stride,
              space.forcing + s * geometry.stride);
      // Horner's scheme: z <- now + (M z + f) / q for q = 4, 3, 2, 1 (RK4) or 1 (Euler), from z = now.
      const float *z = now;
      for (int q = solver == SSM_CDE_RK4 ? 4 : 1; q >= 1; --q) {
        float *next = z == spare[0] ? spare[1] : spare[0];
        const float share = 1.0f / q;
        for (int s = 0; s < alive; ++s)
          start_stage(geometry, now + s * geometry.stride, drives > 0 ? space.forcing + s * geometry.stride : nullptr,
                      share, next + s * geometry.stride);
        for (int64_t i = 0; i < controls; ++i) {
          operands.count = 0;
          for (int s = 0; s < alive; ++s) {
            const float increment = domega[(offsets[order[s]] + l) * domega_stride + i];
            if (increment != 0)
              operands.add(z + s * geometry.stride, next + s * geometry.stride, share * increment, nullptr);
          }
          multiply(geometry, space.packed + i * geometry.matrix(), operands, nullptr);
        }
        z = next;
      }
      std::swap(now, z == spare[0] ? spare[0] : spare[1]);
      for (int s = 0; s < alive; ++s) {
        const float *state = now + s * geometry.stride;
        if (y != nullptr) std::memcpy(y + (offsets[order[s]] + l) * y_stride, state, bytes);
        if (last != nullptr && l + 1 == length(s)) std::memcpy(last + order[s] * last_stride, state, bytes);
      }
    }
  });
  return SSM_OK;
}

}  // namespace SSM_NAMESPACE
