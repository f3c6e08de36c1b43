// Replays and turns: what one subscription may cost the others, and what a second SUBSCRIBE keeps.
#include "world.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "core/limits.h"

namespace causeway::fanout {
namespace {

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("a replay that finds nothing does not hold up the loop: it goes on in later turns") {
  World world(1);
  Client* publisher = world.Add(0);
  constexpr int kTopics = 20'000;
  for (int i = 0; i < kTopics; ++i)
    world.Publish(publisher, "a/" + std::to_string(i) + "/x", "r", 0, true);
  CHECK(world.Settle());
  Client* receiver = world.Add(0);
  CHECK(world.Settle());
  world.Subscribe(receiver, "+/+/nowhere", 0, 0, true);
  int turns = 0;
  while (world.AnyWoken()) {
    world.Turn(0);
    REQUIRE(++turns < 1000);
  }
  CHECK(turns >= kTopics / static_cast<int>(limits::kReplayTurnTopics));
  CHECK(receiver->inbox.empty());
}

TEST_CASE("a replay fits the shortest queue") {
  World world(1);
  world.queue_length_max = 3;
  world.window_max = 1;
  Client* publisher = world.Add(0);
  constexpr int kTopics = 40;
  for (int i = 0; i < kTopics; ++i)
    world.Publish(publisher, "r/" + std::to_string(i), "r", 1, true);
  CHECK(world.Settle());
  Client* receiver = world.Add(0);
  world.Subscribe(receiver, "r/#", 1, 0, true);
  for (int i = 0; i < kTopics; ++i) {
    CHECK(world.Settle());
    world.Acknowledge(receiver);
  }
  CHECK(world.Settle());
  CHECK(receiver->Payloads().size() == kTopics);
  CHECK(world.Sum(&Counters::dropped_queue_full) == 0);
}

TEST_CASE("a second SUBSCRIBE without a replay does not bring live what the first replayed") {
  World world(2, 16);
  Client* publisher = world.Add(0);
  Client* receiver = world.Add(1);
  world.Subscribe(receiver, "other", 1);
  Client* warm = world.Add(1);
  world.Subscribe(warm, "t", 1);  // so that loop 1 gets a lane entry
  world.Settle();
  world.Publish(publisher, "t", "in the lane", 1, true);
  world.Subscribe(receiver, "t", 1, 0, true);   // before loop 1 has drained its lane
  world.Subscribe(receiver, "t", 1, 9, false);  // Retain Handling 1 or 2
  CHECK(world.Settle());
  CHECK(receiver->Payloads() == Texts{"in the lane"});
}

TEST_CASE("a second SUBSCRIBE takes the place of a replay that has not ended") {
  World world(1);
  world.high_watermark_bytes = 4096;
  Client* publisher = world.Add(0);
  for (int i = 0; i < 100; ++i)
    world.Publish(publisher, "r/" + std::to_string(i), std::string(500, 'r'), 0, true);
  CHECK(world.Settle());
  Client* receiver = world.Add(0);
  receiver->read_bytes_max = 0;  // does not read
  for (int i = 0; i < 50; ++i) {
    world.Subscribe(receiver, "r/#", 0, 0, true);
    world.Turn(0);
  }
  const session::Session* session = world.SessionOf(receiver);
  REQUIRE(session->replays != nullptr);
  CHECK(session->replays->size() == 1);
}

}  // namespace causeway::fanout
