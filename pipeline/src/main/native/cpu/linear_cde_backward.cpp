// Dense Linear CDE, backward: the adjoint runs through time in the same tiles as the forward; the gradient of A is
// collected as pairs of vectors, many steps at a time, and added as matrix products.
#include <algorithm>
#include <cstring>

#include "linear_cde.h"
#include "target.h"

namespace SSM_NAMESPACE {
namespace {

using namespace linear_cde;

// Pairs (h, u, increments) whose sum of increment_i h u^T is the gradient of A_i.
constexpr int64_t kPairs = 256;

struct BackwardSpace {
  float *forward;   // [W][matrix], for M u
  float *adjoint;   // [W][matrix], for M^T h
  float *drive;     // [X][padded]
  float *ddrive;    // [X][padded]
  float *stages[4];  // inputs of the stages
  float *gradient;  // of the state after the step, then before it
  float *h[2];
  float *forcing;
  float *dforcing;
  float *domega;  // [tile][W]
  float *left, *right, *increments;  // [pairs][stride], [pairs][stride], [pairs][W]
  float *left_panels, *right_panels;
  int32_t *order;

  BackwardSpace(Pieces &pieces, const Geometry &geometry, int64_t batch, int64_t controls, int64_t drives) {
    const int64_t vectors = geometry.tile * geometry.stride;
    forward = pieces.take(controls * geometry.matrix());
    adjoint = pieces.take(controls * geometry.matrix());
    drive = pieces.take(drives * geometry.padded);
    ddrive = pieces.take(drives * geometry.padded);
    for (float *&stage : stages) stage = pieces.take(vectors);
    gradient = pieces.take(vectors);
    for (float *&vector : h) vector = pieces.take(vectors);
    forcing = pieces.take(vectors);
    dforcing = pieces.take(vectors);
    domega = pieces.take(geometry.tile * controls);
    left = pieces.take(kPairs * geometry.stride);
    right = pieces.take(kPairs * geometry.stride);
    increments = pieces.take(kPairs * controls);
    left_panels = pieces.take(kPairs * (geometry.states + kGroup));
    right_panels = pieces.take(kPairs * geometry.padded);
    order = reinterpret_cast<int32_t *>(pieces.take(batch));
  }
};

// sum[r][v] += sum over pairs of left[pair][r] right[pair][v]: kRows rows of dA, kVectors vectors of its columns.
template <int kRows, int kVectors>
void add_outer_products(int64_t pairs, const float *left, const float *right, float *target, int64_t stride,
                        int64_t columns) {
  Floats sum[kRows][kVectors];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) sum[r][v] = Floats{};
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) __builtin_prefetch(target + r * stride);  // long before it is added to
  for (int64_t p = 0; p < pairs; ++p) {
    Floats m[kVectors];
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) m[v] = load(right + v * kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const Floats b = broadcast(left[r]);
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) sum[r][v] += b * m[v];
    }
    left += kRows;
    right += kVectors * kLanes;
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      float *t = target + r * stride + v * kLanes;
      const int64_t count = columns - v * kLanes;
      if (count > 0) store_up_to(t, load_up_to(t, count) + sum[r][v], count);
    }
}

typedef void (*OuterProducts)(int64_t, const float *, const float *, float *, int64_t, int64_t);

template <int kVectors, int... kRows>
OuterProducts outer_products(int rows, std::integer_sequence<int, kRows...>) {
  static constexpr OuterProducts kProducts[] = {&add_outer_products<kRows + 1, kVectors>...};
  return kProducts[rows - 1];
}

class Backward {
 public:
  Backward(const Geometry &geometry, const BackwardSpace &space, int64_t controls, float *da)
      : geometry_(geometry), space_(space), controls_(controls), da_(da) {}

  // Remembers h u^T with the increments of a step.
  void collect(const float *h, float share, const float *u, const float *increments) {
    float *left = space_.left + pairs_ * geometry_.stride;
    for (int64_t n = 0; n < geometry_.padded; n += kLanes) store(left + n, share * load(h + n));
    std::memcpy(space_.right + pairs_ * geometry_.stride, u, geometry_.padded * sizeof(float));
    std::memcpy(space_.increments + pairs_ * controls_, increments, controls_ * sizeof(float));
    if (++pairs_ == kPairs) flush();
  }

  // Adds what was collected to da, pairs in the order they came.
  void flush() {
    for (int64_t i = 0; i < controls_ && pairs_ > 0; ++i) add_control(i);
    pairs_ = 0;
  }

