#include "router/index.h"

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

constexpr HashSeed kSeed{0x1234, 0x5678};

struct World {
  EpochDomain epochs;
  Index index{kSeed, &epochs};

  std::multiset<std::string> Match(std::string_view topic) {
    std::vector<Filter*> found;
    index.Match(topic, &found);
    std::multiset<std::string> texts;
    for (const Filter* filter : found) texts.insert(filter->text);
    return texts;
  }
};

using Texts = std::multiset<std::string>;

TEST_CASE("a filter matches as MQTT 5.0 §4.7 says") {
  struct Row {
    const char* filter;
    const char* topic;
    bool matches;
  };
  const Row rows[] = {
      {"sport/tennis/player1/#", "sport/tennis/player1", true},
      {"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
      {"sport/#", "sport", true},
      {"sport/#", "sports", false},
      {"#", "a/b/c", true},
      {"#", "/", true},
      {"sport/tennis/+", "sport/tennis/player1", true},
      {"sport/tennis/+", "sport/tennis/player1/ranking", false},
      {"sport/+", "sport", false},
      {"sport/+", "sport/", true},
      {"+/+", "/finance", true},
      {"/+", "/finance", true},
      {"+", "/finance", false},
      {"#", "$SYS/x", false},  // [MQTT-4.7.2-1]
      {"+/monitor/Clients", "$SYS/monitor/Clients", false},
      {"+/#", "$SYS", false},
      {"$SYS/#", "$SYS/x", true},
      {"$SYS/#", "$SYS", true},
      {"$SYS/monitor/+", "$SYS/monitor/Clients", true},
      {"a/+", "a/$b", true},  // `$` matters in the first place only
      {"a/#", "a/$SYS/b", true},
      {"ACCOUNTS", "Accounts", false},  // case matters
      {"/finance", "finance", false},
      {"a//b", "a/b", false},
      {"a//b", "a//b", true},
      {"+/+/+", "//", true},
      {"//#", "/", true},  // the parent of "//#" is "/"
      {"//#", "//", true},
      {"a/ /b", "a/ /b", true},
      {"温度/+", "温度/厨房", true},
  };
  for (const Row& row : rows) {
    CAPTURE(std::string(row.filter));
    CAPTURE(std::string(row.topic));
    World world;
    world.index.Acquire(row.filter);
    CHECK(world.Match(row.topic).size() == (row.matches ? 1 : 0));
    CHECK(oracle::TopicMatches(row.filter, row.topic) == row.matches);
  }
}

TEST_CASE("equal filters are one filter, counted by reference") {
  for (const char* text : {"a/b", "a/+", "a/#", "#", "+"}) {
    World world;
    Filter* filter = world.index.Acquire(text);
    CHECK(world.index.Acquire(text) == filter);
    CHECK(world.index.Find(text) == filter);
    CHECK(world.index.size() == 1);
    world.index.Release(filter);
    CHECK(world.index.Find(text) == filter);
    world.index.Release(filter);
    CHECK(world.index.Find(text) == nullptr);
    CHECK(world.index.size() == 0);
  }
}

TEST_CASE("a filter id that is used again has another generation") {
  World world;
  Filter* first = world.index.Acquire("a");
  const FilterRef old = first->ref;
  world.index.Release(first);
  const Filter* second = world.index.Acquire("b");
  CHECK(second->ref.id == old.id);
  CHECK(second->ref.generation != old.generation);
}

TEST_CASE("random filters come and go, and every topic finds what the oracle finds") {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    oracle::RouterWords words(seed);
    World world;
    std::map<std::string, int> references;
    for (int step = 0; step < 3000; ++step) {
      if (words.Below(100) < (step < 1500 ? 60 : 40)) {
        const std::string text = words.Below(3) == 0 ? words.Topic() : words.Filter();
        REQUIRE(world.index.Acquire(text)->text == text);
        ++references[text];
      } else if (!references.empty()) {
        auto it = references.lower_bound(words.Filter());
        if (it == references.end()) it = references.begin();
        world.index.Release(world.index.Find(it->first));
        if (--it->second == 0) references.erase(it);
      }
      REQUIRE(world.index.size() == references.size());
      if (step % 10 != 0) continue;
      const std::string topic = words.Topic();
      Texts expected;
      for (const auto& [text, count] : references) {
        if (oracle::TopicMatches(text, topic)) expected.insert(text);
      }
      CAPTURE(topic);
      REQUIRE(world.Match(topic) == expected);
      world.epochs.Collect();
    }
  }
}

