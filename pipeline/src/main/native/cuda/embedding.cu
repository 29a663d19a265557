// Rows of a table chosen by tokens.
#include "launch.h"
#include "rows_by_token.h"

using namespace ssm;

extern "C" {

int32_t ssm_cuda_embedding_forward(ssm_cuda_context *context, const int32_t *tokens, const ssm_cuda_matrix *table,
                                   const ssm_cuda_matrix *y) try {
  expect_shape("embedding_forward", "table", *table, table->rows, y->columns);
  for (int64_t r = 0; r < y->rows; ++r)
    expect(tokens[r] >= 0 && tokens[r] < table->rows, "embedding_forward", "a token is outside the table");
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

int32_t ssm_cuda_embedding_backward(ssm_cuda_context *context, const int32_t *tokens, const ssm_cuda_matrix *dy,
                                    const ssm_cuda_matrix *dtable) try {
  const int64_t rows = dy->rows, vocabulary = dtable->rows;
  expect_shape("embedding_backward", "dtable", *dtable, vocabulary, dy->columns);
  const RowsByToken order("embedding_backward", tokens, rows, vocabulary);
  Scratch scratch(*context);
  const int32_t *const first = scratch.upload(order.first.data(), vocabulary + 1);
  const int32_t *const sorted = scratch.upload(order.sorted.data(), rows);
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
