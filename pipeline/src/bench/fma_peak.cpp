// Prints the single-precision FMA peak of one core of this machine in GFLOP/s: independent chains in registers.
//   g++ -O3 -march=native -ffp-contract=fast fma_peak.cpp
#include <chrono>
#include <cstdio>

#if defined(__AVX512F__)
constexpr int kBytes = 64;
#elif defined(__AVX__)
constexpr int kBytes = 32;
#else
constexpr int kBytes = 16;
#endif
typedef float Floats __attribute__((vector_size(kBytes)));
constexpr int kChains = 12, kLanes = kBytes / 4;
constexpr long kRounds = 20000000;

int main() {
  double best = 0;
  for (int repeat = 0; repeat < 5; ++repeat) {
    Floats x[kChains];
    for (int i = 0; i < kChains; ++i) x[i] = Floats{} + 1e-3f * i;
    Floats a = Floats{} + 0.999f, b = Floats{} + 1e-4f;
    asm volatile("" : "+x"(a), "+x"(b));
    const auto begin = std::chrono::steady_clock::now();
    for (long r = 0; r < kRounds; ++r) {
#pragma GCC unroll 12
      for (int i = 0; i < kChains; ++i) x[i] = x[i] * a + b;
    }
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) asm volatile("" : : "x"(x[i]));
    const double rate = 2.0 * kChains * kLanes * kRounds / seconds.count() * 1e-9;
    best = rate > best ? rate : best;
  }
  std::printf("%.1f\n", best);
}
