// The kernels for GPUs against those of the processor, without a JVM: to be run on a GPU, also under compute-sanitizer,
// and by the emulation anywhere. Each case runs both on the same random numbers and compares every operand afterwards,
// the inputs included. It runs everything twice: the second run must give the same bits.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <deque>
#include <functional>
#include <random>
#include <vector>

#include "device.h"
#include "ssm.h"
#include "ssm_cuda.h"

namespace {

int failures = 0;

// A matrix on both sides.
struct Matrix {
  std::vector<float> host;
  ssm_cuda_matrix device;

  float *data() { return device.data == nullptr ? nullptr : host.data(); }
  int64_t stride() const { return device.stride; }
};

class Case {
 public:
  Case(ssm_cuda_context *context, const char *name, unsigned seed, std::vector<int32_t> lengths)
      : context(context), name_(name), random_(seed) {
    offsets.push_back(0);
    for (int32_t length : lengths) offsets.push_back(offsets.back() + length);
    batch = static_cast<int64_t>(lengths.size());
    rows = offsets.back();
    longest = 0;
    for (int32_t length : lengths) longest = length > longest ? length : longest;
  }

  Matrix &matrix(int64_t matrix_rows, int64_t columns, float scale = 1, float shift = 0) {
    matrices_.emplace_back();
    Matrix &m = matrices_.back();
    m.host.resize(static_cast<size_t>(matrix_rows * columns) + 1);
    std::normal_distribution<float> normal;
    for (float &value : m.host) value = shift + scale * normal(random_);
    m.device = {nullptr, matrix_rows, columns, columns};
    require(ssm_cuda_take(context, matrix_rows * columns, &m.device.data));
    require(ssm_cuda_write(context, m.host.data(), &m.device));
    return m;
  }

  // Numbers that decay, all below 0.
  Matrix &decays(int64_t matrix_rows, int64_t columns) {
    Matrix &m = matrix(matrix_rows, columns);
    for (float &value : m.host) value = -std::exp(value);
    require(ssm_cuda_write(context, m.host.data(), &m.device));
    return m;
  }

  Matrix &absent() {
    matrices_.emplace_back();
    matrices_.back().device = {nullptr, 0, 0, 0};
    return matrices_.back();
  }

  // Working space of a function of the processor.
  float *space(int64_t floats) {
    spaces_.emplace_back(static_cast<size_t>(floats) + 64);
    return reinterpret_cast<float *>((reinterpret_cast<uintptr_t>(spaces_.back().data()) + 63) / 64 * 64);
  }

  void require(int32_t status) {
    if (status == 0) return;
    std::printf("%s: %s\n", name_, ssm_cuda_error());
    ++failures;
  }
  void require_host(int32_t status) {
    if (status == 0) return;
    std::printf("%s: the processor's kernel gave status %d\n", name_, status);
    ++failures;
  }

  // Compares; returns all numbers of the device.
  std::vector<float> finish() {
    std::vector<float> all;
    int index = 0;
    for (Matrix &m : matrices_) {
      ++index;
      if (m.device.data == nullptr) continue;
      std::vector<float> got(m.host.size());
      require(ssm_cuda_read(context, &m.device, got.data()));
      double scale = 1;
      for (size_t i = 0; i + 1 < got.size(); ++i) scale = std::fmax(scale, std::fabs(m.host[i]));
      const double tolerance = 5e-5 * std::sqrt(1 + static_cast<double>(rows) / 16);
      for (size_t i = 0; i + 1 < got.size(); ++i)
        if (!(std::fabs(double{got[i]} - m.host[i]) <= tolerance * scale)) {
          std::printf("%s: operand %d at %zu is %g, expected %g\n", name_, index, i, got[i], m.host[i]);
          ++failures;
          break;
        }
      all.insert(all.end(), got.begin(), got.end() - 1);
    }
    return all;
  }

  ssm_cuda_context *const context;
  std::vector<int32_t> offsets;
  int64_t batch, rows, longest;

