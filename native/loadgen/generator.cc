#include "loadgen/generator.h"

#include <pthread.h>

#include <algorithm>
#include <ctime>

#include "core/check.h"
#include "core/clock.h"
#include "loadgen/stamp.h"

namespace causeway::loadgen {

Generator::Generator(Plan plan) : state_(std::make_unique<RunState>(plan)) {
  const Plan& held = state_->plan;
  CHECK(held.threads > 0 && held.inflight_max > 0 && held.payload_bytes >= kPayloadBytesMin);
  CHECK(held.publishers == 0 || !held.publish_to.empty());
  CHECK(held.subscribers + held.churners == 0 || !held.subscribe_to.empty());
  for (uint32_t i = 0; i < held.payload_bytes; ++i) state_->filler.push_back('a' + i % 26);
  if (held.pattern == Pattern::kSpace) {
    state_->space = std::make_unique<TopicSpace>(held.regions, held.seed);
    for (uint32_t i = 0; i < held.subscribers; ++i) {
      state_->space_filters.push_back(state_->space->FiltersOf(i, held.filters_each));
    }
  }
  for (uint32_t i = 0; i < held.threads; ++i) {
    workers_.push_back(std::make_unique<Worker>(state_.get(), i));
  }
  AdoptClients();
  for (auto& worker : workers_) {
    threads_.emplace_back([each = worker.get()] { each->Run(); });
  }
}

/// A publisher and the subscriber of the same number share a thread, so that pairs do not cross.
void Generator::AdoptClients() {
  const Plan& plan = state_->plan;
  const auto adopt = [&](std::unique_ptr<Client> client) {
    workers_[client->number % workers_.size()]->Adopt(std::move(client));
  };
  for (uint32_t i = 0; i < plan.subscribers; ++i) {
    auto client = std::make_unique<Client>(Role::kSubscriber, i);
    if (plan.pattern == Pattern::kRetained) {
      client->once.resize(std::max(plan.publishers, plan.retained_publishers));
    } else {
      client->tracks.resize(plan.pattern == Pattern::kOwnTopic ? 1 : plan.publishers);
    }
    adopt(std::move(client));
  }
  for (uint32_t i = 0; i < plan.churners; ++i) {
    adopt(std::make_unique<Client>(Role::kChurner, i));
  }
  for (uint32_t i = 0; i < plan.publishers; ++i) {
    auto client = std::make_unique<Client>(Role::kPublisher, i);
    client->ids = PacketIds(plan.inflight_max);
    const std::string number = std::to_string(i);
    client->topic = plan.pattern == Pattern::kOwnTopic   ? "b/p/" + number
                    : plan.pattern == Pattern::kRetained ? "b/r/" + number + "/"
                    : plan.pattern == Pattern::kFanIn || plan.pattern == Pattern::kShared
                        ? "b/i/" + number
                        : "b/t";
    adopt(std::move(client));
  }
}

Generator::~Generator() {
  Enter(Phase::kEnd);
  for (std::thread& thread : threads_) thread.join();
}

void Generator::Enter(Phase phase) {
  CHECK(phase > state_->phase.load(std::memory_order_relaxed));
  state_->phase.store(phase, std::memory_order_release);
  for (auto& worker : workers_) worker->Wake();
}

void Generator::Measure(int64_t from_ns, int64_t until_ns) {
  state_->measure_from_ns.store(from_ns, std::memory_order_relaxed);
  state_->measure_until_ns.store(until_ns, std::memory_order_relaxed);
}

Reading Generator::Read() {
  Reading reading;
  reading.drained = state_->drained.load(std::memory_order_acquire) == workers_.size();
  for (const auto& worker : workers_) {
    worker->counts().AddTo(&reading.counts);
    const int64_t first = worker->first_subscribe_ns();
    if (first > 0 && (reading.first_subscribe_ns == 0 || first < reading.first_subscribe_ns)) {
      reading.first_subscribe_ns = first;
    }
    reading.last_suback_ns = std::max(reading.last_suback_ns, worker->last_suback_ns());
  }
  for (std::thread& thread : threads_) {
    clockid_t clock;
    timespec used;
    if (pthread_getcpuclockid(thread.native_handle(), &clock) == 0 &&
        clock_gettime(clock, &used) == 0) {
      reading.thread_cpu_ns +=
          static_cast<uint64_t>(used.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(used.tv_nsec);
    }
  }
  reading.at_ns = MonotonicNs();
  return reading;
}

std::vector<std::string> Generator::failures() const {
  const std::lock_guard<std::mutex> lock(state_->failures_mutex);
  return state_->failures;
}

void Generator::ReadLatency(Histogram* into) const {
  for (const auto& worker : workers_) into->Merge(worker->latency());
}

void Generator::ReadSubscribeLatency(Histogram* into) const {
  for (const auto& worker : workers_) into->Merge(worker->subscribe_latency());
}

}  // namespace causeway::loadgen
