// The kernels of one instruction set as a table of functions; dispatch.cpp picks one table at run time.
#pragma once

#include "ssm.h"

struct ssm_target {
  const char *name;

  int32_t (*signature_forward_f32)(const float *values, const int64_t *begin, const int64_t *end,
                                   const int64_t *order, int64_t batch, int32_t channels, int32_t depth, float *out);
  int32_t (*signature_forward_f64)(const double *values, const int64_t *begin, const int64_t *end,
                                   const int64_t *order, int64_t batch, int32_t channels, int32_t depth,
                                   double *out);
};

// One definition each, from target.cpp compiled for that instruction set; null where this build lacks it.
extern "C" const ssm_target ssm_target_generic;
#ifdef SSM_X86
extern "C" const ssm_target ssm_target_v2;
extern "C" const ssm_target ssm_target_v3;
extern "C" const ssm_target ssm_target_v4;
#endif