 private:
  const char *name_;
  std::mt19937 random_;
  std::deque<Matrix> matrices_;
  std::deque<std::vector<float>> spaces_;
};

// Of d channels by n states; with kept states, the processor keeps its own.
void selective_scan(Case &c, int64_t d, int64_t n, bool keeps) {
  const int64_t b = c.batch, t = c.rows;
  const int64_t chunks = kept_rows(b, c.offsets.data());
  ssm_cuda_matrix kept = {nullptr, 0, 0, 0};
  if (keeps) {
    kept = {nullptr, chunks, d * n, d * n};
    c.require(ssm_cuda_take(c.context, chunks * d * n, &kept.data));
  }
  float *const kept_by_host = keeps ? c.space(chunks * d * n) : nullptr;
  Matrix &u = c.matrix(t, d), &raw = c.matrix(t, d), &bias = c.matrix(1, d), &a = c.decays(d, n), &in = c.matrix(t, n),
         &out = c.matrix(t, n), &skip = c.matrix(1, d), &gate = c.matrix(t, d), &initial = c.matrix(b, d * n),
         &y = c.matrix(t, d), &last = c.matrix(b, d * n);
  const ssm_cuda_selective_scan scan = {u.device,   raw.device,  bias.device,    a.device, in.device,  out.device,
                                        skip.device, gate.device, initial.device, y.device, last.device, kept};
  c.require(ssm_cuda_selective_scan_forward(c.context, b, c.offsets.data(), &scan));
  c.require_host(ssm_selective_scan_forward_f32(
      b, c.offsets.data(), d, n, u.data(), d, raw.data(), d, bias.data(), a.data(), n, in.data(), n, out.data(), n,
      skip.data(), gate.data(), d, initial.data(), d * n, y.data(), d, last.data(), d * n,
      kept_by_host, c.space(ssm_selective_scan_forward_workspace_f32(n))));
  Matrix &dy = c.matrix(t, d), &dlast = c.matrix(b, d * n), &du = c.matrix(t, d), &draw = c.matrix(t, d),
         &dbias = c.matrix(1, d), &da = c.matrix(d, n), &din = c.matrix(t, n), &dout = c.matrix(t, n),
         &dskip = c.matrix(1, d), &dgate = c.matrix(t, d), &dinitial = c.matrix(b, d * n);
  const ssm_cuda_selective_scan_gradients g = {dy.device,    dlast.device, du.device,   draw.device,
                                               dbias.device, da.device,    din.device,  dout.device,
                                               dskip.device, dgate.device, dinitial.device};
  c.require(ssm_cuda_selective_scan_backward(c.context, b, c.offsets.data(), &scan, &g));
  c.require_host(ssm_selective_scan_backward_f32(
      b, c.offsets.data(), d, n, u.data(), d, raw.data(), d, bias.data(), a.data(), n, in.data(), n, out.data(), n,
      skip.data(), gate.data(), d, initial.data(), d * n, dy.data(), d, dlast.data(), d * n, du.data(), d, draw.data(),
      d, dbias.data(), da.data(), n, din.data(), n, dout.data(), n, dskip.data(), dgate.data(), d, dinitial.data(),
      d * n, kept_by_host, c.space(ssm_selective_scan_backward_workspace_f32(n, keeps ? 0 : c.longest))));
}

void selective_scan(Case &c) {
  for (bool keeps : {false, true}) selective_scan(c, 37, 16, keeps);
  for (int64_t states : {0, 1, 3, 40, 70, 130}) selective_scan(c, 5, states, true);
}

// Enough sequences for blocks of two and of four bundles of channels.
void selective_scan_in_bundles(Case &c) {
  selective_scan(c, 70, 5, true);
  selective_scan(c, 101, 9, false);
}

void linear_cde(Case &c) {
  const int64_t w = 3, n = 33, x = 2, b = c.batch, t = c.rows;
  for (int32_t solver : {SSM_CDE_EULER, SSM_CDE_RK4}) {
    Matrix &domega = c.matrix(t, w, 0.1f), &a = c.matrix(w * n, n, 0.17f), &dxi = c.matrix(t, x),
           &drive = c.matrix(n, x, 0.1f), &initial = c.matrix(b, n), &y = c.matrix(t, n), &last = c.matrix(b, n);
    const ssm_cuda_linear_cde solve = {domega.device,  a.device, dxi.device, drive.device,
                                       initial.device, y.device, last.device};
    c.require(ssm_cuda_linear_cde_forward(c.context, solver, b, c.offsets.data(), &solve));
    c.require_host(ssm_linear_cde_forward_f32(solver, b, c.offsets.data(), w, n, x, domega.data(), w, a.data(),
                                              dxi.data(), x, drive.data(), x, initial.data(), n, y.data(), n,
                                              last.data(), n, c.space(ssm_linear_cde_workspace_f32(b, w, n, x, 0))));
    Matrix &dy = c.matrix(t, n), &dlast = c.matrix(b, n), &ddomega = c.matrix(t, w), &da = c.matrix(w * n, n),
           &ddxi = c.matrix(t, x), &ddrive = c.matrix(n, x), &dinitial = c.matrix(b, n);
    const ssm_cuda_linear_cde_gradients g = {dy.device,   dlast.device,  ddomega.device, da.device,
                                             ddxi.device, ddrive.device, dinitial.device};
    c.require(ssm_cuda_linear_cde_backward(c.context, solver, b, c.offsets.data(), &solve, &g));
    c.require_host(ssm_linear_cde_backward_f32(
        solver, b, c.offsets.data(), w, n, x, domega.data(), w, a.data(), dxi.data(), x, drive.data(), x,
        initial.data(), n, y.data(), n, dy.data(), n, dlast.data(), n, ddomega.data(), w, da.data(), ddxi.data(), x,
        ddrive.data(), x, dinitial.data(), n, c.space(ssm_linear_cde_workspace_f32(b, w, n, x, 1))));
  }
}

void s4d_scan(Case &c) {
  const int64_t d = 35, n = 5, b = c.batch, t = c.rows, width = 2 * n;
  Matrix &u = c.matrix(t, d), &a = c.matrix(d, width, 0.4f), &in = c.matrix(d, width), &out = c.matrix(d, width),
         &skip = c.matrix(1, d), &initial = c.matrix(b, d * width), &y = c.matrix(t, d), &last = c.matrix(b, d * width);
  const ssm_cuda_s4d_scan scan = {u.device,    a.device,       in.device, out.device,
                                  skip.device, initial.device, y.device,  last.device};
  float *const space = c.space(ssm_s4d_scan_workspace_f32(n, c.longest));
  c.require(ssm_cuda_s4d_scan_forward(c.context, b, c.offsets.data(), &scan));
  c.require_host(ssm_s4d_scan_forward_f32(b, c.offsets.data(), d, n, u.data(), d, a.data(), width, in.data(), width,
                                          out.data(), width, skip.data(), initial.data(), d * width, y.data(), d,
                                          last.data(), d * width, space));
  Matrix &dy = c.matrix(t, d), &dlast = c.matrix(b, d * width), &du = c.matrix(t, d), &da = c.matrix(d, width),
         &din = c.matrix(d, width), &dout = c.matrix(d, width), &dskip = c.matrix(1, d),
         &dinitial = c.matrix(b, d * width);
  const ssm_cuda_s4d_scan_gradients g = {dy.device,  dlast.device, du.device,    da.device,
                                         din.device, dout.device,  dskip.device, dinitial.device};
  c.require(ssm_cuda_s4d_scan_backward(c.context, b, c.offsets.data(), &scan, &g));
  c.require_host(ssm_s4d_scan_backward_f32(
      b, c.offsets.data(), d, n, u.data(), d, a.data(), width, in.data(), width, out.data(), width, skip.data(),
      initial.data(), d * width, dy.data(), d, dlast.data(), d * width, du.data(), d, da.data(), width, din.data(),
      width, dout.data(), width, dskip.data(), dinitial.data(), d * width, space));
}

void diagonal_scan(Case &c) {
  const int64_t columns = 34, b = c.batch, t = c.rows;
  for (int32_t complex : {0, 1})
    for (int32_t constant : {0, 1}) {
      Matrix &a = c.matrix(constant ? 1 : t, columns, 0.4f), &in = c.matrix(t, columns), &gain = c.matrix(1, columns),
             &initial = c.matrix(b, columns), &h = c.matrix(t, columns), &last = c.matrix(b, columns);
      const ssm_cuda_diagonal_scan scan = {a.device,       in.device, gain.device,
                                           initial.device, h.device,  last.device};
      c.require(ssm_cuda_diagonal_scan_forward(c.context, b, c.offsets.data(), complex, constant, &scan));
      c.require_host(ssm_diagonal_scan_forward_f32(b, c.offsets.data(), columns, complex, constant, a.data(), columns,
                                                   in.data(), columns, gain.data(), initial.data(), columns, h.data(),
                                                   columns, last.data(), columns));
      Matrix &dh = c.matrix(t, columns), &dlast = c.matrix(b, columns), &da = c.matrix(constant ? 1 : t, columns),
             &din = c.matrix(t, columns), &dgain = c.matrix(1, columns), &dinitial = c.matrix(b, columns);
      const ssm_cuda_diagonal_scan_gradients g = {dh.device,  dlast.device, da.device,
                                                  din.device, dgain.device, dinitial.device};
      c.require(ssm_cuda_diagonal_scan_backward(c.context, b, c.offsets.data(), complex, constant, &scan, &g));
      c.require_host(ssm_diagonal_scan_backward_f32(
          b, c.offsets.data(), columns, complex, constant, a.data(), columns, in.data(), columns, gain.data(),
          initial.data(), columns, h.data(), columns, dh.data(), columns, dlast.data(), columns, da.data(), columns,
          din.data(), columns, dgain.data(), dinitial.data(), columns, c.space(3 * columns)));
    }
}

// Heads of k keys by v values.
void gated_linear_attention(Case &c, int64_t heads, int64_t k, int64_t v) {
  const int64_t b = c.batch, t = c.rows;
  for (bool phased : {false, true}) {
    const int64_t state = (phased ? 2 : 1) * heads * k * v;
    Matrix &q = c.matrix(t, heads * k), &key = c.matrix(t, heads * k), &value = c.matrix(t, heads * v),
           &log_alpha = c.decays(t, heads * k), &phase = phased ? c.matrix(t, heads * k) : c.absent(),
           &initial = c.matrix(b, state), &o = c.matrix(t, heads * v), &last = c.matrix(b, state);
    const ssm_cuda_gated_linear_attention scan = {q.device,     key.device,     value.device, log_alpha.device,
                                                  phase.device, initial.device, o.device,     last.device};
    c.require(ssm_cuda_gated_linear_attention_forward(c.context, b, c.offsets.data(), heads, &scan));
    c.require_host(ssm_gated_linear_attention_forward_f32(
        b, c.offsets.data(), heads, k, v, q.data(), heads * k, key.data(), heads * k, value.data(), heads * v,
        log_alpha.data(), heads * k, phase.data(), heads * k, initial.data(), state, o.data(), heads * v, last.data(),
        state, c.space(ssm_gated_linear_attention_forward_workspace_f32(k, v, phased))));
    Matrix &d_o = c.matrix(t, heads * v), &dlast = c.matrix(b, state), &dq = c.matrix(t, heads * k),
           &dk = c.matrix(t, heads * k), &dv = c.matrix(t, heads * v), &dlog = c.matrix(t, heads * k),
           &dphase = phased ? c.matrix(t, heads * k) : c.absent(), &dinitial = c.matrix(b, state);
    const ssm_cuda_gated_linear_attention_gradients g = {d_o.device, dlast.device, dq.device,     dk.device,
                                                         dv.device,  dlog.device,  dphase.device, dinitial.device};
    c.require(ssm_cuda_gated_linear_attention_backward(c.context, b, c.offsets.data(), heads, &scan, &g));
    c.require_host(ssm_gated_linear_attention_backward_f32(
        b, c.offsets.data(), heads, k, v, q.data(), heads * k, key.data(), heads * k, value.data(), heads * v,
        log_alpha.data(), heads * k, phase.data(), heads * k, initial.data(), state, d_o.data(), heads * v,
        dlast.data(), state, dq.data(), heads * k, dk.data(), heads * k, dv.data(), heads * v, dlog.data(), heads * k,
        dphase.data(), heads * k, dinitial.data(), state,
        c.space(ssm_gated_linear_attention_backward_workspace_f32(k, v, phased, c.longest))));
  }
}

void gated_linear_attention(Case &c) {
  gated_linear_attention(c, 2, 12, 40);
  // Not all states of a tile are held, or only one.
  for (int64_t keys : {70, 128}) gated_linear_attention(c, 1, keys, 3);
}

// Enough sequences for blocks of two bundles of values, of which one has all of a head's, and of which two share them.
void gated_linear_attention_in_bundles(Case &c) {
  gated_linear_attention(c, 1, 5, 40);
  gated_linear_attention(c, 2, 33, 70);
}

void delta_rule(Case &c) {
  const int64_t heads = 2, k = 11, v = 37, updates = 2, b = c.batch, t = c.rows, state = heads * k * v;
  Matrix &q = c.matrix(t, heads * k), &key = c.matrix(t, updates * heads * k, 0.25f),
         &value = c.matrix(t, updates * heads * v), &beta = c.matrix(t, updates * heads, 0.3f),
         &log_alpha = c.decays(t, heads), &initial = c.matrix(b, state), &o = c.matrix(t, heads * v),
         &last = c.matrix(b, state);
  const ssm_cuda_delta_rule rule = {q.device,         key.device,     value.device, beta.device,
                                    log_alpha.device, initial.device, o.device,     last.device};
  c.require(ssm_cuda_delta_rule_forward(c.context, b, c.offsets.data(), heads, updates, &rule));
  c.require_host(ssm_delta_rule_forward_f32(
      b, c.offsets.data(), heads, k, v, updates, q.data(), heads * k, key.data(), updates * heads * k, value.data(),
      updates * heads * v, beta.data(), updates * heads, log_alpha.data(), heads, initial.data(), state, o.data(),
      heads * v, last.data(), state, c.space(ssm_delta_rule_forward_workspace_f32(k))));
  Matrix &d_o = c.matrix(t, heads * v), &dlast = c.matrix(b, state), &dq = c.matrix(t, heads * k),
         &dk = c.matrix(t, updates * heads * k), &dv = c.matrix(t, updates * heads * v),
         &dbeta = c.matrix(t, updates * heads), &dlog = c.matrix(t, heads), &dinitial = c.matrix(b, state);
  const ssm_cuda_delta_rule_gradients g = {d_o.device, dlast.device, dq.device,   dk.device,
                                           dv.device,  dbeta.device, dlog.device, dinitial.device};
  c.require(ssm_cuda_delta_rule_backward(c.context, b, c.offsets.data(), heads, updates, &rule, &g));
  c.require_host(ssm_delta_rule_backward_f32(
      b, c.offsets.data(), heads, k, v, updates, q.data(), heads * k, key.data(), updates * heads * k, value.data(),
      updates * heads * v, beta.data(), updates * heads, log_alpha.data(), heads, initial.data(), state, d_o.data(),
      heads * v, dlast.data(), state, dq.data(), heads * k, dk.data(), updates * heads * k, dv.data(),
      updates * heads * v, dbeta.data(), updates * heads, dlog.data(), heads, dinitial.data(), state,
      c.space(ssm_delta_rule_backward_workspace_f32(k, v, updates, c.longest))));
}

void structured_cde(Case &c) {
  struct Shape {
    int32_t structure;
    int64_t states, size, coefficients;
  };
  const std::vector<int32_t> row_begin = {0, 2, 2, 3, 5}, column = {0, 3, 1, 2, 0};
  const int64_t w = 3, b = c.batch, t = c.rows;
  for (const Shape &s : {Shape{SSM_TRANSITION_BLOCK_DIAGONAL, 12, 1, 12}, Shape{SSM_TRANSITION_BLOCK_DIAGONAL, 12, 4, 48},
                         Shape{SSM_TRANSITION_BLOCK_DIAGONAL, 40, 40, 1600}, Shape{SSM_TRANSITION_LOW_RANK, 9, 2, 45},
                         Shape{SSM_TRANSITION_WALSH_HADAMARD, 16, 0, 16}, Shape{SSM_TRANSITION_SPARSE, 4, 0, 5}})
    for (int32_t solver : {SSM_CDE_EULER, SSM_CDE_RK4, SSM_CDE_EXPONENTIAL}) {
      const int64_t n = s.states, p = s.coefficients;
      const bool sparse = s.structure == SSM_TRANSITION_SPARSE;
      const int32_t *const rows = sparse ? row_begin.data() : nullptr, *const columns = sparse ? column.data() : nullptr;
      Matrix &domega = c.matrix(t, w, 0.1f), &theta = c.matrix(w, p, 0.3f), &force = c.matrix(t, n, 0.1f),
             &initial = c.matrix(b, n), &y = c.matrix(t, n), &last = c.matrix(b, n);
      const ssm_cuda_structured_cde solve = {domega.device, theta.device, force.device,
                                             initial.device, y.device,     last.device};
      c.require(ssm_cuda_structured_cde_forward(c.context, solver, s.structure, n, s.size, rows, columns, b,
                                                c.offsets.data(), &solve));
      c.require_host(ssm_structured_cde_forward_f32(
          solver, s.structure, b, c.offsets.data(), w, n, s.size, p, rows, columns, domega.data(), w, theta.data(),
          force.data(), n, initial.data(), n, y.data(), n, last.data(), n,
          c.space(ssm_structured_cde_forward_workspace_f32(n, s.size, p, w))));
      Matrix &dy = c.matrix(t, n), &dlast = c.matrix(b, n), &ddomega = c.matrix(t, w), &dtheta = c.matrix(w, p),
             &dforce = c.matrix(t, n), &dinitial = c.matrix(b, n);
      const ssm_cuda_structured_cde_gradients g = {dy.device,     dlast.device,  ddomega.device,
                                                   dtheta.device, dforce.device, dinitial.device};
      c.require(ssm_cuda_structured_cde_backward(c.context, solver, s.structure, n, s.size, rows, columns, b,
                                                 c.offsets.data(), &solve, &g));
      c.require_host(ssm_structured_cde_backward_f32(
          solver, s.structure, b, c.offsets.data(), w, n, s.size, p, rows, columns, domega.data(), w, theta.data(),
          force.data(), n, initial.data(), n, y.data(), n, dy.data(), n, dlast.data(), n, ddomega.data(), w,
          dtheta.data(), dforce.data(), n, dinitial.data(), n,
          c.space(ssm_structured_cde_backward_workspace_f32(n, s.size, p, w))));
    }
}

void recurrent_scan(Case &c) {
  const int64_t h = 21, b = c.batch, t = c.rows;
  for (int32_t cell : {SSM_CELL_TANH, SSM_CELL_LSTM}) {
    const bool lstm = cell == SSM_CELL_LSTM;
    const int64_t gates = lstm ? 4 * h : h, state = lstm ? 2 * h : h;
    Matrix &p = c.matrix(t, gates), &weight = c.matrix(gates, h, 0.1f), &initial = c.matrix(b, state),
           &out = c.matrix(t, h), &saved = lstm ? c.matrix(t, 5 * h) : c.absent(), &last = c.matrix(b, state);
    const ssm_cuda_recurrent_scan scan = {p.device,   weight.device, initial.device,
                                          out.device, saved.device,  last.device};
    float *const space = c.space(ssm_recurrent_scan_workspace_f32(cell, b, h));
    c.require(ssm_cuda_recurrent_scan_forward(c.context, cell, b, c.offsets.data(), &scan));
    c.require_host(ssm_recurrent_scan_forward_f32(cell, b, c.offsets.data(), h, p.data(), gates, weight.data(),
                                                  initial.data(), state, out.data(), h, saved.data(), 5 * h,
                                                  last.data(), state, space));
    Matrix &dh = c.matrix(t, h), &dlast = c.matrix(b, state), &dp = c.matrix(t, gates), &dinitial = c.matrix(b, state);
    // The processor leaves the gradient of the weight to its caller.
    float *dweight = nullptr;
    c.require(ssm_cuda_take(c.context, gates * h, &dweight));
    const ssm_cuda_matrix of_weight = {dweight, gates, h, h};
    c.require(ssm_cuda_fill(c.context, &of_weight, 0));
    const ssm_cuda_recurrent_scan_gradients g = {dh.device, dlast.device, dp.device, of_weight, dinitial.device};
    c.require(ssm_cuda_recurrent_scan_backward(c.context, cell, b, c.offsets.data(), &scan, &g));
    c.require_host(ssm_recurrent_scan_backward_f32(cell, b, c.offsets.data(), h, weight.data(), initial.data(), state,
                                                   out.data(), h, saved.data(), 5 * h, dh.data(), h, dlast.data(),
                                                   state, dp.data(), gates, dinitial.data(), state, space));
  }
}

void causal_attention(Case &c) {
  const int64_t heads = 2, k = 13, v = 34, t = c.rows;
  Matrix &q = c.matrix(t, heads * k), &key = c.matrix(t, heads * k), &value = c.matrix(t, heads * v),
         &o = c.matrix(t, heads * v), &log_sums = c.matrix(t, heads);
  const ssm_cuda_causal_attention attention = {q.device, key.device, value.device, o.device, log_sums.device};
  float *const space = c.space(ssm_causal_attention_workspace_f32(k, v));
  const int32_t *const offsets = c.offsets.data();
  c.require(ssm_cuda_causal_attention_forward(c.context, c.batch, offsets, offsets, heads, &attention));
  c.require_host(ssm_causal_attention_forward_f32(c.batch, offsets, offsets, heads, k, v, q.data(), heads * k,
                                                  key.data(), heads * k, value.data(), heads * v, o.data(), heads * v,
                                                  log_sums.data(), heads, space));
  Matrix &d_o = c.matrix(t, heads * v), &dq = c.matrix(t, heads * k), &dk = c.matrix(t, heads * k),
         &dv = c.matrix(t, heads * v);
  const ssm_cuda_causal_attention_gradients g = {d_o.device, dq.device, dk.device, dv.device};
  c.require(ssm_cuda_causal_attention_backward(c.context, c.batch, offsets, offsets, heads, &attention, &g));
  c.require_host(ssm_causal_attention_backward_f32(
      c.batch, offsets, offsets, heads, k, v, q.data(), heads * k, key.data(), heads * k, value.data(), heads * v,
      o.data(), heads * v, log_sums.data(), heads, d_o.data(), heads * v, dq.data(), heads * k, dk.data(), heads * k,
      dv.data(), heads * v, space));
}

void layers(Case &c) {
  const int64_t d = 70, t = c.rows, width = 4;
  const int32_t *const offsets = c.offsets.data();
  Matrix &x = c.matrix(t, d), &weight = c.matrix(d, width), &bias = c.matrix(1, d), &y = c.matrix(t, d);
  c.require(ssm_cuda_causal_convolution_forward(c.context, c.batch, offsets, &x.device, &weight.device, &bias.device, 1,
                                                &y.device));
  c.require_host(ssm_causal_convolution_forward_f32(c.batch, offsets, d, width, x.data(), d, weight.data(), width,
                                                    bias.data(), 1, y.data(), d));
  Matrix &dy = c.matrix(t, d), &dx = c.matrix(t, d), &dweight = c.matrix(d, width), &dbias = c.matrix(1, d);
  c.require(ssm_cuda_causal_convolution_backward(c.context, c.batch, offsets, &x.device, &weight.device, &bias.device, 1,
                                                 &dy.device, &dx.device, &dweight.device, &dbias.device));
  c.require_host(ssm_causal_convolution_backward_f32(c.batch, offsets, d, width, x.data(), d, weight.data(), width,
                                                     bias.data(), 1, dy.data(), d, dx.data(), d, dweight.data(), width,
                                                     dbias.data()));
  Matrix &gamma = c.matrix(1, d), &inverse = c.matrix(t, 1), &statistics = c.matrix(t, 2), &dgamma = c.matrix(1, d);
  c.require(ssm_cuda_rms_norm_forward(c.context, &x.device, &gamma.device, 1e-5, &y.device, &inverse.device));
  c.require_host(ssm_rms_norm_forward_f32(t, d, x.data(), d, gamma.data(), 1e-5, y.data(), d, inverse.data(), 1));
  c.require(ssm_cuda_rms_norm_backward(c.context, &x.device, &gamma.device, &inverse.device, &dy.device, &dx.device,
                                       &dgamma.device));
  c.require_host(ssm_rms_norm_backward_f32(t, d, x.data(), d, gamma.data(), inverse.data(), 1, dy.data(), d, dx.data(),
                                           d, dgamma.data()));
  c.require(ssm_cuda_layer_norm_forward(c.context, &x.device, &gamma.device, &bias.device, 1e-5, &y.device,
                                        &statistics.device));
  c.require_host(ssm_layer_norm_forward_f32(t, d, x.data(), d, gamma.data(), bias.data(), 1e-5, y.data(), d,
                                            statistics.data(), 2));
  c.require(ssm_cuda_layer_norm_backward(c.context, &x.device, &gamma.device, &statistics.device, &dy.device,
                                         &dx.device, &dgamma.device, &dbias.device));
  c.require_host(ssm_layer_norm_backward_f32(t, d, x.data(), d, gamma.data(), statistics.data(), 2, dy.data(), d,
                                             dx.data(), d, dgamma.data(), dbias.data()));
  for (int32_t activation = SSM_ACTIVATION_NONE; activation <= SSM_ACTIVATION_SOFTPLUS; ++activation) {
    c.require(ssm_cuda_activation_forward(c.context, activation, &x.device, &y.device));
    c.require_host(ssm_activation_forward_f32(activation, t, d, x.data(), d, y.data(), d));
    c.require(ssm_cuda_activation_backward(c.context, activation, &x.device, &dy.device, &dx.device));
    c.require_host(ssm_activation_backward_f32(activation, t, d, x.data(), d, dy.data(), d, dx.data(), d));
  }
  std::vector<int32_t> tokens;
  std::vector<int64_t> keys;
  std::vector<float> weights;
  for (int64_t r = 0; r < t; ++r) {
    tokens.push_back(static_cast<int32_t>(r * r % 7));
    keys.push_back(r * 0x1234567);
    weights.push_back(r % 5 == 0 ? 0.0f : 1.0f / static_cast<float>(1 + r));
  }
  Matrix &table = c.matrix(7, d), &dtable = c.matrix(7, d), &m = c.matrix(1, d), &v = c.matrix(1, d, 0, 0.5f);
  c.require(ssm_cuda_embedding_forward(c.context, tokens.data(), &table.device, &y.device));
  c.require_host(ssm_embedding_forward_f32(t, d, 7, tokens.data(), table.data(), d, y.data(), d));
  c.require(ssm_cuda_embedding_backward(c.context, tokens.data(), &dy.device, &dtable.device));
  c.require_host(ssm_embedding_backward_f32(t, d, 7, tokens.data(), dy.data(), d, dtable.data(), d));
  c.require(ssm_cuda_dropout(c.context, 1 << 22, 4.0f / 3, keys.data(), &y.device));
  c.require_host(ssm_dropout_f32(t, d, 1 << 22, 4.0f / 3, keys.data(), y.data(), d));
  double expected = 0;
  c.require(ssm_cuda_softmax_cross_entropy(c.context, &x.device, tokens.data(), weights.data(), &dx.device, 3));
  double totals[4] = {};  // the first three belong to nobody
  c.require(ssm_cuda_read_totals(c.context, 4, totals));
  const double loss = totals[3];
  c.require_host(ssm_softmax_cross_entropy_f32(t, d, x.data(), d, tokens.data(), weights.data(), dx.data(), d,
                                               &expected));
  if (!(std::fabs(loss - expected) <= 1e-5 * (1 + std::fabs(expected)))) {
    std::printf("softmax cross-entropy: %g, expected %g\n", loss, expected);
    ++failures;
  }
  c.require(ssm_cuda_adam_step(c.context, 0.01, 0.9, 0.999, 1e-8, 0.1, 1, 3, &gamma.device, &dgamma.device, &m.device,
                               &v.device));
  c.require_host(ssm_adam_step_f32(d, 0.01, 0.9, 0.999, 1e-8, 0.1, 1, 3, gamma.data(), dgamma.data(), m.data(),
                                   v.data()));
}

void expect_transfers(ssm_cuda_context *context, const int64_t before[4], int64_t expected, const char *what) {
  int64_t after[4];
  ssm_cuda_transfers(context, after);
  if (after[0] - before[0] == expected) return;
  std::printf("%s: %lld transfers to the device, expected %lld\n", what, (long long)(after[0] - before[0]),
              (long long)expected);
  ++failures;
}

// What an upload brought is found by the operations until its memory is given back.
void upload(Case &c) {
  const int64_t d = 7, n = 3, t = c.rows, vocabulary = 7;
  std::vector<int32_t> words;
  std::vector<ssm_cuda_piece> pieces;
  auto add = [&](int64_t kind, const void *values, size_t count, int64_t size = 0) {
    words.resize((words.size() + SSM_CUDA_PIECE_WORDS - 1) / SSM_CUDA_PIECE_WORDS * SSM_CUDA_PIECE_WORDS);
    pieces.push_back({kind, static_cast<int64_t>(words.size()), static_cast<int64_t>(count), size});
    words.resize(words.size() + count);
    if (count > 0) std::memcpy(words.data() + pieces.back().first, values, count * sizeof(int32_t));
  };
  std::vector<float> numbers, weights;
  std::vector<int32_t> tokens;
  std::vector<int64_t> keys;
  for (int64_t r = 0; r < t; ++r) {
    for (int64_t i = 0; i < d; ++i) numbers.push_back(static_cast<float>(r) - 0.5f * static_cast<float>(i));
    weights.push_back(1.0f / static_cast<float>(1 + r));
    tokens.push_back(static_cast<int32_t>(r * r % vocabulary));
    keys.push_back(r * 0x123456789);
  }
  auto space = [&](int64_t rows, int64_t columns) {
    ssm_cuda_matrix m = {nullptr, rows, columns, columns};
    c.require(ssm_cuda_take(c.context, rows * columns, &m.data));
    c.require(ssm_cuda_fill(c.context, &m, -0.25f));
    return m;
  };
  const ssm_cuda_matrix u = space(t, d), y = space(t, d), dlogits = space(t, d), table = space(vocabulary, d);
  const ssm_cuda_matrix kept = space(kept_rows(c.batch, c.offsets.data()), d * n);
  const ssm_cuda_selective_scan scan = {u,  space(t, d), {}, space(d, n), space(t, n), space(t, n),
                                        {}, {},          {}, y,           {},          kept};
  const ssm_cuda_recurrent_scan recurrence = {space(t, d), space(d, d), {}, space(t, d), {}, {}};
  int64_t mark[2], start[4], after[4];
  ssm_cuda_mark(c.context, mark);
  ssm_cuda_transfers(c.context, start);
  add(SSM_CUDA_PIECE_MATRIX, numbers.data(), numbers.size());
  add(SSM_CUDA_PIECE_OFFSETS, c.offsets.data(), c.offsets.size());
  add(SSM_CUDA_PIECE_TOKENS, tokens.data(), tokens.size(), vocabulary);
  add(SSM_CUDA_PIECE_ARRAY, weights.data(), weights.size());
  add(SSM_CUDA_PIECE_ARRAY, keys.data(), 2 * keys.size());
  ssm_cuda_matrix x = {nullptr, t, d, d};
  c.require(ssm_cuda_upload(c.context, words.data(), static_cast<int64_t>(words.size()), pieces.data(),
                            static_cast<int64_t>(pieces.size()), &x.data));
  expect_transfers(c.context, start, 1, "upload");
  ssm_cuda_transfers(c.context, after);
  auto operations = [&] {
    c.require(ssm_cuda_selective_scan_forward(c.context, c.batch, c.offsets.data(), &scan));
    c.require(ssm_cuda_recurrent_scan_forward(c.context, SSM_CELL_TANH, c.batch, c.offsets.data(), &recurrence));
    c.require(ssm_cuda_embedding_forward(c.context, tokens.data(), &table, &u));
    c.require(ssm_cuda_embedding_backward(c.context, tokens.data(), &u, &table));
    c.require(ssm_cuda_dropout(c.context, 1 << 22, 4.0f / 3, keys.data(), &u));
    c.require(ssm_cuda_softmax_cross_entropy(c.context, &y, tokens.data(), weights.data(), &dlogits, 0));
  };
  operations();
  expect_transfers(c.context, after, 0, "operations after an upload");
  std::vector<float> read(numbers.size());
  c.require(ssm_cuda_read(c.context, &x, read.data()));
  if (read != numbers) {
    std::printf("upload: the matrix is not what was brought\n");
    ++failures;
  }
  ssm_cuda_back_to(c.context, mark);
  ssm_cuda_transfers(c.context, after);
  operations();
  if (t > 0) expect_transfers(c.context, after, 10, "operations after the memory was given back");
}

using Batches = std::vector<std::vector<int32_t>>;

void run(ssm_cuda_context *context, const char *name, const std::function<void(Case &)> &body,
         const Batches &batches = {{}, {1}, {0, 17, 3}, {15, 16, 17, 0, 33}, {70}}) {
  for (size_t i = 0; i < batches.size(); ++i) {
    std::vector<float> first;
    for (int repeat = 0; repeat < 2; ++repeat) {
      int64_t mark[2];
      ssm_cuda_mark(context, mark);
      Case c(context, name, static_cast<unsigned>(i + 1), batches[i]);
      body(c);
      const std::vector<float> all = c.finish();
      if (repeat == 0) {
        first = all;
      } else if (first.size() != all.size() ||
                 (!all.empty() && std::memcmp(first.data(), all.data(), all.size() * sizeof(float)) != 0)) {
        std::printf("%s: the second run gave other bits\n", name);
        ++failures;
      }
      ssm_cuda_back_to(context, mark);
    }
  }
  std::printf("%s done\n", name);
}

}  // namespace

int main() {
  int status = 0;
  ssm_cuda_context *const context = open_device(&status);
  if (context == nullptr) return status;
  run(context, "layers", layers);
  run(context, "upload", upload);
  run(context, "selective_scan", [](Case &c) { selective_scan(c); });
  std::vector<int32_t> many(300);
  for (size_t s = 0; s < many.size(); ++s) many[s] = s == 7 ? 20 : static_cast<int32_t>(s % 3);
  run(context, "selective_scan_in_bundles", selective_scan_in_bundles, {many});
  run(context, "linear_cde", linear_cde);
  run(context, "diagonal_scan", diagonal_scan);
  run(context, "s4d_scan", s4d_scan);
  run(context, "gated_linear_attention", [](Case &c) { gated_linear_attention(c); });
  run(context, "gated_linear_attention_in_bundles", gated_linear_attention_in_bundles, {many});
  run(context, "delta_rule", delta_rule);
  run(context, "structured_cde", structured_cde);
  run(context, "recurrent_scan", recurrent_scan);
  run(context, "causal_attention", causal_attention);
  ssm_cuda_close(context);
  std::printf(failures == 0 ? "all kernels agree\n" : "%d FAILURES\n", failures);
  return failures == 0 ? 0 : 1;
}
