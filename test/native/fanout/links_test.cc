// What goes out over links: slots, order per topic, origin, outage.
#include "world.h"

#include <doctest/doctest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "link/message_term.h"

namespace causeway::fanout {
namespace {

constexpr int kLink = 3;
constexpr uint32_t kPool = 4;

/// Plans of one world count in the same place.
std::shared_ptr<link::LinkMetrics[]> Metrics() { return link::NewLinkMetrics(8); }

std::shared_ptr<LinkPlan> Plan(std::shared_ptr<link::LinkMetrics[]> metrics, int64_t ttl_ms = 0,
                               uint32_t pool_size = kPool) {
  auto plan = std::make_shared<LinkPlan>();
  plan->self = "here";
  LinkSpec spec;
  spec.index = kLink;
  spec.name = "there";
  spec.enabled = true;
  spec.topics = link::LinkTopics({"#"});
  spec.pool = {0, pool_size};
  spec.request_ttl_ms = ttl_ms;
  spec.metrics = std::move(metrics);
  plan->links.push_back(spec);
  plan->enabled = uint64_t{1} << kLink;
  return plan;
}

/// A world whose router knows that the other cluster wants `filter`.
struct Linked {
  World world;
  std::shared_ptr<link::LinkMetrics[]> metrics = Metrics();
  std::vector<World::LinkConnection*> slots;
  router::Filter* filter;

