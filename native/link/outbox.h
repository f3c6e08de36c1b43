// The outbound queue of one pool slot: what waits for, or is in flight on, one message connection
// of a link. Source: docs/protocol/cluster-link.md "Pool, ordering, buffering".
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

#include "core/check.h"
#include "link/ring.h"

namespace causeway::link {

inline constexpr int64_t kNeverExpires = std::numeric_limits<int64_t>::max();

/// Every message that matched is in exactly one place:
///   matched = acked + rejected + sent_qos0 + expired + overflowed + oversize + waiting() +
///   unacknowledged()
struct OutboxCounters {
  uint64_t matched = 0;     // pushed
  uint64_t sent = 0;        // PUBLISH packets handed out, repeats included
  uint64_t sent_qos0 = 0;   // … of them QoS 0, which end there
  uint64_t retried = 0;     // … of them repeats after a reconnect
  uint64_t acked = 0;       // PUBACK 0x00 or 0x10
  uint64_t rejected = 0;    // any other PUBACK: dropped, never retried
  uint64_t expired = 0;     // older than the request TTL, or past the message's own expiry
  uint64_t overflowed = 0;  // oldest dropped for want of room
  uint64_t oversize = 0;    // larger than the peer's Maximum Packet Size
};

enum class AckClass : uint8_t { kSuccess, kRejected, kUnknownId };

/// Messages in order, bounded by bytes and age, with a window of unacknowledged ones.
///
///   Push ─▶ waiting ─Next─▶ unacknowledged ─OnAck─▶ gone
///              ▲                  │
///              └───OnDisconnect───┘   original order, ahead of what waited, new packet ids
///
/// Ref: default constructible, movable; holds the encoded payload (a counted reference), released
/// as soon as possible. Thread: the slot's loop. Bound: `bytes_max`, waiting and unacknowledged
/// together. Full: the oldest *waiting* message is dropped and counted; the newest is refused only
/// when what is unacknowledged alone leaves no room.
template <typename Ref>
class Outbox {
 public:
  struct Config {
    size_t bytes_max;                // payloads, plus kItemBytes each
    int64_t request_ttl_ms;          // from Push; kNeverExpires: no limit
    uint16_t inflight_max;           // our own window; 0: only the peer's
    uint32_t packet_overhead_bytes;  // everything of a carrier PUBLISH but its payload, at most
  };
  struct Item {
    Ref ref{};
    uint8_t qos = 0;                        // of the carrier: 0 or 1
    uint32_t bytes = 0;                     // of the payload
    int64_t expires_at_ms = kNeverExpires;  // the message's own expiry, on our clock
  };
  /// One PUBLISH to write now. `ref` stays valid until the next call that is not const.
  struct Send {
    uint16_t packet_id = 0;  // 0 for QoS 0
    uint8_t qos = 0;
    bool retried = false;  // sent before on an earlier connection; DUP stays 0, the session is new
    const Ref* ref = nullptr;
  };

  /// Counted for a message beside its payload, so that small ones are bounded too.
  static constexpr size_t kItemBytes = 64;

  explicit Outbox(const Config& config) : config_(config) {}
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  /// Takes the message. False when it was dropped itself; older ones dropped to make room are only
  /// counted.
  bool Push(Item item, int64_t now_ms);
  /// The next message to write, or nothing: not connected, window full, or nothing waits.
  std::optional<Send> Next(int64_t now_ms);
  AckClass OnAck(uint16_t packet_id, uint8_t reason);

  /// A connection with a new session is up. `receive_maximum` ≥ 1; `packet_bytes_max` 0: the peer
  /// named none.
  void OnConnect(uint16_t receive_maximum, uint32_t packet_bytes_max);
  void OnDisconnect();
  /// Drops what waits and is too old; for the owner's timer while nothing can be sent. Returns how
  /// many.
  size_t ExpireWaiting(int64_t now_ms);

  bool connected() const { return connected_; }
  size_t waiting() const { return waiting_.size(); }
  size_t unacknowledged() const { return unacknowledged_; }
  size_t bytes() const { return bytes_; }
  /// Since when the oldest waiting message waits, nothing when none does.
  std::optional<int64_t> oldest_waiting_since_ms() const {
    if (waiting_.empty()) return std::nullopt;
    return waiting_[0].pushed_at_ms;
  }
  const OutboxCounters& counters() const { return counters_; }

 private:
  /// Identifiers run 1 … 65535 and are given in order of sending, so an identifier tells the place
  /// in the ring.
  static constexpr uint32_t kPacketIds = 65535;

  struct Waiting {
    Item item;
    int64_t pushed_at_ms = 0;
    bool retried = false;
  };
  struct InFlight {
    Waiting message;
    bool acked = false;
  };

  static size_t CostOf(const Waiting& message) { return message.item.bytes + kItemBytes; }
  bool IsExpired(const Waiting& message, int64_t now_ms) const {
    return now_ms >= message.item.expires_at_ms ||
           (config_.request_ttl_ms != kNeverExpires &&
            now_ms - message.pushed_at_ms >= config_.request_ttl_ms);
  }
  bool IsOversize(const Waiting& message) const {
    return packet_bytes_max_ != 0 &&
           uint64_t{message.item.bytes} + config_.packet_overhead_bytes > packet_bytes_max_;
  }
  void DropFront(uint64_t* counter) {
    bytes_ -= CostOf(waiting_.front());
    waiting_.PopFront();
    ++*counter;
  }
  uint16_t IdAt(size_t index) const {
    return static_cast<uint16_t>((front_id_ - 1 + index) % kPacketIds + 1);
  }
  Send TakeQos0();
  Send TakeQos1();

