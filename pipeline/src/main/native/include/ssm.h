/*
 * The C ABI of the native kernels: every function the JVM calls, and nothing else.
 *
 * Conventions
 *   - Arrays are dense and row-major unless a stride argument says otherwise. A batch of sequences is packed: the
 *     rows of all sequences follow one another, and offsets[b] .. offsets[b + 1] are the rows of sequence b
 *     (offsets has batch + 1 entries, offsets[0] = 0, non-decreasing). Rectangular batches are the special case.
 *   - Suffix f32 / f64: the type of values and of accumulation.
 *   - Every function returns a status; outputs are undefined unless it is SSM_OK. No exception leaves the library,
 *     no function keeps a pointer, and none starts a thread. Functions are reentrant.
 *   - "may be null" is said where it holds; everything else must be non-null unless its size is zero.
 */
#ifndef SSM_H
#define SSM_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

typedef enum ssm_status {
  SSM_OK = 0,
  SSM_INVALID_ARGUMENT = 1,
  SSM_OUT_OF_MEMORY = 2,
  SSM_UNSUPPORTED_TARGET = 3
} ssm_status;

/* The version of this ABI; the JVM refuses a library of another version. */
int32_t ssm_abi_version(void);

/* The name of the instruction set in use: "x86-64-v2", "x86-64-v3", "x86-64-v4" or "generic". */
const char *ssm_target_name(void);

/*
 * Selects the instruction set by name, or the best one of this machine by "auto". SSM_UNSUPPORTED_TARGET if this
 * build or this processor does not have it; the selection is then unchanged. Call it before any kernel.
 */
int32_t ssm_target_select(const char *name);

/*
 * The kernels that the OpenBLAS loaded into this process uses, for example "SkylakeX"; "none" if there is no OpenBLAS,
 * "unknown" if it does not say.
 */
const char *ssm_blas_core_name(void);

/*
 * Truncated signatures of piecewise linear paths.
 *   values  [rows, channels]; sequence b is rows begin[b] .. end[b] (ranges may overlap: windows of one sequence)
 *   out     [batch, channels + channels^2 + ... + channels^depth]: without the leading 1, levels ascending, the words
 *           of a level in lexicographic order. A sequence of fewer than two rows has signature zero.
 * Two or more sequences of one call go side by side in vector lanes. With at most 100,000 words of the last level and
 * depth 8 (f64), 5 (f32) or 6 (f32, two channels), only the entries of Lyndon words are followed along the path, and
 * the others come from shuffle relations at its end. A sequence alone is computed directly, so it may differ by
 * rounding from the same sequence in a batch: by 1e-12 (f64), 2e-5 (f32) of the largest entry at most, as tested.
 * Working memory: that of the output of one vector of sequences (up to 16 rows) plus less than 1 MiB; the relations of
 * a shape are built at its first call and kept.
 */
int32_t ssm_signature_forward_f32(const float *values, const int64_t *begin, const int64_t *end, int64_t batch,
                                  int32_t channels, int32_t depth, float *out);
int32_t ssm_signature_forward_f64(const double *values, const int64_t *begin, const int64_t *end, int64_t batch,
                                  int32_t channels, int32_t depth, double *out);

/*
 * Gradients of signatures with respect to the paths.
 *   signature  [batch, width], what the forward function gave
 *   gradient   [batch, width], of a scalar with respect to it
 *   out        the layout of values; what each sequence gives is added to its rows
 * The signatures of the beginnings of a path are got back from the whole one by exp(-dx), step by step, so working
 * memory (twice that of the forward function) does not depend on the length. Tested to 1e-9 (f64), 2e-5 (f32; 2e-4 from
 * depth 9 on) of the sum of the magnitudes of a directional derivative's terms.
 */
int32_t ssm_signature_backward_f32(const float *values, const int64_t *begin, const int64_t *end, int64_t batch,
                                   int32_t channels, int32_t depth, const float *signature, const float *gradient,
                                   float *out);
int32_t ssm_signature_backward_f64(const double *values, const int64_t *begin, const int64_t *end, int64_t batch,
                                   int32_t channels, int32_t depth, const double *signature, const double *gradient,
                                   double *out);

/* The coordinates of a log-signature: its entries at all words, or at the Lyndon words by length, then alphabet. */
typedef enum ssm_log_basis { SSM_LOG_EXPANDED = 0, SSM_LOG_WORDS = 1 } ssm_log_basis;

/*
 * Log-signatures: log S = sum_k (-1)^(k+1) (S - 1)^k / k. Arguments as for signatures; out [batch, coordinates]. The
 * backward function needs no signatures: it computes them again.
 */
int32_t ssm_log_signature_forward_f32(const float *values, const int64_t *begin, const int64_t *end, int64_t batch,
                                      int32_t channels, int32_t depth, int32_t basis, float *out);
