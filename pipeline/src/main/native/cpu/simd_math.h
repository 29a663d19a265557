// Elementary functions of single precision on vectors. The stated bounds are units in the last place of the result,
// checked by test/simd_math_test.cpp against double precision on every instruction set. NaN gives NaN.
// The coefficients are minimax fits (iteratively reweighted least squares in double precision) on the interval named.
#pragma once

#include "simd.h"

#if defined(__AVX__)
#include <immintrin.h>
#endif

namespace SSM_NAMESPACE {

typedef Vector<float> Floats;
typedef typename VectorOf<int32_t>::type Ints;
constexpr int kLanes = VectorOf<float>::lanes;

SSM_INLINE Floats bits_to_floats(Ints v) { return (Floats)v; }
SSM_INLINE Ints floats_to_bits(Floats v) { return (Ints)v; }

// Keep NaN in v.
#if defined(__AVX512F__)
SSM_INLINE Floats at_least(Floats v, float low) { return (Floats)_mm512_max_ps((__m512)broadcast(low), (__m512)v); }
SSM_INLINE Floats at_most(Floats v, float high) { return (Floats)_mm512_min_ps((__m512)broadcast(high), (__m512)v); }
#elif defined(__AVX__)
SSM_INLINE Floats at_least(Floats v, float low) { return (Floats)_mm256_max_ps((__m256)broadcast(low), (__m256)v); }
SSM_INLINE Floats at_most(Floats v, float high) { return (Floats)_mm256_min_ps((__m256)broadcast(high), (__m256)v); }
#else
SSM_INLINE Floats at_least(Floats v, float low) { return v < low ? broadcast(low) : v; }
SSM_INLINE Floats at_most(Floats v, float high) { return v > high ? broadcast(high) : v; }
#endif
SSM_INLINE Floats absolute(Floats v) { return bits_to_floats(floats_to_bits(v) & 0x7fffffff); }
SSM_INLINE Floats with_sign_of(Floats magnitude, Floats sign) {
  return bits_to_floats((floats_to_bits(magnitude) & 0x7fffffff) | (floats_to_bits(sign) & ~0x7fffffff));
}

// Adding it rounds to the nearest integer, which then stands in the low bits.
constexpr float kRounder = 12582912.0f;
constexpr int32_t kRounderBits = 0x4B400000;

#if defined(__AVX512F__)
// 2^(i / 32), rounded.
alignas(64) constexpr float kPowersOf32ndRoot[32] = {
    1.0f,         1.02189720f, 1.04427373f, 1.06714046f, 1.09050775f, 1.11438680f, 1.13878858f, 1.16372490f,
    1.18920708f,  1.21524739f, 1.24185777f, 1.26905096f, 1.29683959f, 1.32523668f, 1.35425556f, 1.38390994f,
    1.41421354f,  1.44518077f, 1.47682619f, 1.50916445f, 1.54221082f, 1.57598090f, 1.61049032f, 1.64575553f,
    1.68179286f,  1.71861935f, 1.75625217f, 1.79470909f, 1.83400810f, 1.87416768f, 1.91520655f, 1.95714414f};
#endif

// 2^(d a[j]) for d a[j] <= 0, 3 ulp beside the rounding of d a; exactly 1 for d a = 0, 1 ulp above -2^-10, where slow
// decays lie. Below d a = -125.5 the result lies between 0 and 2^-125 (0 with AVX-512). Growth, d a > 0, is accurate to
// 2^-16 and reaches at least 2^127. The terms of several go side by side, so that none waits for the one before it.
template <int kSize>
SSM_INLINE void exp2_of_decays(Floats d, const Floats *a, Floats *decays) {
#if defined(__AVX512F__)
  // 2^(i / 32) from a table, in which the low bits of i are looked up, times 2^r, |r| <= 1 / 64. Half of the operations
  // run beside the multiplier, which a polynomial alone would keep busy.
  constexpr float kRounderOf32nds = 393216.0f;
#pragma GCC unroll 4
  for (int j = 0; j < kSize; ++j) {
    Floats t = d * a[j];
    __asm__("" : "+v"(t));  // not fused with the additions that follow
    const Floats k = t + kRounderOf32nds, rounded = k - kRounderOf32nds, r = t - rounded;
    const Floats power = (Floats)_mm512_permutex2var_ps(_mm512_load_ps(kPowersOf32ndRoot), (__m512i)k,
                                                        _mm512_load_ps(kPowersOf32ndRoot + 16));
    const Floats p = (power * r) * (r * 0.2402266f + 0.6931573f) + power;
    decays[j] = (Floats)_mm512_scalef_ps((__m512)p, (__m512)rounded);
  }
#else
  constexpr float kTerms[] = {0.009671512f, 0.055507336f, 0.24022242f, 0.693147f, 1.0f};
  Floats r[kSize];
  Ints power[kSize];
#pragma GCC unroll 4
  for (int j = 0; j < kSize; ++j) {
    const Floats t = at_most(at_least(d * a[j], -125.5f), 127.5f), k = t + kRounder;
    r[j] = t - (k - kRounder);
    power[j] = floats_to_bits(k) << 23;
    decays[j] = broadcast(0.0013264754f);
  }
#pragma GCC unroll 5
  for (int i = 0; i < 5; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < kSize; ++j) decays[j] = decays[j] * r[j] + kTerms[i];
#pragma GCC unroll 4
  for (int j = 0; j < kSize; ++j) decays[j] = bits_to_floats(floats_to_bits(decays[j]) + power[j]);
#endif
}

// e^x, 2 ulp; overflow gives infinity, underflow denormals and 0.
SSM_INLINE Floats exp(Floats x) {
  x = at_most(at_least(x, -110.0f), 90.0f);
  const Floats k = x * 1.44269504f + kRounder;
  const Floats n = k - kRounder;
  Floats r = x - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  Floats p = broadcast(0.0013814482f);
  p = p * r + 0.008368781f;
  p = p * r + 0.041668393f;
  p = p * r + 0.1666652f;
  p = p * r + 0.49999994f;
  p = (p * r) * r + r + 1.0f;
#if defined(__AVX512F__)
  return (Floats)_mm512_scalef_ps((__m512)p, (__m512)n);
#else
  // In two factors, so that neither leaves the exponent's range.
  const Ints exponent = floats_to_bits(k) - kRounderBits;
  const Ints half = exponent >> 1;
  return p * bits_to_floats((half + 127) << 23) * bits_to_floats((exponent - half + 127) << 23);
#endif
}

// log(1 + z) for 0 <= z <= 1, 2 ulp; a polynomial, because a division costs more than its eight terms.
SSM_INLINE Floats log1p_of_fraction(Floats z) {
  Floats p = broadcast(0.005364821f);
  p = p * z - 0.030065779f;
  p = p * z + 0.079204515f;
  p = p * z - 0.137538f;
  p = p * z + 0.19153655f;
  p = p * z - 0.24857163f;
  p = p * z + 0.33321324f;
  p = p * z - 0.49999648f;
  return z * (z * p) + z;
}

// log(1 + e^x), 3 ulp down to x = -87, without a linear cut-off, and its derivative 1 / (1 + e^-x), 3 ulp.
SSM_INLINE Floats softplus_and_derivative(Floats x, Floats *derivative) {
  const Floats z = exp(-absolute(x));
  *derivative = (x < 0.0f ? z : broadcast(1.0f)) / (z + 1.0f);
  return (x < 0.0f ? broadcast(0.0f) : x) + log1p_of_fraction(z);
}

SSM_INLINE Floats softplus(Floats x) {
  Floats unused;
  return softplus_and_derivative(x, &unused);
}

// 1 / (1 + e^-x), 3 ulp down to x = -87.
SSM_INLINE Floats sigmoid(Floats x) {
  const Floats z = exp(-absolute(x));
  return (x < 0.0f ? z : broadcast(1.0f)) / (z + 1.0f);
}

// tanh x, 2 ulp.
SSM_INLINE Floats tanh(Floats x) {
  const Floats a = absolute(x);
  const Floats q = x * x;
  Floats p = broadcast(-0.005704644f);
  p = p * q + 0.020638859f;
  p = p * q - 0.053739678f;
  p = p * q + 0.13331442f;
  p = p * q - 0.3333328f;
  const Floats small = x + x * (p * q);
  const Floats large = with_sign_of(1.0f - 2.0f / (exp(2.0f * a) + 1.0f), x);
  return a < 0.625f ? small : large;
}

// erf x for |x| <= 1, 2 ulp.
SSM_INLINE Floats erf_near_zero(Floats x) {
  const Floats q = x * x;
  Floats p = broadcast(7.853848e-05f);
  p = p * q - 0.00080101896f;
  p = p * q + 0.0051883273f;
  p = p * q - 0.026853811f;
  p = p * q + 0.112835854f;
  p = p * q - 0.37612626f;
  p = p * q + 0.1283791671f;
  return x + x * p;
}

// erfc x for x >= 1, 6 ulp down to 2^-120: e^(-x^2) v Q(v) with v = 1 / (1 + x).
SSM_INLINE Floats erfc_of_large(Floats x) {
  const Floats v = 1.0f / (x + 1.0f);
  Floats p = broadcast(2.0254118f);
  p = p * v - 4.6199265f;
  p = p * v + 3.3789458f;
  p = p * v + 0.019451356f;
  p = p * v - 0.9048698f;
  p = p * v - 0.23116422f;
  p = p * v + 0.2756531f;
  p = p * v + 0.5646052f;
  p = p * v + 0.5641787f;
  // x^2 = s + d, s exact: rounding x^2 alone would cost up to 40 ulp.
  const Floats high = bits_to_floats(floats_to_bits(x) & ~0xfff);
  const Floats s = high * high;
  const Floats d = (x - high) * (x + high);
  return exp(-s) * exp(-d) * (v * p);
}

// erfc x, 6 ulp of max(erfc x, 2^-120).
SSM_INLINE Floats erfc(Floats x) {
  const Floats a = absolute(x);
  const Floats far = erfc_of_large(at_most(a, 13.0f));
  return a < 1.0f ? 1.0f - erf_near_zero(x) : (x < 0.0f ? 2.0f - far : far);
}

// erf x, 2 ulp.
SSM_INLINE Floats erf(Floats x) {
  const Floats a = absolute(x);
  return a < 1.0f ? erf_near_zero(x) : with_sign_of(1.0f - erfc_of_large(at_most(a, 13.0f)), x);
}

// The first count < kLanes elements; the rest is zero.
SSM_INLINE Floats load_part(const float *p, int count) {
  Floats v = {};
  for (int i = 0; i < count; ++i) v[i] = p[i];
  return v;
}

SSM_INLINE void store_part(float *p, Floats v, int count) {
  for (int i = 0; i < count; ++i) p[i] = v[i];
}

// The sum of the lanes, in a fixed order.
SSM_INLINE float sum_of_lanes(Floats v) {
  float part[kLanes];
  store(part, v);
  for (int width = kLanes / 2; width > 0; width /= 2)
    for (int i = 0; i < width; ++i) part[i] += part[i + width];
  return part[0];
}

}  // namespace SSM_NAMESPACE
