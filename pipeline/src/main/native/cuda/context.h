// A stream with its memory, what every launcher needs of it, and how failures leave the library.
#pragma once

#include <cuda_runtime.h>

#include <cstdarg>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "ssm_cuda.h"

namespace ssm {

struct Failure {
  int32_t status;
  std::string sentence;
};

[[noreturn]] void fail(int32_t status, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Turns the exception being handled into a status and the sentence of ssm_cuda_error.
int32_t status_of_exception() noexcept;

// Throws unless the runtime said success.
void check(cudaError_t error, const char *what);

// A stack of floats on the device, in blocks that are kept for reuse.
class Memory {
 public:
  Memory(int device, int64_t limit) : device_(device), limit_(limit) {}
  ~Memory();
  Memory(const Memory &) = delete;
  Memory &operator=(const Memory &) = delete;

  float *take(int64_t floats);
  void mark(int64_t mark[2]) const;
  void back_to(const int64_t mark[2]);
  int64_t bytes() const { return held_; }

 private:
  struct Block {
    char *begin;
    int64_t bytes, used;
  };
  void next_block(int64_t bytes);
  bool allocate(int64_t bytes, char **begin);

  int device_;
  int64_t limit_, held_ = 0, current_ = -1;
  std::vector<Block> blocks_;
};

// Pinned memory through which all arrays of the processor go to the device and back.
class Staging {
 public:
  ~Staging();
  // A piece for one transfer, which is counted; it stays untouched until `stream` has done what was enqueued before the
  // next wrap of the ring.
  void *take(size_t bytes, cudaMemcpyKind kind, cudaStream_t stream);
  // As ssm_cuda_transfers.
  void counts(int64_t counts[4]) const;

 private:
  int64_t counts_[4] = {};
  char *ring_ = nullptr;
  size_t size_ = 0, used_ = 0;
};

// Arrays of the processor that lie on the device since an upload, known by their content.
class Uploaded {
 public:
  // `mark` is that of the memory before `device` was taken.
  void add(const int64_t mark[2], const void *values, size_t bytes, const void *device);
  // Null where no such array lies on the device.
  const void *find(const void *values, size_t bytes) const;
  // Forgets those whose memory was given back.
  void back_to(const int64_t mark[2]);

 private:
  struct Array {
    std::pair<int64_t, int64_t> mark;
    std::vector<char> values;
    const void *device;
  };
  std::vector<Array> arrays_;
};

// Matrix products by cuBLAS where that library is found, else by a kernel of ours.
class Blas {
 public:
  Blas(cudaStream_t stream, bool tf32);
  ~Blas();
  Blas(const Blas &) = delete;
  Blas &operator=(const Blas &) = delete;

  // Row-major; false where cuBLAS was not found.
  bool gemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha, const float *a,
            int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc);
  const std::string &description() const { return description_; }

 private:
  struct Library;
  Library *library_ = nullptr;
  void *handle_ = nullptr;
  void *workspace_ = nullptr;
  std::string description_;
};

}  // namespace ssm

struct ssm_cuda_context {
  ssm_cuda_context(int device, int64_t memory_limit, bool tf32);
  ~ssm_cuda_context();

  int device;
  int processors = 0;      // streaming multiprocessors
  int shared_bytes = 0;    // that a block may ask for
  cudaStream_t stream = nullptr;
  ssm::Memory memory;
  ssm::Staging staging;
  ssm::Uploaded uploaded;
  double *totals = nullptr;  // [SSM_CUDA_TOTALS], on the device
  ssm::Blas *blas = nullptr;
  std::string description;
};

namespace ssm {

// Working space of one call, given back at its end. Work enqueued later may reuse it: the stream keeps the order.
class Scratch {
 public:
  // Also makes the context's device that of the thread.
  explicit Scratch(ssm_cuda_context &context) : context_(context) {
    check(cudaSetDevice(context.device), "selecting the GPU");
    context.memory.mark(mark_);
  }
  ~Scratch() { context_.memory.back_to(mark_); }
  Scratch(const Scratch &) = delete;
  Scratch &operator=(const Scratch &) = delete;

  float *floats(int64_t count) { return context_.memory.take(count); }
  ssm_cuda_matrix matrix(int64_t rows, int64_t columns) { return {floats(rows * columns), rows, columns, columns}; }
  double *doubles(int64_t count) { return reinterpret_cast<double *>(floats(2 * count)); }

  // The array on the device: where an upload has brought it, else a copy.
  template <typename T>
  const T *upload(const T *source, int64_t count) {
    return static_cast<const T *>(upload_bytes(source, static_cast<size_t>(count) * sizeof(T)));
  }

 private:
  const void *upload_bytes(const void *source, size_t bytes);

  ssm_cuda_context &context_;
  int64_t mark_[2];
};

// How the rows of a packed batch fall into sequences; the offsets lie on the device.
struct Segments {
  const int32_t *offsets;
  int64_t batch, rows, longest;
};

// Checks offsets of the processor and has them on the device.
Segments upload_segments(Scratch &scratch, int64_t batch, const int32_t *offsets);

__host__ __device__ inline bool present(const ssm_cuda_matrix &m) { return m.data != nullptr; }

// Throws unless the matrix has this shape.
void expect_shape(const char *operation, const char *name, const ssm_cuda_matrix &m, int64_t rows, int64_t columns);
// Also allows an absent matrix.
void expect_shape_or_absent(const char *operation, const char *name, const ssm_cuda_matrix &m, int64_t rows,
                            int64_t columns);
void expect(bool holds, const char *operation, const char *sentence);

void gemm(ssm_cuda_context &context, bool transpose_a, bool transpose_b, float alpha, const ssm_cuda_matrix &a,
          const ssm_cuda_matrix &b, float beta, const ssm_cuda_matrix &c);

inline int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace ssm
