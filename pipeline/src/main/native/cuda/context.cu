// Contexts, their memory, and transfers.
#include "context.h"

#include <cstdio>
#include <cstring>
#include <new>

namespace ssm {
namespace {

constexpr int64_t kAlignment = 256;
constexpr int64_t kFirstBlock = int64_t{16} << 20;
constexpr int64_t kLargestBlock = int64_t{512} << 20;
constexpr size_t kRing = size_t{8} << 20;

thread_local std::string last_error;

double mebibytes(int64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

}  // namespace

void fail(int32_t status, const char *format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  throw Failure{status, text};
}

int32_t status_of_exception() noexcept {
  try {
    throw;
  } catch (const Failure &failure) {
    last_error = failure.sentence;
    return failure.status;
  } catch (const std::bad_alloc &) {
    last_error = "the processor's memory does not suffice";
    return SSM_CUDA_OUT_OF_MEMORY;
  } catch (...) {
    last_error = "an unexpected exception";
    return SSM_CUDA_FAILED;
  }
}

void check(cudaError_t error, const char *what) {
  if (error != cudaSuccess) fail(SSM_CUDA_FAILED, "%s: %s", what, cudaGetErrorString(error));
}

Memory::~Memory() {
  for (const Block &block : blocks_) cudaFree(block.begin);
}

void Memory::mark(int64_t mark[2]) const {
  mark[0] = current_;
  mark[1] = current_ < 0 ? 0 : blocks_[current_].used;
}

void Memory::back_to(const int64_t mark[2]) {
  for (int64_t b = mark[0] + 1; b <= current_; ++b) blocks_[b].used = 0;
  current_ = mark[0];
  if (current_ >= 0) blocks_[current_].used = mark[1];
}

float *Memory::take(int64_t floats) {
  if (floats < 0 || floats > INT64_MAX / 8) fail(SSM_CUDA_INVALID_ARGUMENT, "%lld numbers", (long long)floats);
  const int64_t bytes = divide_up(floats * 4, kAlignment) * kAlignment;
  while (current_ < 0 || blocks_[current_].used + bytes > blocks_[current_].bytes) next_block(bytes);
  Block &block = blocks_[current_];
  char *const piece = block.begin + block.used;
  block.used += bytes;
  return reinterpret_cast<float *>(piece);
}

bool Memory::allocate(int64_t bytes, char **begin) {
  if (limit_ > 0 && held_ + bytes > limit_) return false;
  check(cudaSetDevice(device_), "selecting the GPU");
  void *pointer = nullptr;
  const cudaError_t error = cudaMalloc(&pointer, static_cast<size_t>(bytes));
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();  // it would otherwise be reported by the next launch
    return false;
  }
  check(error, "allocating memory of the GPU");
  *begin = static_cast<char *>(pointer);
  return true;
}

// Moves on to a block that has room for `bytes`.
void Memory::next_block(int64_t bytes) {
  const int64_t next = current_ + 1;
  if (next == static_cast<int64_t>(blocks_.size()) || blocks_[next].bytes < bytes) {
    int64_t size = kFirstBlock << (next < 5 ? next : 5);
    if (size > kLargestBlock) size = kLargestBlock;
    if (size < bytes) size = bytes;
    char *begin;
    if (!allocate(size, &begin)) {
      if (size == bytes || !allocate(size = bytes, &begin)) {
        size_t available = 0, total = 0;
        cudaMemGetInfo(&available, &total);
        fail(SSM_CUDA_OUT_OF_MEMORY,
             "the GPU's memory does not suffice: %.1f MiB more are needed, this task holds %.1f MiB%s%s, and the device "
             "has %.1f of %.1f MiB free; make micro-shards smaller (a smaller batch, or more micro-shards a batch), run "
             "fewer tasks on one GPU, or raise spark.ssm.gpu.memory",
             mebibytes(bytes), mebibytes(held_), limit_ > 0 ? " of the allowed MiB " : "",
             limit_ > 0 ? std::to_string(limit_ >> 20).c_str() : "", mebibytes(static_cast<int64_t>(available)),
             mebibytes(static_cast<int64_t>(total)));
      }
    }
    blocks_.insert(blocks_.begin() + next, Block{begin, size, 0});
    held_ += size;
  }
  current_ = next;
}

Staging::~Staging() {
  if (ring_ != nullptr) cudaFreeHost(ring_);
}

void Staging::counts(int64_t counts[4]) const { std::memcpy(counts, counts_, sizeof counts_); }

void *Staging::take(size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  int64_t *const counted = counts_ + (kind == cudaMemcpyHostToDevice ? 0 : 2);
  counted[0] += 1;
  counted[1] += static_cast<int64_t>(bytes);
  bytes = (bytes + 63) / 64 * 64;
  if (used_ + bytes > size_) {
    check(cudaStreamSynchronize(stream), "waiting for the GPU");
    used_ = 0;
    if (bytes > size_) {
      if (ring_ != nullptr) check(cudaFreeHost(ring_), "freeing pinned memory");
      ring_ = nullptr;
      size_ = 0;
      const size_t size = bytes > kRing ? bytes : kRing;
      void *pointer = nullptr;
      if (cudaMallocHost(&pointer, size) != cudaSuccess)
        fail(SSM_CUDA_OUT_OF_MEMORY, "no %.1f MiB of pinned memory left on the processor's side",
             mebibytes(static_cast<int64_t>(size)));
      ring_ = static_cast<char *>(pointer);
      size_ = size;
    }
  }
  char *const piece = ring_ + used_;
  used_ += bytes;
  return piece;
}

void Uploaded::add(const int64_t mark[2], const void *values, size_t bytes, const void *device) {
  const char *const begin = static_cast<const char *>(values);
  arrays_.push_back({{mark[0], mark[1]}, std::vector<char>(begin, begin + bytes), device});
}

const void *Uploaded::find(const void *values, size_t bytes) const {
  for (const Array &array : arrays_)
    if (array.values.size() == bytes && std::memcmp(array.values.data(), values, bytes) == 0) return array.device;
  return nullptr;
}

void Uploaded::back_to(const int64_t mark[2]) {
  while (!arrays_.empty() && arrays_.back().mark >= std::make_pair(mark[0], mark[1])) arrays_.pop_back();
}

const void *Scratch::upload_bytes(const void *source, size_t bytes) {
  if (bytes == 0) return nullptr;
  if (const void *const there = context_.uploaded.find(source, bytes)) return there;
  void *const target = floats(divide_up(static_cast<int64_t>(bytes), 4));
  void *const pinned = context_.staging.take(bytes, cudaMemcpyHostToDevice, context_.stream);
  std::memcpy(pinned, source, bytes);
  check(cudaMemcpyAsync(target, pinned, bytes, cudaMemcpyHostToDevice, context_.stream), "copying to the GPU");
  return target;
}

Segments upload_segments(Scratch &scratch, int64_t batch, const int32_t *offsets) {
  int64_t longest = 0;
  expect(batch >= 0 && offsets[0] == 0, "segments", "offsets begin with 0");
  for (int64_t b = 0; b < batch; ++b) {
    const int64_t length = int64_t{offsets[b + 1]} - offsets[b];
    expect(length >= 0, "segments", "offsets do not decrease");
    if (length > longest) longest = length;
  }
  return {scratch.upload(offsets, batch + 1), batch, offsets[batch], longest};
}

void expect(bool holds, const char *operation, const char *sentence) {
  if (!holds) fail(SSM_CUDA_INVALID_ARGUMENT, "%s: %s", operation, sentence);
}

void expect_shape(const char *operation, const char *name, const ssm_cuda_matrix &m, int64_t rows, int64_t columns) {
  if (!present(m)) fail(SSM_CUDA_INVALID_ARGUMENT, "%s: %s is missing", operation, name);
  if (m.rows != rows || m.columns != columns)
    fail(SSM_CUDA_INVALID_ARGUMENT, "%s: %s is %lld x %lld, expected %lld x %lld", operation, name,
         static_cast<long long>(m.rows), static_cast<long long>(m.columns), static_cast<long long>(rows),
         static_cast<long long>(columns));
}

void expect_shape_or_absent(const char *operation, const char *name, const ssm_cuda_matrix &m, int64_t rows,
                            int64_t columns) {
  if (present(m)) expect_shape(operation, name, m, rows, columns);
}

}  // namespace ssm

