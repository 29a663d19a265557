// The exported functions: each calls the kernel of the instruction set in use.
#include "target.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>

namespace {

// Best first.
const ssm_target *const kTargets[] = {
#ifdef SSM_X86
    &ssm_target_v4,
    &ssm_target_v3,
    &ssm_target_v2,
#else
    &ssm_target_generic,
#endif
};

bool supported(const ssm_target *target) {
#ifdef SSM_X86
  if (target == &ssm_target_v4) return __builtin_cpu_supports("x86-64-v4");
  if (target == &ssm_target_v3) return __builtin_cpu_supports("x86-64-v3");
  return __builtin_cpu_supports("x86-64-v2");
#else
  (void)target;
  return true;
#endif
}

const ssm_target *best() {
  for (const ssm_target *target : kTargets)
    if (supported(target)) return target;
  return nullptr;
}

std::atomic<const ssm_target *> selected{nullptr};

const ssm_target *current() {
  const ssm_target *target = selected.load(std::memory_order_acquire);
  if (target == nullptr) {
    target = best();
    selected.store(target, std::memory_order_release);
  }
  return target;
}

// The entries of a signature; 0 if the shape is impossible or the number does not fit.
int64_t signature_width(int32_t channels, int32_t depth) {
  if (channels < 1 || depth < 1) return 0;
  if (channels == 1) return depth;
  int64_t width = 0;
  for (int32_t k = 0; k < depth; ++k)
    if (__builtin_add_overflow(width, 1, &width) || __builtin_mul_overflow(width, int64_t{channels}, &width)) return 0;
  return width;
}

// Checks a batch of row ranges; `ragged` tells whether their lengths differ.
bool valid_ranges(const int64_t *begin, const int64_t *end, int64_t batch, bool *ragged) {
  *ragged = false;
  for (int64_t b = 0; b < batch; ++b) {
    if (begin[b] < 0 || end[b] < begin[b]) return false;
    if (end[b] - begin[b] != end[0] - begin[0]) *ragged = true;
  }
  return true;
}

// Sequences by falling length, so that the lanes of one vector have little padding.
class LengthOrder {
 public:
  LengthOrder(const int64_t *begin, const int64_t *end, int64_t batch, bool ragged) {
    if (!ragged) return;
    order_ = static_cast<int64_t *>(std::malloc(batch * sizeof(int64_t)));
    failed_ = order_ == nullptr;
    if (failed_) return;
    for (int64_t b = 0; b < batch; ++b) order_[b] = b;
    std::sort(order_, order_ + batch, [&](int64_t a, int64_t b) {
      const int64_t length_a = end[a] - begin[a], length_b = end[b] - begin[b];
      return length_a != length_b ? length_a > length_b : a < b;
    });
  }
  ~LengthOrder() { std::free(order_); }
  LengthOrder(const LengthOrder &) = delete;
  LengthOrder &operator=(const LengthOrder &) = delete;

  bool failed() const { return failed_; }
  const int64_t *get() const { return order_; }

 private:
  int64_t *order_ = nullptr;
  bool failed_ = false;
};

// Calls `kernel` with the batch, its order of processing and what else it takes.
template <typename Kernel, typename T, typename... More>
int32_t run_signature(Kernel kernel, const T *values, const int64_t *begin, const int64_t *end, int64_t batch,
                      int32_t channels, int32_t depth, More... more) {
  bool ragged;
  if (batch < 0 || signature_width(channels, depth) == 0 || !valid_ranges(begin, end, batch, &ragged))
    return SSM_INVALID_ARGUMENT;
  const LengthOrder order(begin, end, batch, ragged);
  if (order.failed()) return SSM_OUT_OF_MEMORY;
  return kernel(values, begin, end, order.get(), batch, channels, depth, more...);
}

// Words of a logarithm are numbered in 32 bits.
template <typename Kernel, typename T, typename... More>
int32_t run_log_signature(Kernel kernel, const T *values, const int64_t *begin, const int64_t *end, int64_t batch,
                          int32_t channels, int32_t depth, int32_t basis, More... more) {
  if (basis != SSM_LOG_EXPANDED && basis != SSM_LOG_WORDS) return SSM_INVALID_ARGUMENT;
  if (signature_width(channels, depth) > INT32_MAX) return SSM_INVALID_ARGUMENT;
  return run_signature(kernel, values, begin, end, batch, channels, depth, basis == SSM_LOG_WORDS, more...);
}

// What all calls of signature kernels are checked for; `ragged` tells whether the lengths of x differ.
bool valid_kernel_pairs(const int64_t *x_begin, const int64_t *x_end, int64_t x_batch, const int64_t *y_begin,
                        const int64_t *y_end, int64_t y_batch, int32_t pairs, int32_t channels, int32_t dyadic_order,
                        int32_t static_kernel, double sigma, bool *ragged) {
  bool y_ragged;
  if (channels < 1 || dyadic_order < 0 || dyadic_order > 10) return false;
  if (static_kernel != SSM_LINEAR_STATIC_KERNEL && !(static_kernel == SSM_RBF_STATIC_KERNEL && sigma > 0)) return false;
  if (pairs < SSM_MATCHED_PAIRS || pairs > SSM_SYMMETRIC_PAIRS) return false;
  if (pairs != SSM_ALL_PAIRS && x_batch != y_batch) return false;
  return x_batch >= 0 && y_batch >= 0 && valid_ranges(x_begin, x_end, x_batch, ragged) &&
         valid_ranges(y_begin, y_end, y_batch, &y_ragged);
}

template <typename T, typename Kernel, typename... Outputs>
int32_t signature_kernel(Kernel kernel, const T *x, const int64_t *x_begin, const int64_t *x_end, int64_t x_batch,
                         const T *y, const int64_t *y_begin, const int64_t *y_end, int64_t y_batch, int32_t pairs,
                         int32_t channels, int32_t dyadic_order, int32_t static_kernel, double sigma,
                         Outputs... outputs) {
  bool ragged;
  if (!valid_kernel_pairs(x_begin, x_end, x_batch, y_begin, y_end, y_batch, pairs, channels, dyadic_order,
                          static_kernel, sigma, &ragged))
    return SSM_INVALID_ARGUMENT;
  const LengthOrder order(x_begin, x_end, x_batch, ragged);
  if (order.failed()) return SSM_OUT_OF_MEMORY;
  return kernel(x, x_begin, x_end, x_batch, y, y_begin, y_end, y_batch, pairs, order.get(), channels, dyadic_order,
                static_kernel, sigma, outputs...);
}

}  // namespace

