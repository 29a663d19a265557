// Launching kernels, and the patterns most of them follow: one thread an element, sums over rows, sums over everything.
#pragma once

#include "context.h"

namespace ssm {

constexpr int kWarp = 32;
constexpr unsigned kWholeWarp = 0xffffffffu;

#ifdef __CUDACC__
__device__ inline float *dynamic_shared() {
  extern __shared__ float ssm_dynamic_shared[];
  return ssm_dynamic_shared;
}
#else
inline float *dynamic_shared() { return cuda_emulation::dynamic_shared(); }
#endif

__host__ __device__ inline float &at(const ssm_cuda_matrix &m, int64_t r, int64_t c) {
  return m.data[r * m.stride + c];
}

// Enqueues a kernel. Up to 48 KiB of shared memory need nothing more, beyond that allow_shared must have been called.
template <typename... Parameters, typename... Arguments>
void launch(ssm_cuda_context &context, void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared_bytes,
            Arguments &&...arguments) {
  cudaLaunchConfig_t config = {};
  config.gridDim = grid;
  config.blockDim = block;
  config.dynamicSmemBytes = shared_bytes;
  config.stream = context.stream;
  check(cudaSetDevice(context.device), "selecting the GPU");
  check(cudaLaunchKernelEx(&config, kernel, std::forward<Arguments>(arguments)...), "starting a kernel");
}

// Lets a kernel ask for `bytes` of shared memory on the thread's device.
template <typename Kernel>
void allow_shared(const ssm_cuda_context &context, Kernel *kernel, size_t bytes) {
  if (bytes <= 48 << 10) return;
  if (bytes > static_cast<size_t>(context.shared_bytes))
    fail(SSM_CUDA_INVALID_ARGUMENT,
         "the operation needs %zu bytes of shared memory in a block and this GPU has %d: a smaller state is needed, or "
         "spark.ssm.device=cpu",
         bytes, context.shared_bytes);
  check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes)),
        "asking for shared memory");
}

inline unsigned grid_size(int64_t blocks, int64_t limit = 65535) {
  return static_cast<unsigned>(blocks < 1 ? 1 : blocks < limit ? blocks : limit);
}

template <typename F>
__global__ void each_element(int64_t rows, int64_t columns, F f) {
  for (int64_t r = int64_t{blockIdx.y} * blockDim.y + threadIdx.y; r < rows; r += int64_t{gridDim.y} * blockDim.y)
    for (int64_t c = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; c < columns;
         c += int64_t{gridDim.x} * blockDim.x)
      f(r, c);
}

// f(r, c) for every element, on a thread of its own.
template <typename F>
void for_each_element(ssm_cuda_context &context, int64_t rows, int64_t columns, F f) {
  if (rows == 0 || columns == 0) return;
  unsigned width = 1;
  while (width < columns && width < 256) width *= 2;
  const unsigned height = 256 / width;
  launch(context, each_element<F>, dim3(grid_size(divide_up(columns, width)), grid_size(divide_up(rows, height))),
         dim3(width, height), 0, rows, columns, f);
}

constexpr int kSumRows = 8;  // rows that a block of a sum over rows reads at a time

template <typename F>
__global__ void column_partials(int64_t rows, int64_t columns, int64_t rows_per_block, F f, float *partials) {
  __shared__ float part[kSumRows][kWarp + 1];
  const int64_t c = int64_t{blockIdx.x} * kWarp + threadIdx.x;
  const int64_t begin = blockIdx.y * rows_per_block;
  const int64_t end = begin + rows_per_block < rows ? begin + rows_per_block : rows;
  float sum = 0;
  if (c < columns)
    for (int64_t r = begin + threadIdx.y; r < end; r += kSumRows) sum += f(r, c);
  part[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y == 0 && c < columns) {
    float total = part[0][threadIdx.x];
    for (int i = 1; i < kSumRows; ++i) total += part[i][threadIdx.x];
    partials[blockIdx.y * columns + c] = total;
  }
}