using namespace ssm;

namespace {

size_t row_bytes(const ssm_cuda_matrix &m) { return static_cast<size_t>(m.columns) * sizeof(float); }
size_t stride_bytes(const ssm_cuda_matrix &m) { return static_cast<size_t>(m.stride) * sizeof(float); }

// Copies the rows of a matrix of this shape between the device and pinned memory.
void copy_rows(ssm_cuda_context &context, const ssm_cuda_matrix &shape, void *target, size_t target_pitch,
               const void *source, size_t source_pitch, cudaMemcpyKind kind) {
  const size_t rows = static_cast<size_t>(shape.rows);
  const bool dense = shape.stride == shape.columns || rows == 1;
  check(dense ? cudaMemcpyAsync(target, source, row_bytes(shape) * rows, kind, context.stream)
              : cudaMemcpy2DAsync(target, target_pitch, source, source_pitch, row_bytes(shape), rows, kind,
                                  context.stream),
        "copying between the processor and the GPU");
}

}  // namespace

ssm_cuda_context::ssm_cuda_context(int device, int64_t memory_limit, bool tf32)
    : device(device), memory(device, memory_limit) {
  check(cudaSetDevice(device), "selecting the GPU");
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "creating a stream");
  int major = 0, minor = 0, driver = 0, runtime = 0;
  check(cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, device), "asking the GPU");
  check(cudaDeviceGetAttribute(&shared_bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device), "asking the GPU");
  check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device), "asking the GPU");
  check(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device), "asking the GPU");
  check(cudaDriverGetVersion(&driver), "asking the driver");
  check(cudaRuntimeGetVersion(&runtime), "asking the runtime");
  cudaDeviceProp properties;
  check(cudaGetDeviceProperties(&properties, device), "asking the GPU");
  void *pointer = nullptr;
  check(cudaMalloc(&pointer, SSM_CUDA_TOTALS * sizeof(double)), "allocating memory of the GPU for totals");
  totals = static_cast<double *>(pointer);
  blas = new Blas(stream, tf32);
  char text[512];
  std::snprintf(text, sizeof text, "cuda %s, compute capability %d.%d, driver for CUDA %d.%d, runtime %d.%d, %s",
                properties.name, major, minor, driver / 1000, driver % 1000 / 10, runtime / 1000,
                runtime % 1000 / 10, blas->description().c_str());
  description = text;
}

