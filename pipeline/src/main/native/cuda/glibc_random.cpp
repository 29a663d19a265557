// The static C++ runtime takes random numbers from glibc 2.36 where it was built with that; here they come from a function
// that older ones have. Nothing of ours draws them.
#include <stdint.h>
#include <sys/random.h>

extern "C" __attribute__((visibility("hidden"))) uint32_t arc4random() noexcept {
  uint32_t value = 0;
  while (getrandom(&value, sizeof value, 0) != sizeof value) {
  }
  return value;
}
