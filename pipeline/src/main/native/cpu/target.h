// The kernels of one instruction set as a table of functions; dispatch.cpp picks one table at run time.
#pragma once

#include "ssm.h"

struct ssm_target {
  const char *name;
};

// One definition each, from target.cpp compiled for that instruction set; null where this build lacks it.
extern "C" const ssm_target ssm_target_generic;
#ifdef SSM_X86
extern "C" const ssm_target ssm_target_v2;
extern "C" const ssm_target ssm_target_v3;
extern "C" const ssm_target ssm_target_v4;
#endif
