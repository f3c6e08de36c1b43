// What crosses from one io loop to another: a message and where it goes there. Never a session
// pointer.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "core/fence.h"
#include "core/message.h"
#include "core/spsc_lane.h"
#include "router/filter.h"

namespace causeway::fanout {

/// One message for one other loop, expanded there against that loop's own members. 64 bytes.
struct LaneEntry {
  enum class Kind : uint8_t {
    kNone,
    kFilters,  // every member of these filters on the receiving loop
    kMember,   // one chosen member of a shared group
    kLink,     // one pool slot of a link; `message` is the encoded term
  };
  static constexpr int kInline = 3;

  MessageRef message;
  Kind kind = Kind::kNone;
  uint8_t filter_count = 0;  // inline ones; 0 when `more` holds all
  uint8_t link = 0;
  uint8_t qos = 0;                               // kLink: of the carrier
  uint16_t slot = 0;                             // kLink: below 2 x LinkSpec::kSlotsMax
  bool redispatched = false;                     // kMember: chosen for the second time
  uint32_t group = 0;                            // kMember
  uint32_t session = 0, session_generation = 0;  // kMember
  router::FilterRef filters[kInline];
  std::unique_ptr<std::vector<router::FilterRef>> more;

  void AddFilter(router::FilterRef filter) {
    if (more == nullptr && filter_count < kInline) {
      filters[filter_count++] = filter;
      return;
    }
    if (more == nullptr) {
      more = std::make_unique<std::vector<router::FilterRef>>(filters, filters + filter_count);
      filter_count = 0;
    }
    more->push_back(filter);
  }
  const router::FilterRef* begin() const { return more != nullptr ? more->data() : filters; }
  const router::FilterRef* end() const {
    return more != nullptr ? more->data() + more->size() : filters + filter_count;
  }
};

/// From loop i to loop j. Bound: limits::kLaneSlots (tests: 2). Full: the publishing connection
/// pauses until its loop is woken again.
///
///   producer  entries full ── waiting := true ── fence ── full still? wait
///   consumer  take all     ── fence ── waiting? := false, wake the producer
///
/// Each writes its own and reads the other's behind a full fence, so one of them always sees the
/// other (Dekker): no producer waits in front of an empty lane.
class Lane {
 public:
  explicit Lane(size_t slots) : entries_(slots) {}

  /// Producer. True: `*entry` was moved in. False: the lane is full, and whoever makes room is told
  /// to wake us.
  bool Post(LaneEntry* entry) {
    if (entries_.Push(std::move(*entry))) return true;
    waiting_.store(true, std::memory_order_relaxed);
    FullFence();
    return entries_.Push(std::move(*entry));
  }
  /// Consumer: the oldest entry or null, valid until Pop.
  LaneEntry* Front() { return entries_.Front(); }
  void Pop() { entries_.Pop(); }
  /// Consumer, after its last Pop: true when the producer waits for the room and is to be woken.
  bool TakeWaiter() {
    FullFence();
    return waiting_.load(std::memory_order_relaxed) &&
           waiting_.exchange(false, std::memory_order_relaxed);
  }

 private:
  SpscLane<LaneEntry> entries_;
  std::atomic<bool> waiting_{false};  // relaxed; ordered by the fences above
};

}  // namespace causeway::fanout