extern "C" {

int32_t ssm_abi_version(void) { return 1; }

const char *ssm_target_name(void) {
  const ssm_target *target = current();
  return target == nullptr ? "none" : target->name;
}

int32_t ssm_target_select(const char *name) {
  if (name == nullptr) return SSM_INVALID_ARGUMENT;
  if (std::strcmp(name, "auto") == 0) {
    const ssm_target *target = best();
    if (target == nullptr) return SSM_UNSUPPORTED_TARGET;
    selected.store(target, std::memory_order_release);
    return SSM_OK;
  }
  for (const ssm_target *target : kTargets) {
    if (std::strcmp(name, target->name) == 0) {
      if (!supported(target)) return SSM_UNSUPPORTED_TARGET;
      selected.store(target, std::memory_order_release);
      return SSM_OK;
    }
  }
  return SSM_UNSUPPORTED_TARGET;
}

int32_t ssm_signature_forward_f32(const float *values, const int64_t *begin, const int64_t *end, int64_t batch,
                                  int32_t channels, int32_t depth, float *out) {
  return run_signature(current()->signature_forward_f32, values, begin, end, batch, channels, depth, out);
}

int32_t ssm_signature_forward_f64(const double *values, const int64_t *begin, const int64_t *end, int64_t batch,
                                  int32_t channels, int32_t depth, double *out) {
  return run_signature(current()->signature_forward_f64, values, begin, end, batch, channels, depth, out);
}

int32_t ssm_signature_backward_f32(const float *values, const int64_t *begin, const int64_t *end, int64_t batch,
                                   int32_t channels, int32_t depth, const float *signature, const float *gradient,
                                   float *out) {
  return run_signature(current()->signature_backward_f32, values, begin, end, batch, channels, depth, signature,
                       gradient, out);
}

int32_t ssm_log_signature_forward_f32(const float *values, const int64_t *begin, const int64_t *end, int64_t batch,
                                      int32_t channels, int32_t depth, int32_t basis, float *out) {
  return run_log_signature(current()->log_signature_forward_f32, values, begin, end, batch, channels, depth, basis,
                           out);
}

int32_t ssm_log_signature_backward_f32(const float *values, const int64_t *begin, const int64_t *end, int64_t batch,
                                       int32_t channels, int32_t depth, int32_t basis, const float *gradient,
                                       float *out) {
  return run_log_signature(current()->log_signature_backward_f32, values, begin, end, batch, channels, depth, basis,
                           gradient, out);
}

int32_t ssm_signature_backward_f64(const double *values, const int64_t *begin, const int64_t *end, int64_t batch,
                                   int32_t channels, int32_t depth, const double *signature, const double *gradient,
                                   double *out) {
  return run_signature(current()->signature_backward_f64, values, begin, end, batch, channels, depth, signature,
                       gradient, out);
}

int32_t ssm_log_signature_forward_f64(const double *values, const int64_t *begin, const int64_t *end, int64_t batch,
                                      int32_t channels, int32_t depth, int32_t basis, double *out) {
  return run_log_signature(current()->log_signature_forward_f64, values, begin, end, batch, channels, depth, basis,
                           out);
}

int32_t ssm_log_signature_backward_f64(const double *values, const int64_t *begin, const int64_t *end, int64_t batch,
                                       int32_t channels, int32_t depth, int32_t basis, const double *gradient,
                                       double *out) {
  return run_log_signature(current()->log_signature_backward_f64, values, begin, end, batch, channels, depth, basis,
                           gradient, out);
}

int32_t ssm_signature_kernel_forward_f32(const float *x, const int64_t *x_begin, const int64_t *x_end, int64_t x_batch,
                                         const float *y, const int64_t *y_begin, const int64_t *y_end, int64_t y_batch,
                                         int32_t pairs, int32_t channels, int32_t dyadic_order, int32_t static_kernel,
                                         double sigma, float *out) {
  return signature_kernel(current()->signature_kernel_forward_f32, x, x_begin, x_end, x_batch, y, y_begin, y_end,
                          y_batch, pairs, channels, dyadic_order, static_kernel, sigma, out);
}

int32_t ssm_signature_kernel_forward_f64(const double *x, const int64_t *x_begin, const int64_t *x_end, int64_t x_batch,
                                         const double *y, const int64_t *y_begin, const int64_t *y_end, int64_t y_batch,
                                         int32_t pairs, int32_t channels, int32_t dyadic_order, int32_t static_kernel,
                                         double sigma, double *out) {
  return signature_kernel(current()->signature_kernel_forward_f64, x, x_begin, x_end, x_batch, y, y_begin, y_end,
                          y_batch, pairs, channels, dyadic_order, static_kernel, sigma, out);
}

int32_t ssm_signature_kernel_backward_f32(const float *x, const int64_t *x_begin, const int64_t *x_end, int64_t x_batch,
                                          const float *y, const int64_t *y_begin, const int64_t *y_end,
                                          int64_t y_batch, int32_t pairs, int32_t channels, int32_t dyadic_order,
                                          int32_t static_kernel, double sigma, const float *out_gradient,
                                          float *x_gradient, float *y_gradient) {
  return signature_kernel(current()->signature_kernel_backward_f32, x, x_begin, x_end, x_batch, y, y_begin, y_end,
                          y_batch, pairs, channels, dyadic_order, static_kernel, sigma, out_gradient, x_gradient,
                          y_gradient);
}

int32_t ssm_signature_kernel_backward_f64(const double *x, const int64_t *x_begin, const int64_t *x_end, int64_t x_batch,
                                          const double *y, const int64_t *y_begin, const int64_t *y_end,
                                          int64_t y_batch, int32_t pairs, int32_t channels, int32_t dyadic_order,
                                          int32_t static_kernel, double sigma, const double *out_gradient,
                                          double *x_gradient, double *y_gradient) {
  return signature_kernel(current()->signature_kernel_backward_f64, x, x_begin, x_end, x_batch, y, y_begin, y_end,
                          y_batch, pairs, channels, dyadic_order, static_kernel, sigma, out_gradient, x_gradient,
                          y_gradient);
}

// Kernels of models.

int32_t ssm_copy_f32(int64_t rows, int64_t columns, const float *source, int64_t source_stride, float *target,
                     int64_t target_stride) {
  return current()->copy_f32(rows, columns, source, source_stride, target, target_stride);
}

int32_t ssm_fill_f32(int64_t rows, int64_t columns, float value, float *target, int64_t target_stride) {
  return current()->fill_f32(rows, columns, value, target, target_stride);
}

int32_t ssm_add_scaled_f32(int64_t rows, int64_t columns, float alpha, const float *x, int64_t x_stride, float *y,
                           int64_t y_stride) {
  return current()->add_scaled_f32(rows, columns, alpha, x, x_stride, y, y_stride);
}

int32_t ssm_add_row_f32(int64_t rows, int64_t columns, const float *bias, float *x, int64_t x_stride) {
  return current()->add_row_f32(rows, columns, bias, x, x_stride);
}

int32_t ssm_sum_rows_f32(int64_t rows, int64_t columns, const float *x, int64_t x_stride, float *sum) {
  return current()->sum_rows_f32(rows, columns, x, x_stride, sum);
}

int32_t ssm_sum_of_squares_f32(int64_t rows, int64_t columns, const float *x, int64_t x_stride, double *sum) {
  return current()->sum_of_squares_f32(rows, columns, x, x_stride, sum);
}

int32_t ssm_activation_forward_f32(int32_t activation, int64_t rows, int64_t columns, const float *x, int64_t x_stride,
                                   float *y, int64_t y_stride) {
  return current()->activation_forward_f32(activation, rows, columns, x, x_stride, y, y_stride);
}

int32_t ssm_activation_backward_f32(int32_t activation, int64_t rows, int64_t columns, const float *x, int64_t x_stride,
                                    const float *dy, int64_t dy_stride, float *dx, int64_t dx_stride) {
  return current()->activation_backward_f32(activation, rows, columns, x, x_stride, dy, dy_stride, dx, dx_stride);
}

int32_t ssm_glu_forward_f32(int64_t rows, int64_t columns, const float *x, int64_t x_stride, float *y,
                            int64_t y_stride) {
  return current()->glu_forward_f32(rows, columns, x, x_stride, y, y_stride);
}

int32_t ssm_glu_backward_f32(int64_t rows, int64_t columns, const float *x, int64_t x_stride, const float *dy,
                             int64_t dy_stride, float *dx, int64_t dx_stride) {
  return current()->glu_backward_f32(rows, columns, x, x_stride, dy, dy_stride, dx, dx_stride);
}

int32_t ssm_negative_exp_forward_f32(int64_t rows, int64_t columns, const float *x, int64_t x_stride, float *y,
                                     int64_t y_stride) {
  return current()->negative_exp_forward_f32(rows, columns, x, x_stride, y, y_stride);
}

int32_t ssm_negative_exp_backward_f32(int64_t rows, int64_t columns, const float *y, int64_t y_stride, const float *dy,
                                      int64_t dy_stride, float *dx, int64_t dx_stride) {
  return current()->negative_exp_backward_f32(rows, columns, y, y_stride, dy, dy_stride, dx, dx_stride);
}

int32_t ssm_dropout_f32(int64_t rows, int64_t columns, int32_t threshold, float scale, const int64_t *keys, float *x,
                        int64_t x_stride) {
  return current()->dropout_f32(rows, columns, threshold, scale, keys, x, x_stride);
}

int32_t ssm_rms_norm_forward_f32(int64_t rows, int64_t columns, const float *x, int64_t x_stride, const float *gamma,
                                 double epsilon, float *y, int64_t y_stride, float *inverse, int64_t inverse_stride) {
  return current()->rms_norm_forward_f32(rows, columns, x, x_stride, gamma, epsilon, y, y_stride, inverse,
                                         inverse_stride);
}

int32_t ssm_rms_norm_backward_f32(int64_t rows, int64_t columns, const float *x, int64_t x_stride, const float *gamma,
                                  const float *inverse, int64_t inverse_stride, const float *dy, int64_t dy_stride,
                                  float *dx, int64_t dx_stride, float *dgamma) {
  return current()->rms_norm_backward_f32(rows, columns, x, x_stride, gamma, inverse, inverse_stride, dy, dy_stride, dx,
                                          dx_stride, dgamma);
}

int32_t ssm_layer_norm_forward_f32(int64_t rows, int64_t columns, const float *x, int64_t x_stride, const float *gamma,
                                   const float *beta, double epsilon, float *y, int64_t y_stride, float *statistics,
                                   int64_t statistics_stride) {
  return current()->layer_norm_forward_f32(rows, columns, x, x_stride, gamma, beta, epsilon, y, y_stride, statistics,
                                           statistics_stride);
}

int32_t ssm_layer_norm_backward_f32(int64_t rows, int64_t columns, const float *x, int64_t x_stride, const float *gamma,
                                    const float *statistics, int64_t statistics_stride, const float *dy,
                                    int64_t dy_stride, float *dx, int64_t dx_stride, float *dgamma, float *dbeta) {
  return current()->layer_norm_backward_f32(rows, columns, x, x_stride, gamma, statistics, statistics_stride, dy,
                                            dy_stride, dx, dx_stride, dgamma, dbeta);
}

int32_t ssm_difference_forward_f32(int64_t batch, const int32_t *offsets, int64_t columns, const float *x,
                                   int64_t x_stride, const float *before, int64_t before_stride, float *y,
                                   int64_t y_stride) {
  return current()->difference_forward_f32(batch, offsets, columns, x, x_stride, before, before_stride, y, y_stride);
}

int32_t ssm_difference_backward_f32(int64_t batch, const int32_t *offsets, int64_t columns, const float *dy,
                                    int64_t dy_stride, float *dx, int64_t dx_stride) {
  return current()->difference_backward_f32(batch, offsets, columns, dy, dy_stride, dx, dx_stride);
}

int32_t ssm_last_row_forward_f32(int64_t batch, const int32_t *offsets, int64_t columns, const float *x,
                                 int64_t x_stride, float *y, int64_t y_stride) {
  return current()->last_row_forward_f32(batch, offsets, columns, x, x_stride, y, y_stride);
}

int32_t ssm_last_row_backward_f32(int64_t batch, const int32_t *offsets, int64_t columns, const float *dy,
                                  int64_t dy_stride, float *dx, int64_t dx_stride) {
  return current()->last_row_backward_f32(batch, offsets, columns, dy, dy_stride, dx, dx_stride);
}

int32_t ssm_mean_row_forward_f32(int64_t batch, const int32_t *offsets, int64_t columns, const float *x,
                                 int64_t x_stride, float *y, int64_t y_stride) {
  return current()->mean_row_forward_f32(batch, offsets, columns, x, x_stride, y, y_stride);
}

int32_t ssm_mean_row_backward_f32(int64_t batch, const int32_t *offsets, int64_t columns, const float *dy,
                                  int64_t dy_stride, float *dx, int64_t dx_stride) {
  return current()->mean_row_backward_f32(batch, offsets, columns, dy, dy_stride, dx, dx_stride);
}

int32_t ssm_causal_convolution_forward_f32(int64_t batch, const int32_t *offsets, int64_t columns, int64_t width,
                                           const float *x, int64_t x_stride, const float *weight, int64_t weight_stride,
                                           const float *bias, int32_t silu, float *y, int64_t y_stride) {
  return current()->causal_convolution_forward_f32(batch, offsets, columns, width, x, x_stride, weight, weight_stride,
                                                   bias, silu, y, y_stride);
}

int32_t ssm_causal_convolution_backward_f32(int64_t batch, const int32_t *offsets, int64_t columns, int64_t width,
                                            const float *x, int64_t x_stride, const float *weight,
                                            int64_t weight_stride, const float *bias, int32_t silu, const float *dy,
                                            int64_t dy_stride, float *dx, int64_t dx_stride, float *dweight,
                                            int64_t dweight_stride, float *dbias) {
  return current()->causal_convolution_backward_f32(batch, offsets, columns, width, x, x_stride, weight, weight_stride,
                                                    bias, silu, dy, dy_stride, dx, dx_stride, dweight, dweight_stride,
                                                    dbias);
}

int32_t ssm_embedding_forward_f32(int64_t rows, int64_t columns, int64_t vocabulary, const int32_t *tokens,
                                  const float *table, int64_t table_stride, float *y, int64_t y_stride) {
  return current()->embedding_forward_f32(rows, columns, vocabulary, tokens, table, table_stride, y, y_stride);
}

int32_t ssm_embedding_backward_f32(int64_t rows, int64_t columns, int64_t vocabulary, const int32_t *tokens,
                                   const float *dy, int64_t dy_stride, float *dtable, int64_t dtable_stride) {
  return current()->embedding_backward_f32(rows, columns, vocabulary, tokens, dy, dy_stride, dtable, dtable_stride);
}

int32_t ssm_selective_scan_forward_f32(int64_t batch, const int32_t *offsets, int64_t columns, int64_t states,
                                       const float *u, int64_t u_stride, const float *delta_raw,
                                       int64_t delta_raw_stride, const float *delta_bias, const float *a,
                                       int64_t a_stride, const float *b, int64_t b_stride, const float *c,
                                       int64_t c_stride, const float *skip, const float *gate, int64_t gate_stride,
                                       const float *initial, int64_t initial_stride, float *y, int64_t y_stride,
                                       float *last, int64_t last_stride, float *kept, float *workspace) {
  return current()->selective_scan_forward_f32(batch, offsets, columns, states, u, u_stride, delta_raw,
                                               delta_raw_stride, delta_bias, a, a_stride, b, b_stride, c, c_stride,
                                               skip, gate, gate_stride, initial, initial_stride, y, y_stride, last,
                                               last_stride, kept, workspace);
}

int32_t ssm_selective_scan_backward_f32(int64_t batch, const int32_t *offsets, int64_t columns, int64_t states,
                                        const float *u, int64_t u_stride, const float *delta_raw,
                                        int64_t delta_raw_stride, const float *delta_bias, const float *a,
                                        int64_t a_stride, const float *b, int64_t b_stride, const float *c,
                                        int64_t c_stride, const float *skip, const float *gate, int64_t gate_stride,
                                        const float *initial, int64_t initial_stride, const float *dy,
                                        int64_t dy_stride, const float *dlast, int64_t dlast_stride, float *du,
                                        int64_t du_stride, float *ddelta_raw, int64_t ddelta_raw_stride,
                                        float *ddelta_bias, float *da, int64_t da_stride, float *db, int64_t db_stride,
                                        float *dc, int64_t dc_stride, float *dskip, float *dgate, int64_t dgate_stride,
                                        float *dinitial, int64_t dinitial_stride, const float *kept, float *workspace) {
  return current()->selective_scan_backward_f32(batch, offsets, columns, states, u, u_stride, delta_raw,
                                                delta_raw_stride, delta_bias, a, a_stride, b, b_stride, c, c_stride,
                                                skip, gate, gate_stride, initial, initial_stride, dy, dy_stride, dlast,
                                                dlast_stride, du, du_stride, ddelta_raw, ddelta_raw_stride, ddelta_bias,
                                                da, da_stride, db, db_stride, dc, dc_stride, dskip, dgate, dgate_stride,
                                                dinitial, dinitial_stride, kept, workspace);
}

int64_t ssm_selective_scan_forward_workspace_f32(int64_t states) {
  return current()->selective_scan_forward_workspace_f32(states);
}

int64_t ssm_selective_scan_backward_workspace_f32(int64_t states, int64_t longest) {
  return current()->selective_scan_backward_workspace_f32(states, longest);
}

int32_t ssm_linear_cde_forward_f32(int32_t solver, int64_t batch, const int32_t *offsets, int64_t controls,
                                   int64_t states, int64_t drives, const float *domega, int64_t domega_stride,
                                   const float *a, const float *dxi, int64_t dxi_stride, const float *drive,
                                   int64_t drive_stride, const float *initial, int64_t initial_stride, float *y,
                                   int64_t y_stride, float *last, int64_t last_stride, float *workspace) {
  return current()->linear_cde_forward_f32(solver, batch, offsets, controls, states, drives, domega, domega_stride, a,
                                           dxi, dxi_stride, drive, drive_stride, initial, initial_stride, y, y_stride,
                                           last, last_stride, workspace);
}

int32_t ssm_linear_cde_backward_f32(int32_t solver, int64_t batch, const int32_t *offsets, int64_t controls,
                                    int64_t states, int64_t drives, const float *domega, int64_t domega_stride,
                                    const float *a, const float *dxi, int64_t dxi_stride, const float *drive,
                                    int64_t drive_stride, const float *initial, int64_t initial_stride, const float *y,
                                    int64_t y_stride, const float *dy, int64_t dy_stride, const float *dlast,
                                    int64_t dlast_stride, float *ddomega, int64_t ddomega_stride, float *da,
                                    float *ddxi, int64_t ddxi_stride, float *ddrive, int64_t ddrive_stride,
                                    float *dinitial, int64_t dinitial_stride, float *workspace) {
  return current()->linear_cde_backward_f32(solver, batch, offsets, controls, states, drives, domega, domega_stride, a,
                                            dxi, dxi_stride, drive, drive_stride, initial, initial_stride, y, y_stride,
                                            dy, dy_stride, dlast, dlast_stride, ddomega, ddomega_stride, da, ddxi,
                                            ddxi_stride, ddrive, ddrive_stride, dinitial, dinitial_stride, workspace);
}

int64_t ssm_linear_cde_workspace_f32(int64_t batch, int64_t controls, int64_t states, int64_t drives,
                                     int32_t backward) {
  return current()->linear_cde_workspace_f32(batch, controls, states, drives, backward);
}

int32_t ssm_squared_error_f32(int64_t rows, int64_t columns, const float *prediction, int64_t prediction_stride,
                              const float *target, int64_t target_stride, const float *weights, float *dprediction,
                              int64_t dprediction_stride, double *sum) {
  return current()->squared_error_f32(rows, columns, prediction, prediction_stride, target, target_stride, weights,
                                      dprediction, dprediction_stride, sum);
}

int32_t ssm_softmax_cross_entropy_f32(int64_t rows, int64_t columns, const float *logits, int64_t logits_stride,
                                      const int32_t *targets, const float *weights, float *dlogits,
                                      int64_t dlogits_stride, double *sum) {
  return current()->softmax_cross_entropy_f32(rows, columns, logits, logits_stride, targets, weights, dlogits,
                                              dlogits_stride, sum);
}

int32_t ssm_adam_step_f32(int64_t n, double learning_rate, double beta1, double beta2, double epsilon,
                          double weight_decay, int32_t decoupled, int64_t step, float *parameters,
                          const float *gradient, float *m, float *v) {
  return current()->adam_step_f32(n, learning_rate, beta1, beta2, epsilon, weight_decay, decoupled, step, parameters,
                                  gradient, m, v);
}

int32_t ssm_multiply_f32(int64_t rows, int64_t columns, const float *x, int64_t x_stride, const float *y,
                         int64_t y_stride, float *z, int64_t z_stride) {
  return current()->multiply_f32(rows, columns, x, x_stride, y, y_stride, z, z_stride);
}

int32_t ssm_add_scaled_columns_f32(int64_t rows, int64_t columns, const float *gain, const float *x, int64_t x_stride,
                                   float *y, int64_t y_stride) {
  return current()->add_scaled_columns_f32(rows, columns, gain, x, x_stride, y, y_stride);
}

int32_t ssm_sum_products_f32(int64_t rows, int64_t columns, const float *x, int64_t x_stride, const float *y,
                             int64_t y_stride, float *sums) {
  return current()->sum_products_f32(rows, columns, x, x_stride, y, y_stride, sums);
}

int32_t ssm_diagonal_scan_forward_f32(int64_t batch, const int32_t *offsets, int64_t columns, int32_t complex,
                                      int32_t constant, const float *a, int64_t a_stride, const float *b,
                                      int64_t b_stride, const float *gain, const float *initial, int64_t initial_stride,
                                      float *h, int64_t h_stride, float *last, int64_t last_stride) {
  return current()->diagonal_scan_forward_f32(batch, offsets, columns, complex, constant, a, a_stride, b, b_stride,
                                              gain, initial, initial_stride, h, h_stride, last, last_stride);
}

int32_t ssm_diagonal_scan_backward_f32(int64_t batch, const int32_t *offsets, int64_t columns, int32_t complex,
                                       int32_t constant, const float *a, int64_t a_stride, const float *b,
                                       int64_t b_stride, const float *gain, const float *initial,
                                       int64_t initial_stride, const float *h, int64_t h_stride, const float *dh,
                                       int64_t dh_stride, const float *dlast, int64_t dlast_stride, float *da,
                                       int64_t da_stride, float *db, int64_t db_stride, float *dgain, float *dinitial,
                                       int64_t dinitial_stride, float *workspace) {
  return current()->diagonal_scan_backward_f32(batch, offsets, columns, complex, constant, a, a_stride, b, b_stride,
                                               gain, initial, initial_stride, h, h_stride, dh, dh_stride, dlast,
                                               dlast_stride, da, da_stride, db, db_stride, dgain, dinitial,
                                               dinitial_stride, workspace);
}

int32_t ssm_s4d_scan_forward_f32(int64_t batch, const int32_t *offsets, int64_t columns, int64_t states, const float *u,
                                 int64_t u_stride, const float *a_bar, int64_t a_bar_stride, const float *b_bar,
                                 int64_t b_bar_stride, const float *c, int64_t c_stride, const float *skip,
                                 const float *initial, int64_t initial_stride, float *y, int64_t y_stride, float *last,
                                 int64_t last_stride, float *workspace) {
  return current()->s4d_scan_forward_f32(batch, offsets, columns, states, u, u_stride, a_bar, a_bar_stride, b_bar,
                                         b_bar_stride, c, c_stride, skip, initial, initial_stride, y, y_stride, last,
                                         last_stride, workspace);
}

int32_t ssm_s4d_scan_backward_f32(int64_t batch, const int32_t *offsets, int64_t columns, int64_t states,
                                  const float *u, int64_t u_stride, const float *a_bar, int64_t a_bar_stride,
                                  const float *b_bar, int64_t b_bar_stride, const float *c, int64_t c_stride,
                                  const float *skip, const float *initial, int64_t initial_stride, const float *dy,
                                  int64_t dy_stride, const float *dlast, int64_t dlast_stride, float *du,
                                  int64_t du_stride, float *da_bar, int64_t da_bar_stride, float *db_bar,
                                  int64_t db_bar_stride, float *dc, int64_t dc_stride, float *dskip, float *dinitial,
                                  int64_t dinitial_stride, float *workspace) {
  return current()->s4d_scan_backward_f32(batch, offsets, columns, states, u, u_stride, a_bar, a_bar_stride, b_bar,
                                          b_bar_stride, c, c_stride, skip, initial, initial_stride, dy, dy_stride,
                                          dlast, dlast_stride, du, du_stride, da_bar, da_bar_stride, db_bar,
                                          db_bar_stride, dc, dc_stride, dskip, dinitial, dinitial_stride, workspace);
}

int64_t ssm_s4d_scan_workspace_f32(int64_t states, int64_t longest) {
  return current()->s4d_scan_workspace_f32(states, longest);
}

int32_t ssm_discretize_forward_f32(int32_t rule, int64_t rows, int64_t states, const float *log_step,
                                   int64_t log_step_stride, int32_t per_row, const float *a, int64_t a_stride,
                                   float *a_bar, int64_t a_bar_stride, float *b_bar, int64_t b_bar_stride) {
  return current()->discretize_forward_f32(rule, rows, states, log_step, log_step_stride, per_row, a, a_stride, a_bar,
                                           a_bar_stride, b_bar, b_bar_stride);
}

int32_t ssm_discretize_backward_f32(int32_t rule, int64_t rows, int64_t states, const float *log_step,
                                    int64_t log_step_stride, int32_t per_row, const float *a, int64_t a_stride,
                                    const float *da_bar, int64_t da_bar_stride, const float *db_bar,
                                    int64_t db_bar_stride, float *dlog_step, int64_t dlog_step_stride, float *da,
                                    int64_t da_stride) {
  return current()->discretize_backward_f32(rule, rows, states, log_step, log_step_stride, per_row, a, a_stride, da_bar,
                                            da_bar_stride, db_bar, db_bar_stride, dlog_step, dlog_step_stride, da,
                                            da_stride);
}

int32_t ssm_gated_linear_attention_forward_f32(int64_t batch, const int32_t *offsets, int64_t heads, int64_t keys,
                                               int64_t values, const float *q, int64_t q_stride, const float *k,
                                               int64_t k_stride, const float *v, int64_t v_stride,
                                               const float *log_alpha, int64_t log_alpha_stride, const float *phase,
                                               int64_t phase_stride, const float *initial, int64_t initial_stride,
                                               float *o, int64_t o_stride, float *last, int64_t last_stride,
                                               float *workspace) {
  return current()->gated_linear_attention_forward_f32(batch, offsets, heads, keys, values, q, q_stride, k, k_stride, v,
                                                       v_stride, log_alpha, log_alpha_stride, phase, phase_stride,
                                                       initial, initial_stride, o, o_stride, last, last_stride,
                                                       workspace);
}

int32_t ssm_gated_linear_attention_backward_f32(int64_t batch, const int32_t *offsets, int64_t heads, int64_t keys,
                                                int64_t values, const float *q, int64_t q_stride, const float *k,
                                                int64_t k_stride, const float *v, int64_t v_stride,
                                                const float *log_alpha, int64_t log_alpha_stride, const float *phase,
                                                int64_t phase_stride, const float *initial, int64_t initial_stride,
                                                const float *d_o, int64_t d_o_stride, const float *dlast,
                                                int64_t dlast_stride, float *dq, int64_t dq_stride, float *dk,
                                                int64_t dk_stride, float *dv, int64_t dv_stride, float *dlog_alpha,
                                                int64_t dlog_alpha_stride, float *dphase, int64_t dphase_stride,
                                                float *dinitial, int64_t dinitial_stride, float *workspace) {
  return current()->gated_linear_attention_backward_f32(batch, offsets, heads, keys, values, q, q_stride, k, k_stride,
                                                        v, v_stride, log_alpha, log_alpha_stride, phase, phase_stride,
                                                        initial, initial_stride, d_o, d_o_stride, dlast, dlast_stride,
                                                        dq, dq_stride, dk, dk_stride, dv, dv_stride, dlog_alpha,
                                                        dlog_alpha_stride, dphase, dphase_stride, dinitial,
                                                        dinitial_stride, workspace);
}

int64_t ssm_gated_linear_attention_forward_workspace_f32(int64_t keys, int64_t values, int32_t complex) {
  return current()->gated_linear_attention_forward_workspace_f32(keys, values, complex);
}

int64_t ssm_gated_linear_attention_backward_workspace_f32(int64_t keys, int64_t values, int32_t complex,
                                                          int64_t longest) {
  return current()->gated_linear_attention_backward_workspace_f32(keys, values, complex, longest);
}

int32_t ssm_delta_rule_forward_f32(int64_t batch, const int32_t *offsets, int64_t heads, int64_t keys, int64_t values,
                                   int64_t updates, const float *q, int64_t q_stride, const float *k, int64_t k_stride,
                                   const float *v, int64_t v_stride, const float *beta, int64_t beta_stride,
                                   const float *log_alpha, int64_t log_alpha_stride, const float *initial,
                                   int64_t initial_stride, float *o, int64_t o_stride, float *last, int64_t last_stride,
                                   float *workspace) {
  return current()->delta_rule_forward_f32(batch, offsets, heads, keys, values, updates, q, q_stride, k, k_stride, v,
                                           v_stride, beta, beta_stride, log_alpha, log_alpha_stride, initial,
                                           initial_stride, o, o_stride, last, last_stride, workspace);
}

int32_t ssm_delta_rule_backward_f32(int64_t batch, const int32_t *offsets, int64_t heads, int64_t keys, int64_t values,
                                    int64_t updates, const float *q, int64_t q_stride, const float *k, int64_t k_stride,
                                    const float *v, int64_t v_stride, const float *beta, int64_t beta_stride,
                                    const float *log_alpha, int64_t log_alpha_stride, const float *initial,
                                    int64_t initial_stride, const float *d_o, int64_t d_o_stride, const float *dlast,
                                    int64_t dlast_stride, float *dq, int64_t dq_stride, float *dk, int64_t dk_stride,
                                    float *dv, int64_t dv_stride, float *dbeta, int64_t dbeta_stride, float *dlog_alpha,
                                    int64_t dlog_alpha_stride, float *dinitial, int64_t dinitial_stride,
                                    float *workspace) {
  return current()->delta_rule_backward_f32(batch, offsets, heads, keys, values, updates, q, q_stride, k, k_stride, v,
                                            v_stride, beta, beta_stride, log_alpha, log_alpha_stride, initial,
                                            initial_stride, d_o, d_o_stride, dlast, dlast_stride, dq, dq_stride, dk,
                                            dk_stride, dv, dv_stride, dbeta, dbeta_stride, dlog_alpha,
                                            dlog_alpha_stride, dinitial, dinitial_stride, workspace);
}

int64_t ssm_delta_rule_forward_workspace_f32(int64_t keys) {
  return current()->delta_rule_forward_workspace_f32(keys);
}

int64_t ssm_delta_rule_backward_workspace_f32(int64_t keys, int64_t values, int64_t updates, int64_t longest) {
  return current()->delta_rule_backward_workspace_f32(keys, values, updates, longest);
}

int64_t ssm_structured_cde_forward_workspace_f32(int64_t states, int64_t size, int64_t coefficients, int64_t controls) {
  return current()->structured_cde_forward_workspace_f32(states, size, coefficients, controls);
}

int32_t ssm_structured_cde_forward_f32(int32_t solver, int32_t structure, int64_t batch, const int32_t *offsets,
                                       int64_t controls, int64_t states, int64_t size, int64_t coefficients,
                                       const int32_t *row_begin, const int32_t *column, const float *domega,
                                       int64_t domega_stride, const float *theta, const float *force,
                                       int64_t force_stride, const float *initial, int64_t initial_stride, float *y,
                                       int64_t y_stride, float *last, int64_t last_stride, float *workspace) {
  return current()->structured_cde_forward_f32(solver, structure, batch, offsets, controls, states, size, coefficients,
                                               row_begin, column, domega, domega_stride, theta, force, force_stride,
                                               initial, initial_stride, y, y_stride, last, last_stride, workspace);
}

int64_t ssm_structured_cde_backward_workspace_f32(int64_t states, int64_t size, int64_t coefficients, int64_t controls) {
  return current()->structured_cde_backward_workspace_f32(states, size, coefficients, controls);
}

int32_t ssm_structured_cde_backward_f32(int32_t solver, int32_t structure, int64_t batch, const int32_t *offsets,
                                        int64_t controls, int64_t states, int64_t size, int64_t coefficients,
                                        const int32_t *row_begin, const int32_t *column, const float *domega,
                                        int64_t domega_stride, const float *theta, const float *force,
                                        int64_t force_stride, const float *initial, int64_t initial_stride,
                                        const float *y, int64_t y_stride, const float *dy, int64_t dy_stride,
                                        const float *dlast, int64_t dlast_stride, float *ddomega,
                                        int64_t ddomega_stride, float *dtheta, float *dforce, int64_t dforce_stride,
                                        float *dinitial, int64_t dinitial_stride, float *workspace) {
  return current()->structured_cde_backward_f32(solver, structure, batch, offsets, controls, states, size,
                                                coefficients, row_begin, column, domega, domega_stride, theta, force,
                                                force_stride, initial, initial_stride, y, y_stride, dy, dy_stride,
                                                dlast, dlast_stride, ddomega, ddomega_stride, dtheta, dforce,
                                                dforce_stride, dinitial, dinitial_stride, workspace);
}

int64_t ssm_recurrent_scan_workspace_f32(int32_t cell, int64_t batch, int64_t hidden) {
  return current()->recurrent_scan_workspace_f32(cell, batch, hidden);
}

int32_t ssm_recurrent_scan_forward_f32(int32_t cell, int64_t batch, const int32_t *offsets, int64_t hidden,
                                       const float *p, int64_t p_stride, const float *weight, const float *initial,
                                       int64_t initial_stride, float *h, int64_t h_stride, float *saved,
                                       int64_t saved_stride, float *last, int64_t last_stride, float *workspace) {
  return current()->recurrent_scan_forward_f32(cell, batch, offsets, hidden, p, p_stride, weight, initial,
                                               initial_stride, h, h_stride, saved, saved_stride, last, last_stride,
                                               workspace);
}

int32_t ssm_recurrent_scan_backward_f32(int32_t cell, int64_t batch, const int32_t *offsets, int64_t hidden,
                                        const float *weight, const float *initial, int64_t initial_stride,
                                        const float *h, int64_t h_stride, const float *saved, int64_t saved_stride,
                                        const float *dh, int64_t dh_stride, const float *dlast, int64_t dlast_stride,
                                        float *dp, int64_t dp_stride, float *dinitial, int64_t dinitial_stride,
                                        float *workspace) {
  return current()->recurrent_scan_backward_f32(cell, batch, offsets, hidden, weight, initial, initial_stride, h,
                                                h_stride, saved, saved_stride, dh, dh_stride, dlast, dlast_stride, dp,
                                                dp_stride, dinitial, dinitial_stride, workspace);
}

int64_t ssm_causal_attention_workspace_f32(int64_t keys, int64_t values) {
  return current()->causal_attention_workspace_f32(keys, values);
}

int32_t ssm_causal_attention_forward_f32(int64_t batch, const int32_t *offsets, const int32_t *key_offsets,
                                         int64_t heads, int64_t keys, int64_t values, const float *q, int64_t q_stride,
                                         const float *k, int64_t k_stride, const float *v, int64_t v_stride, float *o,
                                         int64_t o_stride, float *log_sums, int64_t log_sums_stride, float *workspace) {
  return current()->causal_attention_forward_f32(batch, offsets, key_offsets, heads, keys, values, q, q_stride, k,
                                                 k_stride, v, v_stride, o, o_stride, log_sums, log_sums_stride,
                                                 workspace);
}

int32_t ssm_causal_attention_backward_f32(int64_t batch, const int32_t *offsets, const int32_t *key_offsets,
                                          int64_t heads, int64_t keys, int64_t values, const float *q,
                                          int64_t q_stride, const float *k, int64_t k_stride, const float *v,
                                          int64_t v_stride, const float *o, int64_t o_stride, const float *log_sums,
                                          int64_t log_sums_stride, const float *d_o, int64_t d_o_stride, float *dq,
                                          int64_t dq_stride, float *dk, int64_t dk_stride, float *dv,
                                          int64_t dv_stride, float *workspace) {
  return current()->causal_attention_backward_f32(batch, offsets, key_offsets, heads, keys, values, q, q_stride, k,
                                                  k_stride, v, v_stride, o, o_stride, log_sums, log_sums_stride, d_o,
                                                  d_o_stride, dq, dq_stride, dk, dk_stride, dv, dv_stride, workspace);
}

int32_t ssm_rotate_f32(int64_t rows, int64_t columns, const int32_t *positions, int64_t pairs, const float *angles,
                       int64_t angles_stride, int32_t inverse, const float *x, int64_t x_stride, float *y,
                       int64_t y_stride) {
  return current()->rotate_f32(rows, columns, positions, pairs, angles, angles_stride, inverse, x, x_stride, y,
                               y_stride);
}

int32_t ssm_reverse_rows_f32(int64_t batch, const int32_t *offsets, int64_t columns, const float *x, int64_t x_stride,
                             float *y, int64_t y_stride) {
  return current()->reverse_rows_f32(batch, offsets, columns, x, x_stride, y, y_stride);
}

int32_t ssm_stretched_step_forward_f32(int64_t rows, int64_t columns, const float *x, int64_t x_stride,
                                       const float *bias, const float *durations, int64_t durations_stride, float *y,
                                       int64_t y_stride) {
  return current()->stretched_step_forward_f32(rows, columns, x, x_stride, bias, durations, durations_stride, y,
                                               y_stride);
}

int32_t ssm_stretched_step_backward_f32(int64_t rows, int64_t columns, const float *x, int64_t x_stride,
                                        const float *bias, const float *durations, int64_t durations_stride,
                                        const float *dy, int64_t dy_stride, float *dx, int64_t dx_stride) {
  return current()->stretched_step_backward_f32(rows, columns, x, x_stride, bias, durations, durations_stride, dy,
                                                dy_stride, dx, dx_stride);
}
}
