// A load generator: MQTT clients over plain sockets on threads of their own, driven phase by phase.
//
//   Generator generator(plan);          threads run, subscribers connect
//   generator.Read() …                  until as many are ready as the plan has, or failures say no
//   generator.Enter(Phase::kRun) …      each phase when the last one is over
//   generator.Measure(from, until)
//   ~Generator                          sockets closed, threads joined
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "loadgen/counters.h"
#include "loadgen/histogram.h"
#include "loadgen/plan.h"
#include "loadgen/run_state.h"
#include "loadgen/worker.h"

namespace causeway::loadgen {

/// The sums of all threads at one moment.
struct Reading {
  int64_t at_ns = 0;  // MonotonicNs
  Counts counts;
  uint64_t thread_cpu_ns = 0;      // of the generator's threads
  bool drained = false;            // every thread has seen kDrain: `expected` is final
  int64_t first_subscribe_ns = 0;  // 0: none yet
  int64_t last_suback_ns = 0;
};

/// Thread: whoever made it drives it. Its threads inherit that thread's processors.
class Generator {
 public:
  explicit Generator(Plan plan);
  Generator(const Generator&) = delete;
  Generator& operator=(const Generator&) = delete;
  ~Generator();

  /// Later phases only.
  void Enter(Phase phase);
  /// Latencies of messages sent in [from, until) count; MonotonicNs.
  void Measure(int64_t from_ns, int64_t until_ns);
  Reading Read();
  std::vector<std::string> failures() const;
  /// Merges into an empty histogram: what it takes from PUBLISH to its arrival.
  void ReadLatency(Histogram* into) const;
  /// The same from SUBSCRIBE to its SUBACK.
  void ReadSubscribeLatency(Histogram* into) const;

 private:
  void AdoptClients();

  std::unique_ptr<RunState> state_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::thread> threads_;  // ended first: they use the two above
};

}  // namespace causeway::loadgen
