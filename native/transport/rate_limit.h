// How much one client may publish a second. EMQX: messages_rate, messages_burst, bytes_rate,
// bytes_burst of a listener. And what it shares with the listener's other clients.
#pragma once

#include <algorithm>
#include <cstdint>

#include "transport/shared_rate.h"

namespace causeway::transport {

/// What the operator wrote. `per_second` 0: no limit.
struct Rate {
  double per_second = 0;
  double burst = 0;             // tokens beside the rate, used when the rate's own are gone
  double burst_per_second = 0;  // at which they come back
};

/// A bucket of one second's tokens and one of burst tokens; both may go below zero by one charge,
/// which is then paid back before the next. Time is the caller's, milliseconds.
class TokenBucket {
 public:
  TokenBucket(const Rate& rate, int64_t now_ms)
      : rate_(rate), tokens_(Capacity()), burst_(rate.burst), filled_ms_(now_ms) {}

  bool limited() const { return rate_.per_second > 0; }
  /// Takes `amount`, whether there is as much or not.
  void Charge(double amount, int64_t now_ms) {
    if (!limited()) return;
    Fill(now_ms);
    (tokens_ > 0 || burst_ <= 0 ? tokens_ : burst_) -= amount;
  }
  /// Milliseconds until something may be charged again; 0: now.
  int64_t Wait(int64_t now_ms) {
    if (!limited()) return 0;
    Fill(now_ms);
    if (tokens_ > 0 || burst_ > 0) return 0;
    // Never zero, and never longer than anybody configures a pause.
    return static_cast<int64_t>(std::min(-tokens_ * 1000 / rate_.per_second, kWaitMaxMs)) + 1;
  }

 private:
  static constexpr double kWaitMaxMs = 60'000;

  double Capacity() const { return std::max(rate_.per_second, 1.0); }
  void Fill(int64_t now_ms) {
    const double seconds = static_cast<double>(now_ms - filled_ms_) / 1000;
    filled_ms_ = now_ms;
    tokens_ = std::min(Capacity(), tokens_ + seconds * rate_.per_second);
    burst_ = std::min(rate_.burst, burst_ + seconds * rate_.burst_per_second);
  }

  Rate rate_;
  double tokens_, burst_;
  int64_t filled_ms_;
};

/// What all clients of a listener share.
struct ListenerRates {
  bool limited() const { return messages.limited() || bytes.limited(); }
  int64_t Wait(int64_t now_ms) const { return std::max(messages.Wait(now_ms), bytes.Wait(now_ms)); }

  SharedRate messages, bytes;
};

/// One connection's limits; none where the listener has none. Full: the socket is not read until
/// there are tokens, rate_limited_pauses or, where it is for the listener's, rate_total_pauses;
/// keep-alive does not run meanwhile.
struct RateLimit {
  /// `shared`: the listener's, borrowed for life.
  RateLimit(const Rate& message_rate, const Rate& byte_rate, ListenerRates* shared, int64_t now_ms)
      : messages(message_rate, now_ms), bytes(byte_rate, now_ms), total(shared) {}

  void ChargeMessage(int64_t now_ms) {
    messages.Charge(1, now_ms);
    if (total->messages.limited()) total->messages.Charge(1, now_ms);
  }
  void ChargeBytes(size_t count, int64_t now_ms) {
    const auto amount = static_cast<double>(count);
    bytes.Charge(amount, now_ms);
    if (total->bytes.limited()) total->bytes.Charge(amount, now_ms);
  }
  /// Of its own limits.
  int64_t Wait(int64_t now_ms) { return std::max(messages.Wait(now_ms), bytes.Wait(now_ms)); }

  TokenBucket messages, bytes;
  ListenerRates* const total;
};

}  // namespace causeway::transport
