// Operations along the rows of packed sequences.
#include <cstring>

#include "rows.h"
#include "target.h"

namespace SSM_NAMESPACE {
namespace {

void zero_rows(float *x, int64_t stride, int64_t begin, int64_t end, int64_t columns) {
  for (int64_t r = begin; r < end; ++r)
    if (columns > 0) std::memset(x + r * stride, 0, columns * sizeof(float));
}

}  // namespace

int32_t difference_forward_f32(int64_t batch, const int32_t *offsets, int64_t columns, const float *x,
                               int64_t x_stride, const float *before, int64_t before_stride, float *y,
                               int64_t y_stride) {
  auto subtract = [](Floats a, Floats b) { return a - b; };
  for (int64_t s = 0; s < batch; ++s) {
    const int64_t begin = offsets[s], end = offsets[s + 1];
    if (begin == end) continue;
    if (before == nullptr)
      zero_rows(y, y_stride, begin, begin + 1, columns);
    else
      map_rows(1, columns, x + begin * x_stride, 0, before + s * before_stride, 0, y + begin * y_stride, 0, subtract);
    map_rows(end - begin - 1, columns, x + (begin + 1) * x_stride, x_stride, x + begin * x_stride, x_stride,
             y + (begin + 1) * y_stride, y_stride, subtract);
  }
  return SSM_OK;
}

int32_t difference_backward_f32(int64_t batch, const int32_t *offsets, int64_t columns, const float *dy,
                                int64_t dy_stride, float *dx, int64_t dx_stride) {
  for (int64_t s = 0; s < batch; ++s) {
    // Row 0 is a constant, so its own gradient does not count.
    for (int64_t l = offsets[s]; l < offsets[s + 1]; ++l)
      for_each_vector(1, columns, [&](int64_t, int64_t c, int64_t count) {
        Floats d = {};
        if (l > offsets[s]) d = load_up_to(dy + l * dy_stride + c, count);
        if (l + 1 < offsets[s + 1]) d -= load_up_to(dy + (l + 1) * dy_stride + c, count);
        store_up_to(dx + l * dx_stride + c, d, count);
      });
  }
  return SSM_OK;
}

int32_t last_row_forward_f32(int64_t batch, const int32_t *offsets, int64_t columns, const float *x, int64_t x_stride,
                             float *y, int64_t y_stride) {
  for (int64_t s = 0; s < batch; ++s) {
    if (offsets[s] == offsets[s + 1])
      zero_rows(y, y_stride, s, s + 1, columns);
    else if (columns > 0)
      std::memcpy(y + s * y_stride, x + (offsets[s + 1] - 1) * x_stride, columns * sizeof(float));
  }
  return SSM_OK;
}

int32_t last_row_backward_f32(int64_t batch, const int32_t *offsets, int64_t columns, const float *dy,
                              int64_t dy_stride, float *dx, int64_t dx_stride) {
  for (int64_t s = 0; s < batch; ++s) {
    if (offsets[s] == offsets[s + 1]) continue;
    const int64_t last = offsets[s + 1] - 1;
    zero_rows(dx, dx_stride, offsets[s], last, columns);
    if (columns > 0) std::memcpy(dx + last * dx_stride, dy + s * dy_stride, columns * sizeof(float));
  }
  return SSM_OK;
}

int32_t mean_row_forward_f32(int64_t batch, const int32_t *offsets, int64_t columns, const float *x, int64_t x_stride,
                             float *y, int64_t y_stride) {
  constexpr int64_t kBlock = 64;
  for (int64_t s = 0; s < batch; ++s) {
    const int64_t begin = offsets[s], end = offsets[s + 1];
    const float scale = begin == end ? 0.0f : 1.0f / static_cast<float>(end - begin);
    for_each_vector(1, columns, [&](int64_t, int64_t c, int64_t count) {
      Floats total = {};
      for (int64_t first = begin; first < end; first += kBlock) {
        Floats block = {};
        for (int64_t r = first; r < end && r < first + kBlock; ++r) block += load_up_to(x + r * x_stride + c, count);
        total += block;
      }
      store_up_to(y + s * y_stride + c, total * scale, count);
    });
  }
  return SSM_OK;
}

int32_t mean_row_backward_f32(int64_t batch, const int32_t *offsets, int64_t columns, const float *dy,
                              int64_t dy_stride, float *dx, int64_t dx_stride) {
  for (int64_t s = 0; s < batch; ++s) {
    const int64_t begin = offsets[s], end = offsets[s + 1];
    if (begin == end) continue;
    const float scale = 1.0f / static_cast<float>(end - begin);
    for (int64_t r = begin; r < end; ++r)
      map_rows(1, columns, dy + s * dy_stride, 0, dx + r * dx_stride, 0, [=](Floats v) { return v * scale; });
  }
  return SSM_OK;
}

}  // namespace SSM_NAMESPACE
