// Seeded chance and virtual time: what makes a simulated story repeatable.
#pragma once

#include <cstdint>
#include <functional>
#include <queue>
#include <random>
#include <utility>
#include <vector>

namespace causeway::sim {

class Chance {
 public:
  explicit Chance(uint32_t seed) : engine_(seed) {}
  /// 0 ≤ x < n. Not a std distribution: those differ between libraries, and a seed shall not.
  uint32_t Below(uint32_t n) { return static_cast<uint32_t>(engine_() % n); }
  bool Percent(uint32_t percent) { return Below(100) < percent; }
  template <typename T>
  const T& Pick(const std::vector<T>& items) {
    return items[Below(static_cast<uint32_t>(items.size()))];
  }

 private:
  std::mt19937 engine_;
};

/// Things to do by time; those of one millisecond in the order they were asked for.
class Clock {
 public:
  int64_t now_ms = 10'000;

  void After(int64_t delay_ms, std::function<void()> run) {
    due_.push({now_ms + delay_ms, order_++, std::move(run)});
  }
  void RunUntil(int64_t until_ms) {
    while (!due_.empty() && due_.top().at_ms <= until_ms) {
      now_ms = due_.top().at_ms;
      const auto run = std::move(const_cast<Due&>(due_.top()).run);  // gone with the next line
      due_.pop();
      run();
    }
    now_ms = until_ms;
  }

 private:
  struct Due {
    int64_t at_ms;
    uint64_t order;
    std::function<void()> run;
    bool operator<(const Due& other) const {  // the queue's top is its largest
      return at_ms != other.at_ms ? at_ms > other.at_ms : order > other.order;
    }
  };
  std::priority_queue<Due> due_;
  uint64_t order_ = 0;
};

}  // namespace causeway::sim
