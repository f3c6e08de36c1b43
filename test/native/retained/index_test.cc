#include "retained/index.h"

#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "../../oracle/topic_match.h"
#include "retained/shard.h"

#include <doctest/doctest.h>

namespace causeway::retained {
namespace {

constexpr HashSeed kSeed{11, 22};
constexpr uint32_t kNoExpiry = 0xFFFFFFFF;

MessageRef MakeMessage(std::string_view topic, std::string_view payload, int64_t received_ms = 0,
                       uint32_t expiry_seconds = kNoExpiry) {
  MessageRef message = MessageRef::Adopt(Message::Create(topic, payload, {}, {}));
  message->retain = true;
  message->received_ms = received_ms;
  message->message_expiry_seconds = expiry_seconds;
  return message;
}

PutResult Put(RetainedIndex* index, std::string_view topic, std::string_view payload,
              int64_t received_ms = 0, uint32_t expiry_seconds = kNoExpiry) {
  return index->Put(MakeMessage(topic, payload, received_ms, expiry_seconds).get());
}

struct Scanned {
  std::map<std::string, std::string> payloads;  // by topic
  size_t calls = 0, visits = 0;
};

Scanned ScanAll(RetainedIndex* index, std::string_view filter, uint64_t horizon, int64_t now_ms = 0,
                size_t max_visits = 1000) {
  Scanned scanned;
  Cursor cursor;
  const bool may_find = index->MayFind(filter);
  while (!cursor.done) {
    size_t in_this_call = 0;
    index->Scan(filter, horizon, now_ms, max_visits, &cursor, [&](MessageRef message) {
      ++in_this_call;
      const bool first = scanned.payloads.emplace(message->topic(), message->payload()).second;
      CHECK(first);
    });
    CHECK(in_this_call <= max_visits);
    scanned.visits += in_this_call;
    ++scanned.calls;
  }
  if (!may_find) CHECK(scanned.payloads.empty());
  return scanned;
}

size_t CountOf(RetainedIndex* index, std::string_view filter, int64_t now_ms = 0) {
  return ScanAll(index, filter, index->Horizon(), now_ms).payloads.size();
}

TEST_CASE(
    "a retained message is stored, replaced and deleted by an empty payload [MQTT-3.3.1-5] "
    "[MQTT-3.3.1-6]") {
  RetainedIndex index(kSeed, {});
  CHECK(Put(&index, "a/b", "one") == PutResult::kStored);
  CHECK(ScanAll(&index, "a/b", index.Horizon()).payloads.at("a/b") == "one");
  CHECK(Put(&index, "a/b", "two") == PutResult::kStored);
  CHECK(ScanAll(&index, "a/+", index.Horizon()).payloads.at("a/b") == "two");
  CHECK(index.count() == 1);
  CHECK(Put(&index, "a/b", "") == PutResult::kDeleted);
  CHECK(index.count() == 0);
  CHECK(index.bytes() == 0);
  CHECK(CountOf(&index, "#") == 0);
  CHECK(Put(&index, "a/b", "") == PutResult::kNothingToDelete);
}

TEST_CASE("an index keeps a reference while it stores a message, and no longer") {
  const MessageRef message = MakeMessage("t", "payload");
  {
    RetainedIndex index(kSeed, {});
    index.Put(message.get());
    CHECK(message->references.load() == 2);
    Put(&index, "t", "other");
    CHECK(message->references.load() == 1);
    index.Put(message.get());
    CHECK(message->references.load() == 2);
  }
  CHECK(message->references.load() == 1);
}

TEST_CASE("versions grow, and a scan leaves out what is newer than its horizon") {
  RetainedIndex index(kSeed, {});
  CHECK(index.Horizon() == 0);
  const MessageRef first = MakeMessage("a", "1"), second = MakeMessage("b", "2");
  index.Put(first.get());
  const uint64_t horizon = index.Horizon();
  CHECK(first->retain_version == horizon);
  index.Put(second.get());
  CHECK(second->retain_version > horizon);
  CHECK(ScanAll(&index, "+", horizon).payloads == std::map<std::string, std::string>{{"a", "1"}});
  Put(&index, "a", "newer");
  CHECK(ScanAll(&index, "a", horizon).payloads.empty());
}

TEST_CASE("a filter that nothing is stored for is known without a scan") {
  RetainedIndex index(kSeed, {});
  for (const char* filter : {"a", "+", "#"}) CHECK(!index.MayFind(filter));
  Put(&index, "a", "1");
  CHECK(index.MayFind("a"));
  CHECK(index.MayFind("+"));
  CHECK(!index.MayFind("b"));
  index.Put(MakeMessage("b", "").get(), Order::kLocal);  // leaves a tombstone
  REQUIRE(index.tombstones() == 1);
  CHECK(!index.MayFind("b"));
  Put(&index, "a", "");
  for (const char* filter : {"a", "+", "#"}) CHECK(!index.MayFind(filter));
}

TEST_CASE("wildcards in the first level leave out topics that begin with $ [MQTT-4.7.2-1]") {
  RetainedIndex index(kSeed, {});
  for (const char* topic : {"$SYS/a", "$x", "a", "%", "/"}) Put(&index, topic, "p");
  CHECK(CountOf(&index, "#") == 3);
  CHECK(CountOf(&index, "+/a") == 0);
  CHECK(CountOf(&index, "+") == 2);
  CHECK(CountOf(&index, "$SYS/#") == 1);
  CHECK(CountOf(&index, "$SYS/+") == 1);
}

TEST_CASE(
    "a message expires on the clock that received it, unseen at once and gone after the sweep "
    "[MQTT-3.3.2-5]") {
  RetainedIndex index(kSeed, {});
  Put(&index, "short", "p", 1'000, 5);
  Put(&index, "long", "p", 1'000, 4'000'000'000);
  Put(&index, "forever", "p", 1'000);
  CHECK(CountOf(&index, "+", 5'999) == 3);
  CHECK(CountOf(&index, "+", 6'000) == 2);
  CHECK(CountOf(&index, "short", 6'000) == 0);
  CHECK(index.count() == 3);
  CHECK(index.Expire(5'999, 1'000) == 0);
  CHECK(index.Expire(6'000, 1'000) == 1);
  CHECK(index.count() == 2);
  CHECK(index.Expire(INT64_MAX, 1'000) == 1);
  CHECK(index.count() == 1);
  CHECK(CountOf(&index, "forever", INT64_MAX - 1) == 1);
}

TEST_CASE("a replaced message takes its expiry along") {
  RetainedIndex index(kSeed, {});
  Put(&index, "t", "expires", 0, 5);
  Put(&index, "t", "same expiry", 0, 5);
  Put(&index, "t", "stays", 0);
  CHECK(index.Expire(1'000'000, 1'000) == 0);
  Put(&index, "t", "expires again", 0, 7);
  CHECK(index.Expire(7'000, 1'000) == 1);
  CHECK(index.count() == 0);
  CHECK(index.bytes() == 0);
}

TEST_CASE("a bounded sweep goes on where it stopped and reaches everything") {
  RetainedIndex index(kSeed, {});
  for (int i = 0; i < 500; ++i)
    Put(&index, "t/" + std::to_string(i), "p", 0, i % 2 == 0 ? 1 : kNoExpiry);
  size_t gone = 0;
  for (int call = 0; call < 200 && gone < 250; ++call) {
    const size_t now_gone = index.Expire(1'000, 7);
    CHECK(now_gone <= 7);
    gone += now_gone;
  }
  CHECK(gone == 250);
  CHECK(index.count() == 250);
}

TEST_CASE(
    "each limit refuses with its own result, keeps what is there, and still lets replace and "
    "delete") {
  SUBCASE("messages") {
    RetainedIndex index(kSeed, {.max_messages = 2});
    CHECK(Put(&index, "a", "1") == PutResult::kStored);
    CHECK(Put(&index, "b", "1") == PutResult::kStored);
    const MessageRef third = MakeMessage("c", "1");
    CHECK(index.Put(third.get()) == PutResult::kRefusedCount);
    CHECK(third->retain_version == 0);
    CHECK(third->references.load() == 1);
    CHECK(Put(&index, "a", "2") == PutResult::kStored);
    CHECK(index.count() == 2);
    CHECK(Put(&index, "a", "") == PutResult::kDeleted);
    CHECK(index.Put(third.get()) == PutResult::kStored);
    index.set_limits({.max_messages = 1});
    CHECK(index.count() == 2);
    CHECK(Put(&index, "d", "1") == PutResult::kRefusedCount);
  }
  SUBCASE("payload") {
    RetainedIndex index(kSeed, {.max_payload_bytes = 4});
    CHECK(Put(&index, "a", "1234") == PutResult::kStored);
    CHECK(Put(&index, "a", "12345") == PutResult::kRefusedPayloadSize);
    CHECK(ScanAll(&index, "a", index.Horizon()).payloads.at("a") == "1234");
    index.set_limits({.max_payload_bytes = 0});
    CHECK(Put(&index, "a", std::string(5'000'000, 'x')) == PutResult::kStored);
  }
  SUBCASE("bytes") {
    const size_t cost = MakeMessage("a", "1234")->bytes() + Shard::kEntryBytes;
    RetainedIndex index(kSeed, {.max_total_bytes = 2 * cost});
    CHECK(Put(&index, "a", "1234") == PutResult::kStored);
    CHECK(index.bytes() == cost);
    CHECK(Put(&index, "b", "1234") == PutResult::kStored);
    CHECK(Put(&index, "c", "1") == PutResult::kRefusedBytes);
    CHECK(Put(&index, "a", "12345") == PutResult::kRefusedBytes);
    CHECK(Put(&index, "a", "123") == PutResult::kStored);
    CHECK(index.bytes() == 2 * cost - 1);
    CHECK(Put(&index, "b", "12345") == PutResult::kStored);
    CHECK(index.bytes() == 2 * cost);
  }
}

TEST_CASE("a message refused for the count gives its bytes back") {
  RetainedIndex index(kSeed, {.max_messages = 1});
  Put(&index, "a", "1");
  const size_t bytes = index.bytes();
  CHECK(Put(&index, "b", "1") == PutResult::kRefusedCount);
  CHECK(index.bytes() == bytes);
}

TEST_CASE("a filter looks only where it can match") {
  RetainedIndex index(kSeed, {});
  for (int i = 0; i < 20'000; ++i) {
    Put(&index, "noise/" + std::to_string(i / 100) + "/x/" + std::to_string(i), "p");
  }
  for (int i = 0; i < 10; ++i) Put(&index, "site/" + std::to_string(i) + "/temperature", "p");
  const auto calls = [&](std::string_view filter, size_t expected) {
    const Scanned scanned = ScanAll(&index, filter, index.Horizon(), 0, 1);
    CHECK(scanned.payloads.size() == expected);
    return scanned.calls;  // of one visit each
  };
  CHECK(calls("noise/7/x/700", 1) == 1);  // one lookup
  CHECK(calls("site/+/temperature", 10) <=
        64 + 2 * 10);  // a visit a shard, one a match, one behind it
  CHECK(calls("site/#", 10) <= 64 + 2 * 10);
  CHECK(calls("nothing/#", 0) <= 2 * 64);
  // 20,000 topics in 200 subtrees: a leap for each subtree of each shard at most, not a visit for
  // each topic.
  Put(&index, "noise/77/y", "p");
  CHECK(ScanAll(&index, "noise/+/y", index.Horizon(), 0, 16'000).calls == 1);
}

TEST_CASE("a scan may be held while the index changes; what stays is visited once") {
  RetainedIndex index(kSeed, {});
  for (int i = 0; i < 300; ++i) Put(&index, "stay/" + std::to_string(i), "p");
  for (int i = 0; i < 300; ++i) Put(&index, "go/" + std::to_string(i), "p");
  const uint64_t horizon = index.Horizon();
  std::map<std::string, int> seen;
  Cursor cursor;
  for (int step = 0; !cursor.done; ++step) {
    index.Scan("+/+", horizon, 0, 3, &cursor,
               [&](MessageRef message) { ++seen[std::string(message->topic())]; });
    if (step < 300) {
      Put(&index, "go/" + std::to_string(step), "");
      Put(&index, "come/" + std::to_string(step), "p");
    }
  }
  for (int i = 0; i < 300; ++i) CHECK(seen["stay/" + std::to_string(i)] == 1);
  for (const auto& [topic, times] : seen) {
    CHECK(times <= 1);
    CHECK(topic.rfind("come/", 0) == std::string::npos);
  }
}

TEST_CASE("the visitor may change the index it is called from") {
  RetainedIndex index(kSeed, {});
  for (int i = 0; i < 100; ++i) Put(&index, "t/" + std::to_string(i), "p");
  Cursor cursor;
  index.Scan("t/#", index.Horizon(), 0, 10'000, &cursor,
             [&](MessageRef message) { index.Put(MakeMessage(message->topic(), "").get()); });
  CHECK(cursor.done);
  CHECK(index.count() == 0);
}

struct Stored {
  std::string payload;
  uint64_t version;
  int64_t expires_ms;
};

TEST_CASE(
    "random puts, deletes, sweeps and scans of every step size agree with a map and the naive "
    "matcher") {
  const std::vector<std::string> words = {"", "a", "b", "c", "ab", "$s", "a!"};
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    const auto text = [&](bool filter) {
      std::string out;
      const size_t levels = 1 + random() % 4;
      for (size_t i = 0; i < levels; ++i) {
        if (i > 0) out += '/';
        const size_t word = random() % (words.size() + (filter ? 3 : 0));
        if (word == words.size() + 2) return out + "#";
        out += word < words.size() ? words[word] : "+";
      }
      return out.empty() ? std::string("a") : out;
    };
    RetainedIndex index(HashSeed{seed, seed}, {.max_messages = 300});
    std::map<std::string, Stored> model;
    int64_t now = 0;
    for (int step = 0; step < 3'000; ++step) {
      now += static_cast<int64_t>(random() % 50);
      const uint64_t what = random() % 100;
      if (what < 60) {
        const std::string topic = text(false), payload = std::to_string(step);
        const uint32_t expiry =
            random() % 3 == 0 ? static_cast<uint32_t>(random() % 60) : kNoExpiry;
        const MessageRef message = MakeMessage(topic, payload, now, expiry);
        const bool room = model.size() < 300 || model.count(topic) == 1;
        REQUIRE(index.Put(message.get()) == (room ? PutResult::kStored : PutResult::kRefusedCount));
        if (room) model[topic] = {payload, message->retain_version, ExpiresAt(*message, 0)};
      } else if (what < 75) {
        const std::string topic = text(false);
        const bool there = model.erase(topic) == 1;
        REQUIRE(Put(&index, topic, "") ==
                (there ? PutResult::kDeleted : PutResult::kNothingToDelete));
      } else if (what < 78) {
        const size_t expired =
            std::erase_if(model, [&](const auto& entry) { return entry.second.expires_ms <= now; });
        REQUIRE(index.Expire(now, 100'000) == expired);
      } else {
        const std::string filter = text(true);
        const uint64_t newest = index.Horizon();
        const uint64_t horizon = random() % 4 == 0 ? newest - newest / 10 : newest;
        std::map<std::string, std::string> expected;
        for (const auto& [topic, stored] : model) {
          if (stored.version <= horizon && now < stored.expires_ms &&
              oracle::TopicMatches(filter, topic)) {
            expected.emplace(topic, stored.payload);
          }
        }
        CAPTURE(filter);
        const size_t max_visits = 1 + random() % 5;
        REQUIRE(ScanAll(&index, filter, horizon, now, max_visits).payloads == expected);
      }
      REQUIRE(index.count() == model.size());
    }
    for (const auto& [topic, stored] : model)
      REQUIRE(Put(&index, topic, "") == PutResult::kDeleted);
    REQUIRE(index.bytes() == 0);
  }
}

TEST_CASE("messages without an expiry of their own have the index's lifetime, others keep theirs") {
  RetainedIndex index(HashSeed{1, 2}, {.lifetime_ms = 5'000});
  for (const auto& [topic, expiry] : {std::pair{"none", kNoExpiry}, {"long", 100u}, {"short", 2u}})
    index.Put(MakeMessage(topic, "x", 1'000, expiry).get());
  const auto topics_at = [&index](int64_t now_ms) {
    std::string found;
    for (const auto& [topic, payload] : ScanAll(&index, "#", UINT64_MAX, now_ms, 100).payloads)
      found += topic + " ";
    return found;
  };
  CHECK(topics_at(2'999) == "long none short ");
  CHECK(topics_at(3'000) == "long none ");
  CHECK(topics_at(6'000) == "long ");
  CHECK(index.Expire(5'999, 100) == 1);
  CHECK(index.Expire(6'000, 100) == 1);
  CHECK(index.count() == 1);
  index.Put(MakeMessage("none", "again", 6'000, kNoExpiry).get());
  CHECK(Put(&index, "none", "") == PutResult::kDeleted);
}

}  // namespace
}  // namespace causeway::retained