int32_t ssm_log_signature_backward_f32(const float *values, const int64_t *begin, const int64_t *end, int64_t batch,
                                       int32_t channels, int32_t depth, int32_t basis, const float *gradient,
                                       float *out);
int32_t ssm_log_signature_forward_f64(const double *values, const int64_t *begin, const int64_t *end, int64_t batch,
                                      int32_t channels, int32_t depth, int32_t basis, double *out);
int32_t ssm_log_signature_backward_f64(const double *values, const int64_t *begin, const int64_t *end, int64_t batch,
                                       int32_t channels, int32_t depth, int32_t basis, const double *gradient,
                                       double *out);

/* Which pairs of the paths x and y a signature kernel is computed for. */
typedef enum ssm_kernel_pairs {
  SSM_MATCHED_PAIRS = 0,  /* x_b with y_b; as many x as y; results [batch] */
  SSM_ALL_PAIRS = 1,      /* each x with each y; results [x_batch, y_batch] */
  SSM_SYMMETRIC_PAIRS = 2 /* the same where y is x: each pair is computed once */
} ssm_kernel_pairs;

typedef enum ssm_static_kernel {
  SSM_LINEAR_STATIC_KERNEL = 0, /* <a, b> */
  SSM_RBF_STATIC_KERNEL = 1     /* exp(-|a - b|^2 / sigma) */
} ssm_static_kernel;

/*
 * Signature kernels. With the second differences p_ij of the static kernel over the grid of both paths, every cell divided
 * into 2^q x 2^q of p / 4^q each (q the dyadic order, 0 to 10), and k_0j = k_i0 = 1,
 *   k_(i+1,j+1) = (k_(i+1,j) + k_(i,j+1)) (1 + p/2 + p^2/12) - k_ij (1 - p^2/12)
 * and the kernel is the last corner; 1 if a path has fewer than two rows.
 *   x, y    [rows, channels]; path b is rows begin[b] .. end[b]
 *   sigma   of the RBF static kernel, positive; ignored for the linear one
 * A result has the same bits whatever other pairs are computed with it, and whichever path is x.
 * Working memory: O(16 channels (length of x + length of y) + 16 length of y 2^q) elements.
 */
int32_t ssm_signature_kernel_forward_f32(const float *x, const int64_t *x_begin, const int64_t *x_end, int64_t x_batch,
                                         const float *y, const int64_t *y_begin, const int64_t *y_end, int64_t y_batch,
                                         int32_t pairs, int32_t channels, int32_t dyadic_order, int32_t static_kernel,
                                         double sigma, float *out);
int32_t ssm_signature_kernel_forward_f64(const double *x, const int64_t *x_begin, const int64_t *x_end, int64_t x_batch,
                                         const double *y, const int64_t *y_begin, const int64_t *y_end, int64_t y_batch,
                                         int32_t pairs, int32_t channels, int32_t dyadic_order, int32_t static_kernel,
                                         double sigma, double *out);

/*
 * Gradients of sum(out * out_gradient) with respect to the paths, ADDED to x_gradient and y_gradient, which are as x and
 * y. SSM_SYMMETRIC_PAIRS is computed as SSM_ALL_PAIRS: the gradient of a path is the sum of both.
 * Working memory: that of the forward pass and O(64 length of y 2^q sqrt(length of x 2^q)) elements.
 */
int32_t ssm_signature_kernel_backward_f32(const float *x, const int64_t *x_begin, const int64_t *x_end, int64_t x_batch,
                                          const float *y, const int64_t *y_begin, const int64_t *y_end,
                                          int64_t y_batch, int32_t pairs, int32_t channels, int32_t dyadic_order,
                                          int32_t static_kernel, double sigma, const float *out_gradient,
                                          float *x_gradient, float *y_gradient);
int32_t ssm_signature_kernel_backward_f64(const double *x, const int64_t *x_begin, const int64_t *x_end, int64_t x_batch,
                                          const double *y, const int64_t *y_begin, const int64_t *y_end,
                                          int64_t y_batch, int32_t pairs, int32_t channels, int32_t dyadic_order,
                                          int32_t static_kernel, double sigma, const double *out_gradient,
                                          double *x_gradient, double *y_gradient);

/* ------------------------------------------------------------------ kernels of models
 *
 * Matrices are row-major; NAME_stride is the distance of two successive rows in elements. The formulas are those of
 * org.sparkssm.kernel.Kernels, method by method. Outputs must not overlap inputs unless said otherwise. Parameter
 * gradients are added to, other outputs overwritten. Sums run in an order that depends on the shape alone.
 */

/* target = source. */
int32_t ssm_copy_f32(int64_t rows, int64_t columns, const float *source, int64_t source_stride, float *target,
                     int64_t target_stride);

int32_t ssm_fill_f32(int64_t rows, int64_t columns, float value, float *target, int64_t target_stride);

