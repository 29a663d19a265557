// Rows sorted by their token, so that each row of an embedding's gradient is one sum in row order.
#pragma once

#include <vector>

#include "context.h"

namespace ssm {

struct RowsByToken {
  std::vector<int32_t> first;   // [vocabulary + 1]: where the rows of each token begin
  std::vector<int32_t> sorted;  // [rows]

  // Throws unless the tokens are in [0, vocabulary).
  RowsByToken(const char *operation, const int32_t *tokens, int64_t rows, int64_t vocabulary)
      : first(static_cast<size_t>(vocabulary) + 1), sorted(static_cast<size_t>(rows)) {
    for (int64_t r = 0; r < rows; ++r) {
      expect(tokens[r] >= 0 && tokens[r] < vocabulary, operation, "a token is outside the table");
      ++first[static_cast<size_t>(tokens[r]) + 1];
    }
    for (size_t t = 0; t + 1 < first.size(); ++t) first[t + 1] += first[t];
    std::vector<int32_t> next(first.begin(), first.end() - 1);
    for (int64_t r = 0; r < rows; ++r)
      sorted[static_cast<size_t>(next[static_cast<size_t>(tokens[r])]++)] = static_cast<int32_t>(r);
  }
};

}  // namespace ssm
