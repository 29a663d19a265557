/*
 * The C ABI of the kernels for NVIDIA GPUs: every function the JVM calls, and nothing else.
 *
 * Conventions
 *   - A context is one stream on one device with its memory; it belongs to one thread at a time. Functions enqueue work
 *     and return; those that give numbers to the processor (read, read_totals) wait for it.
 *   - A matrix lies on the context's device, row-major, `stride` floats from row to row. An absent one (data is null)
 *     is allowed where "may be absent" is said. Structures of matrices mirror the records of org.sparkssm.kernel,
 *     member by member; their javadoc has the formulas, shapes and which members may be absent.
 *   - offsets, tokens, targets, keys, weights and positions are arrays of the processor; they are copied before the
 *     return, each for itself unless ssm_cuda_upload brought them.
 *   - A total is a number in double precision that an operation leaves on the device; its index is below SSM_CUDA_TOTALS.
 *   - Parameter gradients are added to, other outputs overwritten. Sums run in an order that depends on the shape
 *     alone and no operation is atomic: the same call gives the same bits.
 *   - Every function that can fail returns a status; ssm_cuda_error then has a sentence. No exception leaves the library.
 */
#ifndef SSM_CUDA_H
#define SSM_CUDA_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ssm_cuda_status {
  SSM_CUDA_OK = 0,
  SSM_CUDA_INVALID_ARGUMENT = 1,
  SSM_CUDA_OUT_OF_MEMORY = 2,
  SSM_CUDA_FAILED = 3
} ssm_cuda_status;

typedef struct ssm_cuda_context ssm_cuda_context;

typedef struct ssm_cuda_matrix {
  float *data;
  int64_t rows, columns, stride;
} ssm_cuda_matrix;

/* The version of this ABI; the JVM refuses a library of another version. */
int32_t ssm_cuda_abi_version(void);

/* Why the last call of this thread failed, in one sentence. */
const char *ssm_cuda_error(void);

/* *count = usable devices; fails where there is no driver or no device. */
int32_t ssm_cuda_device_count(int32_t *count);

/*
 * A context on device `device` that takes at most `memory_limit` bytes of it (0: as many as there are); tf32: 1 to let
 * matrix products round their operands to 10 bits, else 0.
 */
int32_t ssm_cuda_open(int32_t device, int64_t memory_limit, int32_t tf32, ssm_cuda_context **context);

void ssm_cuda_close(ssm_cuda_context *context);

/* The device, its compute capability, driver, runtime and what multiplies matrices; lives as long as the context. */
const char *ssm_cuda_description(const ssm_cuda_context *context);

/* Memory is a stack: what was taken since a mark is given back by going back to it. Pieces are aligned to 256 bytes. */
int32_t ssm_cuda_take(ssm_cuda_context *context, int64_t floats, float **address);
void ssm_cuda_mark(const ssm_cuda_context *context, int64_t mark[2]);
void ssm_cuda_back_to(ssm_cuda_context *context, const int64_t mark[2]);
/* Bytes of the device that the context holds. */
int64_t ssm_cuda_bytes(const ssm_cuda_context *context);

/* Between a dense array of the processor and a matrix, through pinned memory. */
int32_t ssm_cuda_write(ssm_cuda_context *context, const float *source, const ssm_cuda_matrix *target);
int32_t ssm_cuda_read(ssm_cuda_context *context, const ssm_cuda_matrix *source, float *target);

typedef enum ssm_cuda_piece_kind {
  SSM_CUDA_PIECE_MATRIX = 0, /* is read at its address */
  SSM_CUDA_PIECE_ARRAY = 1,
  SSM_CUDA_PIECE_OFFSETS = 2, /* with what the scans make of them */
  SSM_CUDA_PIECE_TOKENS = 3   /* with what the embedding's gradient makes of them */
} ssm_cuda_piece_kind;

/* What the words from `first` on are; first is a multiple of SSM_CUDA_PIECE_WORDS, vocabulary is that of tokens. */
#define SSM_CUDA_PIECE_WORDS 64
typedef struct ssm_cuda_piece {
  int64_t kind, first, words, vocabulary;
} ssm_cuda_piece;

