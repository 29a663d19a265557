// What the tests of kernels share: random operands, and every instruction set of this machine held against the first.
#pragma once

#include "ssm.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <random>
#include <string>
#include <vector>

namespace {

int failures = 0;

typedef std::vector<float> Floats;

// What one instruction set computed: named arrays in the order of the calls.
class Run {
 public:
  Run() : random_(5) {}

  Floats normal(int64_t size, float scale = 1) {
    std::normal_distribution<float> distribution(0, scale);
    Floats values(size);
    for (float &value : values) value = distribution(random_);
    return values;
  }

  void expect_ok(int32_t status, const char *what) {
    if (status == SSM_OK) return;
    std::printf("FAILED: %s returned %d\n", what, status);
    ++failures;
  }

  void keep(const std::string &name, Floats values) {
    names.push_back(name);
    results.push_back(std::move(values));
  }

  std::vector<std::string> names;
  std::vector<Floats> results;

 private:
  std::mt19937 random_;
};

struct Shape {
  std::vector<int32_t> offsets;
  int64_t columns;
  int64_t states;
  int64_t batch() const { return static_cast<int64_t>(offsets.size()) - 1; }
  int64_t rows() const { return offsets.back(); }
};

void compare(const std::string &target, const Run &expected, const Run &actual) {
  for (size_t i = 0; i < expected.results.size(); ++i) {
    float scale = 1;
    for (float value : expected.results[i]) scale = std::fmax(scale, std::fabs(value));
    for (size_t k = 0; k < expected.results[i].size(); ++k) {
      const float difference = std::fabs(expected.results[i][k] - actual.results[i][k]);
      if (!(difference <= 1e-4f * scale)) {
        std::printf("FAILED: %s on %s: element %zu is %g, expected %g\n", expected.names[i].c_str(), target.c_str(), k,
                    actual.results[i][k], expected.results[i][k]);
        ++failures;
        break;
      }
    }
  }
}


// Odd shapes: no sequence, empty ones, one channel, chunks of steps and vectors of lanes just full.
const std::vector<Shape> &shapes() {
  static const std::vector<Shape> kShapes = {
      {{0}, 5, 3},           {{0, 0, 1}, 1, 1},           {{0, 17, 17, 48, 49}, 37, 19},
      {{0, 300}, 16, 16},    {{0, 15, 31, 48}, 257, 33},  {{0, 1100, 1117}, 5, 3},    {{0, 0, 0}, 5, 3},
      {{0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 33, 36, 39}, 7, 65},
  };
  return kShapes;
}

// Calls kernels(run, shape) on every instruction set and shape; the number of failures.
template <typename F>
int compare_targets(F kernels) {
  std::vector<Run> first;
  for (const char *target : {"generic", "x86-64-v2", "x86-64-v3", "x86-64-v4"}) {
    if (ssm_target_select(target) != SSM_OK) continue;
    std::vector<Run> runs;
    for (const Shape &shape : shapes()) {
      Run run;
      kernels(run, shape);
      runs.push_back(std::move(run));
    }
    for (size_t i = 0; i < first.size(); ++i) compare(target, first[i], runs[i]);
    if (first.empty()) first = std::move(runs);
  }
  if (first.empty()) {
    std::printf("FAILED: no instruction set\n");
    ++failures;
  }
  return failures;
}

}  // namespace
