// The oracle values of pipeline/src/test/resources/reference, which oracle_values.py compiles in.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace oracle {

// A row-major array of double precision; no shape: one number.
struct Array {
  std::vector<int64_t> shape;
  const double *values;

  int64_t size() const {
    int64_t product = 1;
    for (int64_t length : shape) product *= length;
    return product;
  }
};

struct Case {
  std::string file, kind, name;
  std::map<std::string, double> parameters;
  std::map<std::string, Array> arrays;

  bool has(const std::string &array) const { return arrays.count(array) != 0; }
  const Array &array(const std::string &array_name) const { return arrays.at(array_name); }
  double parameter(const std::string &parameter_name) const { return parameters.at(parameter_name); }
  int64_t count(const std::string &parameter_name) const { return static_cast<int64_t>(parameter(parameter_name)); }
};

const std::vector<Case> &cases();

}  // namespace oracle
