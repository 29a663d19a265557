// The kernels of models on odd shapes, in buffers of exactly the size they need (for the sanitizers): every
// instruction set of this machine gives the same numbers, to single precision. The JVM's tests hold them against the
// oracle values.
#include "kernel_run.h"

namespace {

void selective_scan(Run &run, const Shape &shape) {
  const int64_t t = shape.rows(), d = shape.columns, n = shape.states, batch = shape.batch();
  int64_t longest = 0;
  for (int64_t s = 0; s < batch; ++s) longest = std::max<int64_t>(longest, shape.offsets[s + 1] - shape.offsets[s]);
  Floats u = run.normal(t * d), delta = run.normal(t * d), bias = run.normal(d), a = run.normal(d * n);
  for (float &value : a) value = -std::exp(value);
  const Floats b = run.normal(t * n), c = run.normal(t * n), skip = run.normal(d), gate = run.normal(t * d);
  const Floats initial = run.normal(batch * d * n), dy = run.normal(t * d), dlast = run.normal(batch * d * n);
  Floats y(t * d), last(batch * d * n), forward(ssm_selective_scan_forward_workspace_f32(n));
  int64_t chunks = 0;
  for (int64_t s = 0; s < batch; ++s)
    chunks += (shape.offsets[s + 1] - shape.offsets[s] + SSM_SELECTIVE_SCAN_CHUNK - 1) / SSM_SELECTIVE_SCAN_CHUNK;
  Floats kept(chunks * d * n);
  run.expect_ok(ssm_selective_scan_forward_f32(batch, shape.offsets.data(), d, n, u.data(), d, delta.data(), d,
                                               bias.data(), a.data(), n, b.data(), n, c.data(), n, skip.data(),
                                               gate.data(), d, initial.data(), d * n, y.data(), d, last.data(), d * n,
                                               kept.data(), forward.data()),
                "selective scan");
  Floats du(t * d), ddelta(t * d), dbias(d), da(d * n), db(t * n), dc(t * n), dskip(d), dgate(t * d);
  Floats dinitial(batch * d * n);
  for (const float *states : {static_cast<const float *>(nullptr), static_cast<const float *>(kept.data())}) {
    Floats backward(ssm_selective_scan_backward_workspace_f32(n, states == nullptr ? longest : 0));
    for (Floats *sums : {&dbias, &da, &dskip}) std::fill(sums->begin(), sums->end(), 0.0f);
    run.expect_ok(
        ssm_selective_scan_backward_f32(
            batch, shape.offsets.data(), d, n, u.data(), d, delta.data(), d, bias.data(), a.data(), n, b.data(), n,
            c.data(), n, skip.data(), gate.data(), d, initial.data(), d * n, dy.data(), d, dlast.data(), d * n,
            du.data(), d, ddelta.data(), d, dbias.data(), da.data(), n, db.data(), n, dc.data(), n, dskip.data(),
            dgate.data(), d, dinitial.data(), d * n, states, backward.data()),
        "selective scan backward");
  }
  const char *names[] = {"y", "last", "du", "ddelta", "dbias", "da", "db", "dc", "dskip", "dgate", "dinitial"};
  int i = 0;
  for (Floats *values : {&y, &last, &du, &ddelta, &dbias, &da, &db, &dc, &dskip, &dgate, &dinitial})
    run.keep(std::string("selective scan ") + names[i++], *values);
}

void linear_cde(Run &run, const Shape &shape, int32_t solver) {
  const int64_t t = shape.rows(), w = 3, n = shape.states, x = 2, batch = shape.batch();
  Floats domega = run.normal(t * w, 0.2f);
  for (size_t i = 0; i < domega.size(); i += 4) domega[i] = 0;
  const Floats a = run.normal(w * n * n, 1 / std::sqrt(static_cast<float>(n)));
  const Floats dxi = run.normal(t * x), drive = run.normal(n * x), initial = run.normal(batch * n);
  const Floats dy = run.normal(t * n), dlast = run.normal(batch * n);
  Floats y(t * n), last(batch * n), forward(ssm_linear_cde_workspace_f32(batch, w, n, x, 0));
  run.expect_ok(ssm_linear_cde_forward_f32(solver, batch, shape.offsets.data(), w, n, x, domega.data(), w, a.data(),
                                           dxi.data(), x, drive.data(), x, initial.data(), n, y.data(), n, last.data(),
                                           n, forward.data()),
                "linear CDE");
  Floats ddomega(t * w), da(w * n * n), ddxi(t * x), ddrive(n * x), dinitial(batch * n);
  Floats backward(ssm_linear_cde_workspace_f32(batch, w, n, x, 1));
  run.expect_ok(ssm_linear_cde_backward_f32(solver, batch, shape.offsets.data(), w, n, x, domega.data(), w, a.data(),
                                            dxi.data(), x, drive.data(), x, initial.data(), n, y.data(), n, dy.data(),
                                            n, dlast.data(), n, ddomega.data(), w, da.data(), ddxi.data(), x,
                                            ddrive.data(), x, dinitial.data(), n, backward.data()),
                "linear CDE backward");
  const char *names[] = {"y", "last", "ddomega", "da", "ddxi", "ddrive", "dinitial"};
  int i = 0;
  for (Floats *values : {&y, &last, &ddomega, &da, &ddxi, &ddrive, &dinitial})
    run.keep(std::string("linear CDE ") + names[i++], *values);
}

void others(Run &run, const Shape &shape) {
  const int64_t t = shape.rows(), d = shape.columns, batch = shape.batch();
  const Floats x = run.normal(t * d), dy = run.normal(t * d), gamma = run.normal(d), beta = run.normal(d);
  for (int32_t activation = SSM_ACTIVATION_NONE; activation <= SSM_ACTIVATION_RELU; ++activation) {
    Floats y(t * d), dx(t * d);
    run.expect_ok(ssm_activation_forward_f32(activation, t, d, x.data(), d, y.data(), d), "activation");
    run.expect_ok(ssm_activation_backward_f32(activation, t, d, x.data(), d, dy.data(), d, dx.data(), d),
                  "activation backward");
    run.keep("activation", y);
    run.keep("activation backward", dx);
  }
  Floats y(t * d), dx(t * d), inverse(t), statistics(2 * t), dgamma(d), dbeta(d);
  run.expect_ok(ssm_rms_norm_forward_f32(t, d, x.data(), d, gamma.data(), 1e-5, y.data(), d, inverse.data(), 1), "rms");
  run.keep("rms norm", y);
  run.expect_ok(ssm_rms_norm_backward_f32(t, d, x.data(), d, gamma.data(), inverse.data(), 1, dy.data(), d, dx.data(),
                                          d, dgamma.data()),
                "rms backward");
  run.keep("rms norm backward", dx);
  run.expect_ok(ssm_layer_norm_forward_f32(t, d, x.data(), d, gamma.data(), beta.data(), 1e-2, y.data(), d,
                                           statistics.data(), 2),
                "layer norm");
  run.keep("layer norm", y);
  run.expect_ok(ssm_layer_norm_backward_f32(t, d, x.data(), d, gamma.data(), statistics.data(), 2, dy.data(), d,
                                            dx.data(), d, dgamma.data(), dbeta.data()),
                "layer norm backward");
  run.keep("layer norm backward", dx);
  const Floats weight = run.normal(d * 4);
  Floats dweight(d * 4);
  const int32_t *offsets = shape.offsets.data();
  run.expect_ok(ssm_causal_convolution_forward_f32(batch, offsets, d, 4, x.data(), d, weight.data(), 4, beta.data(), 1,
                                                   y.data(), d),
                "convolution");
  run.keep("convolution", y);
  run.expect_ok(ssm_causal_convolution_backward_f32(batch, offsets, d, 4, x.data(), d, weight.data(), 4, beta.data(), 1,
                                                    dy.data(), d, dx.data(), d, dweight.data(), 4, dbeta.data()),
                "convolution backward");
  run.keep("convolution backward", dx);
  run.keep("convolution taps", dweight);
  Floats pooled(batch * d);
  run.expect_ok(ssm_mean_row_forward_f32(batch, offsets, d, x.data(), d, pooled.data(), d), "mean row");
  run.keep("mean row", pooled);
  run.expect_ok(ssm_mean_row_backward_f32(batch, offsets, d, pooled.data(), d, dx.data(), d), "mean row backward");
  run.expect_ok(ssm_last_row_forward_f32(batch, offsets, d, x.data(), d, pooled.data(), d), "last row");
  run.expect_ok(ssm_last_row_backward_f32(batch, offsets, d, pooled.data(), d, dx.data(), d), "last row backward");
  run.expect_ok(ssm_difference_forward_f32(batch, offsets, d, x.data(), d, nullptr, 0, y.data(), d), "difference");
  run.expect_ok(ssm_difference_backward_f32(batch, offsets, d, dy.data(), d, dx.data(), d), "difference backward");
  run.keep("difference", y);
  run.keep("difference backward", dx);
  run.expect_ok(ssm_sum_rows_f32(t, d, x.data(), d, dbeta.data()), "sum rows");
  run.keep("sum rows", dbeta);
  const std::vector<int32_t> targets(t, static_cast<int32_t>(d - 1));
  const Floats weights(t, 0.5f);
  double sum = 0;
  run.expect_ok(ssm_softmax_cross_entropy_f32(t, d, x.data(), d, targets.data(), weights.data(), dx.data(), d, &sum),
                "cross entropy");
  run.keep("cross entropy", dx);
  run.keep("cross entropy sum", Floats(1, static_cast<float>(sum)));
  Floats parameters = x, m(t * d), v(t * d);
  run.expect_ok(ssm_adam_step_f32(t * d, 1e-2, 0.9, 0.999, 1e-8, 0.1, 1, 3, parameters.data(), dy.data(), m.data(),
                                  v.data()),
                "adam");
  run.keep("adam", parameters);
}

void structured_cde(Run &run, const Shape &shape, int32_t solver, int32_t structure, int64_t size, int64_t n) {
  const int64_t t = shape.rows(), batch = shape.batch(), w = 3;
  const std::vector<int32_t> column(n / 2, static_cast<int32_t>(n - 1));
  std::vector<int32_t> row_begin(n + 1, static_cast<int32_t>(n / 2));
  row_begin[0] = 0;
  const int64_t p = structure == SSM_TRANSITION_BLOCK_DIAGONAL   ? n * size
                    : structure == SSM_TRANSITION_LOW_RANK       ? n * (1 + 2 * size)
                    : structure == SSM_TRANSITION_WALSH_HADAMARD ? n
                                                                 : n / 2;
  const float scale = 0.3f / std::sqrt(1.0f + p / n);
  Floats domega = run.normal(t * w, scale);
  for (size_t i = 0; i < domega.size(); i += 3) domega[i] = 0;
  const Floats theta = run.normal(w * p), force = run.normal(t * n), initial = run.normal(batch * n);
  const Floats dy = run.normal(t * n), dlast = run.normal(batch * n);
  Floats y(t * n), last(batch * n), forward(ssm_structured_cde_forward_workspace_f32(n, size, p, w));
  run.expect_ok(ssm_structured_cde_forward_f32(solver, structure, batch, shape.offsets.data(), w, n, size, p,
                                               row_begin.data(), column.data(), domega.data(), w, theta.data(),
                                               force.data(), n, initial.data(), n, y.data(), n, last.data(), n,
                                               forward.data()),
                "structured cde");
  Floats ddomega(t * w), dtheta(w * p), dforce(t * n), dinitial(batch * n);
  Floats backward(ssm_structured_cde_backward_workspace_f32(n, size, p, w));
  run.expect_ok(ssm_structured_cde_backward_f32(
                    solver, structure, batch, shape.offsets.data(), w, n, size, p, row_begin.data(), column.data(),
                    domega.data(), w, theta.data(), force.data(), n, initial.data(), n, y.data(), n, dy.data(), n,
                    dlast.data(), n, ddomega.data(), w, dtheta.data(), dforce.data(), n, dinitial.data(), n,
                    backward.data()),
                "structured cde backward");
  const std::string name = "structured cde " + std::to_string(structure) + " size " + std::to_string(size) + " ";
  run.keep(name + "y", y);
  run.keep(name + "last", last);
  run.keep(name + "domega", ddomega);
  run.keep(name + "theta", dtheta);
  run.keep(name + "force", dforce);
  run.keep(name + "initial", dinitial);
}

void recurrent_scan(Run &run, const Shape &shape, int32_t cell) {
  const int64_t t = shape.rows(), batch = shape.batch(), n = shape.states;
  const int64_t gates = cell == SSM_CELL_LSTM ? 4 * n : n, saved = cell == SSM_CELL_LSTM ? 5 * n : 0;
  const int64_t state = cell == SSM_CELL_LSTM ? 2 * n : n;
  const Floats p = run.normal(t * gates), weight = run.normal(gates * n, 0.5f / std::sqrt(1.0f * n));
  const Floats initial = run.normal(batch * state), dh = run.normal(t * n), dlast = run.normal(batch * state);
  Floats h(t * n), kept(t * saved), last(batch * state), dp(t * gates), dinitial(batch * state);
  Floats workspace(ssm_recurrent_scan_workspace_f32(cell, batch, n));
  const int32_t *offsets = shape.offsets.data();
  run.expect_ok(ssm_recurrent_scan_forward_f32(cell, batch, offsets, n, p.data(), gates, weight.data(), initial.data(),
                                               state, h.data(), n, kept.data(), saved, last.data(), state,
                                               workspace.data()),
                "recurrent scan");
  run.expect_ok(ssm_recurrent_scan_backward_f32(cell, batch, offsets, n, weight.data(), initial.data(), state, h.data(),
                                                n, kept.data(), saved, dh.data(), n, dlast.data(), state, dp.data(),
                                                gates, dinitial.data(), state, workspace.data()),
                "recurrent scan backward");
  run.keep("recurrent scan h", h);
  run.keep("recurrent scan last", last);
  run.keep("recurrent scan dp", dp);
  run.keep("recurrent scan dinitial", dinitial);
}

void causal_attention(Run &run, const Shape &shape) {
  const int64_t t = shape.rows(), batch = shape.batch(), heads = 2, keys = shape.states, values = shape.columns;
  std::vector<int32_t> key_offsets = shape.offsets;
  for (size_t s = 0; s < key_offsets.size(); ++s) key_offsets[s] += static_cast<int32_t>(5 * s);
  const int64_t k_rows = key_offsets.back();
  const Floats q = run.normal(t * heads * keys), k = run.normal(k_rows * heads * keys);
  const Floats v = run.normal(k_rows * heads * values), d_o = run.normal(t * heads * values);
  Floats o(t * heads * values), log_sums(t * heads), workspace(ssm_causal_attention_workspace_f32(keys, values));
  Floats dq(q.size()), dk(k.size()), dv(v.size());
  run.expect_ok(ssm_causal_attention_forward_f32(batch, shape.offsets.data(), key_offsets.data(), heads, keys, values,
                                                 q.data(), heads * keys, k.data(), heads * keys, v.data(),
                                                 heads * values, o.data(), heads * values, log_sums.data(), heads,
                                                 workspace.data()),
                "causal attention");
  run.expect_ok(ssm_causal_attention_backward_f32(
                    batch, shape.offsets.data(), key_offsets.data(), heads, keys, values, q.data(), heads * keys,
                    k.data(), heads * keys, v.data(), heads * values, o.data(), heads * values, log_sums.data(), heads,
                    d_o.data(), heads * values, dq.data(), heads * keys, dk.data(), heads * keys, dv.data(),
                    heads * values, workspace.data()),
                "causal attention backward");
  run.keep("causal attention o", o);
  run.keep("causal attention dq", dq);
  run.keep("causal attention dk", dk);
  run.keep("causal attention dv", dv);
}

}  // namespace

