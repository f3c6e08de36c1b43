// Retained messages that several clusters hold: the last writer wins, deletions are remembered.
#include "retained/index.h"

#include <string>
#include <string_view>
#include <vector>

#include "core/limits.h"
#include "retained/write_order.h"

#include <doctest/doctest.h>

namespace causeway::retained {
namespace {

constexpr HashSeed kSeed{11, 22};
constexpr int64_t kBelieved = 1'000'000;

MessageRef Write(std::string_view topic, std::string_view payload, int64_t stamp,
                 std::string_view properties = {}) {
  MessageRef message = MessageRef::Adopt(Message::Create(topic, payload, properties, {}));
  message->retain = true;
  message->timestamp_ms = stamp;
  return message;
}

PutResult Merge(RetainedIndex* index, std::string_view topic, std::string_view payload,
                int64_t stamp) {
  return index->Put(Write(topic, payload, stamp).get(), Order::kStamp);
}

/// The stamp it was given.
int64_t Local(RetainedIndex* index, std::string_view topic, std::string_view payload,
              int64_t clock) {
  const MessageRef message = Write(topic, payload, clock);
  index->Put(message.get(), Order::kLocal, kBelieved);
  return message->timestamp_ms;
}

/// Everything as "topic=payload@stamp", tombstones without payload.
std::vector<std::string> Held(RetainedIndex* index, std::string_view filter = "#",
                              int64_t now_ms = 0) {
  std::vector<std::string> all;
  for (Cursor cursor; !cursor.done;) {
    index->ScanWrites(filter, now_ms, 1, &cursor, [&](MessageRef message) {
      all.push_back(std::string(message->topic()) + "=" + std::string(message->payload()) + "@" +
                    std::to_string(message->timestamp_ms));
    });
  }
  return all;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("of two writes the later one is held, whichever comes first") {
  RetainedIndex index(kSeed, {});
  CHECK(Merge(&index, "t", "new", 20) == PutResult::kStored);
  CHECK(Merge(&index, "t", "old", 10) == PutResult::kOlder);
  CHECK(Merge(&index, "t", "new", 20) == PutResult::kSame);
  CHECK(Held(&index) == Texts{"t=new@20"});
  CHECK(Merge(&index, "t", "newer", 21) == PutResult::kStored);
  CHECK(Held(&index) == Texts{"t=newer@21"});
  CHECK(index.count() == 1);
}

TEST_CASE("writes of one millisecond are ordered by what they say, the same in both directions") {
  const MessageRef rising[] = {Write("t", "", 5), Write("t", "a", 5), Write("t", "ab", 5),
                               Write("t", "b", 5), Write("t", "", 6)};
  for (size_t i = 0; i < std::size(rising); ++i) {
    for (size_t j = 0; j < std::size(rising); ++j) {
      const int compared = CompareWrites(*rising[i], *rising[j]);
      CHECK((compared < 0) == (i < j));
      CHECK((compared == 0) == (i == j));
    }
  }
  MessageRef louder = Write("t", "a", 5);
  louder->qos = 1;
  CHECK(CompareWrites(*louder, *rising[1]) > 0);
  CHECK(CompareWrites(*rising[1], *louder) < 0);
}

TEST_CASE("properties decide last, in whichever order a link has left them") {
  const std::string format("\x01\x01", 2), type("\x03\x00\x01x", 4), other("\x03\x00\x01y", 4);
  const MessageRef one = Write("t", "a", 5, format + type);
  CHECK(CompareWrites(*one, *Write("t", "a", 5, type + format)) == 0);
  CHECK(CompareWrites(*one, *Write("t", "a", 5, format + other)) < 0);
  CHECK(CompareWrites(*Write("t", "a", 5, other + format), *one) > 0);
}

TEST_CASE("a local write is the last one, also behind a clock that is ahead or has gone back") {
  RetainedIndex index(kSeed, {});
  CHECK(Merge(&index, "t", "theirs", 900) == PutResult::kStored);
  CHECK(Local(&index, "t", "ours", 100) == 901);
  CHECK(Local(&index, "t", "", 100) == 902);
  CHECK(Local(&index, "t", "again", 100) == 903);
  CHECK(Held(&index) == Texts{"t=again@903"});
  CHECK(Local(&index, "t", "later", 2000) == 2000);
  // Nobody takes a stamp from so far ahead, so a new write does not follow it.
  CHECK(Merge(&index, "t", "absurd", kBelieved + 1) == PutResult::kStored);
  CHECK(Local(&index, "t", "sane", 3000) == 3000);
}

TEST_CASE("a deletion holds against what is older, is no message, and is told to clusters alone") {
  RetainedIndex index(kSeed, {});
  CHECK(Merge(&index, "t", "x", 10) == PutResult::kStored);
  CHECK(Merge(&index, "t", "", 20) == PutResult::kDeleted);
  CHECK(index.count() == 0);
  CHECK(index.bytes() == 0);
  CHECK(index.tombstones() == 1);
  CHECK(Merge(&index, "t", "x", 10) == PutResult::kOlder);
  CHECK(Merge(&index, "t", "", 20) == PutResult::kSame);
  CHECK(Merge(&index, "u", "", 20) == PutResult::kNothingToDelete);
  size_t seen = 0;
  Cursor cursor;
  index.Scan("#", index.Horizon(), 0, 1000, &cursor, [&](const MessageRef&) { ++seen; });
  CHECK(seen == 0);
  CHECK(Held(&index, "+").size() == 2);
  CHECK(Held(&index, "t") == Texts{"t=@20"});
  CHECK(Merge(&index, "t", "y", 21) == PutResult::kStored);
  CHECK(index.count() == 1);
  CHECK(index.tombstones() == 1);
  // Where nobody synchronises, a deletion leaves nothing.
  CHECK(index.Put(Write("t", "", 30).get()) == PutResult::kDeleted);
  CHECK(index.Put(Write("u", "z", 1).get()) == PutResult::kStored);
  CHECK(index.tombstones() == 0);
}

TEST_CASE("deletions are forgotten after their time, and the oldest when there are too many") {
  RetainedIndex index(kSeed, {});
  CHECK(Merge(&index, "t", "", 20) == PutResult::kNothingToDelete);
  CHECK(index.Expire(limits::kTombstoneMs - 1, 100) == 0);
  CHECK(index.tombstones() == 1);
  CHECK(Held(&index, "t", limits::kTombstoneMs).empty());
  CHECK(index.Expire(limits::kTombstoneMs, 100) == 0);  // no message
  CHECK(index.tombstones() == 0);

  const std::string level(60'000, 'x');
  const size_t fit = limits::kTombstoneBytesMax / level.size();
  for (size_t i = 0; i < 2 * fit; ++i) {
    MessageRef deletion = Write(level + std::to_string(i), "", 1);
    deletion->received_ms = static_cast<int64_t>(i);
    index.Put(deletion.get(), Order::kStamp);
  }
  CHECK(index.tombstones() < fit);
  CHECK(index.tombstones() > fit / 2);
  CHECK(Held(&index, level + std::to_string(2 * fit - 1)).size() == 1);
  CHECK(Held(&index, level + "0").empty());
}

TEST_CASE("a limit refuses theirs as it refuses ours, and what is held stays with its stamp") {
  RetainedIndex index(kSeed, {1, 4});
  CHECK(Merge(&index, "t", "x", 10) == PutResult::kStored);
  CHECK(Merge(&index, "u", "x", 10) == PutResult::kRefusedCount);
  CHECK(Merge(&index, "t", "longer", 20) == PutResult::kRefusedPayloadSize);
  CHECK(Local(&index, "u", "x", 7) == 7);
  CHECK(Held(&index) == Texts{"t=x@10"});
  CHECK(Merge(&index, "t", "", 11) == PutResult::kDeleted);
  CHECK(Merge(&index, "u", "x", 10) == PutResult::kStored);
}

}  // namespace causeway::retained
