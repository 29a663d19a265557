// Fibers that stand for the threads of a block, and the runtime functions on the processor's memory.
#include "cuda_runtime.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <vector>

#if defined(__x86_64__)
// Keeps the registers that a call preserves on the stack that is left, and goes on with what lies on the other: a
// hundred times faster than swapcontext, which asks the kernel for signal masks.
extern "C" void ssm_switch_stack(void **left, void *entered);
asm(R"(
.text
.hidden ssm_switch_stack
.globl ssm_switch_stack
.type ssm_switch_stack, @function
ssm_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size ssm_switch_stack, .-ssm_switch_stack
)");
#else
#include <ucontext.h>
#endif

thread_local dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace cuda_emulation {
namespace {

constexpr size_t kStackBytes = 64 << 10;
constexpr int kWarp = 32;

enum class State { kReady, kAtBlockBarrier, kAtWarpBarrier, kDone };

#if defined(__x86_64__)

struct Context {
  void *stack;

  void begin(char *memory, size_t bytes, void (*function)()) {
    uintptr_t top = (reinterpret_cast<uintptr_t>(memory) + bytes) / 16 * 16;
    void **slot = reinterpret_cast<void **>(top);
    *--slot = nullptr;                              // where a return address would be
    *--slot = reinterpret_cast<void *>(function);
    for (int i = 0; i < 6; ++i) *--slot = nullptr;  // the preserved registers
    stack = slot;
  }
  static void change(Context *left, Context *entered) { ssm_switch_stack(&left->stack, entered->stack); }
};

#else

struct Context {
  ucontext_t context;

  void begin(char *memory, size_t bytes, void (*function)()) {
    getcontext(&context);
    context.uc_stack.ss_sp = memory;
    context.uc_stack.ss_size = bytes;
    context.uc_link = nullptr;
    makecontext(&context, function, 0);
  }
  static void change(Context *left, Context *entered) { swapcontext(&left->context, &entered->context); }
};

#endif

struct Fiber {
  Context context;
  std::unique_ptr<char[]> stack{new char[kStackBytes]};
  State state;
  dim3 index;
};

// Bytes of shared memory that a block may ask for.
size_t shared_limit() {
  const char *const kibibytes = std::getenv("SSM_EMULATION_SHARED_KIB");
  return static_cast<size_t>(kibibytes == nullptr ? 227 : std::atoi(kibibytes)) << 10;
}

// One block at a time; static shared memory is a static variable, so only one grid runs in the process.
std::mutex running;
std::vector<Fiber> fibers;
size_t count;
size_t current;
Context scheduler;
const std::function<void()> *body;
std::vector<float> shared;
uint32_t slots[1024];

[[noreturn]] void fail(const char *message) {
  std::fprintf(stderr, "CUDA emulation: %s (block %u %u %u, thread %u %u %u)\n", message, blockIdx.x, blockIdx.y,
               blockIdx.z, threadIdx.x, threadIdx.y, threadIdx.z);
  std::abort();
}

void enter() {
  (*body)();
  fibers[current].state = State::kDone;
  Context::change(&fibers[current].context, &scheduler);
}

void wait(State state) {
  Fiber &fiber = fibers[current];
  fiber.state = state;
  Context::change(&fiber.context, &scheduler);
}

void prepare(size_t t) {
  Fiber &fiber = fibers[t];
  fiber.context.begin(fiber.stack.get(), kStackBytes, enter);
  fiber.state = State::kReady;
  const unsigned i = static_cast<unsigned>(t);
  fiber.index = dim3(i % blockDim.x, i / blockDim.x % blockDim.y, i / blockDim.x / blockDim.y);
}

// Whether all threads of [begin, end) that have not left are in `state`, and one is.
bool all_in(State state, size_t begin, size_t end) {
  bool found = false;
  for (size_t t = begin; t < end; ++t) {
    if (fibers[t].state == State::kDone) continue;
    if (fibers[t].state != state) return false;
    found = true;
  }
  return found;
}

void release(size_t begin, size_t end) {
  for (size_t t = begin; t < end; ++t)
    if (fibers[t].state != State::kDone) fibers[t].state = State::kReady;
}

void run_block(bool reverse) {
  for (float &value : shared) value = NAN;
  for (size_t t = 0; t < count; ++t) prepare(t);
  for (;;) {
    for (size_t i = 0; i < count; ++i) {
      const size_t t = reverse ? count - 1 - i : i;
      if (fibers[t].state != State::kReady) continue;
      current = t;
      threadIdx = fibers[t].index;
      Context::change(&scheduler, &fibers[t].context);
    }
    bool released = false;
    for (size_t begin = 0; begin < count; begin += kWarp) {
      const size_t end = begin + kWarp < count ? begin + kWarp : count;
      if (all_in(State::kAtWarpBarrier, begin, end)) {
        release(begin, end);
        released = true;
      }
    }
    if (!released && all_in(State::kAtBlockBarrier, 0, count)) {
      release(0, count);
      released = true;
    }
    if (released) continue;
    for (size_t t = 0; t < count; ++t)
      if (fibers[t].state != State::kDone) fail("some threads wait at a barrier that others do not reach");
    return;
  }
}

}  // namespace

void run(dim3 grid, dim3 block, size_t shared_bytes, const std::function<void()> &kernel) {
  const std::lock_guard<std::mutex> lock(running);
  const char *order = std::getenv("SSM_EMULATION_ORDER");
  const bool reverse = order != nullptr && std::strcmp(order, "reverse") == 0;
  count = size_t{block.x} * block.y * block.z;
  if (count == 0 || count > 1024 || grid.y > 65535 || grid.z > 65535 || grid.x == 0 || grid.y == 0 || grid.z == 0 ||
      shared_bytes > shared_limit())
    fail("a launch has an impossible size");
  if (fibers.size() < count) fibers = std::vector<Fiber>(count);
  body = &kernel;
  shared.assign(shared_bytes / sizeof(float) + 1, NAN);
  blockDim = block;
  gridDim = grid;
  for (unsigned z = 0; z < grid.z; ++z)
    for (unsigned y = 0; y < grid.y; ++y)
      for (unsigned x = 0; x < grid.x; ++x) {
        blockIdx = dim3(x, y, z);
        run_block(reverse);
      }
}

void wait_for_block() { wait(State::kAtBlockBarrier); }

void wait_for_warp() { wait(State::kAtWarpBarrier); }

float *dynamic_shared() { return shared.data(); }

int lane() { return static_cast<int>(current % kWarp); }

uint32_t exchange(uint32_t value, int source_lane) {
  const size_t self = current, source = current / kWarp * kWarp + source_lane;
  slots[self] = value;
  wait_for_warp();
  if (source >= count || fibers[source].state == State::kDone) fail("a shuffle reads from a thread that has left");
  value = slots[source];
  wait_for_warp();
  return value;
}

}  // namespace cuda_emulation