/*
 * Brings `count` words of 32 bits to the device in one transfer; *address is that of the first. It is memory as that of
 * ssm_cuda_take. Until it is given back, operations that are given an array of the content of such a piece, or need what
 * is made of it, find it there.
 */
int32_t ssm_cuda_upload(ssm_cuda_context *context, const int32_t *words, int64_t count, const ssm_cuda_piece *pieces,
                        int64_t piece_count, float **address);

#define SSM_CUDA_TOTALS 1024
/* The first `count` totals, in one transfer. */
int32_t ssm_cuda_read_totals(ssm_cuda_context *context, int64_t count, double *values);

/*
 * What went between the processor and the device since the context was opened: transfers to the device, their bytes,
 * transfers from the device, their bytes.
 */
void ssm_cuda_transfers(const ssm_cuda_context *context, int64_t counts[4]);

/* Waits for all that was enqueued. */
int32_t ssm_cuda_synchronize(ssm_cuda_context *context);

/* c = alpha op(a) op(b) + beta c. */
int32_t ssm_cuda_gemm(ssm_cuda_context *context, int32_t transpose_a, int32_t transpose_b, float alpha,
                      const ssm_cuda_matrix *a, const ssm_cuda_matrix *b, float beta, const ssm_cuda_matrix *c);

int32_t ssm_cuda_copy(ssm_cuda_context *context, const ssm_cuda_matrix *source, const ssm_cuda_matrix *target);
int32_t ssm_cuda_fill(ssm_cuda_context *context, const ssm_cuda_matrix *target, float value);
int32_t ssm_cuda_add_scaled(ssm_cuda_context *context, float alpha, const ssm_cuda_matrix *x, const ssm_cuda_matrix *y);
int32_t ssm_cuda_add_row(ssm_cuda_context *context, const ssm_cuda_matrix *bias, const ssm_cuda_matrix *x);
int32_t ssm_cuda_sum_rows(ssm_cuda_context *context, const ssm_cuda_matrix *dy, const ssm_cuda_matrix *dbias);
int32_t ssm_cuda_multiply(ssm_cuda_context *context, const ssm_cuda_matrix *x, const ssm_cuda_matrix *y,
                          const ssm_cuda_matrix *z);
int32_t ssm_cuda_add_scaled_columns(ssm_cuda_context *context, const ssm_cuda_matrix *gain, const ssm_cuda_matrix *x,
                                    const ssm_cuda_matrix *y);
int32_t ssm_cuda_sum_products(ssm_cuda_context *context, const ssm_cuda_matrix *x, const ssm_cuda_matrix *y,
                              const ssm_cuda_matrix *sums);
int32_t ssm_cuda_sum_of_squares(ssm_cuda_context *context, const ssm_cuda_matrix *x, int32_t total);

/* Numbered as in ssm.h. */
typedef enum ssm_cuda_activation {
  SSM_CUDA_ACTIVATION_NONE = 0,
  SSM_CUDA_ACTIVATION_GELU = 1,
  SSM_CUDA_ACTIVATION_SILU = 2,
  SSM_CUDA_ACTIVATION_TANH = 3,
  SSM_CUDA_ACTIVATION_RELU = 4,
  SSM_CUDA_ACTIVATION_SIGMOID = 5,
  SSM_CUDA_ACTIVATION_SOFTPLUS = 6
} ssm_cuda_activation;

int32_t ssm_cuda_activation_forward(ssm_cuda_context *context, int32_t activation, const ssm_cuda_matrix *x,
                                    const ssm_cuda_matrix *y);
int32_t ssm_cuda_activation_backward(ssm_cuda_context *context, int32_t activation, const ssm_cuda_matrix *x,
                                     const ssm_cuda_matrix *dy, const ssm_cuda_matrix *dx);
int32_t ssm_cuda_glu_forward(ssm_cuda_context *context, const ssm_cuda_matrix *x, const ssm_cuda_matrix *y);
int32_t ssm_cuda_glu_backward(ssm_cuda_context *context, const ssm_cuda_matrix *x, const ssm_cuda_matrix *dy,
                              const ssm_cuda_matrix *dx);