/* y += alpha x. */
int32_t ssm_add_scaled_f32(int64_t rows, int64_t columns, float alpha, const float *x, int64_t x_stride, float *y,
                           int64_t y_stride);

/* x[r, :] += bias. */
int32_t ssm_add_row_f32(int64_t rows, int64_t columns, const float *bias, float *x, int64_t x_stride);

/* sum += sum over rows of x. */
int32_t ssm_sum_rows_f32(int64_t rows, int64_t columns, const float *x, int64_t x_stride, float *sum);

/* *sum = sum of squares, in double precision. */
int32_t ssm_sum_of_squares_f32(int64_t rows, int64_t columns, const float *x, int64_t x_stride, double *sum);

typedef enum ssm_activation {
  SSM_ACTIVATION_NONE = 0,
  SSM_ACTIVATION_GELU = 1,
  SSM_ACTIVATION_SILU = 2,
  SSM_ACTIVATION_TANH = 3,
  SSM_ACTIVATION_RELU = 4,
  SSM_ACTIVATION_SIGMOID = 5,
  SSM_ACTIVATION_SOFTPLUS = 6
} ssm_activation;

/* y = activation(x); y may be x. */
int32_t ssm_activation_forward_f32(int32_t activation, int64_t rows, int64_t columns, const float *x, int64_t x_stride,
                                   float *y, int64_t y_stride);

/* dx = dy activation'(x); dx may be dy. */
int32_t ssm_activation_backward_f32(int32_t activation, int64_t rows, int64_t columns, const float *x, int64_t x_stride,
                                    const float *dy, int64_t dy_stride, float *dx, int64_t dx_stride);

/* y = x[:, :columns] sigmoid(x[:, columns:]); x has 2 columns, y columns of them. */
int32_t ssm_glu_forward_f32(int64_t rows, int64_t columns, const float *x, int64_t x_stride, float *y,
                            int64_t y_stride);

int32_t ssm_glu_backward_f32(int64_t rows, int64_t columns, const float *x, int64_t x_stride, const float *dy,
                             int64_t dy_stride, float *dx, int64_t dx_stride);

/* y = -exp(x). */
int32_t ssm_negative_exp_forward_f32(int64_t rows, int64_t columns, const float *x, int64_t x_stride, float *y,
                                     int64_t y_stride);

/* dx += dy y. */
int32_t ssm_negative_exp_backward_f32(int64_t rows, int64_t columns, const float *y, int64_t y_stride, const float *dy,
                                      int64_t dy_stride, float *dx, int64_t dx_stride);

/*
 * x[r, c] = 0 where the upper 24 bits of SplitMix64's mix of keys[r] + (c + 1) 0x9E3779B97F4A7C15 are below
 * threshold, else x scale.
 */
int32_t ssm_dropout_f32(int64_t rows, int64_t columns, int32_t threshold, float scale, const int64_t *keys, float *x,
                        int64_t x_stride);

/* y = x inverse gamma, inverse[r] = 1 / sqrt(mean of squares + epsilon). */
int32_t ssm_rms_norm_forward_f32(int64_t rows, int64_t columns, const float *x, int64_t x_stride, const float *gamma,
                                 double epsilon, float *y, int64_t y_stride, float *inverse, int64_t inverse_stride);

/* dgamma may be null; dx may be dy. */
int32_t ssm_rms_norm_backward_f32(int64_t rows, int64_t columns, const float *x, int64_t x_stride, const float *gamma,
                                  const float *inverse, int64_t inverse_stride, const float *dy, int64_t dy_stride,
                                  float *dx, int64_t dx_stride, float *dgamma);

/* statistics[r] = mean and 1 / sqrt(biased variance + epsilon). */
int32_t ssm_layer_norm_forward_f32(int64_t rows, int64_t columns, const float *x, int64_t x_stride, const float *gamma,
                                   const float *beta, double epsilon, float *y, int64_t y_stride, float *statistics,
                                   int64_t statistics_stride);

/* dgamma and dbeta may be null; dx may be dy. */
int32_t ssm_layer_norm_backward_f32(int64_t rows, int64_t columns, const float *x, int64_t x_stride, const float *gamma,
                                    const float *statistics, int64_t statistics_stride, const float *dy,
                                    int64_t dy_stride, float *dx, int64_t dx_stride, float *dgamma, float *dbeta);

/* y_l = x_l - x_{l-1} within each sequence; x_{-1} is the sequence's row of before, or 0 where that is null. */
int32_t ssm_difference_forward_f32(int64_t batch, const int32_t *offsets, int64_t columns, const float *x,
                                   int64_t x_stride, const float *before, int64_t before_stride, float *y,
                                   int64_t y_stride);

int32_t ssm_difference_backward_f32(int64_t batch, const int32_t *offsets, int64_t columns, const float *dy,
                                    int64_t dy_stride, float *dx, int64_t dx_stride);

