// Clusters that hold the same retained messages: their shards, slots and intakes are the broker's
// own; sockets and handshakes are the test's.
#pragma once

#include "world.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "fanout/link_intake.h"

#include <doctest/doctest.h>

namespace causeway::fanout {

struct SyncNames {
  static constexpr int kLoops = 2;  // of each cluster
  static constexpr uint32_t kPool = 2;
  static std::string NameOf(int cluster) {
    return std::string(1, static_cast<char>('a' + cluster));
  }
};

/// One cluster, from its start to its end. Its link to cluster j has index j.
struct SyncNode : SyncNames {
  SyncNode(int self, int life, int count, const std::vector<std::string>& filters)
      : self(self), world(kLoops, 64, static_cast<uint64_t>(1000 * self + 16 * life)) {
    auto first = std::make_shared<LinkPlan>();
    first->self = NameOf(self);
    for (int to = 0; to < count; ++to) {
      if (to == self) continue;
      LinkSpec spec;
      spec.index = to;
      spec.name = NameOf(to);
      spec.enabled = true;
      spec.topics = link::LinkTopics({"#"});
      spec.retained = link::LinkTopics(filters);
      spec.pool = {0, kPool};
      spec.metrics = link::NewLinkMetrics(kLoops);
      first->links.push_back(spec);
      first->enabled |= uint64_t{1} << to;
      first->shared |= uint64_t{1} << to;
    }
    Configure(first);
    for (int loop = 0; loop < kLoops; ++loop) {
      Shard* shard = &world.shard(loop);
      intakes.push_back(std::make_unique<LinkIntake>(shard, shard->counters(), HashSeed{1, 2}));
      clients.push_back(world.Add(loop));
    }
    world.queue_length_max = 100'000;
    subscriber = world.Add(self % kLoops);
    world.Subscribe(subscriber, "#", 0);
  }
  ~SyncNode() {
    for (int to = 0; to < 8; ++to) HangUp(to);
  }

  void Configure(const std::shared_ptr<LinkPlan>& next) {
    plan = next;
    for (int loop = 0; loop < kLoops; ++loop) {
      world.shard(loop).links()->Configure(plan);
      world.Wake(loop);
    }
  }
  /// A handshake with `to` that says so. `all`: it is another process than before.
  void Agree(int to, bool all) {
    auto next = std::make_shared<LinkPlan>(*plan);
    ++next->number;
    next->sync |= uint64_t{1} << to;
    next->told |= uint64_t{1} << to;
    for (LinkSpec& spec : next->links) {
      if (spec.index != to) continue;
      spec.sync_since = next->number;
      spec.sync_lost = all ? world.fabric().retained->Horizon() : 0;
    }
    Configure(next);
  }
  /// The route channel to `to` is down.
  void Hold(int to) {
    auto next = std::make_shared<LinkPlan>(*plan);
    ++next->number;
    next->told &= ~(uint64_t{1} << to);
    Configure(next);
  }
  void Dial(int to) {
    for (uint32_t slot = 0; slot < kPool; ++slot) {
      const int loop = LinkSpec::EvenLoopOf(to, slot, kLoops);
      slots[{to, slot}] = world.DialLink(loop);
      CHECK(world.shard(loop).links()->Online(to, slot, slots[{to, slot}], 5, 0, world.now_ms));
      world.Wake(loop);
    }
  }
  void HangUp(int to) {
    for (uint32_t slot = 0; slot < kPool; ++slot) {
      const auto found = slots.find({to, slot});
      if (found == slots.end()) continue;
      world.shard(found->second->loop).links()->Offline(found->second);
      slots.erase(found);
    }
  }
  void Write(int loop, const std::string& topic, const std::string& payload,
             uint32_t expiry = mqtt::kNoExpiry) {
    Client* client = clients[static_cast<size_t>(loop)];
    world.Publish(client, topic, payload, 1, true, expiry);
  }
  /// The payload by topic, of what a new subscriber would get.
  std::map<std::string, std::string> Held() {
    std::map<std::string, std::string> held;
    retained::RetainedIndex* index = world.fabric().retained;
    for (retained::Cursor cursor; !cursor.done;) {
      index->Scan(
          "#", index->Horizon(), world.now_ms, 100, &cursor, [&](const MessageRef& message) {
            held[std::string(message->topic())] =
                std::string(message->payload()) + "@" + std::to_string(message->timestamp_ms);
          });
    }
    return held;
  }
  uint64_t Sum(int from, std::atomic<uint64_t> link::LinkMetrics::* metric) const {
    uint64_t sum = 0;
    for (int loop = 0; loop < kLoops; ++loop)
      sum += plan->At(from)->metrics[static_cast<size_t>(loop)].*metric;
    return sum;
  }

