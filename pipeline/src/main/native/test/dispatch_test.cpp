#include "ssm.h"

#include <cstdio>
#include <cstring>

// Exit status: the number of failed checks.
int main() {
  int failures = 0;
  auto check = [&](bool condition, const char *what) {
    if (!condition) {
      std::printf("FAILED: %s\n", what);
      ++failures;
    }
  };
  check(ssm_target_select("auto") == SSM_OK, "the best target of this machine can be selected");
  const char *best = ssm_target_name();
  check(ssm_target_select("no-such-target") == SSM_UNSUPPORTED_TARGET, "an unknown target is refused");
  check(std::strcmp(ssm_target_name(), best) == 0, "a refused selection changes nothing");
  check(ssm_target_select(nullptr) == SSM_INVALID_ARGUMENT, "a null name is refused");
  return failures;
}