/* y[b] = the last row of sequence b, 0 for an empty one. */
int32_t ssm_last_row_forward_f32(int64_t batch, const int32_t *offsets, int64_t columns, const float *x,
                                 int64_t x_stride, float *y, int64_t y_stride);

int32_t ssm_last_row_backward_f32(int64_t batch, const int32_t *offsets, int64_t columns, const float *dy,
                                  int64_t dy_stride, float *dx, int64_t dx_stride);

/* y[b] = the mean of the rows of sequence b, 0 for an empty one. */
int32_t ssm_mean_row_forward_f32(int64_t batch, const int32_t *offsets, int64_t columns, const float *x,
                                 int64_t x_stride, float *y, int64_t y_stride);

int32_t ssm_mean_row_backward_f32(int64_t batch, const int32_t *offsets, int64_t columns, const float *dy,
                                  int64_t dy_stride, float *dx, int64_t dx_stride);

/*
 * Depthwise causal convolution, weight [columns, width], the last tap on the current step; bias may be null; silu: 0
 * or 1, whether SiLU follows.
 */
int32_t ssm_causal_convolution_forward_f32(int64_t batch, const int32_t *offsets, int64_t columns, int64_t width,
                                           const float *x, int64_t x_stride, const float *weight, int64_t weight_stride,
                                           const float *bias, int32_t silu, float *y, int64_t y_stride);

/* dbias may be null. */
int32_t ssm_causal_convolution_backward_f32(int64_t batch, const int32_t *offsets, int64_t columns, int64_t width,
                                            const float *x, int64_t x_stride, const float *weight,
                                            int64_t weight_stride, const float *bias, int32_t silu, const float *dy,
                                            int64_t dy_stride, float *dx, int64_t dx_stride, float *dweight,
                                            int64_t dweight_stride, float *dbias);

/* y[r] = table[tokens[r]]; SSM_INVALID_ARGUMENT if a token is not in [0, vocabulary). */
int32_t ssm_embedding_forward_f32(int64_t rows, int64_t columns, int64_t vocabulary, const int32_t *tokens,
                                  const float *table, int64_t table_stride, float *y, int64_t y_stride);

/* dtable[tokens[r]] += dy[r], in row order. */
int32_t ssm_embedding_backward_f32(int64_t rows, int64_t columns, int64_t vocabulary, const int32_t *tokens,
                                   const float *dy, int64_t dy_stride, float *dtable, int64_t dtable_stride);

/* Steps between two states that a selective scan keeps for its backward. */
#define SSM_SELECTIVE_SCAN_CHUNK 16

/*
 * Selective scan S6, org.sparkssm.kernel.SelectiveScan: columns = D, states = N. delta_bias, skip, gate, initial, last
 * and kept may be null. initial and last are [batch, D N], rows of D blocks of N. kept takes D N numbers for every chunk
 * of SSM_SELECTIVE_SCAN_CHUNK steps that a sequence begins, in an order of its own, for the backward.
 * workspace: ssm_selective_scan_forward_workspace_f32(states) floats.
 */
int32_t ssm_selective_scan_forward_f32(int64_t batch, const int32_t *offsets, int64_t columns, int64_t states,
                                       const float *u, int64_t u_stride, const float *delta_raw,
                                       int64_t delta_raw_stride, const float *delta_bias, const float *a,
                                       int64_t a_stride, const float *b, int64_t b_stride, const float *c,
                                       int64_t c_stride, const float *skip, const float *gate, int64_t gate_stride,
                                       const float *initial, int64_t initial_stride, float *y, int64_t y_stride,
                                       float *last, int64_t last_stride, float *kept, float *workspace);

/*
 * dlast, ddelta_bias, dskip, dgate and dinitial may be null. States are recomputed in chunks: from kept, or where that
 * is null from the beginning first.
 * workspace: ssm_selective_scan_backward_workspace_f32(states, longest sequence, or 0 with kept) floats.
 */
int32_t ssm_selective_scan_backward_f32(
    int64_t batch, const int32_t *offsets, int64_t columns, int64_t states, const float *u, int64_t u_stride,
    const float *delta_raw, int64_t delta_raw_stride, const float *delta_bias, const float *a, int64_t a_stride,
    const float *b, int64_t b_stride, const float *c, int64_t c_stride, const float *skip, const float *gate,
    int64_t gate_stride, const float *initial, int64_t initial_stride, const float *dy, int64_t dy_stride,
    const float *dlast, int64_t dlast_stride, float *du, int64_t du_stride, float *ddelta_raw,
    int64_t ddelta_raw_stride, float *ddelta_bias, float *da, int64_t da_stride, float *db, int64_t db_stride,
    float *dc, int64_t dc_stride, float *dskip, float *dgate, int64_t dgate_stride, float *dinitial,
    int64_t dinitial_stride, const float *kept, float *workspace);

int64_t ssm_selective_scan_forward_workspace_f32(int64_t states);

