// Matrix products: cuBLAS where the machine has it, else a tiled kernel. cuBLAS is looked for when a context opens, so
// that the library itself loads anywhere.
#include <dlfcn.h>

#include <cstdio>

#include "launch.h"

namespace ssm {
namespace {

// The part of cuBLAS's C interface that is used; it is the same in versions 11 to 13.
constexpr int kNoTranspose = 0, kTranspose = 1;
constexpr int kDefaultMath = 0, kTf32Math = 3;
constexpr size_t kWorkspaceBytes = size_t{32} << 20;

const char *const kLibraries[] = {"libcublas.so.13", "libcublas.so.12", "libcublas.so.11",
                                  "/usr/local/cuda/lib64/libcublas.so.13", "/usr/local/cuda/lib64/libcublas.so.12"};

}  // namespace

struct Blas::Library {
  int (*create)(void **handle);
  int (*destroy)(void *handle);
  int (*set_stream)(void *handle, cudaStream_t stream);
  int (*set_workspace)(void *handle, void *workspace, size_t bytes);
  int (*set_math_mode)(void *handle, int mode);
  int (*get_version)(void *handle, int *version);
  int (*sgemm)(void *handle, int transpose_a, int transpose_b, int m, int n, int k, const float *alpha, const float *a,
               int lda, const float *b, int ldb, const float *beta, float *c, int ldc);
  bool complete;

  explicit Library(void *loaded) {
    complete = find(loaded, "cublasCreate_v2", &create) && find(loaded, "cublasDestroy_v2", &destroy) &&
               find(loaded, "cublasSetStream_v2", &set_stream) &&
               find(loaded, "cublasSetWorkspace_v2", &set_workspace) &&
               find(loaded, "cublasSetMathMode", &set_math_mode) && find(loaded, "cublasGetVersion_v2", &get_version) &&
               find(loaded, "cublasSgemm_v2", &sgemm);
  }

 private:
  template <typename F>
  static bool find(void *loaded, const char *name, F *function) {
    *function = reinterpret_cast<F>(dlsym(loaded, name));
    return *function != nullptr;
  }
};

Blas::Blas(cudaStream_t stream, bool tf32) : description_("no cuBLAS found: products by our own slower kernel") {
#ifdef __CUDACC__
  for (const char *name : kLibraries) {
    void *const loaded = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (loaded == nullptr) continue;
    Library *const library = new Library(loaded);
    if (!library->complete || library->create(&handle_) != 0) {
      delete library;
      continue;
    }
    library_ = library;
    int version = 0;
    // A workspace of its own keeps products of one stream the same from run to run.
    check(cudaMalloc(&workspace_, kWorkspaceBytes), "allocating the workspace of cuBLAS");
    if (library->set_stream(handle_, stream) != 0 ||
        library->set_workspace(handle_, workspace_, kWorkspaceBytes) != 0 ||
        library->set_math_mode(handle_, tf32 ? kTf32Math : kDefaultMath) != 0 ||
        library->get_version(handle_, &version) != 0)
      fail(SSM_CUDA_FAILED, "%s could not be set up", name);
    char text[96];
    std::snprintf(text, sizeof text, "cuBLAS %d.%d.%d%s", version / 10000, version / 100 % 100, version % 100,
                  tf32 ? " with TF32" : "");
    description_ = text;
    return;
  }
#else
  (void)stream;
  (void)tf32;
  (void)kLibraries;
  (void)kDefaultMath;
  (void)kTf32Math;
  (void)kWorkspaceBytes;
#endif
}

Blas::~Blas() {
  if (library_ != nullptr) library_->destroy(handle_);
  if (workspace_ != nullptr) cudaFree(workspace_);
  delete library_;
}

bool Blas::gemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha, const float *a,
                int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc) {
  if (library_ == nullptr) return false;
  // cuBLAS is column-major: a row-major c is its c^T = op(b)^T op(a)^T.
  const int status = library_->sgemm(handle_, transpose_b ? kTranspose : kNoTranspose,
                                     transpose_a ? kTranspose : kNoTranspose, static_cast<int>(n), static_cast<int>(m),
                                     static_cast<int>(k), &alpha, b, static_cast<int>(ldb), a, static_cast<int>(lda),
                                     &beta, c, static_cast<int>(ldc));
  if (status != 0) fail(SSM_CUDA_FAILED, "cublasSgemm failed with status %d", status);
  return true;
}