ssm_cuda_context::~ssm_cuda_context() {
  delete blas;
  cudaFree(totals);
  if (stream != nullptr) cudaStreamDestroy(stream);
}

extern "C" {

int32_t ssm_cuda_abi_version(void) { return 3; }

const char *ssm_cuda_error(void) { return last_error.c_str(); }

int32_t ssm_cuda_device_count(int32_t *count) try {
  int found = 0;
  const cudaError_t error = cudaGetDeviceCount(&found);
  *count = 0;
  if (error == cudaErrorInsufficientDriver) {
    cudaGetLastError();
    fail(SSM_CUDA_FAILED, "this machine has no NVIDIA driver, or one that is too old for CUDA 13");
  }
  check(error, "looking for GPUs");
  if (found == 0) fail(SSM_CUDA_FAILED, "the NVIDIA driver shows no GPU to this process");
  *count = found;
  return SSM_CUDA_OK;
} catch (...) {
  return status_of_exception();
}

int32_t ssm_cuda_open(int32_t device, int64_t memory_limit, int32_t tf32, ssm_cuda_context **context) try {
  *context = new ssm_cuda_context(device, memory_limit, tf32 != 0);
  return SSM_CUDA_OK;
} catch (...) {
  return status_of_exception();
}

void ssm_cuda_close(ssm_cuda_context *context) {
  if (context == nullptr) return;
  cudaSetDevice(context->device);
  cudaStreamSynchronize(context->stream);
  delete context;
}

const char *ssm_cuda_description(const ssm_cuda_context *context) { return context->description.c_str(); }

int32_t ssm_cuda_take(ssm_cuda_context *context, int64_t floats, float **address) try {
  *address = context->memory.take(floats);
  return SSM_CUDA_OK;
} catch (...) {
  return status_of_exception();
}

void ssm_cuda_mark(const ssm_cuda_context *context, int64_t mark[2]) { context->memory.mark(mark); }

void ssm_cuda_back_to(ssm_cuda_context *context, const int64_t mark[2]) {
  context->memory.back_to(mark);
  context->uploaded.back_to(mark);
}

int64_t ssm_cuda_bytes(const ssm_cuda_context *context) { return context->memory.bytes(); }

int32_t ssm_cuda_write(ssm_cuda_context *context, const float *source, const ssm_cuda_matrix *target) try {
  const size_t bytes = row_bytes(*target) * target->rows;
  if (bytes == 0) return SSM_CUDA_OK;
  void *const pinned = context->staging.take(bytes, cudaMemcpyHostToDevice, context->stream);
  std::memcpy(pinned, source, bytes);
  copy_rows(*context, *target, target->data, stride_bytes(*target), pinned, row_bytes(*target), cudaMemcpyHostToDevice);
  return SSM_CUDA_OK;
} catch (...) {
  return status_of_exception();
}

int32_t ssm_cuda_read(ssm_cuda_context *context, const ssm_cuda_matrix *source, float *target) try {
  const size_t bytes = row_bytes(*source) * source->rows;
  if (bytes == 0) return SSM_CUDA_OK;
  void *const pinned = context->staging.take(bytes, cudaMemcpyDeviceToHost, context->stream);
  copy_rows(*context, *source, pinned, row_bytes(*source), source->data, stride_bytes(*source), cudaMemcpyDeviceToHost);
  check(cudaStreamSynchronize(context->stream), "running on the GPU");
  std::memcpy(target, pinned, bytes);
  return SSM_CUDA_OK;
} catch (...) {
  return status_of_exception();
}

int32_t ssm_cuda_read_totals(ssm_cuda_context *context, int64_t count, double *values) try {
  expect(count >= 0 && count <= SSM_CUDA_TOTALS, "read_totals", "there are not so many totals");
  if (count == 0) return SSM_CUDA_OK;
  const size_t bytes = static_cast<size_t>(count) * sizeof(double);
  void *const pinned = context->staging.take(bytes, cudaMemcpyDeviceToHost, context->stream);
  check(cudaMemcpyAsync(pinned, context->totals, bytes, cudaMemcpyDeviceToHost, context->stream),
        "copying from the GPU");
  check(cudaStreamSynchronize(context->stream), "running on the GPU");
  std::memcpy(values, pinned, bytes);
  return SSM_CUDA_OK;
} catch (...) {
  return status_of_exception();
}

void ssm_cuda_transfers(const ssm_cuda_context *context, int64_t counts[4]) { context->staging.counts(counts); }

int32_t ssm_cuda_synchronize(ssm_cuda_context *context) try {
  check(cudaStreamSynchronize(context->stream), "running on the GPU");
  return SSM_CUDA_OK;
} catch (...) {
  return status_of_exception();
}

}  // extern "C"