int64_t ssm_selective_scan_backward_workspace_f32(int64_t states, int64_t longest);

/* The exponential solver is that of structured transitions; one block of N states is the dense one. */
typedef enum ssm_cde_solver { SSM_CDE_EULER = 0, SSM_CDE_RK4 = 1, SSM_CDE_EXPONENTIAL = 2 } ssm_cde_solver;

/*
 * Dense linear controlled differential equation, org.sparkssm.kernel.LinearCdeSolve: controls = W, states = N, drives
 * = X. a is [W N, N], dense. dxi and drive may be null together; initial, y and last may be null. The result of a
 * sequence does not depend on the others; A_i z is skipped where domega_i is 0.
 * workspace: ssm_linear_cde_workspace_f32(batch, controls, states, drives, 0) floats.
 */
int32_t ssm_linear_cde_forward_f32(int32_t solver, int64_t batch, const int32_t *offsets, int64_t controls,
                                   int64_t states, int64_t drives, const float *domega, int64_t domega_stride,
                                   const float *a, const float *dxi, int64_t dxi_stride, const float *drive,
                                   int64_t drive_stride, const float *initial, int64_t initial_stride, float *y,
                                   int64_t y_stride, float *last, int64_t last_stride, float *workspace);

/*
 * y as the forward wrote it. dy and dlast may be null, and every gradient but not all; da is dense and, like ddrive,
 * added to.
 * workspace: ssm_linear_cde_workspace_f32(batch, controls, states, drives, 1) floats.
 */
int32_t ssm_linear_cde_backward_f32(int32_t solver, int64_t batch, const int32_t *offsets, int64_t controls,
                                    int64_t states, int64_t drives, const float *domega, int64_t domega_stride,
                                    const float *a, const float *dxi, int64_t dxi_stride, const float *drive,
                                    int64_t drive_stride, const float *initial, int64_t initial_stride, const float *y,
                                    int64_t y_stride, const float *dy, int64_t dy_stride, const float *dlast,
                                    int64_t dlast_stride, float *ddomega, int64_t ddomega_stride, float *da,
                                    float *ddxi, int64_t ddxi_stride, float *ddrive, int64_t ddrive_stride,
                                    float *dinitial, int64_t dinitial_stride, float *workspace);

int64_t ssm_linear_cde_workspace_f32(int64_t batch, int64_t controls, int64_t states, int64_t drives,
                                     int32_t backward);

/* *sum = sum_r weights[r] sum_c (prediction - target)^2; dprediction, its gradient, may be null. */
int32_t ssm_squared_error_f32(int64_t rows, int64_t columns, const float *prediction, int64_t prediction_stride,
                              const float *target, int64_t target_stride, const float *weights, float *dprediction,
                              int64_t dprediction_stride, double *sum);

/*
 * *sum = sum_r weights[r] (-log softmax(logits[r])[targets[r]]); dlogits may be null. Rows of weight 0 are not looked
 * at; elsewhere a target outside [0, columns) is SSM_INVALID_ARGUMENT.
 */
int32_t ssm_softmax_cross_entropy_f32(int64_t rows, int64_t columns, const float *logits, int64_t logits_stride,
                                      const int32_t *targets, const float *weights, float *dlogits,
                                      int64_t dlogits_stride, double *sum);

/* Adam, or AdamW where decoupled is 1, on n dense elements; step counts from 1. */
int32_t ssm_adam_step_f32(int64_t n, double learning_rate, double beta1, double beta2, double epsilon,
                          double weight_decay, int32_t decoupled, int64_t step, float *parameters,
                          const float *gradient, float *m, float *v);

/* z = x y, element by element; z may be x or y. */
int32_t ssm_multiply_f32(int64_t rows, int64_t columns, const float *x, int64_t x_stride, const float *y,
                         int64_t y_stride, float *z, int64_t z_stride);

/* y[r, c] += gain[c] x[r, c]. */
int32_t ssm_add_scaled_columns_f32(int64_t rows, int64_t columns, const float *gain, const float *x, int64_t x_stride,
                                   float *y, int64_t y_stride);

/* sums[c] += sum over r of x[r, c] y[r, c]. */
int32_t ssm_sum_products_f32(int64_t rows, int64_t columns, const float *x, int64_t x_stride, const float *y,
                             int64_t y_stride, float *sums);

/*
 * Elementwise linear recurrence, org.sparkssm.kernel.DiagonalScan. complex, constant: 0 or 1; a complex row has its
 * real parts before its imaginary ones; where constant, a is one row. gain, initial and last may be null.
 */
int32_t ssm_diagonal_scan_forward_f32(int64_t batch, const int32_t *offsets, int64_t columns, int32_t complex,
                                      int32_t constant, const float *a, int64_t a_stride, const float *b,
                                      int64_t b_stride, const float *gain, const float *initial, int64_t initial_stride,
                                      float *h, int64_t h_stride, float *last, int64_t last_stride);

