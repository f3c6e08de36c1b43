// One PUBLISH to the members of one or several loops: what each receiver gets.
#include "world.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "core/limits.h"
#include "router/members.h"

namespace causeway::fanout {
namespace {

using Texts = std::vector<std::string>;

}  // namespace

static_assert(sizeof(LaneEntry) == 64, "docs/internals/memory.md draws it as one cache line");

TEST_CASE("a publisher reaches itself, its loop and other loops, each once") {
  World world(3);
  Client* publisher = world.Add(0);
  Client* near = world.Add(0);
  Client* far = world.Add(2);
  Client* deaf = world.Add(1);
  for (Client* client : {publisher, near, far}) world.Subscribe(client, "a/+");
  world.Subscribe(deaf, "b/#");
  world.Publish(publisher, "a/x", "hello", 1);
  CHECK(world.Settle());
  CHECK(publisher->inbox.size() == 2);  // the message and its PUBACK
  CHECK(near->Payloads() == Texts{"hello"});
  CHECK(far->Payloads() == Texts{"hello"});
  CHECK(deaf->inbox.empty());
  CHECK(near->inbox[0].topic == "a/x");
  CHECK(world.Sum(&Counters::lanes_pushed) == 1);
  CHECK(world.Sum(&Counters::lanes_drained) == 1);
}

TEST_CASE("what is retired while a loop reads is freed when its outermost visit ends") {
  static int freed;
  freed = 0;
  World world(1);
  Client* publisher = world.Add(0);
  Client* receiver = world.Add(0);
  world.Subscribe(receiver, "a");
  EpochDomain& epochs = *world.fabric().epochs;
  int object = 0;
  {
    const Shard::Visit read(&world.shard(0));
    epochs.Retire(&object, [](void*) { ++freed; }, 1);
    world.Publish(publisher, "a", "x", 0);  // a visit of its own inside this one
    epochs.Collect();
    CHECK(freed == 0);
  }
  epochs.Collect();
  CHECK(freed == 1);
  CHECK(world.Settle());
  CHECK(receiver->Payloads() == Texts{"x"});
}

TEST_CASE("without a destination nothing is delivered, and it is counted") {
  World world(2);
  Client* publisher = world.Add(0);
  world.Publish(publisher, "nobody", "x", 0);
  CHECK(world.Settle());
  CHECK(world.Sum(&Counters::dropped_no_subscribers) == 1);
}

TEST_CASE(
    "overlapping filters make one copy: highest QoS, every identifier [MQTT-3.3.4-2] "
    "[MQTT-3.3.4-4]") {
  for (const int loop : {0, 1}) {
    World world(2);
    Client* publisher = world.Add(0);
    Client* receiver = world.Add(loop);
    world.Subscribe(receiver, "a/#", 0, 7);
    world.Subscribe(receiver, "a/b", 2, 8);
    world.Subscribe(receiver, "+/b", 1);
    world.Subscribe(receiver, "#", 1, 9);
    world.Subscribe(receiver, "+/+", 0, 10);
    world.Publish(publisher, "a/b", "x", 2);
    CHECK(world.Settle());
    REQUIRE(receiver->inbox.size() == 1);
    CHECK(receiver->inbox[0].qos == 2);
    std::vector<uint32_t> ids = receiver->inbox[0].subscription_ids;
    std::sort(ids.begin(), ids.end());
    CHECK(ids == std::vector<uint32_t>{7, 8, 9, 10});
  }
}

TEST_CASE("the granted QoS lowers a message's, and raises it only where that is configured") {
  World world(1);
  Client* publisher = world.Add(0);
  Client* lower = world.Add(0);
  Client* upper = world.Add(0);
  world.Subscribe(lower, "t", 1);
  world.Subscribe(upper, "t", 2);
  world.SessionOf(upper)->upgrade_qos = true;
  for (const uint8_t qos : {uint8_t{0}, uint8_t{1}, uint8_t{2}})
    world.Publish(publisher, "t", "x", qos);
  CHECK(world.Settle());
  REQUIRE(lower->inbox.size() == 3);
  REQUIRE(upper->inbox.size() == 3);
  for (size_t i = 0; i < 3; ++i) {
    CHECK(lower->inbox[i].qos == std::min<size_t>(i, 1));
    CHECK(upper->inbox[i].qos == 2);
  }
}

TEST_CASE(
    "No Local keeps a publisher's message from itself only, on the filter that asked "
    "[MQTT-3.8.3-3]") {
  World world(2);
  Client* publisher = world.Add(0);
  Client* twin = world.Add(1);  // the same index on another loop
  REQUIRE(twin->index == publisher->index);
  world.Subscribe(publisher, "t", 1 | router::kOptionNoLocal);
  world.Subscribe(twin, "t", 1 | router::kOptionNoLocal);
  world.Publish(publisher, "t", "one", 0);
  CHECK(world.Settle());
  CHECK(publisher->Payloads().empty());
  CHECK(twin->Payloads() == Texts{"one"});
  CHECK(world.Sum(&Counters::dropped_no_local) == 1);
  world.Subscribe(publisher, "+", 0);  // a second filter that did not ask
  world.Publish(publisher, "t", "two", 0);
  CHECK(world.Settle());
  CHECK(publisher->Payloads() == Texts{"two"});
}

TEST_CASE("a message that came back through a link knows its publisher by client id") {
  World world(2);
  Client* own = world.Add(0);
  Client* other = world.Add(1);
  world.Subscribe(own, "t", 1 | router::kOptionNoLocal);
  world.Subscribe(other, "t", 1 | router::kOptionNoLocal);
  world.PublishFrom(1, "t", "x", 0, Origin::kLink, own->id);
  CHECK(world.Settle());
  CHECK(own->Payloads().empty());
  CHECK(other->Payloads() == Texts{"x"});
}

TEST_CASE(
    "RETAIN stays set only where Retain As Published asks for it [MQTT-3.3.1-12] "
    "[MQTT-3.3.1-13]") {
  World world(2);
  Client* publisher = world.Add(0);
  Client* plain = world.Add(1);
  Client* as_published = world.Add(1);
  Client* both = world.Add(1);
  world.Subscribe(plain, "t", 1);
  world.Subscribe(as_published, "t", 1 | router::kOptionRetainAsPublished);
  world.Subscribe(both, "t", 1);
  world.Subscribe(both, "#", 1 | router::kOptionRetainAsPublished);
  for (const bool retain : {true, false}) world.Publish(publisher, "t", "x", 1, retain);
  CHECK(world.Settle());
  CHECK(!plain->inbox.at(0).retain);
  CHECK(as_published->inbox.at(0).retain);
  CHECK(both->inbox.at(0).retain);
  CHECK(!as_published->inbox.at(1).retain);
}

TEST_CASE("a receiver gets the layout of its own version") {
  World world(1);
  Client* publisher = world.Add(0);
  Client* old = world.Add(0, mqtt::Version::kMqtt311);
  Client* current = world.Add(0);
  world.Subscribe(old, "t", 1, 5);
  world.Subscribe(current, "t", 1, 5);
  world.Publish(publisher, "t", "x", 1, false, 30);
  CHECK(world.Settle());
  REQUIRE(old->inbox.size() == 1);
  CHECK(old->inbox[0].payload == "x");
  CHECK(current->inbox.at(0).expiry_seconds == 30);
  CHECK(current->inbox.at(0).subscription_ids == std::vector<uint32_t>{5});
}

TEST_CASE(
    "a huge fan-out goes in slices: members who leave are left out, those who join wait for "
    "the next message, nobody is missed or served twice") {
  constexpr size_t kMembers = 3 * limits::kFanoutSliceMembers + 77;
  World world(2);
  Client* publisher = world.Add(0);
  std::vector<Client*> members;
  for (size_t i = 0; i < kMembers; ++i) {
    members.push_back(world.Add(0));
    world.Subscribe(members.back(), "huge", 1);
  }
  Client* overlapping = world.Add(1);
  world.Subscribe(overlapping, "huge", 1);
  CHECK(world.Settle());
  world.Publish(publisher, "huge", "first", 1);
  REQUIRE(publisher->connection->fanout_pending);
  CHECK(publisher->inbox.empty());  // no PUBACK before everybody has it
  // Between two slices: the first, one in the middle and the last leave, one comes.
  const std::vector<size_t> leavers = {0, limits::kFanoutSliceMembers + 5,
                                       2 * limits::kFanoutSliceMembers, kMembers - 1};
  for (const size_t at : leavers) world.Unsubscribe(members[at], "huge");
  world.End(members[kMembers - 2]);  // and one session ends, its membership still there
  Client* late = world.Add(0);
  world.Subscribe(late, "huge", 1);
  world.Publish(publisher, "huge", "second", 1);  // waits behind
  CHECK(world.Settle());
  for (size_t i = 0; i < kMembers; ++i) {
    CAPTURE(i);
    Texts expected = {"first", "second"};
    if (i == 0) expected = {"first"};  // served in the first slice
    if (i != 0 && std::count(leavers.begin(), leavers.end(), i) != 0) expected = {};
    if (i == kMembers - 2) expected = {};
    REQUIRE(members[i]->Payloads() == expected);
  }
  CHECK(late->Payloads() == Texts{"second"});
  CHECK(overlapping->Payloads() == Texts{"first", "second"});
  CHECK(publisher->inbox.size() == 2);
  CHECK(world.Sum(&Counters::fanout_yields) > 0);
}

TEST_CASE(
    "a huge fan-out on the receiving loop is sliced too, and later messages wait their turn") {
  constexpr size_t kMembers = limits::kWorkBudgetDeliveries + 10;
  World world(2);
  Client* publisher = world.Add(0);
  std::vector<Client*> members;
  for (size_t i = 0; i < kMembers; ++i) {
    members.push_back(world.Add(1));
    world.Subscribe(members.back(), i % 2 == 0 ? "huge" : "#", 1);
    if (i % 2 == 0) world.Subscribe(members.back(), "#", 0);  // merged lists, too
  }
  CHECK(world.Settle());
  world.Publish(publisher, "huge", "first", 1);
  world.Publish(publisher, "huge", "second", 1);
  world.shard(0).FlushWakeups();
  world.Turn(1);
  world.Unsubscribe(members[kMembers - 1], "#");
  world.End(members[kMembers - 2]);
  CHECK(world.Settle());
  for (size_t i = 0; i + 2 < kMembers; ++i)
    REQUIRE(members[i]->Payloads() == Texts{"first", "second"});
}

TEST_CASE("a flood to many stands still until they are written, and goes on: nobody misses any") {
  constexpr size_t kMembers = 2 * limits::kWideFanoutMembers;
  // Sizes that divide limits::kWideCycleBytes and that do not, several cycles of each.
  for (const size_t payload_bytes : {size_t{61}, size_t{1000}, size_t{3000}}) {
    CAPTURE(payload_bytes);
    const std::string payload(payload_bytes, 'x');
    const size_t messages =
        3 * limits::kWideCycleBytes / kMembers / (limits::kWideDeliveryBytes + 3 + payload_bytes);
    World world(2);
    world.high_watermark_bytes = 64 << 20;
    Client* publisher = world.Add(0);
    std::vector<Client*> members;
    for (size_t i = 0; i < kMembers; ++i) {
      members.push_back(world.Add(static_cast<int>(i % 2)));
      world.Subscribe(members.back(), "all", 0);
    }
    CHECK(world.Settle());
    for (size_t i = 0; i < messages; ++i) world.Publish(publisher, "all", payload, 0);
    REQUIRE(world.Settle());
    for (Client* member : members) REQUIRE(member->inbox.size() == messages);
    CHECK(world.Sum(&Counters::dropped_qos0_slow) == 0);
  }
}

TEST_CASE("a message that expires in a lane is counted for each session behind it") {
  World world(2);
  Client* publisher = world.Add(0);
  Client* twice = world.Add(1);
  Client* once = world.Add(1);
  world.Subscribe(twice, "a/b");
  world.Subscribe(twice, "a/#");
  world.Subscribe(once, "a/#");
  world.Subscribe(once, "c");
  world.Subscribe(world.Add(1), "c");
  REQUIRE(world.Settle());
  world.Publish(publisher, "a/b", "merged", 1, false, 1);
  world.Publish(publisher, "c", "one filter", 1, false, 1);
  world.now_ms += 2000;
  REQUIRE(world.Settle());
  CHECK(twice->Payloads().empty());
  CHECK(once->Payloads().empty());
  CHECK(world.Sum(&Counters::dropped_expired) == 4);
}

TEST_CASE("a message that expires between two slices goes to nobody else [MQTT-3.3.2-5]") {
  constexpr size_t kMembers = 2 * limits::kFanoutSliceMembers;
  World world(1);
  Client* publisher = world.Add(0);
  std::vector<Client*> members;
  for (size_t i = 0; i < kMembers; ++i) {
    members.push_back(world.Add(0));
    world.Subscribe(members.back(), "t", 0);
  }
  world.Publish(publisher, "t", "x", 0, false, 2);
  world.now_ms += 3000;
  CHECK(world.Settle());
  size_t served = 0;
  for (Client* member : members) served += member->inbox.size();
  CHECK(served == limits::kFanoutSliceMembers);
  CHECK(world.Sum(&Counters::dropped_expired) > 0);
}

}  // namespace causeway::fanout
