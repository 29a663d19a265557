// Structured Linear CDEs, for linear_cde.cu too.
#pragma once

#include "context.h"

namespace ssm {
namespace structured_cde {

constexpr int32_t kBlockDiagonal = 0, kLowRank = 1, kWalshHadamard = 2, kSparse = 3;

struct Shape {
  int32_t solver, structure;
  int64_t states, size;
  const int32_t *row_begin, *column;  // of the processor
};

void forward(ssm_cuda_context &context, const Shape &shape, int64_t batch, const int32_t *offsets,
             const ssm_cuda_structured_cde &x);

void backward(ssm_cuda_context &context, const Shape &shape, int64_t batch, const int32_t *offsets,
              const ssm_cuda_structured_cde &x, const ssm_cuda_structured_cde_gradients &g);

}  // namespace structured_cde
}  // namespace ssm
