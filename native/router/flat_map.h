// A map from 64-bit keys for one thread: open addressing, keyed mixing, growth in small steps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <type_traits>

#include "core/check.h"
#include "core/hash.h"

namespace causeway::router {

/// Keys: anything below kKeyEnd. V: small and trivially copyable. Allocates nothing while empty.
/// Growing and shrinking carry a few entries with every change, so a loop with a million
/// subscriptions never stops for a rehash.
template <typename V>
class FlatMap {
  static_assert(std::is_trivially_copyable_v<V>);

 public:
  static constexpr uint64_t kKeyEnd = ~uint64_t{0} - 1;

  explicit FlatMap(HashSeed seed) : seed_(seed) {}

  size_t size() const { return now_.used + before_.used; }
  size_t memory_bytes() const { return (now_.capacity() + before_.capacity()) * sizeof(Entry); }

  /// Null when absent. Valid until the next change.
  V* Find(uint64_t key) {
    const uint64_t hash = Mix(key);
    Entry* entry = Probe(now_, key, hash);
    if (entry == nullptr && before_.used > 0) entry = Probe(before_, key, hash);
    return entry == nullptr ? nullptr : &entry->value;
  }
  /// Asks for the cache line in which Find will begin.
  void Prefetch(uint64_t key) const {
    if (now_.entries != nullptr) __builtin_prefetch(&now_.entries[Mix(key) & now_.mask]);
  }
  /// `key` is absent.
  void Insert(uint64_t key, V value) {
    CHECK(key < kKeyEnd);
    Carry();
    if ((now_.used + 1) * 8 > now_.capacity() * 5) Resize();
    Put(key, value);
  }
  /// False when absent.
  bool Erase(uint64_t key) {
    const uint64_t hash = Mix(key);
    if (Entry* entry = Probe(now_, key, hash); entry != nullptr) {
      CloseGap(static_cast<size_t>(entry - now_.entries.get()));
      --now_.used;
    } else if (entry = Probe(before_, key, hash); entry != nullptr) {
      entry->stored = kTombstone;
      --before_.used;
    } else {
      return false;
    }
    Carry();
    if (size() == 0) {
      now_ = Table{};
      before_ = Table{};
    } else if (now_.capacity() > kSmallest && size() * 16 < now_.capacity() && before_.used == 0) {
      Resize();
    }
    return true;
  }
  /// visit(key, value) once for each, in no order.
  template <typename Visit>
  void ForEach(Visit&& visit) const {
    for (const Table* table : {&now_, &before_}) {
      for (size_t i = 0; i < table->capacity(); ++i) {
        const Entry& entry = table->entries[i];
        if (entry.stored != kEmpty && entry.stored != kTombstone)
          visit(entry.stored - 1, entry.value);
      }
    }
  }

 private:
  static constexpr size_t kSmallest = 16;
  static constexpr size_t kCarryStep = 4;
  static constexpr uint64_t kEmpty = 0;                 // calloc's zeros
  static constexpr uint64_t kTombstone = ~uint64_t{0};  // in `before_` only

  struct Entry {
    uint64_t stored;  // key + 1
    V value;
  };
  struct Free {
    void operator()(Entry* entries) const { std::free(entries); }
  };
  struct Table {
    std::unique_ptr<Entry[], Free> entries;
    size_t mask = 0;
    size_t used = 0;
    size_t capacity() const { return entries == nullptr ? 0 : mask + 1; }
  };

  uint64_t Mix(uint64_t key) const {
    const unsigned __int128 product = static_cast<unsigned __int128>(key ^ seed_.a) * (seed_.b | 1);
    return (static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64)) *
               0x9E3779B97F4A7C15 >>
           16;
  }
  static Entry* Probe(Table& table, uint64_t key, uint64_t hash) {
    if (table.entries == nullptr) return nullptr;
    for (size_t i = hash & table.mask;; i = (i + 1) & table.mask) {
      Entry& entry = table.entries[i];
      if (entry.stored == key + 1) return &entry;
      if (entry.stored == kEmpty) return nullptr;
    }
  }
  void Put(uint64_t key, V value) {
    size_t i = Mix(key) & now_.mask;
    while (now_.entries[i].stored != kEmpty) i = (i + 1) & now_.mask;
    now_.entries[i] = {key + 1, value};
    ++now_.used;
  }
  /// Removal without a tombstone: later entries of the run move back as far as their home allows.
  void CloseGap(size_t gap) {
    Entry* entries = now_.entries.get();
    for (size_t i = (gap + 1) & now_.mask; entries[i].stored != kEmpty; i = (i + 1) & now_.mask) {
      const size_t home = Mix(entries[i].stored - 1) & now_.mask;
      if (((i - home) & now_.mask) < ((i - gap) & now_.mask)) continue;
      entries[gap] = entries[i];
      gap = i;
    }
    entries[gap].stored = kEmpty;
  }
  void Carry() {
    if (before_.entries == nullptr) return;
    const size_t ratio = before_.capacity() / now_.capacity();
    CarryEntries(kCarryStep * (ratio == 0 ? 1 : ratio));
  }
  void CarryEntries(size_t count) {
    for (; count > 0 && carried_ < before_.capacity(); --count, ++carried_) {
      Entry& entry = before_.entries[carried_];
      if (entry.stored == kEmpty || entry.stored == kTombstone) continue;
      Put(entry.stored - 1, entry.value);
      entry.stored = kTombstone;
      --before_.used;
    }
    if (carried_ == before_.capacity()) before_ = Table{};
  }
  /// The new table starts at most 5/16 full and is filled to 9/16 when all is carried over
  /// (pointer_table.h has the sum).
  void Resize() {
    if (before_.entries != nullptr) CarryEntries(before_.capacity());
    size_t capacity = kSmallest;
    while (now_.used * 16 > capacity * 5) capacity *= 2;
    Table fresh;
    fresh.entries.reset(static_cast<Entry*>(std::calloc(capacity, sizeof(Entry))));
    CHECK(fresh.entries != nullptr);
    fresh.mask = capacity - 1;
    before_ = std::move(now_);
    now_ = std::move(fresh);
    carried_ = 0;
    if (before_.capacity() <= 4 * kSmallest) CarryEntries(before_.capacity());
  }

  HashSeed seed_;
  Table now_;
  Table before_;  // being carried over; changed only by tombstones
  size_t carried_ = 0;
};

}  // namespace causeway::router
