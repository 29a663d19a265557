// The time-invariant and the matrix-valued recurrences on odd shapes, in buffers of exactly the size they need (for the
// sanitizers): every instruction set of this machine gives the same numbers, to single precision.
#include "kernel_run.h"

namespace {

int64_t longest(const Shape &shape) {
  int64_t most = 0;
  for (int64_t s = 0; s < shape.batch(); ++s)
    most = std::max<int64_t>(most, shape.offsets[s + 1] - shape.offsets[s]);
  return most;
}

// Transitions of absolute value below 1, rows of real parts and then imaginary ones.
Floats transitions(Run &run, int64_t rows, int64_t states) {
  Floats a(rows * 2 * states);
  const Floats angles = run.normal(rows * states);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t n = 0; n < states; ++n) {
      a[r * 2 * states + n] = 0.9f * std::cos(angles[r * states + n]);
      a[r * 2 * states + states + n] = 0.9f * std::sin(angles[r * states + n]);
    }
  return a;
}

void diagonal_scan(Run &run, const Shape &shape, bool complex, bool constant) {
  const int64_t t = shape.rows(), c = 2 * shape.states, batch = shape.batch();
  const Floats a = run.normal(constant ? c : t * c, 0.25f);
  const Floats b = run.normal(t * c), gain = run.normal(c), initial = run.normal(batch * c);
  const Floats dh = run.normal(t * c), dlast = run.normal(batch * c);
  Floats h(t * c), last(batch * c), da(a.size()), db(t * c), dgain(c), dinitial(batch * c), workspace(3 * c);
  const int32_t *offsets = shape.offsets.data();
  const int64_t a_stride = constant ? 0 : c;
  run.expect_ok(ssm_diagonal_scan_forward_f32(batch, offsets, c, complex, constant, a.data(), a_stride, b.data(), c,
                                              gain.data(), initial.data(), c, h.data(), c, last.data(), c),
                "diagonal scan");
  run.expect_ok(ssm_diagonal_scan_backward_f32(batch, offsets, c, complex, constant, a.data(), a_stride, b.data(), c,
                                               gain.data(), initial.data(), c, h.data(), c, dh.data(), c, dlast.data(),
                                               c, da.data(), a_stride, db.data(), c, dgain.data(), dinitial.data(), c,
                                               workspace.data()),
                "diagonal scan backward");
  run.keep("diagonal scan h", h);
  run.keep("diagonal scan last", last);
  run.keep("diagonal scan da", da);
  run.keep("diagonal scan db", db);
  run.keep("diagonal scan dgain", dgain);
  run.keep("diagonal scan dinitial", dinitial);
}

void s4d_scan(Run &run, const Shape &shape) {
  const int64_t t = shape.rows(), d = shape.columns, n = shape.states, batch = shape.batch(), row = 2 * n;
  const Floats u = run.normal(t * d), a = transitions(run, d, n), b = run.normal(d * row), c = run.normal(d * row);
  const Floats skip = run.normal(d), initial = run.normal(batch * d * row), dy = run.normal(t * d);
  const Floats dlast = run.normal(batch * d * row);
  Floats y(t * d), last(batch * d * row), du(t * d), da(d * row), db(d * row), dc(d * row), dskip(d);
  Floats dinitial(batch * d * row), workspace(ssm_s4d_scan_workspace_f32(n, longest(shape)));
  const int32_t *offsets = shape.offsets.data();
  run.expect_ok(ssm_s4d_scan_forward_f32(batch, offsets, d, n, u.data(), d, a.data(), row, b.data(), row, c.data(), row,
                                         skip.data(), initial.data(), d * row, y.data(), d, last.data(), d * row,
                                         workspace.data()),
                "s4d scan");
  run.expect_ok(ssm_s4d_scan_backward_f32(batch, offsets, d, n, u.data(), d, a.data(), row, b.data(), row, c.data(),
                                          row, skip.data(), initial.data(), d * row, dy.data(), d, dlast.data(),
                                          d * row, du.data(), d, da.data(), row, db.data(), row, dc.data(), row,
                                          dskip.data(), dinitial.data(), d * row, workspace.data()),
                "s4d scan backward");
  const char *names[] = {"y", "last", "du", "da", "db", "dc", "dskip", "dinitial"};
  int i = 0;
  for (Floats *values : {&y, &last, &du, &da, &db, &dc, &dskip, &dinitial})
    run.keep(std::string("s4d scan ") + names[i++], *values);
}