  const Config config_;
  Ring<Waiting> waiting_;
  Ring<InFlight> in_flight_;  // sending order; acknowledged ones leave when they reach the front
  Ref current_{};             // the QoS 0 message handed out last
  OutboxCounters counters_;
  size_t bytes_ = 0;
  size_t unacknowledged_ = 0;
  uint32_t front_id_ = 1;  // packet id of in_flight_[0]
  uint32_t window_ = 0;
  uint32_t packet_bytes_max_ = 0;
  bool connected_ = false;
};

template <typename Ref>
bool Outbox<Ref>::Push(Item item, int64_t now_ms) {
  CHECK(item.qos <= 1);
  ++counters_.matched;
  const size_t cost = item.bytes + kItemBytes;
  while (bytes_ + cost > config_.bytes_max && !waiting_.empty()) DropFront(&counters_.overflowed);
  if (bytes_ + cost > config_.bytes_max) {
    ++counters_.overflowed;
    return false;
  }
  bytes_ += cost;
  waiting_.PushBack(Waiting{std::move(item), now_ms, false});
  return true;
}

template <typename Ref>
auto Outbox<Ref>::Next(int64_t now_ms) -> std::optional<Send> {
  if (!connected_) return std::nullopt;
  while (!waiting_.empty()) {
    const Waiting& message = waiting_.front();
    if (IsExpired(message, now_ms)) {
      DropFront(&counters_.expired);
    } else if (IsOversize(message)) {
      DropFront(&counters_.oversize);
    } else if (message.item.qos == 0) {
      return TakeQos0();
    } else if (unacknowledged_ < window_ && in_flight_.size() < kPacketIds - 1) {
      return TakeQos1();
    } else {
      return std::nullopt;  // QoS 0 behind it waits too: order is kept
    }
  }
  return std::nullopt;
}

template <typename Ref>
auto Outbox<Ref>::TakeQos0() -> Send {
  bytes_ -= CostOf(waiting_.front());
  current_ = std::move(waiting_.PopFront().item.ref);
  ++counters_.sent;
  ++counters_.sent_qos0;
  return Send{0, 0, false, &current_};
}

template <typename Ref>
auto Outbox<Ref>::TakeQos1() -> Send {
  const uint16_t packet_id = IdAt(in_flight_.size());
  in_flight_.PushBack(InFlight{waiting_.PopFront(), false});
  ++unacknowledged_;
  ++counters_.sent;
  const Waiting& message = in_flight_.back().message;
  if (message.retried) ++counters_.retried;
  return Send{packet_id, 1, message.retried, &message.item.ref};
}

template <typename Ref>
AckClass Outbox<Ref>::OnAck(uint16_t packet_id, uint8_t reason) {
  if (packet_id == 0) return AckClass::kUnknownId;
  const size_t index = (packet_id + kPacketIds - front_id_) % kPacketIds;
  if (index >= in_flight_.size() || in_flight_[index].acked) return AckClass::kUnknownId;
  InFlight& sent = in_flight_[index];
  bytes_ -= CostOf(sent.message);
  sent.message.item.ref = Ref{};
  sent.acked = true;
  --unacknowledged_;
  while (!in_flight_.empty() && in_flight_.front().acked) {
    in_flight_.PopFront();
    front_id_ = IdAt(1);
  }
  // 0x10, no matching subscribers, is the far end's filter or nobody there: delivered as far as a
  // link can tell.
  const bool success = reason == 0x00 || reason == 0x10;
  ++(success ? counters_.acked : counters_.rejected);
  return success ? AckClass::kSuccess : AckClass::kRejected;
}

template <typename Ref>
void Outbox<Ref>::OnConnect(uint16_t receive_maximum, uint32_t packet_bytes_max) {
  CHECK(!connected_ && receive_maximum > 0);
  connected_ = true;
  window_ =
      config_.inflight_max == 0 ? receive_maximum : std::min(config_.inflight_max, receive_maximum);
  packet_bytes_max_ = packet_bytes_max;
}

template <typename Ref>
void Outbox<Ref>::OnDisconnect() {
  connected_ = false;
  current_ = Ref{};
  front_id_ =
      IdAt(in_flight_.size());  // a late answer to an old identifier must not meet a new one
  unacknowledged_ = 0;
  while (!in_flight_.empty()) {
    InFlight sent = in_flight_.PopBack();
    if (sent.acked) continue;
    sent.message.retried = true;
    waiting_.PushFront(std::move(sent.message));
  }
}

template <typename Ref>
size_t Outbox<Ref>::ExpireWaiting(int64_t now_ms) {
  const uint64_t before = counters_.expired;
  while (!waiting_.empty() && IsExpired(waiting_.front(), now_ms)) DropFront(&counters_.expired);
  return counters_.expired - before;
}

}  // namespace causeway::link