int main() {
  return compare_targets([](Run &run, const Shape &shape) {
    selective_scan(run, shape);
    linear_cde(run, shape, SSM_CDE_EULER);
    linear_cde(run, shape, SSM_CDE_RK4);
    const int32_t solvers[] = {SSM_CDE_EULER, SSM_CDE_RK4, SSM_CDE_EXPONENTIAL};
    for (int32_t solver : solvers) {
      for (int64_t size : {1, 2, 4, 8, 3}) structured_cde(run, shape, solver, SSM_TRANSITION_BLOCK_DIAGONAL, size, 24);
      structured_cde(run, shape, solver, SSM_TRANSITION_BLOCK_DIAGONAL, shape.states, shape.states);
      for (int64_t rank : {0, 3}) structured_cde(run, shape, solver, SSM_TRANSITION_LOW_RANK, rank, shape.states);
      for (int64_t n : {1, 8, 64}) structured_cde(run, shape, solver, SSM_TRANSITION_WALSH_HADAMARD, 0, n);
      structured_cde(run, shape, solver, SSM_TRANSITION_SPARSE, 0, shape.states);
    }
    recurrent_scan(run, shape, SSM_CELL_TANH);
    recurrent_scan(run, shape, SSM_CELL_LSTM);
    causal_attention(run, shape);
    others(run, shape);
  });
}
