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
#include "core/limits.h"
#include "link/link_metrics.h"
#include "link/ring.h"

namespace causeway::link {

inline constexpr int64_t kNeverExpires = std::numeric_limits<int64_t>::max();

enum class AckClass : uint8_t { kSuccess, kRejected, kUnknownId };

/// Messages in order, bounded by bytes and age, with a window of unacknowledged ones.
///
///   Push ─▶ waiting ─Next─▶ unacknowledged ─OnAck─▶ gone
///              ▲                  │
///              └───OnDisconnect───┘   original order, ahead of what waited, new packet ids
///
/// A message that the far end cannot bear would end one connection after the other: when one ended
/// without a single acknowledgement, the next sends one message at a time until one comes; and
/// after limits::kLinkDeliveryAttempts connections that ended over the same lone message it is
/// given up, as `undeliverable`.
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
    uint16_t inflight_max;           // our own window; 0: the peer's, up to kRepeatIds
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

  /// What happens is counted in `*metrics`, which several outboxes of one loop may share.
  Outbox(const Config& config, LinkMetrics* metrics) : config_(config), metrics_(metrics) {}
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  /// Takes the message. False when it was dropped itself; older ones dropped to make room are only
  /// counted.
  bool Push(Item item, int64_t now_ms);
  /// The next message to write, or nothing: not connected, window full, or nothing waits.
  std::optional<Send> Next(int64_t now_ms);
  /// The identifier that the next message of QoS 1 will have.
  uint16_t next_packet_id() const { return IdAt(in_flight_.size()); }
  AckClass OnAck(uint16_t packet_id, uint8_t reason);

  /// A connection with a new session is up. `receive_maximum` ≥ 1; `packet_bytes_max` 0: the peer
  /// named none. `first_id`: identifiers below it are somebody else's; the same for the life of
  /// the outbox.
  void OnConnect(uint16_t receive_maximum, uint32_t packet_bytes_max, uint16_t first_id = 1);
  void OnDisconnect();
  /// Drops what waits and is too old; for the owner's timer while nothing can be sent. Returns how
  /// many.
  size_t ExpireWaiting(int64_t now_ms);
  /// Other bounds from now on; what is here stays, in its order.
  void Configure(const Config& config);
  /// The link is gone: everything goes, counted as dropped. Returns how many.
  size_t Drop();

  bool connected() const { return connected_; }
  size_t waiting() const { return waiting_.size(); }
  size_t unacknowledged() const { return unacknowledged_; }
  size_t bytes() const { return bytes_; }
  /// Since when the oldest waiting message waits, nothing when none does.
  std::optional<int64_t> oldest_waiting_since_ms() const {
    if (waiting_.empty()) return std::nullopt;
    return waiting_[0].pushed_at_ms;
  }
  /// When the oldest unacknowledged message was sent, nothing when all are acknowledged.
  std::optional<int64_t> oldest_sent_at_ms() const {
    if (in_flight_.empty()) return std::nullopt;
    return in_flight_[0].sent_at_ms;  // what is acknowledged leaves the front at once
  }

 private:
  static constexpr uint32_t kLastId = 65535;

  struct Waiting {
    Item item;
    int64_t pushed_at_ms = 0;
    bool retried = false;
  };
  struct InFlight {
    Waiting message;
    int64_t sent_at_ms = 0;
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
  void DropFront(std::atomic<uint64_t>& counter) {
    Release(CostOf(waiting_.front()));
    PopWaiting();
    front_failures_ = 0;
    Bump(counter);
  }
  Waiting PopWaiting() {
    Lower(metrics_->queued);
    return waiting_.PopFront();
  }
  void Release(size_t bytes) {
    bytes_ -= bytes;
    Lower(metrics_->queued_bytes, bytes);
  }
  static void Lower(std::atomic<uint64_t>& gauge, uint64_t by = 1) { Bump(gauge, 0 - by); }
  uint32_t Window() const { return isolating_ ? 1 : window_; }
  /// Identifiers run first_id_ … kLastId and are given in order of sending, so an identifier tells
  /// the place in the ring.
  uint32_t Ids() const { return kLastId + 1 - first_id_; }
  uint16_t IdAt(size_t index) const {
    return static_cast<uint16_t>((front_id_ - first_id_ + index) % Ids() + first_id_);
  }
  Send TakeQos0();
  Send TakeQos1(int64_t now_ms);
  void OpenWindow();