int32_t ssm_cuda_negative_exp_forward(ssm_cuda_context *context, const ssm_cuda_matrix *x, const ssm_cuda_matrix *y);
int32_t ssm_cuda_negative_exp_backward(ssm_cuda_context *context, const ssm_cuda_matrix *y, const ssm_cuda_matrix *dy,
                                       const ssm_cuda_matrix *dx);
int32_t ssm_cuda_stretched_step_forward(ssm_cuda_context *context, const ssm_cuda_matrix *x,
                                        const ssm_cuda_matrix *bias, const ssm_cuda_matrix *durations,
                                        const ssm_cuda_matrix *y);
int32_t ssm_cuda_stretched_step_backward(ssm_cuda_context *context, const ssm_cuda_matrix *x,
                                         const ssm_cuda_matrix *bias, const ssm_cuda_matrix *durations,
                                         const ssm_cuda_matrix *dy, const ssm_cuda_matrix *dx);
/* As ssm_dropout_f32 of ssm.h. */
int32_t ssm_cuda_dropout(ssm_cuda_context *context, int32_t threshold, float scale, const int64_t *keys,
                         const ssm_cuda_matrix *x);
/* As ssm_rotate_f32 of ssm.h. */
int32_t ssm_cuda_rotate(ssm_cuda_context *context, const int32_t *positions, const ssm_cuda_matrix *angles,
                        int32_t inverse, const ssm_cuda_matrix *x, const ssm_cuda_matrix *y);

int32_t ssm_cuda_rms_norm_forward(ssm_cuda_context *context, const ssm_cuda_matrix *x, const ssm_cuda_matrix *gamma,
                                  double epsilon, const ssm_cuda_matrix *y, const ssm_cuda_matrix *inverse);
int32_t ssm_cuda_rms_norm_backward(ssm_cuda_context *context, const ssm_cuda_matrix *x, const ssm_cuda_matrix *gamma,
                                   const ssm_cuda_matrix *inverse, const ssm_cuda_matrix *dy, const ssm_cuda_matrix *dx,
                                   const ssm_cuda_matrix *dgamma);
int32_t ssm_cuda_layer_norm_forward(ssm_cuda_context *context, const ssm_cuda_matrix *x, const ssm_cuda_matrix *gamma,
                                    const ssm_cuda_matrix *beta, double epsilon, const ssm_cuda_matrix *y,
                                    const ssm_cuda_matrix *statistics);
int32_t ssm_cuda_layer_norm_backward(ssm_cuda_context *context, const ssm_cuda_matrix *x, const ssm_cuda_matrix *gamma,
                                     const ssm_cuda_matrix *statistics, const ssm_cuda_matrix *dy,
                                     const ssm_cuda_matrix *dx, const ssm_cuda_matrix *dgamma,
                                     const ssm_cuda_matrix *dbeta);

/* before may be absent. */
int32_t ssm_cuda_difference_forward(ssm_cuda_context *context, int64_t batch, const int32_t *offsets,
                                    const ssm_cuda_matrix *x, const ssm_cuda_matrix *before, const ssm_cuda_matrix *y);
int32_t ssm_cuda_difference_backward(ssm_cuda_context *context, int64_t batch, const int32_t *offsets,
                                     const ssm_cuda_matrix *dy, const ssm_cuda_matrix *dx);
int32_t ssm_cuda_reverse_rows(ssm_cuda_context *context, int64_t batch, const int32_t *offsets,
                              const ssm_cuda_matrix *x, const ssm_cuda_matrix *y);
int32_t ssm_cuda_last_row_forward(ssm_cuda_context *context, int64_t batch, const int32_t *offsets,
                                  const ssm_cuda_matrix *x, const ssm_cuda_matrix *y);
int32_t ssm_cuda_last_row_backward(ssm_cuda_context *context, int64_t batch, const int32_t *offsets,
                                   const ssm_cuda_matrix *dy, const ssm_cuda_matrix *dx);
int32_t ssm_cuda_mean_row_forward(ssm_cuda_context *context, int64_t batch, const int32_t *offsets,
                                  const ssm_cuda_matrix *x, const ssm_cuda_matrix *y);
