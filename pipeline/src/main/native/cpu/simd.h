// Vectors of the instruction set this file is compiled for, as GCC/Clang vector extensions.
// Everything here lives in a namespace of its own per instruction set, so that the linker never mixes them.
#pragma once

#include <cstddef>
#include <cstdint>

#define SSM_CONCATENATE_(a, b) a##b
#define SSM_CONCATENATE(a, b) SSM_CONCATENATE_(a, b)
#define SSM_NAMESPACE SSM_CONCATENATE(ssm_, SSM_TARGET)

#if defined(__AVX512F__)
#define SSM_VECTOR_BYTES 64
#elif defined(__AVX__)
#define SSM_VECTOR_BYTES 32
#else
#define SSM_VECTOR_BYTES 16
#endif

#define SSM_INLINE inline __attribute__((always_inline))

namespace SSM_NAMESPACE {

// Unaligned loads and stores are what the type promises, so any pointer to T may be read through it.
template <typename T>
struct VectorOf {
  typedef T type __attribute__((vector_size(SSM_VECTOR_BYTES), aligned(alignof(T)), may_alias));
  static constexpr int lanes = SSM_VECTOR_BYTES / sizeof(T);
};

template <typename T>
using Vector = typename VectorOf<T>::type;

template <typename T>
SSM_INLINE Vector<T> load(const T *p) {
  return *reinterpret_cast<const Vector<T> *>(p);
}

template <typename T>
SSM_INLINE void store(T *p, Vector<T> v) {
  *reinterpret_cast<Vector<T> *>(p) = v;
}

template <typename T>
SSM_INLINE Vector<T> broadcast(T value) {
  return value - Vector<T>{};  // which is a load that spreads; 0 + value would be an addition, because of -0
}

}  // namespace SSM_NAMESPACE
