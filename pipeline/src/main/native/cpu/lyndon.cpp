#include "lyndon.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>

namespace ssm {
namespace {

constexpr int kMaxLength = 32;

// A growing array without exceptions.
template <typename T>
class Growing {
 public:
  Growing() = default;
  ~Growing() { std::free(data_); }
  Growing(const Growing &) = delete;
  Growing &operator=(const Growing &) = delete;

  void add(const T &value) {
    if (size_ == capacity_) {
      const int64_t capacity = capacity_ == 0 ? 64 : 2 * capacity_;
      T *data = static_cast<T *>(std::realloc(data_, capacity * sizeof(T)));
      if (data == nullptr) {
        failed_ = true;
        return;
      }
      data_ = data;
      capacity_ = capacity;
    }
    data_[size_++] = value;
  }
  bool failed() const { return failed_; }
  int32_t size() const { return static_cast<int32_t>(size_); }
  T *release() {
    T *data = data_;
    data_ = nullptr;
    return data;
  }

 private:
  T *data_ = nullptr;
  int64_t size_ = 0;
  int64_t capacity_ = 0;
  bool failed_ = false;
};

void letters_of(int32_t word, int32_t channels, int length, int32_t *letters) {
  for (int k = length - 1; k >= 0; --k, word /= channels) letters[k] = word % channels;
}

int32_t number_of(const int32_t *letters, int32_t channels, int length) {
  int32_t word = 0;
  for (int k = 0; k < length; ++k) word = word * channels + letters[k];
  return word;
}

// The ends of the nonincreasing Lyndon factors of a word (Duval 1983); returns their number.
int factorize(const int32_t *letters, int length, int *ends) {
  int factors = 0;
  for (int i = 0; i < length;) {
    int j = i + 1, k = i;
    for (; j < length && letters[k] <= letters[j]; ++j) k = letters[k] < letters[j] ? i : k + 1;
    while (i <= k) {
      i += j - k;
      ends[factors++] = i;
    }
  }
  return factors;
}

// The words of all shuffles of letters[0 .. split] and letters[split .. length], with repetitions, ascending.
int64_t shuffle(const int32_t *letters, int split, int length, int32_t channels, int32_t *words) {
  int64_t count = 0;
  for (uint32_t chosen = 0; chosen < (1u << length); ++chosen) {
    if (__builtin_popcount(chosen) != split) continue;
    int left = 0, right = split;
    int32_t word = 0;
    for (int k = 0; k < length; ++k) word = word * channels + letters[(chosen >> k & 1) != 0 ? left++ : right++];
    words[count++] = word;
  }
  std::sort(words, words + count);
  return count;
}

struct Tables : LyndonTables {
  ~Tables() {
    std::free(const_cast<Relation *>(relations));
    std::free(const_cast<int32_t *>(first_relation));
    std::free(const_cast<int32_t *>(terms));
    std::free(const_cast<int32_t *>(counts));
  }
};

Tables *build(int32_t channels, int32_t depth) {
  Growing<Relation> relations;
  Growing<int32_t> first, terms, counts;
  int32_t *words = static_cast<int32_t *>(std::malloc(sizeof(int32_t) << depth));
  Tables *tables = new (std::nothrow) Tables{};
  bool failed = words == nullptr || tables == nullptr;
  first.add(0);
  int32_t size = 1;
  for (int length = 1; length <= depth && !failed; ++length) {
    first.add(relations.size());
    size *= channels;
    for (int32_t word = 0; word < size; ++word) {
      int32_t letters[kMaxLength];
      int ends[kMaxLength];
      letters_of(word, channels, length, letters);
      const int factors = factorize(letters, length, ends);
      if (factors == 1) continue;
      // The most unequal parts have the fewest shuffles.
      int split = ends[0];
      for (int f = 1; f < factors - 1; ++f)
        if (std::min(ends[f], length - ends[f]) < std::min(split, length - split)) split = ends[f];
      const int64_t shuffles = shuffle(letters, split, length, channels, words);
      Relation relation{};
      relation.word = word;
      relation.left = number_of(letters, channels, split);
      relation.right = number_of(letters + split, channels, length - split);
      relation.left_length = split;
      relation.begin = terms.size();
      for (const bool repeated : {false, true}) {
        if (repeated) relation.repeats = terms.size();
        for (int64_t i = 0; i < shuffles;) {
          int64_t j = i;
          while (j < shuffles && words[j] == words[i]) ++j;
          const int32_t count = static_cast<int32_t>(j - i);
          if (words[i] == word) {
            relation.count = count;
          } else if ((count > 1) == repeated) {
            terms.add(words[i]);
            counts.add(count);
          }
          i = j;
        }
      }
      relation.end = terms.size();
      relations.add(relation);
    }
  }
  first.add(relations.size());
  std::free(words);
  if (failed || relations.failed() || first.failed() || terms.failed() || counts.failed()) {
    delete tables;
    return nullptr;
  }
  tables->channels = channels;
  tables->depth = depth;
  tables->relations = relations.release();
  tables->first_relation = first.release();
  tables->terms = terms.release();
  tables->counts = counts.release();
  return tables;
}

std::atomic<const LyndonTables *> built{nullptr};

}  // namespace

const LyndonTables *lyndon_tables(int32_t channels, int32_t depth) {
  const LyndonTables *newest = built.load(std::memory_order_acquire);
  for (const LyndonTables *t = newest; t != nullptr; t = t->next)
    if (t->channels == channels && t->depth == depth) return t;
  Tables *tables = build(channels, depth);
  if (tables == nullptr) return nullptr;
  // Two threads may build the same tables; both stay in the list, and either serves.
  tables->next = newest;
  while (!built.compare_exchange_weak(tables->next, tables, std::memory_order_acq_rel)) {
  }
  return tables;
}

int64_t lyndon_words(int32_t channels, int32_t level, int32_t *words) {
  // Duval's generation: repeat the word to full length, drop last letters that are the largest, raise the next.
  int32_t letters[kMaxLength];
  int length = 1;
  letters[0] = 0;
  int64_t count = 0;
  while (length > 0) {
    if (length == level) {
      if (words != nullptr) words[count] = number_of(letters, channels, level);
      ++count;
    }
    for (int k = length; k < level; ++k) letters[k] = letters[k - length];
    length = level;
    while (length > 0 && letters[length - 1] == channels - 1) --length;
    if (length > 0) ++letters[length - 1];
  }
  return count;
}

}  // namespace ssm