/*
 * h as the forward wrote it. dlast, da, dgain and dinitial may be null; da is added to where constant.
 * workspace: 3 columns floats.
 */
int32_t ssm_diagonal_scan_backward_f32(int64_t batch, const int32_t *offsets, int64_t columns, int32_t complex,
                                       int32_t constant, const float *a, int64_t a_stride, const float *b,
                                       int64_t b_stride, const float *gain, const float *initial,
                                       int64_t initial_stride, const float *h, int64_t h_stride, const float *dh,
                                       int64_t dh_stride, const float *dlast, int64_t dlast_stride, float *da,
                                       int64_t da_stride, float *db, int64_t db_stride, float *dgain, float *dinitial,
                                       int64_t dinitial_stride, float *workspace);

/*
 * Time-invariant diagonal state space per channel, org.sparkssm.kernel.S4dScan: columns = D, states = N complex ones.
 * skip, initial and last may be null. initial and last are [batch, D 2 N], rows of D blocks of 2 N.
 * workspace: ssm_s4d_scan_workspace_f32(states, longest sequence) floats.
 */
int32_t ssm_s4d_scan_forward_f32(int64_t batch, const int32_t *offsets, int64_t columns, int64_t states, const float *u,
                                 int64_t u_stride, const float *a_bar, int64_t a_bar_stride, const float *b_bar,
                                 int64_t b_bar_stride, const float *c, int64_t c_stride, const float *skip,
                                 const float *initial, int64_t initial_stride, float *y, int64_t y_stride, float *last,
                                 int64_t last_stride, float *workspace);

/* dlast, dskip and dinitial may be null. States are recomputed in chunks. */
int32_t ssm_s4d_scan_backward_f32(int64_t batch, const int32_t *offsets, int64_t columns, int64_t states,
                                  const float *u, int64_t u_stride, const float *a_bar, int64_t a_bar_stride,
                                  const float *b_bar, int64_t b_bar_stride, const float *c, int64_t c_stride,
                                  const float *skip, const float *initial, int64_t initial_stride, const float *dy,
                                  int64_t dy_stride, const float *dlast, int64_t dlast_stride, float *du,
                                  int64_t du_stride, float *da_bar, int64_t da_bar_stride, float *db_bar,
                                  int64_t db_bar_stride, float *dc, int64_t dc_stride, float *dskip, float *dinitial,
                                  int64_t dinitial_stride, float *workspace);

int64_t ssm_s4d_scan_workspace_f32(int64_t states, int64_t longest);

typedef enum ssm_discretization {
  SSM_DISCRETIZATION_ZERO_ORDER_HOLD = 0,
  SSM_DISCRETIZATION_BILINEAR = 1
} ssm_discretization;

/*
 * Diagonal transitions of a step exp(log_step), org.sparkssm.kernel.Discretization; per_row 1: log_step is [rows, 1],
 * else [rows, states]. a, a_bar and b_bar are [rows, 2 states], real parts first. Computed in double precision.
 */
int32_t ssm_discretize_forward_f32(int32_t rule, int64_t rows, int64_t states, const float *log_step,
                                   int64_t log_step_stride, int32_t per_row, const float *a, int64_t a_stride,
                                   float *a_bar, int64_t a_bar_stride, float *b_bar, int64_t b_bar_stride);

/* dlog_step and da are added to. */
int32_t ssm_discretize_backward_f32(int32_t rule, int64_t rows, int64_t states, const float *log_step,
                                    int64_t log_step_stride, int32_t per_row, const float *a, int64_t a_stride,
                                    const float *da_bar, int64_t da_bar_stride, const float *db_bar,
                                    int64_t db_bar_stride, float *dlog_step, int64_t dlog_step_stride, float *da,
                                    int64_t da_stride);

/*
 * Gated linear attention, org.sparkssm.kernel.GatedLinearAttention; keys and values are those of one head. phase,
 * initial and last may be null.
 * workspace: ssm_gated_linear_attention_forward_workspace_f32(keys, values, whether there is a phase) floats.
 */
int32_t ssm_gated_linear_attention_forward_f32(int64_t batch, const int32_t *offsets, int64_t heads, int64_t keys,
                                               int64_t values, const float *q, int64_t q_stride, const float *k,
                                               int64_t k_stride, const float *v, int64_t v_stride,
                                               const float *log_alpha, int64_t log_alpha_stride, const float *phase,
                                               int64_t phase_stride, const float *initial, int64_t initial_stride,
                                               float *o, int64_t o_stride, float *last, int64_t last_stride,
                                               float *workspace);

/*
 * phase and dphase come together; dlast and dinitial may be null. States are recomputed in chunks.
 * workspace: ssm_gated_linear_attention_backward_workspace_f32(keys, values, whether there is a phase, longest
 * sequence) floats.
 */