void discretization(Run &run, const Shape &shape, int32_t rule, bool per_row) {
  const int64_t rows = shape.columns, n = shape.states, steps = per_row ? 1 : n;
  Floats log_step = run.normal(rows * steps), a = run.normal(rows * 2 * n);
  for (float &value : log_step) value -= 3;
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t i = 0; i < n; ++i) a[r * 2 * n + i] = -std::fabs(a[r * 2 * n + i]) - 0.1f;
  const Floats da_bar = run.normal(rows * 2 * n), db_bar = run.normal(rows * 2 * n);
  Floats a_bar(rows * 2 * n), b_bar(rows * 2 * n), dlog_step(rows * steps), da(rows * 2 * n);
  run.expect_ok(ssm_discretize_forward_f32(rule, rows, n, log_step.data(), steps, per_row, a.data(), 2 * n,
                                           a_bar.data(), 2 * n, b_bar.data(), 2 * n),
                "discretize");
  run.expect_ok(ssm_discretize_backward_f32(rule, rows, n, log_step.data(), steps, per_row, a.data(), 2 * n,
                                            da_bar.data(), 2 * n, db_bar.data(), 2 * n, dlog_step.data(), steps,
                                            da.data(), 2 * n),
                "discretize backward");
  run.keep("discretize a", a_bar);
  run.keep("discretize b", b_bar);
  run.keep("discretize dlog_step", dlog_step);
  run.keep("discretize da", da);
}

void gated_linear_attention(Run &run, const Shape &shape, bool complex) {
  const int64_t t = shape.rows(), batch = shape.batch(), heads = 2, keys = shape.states, values = shape.columns;
  const int64_t wide = heads * keys, out = heads * values, state = wide * values * (complex ? 2 : 1);
  const Floats q = run.normal(t * wide, 0.3f), k = run.normal(t * wide, 0.3f), v = run.normal(t * out);
  Floats log_alpha = run.normal(t * wide, 0.3f);
  for (float &value : log_alpha) value = -std::fabs(value);
  const Floats phase = run.normal(t * wide), initial = run.normal(batch * state), d_o = run.normal(t * out);
  const Floats dlast = run.normal(batch * state);
  Floats o(t * out), last(batch * state), dq(t * wide), dk(t * wide), dv(t * out), dlog(t * wide), dphase(t * wide);
  Floats dinitial(batch * state);
  Floats forward(ssm_gated_linear_attention_forward_workspace_f32(keys, values, complex));
  Floats backward(ssm_gated_linear_attention_backward_workspace_f32(keys, values, complex, longest(shape)));
  const int32_t *offsets = shape.offsets.data();
  const float *turn = complex ? phase.data() : nullptr;
  run.expect_ok(ssm_gated_linear_attention_forward_f32(batch, offsets, heads, keys, values, q.data(), wide, k.data(),
                                                       wide, v.data(), out, log_alpha.data(), wide, turn, wide,
                                                       initial.data(), state, o.data(), out, last.data(), state,
                                                       forward.data()),
                "gated linear attention");
  run.expect_ok(ssm_gated_linear_attention_backward_f32(
                    batch, offsets, heads, keys, values, q.data(), wide, k.data(), wide, v.data(), out,
                    log_alpha.data(), wide, turn, wide, initial.data(), state, d_o.data(), out, dlast.data(), state,
                    dq.data(), wide, dk.data(), wide, dv.data(), out, dlog.data(), wide,
                    complex ? dphase.data() : nullptr, wide, dinitial.data(), state, backward.data()),
                "gated linear attention backward");
  const char *names[] = {"o", "last", "dq", "dk", "dv", "dlog", "dphase", "dinitial"};
  int i = 0;
  for (Floats *values_of : {&o, &last, &dq, &dk, &dv, &dlog, &dphase, &dinitial})
    run.keep(std::string("gated linear attention ") + names[i++], *values_of);
}

