#include "loadgen/sequence.h"

#include <set>
#include <vector>

#include "loadgen/stamp.h"
#include "loadgen/topic_space.h"

#include <doctest/doctest.h>

namespace causeway::loadgen {
namespace {

using Kind = Arrival::Kind;

TEST_CASE("numbers in order are in order") {
  SequenceTrack track;
  for (uint64_t number = 0; number < 1000; ++number) {
    const Arrival arrival = track.Note(number);
    CHECK(arrival.kind == Kind::kInOrder);
    CHECK(arrival.skipped == 0);
  }
}

TEST_CASE("a gap is told with its size, also at the beginning") {
  SequenceTrack track;
  CHECK(track.Note(3).skipped == 3);
  CHECK(track.Note(200).skipped == 196);
  CHECK(track.Note(201).skipped == 0);
}

TEST_CASE("a number that comes after a later one is late once and repeated then") {
  SequenceTrack track;
  track.Note(0);
  track.Note(2);
  CHECK(track.Note(1).kind == Kind::kLate);
  CHECK(track.Note(1).kind == Kind::kRepeated);
  CHECK(track.Note(2).kind == Kind::kRepeated);
  CHECK(track.Note(0).kind == Kind::kRepeated);
  CHECK(track.Note(3).kind == Kind::kInOrder);
}

TEST_CASE("64 numbers are remembered; what is further behind counts as late") {
  SequenceTrack track;
  for (uint64_t number = 0; number < 100; ++number) track.Note(number);
  CHECK(track.Note(36).kind == Kind::kRepeated);
  CHECK(track.Note(35).kind == Kind::kLate);
}

TEST_CASE("a group has each number once, in any order") {
  GroupTrack group;
  std::set<uint64_t> seen;
  for (const uint64_t number : {5u, 3u, 4u, 5u, 0u, 90u, 3u, 64u, 90u, 1u}) {
    CHECK(group.Note(number) == seen.insert(number).second);
  }
}

TEST_CASE("a group's memory moves on: numbers a round of the ring apart are different ones") {
  GroupTrack group;
  for (uint64_t number = 0; number < 200'000; ++number) CHECK(group.Note(number));
  CHECK_FALSE(group.Note(199'999));
  CHECK_FALSE(group.Note(199'999 - 65'535));
  CHECK_FALSE(group.Note(0));  // out of memory: counts as repeated
  CHECK(group.Note(1'000'000));
  CHECK(group.Note(999'999));
}

TEST_CASE("a payload tells who sent it, and when its bytes were changed or cut") {
  const std::string filler(64, 'x');
  std::string payload(64, 0);
  const Stamp sent{7, 8, 0x1FF, 10};
  WritePayload(sent, filler.data(), payload.size(), payload.data());
  Stamp got;
  REQUIRE(ReadPayload(payload, 64, &got));
  CHECK(got.run == 7);
  CHECK(got.publisher == 8);
  CHECK(got.sequence == 0x1FF);
  CHECK(got.sent_ns == 10);
  CHECK_FALSE(ReadPayload(std::string_view(payload).substr(1), 64, &got));
  payload.back() = 'x';
  CHECK_FALSE(ReadPayload(payload, 64, &got));
}

/// Whether `filter` matches `topic`, level by level; both of four levels unless `#` ends the
/// filter.
bool Matches(std::string_view filter, std::string_view topic) {
  for (;;) {
    const auto f = filter.substr(0, filter.find('/')), t = topic.substr(0, topic.find('/'));
    if (f == "#") return true;
    if (f != "+" && f != t) return false;
    if (f.size() == filter.size() || t.size() == topic.size()) {
      return f.size() == filter.size() && t.size() == topic.size();
    }
    filter.remove_prefix(f.size() + 1);
    topic.remove_prefix(t.size() + 1);
  }
}

TEST_CASE("the wildcard space knows whom each topic is for, and nobody gets a message twice") {
  TopicSpace space(12, 3);
  std::vector<std::vector<std::string>> subscribers;
  for (uint32_t i = 0; i < 40; ++i) subscribers.push_back(space.FiltersOf(i, 12));
  uint64_t wildcards = 0;
  for (uint32_t index = 0; index < space.size(); ++index) {
    uint32_t receivers = 0;
    for (const auto& filters : subscribers) {
      uint32_t matching = 0;
      for (const auto& filter : filters) matching += Matches(filter, space.topic(index));
      CHECK(matching <= 1);
      receivers += matching;
    }
    REQUIRE(receivers == space.receivers(index));
  }
  for (const auto& filters : subscribers)
    for (const auto& filter : filters) wildcards += filter.find_first_of("+#") != filter.npos;
  CHECK(wildcards > 100);
  CHECK(TopicSpace(12, 3).FiltersOf(5, 12) == subscribers[5]);  // a seed names a workload
}

}  // namespace
}  // namespace causeway::loadgen
