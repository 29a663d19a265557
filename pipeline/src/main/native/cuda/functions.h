// Elementary functions, the same on the device and on the processor. NaN gives NaN.
#pragma once

#include <cuda_runtime.h>

#include <cmath>

namespace ssm {

constexpr float kLog2E = 1.44269504f;

// 1 / (1 + e^-x).
__host__ __device__ inline float sigmoid(float x) {
  const float z = expf(-fabsf(x));
  return (x < 0.0f ? z : 1.0f) / (1.0f + z);
}

// log(1 + e^x), without a linear cut-off.
__host__ __device__ inline float softplus(float x) { return fmaxf(x, 0.0f) + log1pf(expf(-fabsf(x))); }

__host__ __device__ inline float silu(float x) { return x * sigmoid(x); }

__host__ __device__ inline float silu_derivative(float x) {
  const float s = sigmoid(x);
  return s + x * s * (1.0f - s);
}

// The distribution function of the standard normal distribution.
__host__ __device__ inline float normal_distribution(float x) { return 0.5f * erfcf(x * -0.707106781f); }

// 1 - e^-d for d >= 0.
__host__ __device__ inline float saturation(float d) { return -expm1f(-d); }

}  // namespace ssm