namespace {

constexpr int kTile = 64;   // rows and columns of c of a block
constexpr int kDepth = 16;  // of the tiles of a and b in shared memory
constexpr int kEach = 4;    // rows and columns of c of a thread

// A block computes kTile x kTile elements of c with 16 x 16 threads, which hold kEach x kEach each.
template <bool kTransposeA, bool kTransposeB>
__global__ void tiled_gemm(int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda, const float *b,
                           int64_t ldb, float beta, float *c, int64_t ldc) {
  __shared__ float tile_a[kDepth][kTile + 1], tile_b[kDepth][kTile + 1];
  const int tx = threadIdx.x, ty = threadIdx.y, thread = ty * 16 + tx;
  const int64_t row = int64_t{blockIdx.y} * kTile, column = int64_t{blockIdx.x} * kTile;
  float sums[kEach][kEach] = {};
  for (int64_t begin = 0; begin < k; begin += kDepth) {
    for (int i = thread; i < kTile * kDepth; i += 256) {
      // Neighbouring threads read neighbouring elements.
      const int da = kTransposeA ? i / kTile : i % kDepth, ra = kTransposeA ? i % kTile : i / kDepth;
      const int64_t ka = begin + da, ma = row + ra;
      tile_a[da][ra] = ka < k && ma < m ? (kTransposeA ? a[ka * lda + ma] : a[ma * lda + ka]) : 0.0f;
      const int db = kTransposeB ? i % kDepth : i / kTile, cb = kTransposeB ? i / kDepth : i % kTile;
      const int64_t kb = begin + db, nb = column + cb;
      tile_b[db][cb] = kb < k && nb < n ? (kTransposeB ? b[nb * ldb + kb] : b[kb * ldb + nb]) : 0.0f;
    }
    __syncthreads();
    for (int d = 0; d < kDepth; ++d) {
      float left[kEach], right[kEach];
      for (int i = 0; i < kEach; ++i) {
        left[i] = tile_a[d][ty * kEach + i];
        right[i] = tile_b[d][tx + 16 * i];
      }
      for (int i = 0; i < kEach; ++i)
        for (int j = 0; j < kEach; ++j) sums[i][j] += left[i] * right[j];
    }
    __syncthreads();
  }
  for (int i = 0; i < kEach; ++i)
    for (int j = 0; j < kEach; ++j) {
      const int64_t r = row + ty * kEach + i, s = column + tx + 16 * j;
      if (r < m && s < n) {
        float &target = c[r * ldc + s];
        target = alpha * sums[i][j] + (beta == 0.0f ? 0.0f : beta * target);
      }
    }
}

}  // namespace

void gemm(ssm_cuda_context &context, bool transpose_a, bool transpose_b, float alpha, const ssm_cuda_matrix &a,
          const ssm_cuda_matrix &b, float beta, const ssm_cuda_matrix &c) {
  const int64_t m = c.rows, n = c.columns, k = transpose_a ? a.rows : a.columns;
  expect_shape("gemm", "a", a, transpose_a ? k : m, transpose_a ? m : k);
  expect_shape("gemm", "b", b, transpose_b ? n : k, transpose_b ? k : n);
  if (m == 0 || n == 0) return;
  if (k == 0) {
    for_each_element(context, m, n, [=] __device__(int64_t r, int64_t s) {
      at(c, r, s) = beta == 0.0f ? 0.0f : beta * at(c, r, s);
    });
    return;
  }
  check(cudaSetDevice(context.device), "selecting the GPU");
  if (context.blas->gemm(transpose_a, transpose_b, m, n, k, alpha, a.data, a.stride, b.data, b.stride, beta, c.data,
                         c.stride))
    return;
  const auto kernel = transpose_a ? (transpose_b ? tiled_gemm<true, true> : tiled_gemm<true, false>)
                                  : (transpose_b ? tiled_gemm<false, true> : tiled_gemm<false, false>);
  launch(context, kernel,
         dim3(static_cast<unsigned>(divide_up(n, kTile)), static_cast<unsigned>(divide_up(m, kTile))), dim3(16, 16), 0,
         m, n, k, alpha, static_cast<const float *>(a.data), a.stride, static_cast<const float *>(b.data), b.stride,
         beta, c.data, c.stride);
}

}  // namespace ssm

extern "C" int32_t ssm_cuda_gemm(ssm_cuda_context *context, int32_t transpose_a, int32_t transpose_b, float alpha,
                                 const ssm_cuda_matrix *a, const ssm_cuda_matrix *b, float beta,
                                 const ssm_cuda_matrix *c) try {
  ssm::gemm(*context, transpose_a != 0, transpose_b != 0, alpha, *a, *b, beta, *c);
  return SSM_CUDA_OK;
} catch (...) {
  return ssm::status_of_exception();
}