int32_t ssm_gated_linear_attention_backward_f32(int64_t batch, const int32_t *offsets, int64_t heads, int64_t keys,
                                                int64_t values, const float *q, int64_t q_stride, const float *k,
                                                int64_t k_stride, const float *v, int64_t v_stride,
                                                const float *log_alpha, int64_t log_alpha_stride, const float *phase,
                                                int64_t phase_stride, const float *initial, int64_t initial_stride,
                                                const float *d_o, int64_t d_o_stride, const float *dlast,
                                                int64_t dlast_stride, float *dq, int64_t dq_stride, float *dk,
                                                int64_t dk_stride, float *dv, int64_t dv_stride, float *dlog_alpha,
                                                int64_t dlog_alpha_stride, float *dphase, int64_t dphase_stride,
                                                float *dinitial, int64_t dinitial_stride, float *workspace);

int64_t ssm_gated_linear_attention_forward_workspace_f32(int64_t keys, int64_t values, int32_t complex);

int64_t ssm_gated_linear_attention_backward_workspace_f32(int64_t keys, int64_t values, int32_t complex,
                                                          int64_t longest);

/*
 * Delta rule, org.sparkssm.kernel.DeltaRule; keys and values are those of one head. log_alpha, initial and last may be
 * null.
 * workspace: ssm_delta_rule_forward_workspace_f32(keys) floats.
 */
int32_t ssm_delta_rule_forward_f32(int64_t batch, const int32_t *offsets, int64_t heads, int64_t keys, int64_t values,
                                   int64_t updates, const float *q, int64_t q_stride, const float *k, int64_t k_stride,
                                   const float *v, int64_t v_stride, const float *beta, int64_t beta_stride,
                                   const float *log_alpha, int64_t log_alpha_stride, const float *initial,
                                   int64_t initial_stride, float *o, int64_t o_stride, float *last, int64_t last_stride,
                                   float *workspace);

/*
 * log_alpha and dlog_alpha come together; dlast and dinitial may be null. States are recomputed in chunks.
 * workspace: ssm_delta_rule_backward_workspace_f32(keys, values, updates, longest sequence) floats.
 */
int32_t ssm_delta_rule_backward_f32(int64_t batch, const int32_t *offsets, int64_t heads, int64_t keys, int64_t values,
                                    int64_t updates, const float *q, int64_t q_stride, const float *k, int64_t k_stride,
                                    const float *v, int64_t v_stride, const float *beta, int64_t beta_stride,
                                    const float *log_alpha, int64_t log_alpha_stride, const float *initial,
                                    int64_t initial_stride, const float *d_o, int64_t d_o_stride, const float *dlast,
                                    int64_t dlast_stride, float *dq, int64_t dq_stride, float *dk, int64_t dk_stride,
                                    float *dv, int64_t dv_stride, float *dbeta, int64_t dbeta_stride, float *dlog_alpha,
                                    int64_t dlog_alpha_stride, float *dinitial, int64_t dinitial_stride,
                                    float *workspace);

int64_t ssm_delta_rule_forward_workspace_f32(int64_t keys);

int64_t ssm_delta_rule_backward_workspace_f32(int64_t keys, int64_t values, int64_t updates, int64_t longest);

typedef enum ssm_transition {
  SSM_TRANSITION_BLOCK_DIAGONAL = 0,
  SSM_TRANSITION_LOW_RANK = 1,
  SSM_TRANSITION_WALSH_HADAMARD = 2,
  SSM_TRANSITION_SPARSE = 3
} ssm_transition;

typedef enum ssm_cell { SSM_CELL_TANH = 0, SSM_CELL_LSTM = 1 } ssm_cell;

int64_t ssm_structured_cde_forward_workspace_f32(int64_t states, int64_t size, int64_t coefficients, int64_t controls);

/*
 * Structured linear controlled differential equation, org.sparkssm.kernel.StructuredCdeSolve: controls = W, states = N,
 * coefficients = P; size is the block size or the rank, else 0; row_begin and column may be null unless sparse. theta is
 * [W, P], dense. force, initial, y and last may be null.
 * workspace: ssm_structured_cde_forward_workspace_f32(...) floats.
 */
int32_t ssm_structured_cde_forward_f32(int32_t solver, int32_t structure, int64_t batch, const int32_t *offsets,
                                       int64_t controls, int64_t states, int64_t size, int64_t coefficients,
                                       const int32_t *row_begin, const int32_t *column, const float *domega,
                                       int64_t domega_stride, const float *theta, const float *force,
                                       int64_t force_stride, const float *initial, int64_t initial_stride, float *y,
                                       int64_t y_stride, float *last, int64_t last_stride, float *workspace);

int64_t ssm_structured_cde_backward_workspace_f32(int64_t states, int64_t size, int64_t coefficients, int64_t controls);

/*
 * dtheta is added to. dy, dlast, ddomega, dforce and dinitial may be null.
 * workspace: ssm_structured_cde_backward_workspace_f32(...) floats.
 */
