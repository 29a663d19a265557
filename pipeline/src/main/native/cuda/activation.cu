// Element-wise functions between layers and their derivatives.
#include "functions.h"
#include "launch.h"

using namespace ssm;

namespace {

struct None {
  __device__ static float value(float x) { return x; }
  __device__ static float derivative(float) { return 1.0f; }
};

struct Gelu {
  __device__ static float value(float x) { return x * normal_distribution(x); }
  __device__ static float derivative(float x) {
    return normal_distribution(x) + x * (0.398942280f * expf(-0.5f * x * x));
  }
};

struct Silu {
  __device__ static float value(float x) { return silu(x); }
  __device__ static float derivative(float x) { return silu_derivative(x); }
};

struct Tanh {
  __device__ static float value(float x) { return tanhf(x); }
  __device__ static float derivative(float x) {
    const float t = tanhf(x);
    return 1.0f - t * t;
  }
};

struct Relu {
  __device__ static float value(float x) { return x < 0.0f ? 0.0f : x; }
  __device__ static float derivative(float x) { return x > 0.0f ? 1.0f : 0.0f; }
};

struct Sigmoid {
  __device__ static float value(float x) { return sigmoid(x); }
  __device__ static float derivative(float x) { return sigmoid(x) * sigmoid(-x); }
};

struct Softplus {
  __device__ static float value(float x) { return softplus(x); }
  __device__ static float derivative(float x) { return sigmoid(x); }
};

// Calls f with the function object of the activation.
template <typename F>
void with_activation(int32_t activation, F f) {
  switch (activation) {
    case SSM_CUDA_ACTIVATION_NONE: return f(None());
    case SSM_CUDA_ACTIVATION_GELU: return f(Gelu());
    case SSM_CUDA_ACTIVATION_SILU: return f(Silu());
    case SSM_CUDA_ACTIVATION_TANH: return f(Tanh());
    case SSM_CUDA_ACTIVATION_RELU: return f(Relu());
    case SSM_CUDA_ACTIVATION_SIGMOID: return f(Sigmoid());
    case SSM_CUDA_ACTIVATION_SOFTPLUS: return f(Softplus());
    default: fail(SSM_CUDA_INVALID_ARGUMENT, "there is no activation %d", activation);
  }
}

template <typename Function>
struct Forward {
  ssm_cuda_matrix x, y;
  __device__ void operator()(int64_t r, int64_t c) const { at(y, r, c) = Function::value(at(x, r, c)); }
};

template <typename Function>
struct Backward {
  ssm_cuda_matrix x, dy, dx;
  __device__ void operator()(int64_t r, int64_t c) const {
    at(dx, r, c) = at(dy, r, c) * Function::derivative(at(x, r, c));
  }
};

}  // namespace

extern "C" {

int32_t ssm_cuda_activation_forward(ssm_cuda_context *context, int32_t activation, const ssm_cuda_matrix *x,
                                    const ssm_cuda_matrix *y) try {
  expect_shape("activation_forward", "y", *y, x->rows, x->columns);
  with_activation(activation, [&](auto function) {
    for_each_element(*context, x->rows, x->columns, Forward<decltype(function)>{*x, *y});
  });
  return SSM_CUDA_OK;
} catch (...) {
  return status_of_exception();
}

int32_t ssm_cuda_activation_backward(ssm_cuda_context *context, int32_t activation, const ssm_cuda_matrix *x,
                                     const ssm_cuda_matrix *dy, const ssm_cuda_matrix *dx) try {
  expect_shape("activation_backward", "dy", *dy, x->rows, x->columns);
  expect_shape("activation_backward", "dx", *dx, x->rows, x->columns);
  with_activation(activation, [&](auto function) {
    for_each_element(*context, x->rows, x->columns, Backward<decltype(function)>{*x, *dy, *dx});
  });
  return SSM_CUDA_OK;
} catch (...) {
  return status_of_exception();
}

}  // extern "C"
