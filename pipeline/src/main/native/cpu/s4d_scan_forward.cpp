// S4D, forward: short sequences by convolution, others by the scan.
#include <algorithm>

#include "s4d_convolution.h"
#include "target.h"

namespace SSM_NAMESPACE {

using namespace s4d_scan;

int32_t s4d_scan_forward_f32(int64_t batch, const int32_t *offsets, int64_t columns, int64_t states, const float *u,
                             int64_t u_stride, const float *a_bar, int64_t a_bar_stride, const float *b_bar,
                             int64_t b_bar_stride, const float *c, int64_t c_stride, const float *skip,
                             const float *initial, int64_t initial_stride, float *y, int64_t y_stride, float *last,
                             int64_t last_stride, float *workspace) {
  if (batch < 0 || columns < 0 || states < 0) return SSM_INVALID_ARGUMENT;
  constexpr int64_t kBlock = 64;
  const int64_t convolved =
      initial == nullptr && last == nullptr ? longest_convolved(states, longest_sequence(batch, offsets)) : 0;
  Pieces pieces(workspace);
  float *parameters = pieces.take(states * kParameters);
  float *state = pieces.take(2 * states);
  float *response_base = pieces.take(padded_steps(convolved));
  float *in = pieces.take(std::max(convolved, kBlock)), *out = pieces.take(std::max(convolved, kBlock));
  for_each_vector(1, columns, [&](int64_t, int64_t first, int64_t count) {
    pack_parameters(a_bar + first * a_bar_stride, a_bar_stride, b_bar + first * b_bar_stride, b_bar_stride,
                    c + first * c_stride, c_stride, states, count, parameters);
    const Floats through = skip == nullptr ? Floats{} : load_up_to(skip + first, count);
    float *const response = clear_steps(response_base, convolved);
    if (convolved > 0) impulse_response(parameters, states, convolved, in, state, response);
    for (int64_t s = 0; s < batch; ++s) {
      const int64_t length = offsets[s + 1] - offsets[s];
      load_states(initial == nullptr ? nullptr : initial + s * initial_stride + first * 2 * states, states, count,
                  state);
      const int64_t block = length <= convolved ? length : kBlock;
      for (int64_t begin = offsets[s]; begin < offsets[s + 1]; begin += block) {
        const int64_t steps = offsets[s + 1] - begin < block ? offsets[s + 1] - begin : block;
        for (int64_t l = 0; l < steps; ++l) {
          const Floats x = load_up_to(u + (begin + l) * u_stride + first, count);
          store(in + l * kLanes, x);
          store(out + l * kLanes, through * x);
        }
        if (length <= convolved)
          convolve(response, in, steps, out);
        else
          advance_all(parameters, states, in, steps, state, out);
        for (int64_t l = 0; l < steps; ++l)
          store_up_to(y + (begin + l) * y_stride + first, load(out + l * kLanes), count);
      }
      if (last != nullptr) store_states(state, states, count, last + s * last_stride + first * 2 * states);
    }
  });
  return SSM_OK;
}

}  // namespace SSM_NAMESPACE
