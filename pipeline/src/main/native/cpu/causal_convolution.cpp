// Depthwise causal convolution over packed sequences, one vector of channels at a time.
#include "rows.h"
#include "target.h"

namespace SSM_NAMESPACE {
namespace {

// Column j of the taps of `count` channels.
SSM_INLINE Floats tap(const float *weight, int64_t stride, int64_t j, int64_t count) {
  Floats v = {};
  for (int i = 0; i < kLanes && i < count; ++i) v[i] = weight[i * stride + j];
  return v;
}

struct Channels {
  const float *x;
  int64_t x_stride;
  const float *weight;
  int64_t weight_stride;
  int64_t width;
  Floats bias;
  int64_t count;
};

// The sum before the non-linearity at row l of a sequence that begins at row `begin`; taps are the weight's columns.
SSM_INLINE Floats convolve(const Channels &channels, const Floats *taps, int64_t begin, int64_t l) {
  Floats sum = channels.bias;
  const int64_t first = l - channels.width + 1;
  for (int64_t j = first < begin ? begin - first : 0; j < channels.width; ++j)
    sum += taps[j] * load_up_to(channels.x + (first + j) * channels.x_stride, channels.count);
  return sum;
}

constexpr int64_t kMaximumWidth = 64;

SSM_INLINE Channels channels_at(int64_t c, int64_t count, const float *x, int64_t x_stride, const float *weight,
                                int64_t weight_stride, int64_t width, const float *bias) {
  return {x + c, x_stride, weight + c * weight_stride, weight_stride, width,
          bias == nullptr ? Floats{} : load_up_to(bias + c, count), count};
}

}  // namespace

int32_t causal_convolution_forward_f32(int64_t batch, const int32_t *offsets, int64_t columns, int64_t width,
                                       const float *x, int64_t x_stride, const float *weight, int64_t weight_stride,
                                       const float *bias, int32_t silu, float *y, int64_t y_stride) {
  if (width < 1 || width > kMaximumWidth) return SSM_INVALID_ARGUMENT;
  for_each_vector(1, columns, [&](int64_t, int64_t c, int64_t count) {
    const Channels channels = channels_at(c, count, x, x_stride, weight, weight_stride, width, bias);
    Floats taps[kMaximumWidth];
    for (int64_t j = 0; j < width; ++j) taps[j] = tap(channels.weight, weight_stride, j, count);
    for (int64_t s = 0; s < batch; ++s)
      for (int64_t l = offsets[s]; l < offsets[s + 1]; ++l) {
        const Floats p = convolve(channels, taps, offsets[s], l);
        store_up_to(y + l * y_stride + c, silu ? p * sigmoid(p) : p, count);
      }
  });
  return SSM_OK;
}

int32_t causal_convolution_backward_f32(int64_t batch, const int32_t *offsets, int64_t columns, int64_t width,
                                        const float *x, int64_t x_stride, const float *weight, int64_t weight_stride,
                                        const float *bias, int32_t silu, const float *dy, int64_t dy_stride, float *dx,
                                        int64_t dx_stride, float *dweight, int64_t dweight_stride, float *dbias) {
  if (width < 1 || width > kMaximumWidth) return SSM_INVALID_ARGUMENT;
  constexpr int64_t kBlock = 256;  // rows summed before they are added to the total
  for_each_vector(1, columns, [&](int64_t, int64_t c, int64_t count) {
    const Channels channels = channels_at(c, count, x, x_stride, weight, weight_stride, width, bias);
    Floats taps[kMaximumWidth], dtaps[kMaximumWidth];
    for (int64_t j = 0; j < width; ++j) {
      taps[j] = tap(channels.weight, weight_stride, j, count);
      dtaps[j] = Floats{};
    }
    Floats dbias_total = {};
    float *d = dx + c;
    for (int64_t s = 0; s < batch; ++s) {
      const int64_t begin = offsets[s], end = offsets[s + 1];
      // The gradient of the sum before the non-linearity stands in dx until the last loop.
      for (int64_t l = begin; l < end; ++l) {
        Floats g = load_up_to(dy + l * dy_stride + c, count);
        if (silu) {
          const Floats p = convolve(channels, taps, begin, l);
          const Floats q = sigmoid(p);
          g *= q + p * q * (1.0f - q);
        }
        store_up_to(d + l * dx_stride, g, count);
      }
      for (int64_t first = begin; first < end; first += kBlock) {
        const int64_t last = first + kBlock < end ? first + kBlock : end;
        Floats sum = {};
        for (int64_t l = first; l < last; ++l) sum += load_up_to(d + l * dx_stride, count);
        dbias_total += sum;
        for (int64_t j = 0; j < width; ++j) {
          const int64_t shift = width - 1 - j;
          Floats product = {};
          for (int64_t l = first - shift < begin ? begin + shift : first; l < last; ++l)
            product += load_up_to(d + l * dx_stride, count) *
                       load_up_to(channels.x + (l - shift) * x_stride, count);
          dtaps[j] += product;
        }
      }
      for (int64_t l = begin; l < end; ++l) {
        Floats sum = {};
        for (int64_t j = width - 1; j >= 0 && l + width - 1 - j < end; --j)
          sum += taps[j] * load_up_to(d + (l + width - 1 - j) * dx_stride, count);
        store_up_to(d + l * dx_stride, sum, count);
      }
    }
    for (int64_t i = 0; i < count && i < kLanes; ++i)
      for (int64_t j = 0; j < width; ++j) dweight[(c + i) * dweight_stride + j] += dtaps[j][i];
    if (dbias != nullptr) store_up_to(dbias + c, load_up_to(dbias + c, count) + dbias_total, count);
  });
  return SSM_OK;
}

}  // namespace SSM_NAMESPACE
