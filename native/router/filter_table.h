// Filter ids: a chunked table that never moves, walked by position.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "router/filter.h"

namespace causeway::router {

/// id → Filter*. Ids are dense and reused oldest first, each time with a new generation: a slot's
/// 2^32 generations are used up only after 2^32 rounds through all free slots. Writer: one thread.
/// Readers: all, inside an epoch.
class FilterTable {
 public:
  static constexpr uint32_t kChunk = 8192;   // slots
  static constexpr uint32_t kChunks = 8192;  // 64 Mi filters; above, Add CHECKs

  FilterTable() = default;
  /// No reader is left. Filters still in the table are deleted.
  ~FilterTable();
  FilterTable(const FilterTable&) = delete;
  FilterTable& operator=(const FilterTable&) = delete;

  /// Writer. Names and publishes `filter` to walks.
  void Add(Filter* filter);
  /// Writer. The slot's generation moves on.
  void Remove(const Filter* filter);

  /// Reader. Null: no filter has this id now.
  Filter* Get(FilterId id) const {
    const Slot* chunk = chunks_[id / kChunk].load(std::memory_order_acquire);  // pairs with Add
    return chunk == nullptr ? nullptr : chunk[id % kChunk].filter.load(std::memory_order_acquire);
  }
  /// Reader. One past the highest id ever used.
  FilterId end() const { return end_.load(std::memory_order_acquire); }
  size_t memory_bytes() const;

 private:
  struct Slot {
    std::atomic<Filter*> filter{nullptr};
    uint32_t generation = 0;          // writer; the next filter's
    FilterId next_free = 0xFFFFFFFF;  // writer
  };
  Slot& At(FilterId id) {
    return chunks_[id / kChunk].load(std::memory_order_relaxed)[id % kChunk];
  }

  std::atomic<Slot*> chunks_[kChunks] = {};
  std::atomic<FilterId> end_{0};
  FilterId oldest_free_ = 0xFFFFFFFF;  // writer: queue through Slot::next_free
  FilterId newest_free_ = 0xFFFFFFFF;
};

}  // namespace causeway::router
