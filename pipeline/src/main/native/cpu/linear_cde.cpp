#include "linear_cde.h"

#include <algorithm>

namespace SSM_NAMESPACE {
namespace linear_cde {
namespace {

// kRows vectors times one panel of kVectors vectors. Each element is one chain of fused multiply-adds in the order of
// the summation index, whatever kRows is: a sequence's numbers do not depend on its neighbours.
template <int kRows, int kVectors, bool kDots>
void multiply_panel(int64_t depth, const float *panel, const float *const *in, float *const *out, const float *scale,
                    const float *const *with, int64_t column, Floats *dots) {
  const float *row[kRows];
  Floats sum[kRows][kVectors];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
    row[r] = in[r];
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) sum[r][v] = Floats{};
  }
  for (int64_t k = 0; k < depth; ++k) {
    Floats m[kVectors];
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) m[v] = load(panel + v * kLanes);
    panel += kVectors * kLanes;
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const Floats b = broadcast(row[r][k]);
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) sum[r][v] += b * m[v];
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
    float *target = out[r] + column;
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      store(target + v * kLanes, load(target + v * kLanes) + scale[r] * sum[r][v]);
      if (kDots) dots[r] += sum[r][v] * load(with[r] + column + v * kLanes);
    }
  }
}

typedef void (*PanelProduct)(int64_t, const float *, const float *const *, float *const *, const float *,
                             const float *const *, int64_t, Floats *);

template <int kVectors, bool kDots, int... kRows>
PanelProduct panel_product(int rows, std::integer_sequence<int, kRows...>) {
  static constexpr PanelProduct kProducts[] = {&multiply_panel<kRows + 1, kVectors, kDots>...};
  return kProducts[rows - 1];
}

template <int kVectors, bool kDots>
PanelProduct panel_product(int rows) {
  return panel_product<kVectors, kDots>(rows, std::make_integer_sequence<int, kGroup>());
}

// A panel stays in the first-level cache while all groups of rows go through it; the matrices together are larger than
// the second level.
template <bool kDots>
void multiply(const Geometry &geometry, const float *packed, const Operands &operands, float *dots) {
  const int groups = (operands.count + kGroup - 1) / kGroup;
  Floats sums[kMaximumTile];
  for (int r = 0; kDots && r < operands.count; ++r) sums[r] = Floats{};
  for (int64_t column = 0; column < geometry.padded;) {
    const int vectors = geometry.padded - column >= 2 * kLanes ? 2 : 1;
    for (int g = 0; g < groups; ++g) {
      const int begin = operands.count * g / groups, rows = operands.count * (g + 1) / groups - begin;
      const PanelProduct product = vectors == 2 ? panel_product<2, kDots>(rows) : panel_product<1, kDots>(rows);
      product(geometry.states, packed, operands.in + begin, operands.out + begin, operands.scale + begin,
              operands.with + begin, column, sums + begin);
    }
    packed += geometry.states * vectors * kLanes;
    column += vectors * kLanes;
  }
  for (int r = 0; kDots && r < operands.count; ++r) dots[r] = sum_of_lanes(sums[r]);
}

}  // namespace

void multiply(const Geometry &geometry, const float *packed, const Operands &operands, float *dots) {
  if (dots == nullptr)
    multiply<false>(geometry, packed, operands, nullptr);
  else
    multiply<true>(geometry, packed, operands, dots);
}

void sort_by_length(int64_t batch, const int32_t *offsets, int32_t *order) {
  for (int64_t s = 0; s < batch; ++s) order[s] = static_cast<int32_t>(s);
  auto longer = [=](int32_t s, int32_t t) {
    const int32_t ls = offsets[s + 1] - offsets[s], lt = offsets[t + 1] - offsets[t];
    return ls != lt ? ls > lt : s < t;
  };
  std::sort(order, order + batch, longer);
}

void pack(const Geometry &geometry, const float *a, bool transposed, float *packed) {
  const int64_t n = geometry.states;
  for (int64_t column = 0; column < geometry.padded;) {
    const int64_t width = geometry.padded - column >= 2 * kLanes ? 2 * kLanes : kLanes;
    for (int64_t k = 0; k < n; ++k)
      for (int64_t j = 0; j < width; ++j) {
        const int64_t c = column + j;
        packed[k * width + j] = c >= n ? 0.0f : transposed ? a[k * n + c] : a[c * n + k];
      }
    packed += n * width;
    column += width;
  }
}

}  // namespace linear_cde
}  // namespace SSM_NAMESPACE
