#include <cstring>

#include "target.h"

namespace SSM_NAMESPACE {

int32_t reverse_rows_f32(int64_t batch, const int32_t *offsets, int64_t columns, const float *x, int64_t x_stride,
                         float *y, int64_t y_stride) {
  for (int64_t s = 0; s < batch; ++s)
    for (int64_t l = offsets[s]; l < offsets[s + 1]; ++l)
      std::memcpy(y + l * y_stride, x + (offsets[s] + offsets[s + 1] - 1 - l) * x_stride, columns * sizeof(float));
  return SSM_OK;
}

}  // namespace SSM_NAMESPACE
