// Outbound topic aliases: when a topic gets one, who makes room, what the table may hold.
#include "session/topic_aliases.h"

#include <doctest/doctest.h>

#include <map>
#include <random>
#include <string>

#include "core/hash.h"
#include "core/limits.h"

namespace causeway::session {
namespace {

struct Aliases {
  TopicAliases table;
  explicit Aliases(uint16_t client_max) : table(client_max) {}
  TopicAliases::Choice operator()(const std::string& topic) {
    return table.Choose(topic, Hash(topic, HashSeed{1, 2}));
  }
};

}  // namespace

TEST_CASE(
    "a topic gets an alias when it comes for the second time, and goes without from the third") {
  Aliases choose(10);
  CHECK(choose("sensor/1").alias == 0);
  const TopicAliases::Choice second = choose("sensor/1");
  CHECK(second.alias == 1);
  CHECK_FALSE(second.known);
  for (int i = 0; i < 3; ++i) {
    const TopicAliases::Choice again = choose("sensor/1");
    CHECK(again.alias == 1);
    CHECK(again.known);
  }
  CHECK(choose("sensor/2").alias == 0);
  CHECK(choose("sensor/2").alias == 2);
}

TEST_CASE("a topic that is no longer than its alias gets none") {
  Aliases choose(10);
  for (int i = 0; i < 4; ++i) CHECK(choose("a/b").alias == 0);
  CHECK(choose.table.size() == 0);
}

TEST_CASE("an alias that could not be sent is not known, and is given again") {
  Aliases choose(1);
  choose("topic/one");
  CHECK(choose("topic/one").alias == 1);
  choose.table.Forget(1);
  const TopicAliases::Choice again = choose("topic/one");
  CHECK(again.alias == 1);
  CHECK_FALSE(again.known);
}

TEST_CASE("no alias is above the client's Topic Alias Maximum [MQTT-3.1.2-26]") {
  Aliases choose(3);
  for (int round = 0; round < 4; ++round) {
    for (int topic = 0; topic < 50; ++topic)
      for (int twice = 0; twice < 2; ++twice)
        CHECK(choose("some/topic/" + std::to_string(topic)).alias <= 3);
  }
  CHECK(choose.table.size() == 3);
}

TEST_CASE("in a full table the topic that is in use keeps its alias, another makes room") {
  Aliases choose(2);
  for (int i = 0; i < 2; ++i) choose("busy/topic");
  for (int i = 0; i < 2; ++i) choose("idle/topic");
  const uint16_t idle = choose("idle/topic").alias;
  choose("newcomer");
  choose("busy/topic");
  uint16_t given = 0;
  for (int i = 0; given == 0 && i < 8; ++i) {
    CHECK(choose("busy/topic").known);
    given = choose("newcomer").alias;
  }
  CHECK(given == idle);
  CHECK(choose("newcomer").known);
  CHECK(choose("busy/topic").known);
  CHECK(choose("idle/topic").known == false);
}

TEST_CASE("the table stays within its bytes, long topics or many") {
  Aliases choose(65'535);
  for (const size_t length : {size_t{60'000}, size_t{30'000}, size_t{200}, size_t{20}}) {
    for (int topic = 0; topic < 2'000; ++topic) {
      const std::string text = std::to_string(topic) + std::string(length, 'x');
      for (int twice = 0; twice < 2; ++twice) choose(text);
      CHECK(choose.table.bytes() <= limits::kOutAliasBytesMax + 64);
    }
    CHECK(choose.table.size() > 0);
  }
  CHECK(choose.table.size() <= limits::kOutAliasesMax);
}

TEST_CASE("what a receiver makes of the aliases is always the topic that was meant") {
  std::mt19937 random(20);
  Aliases choose(40);
  std::map<uint16_t, std::string> receiver;  // its mappings
  size_t aliased = 0;
  for (int i = 0; i < 100'000; ++i) {
    // Few topics come often, many rarely, and some assignments are not sent.
    const uint32_t topic = random() % 4 == 0 ? random() % 500 : random() % 30;
    const std::string text = "plant/line/" + std::to_string(topic);
    const TopicAliases::Choice choice = choose(text);
    if (choice.alias == 0) continue;
    REQUIRE(choice.alias <= 40);
    if (choice.known) {
      REQUIRE(receiver.at(choice.alias) == text);
      ++aliased;
    } else if (random() % 10 == 0) {
      choose.table.Forget(choice.alias);
    } else {
      receiver[choice.alias] = text;
    }
  }
  CHECK(aliased > 50'000);
}

}  // namespace causeway::session
