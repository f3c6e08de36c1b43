#include "router/group.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "../../oracle/router_words.h"
#include "router/index.h"

namespace causeway::router {
namespace {

constexpr HashSeed kSeed{0x2545, 0xF491};
constexpr uint8_t kUp = SessionFlags::kConnected | SessionFlags::kHasRoom;

struct World {
  EpochDomain epochs;
  Index index{kSeed, &epochs};
  std::unique_ptr<SessionFlags[]> flags = std::make_unique<SessionFlags[]>(4);
  const SessionFlags* by_loop[4] = {&flags[0], &flags[1], &flags[2], &flags[3]};
  Filter* filter = index.Acquire("jobs/+");
  uint64_t turn = 0;

  Group* Join(Sharing sharing, GroupMember member, uint8_t state = kUp) {
    flags[member.loop].Set(member.session, state);
    bool first = false;
    return index.JoinGroup(filter, "g", sharing, member, &first);
  }
  Choice From(int loop, uint64_t client = 0, uint64_t topic = 0) {
    // Weyl sequence: an even spread of the high bits
    return {loop, client * 0x9E3779B97F4A7C15, topic * 0x9E3779B97F4A7C15,
            ++turn * 0x9E3779B97F4A7C15, by_loop};
  }
  uint32_t Pick(const Group* group, int loop = 0, const GroupMember* skip = nullptr) {
    GroupMember member;
    REQUIRE(group->Pick(From(loop), skip, &member));
    return member.session;
  }
};

constexpr Strategy kAll[] = {Strategy::kRandom,       Strategy::kRoundRobin, Strategy::kSticky,
                             Strategy::kHashClientId, Strategy::kHashTopic,  Strategy::kLocal};

TEST_CASE(
    "a group appears with its first member, disappears with its last, and is one per name and "
    "filter") {
  World world;
  bool edge = false;
  Group* g = world.index.JoinGroup(world.filter, "g", Strategy::kRandom, {.session = 1}, &edge);
  CHECK(edge);
  CHECK(world.index.JoinGroup(world.filter, "g", Strategy::kRandom, {.session = 2}, &edge) == g);
  CHECK_FALSE(edge);
  CHECK(world.index.JoinGroup(world.filter, "g", Strategy::kRandom, {.session = 2}, &edge) == g);
  CHECK(g->size() == 2);  // twice in is once in
  Group* h = world.index.JoinGroup(world.filter, "h", Strategy::kRandom, {.session = 1}, &edge);
  CHECK(edge);
  CHECK(h->id != g->id);
  Filter* other = world.index.Acquire("other");
  CHECK(world.index.JoinGroup(other, "g", Strategy::kRandom, {.session = 1}, &edge) != g);
  CHECK_FALSE(world.index.LeaveGroup(world.filter, "g", {.session = 3}, &edge));
  CHECK_FALSE(world.index.LeaveGroup(world.filter, "nobody", {.session = 1}, &edge));
  CHECK_FALSE(world.index.LeaveGroup(world.filter, "g", {.session = 1, .generation = 1}, &edge));
  CHECK(world.index.LeaveGroup(world.filter, "g", {.session = 1}, &edge));
  CHECK_FALSE(edge);
  CHECK(world.index.LeaveGroup(world.filter, "g", {.session = 2}, &edge));
  CHECK(edge);
  CHECK(world.filter->groups.load() == h);
  CHECK(h->next.load() == nullptr);
}

TEST_CASE("any order of joining and leaving keeps the list of groups whole") {
  oracle::RouterWords random(3);
  World world;
  std::map<std::string, std::set<uint32_t>> model;
  for (int step = 0; step < 5000; ++step) {
    const std::string name = "g" + std::to_string(random.Below(8));
    const auto session = static_cast<uint32_t>(random.Below(40));
    auto& members = model[name];
    bool edge = false;
    if (random.Below(100) < (step / 1000 % 2 == 0 ? 70u : 30u)) {
      world.index.JoinGroup(world.filter, name, Strategy::kRandom, {.session = session}, &edge);
      REQUIRE(edge == members.empty());
      members.insert(session);
    } else {
      const bool there = members.erase(session) == 1;
      REQUIRE(world.index.LeaveGroup(world.filter, name, {.session = session}, &edge) == there);
      REQUIRE(edge == (there && members.empty()));
    }
    if (members.empty()) model.erase(name);
    size_t listed = 0;
    for (Group* group = world.filter->groups.load(); group != nullptr; group = group->next.load()) {
      REQUIRE(group->size() == model.at(group->name).size());
      ++listed;
    }
    REQUIRE(listed == model.size());
    if (step % 100 == 0) world.epochs.Collect();
  }
}

TEST_CASE("round robin gives everyone the same, also around members that are away") {
  World world;
  Group* group = nullptr;
  for (uint32_t i = 0; i < 10; ++i) {
    group = world.Join(Strategy::kRoundRobin, {.loop = static_cast<uint8_t>(i % 4), .session = i},
                       i % 3 == 0 ? 0 : kUp);
  }
  std::map<uint32_t, int> counts;
  for (int i = 0; i < 600; ++i) ++counts[world.Pick(group, i % 4)];
  CHECK(counts.size() == 6);
  for (const auto& [session, count] : counts) CHECK(count == 100);
}

TEST_CASE("random reaches every member about equally") {
  World world;
  Group* group = nullptr;
  for (uint32_t i = 0; i < 20; ++i) group = world.Join(Strategy::kRandom, {.session = i});
  std::map<uint32_t, int> counts;
  for (int i = 0; i < 20'000; ++i) ++counts[world.Pick(group)];
  CHECK(counts.size() == 20);
  for (const auto& [session, count] : counts) CHECK(std::abs(count - 1000) < 200);
}

TEST_CASE("sticky keeps to one member per publisher's loop while it can, also when others leave") {
  World world;
  Group* group = nullptr;
  for (uint32_t i = 0; i < 40; ++i) group = world.Join(Strategy::kSticky, {.session = i});
  uint32_t chosen[4];
  for (int loop = 0; loop < 4; ++loop) chosen[loop] = world.Pick(group, loop);
  CHECK(std::set<uint32_t>(chosen, chosen + 4).size() > 1);
  bool edge = false;
  for (uint32_t i = 0; i < 40; ++i) {
    if (std::count(chosen, chosen + 4, i) == 0) {
      REQUIRE(world.index.LeaveGroup(world.filter, "g", {.session = i}, &edge));
    }
    for (int loop = 0; loop < 4; ++loop) REQUIRE(world.Pick(group, loop) == chosen[loop]);
  }
  world.flags[0].Set(chosen[0], 0);
  const uint32_t next = world.Pick(group, 0);
  CHECK(next != chosen[0]);
  world.flags[0].Set(chosen[0], kUp);
  CHECK(world.Pick(group, 0) == next);
}

TEST_CASE("a sticky group chooses its first member as it is told, and stays with it then") {
  for (const Strategy first :
       {Strategy::kRandom, Strategy::kLocal, Strategy::kHashTopic, Strategy::kHashClientId}) {
    World world, plain;
    Group* sticky = nullptr;
    Group* model = nullptr;  // the same members, where the first choice is made every time
    for (uint32_t i = 0; i < 40; ++i) {
      const GroupMember member{.loop = static_cast<uint8_t>(i % 4), .session = i};
      sticky = world.Join({Strategy::kSticky, first}, member);
      model = plain.Join(first, member);
    }
    for (int loop = 0; loop < 4; ++loop) {
      GroupMember chosen, wanted, again;
      REQUIRE(sticky->Pick(world.From(loop, 11, 22), nullptr, &chosen));
      REQUIRE(model->Pick(plain.From(loop, 11, 22), nullptr, &wanted));
      if (first == Strategy::kLocal) CHECK(chosen.loop == loop);
      if (first == Strategy::kHashTopic || first == Strategy::kHashClientId)
        CHECK(chosen.session == wanted.session);
      for (uint64_t other = 0; other < 50; ++other) {
        REQUIRE(sticky->Pick(world.From(loop, other, other), nullptr, &again));
        REQUIRE(again.session == chosen.session);
      }
    }
  }
}

TEST_CASE("hash strategies send one client, one topic to one member") {
  World world;
  Group* group = nullptr;
  for (uint32_t i = 0; i < 30; ++i) group = world.Join(Strategy::kHashClientId, {.session = i});
  std::set<uint32_t> used;
  for (uint64_t client = 1; client < 200; ++client) {
    GroupMember a, b;
    REQUIRE(group->Pick(world.From(0, client, 1), nullptr, &a));
    REQUIRE(group->Pick(world.From(1, client, 2), nullptr, &b));
    REQUIRE(a == b);
    used.insert(a.session);
  }
  CHECK(used.size() > 25);

  World other;
  for (uint32_t i = 0; i < 30; ++i) group = other.Join(Strategy::kHashTopic, {.session = i});
  for (uint64_t topic = 1; topic < 200; ++topic) {
    GroupMember a, b;
    REQUIRE(group->Pick(other.From(0, 1, topic), nullptr, &a));
    REQUIRE(group->Pick(other.From(1, 2, topic), nullptr, &b));
    REQUIRE(a == b);
  }
}

TEST_CASE("local prefers a ready member on the publisher's loop, then anyone ready") {
  World world;
  Group* group = nullptr;
  for (uint32_t i = 0; i < 12; ++i)
    group = world.Join(Strategy::kLocal, {.loop = static_cast<uint8_t>(i % 3), .session = i});
  for (int i = 0; i < 50; ++i) {
    REQUIRE(world.Pick(group, 1) % 3 == 1);
    REQUIRE(world.Pick(group, 3) < 12);  // nobody lives there
  }
  for (uint32_t i = 1; i < 12; i += 3) world.flags[1].Set(i, SessionFlags::kConnected);
  for (int i = 0; i < 50; ++i) REQUIRE(world.Pick(group, 1) % 3 != 1);
}

TEST_CASE("every strategy prefers ready to connected, connected to away, and anyone to nobody") {
  for (const Strategy strategy : kAll) {
    CAPTURE(static_cast<int>(strategy));
    World world;
    GroupMember member;
    Group* group = nullptr;
    for (uint32_t i = 0; i < 9; ++i) group = world.Join(strategy, {.session = i}, 0);
    CHECK(group->Pick(world.From(0), nullptr, &member));
    world.flags[0].Set(4, SessionFlags::kConnected);
    for (int i = 0; i < 30; ++i) REQUIRE(world.Pick(group) == 4);
    world.flags[0].Set(6, kUp);
    for (int i = 0; i < 30; ++i) REQUIRE(world.Pick(group) == 6);
    world.flags[0].Set(4, kUp);
    const GroupMember skip{.session = 6};
    for (int i = 0; i < 30; ++i) REQUIRE(world.Pick(group, 0, &skip) == 4);
    world.flags[0].Set(4, 0);
    for (int i = 0; i < 30; ++i)
      REQUIRE(world.Pick(group, 0, &skip) != 6);  // away, yet not skipped
    bool edge = false;
    for (uint32_t i = 0; i < 9; ++i) {
      if (i != 6) world.index.LeaveGroup(world.filter, "g", {.session = i}, &edge);
    }
    CHECK(world.Pick(group, 0, &skip) == 6);  // nobody else exists
  }
}

TEST_CASE("a hundred thousand members join and leave one group, each in constant time") {
  World world;
  for (uint32_t i = 0; i < 100'000; ++i) {
    world.Join(Strategy::kRoundRobin,
               {.loop = static_cast<uint8_t>(i % 4), .session = i, .generation = i * 3});
  }
  Group* group = world.filter->groups.load();
  CHECK(group->size() == 100'000);
  std::set<uint32_t> seen;
  for (int i = 0; i < 100'000; ++i) REQUIRE(seen.insert(world.Pick(group)).second);
  bool last = false;
  for (uint32_t i = 0; i < 100'000; ++i) {
    REQUIRE_FALSE(last);
    const GroupMember member{
        .loop = static_cast<uint8_t>(i % 4), .session = i, .generation = i * 3};
    REQUIRE(world.index.LeaveGroup(world.filter, "g", member, &last));
  }
  CHECK(last);
  CHECK(world.filter->groups.load() == nullptr);
}

}  // namespace
}  // namespace causeway::router
