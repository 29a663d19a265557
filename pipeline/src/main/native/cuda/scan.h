// What the scans over the steps share. A block takes a bundle of 32 channels, one a lane, of some sequences, or several
// bundles side by side; the warps of a bundle share the states among them, kStates to a thread. Steps go through shared
// memory a tile at a time.
#pragma once

#include <algorithm>
#include <type_traits>
#include <vector>

#include "launch.h"

namespace ssm {

// Steps of a tile; the backward passes keep the state at the beginning of each and recompute what lies between.
constexpr int kTileSteps = 16;

// Beyond that many groups of sequences, a block takes several sequences one after the other, so that what is summed
// over sequences stays small.
constexpr int64_t kMostGroups = 256;

// Blocks take several bundles only where so many blocks remain: about one for every multiprocessor of the largest GPUs.
constexpr int64_t kFewestBlocks = 128;
constexpr int64_t kMostBundles = 4;

struct ScanGrid {
  int64_t heads, columns, states;  // columns and states of a head
  int64_t channel_blocks, groups, sequences_per_group;
  int warps;       // of a bundle
  int bundles;     // of a block
  int64_t padded;  // states, rounded up to what the warps hold

  dim3 grid() const { return dim3(static_cast<unsigned>(channel_blocks), static_cast<unsigned>(groups)); }
  dim3 block() const { return dim3(kWarp, static_cast<unsigned>(warps), static_cast<unsigned>(bundles)); }
};

inline ScanGrid scan_grid(int64_t batch, int64_t columns, int64_t states, int states_per_thread, int64_t heads = 1) {
  ScanGrid grid = {};
  grid.heads = heads;
  grid.columns = columns;
  grid.states = states;
  grid.channel_blocks = heads * divide_up(columns, kWarp);
  grid.sequences_per_group = divide_up(batch, kMostGroups);
  grid.groups = grid.sequences_per_group == 0 ? 0 : divide_up(batch, grid.sequences_per_group);
  grid.warps = static_cast<int>(states < 1 ? 1 : divide_up(states, states_per_thread));
  grid.bundles = 1;
  grid.padded = int64_t{grid.warps} * states_per_thread;
  return grid;
}

// The same channels in blocks of as many bundles as `most_threads` and fits(grid) allow: what a block reads or sums for
// all of its channels moves that much less often.
template <typename F>
ScanGrid in_bundles(ScanGrid grid, int64_t most_threads, F fits) {
  const int64_t most = std::min({kMostBundles, divide_up(grid.columns, kWarp), most_threads / (grid.warps * kWarp)});
  for (int64_t twice = 2; twice <= most; twice *= 2) {
    ScanGrid larger = grid;
    larger.bundles = static_cast<int>(twice);
    larger.channel_blocks = grid.heads * divide_up(grid.columns, twice * kWarp);
    if (larger.channel_blocks * grid.groups < kFewestBlocks || !fits(larger)) break;
    grid = larger;
  }
  return grid;
}

// Calls f(states per thread as a constant) with the least that lets eight warps hold all states.
template <typename F>
void with_states_per_thread(const char *operation, int64_t states, F f) {
  if (states <= 8) return f(std::integral_constant<int, 1>());
  if (states <= 32) return f(std::integral_constant<int, 4>());
  if (states <= 64) return f(std::integral_constant<int, 8>());
  if (states <= 128) return f(std::integral_constant<int, 16>());
  if (states <= 256) return f(std::integral_constant<int, 32>());
  fail(SSM_CUDA_INVALID_ARGUMENT,
       "%s: a state of %lld is more than the 256 that the GPU kernel holds in registers; spark.ssm.device=cpu runs it",
       operation, static_cast<long long>(states));
}

// The most steps of a tile, at least 1, for whose states a block has shared memory: bytes(steps) is what it needs.
template <typename F>
int steps_kept(const ssm_cuda_context &context, F bytes) {
  int kept = kTileSteps;
  while (kept > 1 && bytes(kept) > static_cast<size_t>(context.shared_bytes)) --kept;
  return kept;
}

// A tile's place among the tiles of all sequences: that of step `tile` kTileSteps of a sequence.
__host__ __device__ inline int64_t tile_slot(int64_t first_row, int64_t sequence, int64_t tile) {
  return first_row / kTileSteps + sequence + tile;
}

// Per sequence: tiles of the sequences before it; at last those of all.
inline std::vector<int32_t> first_tiles(int64_t batch, const int32_t *offsets) {
  std::vector<int32_t> first(static_cast<size_t>(batch) + 1);
  for (int64_t s = 0; s < batch; ++s)
    first[s + 1] = first[s] + static_cast<int32_t>(divide_up(offsets[s + 1] - offsets[s], kTileSteps));
  return first;
}

inline int64_t tile_slots(const Segments &segments) { return segments.rows / kTileSteps + segments.batch; }

// kStates consecutive floats of shared memory, aligned to 16 bytes where that is a multiple of four.
template <int kStates>
__device__ inline void load_states(const float *shared, float (&values)[kStates]) {
  if constexpr (kStates % 4 == 0) {
#pragma unroll
    for (int j = 0; j < kStates; j += 4) {
      const float4 four = *reinterpret_cast<const float4 *>(shared + j);
      values[j] = four.x;
      values[j + 1] = four.y;
      values[j + 2] = four.z;
      values[j + 3] = four.w;
    }
  } else {
#pragma unroll
    for (int j = 0; j < kStates; ++j) values[j] = shared[j];
  }
}

// Sums kCount values (a power of two, at most 32) over the lanes of a warp at once; lane i is given the sum of value
// i / (32 / kCount). The values are overwritten.
template <int kCount>
__device__ inline float fold_lanes(float (&values)[kCount]) {
  const int lane = threadIdx.x;
  int distance = kWarp / 2;
#pragma unroll
  for (int half = kCount / 2; half > 0; half /= 2) {
    const bool upper = (lane & distance) != 0;
#pragma unroll
    for (int i = 0; i < half; ++i) {
      const float sent = upper ? values[i] : values[i + half];
      const float kept = upper ? values[i + half] : values[i];
      values[i] = kept + __shfl_xor_sync(kWholeWarp, sent, distance);
    }
    distance /= 2;
  }
#pragma unroll
  for (; distance > 0; distance /= 2) values[0] += __shfl_xor_sync(kWholeWarp, values[0], distance);
  return values[0];
}

// Writes the sums over the lanes of kCount values to out[0], out[1], ...
template <int kCount>
__device__ inline void store_lane_sums(const float (&x)[kCount], float *out) {
  constexpr int kShare = kWarp / kCount;
  float copy[kCount];
#pragma unroll
  for (int i = 0; i < kCount; ++i) copy[i] = x[i];
  const float sum = fold_lanes(copy);
  if (threadIdx.x % kShare == 0) out[threadIdx.x / kShare] = sum;
}

// The same for kCount values each, to x_out[0], x_out[1], ... and y_out[0], ...
template <int kCount>
__device__ inline void store_lane_sums(const float (&x)[kCount], const float (&y)[kCount], float *x_out,
                                       float *y_out) {
  const int lane = threadIdx.x;
  if constexpr (kCount < kWarp) {
    constexpr int kShare = kWarp / (2 * kCount);
    float both[2 * kCount];
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      both[i] = x[i];
      both[kCount + i] = y[i];
    }
    const float sum = fold_lanes(both);
    const int i = lane / kShare;
    if (lane % kShare == 0) (i < kCount ? x_out : y_out - kCount)[i] = sum;
  } else {
    store_lane_sums(x, x_out);
    store_lane_sums(y, y_out);
  }
}

}  // namespace ssm