int32_t ssm_cuda_mean_row_backward(ssm_cuda_context *context, int64_t batch, const int32_t *offsets,
                                   const ssm_cuda_matrix *dy, const ssm_cuda_matrix *dx);
/* bias and dbias may be absent; silu: 0 or 1. */
int32_t ssm_cuda_causal_convolution_forward(ssm_cuda_context *context, int64_t batch, const int32_t *offsets,
                                            const ssm_cuda_matrix *x, const ssm_cuda_matrix *weight,
                                            const ssm_cuda_matrix *bias, int32_t silu, const ssm_cuda_matrix *y);
int32_t ssm_cuda_causal_convolution_backward(ssm_cuda_context *context, int64_t batch, const int32_t *offsets,
                                             const ssm_cuda_matrix *x, const ssm_cuda_matrix *weight,
                                             const ssm_cuda_matrix *bias, int32_t silu, const ssm_cuda_matrix *dy,
                                             const ssm_cuda_matrix *dx, const ssm_cuda_matrix *dweight,
                                             const ssm_cuda_matrix *dbias);
/* SSM_CUDA_INVALID_ARGUMENT if a token is not in [0, rows of the table). */
int32_t ssm_cuda_embedding_forward(ssm_cuda_context *context, const int32_t *tokens, const ssm_cuda_matrix *table,
                                   const ssm_cuda_matrix *y);
int32_t ssm_cuda_embedding_backward(ssm_cuda_context *context, const int32_t *tokens, const ssm_cuda_matrix *dy,
                                    const ssm_cuda_matrix *dtable);

/* Steps between two states that a selective scan keeps for its backward. */
#define SSM_CUDA_SELECTIVE_SCAN_CHUNK 16

/* org.sparkssm.kernel.SelectiveScan; states of up to 256. */
typedef struct ssm_cuda_selective_scan {
  ssm_cuda_matrix u, delta_raw, delta_bias, a, b, c, skip, gate, initial, y, last, kept;
} ssm_cuda_selective_scan;
typedef struct ssm_cuda_selective_scan_gradients {
  ssm_cuda_matrix dy, dlast, du, ddelta_raw, ddelta_bias, da, db, dc, dskip, dgate, dinitial;
} ssm_cuda_selective_scan_gradients;
int32_t ssm_cuda_selective_scan_forward(ssm_cuda_context *context, int64_t batch, const int32_t *offsets,
                                        const ssm_cuda_selective_scan *scan);
int32_t ssm_cuda_selective_scan_backward(ssm_cuda_context *context, int64_t batch, const int32_t *offsets,
                                         const ssm_cuda_selective_scan *scan,
                                         const ssm_cuda_selective_scan_gradients *gradients);

/* org.sparkssm.kernel.LinearCdeSolve; the solver as in ssm.h, Euler or RK4. */
typedef struct ssm_cuda_linear_cde {
  ssm_cuda_matrix domega, a, dxi, drive, initial, y, last;
} ssm_cuda_linear_cde;
typedef struct ssm_cuda_linear_cde_gradients {
  ssm_cuda_matrix dy, dlast, ddomega, da, ddxi, ddrive, dinitial;
} ssm_cuda_linear_cde_gradients;
int32_t ssm_cuda_linear_cde_forward(ssm_cuda_context *context, int32_t solver, int64_t batch, const int32_t *offsets,
                                    const ssm_cuda_linear_cde *solve);
int32_t ssm_cuda_linear_cde_backward(ssm_cuda_context *context, int32_t solver, int64_t batch, const int32_t *offsets,
                                     const ssm_cuda_linear_cde *solve, const ssm_cuda_linear_cde_gradients *gradients);

/* org.sparkssm.kernel.DiagonalScan; complex, constant: 0 or 1. */
typedef struct ssm_cuda_diagonal_scan {
  ssm_cuda_matrix a, b, gain, initial, h, last;
} ssm_cuda_diagonal_scan;
typedef struct ssm_cuda_diagonal_scan_gradients {
  ssm_cuda_matrix dh, dlast, da, db, dgain, dinitial;
} ssm_cuda_diagonal_scan_gradients;
int32_t ssm_cuda_diagonal_scan_forward(ssm_cuda_context *context, int64_t batch, const int32_t *offsets,
                                       int32_t complex, int32_t constant, const ssm_cuda_diagonal_scan *scan);