  Config config_;
  LinkMetrics* const metrics_;
  Ring<Waiting> waiting_;
  Ring<InFlight> in_flight_;  // sending order; acknowledged ones leave when they reach the front
  Ref current_{};             // the QoS 0 message handed out last
  size_t bytes_ = 0;
  size_t unacknowledged_ = 0;
  uint32_t first_id_ = 1;
  uint32_t front_id_ = 1;  // packet id of in_flight_[0]
  uint32_t window_ = 0;
  uint32_t packet_bytes_max_ = 0;
  uint16_t receive_maximum_ = 0;
  bool connected_ = false;
  bool acked_here_ = false;     // something, on this connection
  bool isolating_ = false;      // one message at a time
  uint8_t front_failures_ = 0;  // connections that ended over the lone first message
};

template <typename Ref>
bool Outbox<Ref>::Push(Item item, int64_t now_ms) {
  CHECK(item.qos <= 1);
  Bump(metrics_->matched);
  const size_t cost = item.bytes + kItemBytes;
  while (bytes_ + cost > config_.bytes_max && !waiting_.empty()) DropFront(metrics_->overflowed);
  if (bytes_ + cost > config_.bytes_max) {
    Bump(metrics_->overflowed);
    return false;
  }
  bytes_ += cost;
  Bump(metrics_->queued_bytes, cost);
  Bump(metrics_->queued);
  waiting_.PushBack(Waiting{std::move(item), now_ms, false});
  return true;
}

template <typename Ref>
auto Outbox<Ref>::Next(int64_t now_ms) -> std::optional<Send> {
  if (!connected_) return std::nullopt;
  while (!waiting_.empty()) {
    const Waiting& message = waiting_.front();
    if (IsExpired(message, now_ms)) {
      DropFront(metrics_->expired);
    } else if (IsOversize(message)) {
      DropFront(metrics_->oversize);
    } else if (isolating_ && unacknowledged_ > 0) {
      return std::nullopt;
    } else if (message.item.qos == 0) {
      return TakeQos0();
    } else if (unacknowledged_ < Window() && in_flight_.size() < Ids() - 1) {
      return TakeQos1(now_ms);
    } else {
      return std::nullopt;  // QoS 0 behind it waits too: order is kept
    }
  }
  return std::nullopt;
}

template <typename Ref>
auto Outbox<Ref>::TakeQos0() -> Send {
  Release(CostOf(waiting_.front()));
  current_ = std::move(PopWaiting().item.ref);
  Bump(metrics_->sent);
  Bump(metrics_->sent_qos0);
  return Send{0, 0, false, &current_};
}

template <typename Ref>
auto Outbox<Ref>::TakeQos1(int64_t now_ms) -> Send {
  const uint16_t packet_id = next_packet_id();
  in_flight_.PushBack(InFlight{PopWaiting(), now_ms, false});
  ++unacknowledged_;
  Bump(metrics_->inflight);
  Bump(metrics_->sent);
  const Waiting& message = in_flight_.back().message;
  if (message.retried) Bump(metrics_->retried);
  return Send{packet_id, 1, message.retried, &message.item.ref};
}

template <typename Ref>
AckClass Outbox<Ref>::OnAck(uint16_t packet_id, uint8_t reason) {
  if (packet_id < first_id_) return AckClass::kUnknownId;
  const size_t index = (packet_id + Ids() - front_id_) % Ids();
  if (index >= in_flight_.size() || in_flight_[index].acked) return AckClass::kUnknownId;
  InFlight& sent = in_flight_[index];
  Release(CostOf(sent.message));
  sent.message.item.ref = Ref{};
  sent.acked = true;
  --unacknowledged_;
  Lower(metrics_->inflight);
  while (!in_flight_.empty() && in_flight_.front().acked) {
    in_flight_.PopFront();
    front_id_ = IdAt(1);
  }
  acked_here_ = true;
  isolating_ = false;
  front_failures_ = 0;
  // 0x10, no matching subscribers, is the far end's filter or nobody there: delivered as far as a
  // link can tell.
  const bool success = reason == 0x00 || reason == 0x10;
  Bump(success ? metrics_->acked : metrics_->rejected);
  if (reason == 0x10) Bump(metrics_->unmatched);
  if (!success) Bump(RejectedBy(metrics_, reason));
  return success ? AckClass::kSuccess : AckClass::kRejected;
}

template <typename Ref>
void Outbox<Ref>::OnConnect(uint16_t receive_maximum, uint32_t packet_bytes_max,
                            uint16_t first_id) {
  CHECK(!connected_ && receive_maximum > 0 && first_id > 0);
  connected_ = true;
  if (first_id_ != first_id) front_id_ = first_id_ = first_id;
  acked_here_ = false;
  receive_maximum_ = receive_maximum;
  packet_bytes_max_ = packet_bytes_max;
  OpenWindow();
}

template <typename Ref>
void Outbox<Ref>::OpenWindow() {
  // Beyond what the far end can recognise a repetition would be published twice; the schema of the
  // configuration refuses a max_inflight above that.
  const uint16_t own =
      config_.inflight_max == 0 ? uint16_t{limits::kRepeatIds} : config_.inflight_max;
  window_ = std::min(own, receive_maximum_);
}

template <typename Ref>
void Outbox<Ref>::OnDisconnect() {
  connected_ = false;
  current_ = Ref{};
  front_id_ =
      IdAt(in_flight_.size());  // a late answer to an old identifier must not meet a new one
  const bool in_vain = unacknowledged_ > 0 && !acked_here_;
  const bool lone = in_vain && isolating_;
  Lower(metrics_->inflight, unacknowledged_);
  Bump(metrics_->queued, unacknowledged_);
  unacknowledged_ = 0;
  while (!in_flight_.empty()) {
    InFlight sent = in_flight_.PopBack();
    if (sent.acked) continue;
    sent.message.retried = true;
    waiting_.PushFront(std::move(sent.message));
  }
  if (!in_vain) return;
  isolating_ = true;
  if (!lone || ++front_failures_ < limits::kLinkDeliveryAttempts) return;
  DropFront(metrics_->undeliverable);
}

template <typename Ref>
size_t Outbox<Ref>::ExpireWaiting(int64_t now_ms) {
  size_t gone = 0;
  for (; !waiting_.empty() && IsExpired(waiting_.front(), now_ms); ++gone)
    DropFront(metrics_->expired);
  return gone;
}

template <typename Ref>
void Outbox<Ref>::Configure(const Config& config) {
  config_ = config;
  while (bytes_ > config_.bytes_max && !waiting_.empty()) DropFront(metrics_->overflowed);
  if (connected_) OpenWindow();
}

template <typename Ref>
size_t Outbox<Ref>::Drop() {
  if (connected_ || unacknowledged_ > 0) OnDisconnect();
  size_t gone = 0;
  for (; !waiting_.empty(); ++gone) DropFront(metrics_->dropped);
  return gone;
}

}  // namespace causeway::link
