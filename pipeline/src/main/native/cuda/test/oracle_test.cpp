// The kernels for GPUs against the oracle values: outputs, final states and gradients of every family of operations.
// Differences are max|a - b| / max(1, max|b|), as those values' page says. To be run on a GPU, also under
// compute-sanitizer, and by the emulation anywhere.
#include <cmath>
#include <cstdio>
#include <limits>
#include <stdexcept>
#include <vector>

#include "device.h"
#include "oracle.h"
#include "ssm.h"
#include "ssm_cuda.h"

namespace {

int failures = 0, comparisons = 0;

// A case on the device: everything it takes is given back at its end.
class Run {
 public:
  Run(ssm_cuda_context *context, const oracle::Case &c, double output_tolerance, double gradient_tolerance)
      : context(context), c(c), output_tolerance_(output_tolerance), gradient_tolerance_(gradient_tolerance) {
    ssm_cuda_mark(context, mark_);
    if (c.parameters.count("batch") == 0 || c.parameters.count("length") == 0) return;
    batch = c.count("batch");
    length = c.count("length");
    for (int64_t b = 0; b < batch; ++b) {
      const bool ragged = c.has("inputs/lengths");
      const int64_t own = ragged ? static_cast<int64_t>(c.array("inputs/lengths").values[b]) : length;
      offsets.push_back(offsets.back() + static_cast<int32_t>(own));
    }
    rows = offsets.back();
  }
  ~Run() { ssm_cuda_back_to(context, mark_); }
  Run(const Run &) = delete;
  Run &operator=(const Run &) = delete;

  void require(int32_t status) const {
    if (status != 0) throw std::runtime_error(ssm_cuda_error());
  }

  ssm_cuda_matrix filled(int64_t matrix_rows, int64_t columns, float value) const {
    ssm_cuda_matrix m = {nullptr, matrix_rows, columns, columns};
    require(ssm_cuda_take(context, matrix_rows * columns, &m.data));
    require(ssm_cuda_fill(context, &m, value));
    return m;
  }
  ssm_cuda_matrix zeros(int64_t matrix_rows, int64_t columns) const { return filled(matrix_rows, columns, 0); }
  // For outputs: what is not written is found.
  ssm_cuda_matrix space(int64_t matrix_rows, int64_t columns) const {
    return filled(matrix_rows, columns, std::numeric_limits<float>::quiet_NaN());
  }

  ssm_cuda_matrix load(const std::vector<double> &values, int64_t matrix_rows, int64_t columns) const {
    if (static_cast<int64_t>(values.size()) != matrix_rows * columns) throw std::runtime_error("a shape does not fit");
    const std::vector<float> single(values.begin(), values.end());
    const ssm_cuda_matrix m = space(matrix_rows, columns);
    if (!single.empty()) require(ssm_cuda_write(context, single.data(), &m));
    return m;
  }
  ssm_cuda_matrix load(const std::string &array, int64_t matrix_rows, int64_t columns) const {
    return load(numbers(array), matrix_rows, columns);
  }
  ssm_cuda_matrix load_or_absent(const std::string &array, int64_t matrix_rows, int64_t columns) const {
    return c.has(array) ? load(array, matrix_rows, columns) : ssm_cuda_matrix{};
  }
  // An array [B, L, columns], without what pads the shorter sequences.
  ssm_cuda_matrix load_steps(const std::string &array, int64_t columns) const {
    return load(steps(array, columns), rows, columns);
  }
  // Rows of `columns` / 2 complex numbers.
  ssm_cuda_matrix load_complex(const std::string &array, int64_t matrix_rows, int64_t columns) const {
    return load(complex_rows(array, columns), matrix_rows, columns);
  }

  std::vector<double> numbers(const std::string &array) const {
    const oracle::Array &found = c.array(array);
    return {found.values, found.values + found.size()};
  }
  std::vector<double> steps(const std::string &array, int64_t columns) const {
    const std::vector<double> padded = numbers(array);
    std::vector<double> packed;
    for (int64_t b = 0; b < batch; ++b) {
      const auto begin = padded.begin() + b * length * columns;
      packed.insert(packed.end(), begin, begin + (offsets[b + 1] - offsets[b]) * columns);
    }
    return packed;
  }
  // Every row's real parts, then its imaginary parts.
  std::vector<double> complex_rows(const std::string &array, int64_t columns) const {
    const std::vector<double> real = numbers(array + "/re"), imaginary = numbers(array + "/im");
    const size_t half = static_cast<size_t>(columns) / 2;
    std::vector<double> values;
    for (size_t begin = 0; begin < real.size(); begin += half) {
      values.insert(values.end(), real.begin() + begin, real.begin() + begin + half);
      values.insert(values.end(), imaginary.begin() + begin, imaginary.begin() + begin + half);
    }
    return values;
  }
  // The last of the L rows of each sequence.
  std::vector<double> last_rows(const std::string &array, int64_t columns) const {
    const std::vector<double> all = numbers(array);
    std::vector<double> last;
    for (int64_t b = 0; b < batch; ++b) {
      const auto begin = all.begin() + ((b + 1) * length - 1) * columns;
      last.insert(last.end(), begin, begin + columns);
    }
    return last;
  }

