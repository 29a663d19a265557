// Rows of a table chosen by tokens.
#include <vector>

#include "launch.h"

using namespace ssm;

namespace {

void expect_inside(const char *operation, const int32_t *tokens, int64_t rows, int64_t vocabulary) {
  for (int64_t r = 0; r < rows; ++r)
    expect(tokens[r] >= 0 && tokens[r] < vocabulary, operation, "a token is outside the table");
}

}  // namespace

extern "C" {

int32_t ssm_cuda_embedding_forward(ssm_cuda_context *context, const int32_t *tokens, const ssm_cuda_matrix *table,
                                   const ssm_cuda_matrix *y) try {
  expect_shape("embedding_forward", "table", *table, table->rows, y->columns);
  expect_inside("embedding_forward", tokens, y->rows, table->rows);
  Scratch scratch(*context);
  const int32_t *const chosen = scratch.upload(tokens, y->rows);
  for_each_element(*context, y->rows, y->columns,
                   [=, table = *table, y = *y] __device__(int64_t r, int64_t c) {
                     at(y, r, c) = at(table, chosen[r], c);
                   });
  return SSM_CUDA_OK;
} catch (...) {
  return status_of_exception();
}

// Rows are sorted by token on the processor, so that each row of the gradient is one sum in row order.
int32_t ssm_cuda_embedding_backward(ssm_cuda_context *context, const int32_t *tokens, const ssm_cuda_matrix *dy,
                                    const ssm_cuda_matrix *dtable) try {
  const int64_t rows = dy->rows, vocabulary = dtable->rows;
  expect_shape("embedding_backward", "dtable", *dtable, vocabulary, dy->columns);
  expect_inside("embedding_backward", tokens, rows, vocabulary);
  std::vector<int32_t> begin(static_cast<size_t>(vocabulary) + 1, 0), order(static_cast<size_t>(rows));
  for (int64_t r = 0; r < rows; ++r) ++begin[static_cast<size_t>(tokens[r]) + 1];
  for (size_t t = 0; t + 1 < begin.size(); ++t) begin[t + 1] += begin[t];
  std::vector<int32_t> next(begin.begin(), begin.end() - 1);
  for (int64_t r = 0; r < rows; ++r)
    order[static_cast<size_t>(next[static_cast<size_t>(tokens[r])]++)] = static_cast<int32_t>(r);
  Scratch scratch(*context);
  const int32_t *const first = scratch.upload(begin.data(), vocabulary + 1);
  const int32_t *const sorted = scratch.upload(order.data(), rows);
  for_each_element(*context, vocabulary, dy->columns,
                   [=, dy = *dy, dtable = *dtable] __device__(int64_t t, int64_t c) {
                     float sum = 0;
                     for (int32_t i = first[t]; i < first[t + 1]; ++i) sum += at(dy, sorted[i], c);
                     at(dtable, t, c) += sum;
                   });
  return SSM_CUDA_OK;
} catch (...) {
  return status_of_exception();
}

}  // extern "C"
