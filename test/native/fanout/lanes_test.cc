// Full lanes: who waits, who goes first, who is still there.
#include "world.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace causeway::fanout {
namespace {

using Texts = std::vector<std::string>;

Texts Numbers(int from, int to) {
  Texts texts;
  for (int i = from; i < to; ++i) texts.push_back(std::to_string(i));
  return texts;
}

}  // namespace

TEST_CASE("a full lane pauses its publisher; everything arrives in order, acknowledged in order") {
  World world(2, 2);
  Client* publisher = world.Add(0);
  Client* receiver = world.Add(1);
  world.Subscribe(receiver, "t", 2);
  world.Settle();
  for (int i = 0; i < 50; ++i)
    world.Publish(publisher, "t", std::to_string(i), static_cast<uint8_t>(i % 3));
  CHECK(publisher->connection->fanout_pending);
  CHECK(world.Settle());
  CHECK(world.pauses > 0);
  CHECK(receiver->Payloads() == Numbers(0, 50));
  uint16_t last = 0;
  size_t acks = 0;
  for (const Packet& packet : publisher->inbox) {
    CHECK(packet.id > last);
    last = packet.id;
    ++acks;
  }
  CHECK(acks == 33);  // QoS 1 and 2
  CHECK(world.shard(0).pending_fanouts() == 0);
}

TEST_CASE(
    "publishers that wait for one lane resume in the order they came; a newcomer does not "
    "overtake them") {
  World world(3, 2);
  std::vector<Client*> publishers;
  for (int i = 0; i < 6; ++i) publishers.push_back(world.Add(0));
  Client* receiver = world.Add(1);
  world.Subscribe(receiver, "t", 0);
  world.Settle();
  for (int i = 0; i < 6; ++i)
    world.Publish(publishers[static_cast<size_t>(i)], "t", std::to_string(i));
  world.Turn(1);  // makes room, but nobody told loop 0 yet to resume
  world.Publish(world.Add(0), "t", "6");
  CHECK(world.Settle());
  CHECK(receiver->Payloads() == Numbers(0, 7));
}

TEST_CASE("a stuck loop holds up nobody who does not publish to it") {
  World world(3, 2);
  Client* stuck = world.Add(0);
  Client* free = world.Add(0);
  Client* slow = world.Add(1);
  Client* quick = world.Add(2);
  world.Subscribe(slow, "slow", 1);
  world.Subscribe(quick, "quick", 1);
  world.Subscribe(quick, "slow", 1);
  world.Settle();
  for (int i = 0; i < 3; ++i) world.Publish(stuck, "slow", std::to_string(i), 1);
  for (int turn = 0; turn < 20; ++turn) {  // loop 1 does not run
    world.Publish(free, "quick", "q" + std::to_string(turn), 1);
    world.Turn(0);
    world.Turn(2);
  }
  CHECK(stuck->connection->fanout_pending);
  CHECK(!free->connection->fanout_pending);
  CHECK(quick->Payloads().size() == 20 + 3);  // the other part of the paused message went at once
  CHECK(world.Settle());
  CHECK(slow->Payloads() == Numbers(0, 3));
  CHECK(stuck->inbox.size() == 3);
}

TEST_CASE("all to all over lanes of two entries: no stall, no loss, order per publisher") {
  World world(4, 2);
  std::vector<Client*> clients;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(world.Add(i % 4));
    world.Subscribe(clients.back(), "all", 2);
  }
  for (int round = 0; round < 40; ++round)
    for (size_t i = 0; i < clients.size(); ++i)
      world.Publish(clients[i], "all", std::to_string(i) + ":" + std::to_string(round),
                    static_cast<uint8_t>(round % 3));
  REQUIRE(world.Settle());
  for (Client* client : clients) {
    std::vector<int> next(8);
    for (const std::string& payload : client->Payloads()) {
      const size_t from = static_cast<size_t>(payload[0] - '0');
      REQUIRE(std::stoi(payload.substr(2)) == next[from]++);
    }
    CHECK(next == std::vector<int>(8, 40));
  }
}

TEST_CASE("a connection that goes while its fan-out waits takes nothing with it") {
  World world(2, 2);
  Client* publisher = world.Add(0);
  Client* receiver = world.Add(1);
  world.Subscribe(receiver, "t", 1);
  world.Settle();
  for (int i = 0; i < 3; ++i) world.Publish(publisher, "t", std::to_string(i), 1);
  REQUIRE(publisher->connection->fanout_pending);
  world.Detach(publisher);  // an Unpaused for it would abort
  world.Attach(publisher);
  world.Publish(publisher, "t", "3", 1);
  CHECK(world.Settle());
  CHECK(receiver->Payloads() == Numbers(0, 4));
}

TEST_CASE(
    "a session that ends while a lane entry for its filter is under way gets nothing, nor does "
    "its successor under the same index") {
  World world(2);
  Client* publisher = world.Add(0);
  Client* receiver = world.Add(1);
  world.Subscribe(receiver, "t", 1);
  world.JoinGroup(receiver, "g", "t");
  world.Settle();
  world.Publish(publisher, "t", "old", 1);  // two entries in the lane: filters, member
  CHECK(world.Sum(&Counters::lanes_pushed) == 2);
  world.End(receiver);
  world.Unsubscribe(receiver, "t");
  world.LeaveGroup(receiver, "g", "t");
  receiver->generation = 2;
  world.Attach(receiver);
  CHECK(world.Settle());
  CHECK(receiver->Payloads().empty());
  CHECK(world.Sum(&Counters::dropped_no_member) == 1);
}

TEST_CASE("an old generation of an index finds nothing, whatever it asks for") {
  World world(2);
  Client* client = world.Add(1);
  session::Session* before = world.SessionOf(client);
  REQUIRE(before != nullptr);
  world.End(client);
  CHECK(world.shard(1).Find(client->index, 1) == nullptr);
  client->generation = 2;
  world.Attach(client);
  CHECK(world.shard(1).Find(client->index, 1) == nullptr);
  CHECK(world.shard(1).Find(client->index, 2) != nullptr);
  CHECK(world.shard(1).Find(12'345, 1) == nullptr);
  CHECK(world.shard(1).session_count() == 1);
}

TEST_CASE("a chosen member of an old generation is not served as its successor") {
  World world(2);
  Client* publisher = world.Add(0);
  Client* receiver = world.Add(1);
  world.JoinGroup(receiver, "g", "t");
  world.Settle();
  world.Publish(publisher, "t", "for generation 1", 1);
  world.End(receiver);
  world.LeaveGroup(receiver, "g", "t");
  receiver->generation = 2;
  world.Attach(receiver);
  world.JoinGroup(receiver, "g2", "other");
  world.JoinGroup(receiver, "g", "t");  // a member again, with another generation
  CHECK(world.Settle());
  // Redispatched to who is a member now: delivered once, through the group, not by index.
  CHECK(receiver->Payloads().size() + world.Sum(&Counters::dropped_no_member) == 1);
  CHECK(world.Sum(&Counters::shared_redispatched) + world.Sum(&Counters::dropped_no_member) >= 1);
}

}  // namespace causeway::fanout
