// The error bounds that cpu/simd_math.h and cpu/trigonometry.h state, against the C library in double precision, on one instruction set.
#include "simd_math.h"
#include "trigonometry.h"

#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>

using namespace SSM_NAMESPACE;

namespace {

int failures = 0;

double ulp(double value) {
  const float magnitude = static_cast<float>(std::fabs(value));
  return std::nextafterf(magnitude, std::numeric_limits<float>::infinity()) - static_cast<double>(magnitude);
}

// The largest error of f against exact over [from, to], in units in the last place of max(|exact|, floor).
template <typename F, typename Exact>
void check(const char *name, float from, float to, double bound, double floor, F f, Exact exact) {
  constexpr int kPoints = 200000;
  double worst = 0;
  float where = from;
  for (int i = 0; i < kPoints; i += kLanes) {
    float x[kLanes], y[kLanes];
    for (int k = 0; k < kLanes; ++k)
      x[k] = static_cast<float>(from + (static_cast<double>(to) - from) * (i + k) / (kPoints - 1));
    store(y, f(load(x)));
    for (int k = 0; k < kLanes; ++k) {
      const double expected = exact(static_cast<double>(x[k]));
      const double error = std::fabs(y[k] - expected) / ulp(std::fmax(std::fabs(expected), floor));
      if (!(error <= worst)) worst = error, where = x[k];
    }
  }
  std::printf("%-20s [%g, %g]: %.2f ulp at %g (stated %g)\n", name, from, to, worst, where, bound);
  if (!(worst <= bound)) {
    std::printf("FAILED\n");
    ++failures;
  }
}

void check_value(const char *name, Floats actual, float expected) {
  for (int k = 0; k < kLanes; ++k) {
    const float value = actual[k];
    if (std::isnan(expected) ? !std::isnan(value) : value != expected) {
      std::printf("FAILED: %s is %g, expected %g\n", name, value, expected);
      ++failures;
    }
  }
}

bool supported() {
#if defined(__x86_64__)
#if defined(__AVX512F__)
  return __builtin_cpu_supports("x86-64-v4");
#elif defined(__AVX__)
  return __builtin_cpu_supports("x86-64-v3");
#else
  return __builtin_cpu_supports("x86-64-v2");
#endif
#else
  return true;
#endif
}

}  // namespace

