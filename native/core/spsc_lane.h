// A bounded ring from one thread to one other.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "core/check.h"

namespace causeway {

/// Exactly one producer and one consumer thread. Full: Push returns false and the caller keeps its
/// item; draining never waits for anything. Capacity is rounded up to a power of two (minimum 2).
template <typename T>
class SpscLane {
 public:
  explicit SpscLane(size_t capacity) {
    size_t rounded = 2;
    while (rounded < capacity) rounded *= 2;
    mask_ = rounded - 1;
    slots_ = std::make_unique<T[]>(rounded);
  }
  SpscLane(const SpscLane&) = delete;
  SpscLane& operator=(const SpscLane&) = delete;

  size_t capacity() const { return mask_ + 1; }

  /// Producer. True: `item` was moved in.
  bool Push(T&& item) {
    const uint64_t tail = tail_.load(std::memory_order_relaxed);  // our own
    if (tail - head_seen_ > mask_) {
      // Acquire pairs with the consumer's release in Pop: the slot is empty before we fill it
      // again.
      head_seen_ = head_.load(std::memory_order_acquire);
      if (tail - head_seen_ > mask_) return false;
    }
    slots_[tail & mask_] = std::move(item);
    tail_.store(tail + 1, std::memory_order_release);  // publishes the slot to Front
    return true;
  }
  /// Producer. Room for at least one.
  bool HasRoom() {
    const uint64_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - head_seen_ <= mask_) return true;
    head_seen_ = head_.load(std::memory_order_acquire);
    return tail - head_seen_ <= mask_;
  }
  /// Consumer. The oldest item, or null. Stays valid until Pop.
  T* Front() {
    const uint64_t head = head_.load(std::memory_order_relaxed);  // our own
    if (head == tail_seen_) {
      tail_seen_ = tail_.load(std::memory_order_acquire);  // pairs with Push
      if (head == tail_seen_) return nullptr;
    }
    return &slots_[head & mask_];
  }
  /// Consumer. Only after Front returned an item.
  void Pop() {
    const uint64_t head = head_.load(std::memory_order_relaxed);
    slots_[head & mask_] = T();
    head_.store(head + 1, std::memory_order_release);  // hands the slot back to Push
  }
  /// Either side, approximate.
  size_t size() const {
    return static_cast<size_t>(tail_.load(std::memory_order_relaxed) -
                               head_.load(std::memory_order_relaxed));
  }

 private:
  size_t mask_ = 0;
  std::unique_ptr<T[]> slots_;
  alignas(64) std::atomic<uint64_t> head_{0};
  uint64_t tail_seen_ = 0;  // consumer's copy
  alignas(64) std::atomic<uint64_t> tail_{0};
  uint64_t head_seen_ = 0;  // producer's copy
};

}  // namespace causeway
