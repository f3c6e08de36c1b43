// A growable ring: a deque without per-block allocation, for queues on the message path.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "core/check.h"

namespace causeway::link {

/// FIFO with cheap access at both ends. Doubles when full; gives its memory back when it runs empty
/// after having been large. T: default constructible, movable; a popped place is reset to T{}.
template <typename T>
class Ring {
 public:
  Ring() = default;
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  bool empty() const { return count_ == 0; }
  size_t size() const { return count_; }
  /// `index` from the front.
  T& operator[](size_t index) { return places_[(head_ + index) & (capacity_ - 1)]; }
  const T& operator[](size_t index) const { return places_[(head_ + index) & (capacity_ - 1)]; }
  T& front() { return (*this)[0]; }
  T& back() { return (*this)[count_ - 1]; }

  void PushBack(T value) {
    if (count_ == capacity_) Grow();
    places_[(head_ + count_) & (capacity_ - 1)] = std::move(value);
    ++count_;
  }
  void PushFront(T value) {
    if (count_ == capacity_) Grow();
    head_ = (head_ + capacity_ - 1) & (capacity_ - 1);
    places_[head_] = std::move(value);
    ++count_;
  }
  T PopFront() {
    CHECK(count_ > 0);
    T value = std::exchange(places_[head_], T{});
    head_ = (head_ + 1) & (capacity_ - 1);
    --count_;
    ReleaseWhenIdle();
    return value;
  }
  T PopBack() {
    CHECK(count_ > 0);
    --count_;
    T value = std::exchange((*this)[count_], T{});
    ReleaseWhenIdle();
    return value;
  }

 private:
  static constexpr size_t kFirstCapacity = 16;
  static constexpr size_t kIdleCapacityMax = 4096;

  void Grow() {
    const size_t capacity = capacity_ == 0 ? kFirstCapacity : capacity_ * 2;
    auto places = std::make_unique<T[]>(capacity);
    for (size_t i = 0; i < count_; ++i) places[i] = std::move((*this)[i]);
    places_ = std::move(places);
    capacity_ = capacity;
    head_ = 0;
  }
  void ReleaseWhenIdle() {
    if (count_ > 0 || capacity_ <= kIdleCapacityMax) return;
    places_.reset();
    capacity_ = head_ = 0;
  }

  std::unique_ptr<T[]> places_;
  size_t capacity_ = 0;  // a power of two, or 0
  size_t head_ = 0;
  size_t count_ = 0;
};

}  // namespace causeway::link
