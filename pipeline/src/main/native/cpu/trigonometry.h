// Sine and cosine of single precision on vectors, checked by test/simd_math_test.cpp.
#pragma once

#include "simd_math.h"

namespace SSM_NAMESPACE {

// sin x and cos x, error below 1e-7 for |x| <= 8192; beyond that it grows with |x|. Not finite gives NaN.
SSM_INLINE void sine_and_cosine(Floats x, Floats *sine, Floats *cosine) {
  // x = n pi / 2 + r, |r| <= pi / 4; pi / 2 in three parts, the first two short enough that their products are exact.
  const Floats k = x * 0.636619772f + kRounder;
  const Floats n = k - kRounder;
  const Floats r = ((x - n * 1.5703125f) - n * 4.83751296997070312e-4f) - n * 7.54978995489188216e-8f;
  const Floats q = r * r;
  // Taylor-like minimax polynomials on |r| <= pi / 4 (Cephes, sinf and cosf).
  Floats s = broadcast(-1.9515295891e-4f);
  s = s * q + 8.3321608736e-3f;
  s = s * q - 1.6666654611e-1f;
  s = r + r * (s * q);
  Floats c = broadcast(2.443315711809948e-5f);
  c = c * q - 1.388731625493765e-3f;
  c = c * q + 4.166664568298827e-2f;
  c = 1.0f - 0.5f * q + c * (q * q);
  const Ints quadrant = floats_to_bits(k);
  const Ints swapped = -(quadrant & 1);
  const Ints sine_bits = (swapped & floats_to_bits(c)) | (~swapped & floats_to_bits(s));
  const Ints cosine_bits = (swapped & floats_to_bits(s)) | (~swapped & floats_to_bits(c));
  *sine = bits_to_floats(sine_bits ^ ((quadrant & 2) << 30));
  *cosine = bits_to_floats(cosine_bits ^ (((quadrant + 1) & 2) << 30));
}

}  // namespace SSM_NAMESPACE
