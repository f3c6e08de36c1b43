// Messages waiting for room in the window, or for the client to come back (EMQX: mqueue).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "session/delivery.h"

namespace causeway::session {

/// FIFO ring; no memory while empty. Single-threaded.
/// Bounds: `length_max` deliveries (0: no count) and `bytes_max` bytes. Full: a QoS 0 newcomer is
/// dropped, otherwise the oldest goes (EMQX's rule); the caller counts.
class DeliveryQueue {
 public:
  enum class Pushed : uint8_t { kQueued, kDroppedNew, kDroppedOldest };

  Pushed Push(Delivery&& delivery, uint32_t length_max, size_t bytes_max) {
    const size_t bytes = delivery.bytes();
    Pushed outcome = Pushed::kQueued;
    while (count_ > 0 &&
           ((length_max != 0 && count_ >= length_max) || bytes_ + bytes > bytes_max)) {
      if (delivery.qos == 0) return Pushed::kDroppedNew;
      Pop();
      outcome = Pushed::kDroppedOldest;
    }
    if (count_ == capacity_) Grow();
    bytes_ += bytes;
    ring_[(first_ + count_++) & (capacity_ - 1)] = std::move(delivery);
    return outcome;
  }
  Delivery* Front() { return count_ == 0 ? nullptr : &ring_[first_]; }
  Delivery Pop() {
    Delivery out = std::move(ring_[first_]);
    bytes_ -= out.bytes();
    first_ = (first_ + 1) & (capacity_ - 1);
    if (--count_ == 0) Clear();
    return out;
  }
  void Clear() {
    ring_.reset();
    first_ = count_ = capacity_ = 0;
    bytes_ = 0;
  }
  uint32_t size() const { return count_; }
  bool empty() const { return count_ == 0; }
  size_t bytes() const { return bytes_; }

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
  size_t bytes_ = 0;
};

}  // namespace causeway::session
