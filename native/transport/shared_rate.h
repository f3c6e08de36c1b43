// How much all clients of one listener together may send a second: `total_messages_rate` and
// `total_bytes_rate`, which EMQX does not have.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace causeway::transport {

/// A bucket of one second's tokens, kept as one number: when it would be full again (GCRA). It may
/// go below zero by one charge of each loop, which is paid back before the next. All loops share
/// it, so no loop has a share that it does not use; one atomic addition a charge, none without a
/// limit.
class SharedRate {
 public:
  /// 0: no limit. Before anybody else knows it.
  void Configure(double per_second) {
    token_ns_ = per_second > 0 ? kSecondNs / std::min(per_second, kRateMax) : 0;
  }
  bool limited() const { return token_ns_ > 0; }

  /// Takes `amount`, whether there is as much or not. `now_ms`: monotonic. Any thread.
  void Charge(double amount, int64_t now_ms) {
    const auto cost_ns = static_cast<int64_t>(std::min(amount * token_ns_, kDebtMaxNs));
    const int64_t now_ns = now_ms * 1'000'000;
    // Relaxed: the number stands for itself, nothing else is read because of it.
    int64_t full_ns = full_ns_.load(std::memory_order_relaxed);
    while (!full_ns_.compare_exchange_weak(full_ns, std::max(full_ns, now_ns) + cost_ns,
                                           std::memory_order_relaxed)) {
    }
  }

  /// Milliseconds until something may be charged again; 0: now. Any thread.
  int64_t Wait(int64_t now_ms) const {
    if (!limited()) return 0;
    const int64_t left_ns =
        full_ns_.load(std::memory_order_relaxed) - now_ms * 1'000'000 - kBurstNs;
    return left_ns < 0 ? 0 : left_ns / 1'000'000 + 1;
  }

 private:
  static constexpr double kSecondNs = 1e9;
  static constexpr int64_t kBurstNs = 1'000'000'000;
  static constexpr double kRateMax = 1e9;     // of tokens a second: one a nanosecond
  static constexpr double kDebtMaxNs = 60e9;  // nobody waits longer for one charge

  double token_ns_ = 0;
  std::atomic<int64_t> full_ns_{0};
};

}  // namespace causeway::transport
