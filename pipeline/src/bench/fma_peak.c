/* The rate of fused multiply-adds of one core, in floating-point operations per second. */
#include <stddef.h>
#include <time.h>

#if defined(__AVX512F__)
#define BYTES 64
#elif defined(__AVX__)
#define BYTES 32
#else
#define BYTES 16
#endif
#define CHAINS 12 /* more than latency times width of any core so far, fewer than registers */

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec + 1e-9 * now.tv_nsec;
}

#define PEAK(name, T)                                                             \
  double name(void) {                                                             \
    typedef T vector __attribute__((vector_size(BYTES)));                         \
    const long rounds = 4000000;                                                  \
    double best = 0;                                                              \
    for (int attempt = 0; attempt < 10; ++attempt) {                              \
      vector sum[CHAINS], factor = (vector){} + (T)0.999, term = (vector){} + (T)0.001; \
      for (int i = 0; i < CHAINS; ++i) sum[i] = (vector){} + (T)i;                \
      const double start = seconds();                                             \
      for (long r = 0; r < rounds; ++r) {                                         \
        _Pragma("GCC unroll 12") for (int i = 0; i < CHAINS; ++i) {               \
          sum[i] = sum[i] * factor + term;                                        \
          __asm__ volatile("" : "+v"(sum[i]));                                    \
        }                                                                         \
      }                                                                           \
      const double rate = 2.0 * rounds * CHAINS * (BYTES / sizeof(T)) / (seconds() - start); \
      if (rate > best) best = rate;                                               \
    }                                                                             \
    return best;                                                                  \
  }

PEAK(fma_peak_f32, float)
PEAK(fma_peak_f64, double)
