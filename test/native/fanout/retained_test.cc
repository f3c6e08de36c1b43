// Retained messages and new subscriptions: each once, whichever way it comes.
#include "world.h"

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <vector>

#include "core/limits.h"
#include "router/members.h"

namespace causeway::fanout {
namespace {

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE(
    "a new subscription gets what is retained, with RETAIN set and its own identifier "
    "[MQTT-3.3.1-8]") {
  World world(2);
  Client* publisher = world.Add(0);
  for (const char* topic : {"r/1", "r/2", "other"}) world.Publish(publisher, topic, topic, 1, true);
  world.Publish(publisher, "r/2", "", 1, true);  // deleted again
  CHECK(world.Settle());
  Client* receiver = world.Add(1);
  world.Subscribe(receiver, "r/+", 2, 42, true);
  CHECK(world.Settle());
  REQUIRE(receiver->inbox.size() == 1);
  CHECK(receiver->inbox[0].topic == "r/1");
  CHECK(receiver->inbox[0].retain);
  CHECK(receiver->inbox[0].qos == 1);
  CHECK(receiver->inbox[0].subscription_ids == std::vector<uint32_t>{42});
}

TEST_CASE("what the replay brings does not come live as well, and the other way round") {
  World world(2, 16);
  Client* publisher = world.Add(0);
  Client* warm = world.Add(1);
  world.Subscribe(warm, "t", 1);  // so that loop 1 gets a lane entry
  world.Settle();
  world.Publish(publisher, "t", "in the lane", 1, true);
  Client* receiver = world.Add(1);
  world.Subscribe(receiver, "t", 1, 0, true);  // before loop 1 has drained its lane
  CHECK(world.Settle());
  CHECK(receiver->Payloads() == Texts{"in the lane"});
  CHECK(world.Sum(&Counters::dropped_replayed) == 1);
  world.Publish(publisher, "t", "later", 1, true);
  CHECK(world.Settle());
  CHECK(receiver->Payloads() == Texts{"in the lane", "later"});
  CHECK(warm->Payloads() == Texts{"in the lane", "later"});
}

TEST_CASE("a large replay waits for the client and overflows nothing") {
  constexpr int kTopics = 3000;
  World world(1);
  world.queue_length_max = 50;
  world.window_max = 10;
  world.high_watermark_bytes = 4096;
  Client* publisher = world.Add(0);
  for (int i = 0; i < kTopics; ++i)
    world.Publish(publisher, "r/" + std::to_string(i), std::string(100, 'x'), i % 2 == 0 ? 1 : 0,
                  true);
  CHECK(world.Settle());
  Client* receiver = world.Add(0);
  receiver->read_bytes_max = 700;
  world.Subscribe(receiver, "r/#", 1, 0, true);
  for (int round = 0; round < 5000 && receiver->inbox.size() < kTopics; ++round) {
    CHECK(world.Settle());
    world.Acknowledge(receiver);
    world.shard(0).RoomInOutBuffer(receiver->connection.get(), world.now_ms);
  }
  std::set<std::string> topics;
  for (const Packet& packet : receiver->inbox) CHECK(topics.insert(packet.topic).second);
  CHECK(topics.size() == kTopics);
  CHECK(world.Sum(&Counters::dropped_queue_full) == 0);
  CHECK(world.Sum(&Counters::dropped_qos0_slow) == 0);
}

TEST_CASE(
    "a replay goes on over a new connection, and ends with its subscription "
    "[MQTT-3.10.4-2]") {
  constexpr int kTopics = 400;
  for (const bool unsubscribe : {false, true}) {
    World world(1);
    world.window_max = 5;
    Client* publisher = world.Add(0);
    for (int i = 0; i < kTopics; ++i)
      world.Publish(publisher, "r/" + std::to_string(i), "x", 1, true);
    world.Publish(publisher, "other", "x", 1, true);
    CHECK(world.Settle());
    Client* receiver = world.Add(0);
    world.Subscribe(receiver, "r/#", 1, 0, true);
    world.Subscribe(receiver, "other", 1, 0, true);
    CHECK(world.Settle());
    for (int takeover = 0; takeover < 5; ++takeover) {
      world.Detach(receiver);
      world.Attach(receiver);
    }
    if (unsubscribe) world.Unsubscribe(receiver, "r/#");
    CHECK(world.Settle());
    std::set<std::string> topics;
    for (int round = 0; round < kTopics; ++round) {
      for (const Packet& packet : receiver->inbox)
        if (packet.type == mqtt::PacketType::kPublish) topics.insert(packet.topic);
      world.Acknowledge(receiver);
      CHECK(world.Settle());
    }
    CHECK(topics.count("other") == 1);
    if (unsubscribe) {
      CHECK(topics.size() < 60);  // what was queued before may still go
    } else {
      CHECK(topics.size() == kTopics + 1);
    }
  }
}

}  // namespace causeway::fanout