  void output(const char *name, const ssm_cuda_matrix &m, const std::vector<double> &expected) const {
    compare(name, "", m, expected, 1, output_tolerance_);
  }
  void output(const char *name, const ssm_cuda_matrix &m) const {
    output(name, m, numbers(std::string("outputs/") + name));
  }
  void gradient(const char *name, const ssm_cuda_matrix &m, const std::vector<double> &expected,
                double factor = 1) const {
    compare(name, "gradient of ", m, expected, factor, gradient_tolerance_);
  }
  void gradient(const char *name, const ssm_cuda_matrix &m, double factor = 1) const {
    gradient(name, m, numbers(std::string("gradients/") + name), factor);
  }
  void number(const char *name, double actual, double expected) const {
    report(name, "", std::fabs(actual - expected) / std::fmax(1, std::fabs(expected)), output_tolerance_);
  }

  ssm_cuda_context *const context;
  const oracle::Case &c;
  int64_t batch = 0, length = 0, rows = 0;
  std::vector<int32_t> offsets = {0};

 private:
  void compare(const char *name, const char *what, const ssm_cuda_matrix &m, const std::vector<double> &expected,
               double factor, double tolerance) const {
    std::vector<float> actual(static_cast<size_t>(m.rows * m.columns));
    if (actual.size() != expected.size()) throw std::runtime_error(std::string("the shape of ") + name);
    require(ssm_cuda_read(context, &m, actual.data()));
    double scale = 1, difference = 0;
    for (size_t i = 0; i < expected.size(); ++i) {
      const double distance = std::fabs(factor * actual[i] - expected[i]);
      scale = std::fmax(scale, std::fabs(expected[i]));
      difference = distance <= difference ? difference : distance;  // NaN stays
      if (std::isnan(distance)) break;
    }
    report(name, what, difference / scale, tolerance);
  }
  void report(const char *name, const char *what, double difference, double tolerance) const {
    ++comparisons;
    if (difference <= tolerance) return;
    std::printf("%s, %s: %s%s differs by %g\n", c.file.c_str(), c.name.c_str(), what, name, difference);
    ++failures;
  }

