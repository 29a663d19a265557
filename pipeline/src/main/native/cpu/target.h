// The kernels of one instruction set as a table of functions; dispatch.cpp picks one table at run time.
#pragma once

#include "ssm.h"

// The kernels of models: in the table and in every instruction set's namespace under the C name without "ssm_".
#define SSM_MODEL_KERNELS(X) \
  X(copy_f32) \
  X(fill_f32) \
  X(add_scaled_f32) \
  X(add_row_f32) \
  X(sum_rows_f32) \
  X(sum_of_squares_f32) \
  X(activation_forward_f32) \
  X(activation_backward_f32) \
  X(glu_forward_f32) \
  X(glu_backward_f32) \
  X(negative_exp_forward_f32) \
  X(negative_exp_backward_f32) \
  X(dropout_f32) \
  X(rms_norm_forward_f32) \
  X(rms_norm_backward_f32) \
  X(layer_norm_forward_f32) \
  X(layer_norm_backward_f32) \
  X(difference_forward_f32) \
  X(difference_backward_f32) \
  X(last_row_forward_f32) \
  X(last_row_backward_f32) \
  X(mean_row_forward_f32) \
  X(mean_row_backward_f32) \
  X(causal_convolution_forward_f32) \
  X(causal_convolution_backward_f32) \
  X(embedding_forward_f32) \
  X(embedding_backward_f32) \
  X(selective_scan_forward_f32) \
  X(selective_scan_backward_f32) \
  X(selective_scan_forward_workspace_f32) \
  X(selective_scan_backward_workspace_f32) \
  X(linear_cde_forward_f32) \
  X(linear_cde_backward_f32) \
  X(linear_cde_workspace_f32) \
  X(multiply_f32) \
  X(add_scaled_columns_f32) \
  X(sum_products_f32) \
  X(diagonal_scan_forward_f32) \
  X(diagonal_scan_backward_f32) \
  X(s4d_scan_forward_f32) \
  X(s4d_scan_backward_f32) \
  X(s4d_scan_workspace_f32) \
  X(discretize_forward_f32) \
  X(discretize_backward_f32) \
  X(gated_linear_attention_forward_f32) \
  X(gated_linear_attention_backward_f32) \
  X(gated_linear_attention_forward_workspace_f32) \
  X(gated_linear_attention_backward_workspace_f32) \
  X(delta_rule_forward_f32) \
  X(delta_rule_backward_f32) \
  X(delta_rule_forward_workspace_f32) \
  X(delta_rule_backward_workspace_f32) \
  X(structured_cde_forward_workspace_f32) \
  X(structured_cde_forward_f32) \
  X(structured_cde_backward_workspace_f32) \
  X(structured_cde_backward_f32) \
  X(recurrent_scan_workspace_f32) \
  X(recurrent_scan_forward_f32) \
  X(recurrent_scan_backward_f32) \
  X(causal_attention_workspace_f32) \
  X(causal_attention_forward_f32) \
  X(causal_attention_backward_f32) \
  X(rotate_f32) \
  X(reverse_rows_f32) \
  X(stretched_step_forward_f32) \
  X(stretched_step_backward_f32) \
  X(squared_error_f32) \
  X(softmax_cross_entropy_f32) \
  X(adam_step_f32)

struct ssm_target {
  const char *name;

  // As in signature.h.
#define SSM_SIGNATURE_MEMBERS(suffix, T)                                                                              \
  int32_t (*signature_forward_##suffix)(const T *values, const int64_t *begin, const int64_t *end,                   \
                                        const int64_t *order, int64_t batch, int32_t channels, int32_t depth,        \
                                        T *out);                                                                      \
  int32_t (*signature_backward_##suffix)(const T *values, const int64_t *begin, const int64_t *end,                  \
                                         const int64_t *order, int64_t batch, int32_t channels, int32_t depth,       \
                                         const T *signature, const T *gradient, T *out);                              \
  int32_t (*log_signature_forward_##suffix)(const T *values, const int64_t *begin, const int64_t *end,               \
                                            const int64_t *order, int64_t batch, int32_t channels, int32_t depth,    \
                                            bool lyndon, T *out);                                                     \
  int32_t (*log_signature_backward_##suffix)(const T *values, const int64_t *begin, const int64_t *end,              \
                                             const int64_t *order, int64_t batch, int32_t channels, int32_t depth,   \
                                             bool lyndon, const T *gradient, T *out);
  SSM_SIGNATURE_MEMBERS(f32, float)
  SSM_SIGNATURE_MEMBERS(f64, double)
#undef SSM_SIGNATURE_MEMBERS

  // Pairs of paths x and y; `order` is the sequence of processing, as above. In the table under the C name.
#define SSM_KERNEL_PATHS(T)                                                                                       \
  const T *x, const int64_t *x_begin, const int64_t *x_end, int64_t x_batch, const T *y, const int64_t *y_begin,  \
      const int64_t *y_end, int64_t y_batch, int32_t pairs, const int64_t *order, int32_t channels,               \
      int32_t dyadic_order, int32_t static_kernel, double sigma
  int32_t (*signature_kernel_forward_f32)(SSM_KERNEL_PATHS(float), float *out);
  int32_t (*signature_kernel_forward_f64)(SSM_KERNEL_PATHS(double), double *out);
  int32_t (*signature_kernel_backward_f32)(SSM_KERNEL_PATHS(float), const float *out_gradient, float *x_gradient,
                                           float *y_gradient);
  int32_t (*signature_kernel_backward_f64)(SSM_KERNEL_PATHS(double), const double *out_gradient, double *x_gradient,
                                           double *y_gradient);
#define SSM_MEMBER(kernel) decltype(&ssm_##kernel) kernel;
  SSM_MODEL_KERNELS(SSM_MEMBER)
#undef SSM_MEMBER
};

// One definition each, from target.cpp compiled for that instruction set; null where this build lacks it.
extern "C" const ssm_target ssm_target_generic;
#ifdef SSM_X86
extern "C" const ssm_target ssm_target_v2;
extern "C" const ssm_target ssm_target_v3;
extern "C" const ssm_target ssm_target_v4;
#endif

#ifdef SSM_TARGET
#include "simd.h"

namespace SSM_NAMESPACE {
#define SSM_DECLARE(kernel) decltype(ssm_##kernel) kernel;
SSM_MODEL_KERNELS(SSM_DECLARE)
#undef SSM_DECLARE
}  // namespace SSM_NAMESPACE
#endif