  explicit Linked(int loops, int64_t ttl_ms = 0, size_t lane_slots = 64)
      : world(loops, lane_slots) {
    filter = world.index().Acquire("far/#");
    world.index().AddLink(filter, kLink);
    Configure(Plan(metrics, ttl_ms));
  }
  void Configure(const std::shared_ptr<const LinkPlan>& plan) {
    for (int loop = 0; loop < loops(); ++loop) world.shard(loop).links()->Configure(plan);
  }
  uint64_t Sum(std::atomic<uint64_t> link::LinkMetrics::* metric) const {
    uint64_t sum = 0;
    for (int loop = 0; loop < loops(); ++loop) sum += metrics[static_cast<size_t>(loop)].*metric;
    return sum;
  }
  ~Linked() {
    for (World::LinkConnection* slot : slots) world.shard(slot->loop).links()->Offline(slot);
    world.index().RemoveLink(filter, kLink);
    world.index().Release(filter);
  }
  int loops() const { return const_cast<Linked*>(this)->world.fabric().loops; }
  void Online(uint32_t slot, uint16_t receive_maximum = 100) {
    const int loop = world.shard(0).links()->plan()->At(kLink)->LoopOf(slot, loops());
    World::LinkConnection* connection = world.DialLink(loop);
    if (slots.size() <= slot) slots.resize(slot + 1);
    slots[slot] = connection;
    CHECK(world.shard(loop).links()->Online(kLink, slot, connection, receive_maximum, 0,
                                            world.now_ms));
  }
  /// Topic and payload of every message that arrived on `slot` since the last call.
  std::vector<std::pair<std::string, std::string>> Take(uint32_t slot, bool acknowledge = true) {
    world.CollectLinks();
    std::vector<std::pair<std::string, std::string>> messages;
    std::vector<Packet> inbox;
    inbox.swap(slots[slot]->inbox);
    for (const Packet& packet : inbox) {
      CHECK(packet.topic == "$LINK/cluster/msg/here");
      std::string scratch;
      link::ForwardedMessage message;
      CHECK(link::DecodeMessage(packet.payload, &scratch, &message) == link::MessageStatus::kOk);
      messages.emplace_back(message.topic, message.payload);
      if (acknowledge && packet.id != 0)
        world.shard(slots[slot]->loop).links()->OnPuback(slots[slot], packet.id, 0, world.now_ms);
    }
    return messages;
  }
};

}  // namespace

TEST_CASE("slots live where they are told to, and messages find them from every loop") {
  Linked linked(3);
  const std::vector<uint8_t> homes = {2, 0, 2, 1};
  auto plan = Plan(linked.metrics);
  plan->links[0].homes = homes;
  linked.Configure(plan);
  for (uint32_t slot = 0; slot < kPool; ++slot) {
    for (int loop = 0; loop < 3; ++loop) {
      if (loop == homes[slot]) continue;
      World::LinkConnection* astray = linked.world.DialLink(loop);
      CHECK_FALSE(linked.world.shard(loop).links()->Online(kLink, slot, astray, 1, 0, 0));
    }
    linked.Online(slot);
    CHECK(linked.slots[slot]->loop == homes[slot]);
  }
  std::set<std::string> sent, got;
  for (int i = 0; i < 30; ++i) {
    sent.insert(std::to_string(i));
    linked.world.Publish(linked.world.Add(i % 3), "far/" + std::to_string(i), std::to_string(i), 1);
  }
  CHECK(linked.world.Settle());
  for (uint32_t slot = 0; slot < kPool; ++slot) {
    for (const auto& [topic, payload] : linked.Take(slot)) CHECK(got.insert(payload).second);
  }
  CHECK(got == sent);
}

TEST_CASE(
    "messages cross on the slot of their topic, each once, in order per topic, from every loop") {
  for (const int loops : {1, 2, 3}) {
    Linked linked(loops, 0, 2);
    for (uint32_t slot = 0; slot < kPool; ++slot) linked.Online(slot, 5);
    std::vector<Client*> publishers;
    for (int i = 0; i < loops; ++i) publishers.push_back(linked.world.Add(i));
    for (int i = 0; i < 120; ++i) {
      const int topic = i % 12;
      linked.world.Publish(publishers[static_cast<size_t>(topic % loops)],
                           "far/" + std::to_string(topic), std::to_string(i), i % 2 == 0 ? 1 : 2);
    }
    linked.world.Publish(publishers[0], "near/1", "stays", 1);
    std::map<std::string, std::vector<int>> got;
    std::map<std::string, std::set<uint32_t>> slots_of;
    for (int round = 0; round < 60; ++round) {
      CHECK(linked.world.Settle());
      for (uint32_t slot = 0; slot < kPool; ++slot) {
        for (const auto& [topic, payload] : linked.Take(slot)) {
          got[topic].push_back(std::stoi(payload));
          slots_of[topic].insert(slot);
        }
      }
    }
    CHECK(got.size() == 12);
    for (const auto& [topic, numbers] : got) {
      CHECK(numbers.size() == 10);
      CHECK(std::is_sorted(numbers.begin(), numbers.end()));
      CHECK(slots_of[topic].size() == 1);
    }
  }
}

TEST_CASE("message ids say nothing of the seed that clients could aim at tables with") {
  constexpr uint64_t kLow48 = (uint64_t{1} << 48) - 1;
  std::set<uint64_t> nodes;
  for (int round = 0; round < 8; ++round) {
    Linked linked(2);
    for (uint32_t slot = 0; slot < kPool; ++slot) linked.Online(slot);
    const HashSeed seed = linked.world.fabric().seed;
    for (int loop = 0; loop < 2; ++loop)
      linked.world.PublishFrom(loop, "far/x", "id", 1, Origin::kBroker);
    CHECK(linked.world.Settle());
    linked.world.CollectLinks();
    for (const World::LinkConnection* slot : linked.slots) {
      for (const Packet& packet : slot->inbox) {
        std::string scratch;
        link::ForwardedMessage message;
        REQUIRE(link::DecodeMessage(packet.payload, &scratch, &message) ==
                link::MessageStatus::kOk);
        REQUIRE(message.id.size() == link::kMessageIdBytes);
        uint64_t node = 0;
        for (const char byte : message.id.substr(8, 6))
          node = node << 8 | static_cast<uint8_t>(byte);
        for (uint64_t loop = 0; loop < 2; ++loop) {
          CHECK((node ^ loop) != (seed.a & kLow48));
          CHECK((node ^ loop) != (seed.b & kLow48));
        }
        CHECK(nodes.insert(node).second);  // of another loop, or another broker
      }
    }
  }
  CHECK(nodes.size() == 16);
}

TEST_CASE("a message of a link reaches clients and no link; our own reaches both") {
  Linked linked(2);
  for (uint32_t slot = 0; slot < kPool; ++slot) linked.Online(slot);
  Client* receiver = linked.world.Add(1);
  linked.world.Subscribe(receiver, "far/+", 1);
  CHECK(linked.world.PublishFrom(0, "far/x", "echo", 1, Origin::kLink) == Shard::Published::kDone);
  linked.world.PublishFrom(0, "far/x", "will", 1, Origin::kBroker);
  CHECK(linked.world.Settle());
  CHECK(receiver->Payloads() == std::vector<std::string>{"echo", "will"});
  std::vector<std::pair<std::string, std::string>> crossed;
  for (uint32_t slot = 0; slot < kPool; ++slot)
    for (const auto& message : linked.Take(slot)) crossed.push_back(message);
  CHECK(crossed == std::vector<std::pair<std::string, std::string>>{{"far/x", "will"}});
}

TEST_CASE("over an outage messages wait; unacknowledged ones go again first, in order") {
  Linked linked(1);
  for (uint32_t slot = 0; slot < kPool; ++slot) linked.Online(slot, 3);
  Client* publisher = linked.world.Add(0);
  for (int i = 0; i < 5; ++i) linked.world.Publish(publisher, "far/t", std::to_string(i), 1);
  CHECK(linked.world.Settle());
  uint32_t at = kPool;
  std::vector<std::string> got;
  for (uint32_t slot = 0; slot < kPool; ++slot) {
    for (const auto& [topic, payload] : linked.Take(slot, false)) at = slot, got.push_back(payload);
  }
  REQUIRE(at < kPool);
  CHECK(got == std::vector<std::string>{"0", "1", "2"});
  linked.world.shard(0).links()->Offline(linked.slots[at]);
  linked.world.Publish(publisher, "far/t", "5", 1);
  linked.Online(at, 100);
  got.clear();
  // Nothing was acknowledged on the first connection: one by one until something is.
  CHECK(linked.Sum(&link::LinkMetrics::inflight) == 1);
  for (int round = 0; round < 2; ++round)
    for (const auto& [topic, payload] : linked.Take(at)) got.push_back(payload);
  CHECK(got == std::vector<std::string>{"0", "1", "2", "3", "4", "5"});
  CHECK(linked.Sum(&link::LinkMetrics::retried) == 3);
  CHECK(linked.Sum(&link::LinkMetrics::acked) == 6);
  CHECK(linked.Sum(&link::LinkMetrics::inflight) == 0);
}

TEST_CASE("what waits longer than the request's time to live is dropped and counted") {
  Linked linked(1, 1000);
  Client* publisher = linked.world.Add(0);
  linked.world.Publish(publisher, "far/t", "old", 1);
  linked.world.now_ms += 999;
  linked.world.Publish(publisher, "far/t", "young", 1);
  linked.world.now_ms += 1;
  std::vector<session::Connection*> stuck;
  linked.world.shard(0).links()->Expire(linked.world.now_ms, &stuck);
  for (uint32_t slot = 0; slot < kPool; ++slot) linked.Online(slot);
  std::vector<std::string> got;
  for (uint32_t slot = 0; slot < kPool; ++slot)
    for (const auto& [topic, payload] : linked.Take(slot)) got.push_back(payload);
  CHECK(got == std::vector<std::string>{"young"});
  CHECK(linked.Sum(&link::LinkMetrics::expired) == 1);
  CHECK(stuck.empty());
}

TEST_CASE("a connection that owes an acknowledgement for too long is named, once a message waits") {
  Linked linked(1);
  for (uint32_t slot = 0; slot < kPool; ++slot) linked.Online(slot);
  Client* publisher = linked.world.Add(0);
  linked.world.Publish(publisher, "far/t", "never answered", 1);
  std::vector<session::Connection*> stuck;
  linked.world.now_ms += limits::kLinkAckTimeoutMs - 1;
  linked.world.shard(0).links()->Expire(linked.world.now_ms, &stuck);
  CHECK(stuck.empty());
  linked.world.now_ms += 1;
  linked.world.shard(0).links()->Expire(linked.world.now_ms, &stuck);
  CHECK(stuck.size() == 1);
  CHECK(linked.Sum(&link::LinkMetrics::ack_timeouts) == 1);
}

TEST_CASE("the largest pool that can be configured is reached from every loop") {
  Linked linked(3);
  linked.Configure(Plan(linked.metrics, 0, LinkSpec::kSlotsMax));
  Client* publisher = linked.world.Add(0);
  for (int i = 0; i < 600; ++i) linked.world.Publish(publisher, "far/" + std::to_string(i), "x", 1);
  CHECK(linked.world.Settle());
  CHECK(linked.world.Sum(&Counters::link_dropped_no_slot) == 0);
  CHECK(linked.Sum(&link::LinkMetrics::queued) == 600);
}

TEST_CASE("a pool of another size begins beside the former one, which keeps what it has") {
  Linked linked(2);
  Client* publisher = linked.world.Add(0);
  for (int i = 0; i < 40; ++i) linked.world.Publish(publisher, "far/" + std::to_string(i), "a", 1);
  CHECK(linked.world.Settle());
  auto changed = Plan(linked.metrics);
  changed->number = 7;
  changed->links[0].pool = {LinkSpec::kSlotsMax, 3};
  changed->links[0].former = {0, kPool};
  linked.Configure(changed);
  for (int i = 0; i < 10; ++i) linked.world.Publish(publisher, "far/" + std::to_string(i), "b", 1);
  CHECK(linked.world.Settle());
  const auto draining = [&] {
    for (int loop = 0; loop < 2; ++loop)
      linked.world.shard(loop).links()->PublishGauges(linked.world.now_ms);
    return linked.Sum(&link::LinkMetrics::draining);
  };
  CHECK(draining() == 40);
  CHECK(linked.Sum(&link::LinkMetrics::plan) == 2 * 7);
  for (uint32_t slot = 0; slot < kPool; ++slot) linked.Online(slot);
  size_t crossed = 0;
  for (uint32_t slot = 0; slot < kPool; ++slot) {
    for (const auto& [topic, payload] : linked.Take(slot)) {
      CHECK(payload == "a");
      ++crossed;
    }
  }
  CHECK(crossed == 40);
  CHECK(draining() == 0);
  CHECK(linked.Sum(&link::LinkMetrics::queued) == 10);
}

TEST_CASE("a link switched off gets nothing more and keeps what waits; removed, that is counted") {
  Linked linked(2);
  Client* publisher = linked.world.Add(0);
  for (int i = 0; i < 40; ++i) linked.world.Publish(publisher, "far/" + std::to_string(i), "x", 1);
  auto off = Plan(linked.metrics);
  off->links[0].enabled = false;
  off->enabled = 0;
  linked.Configure(off);
  CHECK(linked.world.Settle());
  linked.world.Publish(publisher, "far/1", "y", 1);
  CHECK(linked.world.Settle());
  CHECK(linked.world.Sum(&Counters::dropped_no_subscribers) == 1);
  CHECK(linked.Sum(&link::LinkMetrics::queued) == 40);

  linked.Configure(Plan(linked.metrics));
  CHECK(linked.Sum(&link::LinkMetrics::queued) == 40);
  linked.Configure(std::make_shared<LinkPlan>());
  CHECK(linked.Sum(&link::LinkMetrics::queued) == 0);
  CHECK(linked.Sum(&link::LinkMetrics::queued_bytes) == 0);
  CHECK(linked.Sum(&link::LinkMetrics::dropped) == 40);
  CHECK(linked.world.Sum(&Counters::link_dropped_removed) == 40);
}

TEST_CASE("what crosses to the loop of a link that was removed meanwhile is counted") {
  Linked linked(2);
  Client* publisher = linked.world.Add(0);
  for (int i = 0; i < 40; ++i) linked.world.Publish(publisher, "far/" + std::to_string(i), "x", 1);
  linked.Configure(std::make_shared<LinkPlan>());
  CHECK(linked.world.Settle());
  CHECK(linked.world.Sum(&Counters::link_dropped_no_slot) > 0);
  CHECK(linked.world.Sum(&Counters::link_dropped_no_slot) +
            linked.world.Sum(&Counters::link_dropped_removed) ==
        40);
}

TEST_CASE("long terms leave compressed where that makes them smaller, and are read like others") {
  Linked linked(1);
  for (uint32_t slot = 0; slot < kPool; ++slot) linked.Online(slot);
  Client* publisher = linked.world.Add(0);
  std::string text, noise;
  uint64_t state = 1;
  while (text.size() < 5000) text += "{\"temperature\":21.5,\"unit\":\"C\"},";
  while (noise.size() < 5000) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    noise.push_back(static_cast<char>(state >> 56));
  }
  for (const std::string& payload : {text, noise, std::string("short")}) {
    linked.world.Publish(publisher, "far/t", payload, 1);
    CHECK(linked.world.Settle());
    std::vector<std::string> got;
    for (uint32_t slot = 0; slot < kPool; ++slot)
      for (const auto& [topic, crossed] : linked.Take(slot)) got.push_back(crossed);
    CHECK(got == std::vector<std::string>{payload});
  }
  CHECK(linked.world.Sum(&Counters::link_compressed) == 1);
}

}  // namespace causeway::fanout