  const double output_tolerance_, gradient_tolerance_;
  int64_t mark_[2];
};

ssm_cuda_matrix columns_of(const ssm_cuda_matrix &m, int64_t from, int64_t columns) {
  return {m.data + from, m.rows, columns, m.stride};
}

void gemm(const Run &run, bool transpose_a, bool transpose_b, float alpha, const ssm_cuda_matrix &a,
          const ssm_cuda_matrix &b, float beta, const ssm_cuda_matrix &c) {
  run.require(ssm_cuda_gemm(run.context, transpose_a, transpose_b, alpha, &a, &b, beta, &c));
}

void selective_scan(const Run &run, bool keeps) {
  const int64_t d = run.c.count("channels"), n = run.c.count("state"), b = run.batch, t = run.rows;
  const int32_t *const offsets = run.offsets.data();
  const bool gated = run.c.has("inputs/z"), started = run.c.has("inputs/h0");
  const ssm_cuda_selective_scan scan = {run.load_steps("inputs/u", d),
                                        run.load_steps("inputs/delta_raw", d),
                                        run.load("inputs/delta_bias", 1, d),
                                        run.load("inputs/A", d, n),
                                        run.load_steps("inputs/B", n),
                                        run.load_steps("inputs/C", n),
                                        run.load("inputs/Dskip", 1, d),
                                        gated ? run.load_steps("inputs/z", d) : ssm_cuda_matrix{},
                                        run.load_or_absent("inputs/h0", b, d * n),
                                        run.space(t, d),
                                        run.space(b, d * n),
                                        keeps ? run.space(kept_rows(b, offsets), d * n) : ssm_cuda_matrix{}};
  run.require(ssm_cuda_selective_scan_forward(run.context, b, offsets, &scan));
  run.output("y", scan.y, run.steps("outputs/y", d));
  run.output("h_last", scan.last);
  const ssm_cuda_selective_scan_gradients g = {run.load_steps("cotangents/y", d),
                                               run.load_or_absent("cotangents/h_last", b, d * n),
                                               run.space(t, d),
                                               run.space(t, d),
                                               run.zeros(1, d),
                                               run.zeros(d, n),
                                               run.space(t, n),
                                               run.space(t, n),
                                               run.zeros(1, d),
                                               gated ? run.space(t, d) : ssm_cuda_matrix{},
                                               started ? run.space(b, d * n) : ssm_cuda_matrix{}};
  run.require(ssm_cuda_selective_scan_backward(run.context, b, offsets, &scan, &g));
  run.gradient("u", g.du, run.steps("gradients/u", d));
  run.gradient("delta_raw", g.ddelta_raw, run.steps("gradients/delta_raw", d));
  run.gradient("delta_bias", g.ddelta_bias);
  run.gradient("A", g.da);
  run.gradient("B", g.db, run.steps("gradients/B", n));
  run.gradient("C", g.dc, run.steps("gradients/C", n));
  run.gradient("Dskip", g.dskip);
  if (gated) run.gradient("z", g.dgate, run.steps("gradients/z", d));
  if (started) run.gradient("h0", g.dinitial);
}

void linear_cde(const Run &run) {
  const int64_t w = run.c.count("omega"), n = run.c.count("state"), x = run.c.count("xi"), b = run.batch, t = run.rows;
  const int32_t *const offsets = run.offsets.data();
  const bool driven = run.c.has("inputs/dxi");
  const ssm_cuda_matrix domega = run.load("inputs/domega", t, w), initial = run.load("inputs/y0", b, n),
                        dxi = driven ? run.load("inputs/dxi", t, x) : ssm_cuda_matrix{},
                        drive = driven ? run.load("inputs/Bm", n, x) : ssm_cuda_matrix{}, y = run.space(t, n),
                        last = run.space(b, n), dy = run.load("cotangents/y", t, n), ddomega = run.space(t, w),
                        ddxi = driven ? run.space(t, x) : ssm_cuda_matrix{},
                        ddrive = driven ? run.zeros(n, x) : ssm_cuda_matrix{}, dinitial = run.space(b, n);
  ssm_cuda_matrix da;
  if (run.c.name.find("exponential") == std::string::npos) {
    const int32_t solver = run.c.name.find("rk4") == std::string::npos ? SSM_CDE_EULER : SSM_CDE_RK4;
    da = run.zeros(w * n, n);
    const ssm_cuda_linear_cde solve = {domega, run.load("inputs/A", w * n, n), dxi, drive, initial, y, last};
    run.require(ssm_cuda_linear_cde_forward(run.context, solver, b, offsets, &solve));
    const ssm_cuda_linear_cde_gradients g = {dy, {}, ddomega, da, ddxi, ddrive, dinitial};
    run.require(ssm_cuda_linear_cde_backward(run.context, solver, b, offsets, &solve, &g));
  } else {
    const ssm_cuda_matrix force = driven ? run.space(t, n) : ssm_cuda_matrix{},
                          dforce = driven ? run.space(t, n) : ssm_cuda_matrix{};
    if (driven) gemm(run, false, true, 1, dxi, drive, 0, force);
    da = run.zeros(w, n * n);
    const ssm_cuda_structured_cde solve = {domega, run.load("inputs/A", w, n * n), force, initial, y, last};
    // That of structured transitions; one block is the dense one.
    const int32_t solver = SSM_CDE_EXPONENTIAL, blocks = SSM_TRANSITION_BLOCK_DIAGONAL;
    run.require(
        ssm_cuda_structured_cde_forward(run.context, solver, blocks, n, n, nullptr, nullptr, b, offsets, &solve));
    const ssm_cuda_structured_cde_gradients g = {dy, {}, ddomega, da, dforce, dinitial};
    run.require(
        ssm_cuda_structured_cde_backward(run.context, solver, blocks, n, n, nullptr, nullptr, b, offsets, &solve, &g));
    if (driven) {
      gemm(run, false, false, 1, dforce, drive, 0, ddxi);
      gemm(run, true, false, 1, dforce, dxi, 0, ddrive);
    }
  }
  run.output("y", y);
  run.output("last", last, run.last_rows("outputs/y", n));
  run.gradient("domega", ddomega);
  run.gradient("A", da);
  run.gradient("y0", dinitial);
  if (driven) {
    run.gradient("dxi", ddxi);
    run.gradient("Bm", ddrive);
  }
}

// Coefficients [W, P] of a structured transition, from one group of arrays.
std::vector<double> coefficients(const Run &run, const std::string &group, const std::vector<int32_t> &entries) {
  const int64_t w = run.c.count("omega"), n = run.c.count("state");
  if (run.c.kind == "walsh_hadamard") return run.numbers(group + "/a");
  if (run.c.kind == "diagonal" || run.c.kind == "block_diagonal") return run.numbers(group + "/A");
  std::vector<double> found;
  for (int64_t i = 0; i < w; ++i) {
    if (run.c.kind == "sparse") {
      const std::vector<double> all = run.numbers(group + "/A");
      for (int32_t entry : entries) found.push_back(all[i * n * n + entry]);
      continue;
    }
    for (const char *part : {"/d", "/U", "/V"}) {
      const std::vector<double> all = run.numbers(group + part);
      const size_t size = all.size() / w;
      found.insert(found.end(), all.begin() + i * size, all.begin() + (i + 1) * size);
    }
  }
  return found;
}

void slice(const Run &run) {
  const int64_t w = run.c.count("omega"), n = run.c.count("state"), b = run.batch, t = run.rows;
  const std::string &kind = run.c.kind;
  std::vector<int32_t> entries, columns, row_begin(static_cast<size_t>(n) + 1);
  if (kind == "sparse") {
    const std::vector<double> mask = run.numbers("inputs/mask");
    for (int64_t i = 0; i < n * n; ++i) {
      if (i % n == 0) row_begin[i / n] = static_cast<int32_t>(entries.size());
      if (mask[i] == 0) continue;
      entries.push_back(static_cast<int32_t>(i));
      columns.push_back(static_cast<int32_t>(i % n));
    }
    row_begin[n] = static_cast<int32_t>(entries.size());
  }
  const int32_t structure = kind == "dplr"             ? SSM_TRANSITION_LOW_RANK
                            : kind == "walsh_hadamard" ? SSM_TRANSITION_WALSH_HADAMARD
                            : kind == "sparse"         ? SSM_TRANSITION_SPARSE
                                                       : SSM_TRANSITION_BLOCK_DIAGONAL;
  const int64_t size = kind == "block_diagonal" ? run.c.count("block") : kind == "dplr" ? run.c.count("rank")
                       : kind == "diagonal"     ? 1
                                                : 0;
  const int32_t *const begins = kind == "sparse" ? row_begin.data() : nullptr;
  const int32_t *const places = kind == "sparse" ? columns.data() : nullptr;
  const std::vector<double> values = coefficients(run, "inputs", entries);
  const int64_t p = static_cast<int64_t>(values.size()) / w;
  const ssm_cuda_structured_cde solve = {run.load("inputs/domega", t, w), run.load(values, w, p), {},
                                         run.load("inputs/y0", b, n),     run.space(t, n),        run.space(b, n)};
  run.require(ssm_cuda_structured_cde_forward(run.context, SSM_CDE_EULER, structure, n, size, begins, places, b,
                                              run.offsets.data(), &solve));
  run.output("y", solve.y);
  run.output("last", solve.last, run.last_rows("outputs/y", n));
  const ssm_cuda_structured_cde_gradients g = {run.load("cotangents/y", t, n), {}, run.space(t, w), run.zeros(w, p),
                                               {},                             run.space(b, n)};
  run.require(ssm_cuda_structured_cde_backward(run.context, SSM_CDE_EULER, structure, n, size, begins, places, b,
                                               run.offsets.data(), &solve, &g));
  run.gradient("domega", g.ddomega);
  run.gradient("coefficients", g.dcoefficients, coefficients(run, "gradients", entries));
  run.gradient("y0", g.dinitial);
}

void diagonal_scan(const Run &run) {
  const bool complex = run.c.parameter("complex") != 0, constant = run.c.parameter("constant_a") != 0;
  const int64_t columns = run.c.count("channels") * (complex ? 2 : 1), b = run.batch, t = run.rows;
  const int64_t a_rows = constant ? 1 : t;
  const int32_t *const offsets = run.offsets.data();
  auto values = [&](const std::string &array) {
    return complex ? run.complex_rows(array, columns) : run.numbers(array);
  };
  const bool started = run.c.parameter("initial_state") != 0;
  const ssm_cuda_diagonal_scan scan = {run.load(values("inputs/a"), a_rows, columns),
                                       run.load(values("inputs/b"), t, columns),
                                       {},
                                       started ? run.load(values("inputs/h0"), b, columns) : ssm_cuda_matrix{},
                                       run.space(t, columns),
                                       run.space(b, columns)};
  run.require(ssm_cuda_diagonal_scan_forward(run.context, b, offsets, complex, constant, &scan));
  const std::vector<double> h = values("outputs/h");
  run.output("h", scan.h, h);
  std::vector<double> last;
  for (int64_t s = 1; s <= b; ++s)
    last.insert(last.end(), h.begin() + (s * run.length - 1) * columns, h.begin() + s * run.length * columns);
  run.output("last", scan.last, last);
  const ssm_cuda_diagonal_scan_gradients g = {
      run.load(values("cotangents/h"), t, columns), {}, run.zeros(a_rows, columns),
      run.space(t, columns), {}, started ? run.space(b, columns) : ssm_cuda_matrix{}};
  run.require(ssm_cuda_diagonal_scan_backward(run.context, b, offsets, complex, constant, &scan, &g));
  run.gradient("a", g.da, values("gradients/a"));
  run.gradient("b", g.db, values("gradients/b"));
  if (started) run.gradient("h0", g.dinitial, values("gradients/h0"));
}

constexpr int32_t kRule = SSM_DISCRETIZATION_ZERO_ORDER_HOLD;

void s4d(const Run &run) {
  const int64_t d = run.c.count("channels"), width = 2 * run.c.count("state"), b = run.batch, t = run.rows;
  const int32_t *const offsets = run.offsets.data();
  const ssm_cuda_matrix log_step = run.load("inputs/log_dt", d, 1), a = run.load_complex("inputs/A", d, width),
                        a_bar = run.space(d, width), b_bar = run.space(d, width);
  run.require(ssm_cuda_discretize_forward(run.context, kRule, &log_step, &a, &a_bar, &b_bar));
  const ssm_cuda_s4d_scan scan = {run.load("inputs/u", t, d),           a_bar, b_bar,
                                  run.load_complex("inputs/C", d, width), run.load("inputs/Dskip", 1, d),
                                  {},                                   run.space(t, d), {}};
  run.require(ssm_cuda_s4d_scan_forward(run.context, b, offsets, &scan));
  run.output("y", scan.y);
  const ssm_cuda_s4d_scan_gradients g = {run.load("cotangents/y", t, d), {}, run.space(t, d), run.zeros(d, width),
                                         run.zeros(d, width), run.zeros(d, width), run.zeros(1, d), {}};
  run.require(ssm_cuda_s4d_scan_backward(run.context, b, offsets, &scan, &g));
  const ssm_cuda_matrix dlog_step = run.zeros(d, 1), da = run.zeros(d, width);
  run.require(ssm_cuda_discretize_backward(run.context, kRule, &log_step, &a, &g.da_bar, &g.db_bar,
                                           &dlog_step, &da));
  run.gradient("u", g.du);
  run.gradient("A", da, run.complex_rows("gradients/A", width));
  run.gradient("C", g.dc, run.complex_rows("gradients/C", width));
  run.gradient("log_dt", dlog_step);
  run.gradient("Dskip", g.dskip);

  // The convolution kernel [D, L] is the response to an impulse.
  const int64_t length = run.length;
  std::vector<double> impulse(static_cast<size_t>(length * d)), transposed(impulse.size());
  for (int64_t i = 0; i < d; ++i) impulse[i] = 1;
  const int32_t one[] = {0, static_cast<int32_t>(length)};
  const ssm_cuda_s4d_scan response = {run.load(impulse, length, d), a_bar, b_bar, scan.c, {}, {},
                                      run.space(length, d), {}};
  run.require(ssm_cuda_s4d_scan_forward(run.context, 1, one, &response));
  const std::vector<double> kernel = run.numbers("outputs/kernel");
  for (int64_t l = 0; l < length; ++l)
    for (int64_t i = 0; i < d; ++i) transposed[l * d + i] = kernel[i * length + l];
  run.output("kernel", response.y, transposed);
}

// Products around a complex diagonal scan.
void s5(const Run &run) {
  const int64_t states = run.c.count("state"), columns = 2 * states, d = run.c.count("channels"), b = run.batch,
                t = run.rows;
  const int32_t *const offsets = run.offsets.data();
  auto stacked = [&](const std::string &array) {  // all real parts, then all imaginary parts
    std::vector<double> values = run.numbers(array + "/re"), imaginary = run.numbers(array + "/im");
    values.insert(values.end(), imaginary.begin(), imaginary.end());
    return values;
  };
  auto half = [&](const ssm_cuda_matrix &m, int64_t which) { return columns_of(m, which * states, states); };
  const bool started = run.c.has("inputs/x0/re"), ends = run.c.has("cotangents/x_last/re");
  const ssm_cuda_matrix u = run.load("inputs/u", t, d), log_step = run.load("inputs/log_dt", 1, states),
                        lambda = run.load_complex("inputs/Lambda", 1, columns),
                        in = run.load(stacked("inputs/B"), columns, d),
                        out = run.load_complex("inputs/C", d, columns), skip = run.load("inputs/Dskip", 1, d),
                        a_bar = run.space(1, columns), b_bar = run.space(1, columns), x = run.space(t, columns),
                        y = run.space(t, d);
  run.require(ssm_cuda_discretize_forward(run.context, kRule, &log_step, &lambda, &a_bar, &b_bar));
  gemm(run, false, true, 1, u, in, 0, x);
  const ssm_cuda_diagonal_scan scan = {
      a_bar, x, b_bar, started ? run.load_complex("inputs/x0", b, columns) : ssm_cuda_matrix{},
      run.space(t, columns), run.space(b, columns)};
  run.require(ssm_cuda_diagonal_scan_forward(run.context, b, offsets, 1, 1, &scan));
  gemm(run, false, true, 2, half(scan.h, 0), half(out, 0), 0, y);
  gemm(run, false, true, -2, half(scan.h, 1), half(out, 1), 1, y);
  run.require(ssm_cuda_add_scaled_columns(run.context, &skip, &u, &y));
  run.output("y", y);
  run.output("x_last", scan.last, run.complex_rows("outputs/x_last", columns));

  const ssm_cuda_matrix dy = run.load("cotangents/y", t, d), dh = run.space(t, columns), dout = run.zeros(d, columns);
  gemm(run, false, false, 2, dy, half(out, 0), 0, half(dh, 0));
  gemm(run, false, false, -2, dy, half(out, 1), 0, half(dh, 1));
  gemm(run, true, false, 2, dy, half(scan.h, 0), 1, half(dout, 0));
  gemm(run, true, false, -2, dy, half(scan.h, 1), 1, half(dout, 1));
  const ssm_cuda_diagonal_scan_gradients g = {
      dh, ends ? run.load_complex("cotangents/x_last", b, columns) : ssm_cuda_matrix{}, run.zeros(1, columns),
      run.space(t, columns), run.zeros(1, columns), started ? run.space(b, columns) : ssm_cuda_matrix{}};
  run.require(ssm_cuda_diagonal_scan_backward(run.context, b, offsets, 1, 1, &scan, &g));
  const ssm_cuda_matrix dlog_step = run.zeros(1, states), dlambda = run.zeros(1, columns), du = run.space(t, d),
                        din = run.zeros(columns, d), dskip = run.zeros(1, d);
  run.require(ssm_cuda_discretize_backward(run.context, kRule, &log_step, &lambda, &g.da, &g.dgain,
                                           &dlog_step, &dlambda));
  gemm(run, false, false, 1, g.db, in, 0, du);
  run.require(ssm_cuda_add_scaled_columns(run.context, &skip, &dy, &du));
  gemm(run, true, false, 1, g.db, u, 1, din);
  run.require(ssm_cuda_sum_products(run.context, &u, &dy, &dskip));
  run.gradient("u", du);
  run.gradient("Lambda", dlambda, run.complex_rows("gradients/Lambda", columns));
  run.gradient("B", din, stacked("gradients/B"));
  run.gradient("C", dout, run.complex_rows("gradients/C", columns));
  run.gradient("log_dt", dlog_step);
  run.gradient("Dskip", dskip);
  if (started) run.gradient("x0", g.dinitial, run.complex_rows("gradients/x0", columns));
}

void gla(const Run &run) {
  const int64_t heads = run.c.count("heads"), k = heads * run.c.count("key"), v = heads * run.c.count("value"),
                b = run.batch, t = run.rows;
  const bool phased = run.c.has("inputs/phase"), started = run.c.parameter("initial_state") != 0;
  const int64_t state = heads * run.c.count("key") * run.c.count("value") * (phased ? 2 : 1);
  const char *const decay = phased ? "log_mag" : "log_alpha";
  auto states = [&](const std::string &array) {
    return phased ? run.complex_rows(array, state) : run.numbers(array);
  };
  const bool ends = run.c.has(phased ? "cotangents/s_last/re" : "cotangents/s_last");
  const ssm_cuda_gated_linear_attention scan = {
      run.load("inputs/q", t, k), run.load("inputs/k", t, k), run.load("inputs/v", t, v),
      run.load(std::string("inputs/") + decay, t, k), run.load_or_absent("inputs/phase", t, k),
      started ? run.load(states("inputs/s0"), b, state) : ssm_cuda_matrix{}, run.space(t, v), run.space(b, state)};
  run.require(ssm_cuda_gated_linear_attention_forward(run.context, b, run.offsets.data(), heads, &scan));
  run.output("o", scan.o);
  run.output("s_last", scan.last, states("outputs/s_last"));
  const ssm_cuda_gated_linear_attention_gradients g = {
      run.load("cotangents/o", t, v), ends ? run.load(states("cotangents/s_last"), b, state) : ssm_cuda_matrix{},
      run.space(t, k), run.space(t, k), run.space(t, v), run.space(t, k),
      phased ? run.space(t, k) : ssm_cuda_matrix{}, started ? run.space(b, state) : ssm_cuda_matrix{}};
  run.require(ssm_cuda_gated_linear_attention_backward(run.context, b, run.offsets.data(), heads, &scan, &g));
  run.gradient("q", g.dq);
  run.gradient("k", g.dk);
  run.gradient("v", g.dv);
  run.gradient(decay, g.dlog_alpha);
  if (phased) run.gradient("phase", g.dphase);
  if (started) run.gradient("s0", g.dinitial, states("gradients/s0"));
}

void delta_rule(const Run &run) {
  const int64_t heads = run.c.count("heads"), updates = run.c.count("householder_steps"), b = run.batch, t = run.rows;
  const int64_t k = heads * run.c.count("key"), v = heads * run.c.count("value");
  const int64_t state = k * run.c.count("value");
  const bool gated = run.c.parameter("gated") != 0, started = run.c.parameter("initial_state") != 0;
  const ssm_cuda_delta_rule rule = {run.load("inputs/q", t, k),
                                    run.load("inputs/k", t, updates * k),
                                    run.load("inputs/v", t, updates * v),
                                    run.load("inputs/beta", t, updates * heads),
                                    run.load_or_absent("inputs/log_alpha", t, heads),
                                    run.load_or_absent("inputs/s0", b, state),
                                    run.space(t, v),
                                    run.space(b, state)};
  run.require(ssm_cuda_delta_rule_forward(run.context, b, run.offsets.data(), heads, updates, &rule));
  run.output("o", rule.o);
  run.output("s_last", rule.last);
  const ssm_cuda_delta_rule_gradients g = {run.load("cotangents/o", t, v),
                                           run.load_or_absent("cotangents/s_last", b, state),
                                           run.space(t, k),
                                           run.space(t, updates * k),
                                           run.space(t, updates * v),
                                           run.space(t, updates * heads),
                                           gated ? run.space(t, heads) : ssm_cuda_matrix{},
                                           started ? run.space(b, state) : ssm_cuda_matrix{}};
  run.require(ssm_cuda_delta_rule_backward(run.context, b, run.offsets.data(), heads, updates, &rule, &g));
  run.gradient("q", g.dq);
  run.gradient("k", g.dk);
  run.gradient("v", g.dv);
  run.gradient("beta", g.dbeta);
  if (gated) run.gradient("log_alpha", g.dlog_alpha);
  if (started) run.gradient("s0", g.dinitial);
}

void norm(const Run &run, bool centred) {
  const int64_t d = run.c.array("inputs/x").shape.back(), t = run.c.array("inputs/x").size() / d;
  const double epsilon = run.c.parameter("eps");
  const ssm_cuda_matrix x = run.load("inputs/x", t, d), gamma = run.load("inputs/gamma", 1, d), y = run.space(t, d),
                        statistics = run.space(t, centred ? 2 : 1), dy = run.load("cotangents/y", t, d),
                        dx = run.space(t, d), dgamma = run.zeros(1, d);
  if (centred) {
    const ssm_cuda_matrix beta = run.load("inputs/beta", 1, d), dbeta = run.zeros(1, d);
    run.require(ssm_cuda_layer_norm_forward(run.context, &x, &gamma, &beta, epsilon, &y, &statistics));
    run.require(ssm_cuda_layer_norm_backward(run.context, &x, &gamma, &statistics, &dy, &dx, &dgamma, &dbeta));
    run.gradient("beta", dbeta);
  } else {
    run.require(ssm_cuda_rms_norm_forward(run.context, &x, &gamma, epsilon, &y, &statistics));
    run.require(ssm_cuda_rms_norm_backward(run.context, &x, &gamma, &statistics, &dy, &dx, &dgamma));
  }
  run.output("y", y);
  run.gradient("x", dx);
  run.gradient("gamma", dgamma);
}

void activation(const Run &run, ssm_cuda_activation which) {
  const int64_t count = run.c.array("inputs/x").size();
  const ssm_cuda_matrix x = run.load("inputs/x", 1, count), y = run.space(1, count),
                        dy = run.load("cotangents/y", 1, count), dx = run.space(1, count);
  run.require(ssm_cuda_activation_forward(run.context, which, &x, &y));
  run.output("y", y);
  run.require(ssm_cuda_activation_backward(run.context, which, &x, &dy, &dx));
  run.gradient("x", dx);
}

void causal_convolution(const Run &run) {
  const std::vector<int64_t> &shape = run.c.array("inputs/x").shape;
  const int64_t b = shape[0], t = shape[0] * shape[1], d = shape[2], width = run.c.count("width");
  std::vector<int32_t> offsets;
  for (int64_t s = 0; s <= b; ++s) offsets.push_back(static_cast<int32_t>(s * shape[1]));
  const ssm_cuda_matrix x = run.load("inputs/x", t, d), weight = run.load("inputs/weight", d, width),
                        bias = run.load("inputs/bias", 1, d), y = run.space(t, d),
                        dy = run.load("cotangents/y", t, d), dx = run.space(t, d), dweight = run.zeros(d, width),
                        dbias = run.zeros(1, d);
  run.require(ssm_cuda_causal_convolution_forward(run.context, b, offsets.data(), &x, &weight, &bias, 0, &y));
  run.output("y", y);
  run.require(ssm_cuda_causal_convolution_backward(run.context, b, offsets.data(), &x, &weight, &bias, 0, &dy, &dx,
                                                   &dweight, &dbias));
  run.gradient("x", dx);
  run.gradient("weight", dweight);
  run.gradient("bias", dbias);
}

void causal_attention(const Run &run) {
  const int64_t heads = run.c.count("heads"), k = heads * run.c.count("key"), v = heads * run.c.count("value"),
                t = run.rows;
  const int32_t *const offsets = run.offsets.data();
  const ssm_cuda_causal_attention attention = {run.load("inputs/q", t, k), run.load("inputs/k", t, k),
                                               run.load("inputs/v", t, v), run.space(t, v), run.space(t, heads)};
  run.require(ssm_cuda_causal_attention_forward(run.context, run.batch, offsets, offsets, heads, &attention));
  run.output("o", attention.o);
  const ssm_cuda_causal_attention_gradients g = {run.load("cotangents/o", t, v), run.space(t, k), run.space(t, k),
                                                 run.space(t, v)};
  run.require(ssm_cuda_causal_attention_backward(run.context, run.batch, offsets, offsets, heads, &attention, &g));
  run.gradient("q", g.dq);
  run.gradient("k", g.dk);
  run.gradient("v", g.dv);
}

// A recurrent cell with the products of the input around the scan.
void recurrent_scan(const Run &run, bool lstm) {
  const int32_t cell = lstm ? SSM_CELL_LSTM : SSM_CELL_TANH;
  const int64_t h = run.c.count("hidden"), input = run.c.count("input"), b = run.batch, t = run.rows;
  const int64_t gates = lstm ? 4 * h : h, state = lstm ? 2 * h : h;
  const int32_t *const offsets = run.offsets.data();
  const ssm_cuda_matrix x = run.load("inputs/x", t, input), w_ih = run.load("inputs/w_ih", gates, input),
                        b_ih = run.load("inputs/b_ih", 1, gates), b_hh = run.load("inputs/b_hh", 1, gates),
                        p = run.space(t, gates), initial = run.space(b, state), h0 = run.load("inputs/h0", b, h),
                        into_h = columns_of(initial, 0, h);
  gemm(run, false, true, 1, x, w_ih, 0, p);
  run.require(ssm_cuda_add_row(run.context, &b_ih, &p));
  run.require(ssm_cuda_add_row(run.context, &b_hh, &p));
  run.require(ssm_cuda_copy(run.context, &h0, &into_h));
  if (lstm) {
    const ssm_cuda_matrix c0 = run.load("inputs/c0", b, h), into_c = columns_of(initial, h, h);
    run.require(ssm_cuda_copy(run.context, &c0, &into_c));
  }
  const ssm_cuda_recurrent_scan scan = {p,
                                        run.load("inputs/w_hh", gates, h),
                                        initial,
                                        run.space(t, h),
                                        lstm ? run.space(t, 5 * h) : ssm_cuda_matrix{},
                                        run.space(b, state)};
  run.require(ssm_cuda_recurrent_scan_forward(run.context, cell, b, offsets, &scan));
  run.output("h", scan.h);
  run.output("last", columns_of(scan.last, 0, h), run.last_rows("outputs/h", h));
  if (lstm) run.output("c_last", columns_of(scan.last, h, h));
  const ssm_cuda_recurrent_scan_gradients g = {run.load("cotangents/h", t, h), {}, run.space(t, gates),
                                               run.zeros(gates, h), run.space(b, state)};
  run.require(ssm_cuda_recurrent_scan_backward(run.context, cell, b, offsets, &scan, &g));
  const ssm_cuda_matrix dbias = run.zeros(1, gates), dw_ih = run.zeros(gates, input), dx = run.space(t, input);
  run.require(ssm_cuda_sum_rows(run.context, &g.dp, &dbias));
  gemm(run, true, false, 1, g.dp, x, 1, dw_ih);
  gemm(run, false, false, 1, g.dp, w_ih, 0, dx);
  run.gradient("w_hh", g.dweight);
  run.gradient("h0", columns_of(g.dinitial, 0, h));
  if (lstm) run.gradient("c0", columns_of(g.dinitial, h, h));
  run.gradient("b_ih", dbias);
  run.gradient("b_hh", dbias);
  run.gradient("w_ih", dw_ih);
  run.gradient("x", dx);
}

void cross_entropy(const Run &run) {
  const int64_t t = run.rows, classes = run.c.count("classes");
  const std::vector<double> wide_targets = run.numbers("inputs/targets"), mask = run.numbers("inputs/mask");
  const std::vector<int32_t> targets(wide_targets.begin(), wide_targets.end());
  const std::vector<float> weights(mask.begin(), mask.end());
  double sum = 0, total = 0;
  for (double weight : mask) total += weight;
  const ssm_cuda_matrix logits = run.load("inputs/logits", t, classes), dlogits = run.space(t, classes);
  run.require(ssm_cuda_softmax_cross_entropy(run.context, &logits, targets.data(), weights.data(), &dlogits, 0));
  run.require(ssm_cuda_read_totals(run.context, 1, &sum));
  run.number("loss", sum / total, run.numbers("outputs/loss")[0]);
  run.gradient("logits", dlogits, run.numbers("cotangents/loss")[0] / total);
}

void squared_error(const Run &run) {
  const std::vector<int64_t> &shape = run.c.array("inputs/prediction").shape;
  const double size = static_cast<double>(shape[0] * shape[1]);
  const std::vector<float> weights(static_cast<size_t>(shape[0]), 1.0f);
  double sum = 0;
  const ssm_cuda_matrix prediction = run.load("inputs/prediction", shape[0], shape[1]),
                        target = run.load("inputs/target", shape[0], shape[1]),
                        dprediction = run.space(shape[0], shape[1]);
  run.require(ssm_cuda_squared_error(run.context, &prediction, &target, weights.data(), &dprediction, 0));
  run.require(ssm_cuda_read_totals(run.context, 1, &sum));
  run.number("loss", sum / size, run.numbers("outputs/loss")[0]);
  run.gradient("prediction", dprediction, run.numbers("cotangents/loss")[0] / size);
}

void adam(const Run &run, bool decoupled) {
  const int64_t n = run.c.array("inputs/w0").size(), steps = run.c.count("steps");
  const ssm_cuda_matrix w = run.load("inputs/w0", 1, n), m = run.zeros(1, n), v = run.zeros(1, n);
  auto row = [&](const std::string &array, int64_t r) {
    const std::vector<double> all = run.numbers(array);
    return std::vector<double>(all.begin() + r * n, all.begin() + (r + 1) * n);
  };
  for (int64_t step = 1; step <= steps; ++step) {
    const ssm_cuda_matrix gradient = run.load(row("inputs/gradients", step - 1), 1, n);
    run.require(ssm_cuda_adam_step(run.context, run.c.parameter("learning_rate"), run.c.parameter("beta1"),
                                   run.c.parameter("beta2"), run.c.parameter("eps"), run.c.parameter("weight_decay"),
                                   decoupled, step, &w, &gradient, &m, &v));
    run.output("w", w, row("outputs/w", step - 1));
    run.output("m", m, row("outputs/m", step - 1));
    run.output("v", v, row("outputs/v", step - 1));
  }
}

// Whether the GPU has the operation.
bool layer(const Run &run) {
  const std::string &kind = run.c.kind;
  if (kind == "layernorm" || kind == "rmsnorm") {
    norm(run, kind == "layernorm");
  } else if (kind == "gelu_exact") {
    activation(run, SSM_CUDA_ACTIVATION_GELU);
  } else if (kind == "silu") {
    activation(run, SSM_CUDA_ACTIVATION_SILU);
  } else if (kind == "softplus") {
    activation(run, SSM_CUDA_ACTIVATION_SOFTPLUS);
  } else if (kind == "causal_conv1d") {
    causal_convolution(run);
  } else if (kind == "causal_attention") {
    causal_attention(run);
  } else if (kind == "rnn_tanh" || kind == "lstm") {
    recurrent_scan(run, kind == "lstm");
  } else if (kind == "cross_entropy") {
    cross_entropy(run);
  } else if (kind == "mse") {
    squared_error(run);
  } else if (kind == "adam" || kind == "adamw") {
    adam(run, kind == "adamw");
  } else {
    return false;
  }
  return true;
}

// Whether there was something to compare: some cases are initial values, learning rates and the like.
bool check(ssm_cuda_context *context, const oracle::Case &c) {
  if (c.file == "selective_scan") {
    for (bool keeps : {false, true}) selective_scan(Run(context, c, 1e-5, 1e-3), keeps);
  } else if (c.file == "linear_cde") {
    linear_cde(Run(context, c, 1e-5, 1e-5));
  } else if (c.file == "slice") {
    slice(Run(context, c, 2e-5, 2e-4));
  } else if (c.file == "diagonal_scan") {
    diagonal_scan(Run(context, c, 2e-5, 2e-4));
  } else if (c.file == "s4d") {
    if (!c.has("inputs/u")) return false;
    s4d(Run(context, c, 2e-5, 2e-4));
  } else if (c.file == "s5") {
    s5(Run(context, c, 2e-5, 2e-4));
  } else if (c.file == "gla") {
    gla(Run(context, c, 2e-5, 2e-4));
  } else if (c.file == "delta_rule") {
    delta_rule(Run(context, c, 2e-5, 2e-4));
  } else {
    return layer(Run(context, c, 1e-5, 1e-4));
  }
  return true;
}

}  // namespace

int main() {
  int status = 0;
  ssm_cuda_context *const context = open_device(&status);
  if (context == nullptr) return status;
  std::map<std::string, int> checked;
  for (const oracle::Case &c : oracle::cases()) {
    try {
      checked[c.file] += check(context, c) ? 1 : 0;
    } catch (const std::exception &e) {
      std::printf("%s, %s: %s\n", c.file.c_str(), c.name.c_str(), e.what());
      ++failures;
    }
  }
  for (const auto &file : checked) {
    std::printf("%s: %d cases\n", file.first.c_str(), file.second);
    if (file.second == 0) ++failures;
  }
  ssm_cuda_close(context);
  std::printf(failures == 0 ? "%d comparisons agree\n" : "of %d comparisons %d FAIL\n", comparisons, failures);
  return failures == 0 ? 0 : 1;
}
