// What the scans over the steps share. A block takes a bundle of 32 channels, one a lane, of some sequences, or several
// bundles side by side; the warps of a bundle share the states among them, kStates to a thread. Steps go through shared
// memory a tile at a time.
#pragma once

#include <algorithm>
#include <type_traits>

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
  int64_t columns, states, channel_blocks, groups, sequences_per_group;
  int warps;       // of a bundle
  int bundles;     // of a block
  int64_t padded;  // states, rounded up to what the warps hold

  dim3 grid() const { return dim3(static_cast<unsigned>(channel_blocks), static_cast<unsigned>(groups)); }
  dim3 block() const { return dim3(kWarp, static_cast<unsigned>(warps), static_cast<unsigned>(bundles)); }
};

inline ScanGrid scan_grid(int64_t batch, int64_t columns, int64_t states, int states_per_thread) {
  ScanGrid grid = {};
  grid.columns = columns;
  grid.states = states;
  grid.channel_blocks = divide_up(columns, kWarp);
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
  for (int64_t twice = 2; twice <= most && divide_up(grid.columns, twice * kWarp) * grid.groups >= kFewestBlocks;
       twice *= 2) {
    ScanGrid larger = grid;
    larger.bundles = static_cast<int>(twice);
    larger.channel_blocks = divide_up(grid.columns, twice * kWarp);
    if (!fits(larger)) break;
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

// Steps of a tile whose states, `floats` numbers a lane and step, are kept in 96 KiB of shared memory.
__host__ __device__ inline int steps_kept(int64_t floats) {
  const int64_t steps = 768 / floats;
  return static_cast<int>(steps < 1 ? 1 : steps < kTileSteps ? steps : kTileSteps);
}

// A tile's place among the tiles of all sequences: that of step `tile` kTileSteps of a sequence.
__host__ __device__ inline int64_t tile_slot(int64_t first_row, int64_t sequence, int64_t tile) {
  return first_row / kTileSteps + sequence + tile;
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

// Writes the sums over the lanes of kCount values each to x_out[0], x_out[1], ... and y_out[0], ...
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
    float one[kCount];
#pragma unroll
    for (int i = 0; i < kCount; ++i) one[i] = x[i];
    x_out[lane] = fold_lanes(one);
#pragma unroll
    for (int i = 0; i < kCount; ++i) one[i] = y[i];
    y_out[lane] = fold_lanes(one);
  }
}

}  // namespace ssm
