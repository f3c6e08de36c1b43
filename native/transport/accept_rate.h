// How fast a listener accepts: EMQX's `max_conn_rate`.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace causeway::transport {

/// A bucket that fills at a steady rate, kept as one number: when it would be full of the
/// connections taken so far (GCRA). All loops of a listener share it; any thread.
class AcceptRate {
 public:
  /// One connection every `interval_ns`, `burst` >= 1 at once after a pause. 0: no limit.
  void Configure(int64_t interval_ns, uint32_t burst) {
    interval_ns_ = interval_ns;
    allowance_ns_ = interval_ns * (int64_t{burst} - 1);
  }
  bool limited() const { return interval_ns_ != 0; }

  /// Takes one connection's share: 0. Else nothing is taken, and it is how many nanoseconds to
  /// wait. `now_ns`: monotonic.
  int64_t Take(int64_t now_ns) {
    // Relaxed: the number stands for itself, nothing else is read because of it.
    int64_t full = full_ns_.load(std::memory_order_relaxed);
    for (;;) {
      const int64_t from = std::max(full, now_ns);
      if (from - now_ns > allowance_ns_) return from - now_ns - allowance_ns_;
      if (full_ns_.compare_exchange_weak(full, from + interval_ns_, std::memory_order_relaxed))
        return 0;
    }
  }
  /// There was no connection after all.
  void GiveBack() { full_ns_.fetch_sub(interval_ns_, std::memory_order_relaxed); }

 private:
  int64_t interval_ns_ = 0;
  int64_t allowance_ns_ = 0;
  std::atomic<int64_t> full_ns_{0};
};

}  // namespace causeway::transport
