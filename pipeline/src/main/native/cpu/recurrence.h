// What the recurrences share: sums across lanes, the chunks and blocks of steps in which a backward recomputes states,
// rows asked for ahead, and pieces of a workspace.
#pragma once

#include "rows.h"

namespace SSM_NAMESPACE {

#if defined(__clang__)
#define SSM_SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SSM_SHUFFLE(a, b, ...) __builtin_shuffle(a, b, Ints{__VA_ARGS__})
#endif

// Sums of neighbouring lanes: those of a, then those of b.
SSM_INLINE Floats add_neighbours(Floats a, Floats b) {
#if SSM_VECTOR_BYTES == 64
  return SSM_SHUFFLE(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30) +
         SSM_SHUFFLE(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
#elif SSM_VECTOR_BYTES == 32
  return SSM_SHUFFLE(a, b, 0, 2, 4, 6, 8, 10, 12, 14) + SSM_SHUFFLE(a, b, 1, 3, 5, 7, 9, 11, 13, 15);
#else
  return SSM_SHUFFLE(a, b, 0, 2, 4, 6) + SSM_SHUFFLE(a, b, 1, 3, 5, 7);
#endif
}

template <int kCount, typename F>
SSM_INLINE Floats sums_of_lanes_from(int64_t first, F &f) {
  if constexpr (kCount == 1) {
    return f(first);
  } else {
    const Floats low = sums_of_lanes_from<kCount / 2>(first, f);
    return add_neighbours(low, sums_of_lanes_from<kCount / 2>(first + kCount / 2, f));
  }
}

// Lane i of the result: the sum over the lanes of f(first + i), for i < count; 0 beyond.
template <typename F>
SSM_INLINE Floats sums_of_lanes(int64_t first, int64_t count, F f) {
  if (count >= kLanes) return sums_of_lanes_from<kLanes>(first, f);
  auto inside = [&](int64_t i) __attribute__((always_inline)) { return i < first + count ? f(i) : Floats{}; };
  return sums_of_lanes_from<kLanes>(first, inside);
}

inline int64_t chunk_count(int64_t length, int64_t chunk) { return (length + chunk - 1) / chunk; }

// Long sequences are cut into blocks of chunks, so that the states at the beginnings of both stay few: one
// block up to kBlockSteps steps, about as many blocks as a block has chunks for the longest.
constexpr int64_t kBlockSteps = 1024;

inline int64_t block_length(int64_t longest, int64_t chunk) {
  int64_t block = kBlockSteps;
  while (block * block < longest * chunk) block += chunk;
  return block;
}

// At least 1: a sequence without steps has a state.
inline int64_t block_count(int64_t length, int64_t block) { return length == 0 ? 1 : chunk_count(length, block); }

inline int64_t longest_sequence(int64_t batch, const int32_t *offsets) {
  int64_t longest = 0;
  for (int64_t s = 0; s < batch; ++s)
    longest = offsets[s + 1] - offsets[s] > longest ? offsets[s + 1] - offsets[s] : longest;
  return longest;
}

// Asks for a part of a row before it is needed: parts of rows are too far apart for the processor to foresee.
SSM_INLINE void prefetch(const float *row, int64_t columns) {
  for (int64_t c = 0; c < columns; c += 64 / static_cast<int64_t>(sizeof(float))) __builtin_prefetch(row + c);
}

// Pieces of a workspace, whole vectors each. With base null it only counts.
class Pieces {
 public:
  explicit Pieces(float *base) : base_(base) {}

  float *take(int64_t vectors) {
    float *piece = base_ == nullptr ? nullptr : base_ + floats_;
    floats_ += vectors * kLanes;
    return piece;
  }

  int64_t floats() const { return floats_; }

 private:
  float *base_;
  int64_t floats_ = 0;
};

}  // namespace SSM_NAMESPACE