const char *cudaGetErrorString(cudaError_t error) {
  return error == cudaErrorMemoryAllocation ? "out of memory" : error == cudaSuccess ? "no error" : "invalid device";
}
cudaError_t cudaGetLastError() { return cudaSuccess; }
cudaError_t cudaGetDeviceCount(int *count) {
  *count = 1;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp *properties, int) {
  std::strcpy(properties->name, "emulation on the processor");
  return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr attribute, int) {
  *value = attribute == cudaDevAttrMultiProcessorCount            ? 2
           : attribute == cudaDevAttrMaxSharedMemoryPerBlockOptin ? static_cast<int>(cuda_emulation::shared_limit())
           : attribute == cudaDevAttrComputeCapabilityMajor       ? 9
                                                                  : 0;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) { return device == 0 ? cudaSuccess : cudaErrorInvalidDevice; }
cudaError_t cudaMemGetInfo(size_t *available, size_t *total) {
  *available = *total = size_t{1} << 30;
  return cudaSuccess;
}
cudaError_t cudaDriverGetVersion(int *version) {
  *version = 0;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int *version) {
  *version = 0;
  return cudaSuccess;
}
cudaError_t cudaMalloc(void **pointer, size_t bytes) {
  *pointer = bytes > size_t{1} << 30 ? nullptr : std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  if (*pointer == nullptr) return cudaErrorMemoryAllocation;
  std::memset(*pointer, 0xff, bytes);
  return cudaSuccess;
}
cudaError_t cudaFree(void *pointer) {
  std::free(pointer);
  return cudaSuccess;
}
cudaError_t cudaMallocHost(void **pointer, size_t bytes) { return cudaMalloc(pointer, bytes); }
cudaError_t cudaFreeHost(void *pointer) { return cudaFree(pointer); }
cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned) {
  *stream = nullptr;
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t) { return cudaSuccess; }
cudaError_t cudaStreamSynchronize(cudaStream_t) { return cudaSuccess; }
cudaError_t cudaMemcpyAsync(void *target, const void *source, size_t bytes, cudaMemcpyKind, cudaStream_t) {
  std::memcpy(target, source, bytes);
  return cudaSuccess;
}
cudaError_t cudaMemcpy2DAsync(void *target, size_t target_pitch, const void *source, size_t source_pitch, size_t width,
                              size_t height, cudaMemcpyKind, cudaStream_t) {
  for (size_t r = 0; r < height; ++r)
    std::memcpy(static_cast<char *>(target) + r * target_pitch, static_cast<const char *>(source) + r * source_pitch,
                width);
  return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void *target, int value, size_t bytes, cudaStream_t) {
  std::memset(target, value, bytes);
  return cudaSuccess;
}
