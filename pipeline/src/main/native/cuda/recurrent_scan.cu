// The tanh recurrence and the LSTM: a step of all sequences is one matrix product and one kernel.
#include "functions.h"
#include "steps.h"

namespace ssm {
namespace {

constexpr int kTanh = 0, kLstm = 1;

void check_operands(const char *operation, int32_t cell, const Segments &segments, const ssm_cuda_recurrent_scan &x) {
  expect(cell == kTanh || cell == kLstm, operation, "there is no such cell");
  const int64_t hidden = x.weight.columns, gates = cell == kLstm ? 4 : 1;
  expect_shape(operation, "p", x.p, segments.rows, gates * hidden);
  expect_shape(operation, "weight", x.weight, gates * hidden, hidden);
  expect_shape_or_absent(operation, "initial", x.initial, segments.batch, (cell == kLstm ? 2 : 1) * hidden);
  expect_shape(operation, "h", x.h, segments.rows, hidden);
  if (cell == kLstm) expect_shape(operation, "saved", x.saved, segments.rows, 5 * hidden);
}

void forward(ssm_cuda_context &context, int32_t cell, int64_t batch, const int32_t *offsets,
             const ssm_cuda_recurrent_scan &x) {
  const char *const operation = "recurrent_scan_forward";
  Scratch scratch(context);
  const Steps steps = upload_steps(scratch, batch, offsets);
  check_operands(operation, cell, steps.segments, x);
  const bool lstm = cell == kLstm;
  const int64_t hidden = x.weight.columns;
  expect_shape_or_absent(operation, "last", x.last, batch, (lstm ? 2 : 1) * hidden);
  const ssm_cuda_matrix h = scratch.matrix(batch, hidden), c = scratch.matrix(batch, lstm ? hidden : 0);
  const ssm_cuda_matrix products = scratch.matrix(batch, x.weight.rows);
  gather_sequences(context, steps, x.initial, 0, h);
  gather_sequences(context, steps, x.initial, hidden, c);
  for (int64_t l = 0; l < steps.segments.longest; ++l) {
    const int64_t active = steps.active[static_cast<size_t>(l)];
    gemm(context, false, true, 1, first_rows(h, active), x.weight, 0, first_rows(products, active));
    for_each_element(
        context, active, hidden,
        [=, rows = steps.rows(), p = x.p, out = x.h, saved = x.saved] __device__(int64_t place, int64_t n) {
          const int64_t row = rows.first(place) + l;
          auto gate = [&](int64_t k) { return at(products, place, k * hidden + n) + at(p, row, k * hidden + n); };
          float state;
          if (lstm) {
            const float in = sigmoid(gate(0)), forget = sigmoid(gate(1)), value = tanhf(gate(2)), o = sigmoid(gate(3));
            const float cell_state = forget * at(c, place, n) + in * value;
            at(c, place, n) = cell_state;
            state = o * tanhf(cell_state);
            at(saved, row, n) = in;
            at(saved, row, hidden + n) = forget;
            at(saved, row, 2 * hidden + n) = value;
            at(saved, row, 3 * hidden + n) = o;
            at(saved, row, 4 * hidden + n) = cell_state;
          } else {
            state = tanhf(gate(0));
          }
          at(h, place, n) = state;
          at(out, row, n) = state;
        });
  }
  scatter_sequences(context, steps, h, 0, x.last);
  scatter_sequences(context, steps, c, hidden, x.last);
}

void backward(ssm_cuda_context &context, int32_t cell, int64_t batch, const int32_t *offsets,
              const ssm_cuda_recurrent_scan &x, const ssm_cuda_recurrent_scan_gradients &g) {
  const char *const operation = "recurrent_scan_backward";
  Scratch scratch(context);
  const Steps steps = upload_steps(scratch, batch, offsets);
  check_operands(operation, cell, steps.segments, x);
  const bool lstm = cell == kLstm;
  const int64_t hidden = x.weight.columns, all_rows = steps.segments.rows, gates = x.weight.rows;
  expect_shape(operation, "dh", g.dh, all_rows, hidden);
  expect_shape_or_absent(operation, "dlast", g.dlast, batch, (lstm ? 2 : 1) * hidden);
  expect_shape(operation, "dp", g.dp, all_rows, gates);
  expect_shape(operation, "dweight", g.dweight, gates, hidden);
  expect_shape_or_absent(operation, "dinitial", g.dinitial, batch, (lstm ? 2 : 1) * hidden);
  const ssm_cuda_matrix dh = scratch.matrix(batch, hidden), dc = scratch.matrix(batch, lstm ? hidden : 0);
  const ssm_cuda_matrix dgates = scratch.matrix(batch, gates);
  gather_sequences(context, steps, g.dlast, 0, dh);
  gather_sequences(context, steps, g.dlast, hidden, dc);
  for (int64_t l = steps.segments.longest - 1; l >= 0; --l) {
    const int64_t active = steps.active[static_cast<size_t>(l)];
    for_each_element(
        context, active, hidden,
        [=, rows = steps.rows(), h = x.h, saved = x.saved, initial = x.initial, dout = g.dh,
         dp = g.dp] __device__(int64_t place, int64_t n) {
          const int64_t row = rows.first(place) + l;
          const float d = at(dh, place, n) + at(dout, row, n);
          auto put = [&](int64_t k, float value) {
            at(dgates, place, k * hidden + n) = value;
            at(dp, row, k * hidden + n) = value;
          };
          if (!lstm) {
            const float state = at(h, row, n);
            put(0, d * (1.0f - state * state));
            return;
          }
          const float in = at(saved, row, n), forget = at(saved, row, hidden + n);
          const float value = at(saved, row, 2 * hidden + n), o = at(saved, row, 3 * hidden + n);
          const float t = tanhf(at(saved, row, 4 * hidden + n));
          const float before = l > 0              ? at(saved, row - 1, 4 * hidden + n)
                               : present(initial) ? at(initial, rows.sequence(place), hidden + n)
                                                  : 0.0f;
          const float of_cell = at(dc, place, n) + d * o * (1.0f - t * t);
          put(0, of_cell * value * in * (1.0f - in));
          put(1, of_cell * before * forget * (1.0f - forget));
          put(2, of_cell * in * (1.0f - value * value));
          put(3, d * t * o * (1.0f - o));
          at(dc, place, n) = of_cell * forget;
        });
    gemm(context, false, false, 1, first_rows(dgates, active), x.weight, 0, first_rows(dh, active));
  }
  scatter_sequences(context, steps, dh, 0, g.dinitial);
  scatter_sequences(context, steps, dc, hidden, g.dinitial);
  // The gradient of the weight, from the states before the steps.
  const ssm_cuda_matrix before = scratch.matrix(all_rows, hidden);
  for_each_element(context, all_rows, hidden,
                   [=, segments = steps.segments, h = x.h, initial = x.initial] __device__(int64_t r, int64_t n) {
                     const int64_t s = sequence_of(segments, r);
                     at(before, r, n) = r > segments.offsets[s] ? at(h, r - 1, n)
                                        : present(initial)      ? at(initial, s, n)
                                                                : 0.0f;
                   });
  gemm(context, true, false, 1, g.dp, before, 1, g.dweight);
}

}  // namespace
}  // namespace ssm

extern "C" {

int32_t ssm_cuda_recurrent_scan_forward(ssm_cuda_context *context, int32_t cell, int64_t batch, const int32_t *offsets,
                                        const ssm_cuda_recurrent_scan *scan) try {
  ssm::forward(*context, cell, batch, offsets, *scan);
  return SSM_CUDA_OK;
} catch (...) {
  return ssm::status_of_exception();
}

int32_t ssm_cuda_recurrent_scan_backward(ssm_cuda_context *context, int32_t cell, int64_t batch,
                                         const int32_t *offsets, const ssm_cuda_recurrent_scan *scan,
                                         const ssm_cuda_recurrent_scan_gradients *gradients) try {
  ssm::backward(*context, cell, batch, offsets, *scan, *gradients);
  return SSM_CUDA_OK;
} catch (...) {
  return ssm::status_of_exception();
}

}  // extern "C"
