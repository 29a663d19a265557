// Dropout by hash; org.sparkssm.kernel.DropoutHash is the same function in Java.
#include "target.h"
#include "simd.h"

namespace SSM_NAMESPACE {

int32_t dropout_f32(int64_t rows, int64_t columns, int32_t threshold, float scale, const int64_t *keys, float *x,
                    int64_t x_stride) {
  for (int64_t r = 0; r < rows; ++r) {
    float *row = x + r * x_stride;
    const uint64_t key = static_cast<uint64_t>(keys[r]);
    for (int64_t c = 0; c < columns; ++c) {
      uint64_t z = key + static_cast<uint64_t>(c + 1) * 0x9E3779B97F4A7C15u;
      z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
      z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
      const int32_t hash = static_cast<int32_t>((z ^ (z >> 31)) >> 40);
      row[c] = hash < threshold ? 0.0f : row[c] * scale;
    }
  }
  return SSM_OK;
}

}  // namespace SSM_NAMESPACE
