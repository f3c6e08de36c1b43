#include "router/topic_trie.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "../../oracle/router_words.h"
#include "../../oracle/topic_match.h"

namespace causeway::router {
namespace {

struct World {
  explicit World(HashSeed seed) : trie(seed, &epochs) {}

  void Add(const std::string& text) {
    const TopicTrie::Place place = trie.Make(text);
    if (place.slot->load() != nullptr) return;
    filters.push_back(std::make_unique<Filter>());
    filters.back()->text = text;
    trie.Link(place, filters.back().get());
  }
  std::multiset<std::string> Match(const std::string& topic, bool by_text) {
    std::vector<Filter*> found;
    by_text ? trie.MatchByText({topic, &found}) : trie.Match({topic, &found});
    std::multiset<std::string> texts;
    for (const Filter* filter : found) texts.insert(filter->text);
    return texts;
  }

  /// As many at once as `together` says, the last ones fewer.
  std::vector<std::multiset<std::string>> Match(const std::vector<std::string>& topics,
                                                size_t together) {
    std::vector<std::vector<Filter*>> found(topics.size());
    std::vector<TopicTrie::Query> queries;
    for (size_t i = 0; i < topics.size(); ++i) queries.push_back({topics[i], &found[i]});
    for (size_t at = 0; at < queries.size(); at += together)
      trie.Match(&queries[at], std::min(together, queries.size() - at));
    std::vector<std::multiset<std::string>> texts(topics.size());
    for (size_t i = 0; i < topics.size(); ++i)
      for (const Filter* filter : found[i]) texts[i].insert(filter->text);
    return texts;
  }

  EpochDomain epochs;
  std::vector<std::unique_ptr<Filter>> filters;
  TopicTrie trie;
};

TEST_CASE("matching by text, by hash and several at once agree with the oracle") {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    CAPTURE(seed);
    oracle::RouterWords words(seed);
    World world({seed, 77});
    for (int i = 0; i < 200; ++i) world.Add(words.Filter());
    std::vector<std::string> topics;
    std::vector<std::multiset<std::string>> all;
    for (int i = 0; i < 200; ++i) {
      const std::string topic = words.Topic();
      CAPTURE(topic);
      std::multiset<std::string> expected;
      for (const auto& filter : world.filters) {
        if (oracle::TopicMatches(filter->text, topic)) expected.insert(filter->text);
      }
      REQUIRE(world.Match(topic, false) == expected);
      REQUIRE(world.Match(topic, true) == expected);
      topics.push_back(topic);
      all.push_back(expected);
    }
    for (const size_t together : {size_t{1}, size_t{3}, TopicTrie::kTogether})
      REQUIRE(world.Match(topics, together) == all);
  }
}

TEST_CASE("words with one hash are still different words") {
  // Knowing the seed one can make the first factor of the last multiplication zero (core/hash.cc):
  // 16-byte words that begin with these eight bytes all hash to the same.
  const std::string eight = "collide!";
  HashSeed seed{42, 0};
  std::memcpy(&seed.b, eight.data(), 8);
  seed.b ^= 0xBB67AE8584CAA73B;
  const std::string one = eight + "one-word", two = eight + "two-word", three = eight + "3rd-word";
  REQUIRE(Hash(one, seed) == Hash(two, seed));
  REQUIRE(Hash(one, seed) == Hash(three, seed));

  World world(seed);
  const std::string filters[] = {"+/" + one,       one + "/#",   one + "/+",
                                 two + "/+",       "+/+/" + two, one + "/" + two + "/+",
                                 "+/" + two + "/+"};
  for (const std::string& filter : filters) world.Add(filter);
  for (const std::string& a : {one, two, three}) {
    for (const std::string& b : {one, two, three, std::string("x")}) {
      for (const std::string& topic :
           {a, a + "/" + b, a + "/" + b + "/" + two, a + "/" + b + "/" + three}) {
        CAPTURE(topic);
        std::multiset<std::string> expected;
        for (const std::string& filter : filters) {
          if (oracle::TopicMatches(filter, topic)) expected.insert(filter);
        }
        REQUIRE(world.Match(topic, false) == expected);
        // A walk that has to start again disturbs nobody beside it.
        const std::vector<std::string> beside = {one + "/y", topic, "y/" + two};
        const auto found = world.Match(beside, beside.size());
        REQUIRE(found[0] == world.Match(beside[0], true));
        REQUIRE(found[1] == expected);
        REQUIRE(found[2] == world.Match(beside[2], true));
      }
    }
  }
}

TEST_CASE("a topic longer than what is compared at once is compared wholly") {
  World world({1, 2});
  std::string deep = "+";
  for (int i = 0; i < 100; ++i) deep += "/level" + std::to_string(i);
  world.Add(deep);
  CHECK(world.Match("x" + deep.substr(1), false).size() == 1);
  CHECK(world.Match("x" + deep.substr(1) + "/more", false).empty());
}

}  // namespace
}  // namespace causeway::router
