#!/usr/bin/env bash
# Builds the native library into a class path folder; called by Maven after the Java sources are compiled.
#   build.sh CLASSES BUILD JAVA_HOME CLASSPATH
# Without a C++ compiler or cmake it says so and succeeds: the library then runs its pure-Java kernels.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
classes=$1 build=$2 java_home=$3 classpath=$4

resources=$classes/org/sparkssm/kernel/native
rm -rf "$resources"
for tool in cmake "${CXX:-c++}"; do
  if ! command -v "$tool" >/dev/null 2>&1; then
    echo "spark-ssm: no $tool on this machine: building without the native kernels (the pure-Java ones will run)"
    exit 0
  fi
done

mkdir -p "$build"
"$java_home/bin/java" -cp "$classpath" org.bytedeco.javacpp.tools.Builder -nocompile -d "$build" -o jnissm \
  org.sparkssm.kernel.Native >"$build/javacpp.log" 2>&1 || { cat "$build/javacpp.log"; exit 1; }
cmake -S "$here" -B "$build/cmake" "-DSSM_JNI_SOURCES=$build/jnijavacpp.cpp;$build/jnissm.cpp" \
  -DSSM_JAVA_HOME="$java_home" >"$build/cmake.log" 2>&1 || { cat "$build/cmake.log"; exit 1; }
cmake --build "$build/cmake" --parallel 2 >"$build/make.log" 2>&1 || { cat "$build/make.log"; exit 1; }

# An executor may have an older glibc than this machine.
if command -v readelf >/dev/null 2>&1; then
  newest=$(readelf -V "$build/cmake/libjnissm.so" | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -1)
  if [ "$(printf '%s\n' "$newest" GLIBC_2.28 | sort -V | tail -1)" != GLIBC_2.28 ]; then
    echo "spark-ssm: the native library needs $newest, but it must load on glibc 2.28:" \
      "$(readelf -W --dyn-syms "$build/cmake/libjnissm.so" | grep -o "[A-Za-z_0-9]*@$newest" | sort -u | tr '\n' ' ')"
    exit 1
  fi
fi

# The library is found by the hash of its content, so that no cache ever serves a stale one.
library=$build/cmake/libjnissm.so
hash=$(sha256sum "$library" | cut -c1-16)
platform=linux-$(uname -m)
mkdir -p "$resources/$platform"
cp "$library" "$resources/$platform/libjnissm-$hash.so"
echo "libjnissm-$hash.so" >"$resources/$platform/library.name"