int32_t ssm_structured_cde_backward_f32(int32_t solver, int32_t structure, int64_t batch, const int32_t *offsets,
                                        int64_t controls, int64_t states, int64_t size, int64_t coefficients,
                                        const int32_t *row_begin, const int32_t *column, const float *domega,
                                        int64_t domega_stride, const float *theta, const float *force,
                                        int64_t force_stride, const float *initial, int64_t initial_stride,
                                        const float *y, int64_t y_stride, const float *dy, int64_t dy_stride,
                                        const float *dlast, int64_t dlast_stride, float *ddomega,
                                        int64_t ddomega_stride, float *dtheta, float *dforce, int64_t dforce_stride,
                                        float *dinitial, int64_t dinitial_stride, float *workspace);

int64_t ssm_recurrent_scan_workspace_f32(int32_t cell, int64_t batch, int64_t hidden);

/*
 * Tanh recurrence and LSTM, org.sparkssm.kernel.RecurrentScan. weight is dense; initial, last, and saved without the LSTM
 * may be null. workspace: ssm_recurrent_scan_workspace_f32(...) floats, for both directions.
 */
int32_t ssm_recurrent_scan_forward_f32(int32_t cell, int64_t batch, const int32_t *offsets, int64_t hidden,
                                       const float *p, int64_t p_stride, const float *weight, const float *initial,
                                       int64_t initial_stride, float *h, int64_t h_stride, float *saved,
                                       int64_t saved_stride, float *last, int64_t last_stride, float *workspace);

/*
 * The gradient of the weight, dp^T h, is left to the caller. dlast and dinitial may be null.
 */
int32_t ssm_recurrent_scan_backward_f32(int32_t cell, int64_t batch, const int32_t *offsets, int64_t hidden,
                                        const float *weight, const float *initial, int64_t initial_stride,
                                        const float *h, int64_t h_stride, const float *saved, int64_t saved_stride,
                                        const float *dh, int64_t dh_stride, const float *dlast, int64_t dlast_stride,
                                        float *dp, int64_t dp_stride, float *dinitial, int64_t dinitial_stride,
                                        float *workspace);

int64_t ssm_causal_attention_workspace_f32(int64_t keys, int64_t values);

/*
 * Causal softmax attention, org.sparkssm.kernel.CausalAttention; keys and values are the sizes of one head.
 * workspace: ssm_causal_attention_workspace_f32(keys, values) floats, for both directions.
 */
int32_t ssm_causal_attention_forward_f32(int64_t batch, const int32_t *offsets, const int32_t *key_offsets,
                                         int64_t heads, int64_t keys, int64_t values, const float *q, int64_t q_stride,
                                         const float *k, int64_t k_stride, const float *v, int64_t v_stride, float *o,
                                         int64_t o_stride, float *log_sums, int64_t log_sums_stride, float *workspace);

int32_t ssm_causal_attention_backward_f32(int64_t batch, const int32_t *offsets, const int32_t *key_offsets,
                                          int64_t heads, int64_t keys, int64_t values, const float *q,
                                          int64_t q_stride, const float *k, int64_t k_stride, const float *v,
                                          int64_t v_stride, const float *o, int64_t o_stride, const float *log_sums,
                                          int64_t log_sums_stride, const float *d_o, int64_t d_o_stride, float *dq,
                                          int64_t dq_stride, float *dk, int64_t dk_stride, float *dv,
                                          int64_t dv_stride, float *workspace);

/*
 * Rotates pairs of columns (c, c + pairs) of every 2 pairs columns by the angles of their row's position; angles is
 * [positions, 2 pairs], cosines before sines; inverse: by the opposite angles. y may be x.
 */
int32_t ssm_rotate_f32(int64_t rows, int64_t columns, const int32_t *positions, int64_t pairs, const float *angles,
                       int64_t angles_stride, int32_t inverse, const float *x, int64_t x_stride, float *y,
                       int64_t y_stride);


/*
 * y = the rows of each sequence in reverse order.
 */
int32_t ssm_reverse_rows_f32(int64_t batch, const int32_t *offsets, int64_t columns, const float *x, int64_t x_stride,
                             float *y, int64_t y_stride);

/*
 * softplus(y) = duration softplus(x + bias); durations [rows, 1], above 0.
 */
int32_t ssm_stretched_step_forward_f32(int64_t rows, int64_t columns, const float *x, int64_t x_stride,
                                       const float *bias, const float *durations, int64_t durations_stride, float *y,
                                       int64_t y_stride);

int32_t ssm_stretched_step_backward_f32(int64_t rows, int64_t columns, const float *x, int64_t x_stride,
                                        const float *bias, const float *durations, int64_t durations_stride,
                                        const float *dy, int64_t dy_stride, float *dx, int64_t dx_stride);

/* ------------------------------------------------------------------ end of kernels of models */

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
