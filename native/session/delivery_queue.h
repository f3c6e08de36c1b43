// Messages waiting for room in the window, or for the client to come back (EMQX: mqueue).
#pragma once

#include <cstddef>
#include <cstdint>
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
/// FIFO. No memory while empty. Single-threaded.
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
  size_t bytes() const { return bytes_; }

 private:
  struct Lane {
    uint16_t priority;
    uint32_t credit;
    DeliveryRing ring;
  };

  DeliveryRing* RingOf(uint16_t priority);
  DeliveryRing* Next();
  DeliveryRing* LowestUpTo(uint16_t priority);
  Delivery Take(DeliveryRing* ring);

  DeliveryRing plain_;       // kLowestPriority
  std::vector<Lane> lanes_;  // the others, highest first
  uint32_t plain_credit_ = CreditOf(kLowestPriority);
  uint32_t count_ = 0;
  size_t bytes_ = 0;
};

}  // namespace causeway::session
