#include "retained/topic_order.h"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "../../oracle/topic_match.h"

#include <doctest/doctest.h>

namespace causeway::retained {
namespace {

TEST_CASE("a topic is followed by its whole subtree, then by its neighbours") {
  const std::vector<std::string> expected = {
      "/",     "/a",   "a",    "a/", "a//b", "a/b",      "a/b/c",      "a/b/c/d",
      "a/b/x", "a/b!", "a/bc", "a!", "b",    "\xC3\xA4", "\xC3\xA4/x",
  };
  std::vector<std::string> sorted = expected;
  std::shuffle(sorted.begin(), sorted.end(), std::mt19937(1));
  std::sort(sorted.begin(), sorted.end(), LevelLess);
  CHECK(sorted == expected);
}

TEST_CASE("long topics that differ late compare like short ones") {
  for (size_t common = 0; common < 40; ++common) {
    const std::string prefix(common, 'x');
    CHECK(LevelLess(prefix + "/z", prefix + "!a"));
    CHECK(!LevelLess(prefix + "!a", prefix + "/z"));
    CHECK(LevelLess(prefix + "a", prefix + "b" + std::string(20, 'a')));
    CHECK(LevelLess(prefix + "a", prefix + "aa"));
    CHECK(!LevelLess(prefix, prefix));
  }
}

TEST_CASE("the literal prefix ends before the first wildcard's slash") {
  CHECK(LiteralPrefix("a/b") == "a/b");
  CHECK(LiteralPrefix("a/b/#") == "a/b");
  CHECK(LiteralPrefix("a/+/c") == "a");
  CHECK(LiteralPrefix("#").empty());
  CHECK(LiteralPrefix("/+").empty());
}

struct Leap {
  std::string filter, topic;
  std::string next;  // "match", or where to go on; empty: nowhere
};

TEST_CASE("a scan leaps over what cannot match") {
  using namespace std::string_literals;
  const std::vector<Leap> rows = {
      {"#", "a/b", "match"},
      {"#", "$SYS/x", "%"},
      {"+/x", "$SYS/x", "%"},
      {"$SYS/#", "$SYS", "match"},
      {"a/#", "a", "match"},
      {"a/#", "a/b/c", "match"},
      {"a/#", "b", ""},
      {"a/+/c", "a/b/c", "match"},
      {"a/+/c", "a/b", "a/b/c"},
      {"a/+/c", "a/b/a/x", "a/b/c"},
      {"a/+/c", "a/b/d", "a/b\0"s},
      {"a/+/c", "a/b/c/d", "a/b/c\0"s},
      {"a/+/c", "b/x/c", ""},
      {"a/+/+", "a", "a/"},
      {"+/+/c/#", "a/b/c", "match"},
      {"+", "a/b", "a\0"s},
      {"+", "/", "\0"s},
      {"/+", "/", "match"},
      {"b/+", "a/b", "b"},
  };
  for (const Leap& row : rows) {
    CAPTURE(row.filter);
    CAPTURE(row.topic);
    std::string next;
    const bool match = MatchOrLeap(row.filter, row.topic, &next);
    CHECK(match == (row.next == "match"));
    if (!match) CHECK(next == row.next);
  }
}

TEST_CASE("a leap goes forward and never over a match") {
  const std::vector<std::string> words = {"", "a", "b", "ab", "a!", "$", "$a", "/"};
  std::mt19937 random(7);
  const auto text = [&](bool filter) {
    std::string out;
    const size_t levels = 1 + random() % 4;
    for (size_t i = 0; i < levels; ++i) {
      if (i > 0) out += '/';
      const size_t word = random() % (words.size() + (filter ? 4 : 0));
      if (word >= words.size() && word == words.size() + 3) return out + "#";
      out += word < words.size() ? words[word] : "+";
    }
    return out.empty() ? std::string("/") : out;
  };
  std::vector<std::string> topics;
  for (int i = 0; i < 400; ++i) topics.push_back(text(false));
  std::sort(topics.begin(), topics.end(), LevelLess);
  topics.erase(std::unique(topics.begin(), topics.end()), topics.end());
  int leapt = 0;
  for (int round = 0; round < 2'000; ++round) {
    const std::string filter = text(true);
    const size_t at = random() % topics.size();
    std::string next;
    const bool match = MatchOrLeap(filter, topics[at], &next);
    REQUIRE(match == oracle::TopicMatches(filter, topics[at]));
    if (match) continue;
    if (!next.empty()) REQUIRE(LevelLess(topics[at], next));
    for (size_t later = at + 1; later < topics.size(); ++later) {
      if (!next.empty() && !LevelLess(topics[later], next)) break;
      CAPTURE(filter);
      CAPTURE(topics[at]);
      CAPTURE(topics[later]);
      REQUIRE(!oracle::TopicMatches(filter, topics[later]));
      ++leapt;
    }
  }
  CHECK(leapt > 10'000);
}

}  // namespace
}  // namespace causeway::retained
