// Dense Linear CDE. All sequences take a step together: the products A_i z of all controls are one matrix product,
// [batch, N] by [N, W N], and a kernel adds them up by the increments. A step of RK4 is Horner's scheme
// z <- now + (M z + f) / q for q = 4, 3, 2, 1 from z = now; Euler is q = 1.
#include "steps.h"
#include "structured_cde.h"

namespace ssm {
namespace {

constexpr int kEuler = 0, kRk4 = 1;

// With more controls than this they are taken to be mostly zeros (tokens): M is formed per sequence instead.
constexpr int64_t kMostControls = 16;

int stages_of(int32_t solver) {
  expect(solver == kEuler || solver == kRk4, "linear_cde", "the solver is neither Euler nor RK4");
  return solver == kRk4 ? 4 : 1;
}

void check_operands(const char *operation, const Segments &segments, const ssm_cuda_linear_cde &x) {
  const int64_t states = x.a.columns, controls = x.domega.columns;
  expect_shape(operation, "domega", x.domega, segments.rows, controls);
  expect_shape(operation, "a", x.a, controls * states, states);
  expect(x.a.stride == states || x.a.rows <= 1, operation, "a has gaps between its rows");
  expect(present(x.dxi) == present(x.drive), operation, "dxi and drive come together");
  if (present(x.drive)) {
    expect_shape(operation, "dxi", x.dxi, segments.rows, x.drive.columns);
    expect_shape(operation, "drive", x.drive, states, x.drive.columns);
  }
  expect_shape_or_absent(operation, "initial", x.initial, segments.batch, states);
  expect_shape_or_absent(operation, "y", x.y, segments.rows, states);
}

// f = dxi drive^T, [T, N]; absent without a drive.
ssm_cuda_matrix force_of(ssm_cuda_context &context, Scratch &scratch, const ssm_cuda_linear_cde &x) {
  if (!present(x.drive)) return {};
  const ssm_cuda_matrix force = scratch.matrix(x.domega.rows, x.a.columns);
  gemm(context, false, true, 1, x.dxi, x.drive, 0, force);
  return force;
}

// next = now + share (sum_i increment_i products_i + f) for the rows of a step.
void combine(ssm_cuda_context &context, const Steps &steps, int64_t l, float share, const ssm_cuda_linear_cde &x,
             const ssm_cuda_matrix &force, const ssm_cuda_matrix &products, const ssm_cuda_matrix &now,
             const ssm_cuda_matrix &next, const ssm_cuda_matrix &y) {
  const int64_t states = x.a.columns, controls = x.domega.columns;
  for_each_element(context, steps.active[static_cast<size_t>(l)], states,
                   [=, rows = steps.rows(), domega = x.domega] __device__(int64_t p, int64_t n) {
                     const int64_t row = rows.first(p) + l;
                     float sum = present(force) ? at(force, row, n) : 0.0f;
                     for (int64_t i = 0; i < controls; ++i) sum += at(domega, row, i) * at(products, p, i * states + n);
                     const float value = at(now, p, n) + share * sum;
                     at(next, p, n) = value;
                     if (present(y)) at(y, row, n) = value;
                   });
}

// The dense transition as a structured one.
ssm_cuda_structured_cde as_structured(const ssm_cuda_linear_cde &x, const ssm_cuda_matrix &force) {
  const int64_t size = x.a.columns * x.a.columns;
  return {x.domega, {x.a.data, x.domega.columns, size, size}, force, x.initial, x.y, x.last};
}

void forward(ssm_cuda_context &context, int32_t solver, int64_t batch, const int32_t *offsets,
             const ssm_cuda_linear_cde &x) {
  const char *const operation = "linear_cde_forward";
  const int stages = stages_of(solver);
  Scratch scratch(context);
  const Steps steps = upload_steps(scratch, batch, offsets);
  check_operands(operation, steps.segments, x);
  const int64_t states = x.a.columns, controls = x.domega.columns;
  expect_shape_or_absent(operation, "last", x.last, batch, states);
  const ssm_cuda_matrix force = force_of(context, scratch, x);
  if (controls > kMostControls) {
    const structured_cde::Shape shape = {solver, structured_cde::kBlockDiagonal, states, states, nullptr, nullptr};
    return structured_cde::forward(context, shape, batch, offsets, as_structured(x, force));
  }
  const ssm_cuda_matrix now = scratch.matrix(batch, states), stage = scratch.matrix(batch, states);
  const ssm_cuda_matrix products = scratch.matrix(batch, controls * states);
  gather_sequences(context, steps, x.initial, 0, now);
  for (int64_t l = 0; l < steps.segments.longest; ++l) {
    const int64_t active = steps.active[static_cast<size_t>(l)];
    for (int q = stages; q >= 1; --q) {
      gemm(context, false, true, 1, first_rows(q == stages ? now : stage, active), x.a, 0,
           first_rows(products, active));
      combine(context, steps, l, 1.0f / static_cast<float>(q), x, force, products, now, q == 1 ? now : stage,
              q == 1 ? x.y : ssm_cuda_matrix{});
    }
  }
  scatter_sequences(context, steps, now, 0, x.last);
}

void backward(ssm_cuda_context &context, int32_t solver, int64_t batch, const int32_t *offsets,
              const ssm_cuda_linear_cde &x, const ssm_cuda_linear_cde_gradients &g) {
  const char *const operation = "linear_cde_backward";
  const int stages = stages_of(solver);
  Scratch scratch(context);
  const Steps steps = upload_steps(scratch, batch, offsets);
  const Steps::Rows rows = steps.rows();
  check_operands(operation, steps.segments, x);
  const int64_t states = x.a.columns, controls = x.domega.columns, all_rows = steps.segments.rows;
  expect_shape(operation, "y", x.y, all_rows, states);
  expect_shape_or_absent(operation, "dy", g.dy, all_rows, states);
  expect_shape_or_absent(operation, "dlast", g.dlast, batch, states);
  expect_shape_or_absent(operation, "ddomega", g.ddomega, all_rows, controls);
  expect_shape_or_absent(operation, "da", g.da, controls * states, states);
  expect(!present(g.da) || g.da.stride == states || g.da.rows <= 1, operation, "da has gaps between its rows");
  expect(present(x.drive) || (!present(g.ddxi) && !present(g.ddrive)), operation, "there is no drive");
  if (present(x.drive)) {
    expect_shape_or_absent(operation, "ddxi", g.ddxi, all_rows, x.drive.columns);
    expect_shape_or_absent(operation, "ddrive", g.ddrive, states, x.drive.columns);
  }
  expect_shape_or_absent(operation, "dinitial", g.dinitial, batch, states);
  const ssm_cuda_matrix force = force_of(context, scratch, x);
  const bool want_force = present(g.ddxi) || present(g.ddrive);
  const ssm_cuda_matrix dforce = want_force ? scratch.matrix(all_rows, states) : ssm_cuda_matrix{};

  if (controls > kMostControls) {
    const structured_cde::Shape shape = {solver, structured_cde::kBlockDiagonal, states, states, nullptr, nullptr};
    const ssm_cuda_matrix unused = present(g.da) ? g.da : scratch.matrix(controls * states, states);
    if (!present(g.da))
      for_each_element(context, unused.rows, states, [=] __device__(int64_t r, int64_t c) { at(unused, r, c) = 0; });
    structured_cde::backward(context, shape, batch, offsets, as_structured(x, force),
                             {g.dy, g.dlast, g.ddomega, {unused.data, controls, states * states, states * states},
                              dforce, g.dinitial});
  } else {
    const ssm_cuda_matrix gradient = scratch.matrix(batch, states);  // of the state
    const ssm_cuda_matrix adjoint = scratch.matrix(batch, states), next = scratch.matrix(batch, states);
    const ssm_cuda_matrix scaled = scratch.matrix(batch, controls * states);  // increment_i adjoint
    ssm_cuda_matrix inputs[4], products[4];
    for (int j = 0; j < stages; ++j) {
      inputs[j] = scratch.matrix(batch, states);
      products[j] = scratch.matrix(batch, controls * states);
    }
    gather_sequences(context, steps, g.dlast, 0, gradient);
    for (int64_t l = steps.segments.longest - 1; l >= 0; --l) {
      const int64_t active = steps.active[static_cast<size_t>(l)];
      // The inputs of the stages, from the stored state before the step.
      for_each_element(context, active, states,
                       [=, y = x.y, initial = x.initial, dy = g.dy, input = inputs[0]] __device__(int64_t p, int64_t n) {
                         const int64_t row = rows.first(p) + l;
                         at(input, p, n) = l > 0              ? at(y, row - 1, n)
                                           : present(initial) ? at(initial, rows.sequence(p), n)
                                                              : 0.0f;
                         if (present(dy)) at(gradient, p, n) += at(dy, row, n);
                         at(adjoint, p, n) = at(gradient, p, n);
                       });
      for (int j = 0; j < stages; ++j) {
        if (j + 1 == stages && !present(g.ddomega)) break;
        gemm(context, false, true, 1, first_rows(inputs[j], active), x.a, 0, first_rows(products[j], active));
        if (j + 1 < stages)
          combine(context, steps, l, 1.0f / static_cast<float>(stages - j), x, force, products[j], inputs[0],
                  inputs[j + 1], {});
      }
      // The adjoint through the stages, last one first: h <- M^T h / q.
      for (int q = 1; q <= stages; ++q) {
        const float share = 1.0f / static_cast<float>(q);
        const int j = stages - q;
        if (present(g.ddomega))
          for_each_row(context, active * controls,
                       [=, ddomega = g.ddomega, product = products[j]] __device__(int64_t k) {
                         const int64_t p = k / controls, i = k % controls;
                         const float dot = warp_sum_over(
                             states, [&](int64_t n) { return at(adjoint, p, n) * at(product, p, i * states + n); });
                         float &target = at(ddomega, rows.first(p) + l, i);
                         if (threadIdx.x == 0) target = (q == 1 ? 0.0f : target) + share * dot;
                       });
        for_each_element(context, active, controls * states,
                         [=, domega = x.domega] __device__(int64_t p, int64_t k) {
                           const int64_t i = k / states, n = k % states;
                           at(scaled, p, k) = share * at(domega, rows.first(p) + l, i) * at(adjoint, p, n);
                         });
        const ssm_cuda_matrix left = first_rows(scaled, active);
        if (present(g.da)) gemm(context, true, false, 1, left, first_rows(inputs[j], active), 1, g.da);
        gemm(context, false, false, 1, left, x.a, 0, first_rows(next, active));
        for_each_element(context, active, states, [=] __device__(int64_t p, int64_t n) {
          if (want_force) {
            float &target = at(dforce, rows.first(p) + l, n);
            target = (q == 1 ? 0.0f : target) + share * at(adjoint, p, n);
          }
          at(gradient, p, n) += at(next, p, n);
          at(adjoint, p, n) = at(next, p, n);
        });
      }
    }
    scatter_sequences(context, steps, gradient, 0, g.dinitial);
  }
  if (present(g.ddxi)) gemm(context, false, false, 1, dforce, x.drive, 0, g.ddxi);
  if (present(g.ddrive)) gemm(context, true, false, 1, dforce, x.dxi, 1, g.ddrive);
}

}  // namespace
}  // namespace ssm

extern "C" {

int32_t ssm_cuda_linear_cde_forward(ssm_cuda_context *context, int32_t solver, int64_t batch, const int32_t *offsets,
                                    const ssm_cuda_linear_cde *solve) try {
  ssm::forward(*context, solver, batch, offsets, *solve);
  return SSM_CUDA_OK;
} catch (...) {
  return ssm::status_of_exception();
}

int32_t ssm_cuda_linear_cde_backward(ssm_cuda_context *context, int32_t solver, int64_t batch, const int32_t *offsets,
                                     const ssm_cuda_linear_cde *solve,
                                     const ssm_cuda_linear_cde_gradients *gradients) try {
  ssm::backward(*context, solver, batch, offsets, *solve, *gradients);
  return SSM_CUDA_OK;
} catch (...) {
  return ssm::status_of_exception();
}

}  // extern "C"