TEST_CASE("nothing is left of filters that are gone: words, nodes and tables shrink") {
  World world;
  const size_t empty = world.index.memory_bytes();
  for (int round = 0; round < 3; ++round) {
    std::vector<Filter*> filters;
    for (int i = 0; i < 20'000; ++i) {
      const std::string n = std::to_string(i);
      filters.push_back(world.index.Acquire("dev/" + n + "/+/word" + n));
      filters.push_back(world.index.Acquire("exact/" + n));
    }
    CHECK(world.index.memory_bytes() > empty + 40'000 * sizeof(Filter));
    for (Filter* filter : filters) world.index.Release(filter);
    world.epochs.Collect();
    CHECK(world.epochs.retired_bytes() == 0);
    // The id table keeps its chunks: 5 of 8,192 slots.
    CHECK(world.index.memory_bytes() <= empty + 5 * 8192 * 16);
  }
}

TEST_CASE("big tables stay right while they grow and shrink, at every step") {
  World world;
  constexpr int kFilters = 60'000;
  for (int i = 0; i < kFilters; ++i) {
    world.index.Acquire("n/" + std::to_string(i) + "/#");
    world.index.Acquire("x/" + std::to_string(i));
    const int probe = (i * 7919) % (i + 1);  // one that is there, in whichever array it is now
    REQUIRE(world.Match("n/" + std::to_string(probe)).size() == 1);
    REQUIRE(world.Match("x/" + std::to_string(probe)).size() == 1);
  }
  for (int i = 0; i < kFilters; ++i) {
    world.index.Release(world.index.Find("n/" + std::to_string(i) + "/#"));
    world.index.Release(world.index.Find("x/" + std::to_string(i)));
    REQUIRE(world.Match("n/" + std::to_string(i)).empty());
    REQUIRE(world.Match("x/" + std::to_string(i)).empty());
    if (i + 1 == kFilters) break;
    const int probe = i + 1 + (i * 7919) % (kFilters - i - 1);
    REQUIRE(world.Match("n/" + std::to_string(probe)).size() == 1);
    REQUIRE(world.Match("x/" + std::to_string(probe)).size() == 1);
    if (i % 1000 == 0) world.epochs.Collect();
  }
}

TEST_CASE("hostile topics and filters cost what they reach, and no stack") {
  World world;
  std::string slashes(65'535, '/'), pluses = "+";
  while (pluses.size() + 2 <= 65'535) pluses += "/+";
  world.index.Acquire(pluses);
  CHECK(world.Match(slashes).empty());  // 65,536 levels against 32,768
  CHECK(world.Match(slashes.substr(0, 32'767)).size() == 1);
  world.index.Acquire(slashes);
  world.index.Acquire(pluses.substr(0, 65'533) + "/#");
  CHECK(world.Match(slashes).size() == 2);

  // Every combination of "+" and "" in 12 levels: all match, each once, although the paths double
  // at every level.
  for (int bits = 0; bits < 4096; ++bits) {
    std::string filter;
    for (int i = 0; i < 12; ++i)
      filter += (i == 0 ? "" : "/") + std::string((bits >> i & 1) != 0 ? "+" : "");
    world.index.Acquire(filter);
  }
  CHECK(world.Match(std::string(11, '/')).size() == 4096);
}

TEST_CASE("the generation moves with destinations, and only with them") {
  World world;
  uint64_t seen = world.index.generation();
  const auto moved = [&] {
    const uint64_t before = seen;
    seen = world.index.generation();
    return seen != before;
  };
  Filter* filter = world.index.Acquire("a/+");
  world.index.AddLocal(filter);
  CHECK_FALSE(moved());
  world.index.ShowOnLoop(filter, 3);
  CHECK(moved());
  CHECK(filter->loops.load() == 8);
  world.index.ShowOnLoop(filter, 3);
  CHECK_FALSE(moved());
  world.index.HideOnLoop(filter, 3);
  CHECK(moved());
  CHECK(filter->loops.load() == 0);
  world.index.HideOnLoop(filter, 3);
  CHECK_FALSE(moved());
  CHECK(world.index.AddLink(filter, 63));
  CHECK(moved());
  CHECK_FALSE(world.index.AddLink(filter, 63));
  CHECK_FALSE(moved());
  CHECK(filter->links.load() == uint64_t{1} << 63);
  CHECK(world.index.RemoveLink(filter, 63));
  CHECK(moved());
  CHECK_FALSE(world.index.RemoveLink(filter, 63));
  bool edge = false;
  world.index.JoinGroup(filter, "g", Strategy::kRandom, {.session = 1}, &edge);
  CHECK(moved());
  world.index.JoinGroup(filter, "g", Strategy::kRandom, {.session = 2}, &edge);
  CHECK_FALSE(moved());
  world.index.LeaveGroup(filter, "g", {.session = 1}, &edge);
  CHECK_FALSE(moved());
  world.index.LeaveGroup(filter, "g", {.session = 2}, &edge);
  CHECK(moved());
  world.index.RemoveLocal(filter);
  CHECK_FALSE(moved());
  world.index.Release(filter);
  CHECK(moved());
}

TEST_CASE("the first and the last local subscriber are edges") {
  World world;
  Filter* filter = world.index.Acquire("a");
  CHECK(world.index.AddLocal(filter));
  CHECK_FALSE(world.index.AddLocal(filter));
  CHECK(filter->local.load() == 2);
  CHECK_FALSE(world.index.RemoveLocal(filter));
  CHECK(world.index.RemoveLocal(filter));
}

TEST_CASE(
    "a walk visits what is there throughout exactly once, whatever comes and goes meanwhile") {
  oracle::RouterWords random(11);
  World world;
  for (int i = 0; i < 20'000; ++i) world.index.Acquire("stay/" + std::to_string(i));
  std::vector<Filter*> moving;
  for (int i = 0; i < 2000; ++i) moving.push_back(world.index.Acquire("move/" + std::to_string(i)));
  for (size_t step : {size_t{1} << 40, size_t{4000}, size_t{777}, size_t{1}}) {
    std::map<std::string, int> visits;
    size_t steps = 0;
    for (FilterId from = 0; from != Index::kWalkEnd; ++steps) {
      size_t in_step = 0;
      from = world.index.Walk(from, step, [&](const Filter* filter) {
        ++visits[filter->text];
        ++in_step;
      });
      REQUIRE(in_step <= std::min<size_t>(step, 4000));
      for (int i = 0; i < 3; ++i) {
        Filter*& slot = moving[random.Below(moving.size())];
        world.index.Release(slot);
        slot = world.index.Acquire("move/" + std::to_string(random.Below(1'000'000)) + "/" +
                                   std::to_string(steps) + "/" + std::to_string(i));
      }
    }
    world.epochs.Collect();
    CHECK(steps >= 22'000 / std::min<size_t>(step, 4000));
    for (int i = 0; i < 20'000; ++i) REQUIRE(visits["stay/" + std::to_string(i)] == 1);
    for (const auto& [text, count] : visits) REQUIRE(count == 1);
  }
  CHECK(world.index.Walk(1'000'000, 10, [](const Filter*) {}) == Index::kWalkEnd);
}

TEST_CASE(
    "a reader that stays inside keeps retired memory, and it all goes when the reader leaves") {
  World world;
  const int slot = world.epochs.Register();
  Filter* held = world.index.Acquire("held/+");
  size_t grown = 0;
  {
    const EpochGuard guard(&world.epochs, slot);
    std::vector<Filter*> found;
    world.index.Match("held/1", &found);
    REQUIRE(found.size() == 1);
    world.index.Release(held);
    for (int i = 0; i < 1000; ++i) {
      world.index.Release(world.index.Acquire("churn/" + std::to_string(i) + "/+"));
      const size_t now = world.epochs.Collect();
      REQUIRE(now > grown);  // nothing is freed under the reader, and the gauge says so
      grown = now;
    }
    CHECK(found[0]->text == "held/+");  // AddressSanitizer watches
    CHECK(grown == world.epochs.retired_bytes());
    CHECK(grown > 1000 * sizeof(Filter));
    CHECK(grown < 1000 * 2048);  // what one filter leaves behind is bounded
  }
  CHECK(world.epochs.Collect() == 0);
  world.epochs.Unregister(slot);
}

}  // namespace
}  // namespace causeway::router
