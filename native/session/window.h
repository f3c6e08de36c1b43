// Outbound QoS 1 and 2 in flight: by packet identifier, in an array, without a search.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "session/delivery.h"

namespace causeway::session {

/// Where one outbound delivery stands. Source: MQTT 5.0 §4.3.
enum class Phase : uint8_t {
  kFree,
  kPublished,  // waits for PUBACK (QoS 1) or PUBREC (QoS 2)
  kReleased,   // PUBREL sent, waits for PUBCOMP; the message is gone
};

struct Inflight {
  Delivery delivery;
  uint64_t sequence = 0;  // order of first sending, for redelivery [MQTT-4.6.0-1]
  uint32_t sent_ms = 0;   // low bits of the monotonic clock: the last time, for mqtt.retry_interval
  uint16_t packet_id = 0;
  Phase phase = Phase::kFree;
};

/// Slot = id mod capacity; ids are given out in order, so a slot is free almost always at the first
/// try. Grows by doubling up to the window's size; no memory before the first use. Single-threaded.
/// Bound: `max` (client's Receive Maximum, mqtt.max_inflight).
class Window {
 public:
  uint32_t size() const { return count_; }

  /// Takes the delivery in and names it. The caller has checked size() < max <= 65,535.
  Inflight& Add(Delivery&& delivery, int64_t now_ms) {
    if (count_ * 2 >= capacity_) Grow();
    for (;;) {
      // Never zero, never in use [MQTT-2.2.1-4].
      last_id_ = last_id_ >= ids_max_ ? 1 : static_cast<uint16_t>(last_id_ + 1);
      Inflight& slot = slots_[last_id_ & (capacity_ - 1)];
      if (slot.phase != Phase::kFree) continue;
      slot.delivery = std::move(delivery);
      slot.sequence = ++sequence_;
      slot.sent_ms = static_cast<uint32_t>(now_ms);
      slot.packet_id = last_id_;
      slot.phase = Phase::kPublished;
      ++count_;
      return slot;
    }
  }
  Inflight* Find(uint16_t packet_id) {
    if (capacity_ == 0) return nullptr;
    Inflight& slot = slots_[packet_id & (capacity_ - 1)];
    return slot.phase != Phase::kFree && slot.packet_id == packet_id ? &slot : nullptr;
  }
  void Remove(Inflight* slot) {
    slot->delivery = Delivery();
    slot->phase = Phase::kFree;
    if (--count_ == 0 && capacity_ > kKeptCapacity) Clear();
  }
  /// Identifiers above `ids_max` are somebody else's from now on; the window itself is to be at
  /// most half of it. False: one of them is in flight, and nothing has changed.
  bool Leave(uint16_t ids_max);
  /// Everything in flight, in the order it was first sent.
  std::vector<uint16_t> IdsInOrder() const;
  void Clear() {
    slots_.reset();
    capacity_ = count_ = 0;
  }

 private:
  static constexpr uint32_t kKeptCapacity = 64;  // an idle session gives a larger array back
  void Grow();

  std::unique_ptr<Inflight[]> slots_;
  uint32_t capacity_ = 0, count_ = 0;
  uint64_t sequence_ = 0;
  uint16_t last_id_ = 0;
  uint16_t ids_max_ = 65535;
};

}  // namespace causeway::session
