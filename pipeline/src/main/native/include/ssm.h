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
 * Truncated signatures of piecewise linear paths.
 *   values  [rows, channels]; sequence b is rows begin[b] .. end[b] (ranges may overlap: windows of one sequence)
 *   out     [batch, channels + channels^2 + ... + channels^depth]: without the leading 1, levels ascending, the words
 *           of a level in lexicographic order. A sequence of fewer than two rows has signature zero.
 * Working memory: that of the output of one vector of sequences (up to 16 rows) plus less than 1 MiB.
 */
int32_t ssm_signature_forward_f32(const float *values, const int64_t *begin, const int64_t *end, int64_t batch,
                                  int32_t channels, int32_t depth, float *out);
int32_t ssm_signature_forward_f64(const double *values, const int64_t *begin, const int64_t *end, int64_t batch,
                                  int32_t channels, int32_t depth, double *out);

#ifdef __cplusplus
}
#endif

#endif
