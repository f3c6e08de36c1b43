// Two threads that must do something at the same moment, a hundred thousand times: for tests of
// what only a fence orders.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>

namespace causeway {

/// Both wait here for each other, at the start and at the end of every round. What one did before
/// it arrived the other sees after it.
class Meeting {
 public:
  void Arrive() {
    const uint64_t mine = arrived_.fetch_add(1, std::memory_order_acq_rel) + 1;
    const uint64_t everybody = (mine + 1) / 2 * 2;
    for (int spins = 0; arrived_.load(std::memory_order_acquire) < everybody; ++spins) {
      if (spins > 2'000) std::this_thread::yield();  // the other one has no core
    }
  }

 private:
  std::atomic<uint64_t> arrived_{0};
};

/// Keeps the two close: whoever was first in a round starts a little later in the next, so that on
/// a busy machine, too, half of the rounds go each way and many are a draw. Each thread has one;
/// both learn the same, so they agree.
class Aim {
 public:
  enum Side { kLeft, kRight };
  explicit Aim(Side side) : side_(side) {}

  /// This side's share of the distance, and a little that differs from round to round. Touches no
  /// memory.
  void Wait(size_t round) {
    // Where both share one core the one that runs is always first, unless it steps aside.
    if (round % 16 == (side_ == kLeft ? 3 : 11)) std::this_thread::yield();
    const int64_t steps =
        (side_ == kLeft ? left_lead_ : -left_lead_) + static_cast<int64_t>(round * 7919 % 61);
    for (int64_t i = 0; i < steps; ++i) asm volatile("" ::: "memory");
  }
  void Learn(bool left_was_first) {
    left_lead_ = std::clamp<int64_t>(left_lead_ + (left_was_first ? 9 : -9), -20'000, 20'000);
  }

 private:
  Side side_;
  int64_t left_lead_ = 0;  // steps by which the left side would be early
};

}  // namespace causeway
