#include "session/delivery_queue.h"

#include <algorithm>
#include <utility>

namespace causeway::session {

uint32_t DeliveryQueue::Push(Delivery&& delivery, QueueBounds bounds, uint16_t priority) {
  const size_t bytes = delivery.bytes();
  if (held_ == nullptr) held_ = std::make_unique<Held>();
  DeliveryRing* ring = RingOf(priority);
  uint32_t dropped = 0;
  while (bounds.length_max != 0 && ring->size() >= bounds.length_max) {
    ++dropped;
    if (delivery.qos == 0) return dropped;
    Take(ring);
  }
  while (count_ > 0 && held_->bytes + bytes > bounds.bytes_max) {
    ++dropped;
    DeliveryRing* lowest = LowestUpTo(priority);
    if (delivery.qos == 0 || lowest == nullptr) return dropped;
    Take(lowest);
  }
  held_->bytes += bytes;
  ++count_;
  ring->Push(std::move(delivery));
  return dropped;
}

Delivery DeliveryQueue::Pop() {
  DeliveryRing* ring = Next();
  if (!held_->lanes.empty()) {
    const auto lane = std::find_if(held_->lanes.begin(), held_->lanes.end(),
                                   [ring](const Lane& one) { return &one.ring == ring; });
    --(lane == held_->lanes.end() ? held_->plain_credit : lane->credit);
  }
  Delivery out = Take(ring);
  if (count_ == 0) Emptied();
  return out;
}

void DeliveryQueue::Clear() {
  held_.reset();
  count_ = 0;
}

/// The rings have given their memory back themselves.
void DeliveryQueue::Emptied() {
  std::vector<Lane>().swap(held_->lanes);
  held_->plain_credit = CreditOf(kLowestPriority);
}

DeliveryRing* DeliveryQueue::RingOf(uint16_t priority) {
  if (priority == kLowestPriority) return &held_->plain;
  auto lane = std::find_if(held_->lanes.begin(), held_->lanes.end(),
                           [priority](const Lane& one) { return one.priority <= priority; });
  if (lane == held_->lanes.end() || lane->priority != priority)
    lane = held_->lanes.insert(lane, Lane{priority, CreditOf(priority), DeliveryRing()});
  return &lane->ring;
}

/// The highest priority that has both deliveries and credit; when none has, all get new credit.
/// There are deliveries.
DeliveryRing* DeliveryQueue::Next() {
  if (held_->lanes.empty()) return &held_->plain;
  for (;;) {
    for (Lane& lane : held_->lanes) {
      if (!lane.ring.empty() && lane.credit > 0) return &lane.ring;
    }
    if (!held_->plain.empty() && held_->plain_credit > 0) return &held_->plain;
    for (Lane& lane : held_->lanes) lane.credit = CreditOf(lane.priority);
    held_->plain_credit = CreditOf(kLowestPriority);
  }
}

/// The lowest priority, `priority` at most, that holds deliveries; null when none does.
DeliveryRing* DeliveryQueue::LowestUpTo(uint16_t priority) {
  if (!held_->plain.empty()) return &held_->plain;
  for (auto lane = held_->lanes.rbegin(); lane != held_->lanes.rend() && lane->priority <= priority;
       ++lane) {
    if (!lane->ring.empty()) return &lane->ring;
  }
  return nullptr;
}

Delivery DeliveryQueue::Take(DeliveryRing* ring) {
  Delivery out = ring->Pop();
  held_->bytes -= out.bytes();
  --count_;
  return out;
}

}  // namespace causeway::session
