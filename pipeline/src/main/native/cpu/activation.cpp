// Element-wise functions and their derivatives.
#include "rows.h"
#include "target.h"

namespace SSM_NAMESPACE {
namespace {

struct None {
  static SSM_INLINE Floats value(Floats x) { return x; }
  static SSM_INLINE Floats derivative(Floats) { return broadcast(1.0f); }
};

struct Gelu {
  static SSM_INLINE Floats normal_distribution(Floats x) { return 0.5f * erfc(x * -0.707106781f); }
  static SSM_INLINE Floats value(Floats x) { return x * normal_distribution(x); }
  static SSM_INLINE Floats derivative(Floats x) {
    return normal_distribution(x) + x * (0.398942280f * exp(-0.5f * x * x));
  }
};

struct Silu {
  static SSM_INLINE Floats value(Floats x) { return x * sigmoid(x); }
  static SSM_INLINE Floats derivative(Floats x) {
    const Floats s = sigmoid(x);
    return s + x * s * (1.0f - s);
  }
};

struct Tanh {
  static SSM_INLINE Floats value(Floats x) { return tanh(x); }
  static SSM_INLINE Floats derivative(Floats x) {
    const Floats t = tanh(x);
    return 1.0f - t * t;
  }
};

struct Relu {
  static SSM_INLINE Floats value(Floats x) { return x < 0.0f ? broadcast(0.0f) : x; }
  static SSM_INLINE Floats derivative(Floats x) { return x > 0.0f ? broadcast(1.0f) : broadcast(0.0f); }
};

struct Sigmoid {
  static SSM_INLINE Floats value(Floats x) { return sigmoid(x); }
  static SSM_INLINE Floats derivative(Floats x) { return sigmoid(x) * sigmoid(-x); }
};

struct Softplus {
  static SSM_INLINE Floats value(Floats x) { return softplus(x); }
  static SSM_INLINE Floats derivative(Floats x) { return sigmoid(x); }
};

// Calls f with the function object of the activation.
template <typename F>
int32_t with_activation(int32_t activation, F f) {
  switch (activation) {
    case SSM_ACTIVATION_NONE: f(None()); return SSM_OK;
    case SSM_ACTIVATION_GELU: f(Gelu()); return SSM_OK;
    case SSM_ACTIVATION_SILU: f(Silu()); return SSM_OK;
    case SSM_ACTIVATION_TANH: f(Tanh()); return SSM_OK;
    case SSM_ACTIVATION_RELU: f(Relu()); return SSM_OK;
    case SSM_ACTIVATION_SIGMOID: f(Sigmoid()); return SSM_OK;
    case SSM_ACTIVATION_SOFTPLUS: f(Softplus()); return SSM_OK;
    default: return SSM_INVALID_ARGUMENT;
  }
}

}  // namespace

int32_t activation_forward_f32(int32_t activation, int64_t rows, int64_t columns, const float *x, int64_t x_stride,
                               float *y, int64_t y_stride) {
  return with_activation(activation, [&](auto function) {
    map_rows(rows, columns, x, x_stride, y, y_stride, [&](Floats v) { return function.value(v); });
  });
}

int32_t activation_backward_f32(int32_t activation, int64_t rows, int64_t columns, const float *x, int64_t x_stride,
                                const float *dy, int64_t dy_stride, float *dx, int64_t dx_stride) {
  return with_activation(activation, [&](auto function) {
    map_rows(rows, columns, x, x_stride, dy, dy_stride, dx, dx_stride,
             [&](Floats v, Floats d) { return d * function.derivative(v); });
  });
}

int32_t glu_forward_f32(int64_t rows, int64_t columns, const float *x, int64_t x_stride, float *y, int64_t y_stride) {
  map_rows(rows, columns, x, x_stride, x + columns, x_stride, y, y_stride,
           [](Floats v, Floats gate) { return v * sigmoid(gate); });
  return SSM_OK;
}

int32_t glu_backward_f32(int64_t rows, int64_t columns, const float *x, int64_t x_stride, const float *dy,
                         int64_t dy_stride, float *dx, int64_t dx_stride) {
  for_each_vector(rows, columns, [&](int64_t r, int64_t c, int64_t count) {
    const float *row = x + r * x_stride + c;
    const Floats s = sigmoid(load_up_to(row + columns, count));
    const Floats ds = load_up_to(dy + r * dy_stride + c, count) * s;
    store_up_to(dx + r * dx_stride + c, ds, count);
    store_up_to(dx + r * dx_stride + columns + c, ds * load_up_to(row, count) * (1.0f - s), count);
  });
  return SSM_OK;
}

int32_t negative_exp_forward_f32(int64_t rows, int64_t columns, const float *x, int64_t x_stride, float *y,
                                 int64_t y_stride) {
  map_rows(rows, columns, x, x_stride, y, y_stride, [](Floats v) { return -exp(v); });
  return SSM_OK;
}

int32_t negative_exp_backward_f32(int64_t rows, int64_t columns, const float *y, int64_t y_stride, const float *dy,
                                  int64_t dy_stride, float *dx, int64_t dx_stride) {
  flatten(rows, columns, y_stride, dy_stride, dx_stride);
  for_each_vector(rows, columns, [&](int64_t r, int64_t c, int64_t count) {
    float *d = dx + r * dx_stride + c;
    store_up_to(d,
                load_up_to(d, count) + load_up_to(dy + r * dy_stride + c, count) *
                                           load_up_to(y + r * y_stride + c, count),
                count);
  });
  return SSM_OK;
}

}  // namespace SSM_NAMESPACE
