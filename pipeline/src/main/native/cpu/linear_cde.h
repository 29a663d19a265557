// What the forward and the backward of the dense Linear CDE share: tiles of sequences, and the product of a packed
// N x N matrix with the state vectors of the sequences that need it.
#pragma once

#include <utility>

#include "rows.h"
#include "ssm.h"

namespace SSM_NAMESPACE {
namespace linear_cde {

// Rows (sequences) a micro-kernel holds at once: rows x 2 vectors of accumulators, 2 of the matrix, 1 broadcast fill
// the registers; 24 (12) independent sums hide the latency of the fused multiply-add.
#if defined(__AVX512F__)
constexpr int kGroup = 12;
#else
constexpr int kGroup = 6;
#endif
constexpr int kMaximumTile = 96;

struct Geometry {
  int64_t states;
  int64_t padded;  // states, rounded up to whole vectors
  int64_t stride;  // of a state vector in the workspace; an odd number of cache lines, so that rows spread over the sets
  int tile;        // sequences that go through time together

  explicit Geometry(int64_t states)
      : states(states), padded(SSM_NAMESPACE::padded(states)), stride((padded + 15) / 16 * 16) {
    if (stride / 16 % 2 == 0) stride += 16;
    // Three vectors per sequence stay in the second-level cache beside the matrices.
    const int64_t fitting = 49152 / (3 * stride);
    tile = static_cast<int>(fitting < 2 * kGroup ? 2 * kGroup : fitting > kMaximumTile ? kMaximumTile : fitting);
  }

  int64_t matrix() const { return padded * states; }

  // Calls f(first sequence, count) for tiles of nearly equal size.
  template <typename F>
  void for_each_tile(int64_t batch, F f) const {
    const int64_t tiles = (batch + tile - 1) / tile;
    for (int64_t t = 0; t < tiles; ++t) {
      const int64_t first = batch * t / tiles;
      f(first, static_cast<int>(batch * (t + 1) / tiles - first));
    }
  }
};

// Floats of the workspace rounded up to cache lines.
inline int64_t lines(int64_t floats) { return (floats + 15) / 16 * 16; }

// Hands out the workspace piece by piece; with a null base it only counts.
class Pieces {
 public:
  explicit Pieces(float *base) : base_(base) {}
  float *take(int64_t floats) {
    float *piece = base_ == nullptr ? nullptr : base_ + used_;
    used_ += lines(floats);
    return piece;
  }
  int64_t used() const { return used_; }

 private:
  float *base_;
  int64_t used_ = 0;
};

// The sequences in order of decreasing length (ties in order of number): those alive at a step are a prefix.
void sort_by_length(int64_t batch, const int32_t *offsets, int32_t *order);

// Packs a so that products run along its rows' index: panels of two vectors (the last may have one), inside a panel
// [summation index][lanes]. transposed: the sum is over a's rows, result index its columns, as the adjoint needs it.
void pack(const Geometry &geometry, const float *a, bool transposed, float *packed);

// The sequences that take part in a product: out[r] += scale[r] (matrix in[r]); where dots is not null,
// dots[r] = (matrix in[r]) . with[r].
struct Operands {
  int count = 0;
  const float *in[kMaximumTile];
  float *out[kMaximumTile];
  float scale[kMaximumTile];
  const float *with[kMaximumTile];

  SSM_INLINE void add(const float *vector, float *target, float factor, const float *partner) {
    in[count] = vector;
    out[count] = target;
    scale[count] = factor;
    with[count] = partner;
    ++count;
  }
};

void multiply(const Geometry &geometry, const float *packed, const Operands &operands, float *dots);

// The drive [N, X] transposed to [X, padded].
inline void pack_drive(const Geometry &geometry, int64_t drives, const float *drive, int64_t drive_stride,
                       float *packed) {
  for (int64_t x = 0; x < drives; ++x)
    for (int64_t n = 0; n < geometry.padded; ++n)
      packed[x * geometry.padded + n] = n < geometry.states ? drive[n * drive_stride + x] : 0.0f;
}

// f = drive dxi.
SSM_INLINE void force(const Geometry &geometry, int64_t drives, const float *packed_drive, const float *dxi,
                      float *f) {
  for (int64_t n = 0; n < geometry.padded; n += kLanes) {
    Floats sum = {};
    for (int64_t x = 0; x < drives; ++x) sum += dxi[x] * load(packed_drive + x * geometry.padded + n);
    store(f + n, sum);
  }
}

// next = now + share f, to which the products are then added; f may be null.
SSM_INLINE void start_stage(const Geometry &geometry, const float *now, const float *f, float share, float *next) {
  for (int64_t n = 0; n < geometry.padded; n += kLanes)
    store(next + n, f == nullptr ? load(now + n) : load(now + n) + share * load(f + n));
}

// The forward's workspace.
struct ForwardSpace {
  float *packed;  // [W][matrix]
  float *drive;   // [X][padded], the drive transposed
  float *states[3];
  float *forcing;
  int32_t *order;

  ForwardSpace(Pieces &pieces, const Geometry &geometry, int64_t batch, int64_t controls, int64_t drives) {
    packed = pieces.take(controls * geometry.matrix());
    drive = pieces.take(drives * geometry.padded);
    for (float *&state : states) state = pieces.take(geometry.tile * geometry.stride);
    forcing = pieces.take(geometry.tile * geometry.stride);
    order = reinterpret_cast<int32_t *>(pieces.take(batch));
  }
};

}  // namespace linear_cde
}  // namespace SSM_NAMESPACE
