// Shared groups: one member each, by what its loop says of itself.
#include "world.h"

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <vector>

#include "core/limits.h"

namespace causeway::fanout {
namespace {

using Texts = std::vector<std::string>;

size_t Total(const std::vector<Client*>& clients) {
  size_t total = 0;
  for (const Client* client : clients) total += client->Payloads().size();
  return total;
}

}  // namespace

TEST_CASE(
    "one member of a group gets a message, whichever loop it lives on; plain subscriptions "
    "count separately") {
  World world(3);
  Client* publisher = world.Add(0);
  std::vector<Client*> members = {world.Add(0), world.Add(1), world.Add(2)};
  for (Client* member : members) world.JoinGroup(member, "g", "t");
  Client* other_group = world.Add(1);
  world.JoinGroup(other_group, "h", "t");
  world.Subscribe(members[0], "t", 1);
  world.Settle();
  for (int i = 0; i < 30; ++i) world.Publish(publisher, "t", std::to_string(i), 1);
  CHECK(world.Settle());
  CHECK(Total(members) == 30 + 30);  // as a group, and member 0 by itself
  CHECK(other_group->Payloads().size() == 30);
  CHECK(members[1]->Payloads().size() == 10);  // round robin
  CHECK(members[2]->Payloads().size() == 10);
}

TEST_CASE(
    "members that are connected and have room go first; else one that is connected; else it "
    "waits for one that is not") {
  World world(2);
  Client* publisher = world.Add(0);
  Client* offline = world.Add(1);
  world.window_max = 1;
  Client* full = world.Add(0);
  world.window_max = 1000;
  Client* ready = world.Add(1);
  for (Client* member : {offline, full, ready}) world.JoinGroup(member, "g", "t");
  world.Subscribe(full, "fill", 1);
  world.Publish(publisher, "fill", "x", 1);
  world.Detach(offline);
  CHECK(world.Settle());
  for (int i = 0; i < 6; ++i) world.Publish(publisher, "t", "x", 1);
  CHECK(world.Settle());
  CHECK(ready->Payloads().size() == 6);
  world.Detach(ready);
  world.Publish(publisher, "t", "y", 1);
  CHECK(world.Settle());
  CHECK(world.SessionOf(full)->queue.size() == 1);
  world.Detach(full);
  world.Publish(publisher, "t", "z", 1);
  CHECK(world.Settle());
  CHECK(world.SessionOf(full)->queue.size() + world.SessionOf(offline)->queue.size() +
            world.SessionOf(ready)->queue.size() ==
        2);
}

TEST_CASE(
    "when a member's session ends, its unsent QoS 1 messages go to another member; sent ones "
    "do not") {
  World world(3);
  Client* publisher = world.Add(0);
  world.window_max = 2;
  Client* leaving = world.Add(1);
  world.window_max = 1000;
  world.JoinGroup(leaving, "g", "t");
  world.Settle();
  for (int i = 0; i < 10; ++i) world.Publish(publisher, "t", std::to_string(i), 1);
  CHECK(world.Settle());
  CHECK(leaving->Payloads() == Texts{"0", "1"});
  Client* heir = world.Add(2);
  world.JoinGroup(heir, "g", "t");
  world.End(leaving);  // still named in the group: control tells it afterwards
  CHECK(world.Settle());
  CHECK(heir->Payloads() == Texts{"2", "3", "4", "5", "6", "7", "8", "9"});
  CHECK(world.Sum(&Counters::shared_redispatched) == 8);
  CHECK(world.Sum(&Counters::dropped_session_ended) == 2);
}

TEST_CASE("an entry for a member that has gone meanwhile is passed on once, also over full lanes") {
  World world(3, 2);
  Client* publisher = world.Add(0);
  Client* gone = world.Add(1);
  Client* heir = world.Add(2);
  world.JoinGroup(gone, "g", "t");
  world.Settle();
  for (int i = 0; i < 6; ++i) world.Publish(publisher, "t", std::to_string(i), 1);  // lane: 2 + 4
  world.JoinGroup(heir, "g", "t");
  world.End(gone);
  CHECK(world.Settle());
  // All of them once; those that are chosen afresh may overtake those that are passed on.
  Texts got = heir->Payloads();
  std::sort(got.begin(), got.end());
  CHECK(got == Texts{"0", "1", "2", "3", "4", "5"});
  CHECK(publisher->inbox.size() == 6);
  CHECK(world.Sum(&Counters::dropped_no_member) == 0);
}

TEST_CASE("with nobody left the message is counted, not kept") {
  World world(2);
  Client* publisher = world.Add(0);
  Client* only = world.Add(1);
  world.JoinGroup(only, "g", "t");
  world.Settle();
  world.Publish(publisher, "t", "x", 1);
  world.End(only);
  world.LeaveGroup(only, "g", "t");
  CHECK(world.Settle());
  CHECK(world.Sum(&Counters::dropped_no_member) == 1);
}

TEST_CASE("a long queue of an ended member goes to another one whole, however short the lane") {
  World world(3, 2);
  world.queue_length_max = 0;
  constexpr int kMessages = static_cast<int>(limits::kSpillMax) + 2'000;
  Client* publisher = world.Add(0);
  world.window_max = 1;
  Client* leaving = world.Add(1);
  world.window_max = 30'000;
  Client* heir = world.Add(2);
  world.JoinGroup(leaving, "g", "t");
  world.Settle();
  for (int i = 0; i < kMessages; ++i) {
    world.Publish(publisher, "t", std::to_string(i), 1);
    if (i % 100 == 0) CHECK(world.Settle());
  }
  CHECK(world.Settle());
  CHECK(world.SessionOf(leaving)->queue.size() == kMessages - 1);
  world.JoinGroup(heir, "g", "t");
  world.End(leaving);
  CHECK(world.Settle());
  Texts expected;
  for (int i = 1; i < kMessages; ++i) expected.push_back(std::to_string(i));
  CHECK(heir->Payloads() == expected);
  CHECK(world.Sum(&Counters::shared_spill_overflows) == 0);
  CHECK(world.Sum(&Counters::shared_redispatched) == kMessages - 1);
}

}  // namespace causeway::fanout
