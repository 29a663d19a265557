// What the tests without a JVM share.
#pragma once

#include <cstdint>
#include <cstdio>

#include "ssm_cuda.h"

// Opens the first GPU and says which; null where there is none, then with the status that the test is to end with.
inline ssm_cuda_context *open_device(int *status) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  int32_t count = 0;
  if (ssm_cuda_device_count(&count) != 0) {
    std::printf("skipped: %s\n", ssm_cuda_error());
    *status = 77;
    return nullptr;
  }
  ssm_cuda_context *context = nullptr;
  if (ssm_cuda_open(0, 0, 0, &context) != 0) {
    std::printf("%s\n", ssm_cuda_error());
    *status = 1;
    return nullptr;
  }
  std::printf("%s\n", ssm_cuda_description(context));
  return context;
}

// Rows of the states that a selective scan keeps.
inline int64_t kept_rows(int64_t batch, const int32_t *offsets) {
  int64_t rows = 0;
  for (int64_t s = 0; s < batch; ++s)
    rows += (offsets[s + 1] - offsets[s] + SSM_CUDA_SELECTIVE_SCAN_CHUNK - 1) / SSM_CUDA_SELECTIVE_SCAN_CHUNK;
  return rows;
}
