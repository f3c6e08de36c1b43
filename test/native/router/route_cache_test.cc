#include "router/route_cache.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "../../oracle/router_words.h"
#include "../../oracle/topic_match.h"

namespace causeway::router {
namespace {

constexpr HashSeed kSeed{0xABCD, 0xEF01};
constexpr int kLoop = 2;

struct World {
  explicit World(size_t max_entries = 1000, size_t max_bytes = 1 << 20)
      : cache(kLoop, &index, &members, kSeed, max_entries, max_bytes) {}

  EpochDomain epochs;
  Index index{kSeed, &epochs};
  MemberTable members{kSeed};
  RouteCache cache;

  const Route* Lookup(std::string_view topic) {
    uint64_t hash = 0;
    const Route* route = cache.Lookup(topic, &hash);
    REQUIRE(hash == Hash(topic, kSeed));
    return route;
  }
  void Subscribe(Filter* filter, uint32_t session) {
    bool first = false;
    members.Add(filter->ref, {.session = session}, &first);
    if (first) index.ShowOnLoop(filter, kLoop);
  }
};

TEST_CASE("an unmatched topic gives an empty route, and is remembered as well") {
  World world;
  CHECK(world.Lookup("nobody")->empty());
  CHECK(world.Lookup("nobody")->empty());
  CHECK(world.cache.hits() == 1);
  CHECK(world.cache.misses() == 1);
}

TEST_CASE("a route tells own lists, other loops, links and groups apart") {
  World world;
  Filter* own = world.index.Acquire("a/+");
  world.Subscribe(own, 7);
  Filter* far = world.index.Acquire("a/#");
  world.index.ShowOnLoop(far, 0);
  world.index.ShowOnLoop(far, 5);
  world.index.ShowOnLoop(own, 5);
  Filter* linked = world.index.Acquire("a/b");
  world.index.AddLink(linked, 9);
  bool first = false;
  Group* group = world.index.JoinGroup(linked, "g", Strategy::kRandom, {.session = 1}, &first);
  const Route* route = world.Lookup("a/b");
  CHECK(route->loops == (1 | 32));
  CHECK(route->links == 1 << 9);
  REQUIRE(route->local.size() == 1);
  CHECK(route->local[0] == world.members.Find(own->ref));
  REQUIRE(route->remote.size() == 2);
  for (const Route::Remote& remote : route->remote) {
    CHECK(remote.loops == (remote.filter == own->ref ? 32 : 33));
  }
  REQUIRE(route->groups.size() == 1);
  CHECK(route->groups[0].group == group);
  CHECK(route->groups[0].filter == linked->ref);
}

TEST_CASE("every kind of change reaches a remembered route") {
  World world;
  Filter* filter = world.index.Acquire("a/+");
  const auto route = [&] { return world.Lookup("a/b"); };
  CHECK(route()->empty());
  world.index.ShowOnLoop(filter, 0);
  CHECK(route()->loops == 1);
  world.index.HideOnLoop(filter, 0);
  CHECK(route()->loops == 0);
  world.index.AddLink(filter, 3);
  CHECK(route()->links == 8);
  world.index.RemoveLink(filter, 3);
  CHECK(route()->links == 0);
  bool edge = false;
  world.index.JoinGroup(filter, "g", Strategy::kRandom, {.session = 1}, &edge);
  CHECK(route()->groups.size() == 1);
  world.index.LeaveGroup(filter, "g", {.session = 1}, &edge);
  CHECK(route()->groups.empty());
  world.Subscribe(filter, 4);
  CHECK(route()->local.size() == 1);
  world.index.ShowOnLoop(filter, 1);
  CHECK(route()->remote.size() == 1);
  world.members.Remove(filter->ref, 4, &edge);
  world.index.HideOnLoop(filter, kLoop);
  world.index.HideOnLoop(filter, 1);
  world.index.Release(filter);
  CHECK(route()->empty());
}

TEST_CASE("a list that died leaves no pointer behind, before or after Hide or without one") {
  for (const int order : {0, 1, 2}) {
    World world;
    Filter* filter = world.index.Acquire("a/+");
    world.Subscribe(filter, 4);
    CHECK(world.Lookup("a/b")->local.size() == 1);
    bool last = false;
    if (order == 1) {
      world.index.HideOnLoop(filter, kLoop);
      CHECK(world.Lookup("a/b")->local.size() == 1);  // still a member
    }
    world.members.Remove(filter->ref, 4, &last);
    CHECK(world.Lookup("a/b")->local.empty());
    if (order == 0) world.index.HideOnLoop(filter, kLoop);
    CHECK(world.Lookup("a/b")->local.empty());
    world.members.Add(filter->ref, {.session = 5}, &last);  // without Show: the table is ours
    CHECK(world.Lookup("a/b")->local.size() == 1);
  }
}

TEST_CASE("at most max_entries topics are kept, and the ones in use survive") {
  World world(64);
  for (int i = 0; i < 2000; ++i) {
    world.Lookup("hot/" + std::to_string(i % 8));
    world.Lookup("cold/" + std::to_string(i));
    REQUIRE(world.cache.size() <= 64);
  }
  CHECK(world.cache.hits() == 2000 - 8);
  CHECK(world.cache.misses() == 2000 + 8);
  CHECK(world.cache.evictions() == 0);  // who comes by once takes nobody's place
}

TEST_CASE("in a full cache a topic is kept when it comes a second time, and the old ones go") {
  World world(64);
  for (int i = 0; i < 64; ++i) world.Lookup("old/" + std::to_string(i));
  for (int i = 0; i < 10 * 32; ++i) {
    world.Lookup("new/" + std::to_string(i % 32));
    world.Lookup("new/" + std::to_string(i % 32));
    REQUIRE(world.cache.size() <= 64);
  }
  // Of each the first two are misses; one that has not been asked for since it came may go at once.
  CHECK(world.cache.evictions() >= 32);
  CHECK(world.cache.evictions() <= 34);
  CHECK(world.cache.misses() <= 64 + 2 * 34);
}

TEST_CASE("what was expected is what is found, whatever changed in between") {
  World world(4);
  Filter* filter = world.index.Acquire("a/+");
  world.Subscribe(filter, 1);
  const std::vector<std::string> texts = {"a/0", "a/1", "b/2", "a/3", "a/1", "a/5"};
  const std::vector<std::string_view> topics(texts.begin(), texts.end());
  const auto found = [&](size_t at) { return world.Lookup(topics[at])->local.size(); };
  world.cache.Expect(topics.data(), topics.size());
  CHECK(found(0) == 1);
  CHECK(found(2) == 0);  // one was left out
  CHECK(found(1) == 1);  // and comes late
  CHECK(found(4) == 1);
  Filter* other = world.index.Acquire("a/#");
  world.Subscribe(other, 2);
  CHECK(found(3) == 2);
  world.cache.Expect(topics.data() + 3, 3);
  bool last = false;
  world.members.Remove(filter->ref, 1, &last);  // without Hide: the version alone has moved
  CHECK(found(3) == 1);
  world.cache.Forget();
  CHECK(found(5) == 1);
}

TEST_CASE("topics are to be expected where lookups miss, not where they hit") {
  World world;
  CHECK_FALSE(world.cache.missing());
  world.Lookup("a");
  world.Lookup("b");
  CHECK(world.cache.missing());
  world.Lookup("b");
  CHECK_FALSE(world.cache.missing());
}

TEST_CASE("at most max_bytes are kept; a route too big for the cache is used and not kept") {
  World world(1'000'000, 20'000);
  for (int i = 0; i < 500; ++i) {
    world.Lookup("topic/" + std::to_string(i));
    REQUIRE(world.cache.memory_bytes() <= 20'000);
  }
  CHECK(world.cache.size() > 20);
  const size_t before = world.cache.size();
  const uint64_t hits = world.cache.hits();
  const std::string huge(30'000, 'x');
  world.Subscribe(world.index.Acquire("+"), 1);
  CHECK(world.Lookup(huge)->local.size() == 1);
  CHECK(world.Lookup(huge)->local.size() == 1);
  CHECK(world.cache.hits() == hits);
  CHECK(world.cache.size() == before);
  CHECK(world.cache.memory_bytes() <= 20'000);
}

TEST_CASE("a cached lookup is always what the oracle says, whatever changed") {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    CAPTURE(seed);
    oracle::RouterWords words(seed);
    World world(20);
    struct Model {
      Filter* filter;
      std::set<uint32_t> sessions;
      uint64_t loops = 0, links = 0;
    };
    std::map<std::string, Model> model;
    std::vector<std::string> topics;
    for (int i = 0; i < 30; ++i) topics.push_back(words.Topic());
    for (int step = 0; step < 1500; ++step) {
      const std::string text =
          words.Below(2) == 0 ? words.Filter() : topics[words.Below(topics.size())];
      if (model.count(text) == 0)
        model[text] = {.filter = world.index.Acquire(text), .sessions = {}};
      Model& m = model[text];
      const auto session = static_cast<uint32_t>(words.Below(3));
      const int loop = static_cast<int>(words.Below(2));
      bool edge = false;
      switch (words.Below(6)) {
        case 0:
          world.Subscribe(m.filter, session);
          m.sessions.insert(session);
          break;
        case 1:
          world.members.Remove(m.filter->ref, session, &edge);
          m.sessions.erase(session);
          if (edge) world.index.HideOnLoop(m.filter, kLoop);
          break;
        case 2:
          world.index.ShowOnLoop(m.filter, loop);
          m.loops |= uint64_t{1} << loop;
          break;
        case 3:
          world.index.HideOnLoop(m.filter, loop);
          m.loops &= ~(uint64_t{1} << loop);
          break;
        case 4:
          world.index.AddLink(m.filter, loop);
          m.links |= uint64_t{1} << loop;
          break;
        default:
          for (const uint32_t each : m.sessions) world.members.Remove(m.filter->ref, each, &edge);
          for (const int each : {0, 1, kLoop}) world.index.HideOnLoop(m.filter, each);
          world.index.Release(m.filter);
          model.erase(text);
          world.epochs.Collect();
      }
      const std::string& topic = topics[words.Below(topics.size())];
      const std::string_view next[] = {topics[words.Below(topics.size())], topic,
                                       topics[words.Below(topics.size())]};
      switch (words.Below(3)) {  // else what an earlier step expected may still be there
        case 0:
          world.cache.Expect(next, 3);
          break;
        case 1:
          world.cache.Forget();
          break;
      }
      uint64_t loops = 0, links = 0;
      std::set<MemberList*> lists;
      for (const auto& [filter, each] : model) {
        if (!oracle::TopicMatches(filter, topic)) continue;
        loops |= each.loops;
        links |= each.links;
        if (!each.sessions.empty()) lists.insert(world.members.Find(each.filter->ref));
      }
      const Route* route = world.Lookup(topic);
      REQUIRE(route->loops == loops);
      REQUIRE(route->links == links);
      REQUIRE(route->local.size() == lists.size());
      REQUIRE(std::set<MemberList*>(route->local.begin(), route->local.end()) == lists);
    }
    CHECK(world.cache.hits() > 0);
    CHECK(world.cache.evictions() > 0);
  }
}

}  // namespace
}  // namespace causeway::router