int32_t ssm_cuda_diagonal_scan_backward(ssm_cuda_context *context, int64_t batch, const int32_t *offsets,
                                        int32_t complex, int32_t constant, const ssm_cuda_diagonal_scan *scan,
                                        const ssm_cuda_diagonal_scan_gradients *gradients);

/* org.sparkssm.kernel.S4dScan; complex states of up to 256. */
typedef struct ssm_cuda_s4d_scan {
  ssm_cuda_matrix u, a_bar, b_bar, c, skip, initial, y, last;
} ssm_cuda_s4d_scan;
typedef struct ssm_cuda_s4d_scan_gradients {
  ssm_cuda_matrix dy, dlast, du, da_bar, db_bar, dc, dskip, dinitial;
} ssm_cuda_s4d_scan_gradients;
int32_t ssm_cuda_s4d_scan_forward(ssm_cuda_context *context, int64_t batch, const int32_t *offsets,
                                  const ssm_cuda_s4d_scan *scan);
int32_t ssm_cuda_s4d_scan_backward(ssm_cuda_context *context, int64_t batch, const int32_t *offsets,
                                   const ssm_cuda_s4d_scan *scan, const ssm_cuda_s4d_scan_gradients *gradients);

/* org.sparkssm.kernel.Kernels.discretizeForward; the rule as in ssm.h. */
int32_t ssm_cuda_discretize_forward(ssm_cuda_context *context, int32_t rule, const ssm_cuda_matrix *log_step,
                                    const ssm_cuda_matrix *a, const ssm_cuda_matrix *a_bar,
                                    const ssm_cuda_matrix *b_bar);
int32_t ssm_cuda_discretize_backward(ssm_cuda_context *context, int32_t rule, const ssm_cuda_matrix *log_step,
                                     const ssm_cuda_matrix *a, const ssm_cuda_matrix *da_bar,
                                     const ssm_cuda_matrix *db_bar, const ssm_cuda_matrix *dlog_step,
                                     const ssm_cuda_matrix *da);

/* org.sparkssm.kernel.GatedLinearAttention. */
typedef struct ssm_cuda_gated_linear_attention {
  ssm_cuda_matrix q, k, v, log_alpha, phase, initial, o, last;
} ssm_cuda_gated_linear_attention;
typedef struct ssm_cuda_gated_linear_attention_gradients {
  ssm_cuda_matrix d_o, dlast, dq, dk, dv, dlog_alpha, dphase, dinitial;
} ssm_cuda_gated_linear_attention_gradients;
int32_t ssm_cuda_gated_linear_attention_forward(ssm_cuda_context *context, int64_t batch, const int32_t *offsets,
                                                int64_t heads, const ssm_cuda_gated_linear_attention *scan);
int32_t ssm_cuda_gated_linear_attention_backward(ssm_cuda_context *context, int64_t batch, const int32_t *offsets,
                                                 int64_t heads, const ssm_cuda_gated_linear_attention *scan,
                                                 const ssm_cuda_gated_linear_attention_gradients *gradients);

/* org.sparkssm.kernel.DeltaRule. */
typedef struct ssm_cuda_delta_rule {
  ssm_cuda_matrix q, k, v, beta, log_alpha, initial, o, last;
} ssm_cuda_delta_rule;
typedef struct ssm_cuda_delta_rule_gradients {
  ssm_cuda_matrix d_o, dlast, dq, dk, dv, dbeta, dlog_alpha, dinitial;
} ssm_cuda_delta_rule_gradients;
int32_t ssm_cuda_delta_rule_forward(ssm_cuda_context *context, int64_t batch, const int32_t *offsets, int64_t heads,
                                    int64_t updates, const ssm_cuda_delta_rule *rule);
int32_t ssm_cuda_delta_rule_backward(ssm_cuda_context *context, int64_t batch, const int32_t *offsets, int64_t heads,
                                     int64_t updates, const ssm_cuda_delta_rule *rule,
                                     const ssm_cuda_delta_rule_gradients *gradients);

