#include "router/filter_table.h"

#include "core/check.h"

namespace causeway::router {
namespace {
constexpr FilterId kNone = 0xFFFFFFFF;
}  // namespace

FilterTable::~FilterTable() {
  const FilterId end = end_.load(std::memory_order_relaxed);
  for (FilterId id = 0; id < end; ++id) delete At(id).filter.load(std::memory_order_relaxed);
  for (auto& chunk : chunks_) delete[] chunk.load(std::memory_order_relaxed);
}

void FilterTable::Add(Filter* filter) {
  FilterId id = oldest_free_;
  const bool reused = id != kNone;
  if (reused) {
    oldest_free_ = At(id).next_free;
    if (oldest_free_ == kNone) newest_free_ = kNone;
  } else {
    id = end_.load(std::memory_order_relaxed);
    CHECK(id < kChunk * kChunks);
    if (id % kChunk == 0) {
      chunks_[id / kChunk].store(new Slot[kChunk],
                                 std::memory_order_release);  // publishes null slots
    }
  }
  Slot& slot = At(id);
  filter->ref = {id, slot.generation};
  slot.filter.store(filter, std::memory_order_release);  // publishes the filter to Get
  // Release pairs with end(): a walk that sees the end sees the slots below it.
  if (!reused) end_.store(id + 1, std::memory_order_release);
}

void FilterTable::Remove(const Filter* filter) {
  const FilterId id = filter->ref.id;
  Slot& slot = At(id);
  CHECK(slot.filter.load(std::memory_order_relaxed) == filter);
  slot.filter.store(nullptr, std::memory_order_relaxed);  // nothing new is published
  ++slot.generation;
  slot.next_free = kNone;
  if (newest_free_ == kNone) {
    oldest_free_ = id;
  } else {
    At(newest_free_).next_free = id;
  }
  newest_free_ = id;
}

size_t FilterTable::memory_bytes() const {
  const size_t end = end_.load(std::memory_order_relaxed);
  return sizeof(*this) + (end + kChunk - 1) / kChunk * kChunk * sizeof(Slot);
}

}  // namespace causeway::router