  const int self;
  World world;
  std::shared_ptr<LinkPlan> plan;
  std::vector<std::unique_ptr<LinkIntake>> intakes;
  std::vector<Client*> clients;  // by loop
  Client* subscriber;
  std::map<std::pair<int, uint32_t>, World::LinkConnection*> slots;
};

/// All clusters, and what is under way between them.
struct SyncMesh : SyncNames {
  explicit SyncMesh(int count, std::vector<std::string> filters = {"#"})
      : filters(std::move(filters)), skew_ms(static_cast<size_t>(count)) {
    for (int self = 0; self < count; ++self) Start(self);
  }
  int size() const { return static_cast<int>(skew_ms.size()); }
  SyncNode& operator[](int cluster) { return *nodes[static_cast<size_t>(cluster)]; }

  void Start(int self) {
    if (nodes.size() <= static_cast<size_t>(self)) nodes.resize(static_cast<size_t>(self) + 1);
    nodes[static_cast<size_t>(self)] =
        std::make_unique<SyncNode>(self, ++lives[self], size(), filters);
    Tick(0);
  }
  /// Nothing of it is left, and nobody has noticed yet who is not told by its lines.
  void Restart(int self) {
    for (int other = 0; other < size(); ++other) Cut(self, other);
    Start(self);
  }
  void Link(int a, int b) {
    if (a == b || linked.contains(std::minmax(a, b))) return;
    linked.insert(std::minmax(a, b));
    for (const auto& [from, to] : {std::pair(a, b), std::pair(b, a)}) {
      SyncNode& node = (*this)[from];
      int& told = known[{from, lives[from], to}];
      node.Dial(to);
      node.Agree(to, told != lives[to]);
      told = lives[to];
    }
  }
  void LinkAll() {
    for (int a = 0; a < size(); ++a)
      for (int b = 0; b < a; ++b) Link(a, b);
  }
  /// What is on the way is lost.
  void Cut(int a, int b) {
    if (linked.erase(std::minmax(a, b)) == 0) return;
    for (const auto& [from, to] : {std::pair(a, b), std::pair(b, a)}) {
      (*this)[from].HangUp(to);
      (*this)[from].Hold(to);
    }
  }
  void Tick(int64_t ms) {
    elapsed_ms += ms;
    for (int self = 0; self < size() && static_cast<size_t>(self) < nodes.size(); ++self) {
      if (nodes[static_cast<size_t>(self)] == nullptr) continue;
      World& world = (*this)[self].world;
      world.now_ms = 10'000'000 + elapsed_ms;
      world.wall_ms = begin_ms + elapsed_ms + skew_ms[static_cast<size_t>(self)];
    }
  }
  /// Of each connection at most `max` packets arrive. False: nothing was under way.
  bool Carry(size_t max, bool settles = true) {
    bool any = false;
    for (auto& node : nodes) {
      if (settles) CHECK(node->world.Settle());
      node->world.CollectLinks();
      for (const auto& [place, connection] : node->slots) {
        for (size_t n = 0; n < max && !connection->inbox.empty(); ++n) {
          const Packet packet = connection->inbox.front();
          connection->inbox.erase(connection->inbox.begin());
          Arrive(node->self, place.first, place.second, packet);
          node->world.shard(connection->loop)
              .links()
              ->OnPuback(connection, packet.id, 0, node->world.now_ms);
          node->world.Wake(connection->loop);
          any = true;
        }
      }
    }
    for (auto& node : nodes) {
      if (settles) CHECK(node->world.Settle());
    }
    return any;
  }
  void Arrive(int from, int to, uint32_t slot, const Packet& packet) {
    SyncNode& node = (*this)[to];
    const int loop = static_cast<int>(slot + static_cast<uint32_t>(from)) % kLoops;
    const std::string client_id =
        NameOf(from) + ":msg:" + std::to_string(slot) + ":" + std::to_string(lives[from]);
    node.intakes[static_cast<size_t>(loop)]->Take(
        {NameOf(from), client_id, packet.payload, packet.qos}, nullptr, node.world.now_ms,
        node.world.wall_ms);
    node.world.Wake(loop);
    ++carried;
  }
  void Settle() {
    for (int round = 0; round < 10'000; ++round) {
      if (!Carry(100)) return;
    }
    FAIL("messages go round in circles");
  }

  const std::vector<std::string> filters;
  std::vector<int64_t> skew_ms;  // of each cluster's clock
  std::vector<std::unique_ptr<SyncNode>> nodes;
  std::set<std::pair<int, int>> linked;
  std::map<int, int> lives;
  std::map<std::tuple<int, int, int>, int> known;  // (who, in which life, of whom): its life
  int64_t begin_ms = WallClockMs() - 3'600'000, elapsed_ms = 0;
  int carried = 0;
};

}  // namespace causeway::fanout