/*
 * org.sparkssm.kernel.StructuredCdeSolve; solver, structure, states and size as in ssm.h. row_begin (states + 1) and
 * column are arrays of the processor, null unless sparse.
 */
typedef struct ssm_cuda_structured_cde {
  ssm_cuda_matrix domega, coefficients, force, initial, y, last;
} ssm_cuda_structured_cde;
typedef struct ssm_cuda_structured_cde_gradients {
  ssm_cuda_matrix dy, dlast, ddomega, dcoefficients, dforce, dinitial;
} ssm_cuda_structured_cde_gradients;
int32_t ssm_cuda_structured_cde_forward(ssm_cuda_context *context, int32_t solver, int32_t structure, int64_t states,
                                        int64_t size, const int32_t *row_begin, const int32_t *column, int64_t batch,
                                        const int32_t *offsets, const ssm_cuda_structured_cde *solve);
int32_t ssm_cuda_structured_cde_backward(ssm_cuda_context *context, int32_t solver, int32_t structure, int64_t states,
                                         int64_t size, const int32_t *row_begin, const int32_t *column, int64_t batch,
                                         const int32_t *offsets, const ssm_cuda_structured_cde *solve,
                                         const ssm_cuda_structured_cde_gradients *gradients);

/* org.sparkssm.kernel.RecurrentScan; the cell as in ssm.h. */
typedef struct ssm_cuda_recurrent_scan {
  ssm_cuda_matrix p, weight, initial, h, saved, last;
} ssm_cuda_recurrent_scan;
typedef struct ssm_cuda_recurrent_scan_gradients {
  ssm_cuda_matrix dh, dlast, dp, dweight, dinitial;
} ssm_cuda_recurrent_scan_gradients;
int32_t ssm_cuda_recurrent_scan_forward(ssm_cuda_context *context, int32_t cell, int64_t batch, const int32_t *offsets,
                                        const ssm_cuda_recurrent_scan *scan);
int32_t ssm_cuda_recurrent_scan_backward(ssm_cuda_context *context, int32_t cell, int64_t batch,
                                         const int32_t *offsets, const ssm_cuda_recurrent_scan *scan,
                                         const ssm_cuda_recurrent_scan_gradients *gradients);

/* org.sparkssm.kernel.CausalAttention. */
typedef struct ssm_cuda_causal_attention {
  ssm_cuda_matrix q, k, v, o, log_sums;
} ssm_cuda_causal_attention;
typedef struct ssm_cuda_causal_attention_gradients {
  ssm_cuda_matrix d_o, dq, dk, dv;
} ssm_cuda_causal_attention_gradients;
int32_t ssm_cuda_causal_attention_forward(ssm_cuda_context *context, int64_t batch, const int32_t *offsets,
                                          const int32_t *key_offsets, int64_t heads,
                                          const ssm_cuda_causal_attention *attention);
int32_t ssm_cuda_causal_attention_backward(ssm_cuda_context *context, int64_t batch, const int32_t *offsets,
                                           const int32_t *key_offsets, int64_t heads,
                                           const ssm_cuda_causal_attention *attention,
                                           const ssm_cuda_causal_attention_gradients *gradients);

/* dprediction and dlogits may be absent. */
int32_t ssm_cuda_squared_error(ssm_cuda_context *context, const ssm_cuda_matrix *prediction,
                               const ssm_cuda_matrix *target, const float *weights, const ssm_cuda_matrix *dprediction,
                               int32_t total);
/* As ssm_softmax_cross_entropy_f32 of ssm.h. */
int32_t ssm_cuda_softmax_cross_entropy(ssm_cuda_context *context, const ssm_cuda_matrix *logits, const int32_t *targets,
                                       const float *weights, const ssm_cuda_matrix *dlogits, int32_t total);
int32_t ssm_cuda_adam_step(ssm_cuda_context *context, double learning_rate, double beta1, double beta2, double epsilon,
                           double weight_decay, int32_t decoupled, int64_t step, const ssm_cuda_matrix *parameters,
                           const ssm_cuda_matrix *gradient, const ssm_cuda_matrix *m, const ssm_cuda_matrix *v);

#ifdef __cplusplus
}
#endif

#endif
