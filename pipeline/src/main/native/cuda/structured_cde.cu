// Structured Linear CDEs. All sequences take a step together: their coefficients c = sum_i increment_i theta_i are one
// matrix product, then a block takes the step of each sequence; in the backward the gradients of c become those of theta
// and of the increments by matrix products. The exponential step is that of the processor: equal parts of a norm of at
// most 3.5, each a Taylor series until two terms no longer matter.
#include "steps.h"
#include "transition.h"

namespace ssm {
namespace structured_cde {
namespace {

constexpr int32_t kEuler = 0, kRk4 = 1, kExponential = 2;
constexpr int kMostTerms = 30;
constexpr int kMostParts = 256;
constexpr float kPartNorm = 3.5f;
constexpr float kTolerance = 0x1p-25f;

// Floats that the sequences of one launch may take for coefficients, states and terms.
constexpr int64_t kMostFloats = int64_t{1} << 26;

struct Operands {
  Transition transition;
  int32_t solver;
  Steps::Rows rows;
  ssm_cuda_structured_cde x;
};

// How a step is taken: in `parts` equal parts of at most `terms` terms.
struct Plan {
  int parts = 1, terms = 1;
  bool adaptive = false;

  // A transition out of range becomes NaN.
  __device__ Plan(const Operands &p, float *c, float *scratch) {
    if (p.solver == kRk4) terms = 4;
    if (p.solver != kExponential) return;
    const float size = norm(p.transition, c, scratch);
    if (size < kPartNorm * kMostParts) {
      parts = size > kPartNorm ? static_cast<int>(ceilf(size / kPartNorm)) : 1;
      terms = kMostTerms;
      adaptive = true;
    } else {
      for_each_thread(p.transition.coefficients, [&](int64_t i) { c[i] = NAN; });
    }
  }
};

// after = before + t_1 + t_2 + ..., t_1 = g (M before + f), t_j = g / j M t_{j-1}; returns the number of terms, the same
// for all threads. Vectors are shared memory, but for `kept`: where it is not null, term j is stored at
// kept + (j - 1) N.
__device__ int take_part(const Transition &m, const Plan &plan, const float *c, const float *f, const float *before,
                         float *term, float *next, float *after, float *kept, float *scratch) {
  const int64_t states = m.states;
  const float size = 1.0f / static_cast<float>(plan.parts);
  for_each_thread(states, [&](int64_t n) {
    after[n] = before[n];
    term[n] = before[n];
  });
  float previous = INFINITY;
  for (int j = 1; j <= plan.terms; ++j) {
    times(m, c, term, next, scratch);
    const float factor = size / static_cast<float>(j);
    for_each_thread(states, [&](int64_t n) {
      const float value = factor * (j == 1 && f != nullptr ? next[n] + f[n] : next[n]);
      term[n] = value;
      after[n] += value;
      if (kept != nullptr) kept[(j - 1) * states + n] = value;
    });
    if (!plan.adaptive) continue;
    const float most = greatest(term, states, scratch);
    if (previous + most <= kTolerance * greatest(after, states, scratch)) return j;
    previous = most;
  }
  return plan.terms;
}

// The step l of the sequences at places from, from + 1, ...; c [places][P], now [batch, N].
__global__ void step_forward(Operands p, int64_t l, int64_t from, float *c, ssm_cuda_matrix now) {
  const int64_t states = p.transition.states, place = from + blockIdx.x, row = p.rows.first(place) + l;
  float *const before = dynamic_shared(), *const term = before + states, *const next = term + states;
  float *const after = next + states, *const force = after + states, *const scratch = force + states;
  float *const own = c + blockIdx.x * p.transition.coefficients;
  for_each_thread(states, [&](int64_t n) {
    before[n] = at(now, place, n);
    if (present(p.x.force)) force[n] = at(p.x.force, row, n);
  });
  const Plan plan(p, own, scratch);
  for (int part = 0; part < plan.parts; ++part) {
    take_part(p.transition, plan, own, present(p.x.force) ? force : nullptr, before, term, next, after, nullptr,
              scratch);
    for_each_thread(states, [&](int64_t n) { before[n] = after[n]; });
  }
  for_each_thread(states, [&](int64_t n) {
    at(now, place, n) = before[n];
    if (present(p.x.y)) at(p.x.y, row, n) = before[n];
  });
}

struct BackwardSpace {
  float *c, *dc;    // [places][P]
  float *states;    // [places][parts][N]: before each part
  float *terms;     // [places][kMostTerms][N]
  int64_t parts;
};

// Step l backward; gradient [batch, N], of the state.
__global__ void step_backward(Operands p, ssm_cuda_structured_cde_gradients g, int64_t l, int64_t from,
                              BackwardSpace space, ssm_cuda_matrix gradient) {
  const Transition &m = p.transition;
  const int64_t states = m.states, place = from + blockIdx.x, row = p.rows.first(place) + l;
  float *const before = dynamic_shared(), *const term = before + states, *const next = term + states;
  float *const after = next + states, *const force = after + states, *const own_gradient = force + states;
  float *const dforce = own_gradient + states, *const scratch = dforce + states;
  float *const c = space.c + blockIdx.x * m.coefficients, *const dc = space.dc + blockIdx.x * m.coefficients;
  float *const starts = space.states + blockIdx.x * space.parts * states;
  float *const terms = space.terms + blockIdx.x * kMostTerms * states;
  const float *const f = present(p.x.force) ? force : nullptr;
  for_each_thread(states, [&](int64_t n) {
    before[n] = l > 0                  ? at(p.x.y, row - 1, n)
                : present(p.x.initial) ? at(p.x.initial, p.rows.sequence(place), n)
                                       : 0.0f;
    if (f != nullptr) force[n] = at(p.x.force, row, n);
    own_gradient[n] = at(gradient, place, n) + (present(g.dy) ? at(g.dy, row, n) : 0.0f);
    dforce[n] = 0;
  });
  for_each_thread(m.coefficients, [&](int64_t i) { dc[i] = 0; });
  const Plan plan(p, c, scratch);
  const float size = 1.0f / static_cast<float>(plan.parts);
  for (int part = 0; part < plan.parts; ++part) {
    for_each_thread(states, [&](int64_t n) { starts[part * states + n] = before[n]; });
    if (part + 1 == plan.parts) break;
    take_part(m, plan, c, f, before, term, next, after, nullptr, scratch);
    for_each_thread(states, [&](int64_t n) { before[n] = after[n]; });
  }
  for (int part = plan.parts - 1; part >= 0; --part) {
    for_each_thread(states, [&](int64_t n) { before[n] = starts[part * states + n]; });
    const int count = take_part(m, plan, c, f, before, term, next, after, terms, scratch);
    // The adjoint of the series: `term` is the gradient of t_j, `after` what it multiplies.
    for_each_thread(states, [&](int64_t n) { term[n] = own_gradient[n]; });
    for (int j = count; j >= 1; --j) {
      const float factor = size / static_cast<float>(j);
      for_each_thread(states, [&](int64_t n) { after[n] = j == 1 ? before[n] : terms[(j - 2) * states + n]; });
      add_outer(m, factor, c, term, after, dc, scratch);
      times_transposed(m, c, term, next, scratch);
      for_each_thread(states, [&](int64_t n) {
        if (j == 1) dforce[n] += size * term[n];
        const float value = own_gradient[n] + factor * next[n];
        if (j == 1) {
          own_gradient[n] = value;
        } else {
          term[n] = value;
        }
      });
    }
  }
  for_each_thread(states, [&](int64_t n) {
    at(gradient, place, n) = own_gradient[n];
    if (present(g.dforce)) at(g.dforce, row, n) = dforce[n];
  });
}

// Uploads the places of a sparse transition by rows and by columns.
Transition upload_transition(Scratch &scratch, const char *operation, const Shape &shape) {
  const int64_t states = shape.states, size = shape.size;
  expect(states >= 1, operation, "there are no states");
  Transition m = {shape.structure, states, size, 0, nullptr, nullptr, nullptr, nullptr, nullptr};
  switch (shape.structure) {
    case kBlockDiagonal:
      expect(size >= 1 && states % size == 0, operation, "blocks do not divide the states");
      m.coefficients = states * size;
      return m;
    case kLowRank:
      expect(size >= 0, operation, "the rank is negative");
      m.coefficients = states * (1 + 2 * size);
      return m;
    case kWalshHadamard:
      expect((states & (states - 1)) == 0, operation, "the number of states is not a power of two");
      m.coefficients = states;
      return m;
    case kSparse: break;
    default: fail(SSM_CUDA_INVALID_ARGUMENT, "%s: there is no such structure", operation);
  }
  expect(shape.row_begin != nullptr, operation, "the places of the entries are missing");
  const int32_t entries = shape.row_begin[states];
  std::vector<int32_t> column_begin(static_cast<size_t>(states) + 1, 0), row(static_cast<size_t>(entries)), entry(row);
  for (int32_t e = 0; e < entries; ++e) ++column_begin[static_cast<size_t>(shape.column[e]) + 1];
  for (size_t n = 0; n < static_cast<size_t>(states); ++n) column_begin[n + 1] += column_begin[n];
  std::vector<int32_t> next(column_begin);
  for (int32_t n = 0; n < states; ++n)
    for (int32_t e = shape.row_begin[n]; e < shape.row_begin[n + 1]; ++e) {
      const size_t place = static_cast<size_t>(next[static_cast<size_t>(shape.column[e])]++);
      row[place] = n;
      entry[place] = e;
    }
  m.coefficients = entries;
  m.row_begin = scratch.upload(shape.row_begin, states + 1);
  m.column = scratch.upload(shape.column, entries);
  m.column_begin = scratch.upload(column_begin.data(), states + 1);
  m.row = scratch.upload(row.data(), entries);
  m.entry = scratch.upload(entry.data(), entries);
  return m;
}

void check_operands(const char *operation, const Shape &shape, const Segments &segments, const Transition &m,
                    const ssm_cuda_structured_cde &x) {
  expect(shape.solver >= kEuler && shape.solver <= kExponential, operation, "there is no such solver");
  expect_shape(operation, "domega", x.domega, segments.rows, x.domega.columns);
  expect_shape(operation, "coefficients", x.coefficients, x.domega.columns, m.coefficients);
  expect_shape_or_absent(operation, "force", x.force, segments.rows, m.states);
  expect_shape_or_absent(operation, "initial", x.initial, segments.batch, m.states);
  expect_shape_or_absent(operation, "y", x.y, segments.rows, m.states);
}

// The increments of a step of the sequences at some places, side by side.
void gather_increments(ssm_cuda_context &context, const Operands &p, int64_t l, int64_t from,
                       const ssm_cuda_matrix &increments) {
  for_each_element(context, increments.rows, increments.columns,
                   [=, rows = p.rows, domega = p.x.domega] __device__(int64_t k, int64_t i) {
                     at(increments, k, i) = at(domega, rows.first(from + k) + l, i);
                   });
}

int64_t places_at_once(int64_t batch, int64_t floats) {
  const int64_t places = kMostFloats / (floats < 1 ? 1 : floats);
  return places < 1 ? 1 : places < batch ? places : batch;
}

}  // namespace

void forward(ssm_cuda_context &context, const Shape &shape, int64_t batch, const int32_t *offsets,
             const ssm_cuda_structured_cde &x) {
  const char *const operation = "structured_cde_forward";
  Scratch scratch(context);
  const Steps steps = upload_steps(scratch, batch, offsets);
  const Transition m = upload_transition(scratch, operation, shape);
  check_operands(operation, shape, steps.segments, m, x);
  expect_shape_or_absent(operation, "last", x.last, batch, m.states);
  const Operands p = {m, shape.solver, steps.rows(), x};
  const int64_t most = places_at_once(batch, m.coefficients + x.domega.columns);
  const ssm_cuda_matrix now = scratch.matrix(batch, m.states), c = scratch.matrix(most, m.coefficients);
  const ssm_cuda_matrix increments = scratch.matrix(most, x.domega.columns);
  const size_t bytes = (5 * m.states + m.scratch_floats()) * sizeof(float);
  allow_shared(context, step_forward, bytes);
  gather_sequences(context, steps, x.initial, 0, now);
  for (int64_t l = 0; l < steps.segments.longest; ++l) {
    const int64_t active = steps.active[static_cast<size_t>(l)];
    for (int64_t from = 0; from < active; from += most) {
      const int64_t places = active - from < most ? active - from : most;
      gather_increments(context, p, l, from, first_rows(increments, places));
      gemm(context, false, false, 1, first_rows(increments, places), x.coefficients, 0, first_rows(c, places));
      launch(context, step_forward, dim3(static_cast<unsigned>(places)), dim3(kThreads), bytes, p, l, from, c.data,
             now);
    }
  }
  scatter_sequences(context, steps, now, 0, x.last);
}

void backward(ssm_cuda_context &context, const Shape &shape, int64_t batch, const int32_t *offsets,
              const ssm_cuda_structured_cde &x, const ssm_cuda_structured_cde_gradients &g) {
  const char *const operation = "structured_cde_backward";
  Scratch scratch(context);
  const Steps steps = upload_steps(scratch, batch, offsets);
  const Transition m = upload_transition(scratch, operation, shape);
  check_operands(operation, shape, steps.segments, m, x);
  const int64_t rows = steps.segments.rows, controls = x.domega.columns;
  expect_shape(operation, "y", x.y, rows, m.states);
  expect_shape_or_absent(operation, "dy", g.dy, rows, m.states);
  expect_shape_or_absent(operation, "dlast", g.dlast, batch, m.states);
  expect_shape_or_absent(operation, "ddomega", g.ddomega, rows, controls);
  expect_shape(operation, "dcoefficients", g.dcoefficients, controls, m.coefficients);
  expect_shape_or_absent(operation, "dforce", g.dforce, rows, m.states);
  expect_shape_or_absent(operation, "dinitial", g.dinitial, batch, m.states);
  const Operands p = {m, shape.solver, steps.rows(), x};
  const int64_t parts = shape.solver == kExponential ? kMostParts : 1;
  const int64_t most =
      places_at_once(batch, 2 * (m.coefficients + controls) + (parts + kMostTerms) * m.states);
  const ssm_cuda_matrix gradient = scratch.matrix(batch, m.states);
  const ssm_cuda_matrix increments = scratch.matrix(most, controls), dincrements = scratch.matrix(most, controls);
  const ssm_cuda_matrix c = scratch.matrix(most, m.coefficients), dc = scratch.matrix(most, m.coefficients);
  const BackwardSpace space = {c.data, dc.data, scratch.floats(most * parts * m.states),
                               scratch.floats(most * kMostTerms * m.states), parts};
  const size_t bytes = (7 * m.states + m.scratch_floats()) * sizeof(float);
  allow_shared(context, step_backward, bytes);
  gather_sequences(context, steps, g.dlast, 0, gradient);
  for (int64_t l = steps.segments.longest - 1; l >= 0; --l) {
    const int64_t active = steps.active[static_cast<size_t>(l)];
    for (int64_t from = 0; from < active; from += most) {
      const int64_t places = active - from < most ? active - from : most;
      const ssm_cuda_matrix moves = first_rows(increments, places);
      gather_increments(context, p, l, from, moves);
      gemm(context, false, false, 1, moves, x.coefficients, 0, first_rows(c, places));
      launch(context, step_backward, dim3(static_cast<unsigned>(places)), dim3(kThreads), bytes, p, g, l, from, space,
             gradient);
      gemm(context, true, false, 1, moves, first_rows(dc, places), 1, g.dcoefficients);
      if (!present(g.ddomega)) continue;
      gemm(context, false, true, 1, first_rows(dc, places), x.coefficients, 0, first_rows(dincrements, places));
      for_each_element(context, places, controls,
                       [=, rows_of = p.rows, ddomega = g.ddomega] __device__(int64_t k, int64_t i) {
                         at(ddomega, rows_of.first(from + k) + l, i) = at(dincrements, k, i);
                       });
    }
  }
  scatter_sequences(context, steps, gradient, 0, g.dinitial);
}

}  // namespace structured_cde
}  // namespace ssm

extern "C" {

int32_t ssm_cuda_structured_cde_forward(ssm_cuda_context *context, int32_t solver, int32_t structure, int64_t states,
                                        int64_t size, const int32_t *row_begin, const int32_t *column, int64_t batch,
                                        const int32_t *offsets, const ssm_cuda_structured_cde *solve) try {
  ssm::structured_cde::forward(*context, {solver, structure, states, size, row_begin, column}, batch, offsets, *solve);
  return SSM_CUDA_OK;
} catch (...) {
  return ssm::status_of_exception();
}

int32_t ssm_cuda_structured_cde_backward(ssm_cuda_context *context, int32_t solver, int32_t structure, int64_t states,
                                         int64_t size, const int32_t *row_begin, const int32_t *column, int64_t batch,
                                         const int32_t *offsets, const ssm_cuda_structured_cde *solve,
                                         const ssm_cuda_structured_cde_gradients *gradients) try {
  ssm::structured_cde::backward(*context, {solver, structure, states, size, row_begin, column}, batch, offsets, *solve,
                                *gradients);
  return SSM_CUDA_OK;
} catch (...) {
  return ssm::status_of_exception();
}

}  // extern "C"