 private:
  void add_control(int64_t i) {
    int32_t used[kPairs];
    int64_t count = 0;
    for (int64_t p = 0; p < pairs_; ++p)
      if (space_.increments[p * controls_ + i] != 0) used[count++] = static_cast<int32_t>(p);
    if (count == 0) return;
    const int64_t n = geometry_.states;
    for (int64_t first = 0; first < n; first += kGroup) {
      const int64_t rows = n - first < kGroup ? n - first : kGroup;
      float *panel = space_.left_panels + first * kPairs;
      for (int64_t p = 0; p < count; ++p) {
        const float increment = space_.increments[used[p] * controls_ + i];
        const float *left = space_.left + used[p] * geometry_.stride + first;
        for (int64_t r = 0; r < rows; ++r) panel[p * rows + r] = increment * left[r];
      }
    }
    for (int64_t column = 0; column < geometry_.padded; column += 2 * kLanes) {
      const int64_t vectors = geometry_.padded - column > kLanes ? 2 : 1;
      float *panel = space_.right_panels;
      for (int64_t p = 0; p < count; ++p)
        for (int64_t v = 0; v < vectors; ++v)
          store(panel + (p * vectors + v) * kLanes,
                load(space_.right + used[p] * geometry_.stride + column + v * kLanes));
      for (int64_t first = 0; first < n; first += kGroup) {
        const int rows = static_cast<int>(n - first < kGroup ? n - first : kGroup);
        const auto all = std::make_integer_sequence<int, kGroup>();
        const OuterProducts add = vectors == 2 ? outer_products<2>(rows, all) : outer_products<1>(rows, all);
        add(count, space_.left_panels + first * kPairs, panel, da_ + (i * n + first) * n + column, n, n - column);
      }
    }
  }

  const Geometry &geometry_;
  const BackwardSpace &space_;
  int64_t controls_;
  float *da_;
  int64_t pairs_ = 0;
};

}  // namespace

