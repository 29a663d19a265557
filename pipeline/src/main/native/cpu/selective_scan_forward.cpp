// Selective scan S6, forward.
#include "selective_scan.h"
#include "target.h"

namespace SSM_NAMESPACE {

using namespace selective_scan;

int32_t selective_scan_forward_f32(int64_t batch, const int32_t *offsets, int64_t columns, int64_t states,
                                   const float *u, int64_t u_stride, const float *delta_raw, int64_t delta_raw_stride,
                                   const float *delta_bias, const float *a, int64_t a_stride, const float *b,
                                   int64_t b_stride, const float *c, int64_t c_stride, const float *skip,
                                   const float *gate, int64_t gate_stride, const float *initial,
                                   int64_t initial_stride, float *y, int64_t y_stride, float *last,
                                   int64_t last_stride, float *workspace) {
  if (batch < 0 || columns < 0 || states < 0) return SSM_INVALID_ARGUMENT;
  constexpr int64_t kSteps = 32;
  float *transition = workspace;
  float *state = workspace + states * kLanes;
  for_each_vector(1, columns, [&](int64_t, int64_t first, int64_t count) {
    pack_transition(a + first * a_stride, a_stride, states, count, kLog2E, transition);
    const Floats bias = delta_bias == nullptr ? Floats{} : load_up_to(delta_bias + first, count);
    const Floats through = skip == nullptr ? Floats{} : load_up_to(skip + first, count);
    for (int64_t s = 0; s < batch; ++s) {
      load_states(initial == nullptr ? nullptr : initial + s * initial_stride + first * states, states, count, state);
      for (int64_t begin = offsets[s]; begin < offsets[s + 1]; begin += kSteps) {
        const int64_t steps = offsets[s + 1] - begin < kSteps ? offsets[s + 1] - begin : kSteps;
        Floats delta[kSteps], input[kSteps];
        for (int64_t l = 0; l < steps; ++l) {
          delta[l] = softplus(load_up_to(delta_raw + (begin + l) * delta_raw_stride + first, count) + bias);
          input[l] = load_up_to(u + (begin + l) * u_stride + first, count);
        }
        for (int64_t l = 0; l < steps; ++l) {
          const float *in = b + (begin + l) * b_stride;
          const float *out = c + (begin + l) * c_stride;
          const Floats d = delta[l], du = d * input[l];
          Floats sum = through * input[l];
#pragma GCC unroll 4
          for (int64_t n = 0; n < states; ++n) {
            const Floats h = exp2_of_decay(d * load(transition + n * kLanes)) * load(state + n * kLanes) + du * in[n];
            store(state + n * kLanes, h);
            sum += h * out[n];
          }
          if (gate != nullptr) {
            const Floats z = load_up_to(gate + (begin + l) * gate_stride + first, count);
            sum *= z * sigmoid(z);
          }
          store_up_to(y + (begin + l) * y_stride + first, sum, count);
        }
      }
      if (last != nullptr) store_states(state, states, count, last + s * last_stride + first * states);
    }
  });
  return SSM_OK;
}

}  // namespace SSM_NAMESPACE
