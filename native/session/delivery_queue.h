// Messages waiting for room in the window, or for the client to come back (EMQX: mqueue).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "session/delivery_ring.h"
#include "session/queue_priority.h"

namespace causeway::session {

/// What the queue may hold.
struct QueueBounds {
  uint32_t length_max = 0;      // deliveries of one priority (mqtt.max_mqueue_len); 0: no count
  size_t bytes_max = SIZE_MAX;  // of all together
};

/// First in, first out within a priority; among priorities the higher first, each for as many
/// turns as it has credit, so that none starves (EMQX's rule). With one priority, as usual, a plain
/// FIFO. No memory before the first delivery, little while empty. Single-threaded.
/// Full: a QoS 0 newcomer is dropped, otherwise the oldest goes: of the newcomer's priority by
/// count, of the lowest priority by bytes. The caller counts.
class DeliveryQueue {
 public:
  /// Returns how many deliveries were dropped, the newcomer included.
  uint32_t Push(Delivery&& delivery, QueueBounds bounds, uint16_t priority = kLowestPriority);
  /// What Pop takes next; null when empty.
  Delivery* Front() { return count_ == 0 ? nullptr : Next()->Front(); }
  Delivery Pop();
  void Clear();
  uint32_t size() const { return count_; }
  bool empty() const { return count_ == 0; }
  size_t bytes() const { return held_ == nullptr ? 0 : held_->bytes; }

 private:
  struct Lane {
    uint16_t priority;
    uint32_t credit;
    DeliveryRing ring;
  };

  void Emptied();
  DeliveryRing* RingOf(uint16_t priority);
  DeliveryRing* Next();
  DeliveryRing* LowestUpTo(uint16_t priority);
  Delivery Take(DeliveryRing* ring);

  struct Held {
    DeliveryRing plain;       // kLowestPriority
    std::vector<Lane> lanes;  // the others, highest first
    uint32_t plain_credit = CreditOf(kLowestPriority);
    size_t bytes = 0;
  };

  std::unique_ptr<Held> held_;  // null until the first delivery
  uint32_t count_ = 0;
};

}  // namespace causeway::session
