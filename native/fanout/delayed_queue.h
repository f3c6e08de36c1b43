// Messages that are published later: `$delayed/…` (docs/protocol/dollar-topics.md).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "core/message.h"

namespace causeway::fanout {

/// What the delayed messages of all loops may be together. Thread: every one.
class DelayedBudget {
 public:
  /// @param messages_max delayed.max_delayed_messages; 0: bytes alone bound them.
  void SetLimits(size_t messages_max, size_t bytes_max) {
    messages_max_ = messages_max;
    bytes_max_ = bytes_max;
  }
  /// False when there is no room; then nothing is taken.
  bool Take(size_t bytes);
  void Give(size_t bytes);
  size_t messages() const { return messages_.load(std::memory_order_relaxed); }
  size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  size_t messages_max_ = 0, bytes_max_ = 0;  // set before the loops start
  // Relaxed: sums that order nothing. Two loops at the limit may both back off; none exceeds it.
  std::atomic<size_t> messages_{0}, bytes_{0};
};

/// The delayed messages of one loop, soonest first, equal times in order of arrival. Owner: the
/// loop. Bound: the budget, shared with the other loops. Full: Put refuses.
class DelayedQueue {
 public:
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

  explicit DelayedQueue(DelayedBudget* budget) : budget_(budget) {}
  DelayedQueue(const DelayedQueue&) = delete;
  DelayedQueue& operator=(const DelayedQueue&) = delete;

  /// `due_ms` on the clock of TakeDue. False when the budget has no room. O(log n).
  bool Put(MessageRef message, int64_t due_ms);
  /// The next message whose time has come, or none. O(log n).
  MessageRef TakeDue(int64_t now_ms);
  /// When TakeDue has something; kNever when empty.
  int64_t next_due_ms() const { return heap_.empty() ? kNever : heap_.front().due_ms; }
  size_t size() const { return heap_.size(); }

 private:
  struct Entry {
    int64_t due_ms;
    uint64_t sequence;
    MessageRef message;
  };
  static bool Later(const Entry& a, const Entry& b) {
    return a.due_ms != b.due_ms ? a.due_ms > b.due_ms : a.sequence > b.sequence;
  }
  static size_t Cost(const Message& message) { return message.bytes() + sizeof(Entry); }

  DelayedBudget* const budget_;
  std::vector<Entry> heap_;  // by Later: the front is the soonest
  uint64_t sequence_ = 0;
};

}  // namespace causeway::fanout
