// The exported functions: each calls the kernel of the instruction set in use.
#include "target.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>

namespace {

// Best first.
const ssm_target *const kTargets[] = {
#ifdef SSM_X86
    &ssm_target_v4,
    &ssm_target_v3,
    &ssm_target_v2,
#else
    &ssm_target_generic,
#endif
};

bool supported(const ssm_target *target) {
#ifdef SSM_X86
  if (target == &ssm_target_v4) return __builtin_cpu_supports("x86-64-v4");
  if (target == &ssm_target_v3) return __builtin_cpu_supports("x86-64-v3");
  return __builtin_cpu_supports("x86-64-v2");
#else
  (void)target;
  return true;
#endif
}

const ssm_target *best() {
  for (const ssm_target *target : kTargets)
    if (supported(target)) return target;
  return nullptr;
}

std::atomic<const ssm_target *> selected{nullptr};

const ssm_target *current() {
  const ssm_target *target = selected.load(std::memory_order_acquire);
  if (target == nullptr) {
    target = best();
    selected.store(target, std::memory_order_release);
  }
  return target;
}

// The entries of a signature; 0 if the shape is impossible or the number does not fit.
int64_t signature_width(int32_t channels, int32_t depth) {
  if (channels < 1 || depth < 1) return 0;
  if (channels == 1) return depth;
  int64_t width = 0;
  for (int32_t k = 0; k < depth; ++k)
    if (__builtin_add_overflow(width, 1, &width) || __builtin_mul_overflow(width, int64_t{channels}, &width)) return 0;
  return width;
}

// Checks a batch of row ranges; `ragged` tells whether their lengths differ.
bool valid_ranges(const int64_t *begin, const int64_t *end, int64_t batch, bool *ragged) {
  *ragged = false;
  for (int64_t b = 0; b < batch; ++b) {
    if (begin[b] < 0 || end[b] < begin[b]) return false;
    if (end[b] - begin[b] != end[0] - begin[0]) *ragged = true;
  }
  return true;
}

// Sequences by falling length, so that the lanes of one vector have little padding.
class LengthOrder {
 public:
  LengthOrder(const int64_t *begin, const int64_t *end, int64_t batch, bool ragged) {
    if (!ragged) return;
    order_ = static_cast<int64_t *>(std::malloc(batch * sizeof(int64_t)));
    failed_ = order_ == nullptr;
    if (failed_) return;
    for (int64_t b = 0; b < batch; ++b) order_[b] = b;
    std::sort(order_, order_ + batch, [&](int64_t a, int64_t b) {
      const int64_t length_a = end[a] - begin[a], length_b = end[b] - begin[b];
      return length_a != length_b ? length_a > length_b : a < b;
    });
  }
  ~LengthOrder() { std::free(order_); }
  LengthOrder(const LengthOrder &) = delete;
  LengthOrder &operator=(const LengthOrder &) = delete;

  bool failed() const { return failed_; }
  const int64_t *get() const { return order_; }

 private:
  int64_t *order_ = nullptr;
  bool failed_ = false;
};

template <typename T, typename Kernel>
int32_t signature_forward(Kernel kernel, const T *values, const int64_t *begin, const int64_t *end, int64_t batch,
                          int32_t channels, int32_t depth, T *out) {
  bool ragged;
  if (batch < 0 || signature_width(channels, depth) == 0 || !valid_ranges(begin, end, batch, &ragged))
    return SSM_INVALID_ARGUMENT;
  const LengthOrder order(begin, end, batch, ragged);
  if (order.failed()) return SSM_OUT_OF_MEMORY;
  return kernel(values, begin, end, order.get(), batch, channels, depth, out);
}

}  // namespace

extern "C" {

int32_t ssm_abi_version(void) { return 1; }

const char *ssm_target_name(void) {
  const ssm_target *target = current();
  return target == nullptr ? "none" : target->name;
}

int32_t ssm_target_select(const char *name) {
  if (name == nullptr) return SSM_INVALID_ARGUMENT;
  if (std::strcmp(name, "auto") == 0) {
    const ssm_target *target = best();
    if (target == nullptr) return SSM_UNSUPPORTED_TARGET;
    selected.store(target, std::memory_order_release);
    return SSM_OK;
  }
  for (const ssm_target *target : kTargets) {
    if (std::strcmp(name, target->name) == 0) {
      if (!supported(target)) return SSM_UNSUPPORTED_TARGET;
      selected.store(target, std::memory_order_release);
      return SSM_OK;
    }
  }
  return SSM_UNSUPPORTED_TARGET;
}

int32_t ssm_signature_forward_f32(const float *values, const int64_t *begin, const int64_t *end, int64_t batch,
                                  int32_t channels, int32_t depth, float *out) {
  return signature_forward(current()->signature_forward_f32, values, begin, end, batch, channels, depth, out);
}

int32_t ssm_signature_forward_f64(const double *values, const int64_t *begin, const int64_t *end, int64_t batch,
                                  int32_t channels, int32_t depth, double *out) {
  return signature_forward(current()->signature_forward_f64, values, begin, end, batch, channels, depth, out);
}
}