void delta_rule(Run &run, const Shape &shape, int64_t updates, bool decays) {
  const int64_t t = shape.rows(), batch = shape.batch(), heads = 2, keys = shape.states, values = shape.columns;
  const int64_t wide = updates * heads * keys, out = heads * values, state = heads * keys * values;
  const Floats q = run.normal(t * heads * keys), k = run.normal(t * wide, 0.7f / std::sqrt(1.0f * keys));
  const Floats v = run.normal(t * updates * out), beta = run.normal(t * updates * heads, 0.5f);
  Floats log_alpha = run.normal(t * heads, 0.3f);
  for (float &value : log_alpha) value = -std::fabs(value);
  const Floats initial = run.normal(batch * state), d_o = run.normal(t * out), dlast = run.normal(batch * state);
  Floats o(t * out), last(batch * state), dq(q.size()), dk(k.size()), dv(v.size()), dbeta(beta.size()), dlog(t * heads);
  Floats dinitial(batch * state), forward(ssm_delta_rule_forward_workspace_f32(keys));
  Floats backward(ssm_delta_rule_backward_workspace_f32(keys, values, updates, longest(shape)));
  const int32_t *offsets = shape.offsets.data();
  const float *logs = decays ? log_alpha.data() : nullptr;
  run.expect_ok(ssm_delta_rule_forward_f32(batch, offsets, heads, keys, values, updates, q.data(), heads * keys,
                                           k.data(), wide, v.data(), updates * out, beta.data(), updates * heads, logs,
                                           heads, initial.data(), state, o.data(), out, last.data(), state,
                                           forward.data()),
                "delta rule");
  run.expect_ok(ssm_delta_rule_backward_f32(batch, offsets, heads, keys, values, updates, q.data(), heads * keys,
                                            k.data(), wide, v.data(), updates * out, beta.data(), updates * heads,
                                            logs, heads, initial.data(), state, d_o.data(), out, dlast.data(), state,
                                            dq.data(), heads * keys, dk.data(), wide, dv.data(), updates * out,
                                            dbeta.data(), updates * heads, decays ? dlog.data() : nullptr, heads,
                                            dinitial.data(), state, backward.data()),
                "delta rule backward");
  const char *names[] = {"o", "last", "dq", "dk", "dv", "dbeta", "dlog", "dinitial"};
  int i = 0;
  for (Floats *values_of : {&o, &last, &dq, &dk, &dv, &dbeta, &dlog, &dinitial})
    run.keep(std::string("delta rule ") + names[i++], *values_of);
}

}  // namespace

int main() {
  return compare_targets([](Run &run, const Shape &shape) {
    for (bool complex : {false, true})
      for (bool constant : {false, true}) diagonal_scan(run, shape, complex, constant);
    s4d_scan(run, shape);
    const int32_t rules[] = {SSM_DISCRETIZATION_ZERO_ORDER_HOLD, SSM_DISCRETIZATION_BILINEAR};
    for (int32_t rule : rules)
      for (bool per_row : {false, true}) discretization(run, shape, rule, per_row);
    for (bool complex : {false, true}) gated_linear_attention(run, shape, complex);
    for (int64_t updates : {1, 2})
      for (bool decays : {false, true}) delta_rule(run, shape, updates, decays);
  });
}
