// Connections that are not read for want of tokens, and when each may be again.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace causeway::transport {

/// Soonest first, of those due at the same time who came first. One per loop; single-threaded.
/// Bound: one entry for each connection, and one more for each that left while it waited, until it
/// is due.
class RateWaiters {
 public:
  static constexpr int64_t kNever = INT64_MAX;

  void Add(uint32_t connection, int64_t due_ms) {
    waiters_.push_back({due_ms, sequence_++, connection});
    std::push_heap(waiters_.begin(), waiters_.end(), Later);
  }
  bool empty() const { return waiters_.empty(); }
  int64_t next_due_ms() const { return empty() ? kNever : waiters_.front().due_ms; }
  /// Who is due, out of the row; 0: nobody is.
  uint32_t TakeDue(int64_t now_ms) {
    if (next_due_ms() > now_ms) return 0;
    std::pop_heap(waiters_.begin(), waiters_.end(), Later);
    const uint32_t connection = waiters_.back().connection;
    waiters_.pop_back();
    return connection;
  }

 private:
  struct Waiter {
    int64_t due_ms;
    uint64_t sequence;
    uint32_t connection;
  };
  static bool Later(const Waiter& one, const Waiter& other) {
    return one.due_ms != other.due_ms ? one.due_ms > other.due_ms : one.sequence > other.sequence;
  }

  std::vector<Waiter> waiters_;
  uint64_t sequence_ = 0;
};

}  // namespace causeway::transport
