// What the threads of one run share with each other and with whoever drives them.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "loadgen/plan.h"
#include "loadgen/topic_space.h"

namespace causeway::loadgen {

/// Owner: the generator; outlives the threads.
struct RunState {
  explicit RunState(const Plan& with_plan)
      : plan(with_plan), credits(new std::atomic<uint64_t>[with_plan.publishers + 1]()) {}

  const Plan plan;
  /// Filters of the wildcard workload and who matches; complete before a thread starts.
  std::unique_ptr<TopicSpace> space;
  std::vector<std::vector<std::string>> space_filters;  // by subscriber
  std::string filler;                                   // of payloads

  /// Release by the driver, acquire by the threads: what was set before a phase holds in it.
  std::atomic<Phase> phase{Phase::kConnect};
  /// Latencies count of messages sent in [from, until), MonotonicNs. Relaxed: one late message more
  /// or less is nothing.
  std::atomic<int64_t> measure_from_ns{INT64_MAX};
  std::atomic<int64_t> measure_until_ns{INT64_MAX};
  /// Threads that have seen Phase::kDrain: then `expected` moves no more. Release, paired with the
  /// driver's acquire.
  std::atomic<uint32_t> drained{0};

  /// By publisher: deliveries, and gaps, seen by all subscribers of all threads. Relaxed: it opens
  /// a window, a little later is as good.
  std::unique_ptr<std::atomic<uint64_t>[]> credits;

  /// The first failures in words. Taken when one happens and when somebody asks, never per message.
  std::mutex failures_mutex;
  std::vector<std::string> failures;
  static constexpr size_t kFailuresKept = 3;

  void Complain(const std::string& what) {
    const std::lock_guard<std::mutex> lock(failures_mutex);
    if (failures.size() < kFailuresKept) failures.push_back(what);
  }
};

}  // namespace causeway::loadgen