// add(c, sum over the rows of f(r, c)) for every column, summed in an order that depends on the shape alone.
template <typename F, typename G>
void for_each_column_sum(ssm_cuda_context &context, int64_t rows, int64_t columns, F f, G add) {
  if (rows == 0 || columns == 0) return;
  int64_t rows_per_block = divide_up(rows, 128);
  if (rows_per_block < 64) rows_per_block = 64;
  const int64_t blocks = divide_up(rows, rows_per_block);
  Scratch scratch(context);
  float *const partials = scratch.floats(blocks * columns);
  launch(context, column_partials<F>,
         dim3(static_cast<unsigned>(divide_up(columns, kWarp)), static_cast<unsigned>(blocks)), dim3(kWarp, kSumRows),
         0, rows, columns, rows_per_block, f, partials);
  for_each_element(context, 1, columns, [=] __device__(int64_t, int64_t c) {
    float total = 0;
    for (int64_t i = 0; i < blocks; ++i) total += partials[i * columns + c];
    add(c, total);
  });
}

// The sum over the lanes of a warp, the same bits in every lane. All lanes must call it.
__device__ inline float warp_sum(float value) {
  for (int distance = kWarp / 2; distance > 0; distance /= 2)
    value += __shfl_xor_sync(kWholeWarp, value, distance);
  return value;
}

__device__ inline float warp_maximum(float value) {
  for (int distance = kWarp / 2; distance > 0; distance /= 2)
    value = fmaxf(value, __shfl_xor_sync(kWholeWarp, value, distance));
  return value;
}

// The sum over `length` consecutive values of f by a warp: f(i) for i in [0, length).
template <typename F>
__device__ float warp_sum_over(int64_t length, F f) {
  float sum = 0;
  for (int64_t i = threadIdx.x; i < length; i += kWarp) sum += f(i);
  return warp_sum(sum);
}

// Warps in a block of kernels that give each row to a warp.
constexpr int kRowsPerBlock = 4;

template <typename F>
__global__ void each_row(int64_t rows, F f) {
  for (int64_t r = int64_t{blockIdx.x} * kRowsPerBlock + threadIdx.y; r < rows;
       r += int64_t{gridDim.x} * kRowsPerBlock)
    f(r);
}

// f(r) for every row, on a warp of its own: threadIdx.x is the lane.
template <typename F>
void for_each_row(ssm_cuda_context &context, int64_t rows, F f) {
  if (rows == 0) return;
  launch(context, each_row<F>, dim3(grid_size(divide_up(rows, kRowsPerBlock), 1 << 20)), dim3(kWarp, kRowsPerBlock), 0,
         rows, f);
}

constexpr int kTotalThreads = 256;

template <typename F>
__global__ void total_partials(int64_t count, F f, double *partials) {
  __shared__ double part[kTotalThreads];
  const int thread = threadIdx.x;
  double sum = 0;
  for (int64_t i = int64_t{blockIdx.x} * kTotalThreads + thread; i < count;
       i += int64_t{gridDim.x} * kTotalThreads)
    sum += f(i);
  part[thread] = sum;
  for (int half = kTotalThreads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (thread < half) part[thread] += part[thread + half];
  }
  if (thread == 0) partials[blockIdx.x] = part[0];
}

// Total `number` of the context = the sum of f(i) for i in [0, count), in double precision and in an order that depends
// on count alone.
template <typename F>
void total_of(ssm_cuda_context &context, int32_t number, int64_t count, F f) {
  expect(number >= 0 && number < SSM_CUDA_TOTALS, "total", "there are not so many totals");
  const unsigned blocks = grid_size(divide_up(count, 4 * kTotalThreads), 256);
  Scratch scratch(context);
  double *const partials = scratch.doubles(blocks), *const total = context.totals + number;
  launch(context, total_partials<F>, dim3(blocks), dim3(kTotalThreads), 0, count, f, partials);
  for_each_element(context, 1, 1, [=] __device__(int64_t, int64_t) {
    double sum = 0;
    for (unsigned i = 0; i < blocks; ++i) sum += partials[i];
    *total = sum;
  });
}

// The sequence that a row belongs to.
__host__ __device__ inline int64_t sequence_of(const Segments &segments, int64_t row) {
  int64_t low = 0, high = segments.batch;  // offsets[low] <= row < offsets[high]
  while (high - low > 1) {
    const int64_t middle = (low + high) / 2;
    if (segments.offsets[middle] <= row) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return low;
}

}  // namespace ssm
