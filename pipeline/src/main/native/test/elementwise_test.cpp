// The kernels without a recurrence that model_kernels_test.cpp leaves out, in buffers of exactly the size they need (for
// the sanitizers): every instruction set of this machine gives the same numbers, to single precision.
#include "kernel_run.h"

namespace {

void copies_and_sums(Run &run, const Shape &shape) {
  const int64_t t = shape.rows(), d = shape.columns;
  const Floats x = run.normal(t * d), row = run.normal(d);
  Floats y = run.normal(t * d), copy(t * d), filled(t * d), product(t * d), sums(d);
  run.expect_ok(ssm_copy_f32(t, d, x.data(), d, copy.data(), d), "copy");
  run.expect_ok(ssm_fill_f32(t, d, 3, filled.data(), d), "fill");
  run.expect_ok(ssm_add_scaled_f32(t, d, 0.5f, x.data(), d, y.data(), d), "add scaled");
  run.expect_ok(ssm_add_row_f32(t, d, row.data(), copy.data(), d), "add row");
  run.expect_ok(ssm_add_scaled_columns_f32(t, d, row.data(), x.data(), d, filled.data(), d), "add scaled columns");
  run.expect_ok(ssm_multiply_f32(t, d, x.data(), d, y.data(), d, product.data(), d), "multiply");
  run.expect_ok(ssm_sum_products_f32(t, d, x.data(), d, y.data(), d, sums.data()), "sum products");
  double squares = 0;
  run.expect_ok(ssm_sum_of_squares_f32(t, d, x.data(), d, &squares), "sum of squares");
  double expected = 0;
  for (float value : x) expected += static_cast<double>(value) * value;
  if (!(std::fabs(squares - expected) <= 1e-12 * expected)) {
    std::printf("FAILED: sum of squares is %.17g, expected %.17g\n", squares, expected);
    ++failures;
  }
  run.keep("copy and add row", copy);
  run.keep("fill and add scaled columns", filled);
  run.keep("add scaled", y);
  run.keep("multiply", product);
  run.keep("sum products", sums);
}

void maps(Run &run, const Shape &shape) {
  const int64_t t = shape.rows(), d = shape.columns;
  const Floats x = run.normal(t * 2 * d), dy = run.normal(t * d), bias = run.normal(d);
  Floats y(t * d), dx(t * 2 * d), exponential(t * d), dexponential(t * d), kept(x.begin(), x.begin() + t * d);
  run.expect_ok(ssm_glu_forward_f32(t, d, x.data(), 2 * d, y.data(), d), "glu");
  run.expect_ok(ssm_glu_backward_f32(t, d, x.data(), 2 * d, dy.data(), d, dx.data(), 2 * d), "glu backward");
  run.keep("glu", y);
  run.keep("glu backward", dx);
  run.expect_ok(ssm_negative_exp_forward_f32(t, d, dy.data(), d, exponential.data(), d), "negative exp");
  run.expect_ok(ssm_negative_exp_backward_f32(t, d, exponential.data(), d, dy.data(), d, dexponential.data(), d),
                "negative exp backward");
  run.keep("negative exp", exponential);
  run.keep("negative exp backward", dexponential);
  std::vector<int64_t> keys(t);
  for (int64_t r = 0; r < t; ++r) keys[r] = 7919 * r;
  run.expect_ok(ssm_dropout_f32(t, d, 1 << 23, 2, keys.data(), kept.data(), d), "dropout");
  run.keep("dropout", kept);
  Floats durations = run.normal(t), stretched(t * d), dstretched(t * d);
  for (float &value : durations) value = std::fabs(value) + 0.1f;
  run.expect_ok(ssm_stretched_step_forward_f32(t, d, dy.data(), d, bias.data(), durations.data(), 1, stretched.data(), d),
                "stretched step");
  run.expect_ok(ssm_stretched_step_backward_f32(t, d, dy.data(), d, bias.data(), durations.data(), 1, y.data(), d,
                                                dstretched.data(), d),
                "stretched step backward");
  run.keep("stretched step", stretched);
  run.keep("stretched step backward", dstretched);
}

void rows_of_tables(Run &run, const Shape &shape) {
  const int64_t t = shape.rows(), d = shape.columns, vocabulary = 5, pairs = shape.states;
  const Floats table = run.normal(vocabulary * d), x = run.normal(t * d), target = run.normal(t * d);
  std::vector<int32_t> tokens(t), positions(t);
  for (int64_t r = 0; r < t; ++r) {
    tokens[r] = static_cast<int32_t>(r * r % vocabulary);
    positions[r] = static_cast<int32_t>(r % 11);
  }
  Floats y(t * d), dtable(vocabulary * d), reversed(t * d), dprediction(t * d);
  run.expect_ok(ssm_embedding_forward_f32(t, d, vocabulary, tokens.data(), table.data(), d, y.data(), d), "embedding");
  run.expect_ok(ssm_embedding_backward_f32(t, d, vocabulary, tokens.data(), x.data(), d, dtable.data(), d),
                "embedding backward");
  run.keep("embedding", y);
  run.keep("embedding backward", dtable);
  run.expect_ok(ssm_reverse_rows_f32(shape.batch(), shape.offsets.data(), d, x.data(), d, reversed.data(), d),
                "reverse rows");
  run.keep("reverse rows", reversed);
  const Floats angles = run.normal(11 * 2 * pairs), wide = run.normal(t * 4 * pairs);
  Floats turned(t * 4 * pairs);
  for (int32_t inverse : {0, 1}) {
    run.expect_ok(ssm_rotate_f32(t, 4 * pairs, positions.data(), pairs, angles.data(), 2 * pairs, inverse, wide.data(),
                                 4 * pairs, turned.data(), 4 * pairs),
                  "rotate");
    run.keep("rotate", turned);
  }
  const Floats weights(t, 0.5f);
  double sum = 0;
  run.expect_ok(ssm_squared_error_f32(t, d, x.data(), d, target.data(), d, weights.data(), dprediction.data(), d, &sum),
                "squared error");
  run.keep("squared error", dprediction);
  run.keep("squared error sum", Floats(1, static_cast<float>(sum)));
}

}  // namespace

int main() {
  return compare_targets([](Run &run, const Shape &shape) {
    copies_and_sums(run, shape);
    maps(run, shape);
    rows_of_tables(run, shape);
  });
}
