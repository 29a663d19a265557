// What the forward and the backward of gated linear attention share: the decay of a step.
#pragma once

#include "recurrence.h"
#include "trigonometry.h"

namespace SSM_NAMESPACE {
namespace gated_linear_attention {

struct Decay {
  Floats re, im;
};

template <bool complex>
SSM_INLINE Decay decay_of(Floats log_alpha, Floats phase) {
  const Floats magnitude = exp(log_alpha);
  if (!complex) return {magnitude, Floats{}};
  Floats sine, cosine;
  sine_and_cosine(phase, &sine, &cosine);
  return {magnitude * cosine, magnitude * sine};
}

}  // namespace gated_linear_attention
}  // namespace SSM_NAMESPACE
