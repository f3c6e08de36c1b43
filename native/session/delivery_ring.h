// A FIFO of deliveries in a ring that grows.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "session/delivery.h"

namespace causeway::session {

/// No memory while empty. Single-threaded. Bound: the caller's (DeliveryQueue).
class DeliveryRing {
 public:
  void Push(Delivery&& delivery) {
    if (count_ == capacity_) Grow();
    ring_[(first_ + count_++) & (capacity_ - 1)] = std::move(delivery);
  }
  /// Null when empty.
  Delivery* Front() { return count_ == 0 ? nullptr : &ring_[first_]; }
  Delivery Pop() {
    Delivery out = std::move(ring_[first_]);
    first_ = (first_ + 1) & (capacity_ - 1);
    if (--count_ == 0) Clear();
    return out;
  }
  void Clear() {
    ring_.reset();
    first_ = count_ = capacity_ = 0;
  }
  uint32_t size() const { return count_; }
  bool empty() const { return count_ == 0; }

 private:
  void Grow() {
    const uint32_t wider = capacity_ == 0 ? 8 : capacity_ * 2;
    auto ring = std::make_unique<Delivery[]>(wider);
    for (uint32_t i = 0; i < count_; ++i)
      ring[i] = std::move(ring_[(first_ + i) & (capacity_ - 1)]);
    ring_ = std::move(ring);
    first_ = 0;
    capacity_ = wider;
  }

  std::unique_ptr<Delivery[]> ring_;
  uint32_t first_ = 0, count_ = 0, capacity_ = 0;
};

}  // namespace causeway::session
