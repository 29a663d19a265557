#!/usr/bin/env bash
# Builds the library of the kernels for GPUs; called by Maven.
#   build.sh cuda OUTPUT BUILD JAVA_HOME CLASSPATH        into a class path folder, with nvcc (mvn -Pcuda)
#   build.sh emulation OUTPUT BUILD JAVA_HOME CLASSPATH   for tests: the same sources on the processor, with the C++ compiler
# nvcc is $NVCC, or the one on the path, or else NVIDIA's wheels, which are installed below BUILD. For the emulation a
# machine without a C++ compiler is no error: its tests say so.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
kind=$1 output=$2 build=$3 java_home=$4 classpath=$5

options=()
if [ "$kind" = emulation ]; then
  for tool in cmake "${CXX:-c++}"; do
    if ! command -v "$tool" >/dev/null 2>&1; then
      echo "spark-ssm: no $tool on this machine: the CUDA kernels are not tested"
      exit 0
    fi
  done
  options+=(-DSSM_CUDA_EMULATION=ON)
else
  nvcc=${NVCC:-$(command -v nvcc || true)}
  if [ -z "$nvcc" ]; then
    if [ ! -x "$build/toolchain/bin/python" ]; then
      python3 -m venv "$build/toolchain"
    fi
    "$build/toolchain/bin/pip" install --quiet --disable-pip-version-check -r "$here/toolchain.txt"
    nvcc=$(find "$build/toolchain" -path '*/bin/nvcc' | head -1)
  fi
  options+=("-DSSM_NVCC=$nvcc")
fi

mkdir -p "$build"
"$java_home/bin/java" -cp "$classpath" org.bytedeco.javacpp.tools.Builder -nocompile -d "$build" -o jnissm_cuda \
  org.sparkssm.kernel.CudaNative >"$build/javacpp.log" 2>&1 || { cat "$build/javacpp.log"; exit 1; }
cmake -S "$here" -B "$build/cmake" "${options[@]}" -DSSM_JAVA_HOME="$java_home" \
  "-DSSM_JNI_SOURCES=$build/jnijavacpp.cpp;$build/jnissm_cuda.cpp" >"$build/cmake.log" 2>&1 ||
  { cat "$build/cmake.log"; exit 1; }
cmake --build "$build/cmake" --parallel 2 >"$build/make.log" 2>&1 || { cat "$build/make.log"; exit 1; }
library=$build/cmake/libjnissm_cuda.so

if [ "$kind" = emulation ]; then
  mkdir -p "$output"
  cp "$library" "$output/libjnissm_cuda_emulation.so"
  exit 0
fi

# An executor may have an older glibc than this machine; the static CUDA runtime takes threads from where they are since 2.34.
newest=$(readelf -V "$library" | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -1)
if [ "$(printf '%s\n' "$newest" GLIBC_2.34 | sort -V | tail -1)" != GLIBC_2.34 ]; then
  echo "spark-ssm: the CUDA library needs $newest, but it must load on glibc 2.34:" \
    "$(readelf -W --dyn-syms "$library" | grep -o "[A-Za-z_0-9]*@$newest" | sort -u | tr '\n' ' ')"
  exit 1
fi
resources=$output/org/sparkssm/kernel/native/linux-$(uname -m)-cuda
rm -rf "$resources"
mkdir -p "$resources"
hash=$(sha256sum "$library" | cut -c1-16)
cp "$library" "$resources/libjnissm_cuda-$hash.so"
echo "libjnissm_cuda-$hash.so" >"$resources/library.name"
