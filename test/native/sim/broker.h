// One broker of a simulated world: its shards, lanes, router, route table, link slots and intakes
// are the broker's own; sockets, timers and control are the simulation's.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "../../oracle/topic_match.h"
#include "../fanout/world.h"
#include "fanout/link_intake.h"
#include "link/route_table.h"

namespace causeway::sim {

/// One entry of `cluster.links`. It stays at its index for the story.
struct LinkEntry {
  using Slots = fanout::LinkSpec::SlotRange;
  int remote = 0;  // index of the broker it names
  bool enabled = true;
  std::vector<std::string> topics;  // what we want of it
  Slots pool{0, 1}, former;
  uint16_t inflight_max = 32;
  size_t buffer_bytes_max = 1 << 20;
  int64_t request_ttl_ms = 0;

  /// The slots that should have a connection: of a pool that replaces another, once that is empty.
  Slots dialled() const { return !enabled ? Slots{0, 0} : former.count > 0 ? former : pool; }
};

/// What became of the messages that matched a link, by the broker's own counters.
struct LinkAccount {
  uint64_t matched = 0, acked = 0, rejected = 0, sent_qos0 = 0, expired = 0, overflowed = 0,
           oversize = 0, undeliverable = 0, dropped = 0, retried = 0, queued = 0, inflight = 0;
  uint64_t lost() const {
    return rejected + expired + overflowed + oversize + undeliverable + dropped;
  }
};

inline std::string NameOf(int broker) { return std::string(1, static_cast<char>('A' + broker)); }

/// From start to kill. Everything in it is gone with it.
class Process final : public link::RouteSink {
 public:
  Process(int self, int loops, size_t lane_slots, uint32_t seed)
      : world(loops, lane_slots, seed), routes({seed, 5}, this, 100'000), self_(self) {
    for (int loop = 0; loop < loops; ++loop) {
      fanout::Shard* shard = &world.shard(loop);
      intakes.push_back(
          std::make_unique<fanout::LinkIntake>(shard, shard->counters(), HashSeed{seed, 9}));
    }
    world.queue_length_max = 100'000;
    probe = world.Add(static_cast<int>(seed % static_cast<uint32_t>(loops)));
    world.Subscribe(probe, "#", 2);
  }
  ~Process() {
    for (const auto& [link, filter] : filters) Remove(filter, link);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void Configure(const std::vector<LinkEntry>& links) {
    auto plan = std::make_shared<fanout::LinkPlan>();
    plan->number = ++plans_;
    plan->self = NameOf(self_);
    while (metrics_.size() < links.size()) metrics_.push_back(link::NewLinkMetrics(loops()));
    for (size_t i = 0; i < links.size(); ++i) {
      fanout::LinkSpec spec;
      spec.index = static_cast<int>(i);
      spec.name = NameOf(links[i].remote);
      spec.enabled = links[i].enabled;
      spec.topics = link::LinkTopics(links[i].topics);
      spec.pool = links[i].pool;
      spec.former = links[i].former;
      spec.inflight_max = links[i].inflight_max;
      spec.buffer_bytes_max = links[i].buffer_bytes_max;
      spec.request_ttl_ms = links[i].request_ttl_ms;
      spec.metrics = metrics_[i];
      if (spec.enabled) plan->enabled |= uint64_t{1} << i;
      plan->links.push_back(std::move(spec));
    }
    for (int loop = 0; loop < loops(); ++loop) world.shard(loop).links()->Configure(plan);
  }

  int loops() { return world.fabric().loops; }
  /// Whether the cluster at the other end of `link` wants the topic, as far as it has told us.
  bool Wants(int link, std::string_view topic) const {
    return std::any_of(filters.begin(), filters.end(), [&](const auto& route) {
      return route.first == link && oracle::TopicMatches(route.second, topic);
    });
  }
  LinkAccount Account(int link) {
    LinkAccount sum;
    for (int loop = 0; loop < loops(); ++loop) {
      const link::LinkMetrics& one = metrics_[static_cast<size_t>(link)][static_cast<size_t>(loop)];
      sum.matched += one.matched;
      sum.acked += one.acked;
      sum.rejected += one.rejected;
      sum.sent_qos0 += one.sent_qos0;
      sum.expired += one.expired;
      sum.overflowed += one.overflowed;
      sum.oversize += one.oversize;
      sum.undeliverable += one.undeliverable;
      sum.dropped += one.dropped;
      sum.retried += one.retried;
      sum.queued += one.queued;
      sum.inflight += one.inflight;
    }
    return sum;
  }
  /// What waits in a link's former pool.
  uint64_t Draining(int link) {
    uint64_t sum = 0;
    for (int loop = 0; loop < loops(); ++loop) {
      world.shard(loop).links()->PublishGauges(world.now_ms);
      sum += metrics_[static_cast<size_t>(link)][static_cast<size_t>(loop)].draining;
    }
    return sum;
  }

  void AddRoute(std::string_view filter, int link) override {
    filters.emplace(link, filter);
    world.index().AddLink(world.index().Acquire(filter), link);
  }
  void RemoveRoute(std::string_view filter, int link) override {
    filters.erase({link, std::string(filter)});
    Remove(filter, link);
  }

  fanout::World world;
  link::RouteTable routes;
  std::vector<std::unique_ptr<fanout::LinkIntake>> intakes;  // by loop
  std::set<std::pair<int, std::string>> filters;             // what `routes` announced, by link
  fanout::Client* probe;  // hears everything that is published here
  std::map<std::string, fanout::Client*> publishers;
  std::map<std::string, fanout::Client*> peers;  // accepted message connections, by client id

 private:
  void Remove(std::string_view filter, int link) {
    router::Filter* found = world.index().Find(filter);
    world.index().RemoveLink(found, link);
    world.index().Release(found);
  }
  const int self_;
  uint64_t plans_ = 0;
  std::vector<std::shared_ptr<link::LinkMetrics[]>> metrics_;  // by link
};

/// A broker over its lives.
struct Broker {
  int index = 0;
  int life = 0;
  std::vector<LinkEntry> links;
  std::set<std::string> interest;  // what local clients subscribe to; they come back after a kill
  int64_t wall_offset_ms = 1'800'000'000'000;
  std::unique_ptr<Process> process;  // null while dead

  int LinkTo(int remote) const {
    for (size_t i = 0; i < links.size(); ++i)
      if (links[i].remote == remote) return static_cast<int>(i);
    return -1;
  }
};

}  // namespace causeway::sim
