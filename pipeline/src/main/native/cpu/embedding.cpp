// Rows of a table chosen by tokens.
#include <cstring>

#include "rows.h"
#include "target.h"

namespace SSM_NAMESPACE {
namespace {

bool inside(int64_t rows, int64_t vocabulary, const int32_t *tokens) {
  for (int64_t r = 0; r < rows; ++r)
    if (tokens[r] < 0 || tokens[r] >= vocabulary) return false;
  return true;
}

}  // namespace

int32_t embedding_forward_f32(int64_t rows, int64_t columns, int64_t vocabulary, const int32_t *tokens,
                              const float *table, int64_t table_stride, float *y, int64_t y_stride) {
  if (!inside(rows, vocabulary, tokens)) return SSM_INVALID_ARGUMENT;
  for (int64_t r = 0; r < rows; ++r)
    if (columns > 0) std::memcpy(y + r * y_stride, table + tokens[r] * table_stride, columns * sizeof(float));
  return SSM_OK;
}

int32_t embedding_backward_f32(int64_t rows, int64_t columns, int64_t vocabulary, const int32_t *tokens,
                               const float *dy, int64_t dy_stride, float *dtable, int64_t dtable_stride) {
  if (!inside(rows, vocabulary, tokens)) return SSM_INVALID_ARGUMENT;
  for (int64_t r = 0; r < rows; ++r) {
    float *row = dtable + tokens[r] * dtable_stride;
    map_rows(1, columns, dy + r * dy_stride, 0, row, 0, row, 0, [](Floats a, Floats b) { return a + b; });
  }
  return SSM_OK;
}

}  // namespace SSM_NAMESPACE
