// Interned topic levels: equal words are one object, so the trie compares pointers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/epoch.h"
#include "core/hash.h"
#include "router/pointer_table.h"

namespace causeway::router {

/// One level of wildcard filters. One malloc, the bytes follow. Its address is its identity: unlike
/// a number it cannot be reused while a reader that resolved it is inside its epoch.
struct Word {
  uint64_t hash;        // keyed; immutable
  uint32_t length;      // bytes; immutable
  uint32_t references;  // writer: trie nodes that carry it

  std::string_view text() const { return {reinterpret_cast<const char*>(this + 1), length}; }
  uint64_t table_hash() const { return hash; }
  size_t bytes() const { return sizeof(Word) + length; }
};

/// Writer: one thread. Readers: all, inside an epoch.
class WordTable {
 public:
  WordTable(HashSeed seed, EpochDomain* epochs) : seed_(seed), epochs_(epochs) {}
  ~WordTable();
  WordTable(const WordTable&) = delete;
  WordTable& operator=(const WordTable&) = delete;

  uint64_t HashOf(std::string_view word) const { return Hash(word, seed_); }
  void Prefetch(uint64_t hash) const { table_.Prefetch(hash); }
  /// Reader. Null: no wildcard filter has this word.
  const Word* Find(std::string_view word, uint64_t hash) const {
    return table_.Find(hash, [&](const Word& candidate) {
      return candidate.hash == hash && candidate.text() == word;
    });
  }

  /// Writer. Finds or makes the word and adds a reference.
  Word* Acquire(std::string_view word, uint64_t hash);
  /// Writer. The last reference unlinks and retires it.
  void Release(Word* word);

  size_t memory_bytes() const { return words_bytes_ + table_.memory_bytes(); }

 private:
  HashSeed seed_;
  EpochDomain* epochs_;
  PointerTable<Word> table_;
  size_t words_bytes_ = 0;
};

}  // namespace causeway::router
