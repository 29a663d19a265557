// Structured Linear CDE, backward. With large blocks: the adjoint of the truncated series, part by part; the gradients
// of a step's coefficients are spread over the controls for a few sequences at once.
#include "interleaved_cde.h"
#include "target.h"

namespace SSM_NAMESPACE {
namespace {

using namespace structured_cde;

struct BackwardSpace {
  Pieces pieces;
  float *c[kGroup];
  float *dc[kGroup];
  float *g[kGroup];  // gradient of the state
  float *states;     // before each part, and after the last
  float *terms;
  float *dterm;
  float *product;
  float *force;
  float *dforce;
  int32_t *active;

  BackwardSpace(float *base, int64_t count, int64_t coefficients, int64_t controls) : pieces(base) {
    auto take = [&](int64_t floats) { return pieces.take(padded(floats) / kLanes); };
    for (float *&piece : c) piece = take(coefficients);
    for (float *&piece : dc) piece = take(coefficients);
    for (float *&piece : g) piece = take(count);
    states = take((kMostParts + 1) * padded(count));
    terms = take(kMostTerms * padded(count));
    dterm = take(count);
    product = take(count);
    force = take(count);
    dforce = take(count);
    active = reinterpret_cast<int32_t *>(take(controls));
  }
};

// g becomes the gradient before the part; dc and dforce are added to.
void part_backward(const Blocks &transition, const BackwardSpace &space, float size, const float *c,
                   const float *before, int terms, float *g, float *dc) {
  const int64_t n = transition.states, stride = padded(n);
  for_lanes(n, [&](int64_t i) { store(space.dterm + i, load(g + i)); });
  for (int j = terms; j >= 1; --j) {
    const float *input = j == 1 ? before : space.terms + (j - 2) * stride;
    transition.add_outer(size / j, space.dterm, input, dc);
    if (j == 1)
      for_lanes(n, [&](int64_t i) { store(space.dforce + i, load(space.dforce + i) + size * load(space.dterm + i)); });
    transition.times_transposed(c, space.dterm, space.product);
    float *to = j == 1 ? g : space.dterm;
    for_lanes(n, [&](int64_t i) { store(to + i, load(g + i) + size / j * load(space.product + i)); });
  }
}

// dtheta_i += sum_s domega[s][i] dc[s]; ddomega[s][i] = theta_i . dc[s].
template <int kMembers>
void spread(const Controls &moving, int64_t controls, int64_t coefficients, const float *const *domega,
            const float *theta, float *const *dc, float *dtheta, float *const *ddomega) {
  auto add = [&](int64_t i) {
    float *target = dtheta + i * coefficients;
    for_each_vector(1, coefficients, [&](int64_t, int64_t p, int64_t count) {
      Floats sum = load_up_to(target + p, count);
      for (int s = 0; s < kMembers; ++s) sum += domega[s][i] * load(dc[s] + p);
      store_up_to(target + p, sum, count);
    });
  };
  for (int64_t k = 0; k < moving.count; ++k) add(moving.active[k]);
  if (ddomega == nullptr) return;
  for (int64_t i = 0; i < controls; ++i) {
    Floats sum[kMembers] = {};
    for_each_vector(1, coefficients, [&](int64_t, int64_t p, int64_t count) {
      const Floats v = load_up_to(theta + i * coefficients + p, count);
      for (int s = 0; s < kMembers; ++s) sum[s] += v * load(dc[s] + p);
    });
    for (int s = 0; s < kMembers; ++s) ddomega[s][i] = sum_of_lanes(sum[s]);
  }
}

void spread(int members, const Controls &moving, int64_t controls, int64_t coefficients, const float *const *domega,
            const float *theta, float *const *dc, float *dtheta, float *const *ddomega) {
  switch (members) {
    case 1: return spread<1>(moving, controls, coefficients, domega, theta, dc, dtheta, ddomega);
    case 2: return spread<2>(moving, controls, coefficients, domega, theta, dc, dtheta, ddomega);
    case 3: return spread<3>(moving, controls, coefficients, domega, theta, dc, dtheta, ddomega);
    default: return spread<4>(moving, controls, coefficients, domega, theta, dc, dtheta, ddomega);
  }
}

}  // namespace

int64_t structured_cde_backward_workspace_f32(int64_t states, int64_t size, int64_t coefficients, int64_t controls) {
  return std::max(BackwardSpace(nullptr, states, coefficients, controls).pieces.floats(),
                  interleaved_cde::backward_workspace(states, size, coefficients, controls));
}

int32_t structured_cde_backward_f32(int32_t solver, int32_t structure, int64_t batch, const int32_t *offsets,
                                    int64_t controls, int64_t states, int64_t size, int64_t coefficients,
                                    const int32_t *row_begin, const int32_t *column, const float *domega,
                                    int64_t domega_stride, const float *theta, const float *force,
                                    int64_t force_stride, const float *initial, int64_t initial_stride, const float *y,
                                    int64_t y_stride, const float *dy, int64_t dy_stride, const float *dlast,
                                    int64_t dlast_stride, float *ddomega, int64_t ddomega_stride, float *dtheta,
                                    float *dforce, int64_t dforce_stride, float *dinitial, int64_t dinitial_stride,
                                    float *workspace) {
  if (batch < 0 || controls < 0 || states < 1 || solver < SSM_CDE_EULER || solver > SSM_CDE_EXPONENTIAL)
    return SSM_INVALID_ARGUMENT;
  if (interleaved_cde::takes(structure, size))
    return interleaved_cde::backward(solver, structure, batch, offsets, controls, states, size, coefficients,
                                     row_begin, column, domega, domega_stride, theta, force, force_stride, initial,
                                     initial_stride, y, y_stride, dy, dy_stride, dlast, dlast_stride, ddomega,
                                     ddomega_stride, dtheta, dforce, dforce_stride, dinitial, dinitial_stride,
                                     workspace);
  const BackwardSpace space(workspace, states, coefficients, controls);
  if (states % size != 0 || states * size != coefficients) return SSM_INVALID_ARGUMENT;
  const Blocks transition{states, size};
  const int64_t stride = padded(states);
  Controls moving(space.active);
  for (int64_t first = 0; first < batch; first += kGroup) {
    const int members = static_cast<int>(batch - first < kGroup ? batch - first : kGroup);
    for (int s = 0; s < members; ++s)
      fetch(dlast == nullptr ? nullptr : dlast + (first + s) * dlast_stride, states, space.g[s]);
    for (int64_t l = longest_sequence(members, offsets + first) - 1; l >= 0; --l) {
      const float *increments[kGroup];
      float *dincrements[kGroup];
      int alive[kGroup], count = 0;
      for (int s = 0; s < members; ++s) {
        const int64_t row = offsets[first + s] + l;
        if (row >= offsets[first + s + 1]) continue;
        increments[count] = domega + row * domega_stride;
        dincrements[count] = ddomega == nullptr ? nullptr : ddomega + row * ddomega_stride;
        alive[count++] = s;
      }
      moving.find(count, controls, increments);
      form(count, moving, coefficients, increments, theta, space.c);
      for (int k = 0; k < count; ++k) {
        const int64_t sequence = first + alive[k], row = offsets[sequence] + l;
        float *g = space.g[alive[k]];
        for (int64_t n = 0; n < states && dy != nullptr; ++n) g[n] += dy[row * dy_stride + n];
        const float *before = l > 0                ? y + (row - 1) * y_stride
                              : initial == nullptr ? nullptr
                                                   : initial + sequence * initial_stride;
        fetch(before, states, space.states);
        const float *f = nullptr;
        if (force != nullptr) {
          fetch(force + row * force_stride, states, space.force);
          f = space.force;
        }
        const Plan plan(solver, transition, coefficients, space.c[k]);
        int terms = plan.terms;
        for (int part = 0; part < plan.parts; ++part)
          terms = take_part(transition, plan, space.c[k], f, space.states + part * stride, space.terms, true,
                            space.states + (part + 1) * stride);
        fetch(nullptr, coefficients, space.dc[k]);
        fetch(nullptr, states, space.dforce);
        for (int part = plan.parts - 1; part >= 0; --part) {
          if (part < plan.parts - 1)
            terms = take_part(transition, plan, space.c[k], f, space.states + part * stride, space.terms, true,
                              space.product);
          part_backward(transition, space, 1.0f / plan.parts, space.c[k], space.states + part * stride, terms, g,
                        space.dc[k]);
        }
        if (dforce != nullptr) put(space.dforce, states, dforce + row * dforce_stride);
      }
      spread(count, moving, controls, coefficients, increments, theta, space.dc, dtheta,
             ddomega == nullptr ? nullptr : dincrements);
    }
    for (int s = 0; s < members && dinitial != nullptr; ++s)
      put(space.g[s], states, dinitial + (first + s) * dinitial_stride);
  }
  return SSM_OK;
}

}  // namespace SSM_NAMESPACE