int main() {
  if (!supported()) {
    std::printf("this processor lacks the instruction set\n");
    return 77;
  }
  const double smallest = std::ldexp(1, -126), infinity = std::numeric_limits<double>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  auto decay_of = [](Floats d, float a) {
    const Floats transition = broadcast(a);
    Floats decay;
    exp2_of_decays<1>(d, &transition, &decay);
    return decay;
  };
  auto decay = [&](Floats x) { return decay_of(x, 1.0f); };
  auto exact_decay = [](double x) { return std::exp2(x); };
  check("exp2_of_decays", -120, 0, 3, 0, decay, exact_decay);
  check("exp2_of_decays", -1, 0, 3, 0, decay, exact_decay);
  check("exp2_of_decays", -std::ldexp(1.0f, -10), 0, 1, 0, decay, exact_decay);
  check("exp2_of_decays", 0, 120, 128, 0, decay, exact_decay);
  check("exp", -87, 88, 2, 0, [](Floats x) { return exp(x); }, [](double x) { return std::exp(x); });
  check("exp", -2, 2, 2, 0, [](Floats x) { return exp(x); }, [](double x) { return std::exp(x); });
  check("exp", -105, -87, 2, smallest, [](Floats x) { return exp(x); }, [](double x) { return std::exp(x); });
  check("log1p_of_fraction", 0, 1, 2, 0, [](Floats x) { return log1p_of_fraction(x); },
        [](double x) { return std::log1p(x); });
  auto softplus_exact = [](double x) { return std::fmax(x, 0) + std::log1p(std::exp(-std::fabs(x))); };
  check("softplus", -87, 90, 3, 0, [](Floats x) { return softplus(x); }, softplus_exact);
  check("softplus", -3, 3, 3, 0, [](Floats x) { return softplus(x); }, softplus_exact);
  check("sigmoid", -87, 90, 3, 0, [](Floats x) { return sigmoid(x); }, [](double x) { return 1 / (1 + std::exp(-x)); });
  check("sigmoid", -3, 3, 3, 0, [](Floats x) { return sigmoid(x); }, [](double x) { return 1 / (1 + std::exp(-x)); });
  check("tanh", -12, 12, 2, 0, [](Floats x) { return tanh(x); }, [](double x) { return std::tanh(x); });
  check("tanh", -1, 1, 2, 0, [](Floats x) { return tanh(x); }, [](double x) { return std::tanh(x); });
  check("erf", -5, 5, 2, 0, [](Floats x) { return erf(x); }, [](double x) { return std::erf(x); });
  check("erf", -1.1f, 1.1f, 2, 0, [](Floats x) { return erf(x); }, [](double x) { return std::erf(x); });
  check("erfc", -5, 9, 6, std::ldexp(1, -120), [](Floats x) { return erfc(x); }, [](double x) { return std::erfc(x); });
  check("erfc", -1.1f, 1.1f, 6, 0, [](Floats x) { return erfc(x); }, [](double x) { return std::erfc(x); });

  // 0.8 units of 2^-23 are 1e-7.
  auto sine = [](Floats x) {
    Floats s, c;
    sine_and_cosine(x, &s, &c);
    return s;
  };
  auto cosine = [](Floats x) {
    Floats s, c;
    sine_and_cosine(x, &s, &c);
    return c;
  };
  check("sine", -4, 4, 0.8, 1, sine, [](double x) { return std::sin(x); });
  check("sine", -8192, 8192, 0.8, 1, sine, [](double x) { return std::sin(x); });
  check("cosine", -4, 4, 0.8, 1, cosine, [](double x) { return std::cos(x); });
  check("cosine", -8192, 8192, 0.8, 1, cosine, [](double x) { return std::cos(x); });

  check_value("exp(0)", exp(broadcast(0.0f)), 1);
  check_value("exp2_of_decays(0)", decay_of(broadcast(0.0f), -3.0f), 1);
  check_value("exp(200)", exp(broadcast(200.0f)), static_cast<float>(infinity));
  check_value("exp(-infinity)", exp(broadcast(static_cast<float>(-infinity))), 0);
  check_value("softplus(800)", softplus(broadcast(800.0f)), 800);
  check_value("sigmoid(-infinity)", sigmoid(broadcast(static_cast<float>(-infinity))), 0);
  check_value("tanh(100)", tanh(broadcast(100.0f)), 1);
  check_value("erfc(100)", erfc(broadcast(100.0f)), 0);
  check_value("erf(-100)", erf(broadcast(-100.0f)), -1);
  check_value("exp(NaN)", exp(broadcast(nan)), nan);
  check_value("exp2_of_decays(NaN)", decay_of(broadcast(nan), -1.0f), nan);
  check_value("exp2_of_decays(-1000)", decay_of(broadcast(1000.0f), -1.0f),
              kLanes == 16 ? 0 : decay_of(broadcast(125.5f), -1.0f)[0]);
  check_value("softplus(NaN)", softplus(broadcast(nan)), nan);
  check_value("sigmoid(NaN)", sigmoid(broadcast(nan)), nan);
  check_value("tanh(NaN)", tanh(broadcast(nan)), nan);
  check_value("erf(NaN)", erf(broadcast(nan)), nan);
  check_value("sine(NaN)", sine(broadcast(nan)), nan);
  check_value("cosine(infinity)", cosine(broadcast(static_cast<float>(infinity))), nan);
  check_value("erfc(NaN)", erfc(broadcast(nan)), nan);
  return failures;
}
