// How long it takes from SUBACK at one broker until a message published at another arrives there:
// the time a route needs across a link.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

#include "loadgen/endpoint.h"
#include "loadgen/histogram.h"

namespace causeway::loadgen {

struct ProbePlan {
  Endpoint publish_to, subscribe_to;
  uint32_t run = 0;
  uint32_t rounds = 200;         // each with a topic nobody had before
  uint32_t gap_us = 100;         // between two publishes while nothing arrives
  uint32_t give_up_ms = 10'000;  // a round without an arrival
};

/// Thread: one of its own, blocking. Figures may be read at any time, the error once done() is
/// true.
class RouteProbe {
 public:
  explicit RouteProbe(ProbePlan plan);
  RouteProbe(const RouteProbe&) = delete;
  RouteProbe& operator=(const RouteProbe&) = delete;
  /// Ends the round that is running, then the thread.
  ~RouteProbe();

  bool done() const { return done_.load(std::memory_order_acquire); }
  /// Empty, or why it ended early.
  const std::string& error() const { return error_; }
  uint32_t rounds() const { return rounds_.load(std::memory_order_relaxed); }
  /// Rounds in which nothing arrived.
  uint32_t never() const { return never_.load(std::memory_order_relaxed); }
  const Histogram& suback() const { return suback_; }        // SUBSCRIBE to SUBACK
  const Histogram& effective() const { return effective_; }  // SUBACK to the first message

 private:
  void Run();

  const ProbePlan plan_;
  Histogram suback_, effective_;
  std::string error_;  // written before done_
  // Release, paired with the reader's acquire: `error_` is complete then.
  std::atomic<bool> done_{false};
  // Relaxed: figures, and a wish.
  std::atomic<bool> ending_{false};
  std::atomic<uint32_t> rounds_{0}, never_{0};
  std::thread thread_;
};

}  // namespace causeway::loadgen
