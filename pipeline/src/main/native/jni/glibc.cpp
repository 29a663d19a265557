// Keeps the shared library loadable on glibc 2.28: what the static C++ runtime and the JNI code take from newer glibc
// versions is defined here, hidden, on top of the oldest version of the same function. build.sh checks the result.
#include <dlfcn.h>

#if defined(__GLIBC__)

#if defined(__x86_64__)
#define SSM_OLDEST_GLIBC "GLIBC_2.2.5"
#elif defined(__aarch64__)
#define SSM_OLDEST_GLIBC "GLIBC_2.17"
#endif

#ifdef SSM_OLDEST_GLIBC

#define SSM_OLDEST(alias, function) __asm__(".symver " #alias "," #function "@" SSM_OLDEST_GLIBC)
#define SSM_HIDDEN __attribute__((visibility("hidden")))

extern "C" {

SSM_OLDEST(ssm_old_dlopen, dlopen);
SSM_OLDEST(ssm_old_dlsym, dlsym);
SSM_OLDEST(ssm_old_dlclose, dlclose);
SSM_OLDEST(ssm_old_dlerror, dlerror);

void *ssm_old_dlopen(const char *, int);
void *ssm_old_dlsym(void *, const char *);
int ssm_old_dlclose(void *);
char *ssm_old_dlerror();

SSM_HIDDEN void *dlopen(const char *file, int mode) noexcept { return ssm_old_dlopen(file, mode); }
SSM_HIDDEN void *dlsym(void *handle, const char *name) noexcept { return ssm_old_dlsym(handle, name); }
SSM_HIDDEN int dlclose(void *handle) noexcept { return ssm_old_dlclose(handle); }
SSM_HIDDEN char *dlerror() noexcept { return ssm_old_dlerror(); }

// glibc 2.32's hint that atomics may be skipped; false is always right.
SSM_HIDDEN char __libc_single_threaded = 0;
}

#endif
#endif
