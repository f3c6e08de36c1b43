#include "session/delivery_queue.h"

#include <algorithm>
#include <utility>

namespace causeway::session {

uint32_t DeliveryQueue::Push(Delivery&& delivery, QueueBounds bounds, uint16_t priority) {
  const size_t bytes = delivery.bytes();
  DeliveryRing* ring = RingOf(priority);
  uint32_t dropped = 0;
  while (bounds.length_max != 0 && ring->size() >= bounds.length_max) {
    ++dropped;
    if (delivery.qos == 0) return dropped;
    Take(ring);
  }
  while (count_ > 0 && bytes_ + bytes > bounds.bytes_max) {
    ++dropped;
    DeliveryRing* lowest = LowestUpTo(priority);
    if (delivery.qos == 0 || lowest == nullptr) return dropped;
    Take(lowest);
  }
  bytes_ += bytes;
  ++count_;
  ring->Push(std::move(delivery));
  return dropped;
}

Delivery DeliveryQueue::Pop() {
  DeliveryRing* ring = Next();
  if (!lanes_.empty()) {
    const auto lane = std::find_if(lanes_.begin(), lanes_.end(),
                                   [ring](const Lane& one) { return &one.ring == ring; });
    --(lane == lanes_.end() ? plain_credit_ : lane->credit);
  }
  Delivery out = Take(ring);
  if (count_ == 0) Clear();
  return out;
}

void DeliveryQueue::Clear() {
  plain_.Clear();
  std::vector<Lane>().swap(lanes_);
  plain_credit_ = CreditOf(kLowestPriority);
  count_ = 0;
  bytes_ = 0;
}

DeliveryRing* DeliveryQueue::RingOf(uint16_t priority) {
  if (priority == kLowestPriority) return &plain_;
  auto lane = std::find_if(lanes_.begin(), lanes_.end(),
                           [priority](const Lane& one) { return one.priority <= priority; });
  if (lane == lanes_.end() || lane->priority != priority)
    lane = lanes_.insert(lane, Lane{priority, CreditOf(priority), DeliveryRing()});
  return &lane->ring;
}

/// The highest priority that has both deliveries and credit; when none has, all get new credit.
/// There are deliveries.
DeliveryRing* DeliveryQueue::Next() {
  if (lanes_.empty()) return &plain_;
  for (;;) {
    for (Lane& lane : lanes_) {
      if (!lane.ring.empty() && lane.credit > 0) return &lane.ring;
    }
    if (!plain_.empty() && plain_credit_ > 0) return &plain_;
    for (Lane& lane : lanes_) lane.credit = CreditOf(lane.priority);
    plain_credit_ = CreditOf(kLowestPriority);
  }
}

/// The lowest priority, `priority` at most, that holds deliveries; null when none does.
DeliveryRing* DeliveryQueue::LowestUpTo(uint16_t priority) {
  if (!plain_.empty()) return &plain_;
  for (auto lane = lanes_.rbegin(); lane != lanes_.rend() && lane->priority <= priority; ++lane) {
    if (!lane->ring.empty()) return &lane->ring;
  }
  return nullptr;
}

Delivery DeliveryQueue::Take(DeliveryRing* ring) {
  Delivery out = ring->Pop();
  bytes_ -= out.bytes();
  --count_;
  return out;
}

}  // namespace causeway::session
