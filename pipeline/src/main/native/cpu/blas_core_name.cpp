// Which of its kernels the OpenBLAS of this process has chosen for this processor.
#include <dlfcn.h>
#include <link.h>

#include <cstring>

#include "ssm.h"

namespace {

constexpr int kLongestPath = 4096;

/* Copies the path of the first loaded library that has openblas in its name. */
int find_openblas(dl_phdr_info *info, size_t, void *path) {
  if (info->dlpi_name == nullptr || std::strstr(info->dlpi_name, "libopenblas") == nullptr ||
      std::strlen(info->dlpi_name) >= kLongestPath)
    return 0;
  std::strcpy(static_cast<char *>(path), info->dlpi_name);
  return 1;
}

}  // namespace

extern "C" const char *ssm_blas_core_name(void) {
  char path[kLongestPath];
  if (dl_iterate_phdr(find_openblas, path) == 0) return "none";
  void *library = dlopen(path, RTLD_LAZY | RTLD_NOLOAD);
  if (library == nullptr) return "unknown";
  using CoreName = const char *(*)();
  auto core_name = reinterpret_cast<CoreName>(dlsym(library, "openblas_get_corename"));
  const char *name = core_name == nullptr ? "unknown" : core_name();
  dlclose(library);
  return name;
}
