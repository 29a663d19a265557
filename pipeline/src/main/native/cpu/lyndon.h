// Which entries of a signature determine the others.
//
// The product of two entries is the sum of the entries of all shuffles of their words (Ree 1958), so the entries of the
// Lyndon words determine all others (Radford 1979): a word w that is no Lyndon word has a factorization w = u v into
// nonincreasing Lyndon words in each part, w is the largest shuffle of u and v, and
//   S(w) = (S(u) S(v) - sum over the smaller shuffles s of count(s) S(s)) / count(w).
// There are about d^n / n Lyndon words of length n.
#pragma once

#include <cstdint>

namespace ssm {

// S(word) as above, words as numbers in their level; the smaller shuffles are `terms` of the tables.
struct Relation {
  int32_t word;
  int32_t left;   // u
  int32_t right;  // v
  int32_t left_length;
  int32_t count;    // of `word` itself
  int32_t begin;    // first smaller shuffle
  int32_t repeats;  // first one with a count above 1
  int32_t end;
};

// Everything below is for one number of channels and one depth, and is not changed once it is built.
struct LyndonTables {
  int32_t channels;
  int32_t depth;
  // Relations of level n, by increasing word: first_relation[n] .. first_relation[n + 1].
  const Relation *relations;
  const int32_t *first_relation;
  const int32_t *terms;
  const int32_t *counts;
  const LyndonTables *next;
};

// The tables of a shape, built at the first call and kept for the life of the process; null without memory.
const LyndonTables *lyndon_tables(int32_t channels, int32_t depth);

// The Lyndon words of length `level` in increasing order to `words` (may be null); returns how many there are.
int64_t lyndon_words(int32_t channels, int32_t level, int32_t *words);

}  // namespace ssm