int32_t linear_cde_backward_f32(int32_t solver, int64_t batch, const int32_t *offsets, int64_t controls,
                                int64_t states, int64_t drives, const float *domega, int64_t domega_stride,
                                const float *a, const float *dxi, int64_t dxi_stride, const float *drive,
                                int64_t drive_stride, const float *initial, int64_t initial_stride, const float *y,
                                int64_t y_stride, const float *dy, int64_t dy_stride, const float *dlast,
                                int64_t dlast_stride, float *ddomega, int64_t ddomega_stride, float *da, float *ddxi,
                                int64_t ddxi_stride, float *ddrive, int64_t ddrive_stride, float *dinitial,
                                int64_t dinitial_stride, float *workspace) {
  if (batch < 0 || controls < 0 || states < 0 || drives < 0) return SSM_INVALID_ARGUMENT;
  if (solver != SSM_CDE_EULER && solver != SSM_CDE_RK4) return SSM_INVALID_ARGUMENT;
  if (batch == 0) return SSM_OK;
  const Geometry geometry(states);
  Pieces pieces(workspace);
  const BackwardSpace space(pieces, geometry, batch, controls, drives);
  const int64_t bytes = states * sizeof(float);
  const int stages = solver == SSM_CDE_RK4 ? 4 : 1;
  const bool want_forcing = ddxi != nullptr || ddrive != nullptr;

  for (int64_t i = 0; i < controls; ++i) {
    pack(geometry, a + i * states * states, true, space.adjoint + i * geometry.matrix());
    if (stages > 1) pack(geometry, a + i * states * states, false, space.forward + i * geometry.matrix());
  }
  pack_drive(geometry, drives, drive, drive_stride, space.drive);
  if (drives > 0) std::memset(space.ddrive, 0, drives * geometry.padded * sizeof(float));
  sort_by_length(batch, offsets, space.order);
  Backward pairs(geometry, space, controls, da);

  Operands operands;
  float dots[kMaximumTile];
  geometry.for_each_tile(batch, [&](int64_t first, int tile) {
    const int32_t *order = space.order + first;
    auto length = [&](int s) -> int64_t { return offsets[order[s] + 1] - offsets[order[s]]; };
    auto at = [&](float *vectors, int s) { return vectors + s * geometry.stride; };
    for (int s = 0; s < tile; ++s) {
      float *g = at(space.gradient, s);
      std::memset(g, 0, geometry.stride * sizeof(float));
      if (dlast != nullptr) std::memcpy(g, dlast + order[s] * dlast_stride, bytes);
    }
    int alive = 0;
    for (int64_t l = length(0) - 1; l >= 0; --l) {
      while (alive < tile && length(alive) > l) ++alive;
      auto row = [&](int s) { return offsets[order[s]] + l; };
      // The inputs of the stages, from the stored state before the step.
      for (int s = 0; s < alive; ++s) {
        float *u = at(space.stages[0], s);
        std::memset(u, 0, geometry.stride * sizeof(float));
        if (l > 0)
          std::memcpy(u, y + (row(s) - 1) * y_stride, bytes);
        else if (initial != nullptr)
          std::memcpy(u, initial + order[s] * initial_stride, bytes);
        if (stages > 1 && drives > 0)
          force(geometry, drives, space.drive, dxi + row(s) * dxi_stride, at(space.forcing, s));
      }
      for (int j = 1; j < stages; ++j) {
        const float share = 1.0f / (stages + 1 - j);
        for (int s = 0; s < alive; ++s)
          start_stage(geometry, at(space.stages[0], s), drives > 0 ? at(space.forcing, s) : nullptr, share,
                      at(space.stages[j], s));
        for (int64_t i = 0; i < controls; ++i) {
          operands.count = 0;
          for (int s = 0; s < alive; ++s) {
            const float increment = domega[row(s) * domega_stride + i];
            if (increment != 0)
              operands.add(at(space.stages[j - 1], s), at(space.stages[j], s), share * increment, nullptr);
          }
          multiply(geometry, space.forward + i * geometry.matrix(), operands, nullptr);
        }
      }
      // The adjoint through the stages, last one first: h <- M^T h / q.
      for (int s = 0; s < alive; ++s) {
        float *g = at(space.gradient, s);
        if (dy != nullptr) {
          const float *d = dy + row(s) * dy_stride;
          for (int64_t n = 0; n < states; ++n) g[n] += d[n];
        }
        std::memcpy(at(space.h[0], s), g, geometry.padded * sizeof(float));
        std::memset(at(space.dforcing, s), 0, geometry.padded * sizeof(float));
        for (int64_t i = 0; i < controls; ++i) space.domega[s * controls + i] = 0;
      }
      float *h = space.h[0], *next = space.h[1];
      for (int q = 1; q <= stages; ++q) {
        const float share = 1.0f / q;
        float *input = space.stages[stages - q];
        for (int s = 0; s < alive; ++s) {
          if (want_forcing)
            for (int64_t n = 0; n < geometry.padded; n += kLanes) {
              float *f = at(space.dforcing, s) + n;
              store(f, load(f) + share * load(at(h, s) + n));
            }
          if (da != nullptr) pairs.collect(at(h, s), share, at(input, s), domega + row(s) * domega_stride);
          std::memset(at(next, s), 0, geometry.padded * sizeof(float));
        }
        for (int64_t i = 0; i < controls; ++i) {
          operands.count = 0;
          int member[kMaximumTile];
          for (int s = 0; s < alive; ++s) {
            const float increment = domega[row(s) * domega_stride + i];
            if (increment == 0 && ddomega == nullptr) continue;
            member[operands.count] = s;
            operands.add(at(h, s), at(next, s), share * increment, at(input, s));
          }
          multiply(geometry, space.adjoint + i * geometry.matrix(), operands, ddomega == nullptr ? nullptr : dots);
          for (int r = 0; r < operands.count && ddomega != nullptr; ++r)
            space.domega[member[r] * controls + i] += share * dots[r];
        }
        for (int s = 0; s < alive; ++s)
          for (int64_t n = 0; n < geometry.padded; n += kLanes) {
            float *g = at(space.gradient, s) + n;
            store(g, load(g) + load(at(next, s) + n));
          }
        std::swap(h, next);
      }
      for (int s = 0; s < alive; ++s) {
        if (ddomega != nullptr && controls > 0)
          std::memcpy(ddomega + row(s) * ddomega_stride, space.domega + s * controls, controls * sizeof(float));
        const float *df = at(space.dforcing, s);
        for (int64_t x = 0; x < drives && ddxi != nullptr; ++x) {
          Floats sum = {};
          for (int64_t n = 0; n < geometry.padded; n += kLanes)
            sum += load(space.drive + x * geometry.padded + n) * load(df + n);
          ddxi[row(s) * ddxi_stride + x] = sum_of_lanes(sum);
        }
        for (int64_t x = 0; x < drives && ddrive != nullptr; ++x) {
          const float increment = dxi[row(s) * dxi_stride + x];
          for (int64_t n = 0; n < geometry.padded; n += kLanes) {
            float *d = space.ddrive + x * geometry.padded + n;
            store(d, load(d) + increment * load(df + n));
          }
        }
      }
    }
    for (int s = 0; s < tile && dinitial != nullptr; ++s)
      if (states > 0) std::memcpy(dinitial + order[s] * dinitial_stride, at(space.gradient, s), bytes);
  });
  if (da != nullptr) pairs.flush();
  if (ddrive != nullptr)
    for (int64_t x = 0; x < drives; ++x)
      for (int64_t n = 0; n < states; ++n) ddrive[n * ddrive_stride + x] += space.ddrive[x * geometry.padded + n];
  return SSM_OK;
}

int64_t linear_cde_workspace_f32(int64_t batch, int64_t controls, int64_t states, int64_t drives, int32_t backward) {
  const Geometry geometry(states);
  Pieces pieces(nullptr);
  if (backward)
    BackwardSpace(pieces, geometry, batch, controls, drives);
  else
    ForwardSpace(pieces, geometry, batch, controls, drives);
  return pieces.used();
}

}  // namespace SSM_NAMESPACE
