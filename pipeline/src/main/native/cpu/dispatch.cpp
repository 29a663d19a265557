// The exported functions: each calls the kernel of the instruction set in use.
#include "target.h"

#include <atomic>
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
}
