// The race of design.md §5: a publisher stores and then matches, a subscriber inserts and then
// scans, at the same moment. Whatever the order, the subscriber must get the message exactly once,
// live or replayed.
#include "retained/index.h"

#include <atomic>
#include <charconv>
#include <string>
#include <thread>
#include <vector>

#include "../core/meeting.h"

#include <doctest/doctest.h>

namespace causeway::retained {
namespace {

constexpr HashSeed kSeed{5, 6};

struct Round {
  std::atomic<bool> subscribed{
      false};              // stands for the router: what the publisher's match looks at
  bool live_seen = false;  // publisher's
  uint64_t version = 0;    // publisher's
  uint64_t horizon = 0;    // subscriber's
  int replayed = 0;        // subscriber's
};

struct Outcome {
  size_t missed = 0, twice = 0, live = 0, replayed = 0;
};

/// `exact`: the subscriber's filter is the topic. Otherwise a wildcard that scans all shards. The
/// index is empty when a round begins, so that a scan's early end on an empty index takes part.
Outcome Race(size_t rounds_count, bool exact) {
  RetainedIndex index(kSeed, {});
  std::vector<Round> rounds(rounds_count);
  Meeting meeting;
  std::thread publisher([&] {
    Aim aim(Aim::kRight);
    for (size_t i = 0; i < rounds.size(); ++i) {
      Round& round = rounds[i];
      const MessageRef message =
          MessageRef::Adopt(Message::Create("sensor/" + std::to_string(i % 100), "x", {}, {}));
      meeting.Arrive();
      aim.Wait(i);
      index.Put(message.get());
      // Relaxed: what orders this load behind the store is the fence at the end of Put, and nothing
      // else.
      round.live_seen = round.subscribed.load(std::memory_order_relaxed);
      round.version = message->retain_version;
      meeting.Arrive();
      aim.Learn(round.version > round.horizon);
      index.Put(MessageRef::Adopt(Message::Create(message->topic(), {}, {}, {})).get());
    }
  });
  Aim aim(Aim::kLeft);
  for (size_t i = 0; i < rounds.size(); ++i) {
    Round& round = rounds[i];
    const std::string filter = exact ? "sensor/" + std::to_string(i % 100) : "sensor/+";
    meeting.Arrive();
    aim.Wait(i);
    round.subscribed.store(true, std::memory_order_relaxed);  // ordered by the fence in Horizon
    round.horizon = index.Horizon();
    Cursor cursor;
    cursor.done = !index.MayFind(filter);
    while (!cursor.done) {
      index.Scan(filter, round.horizon, 0, 16, &cursor, [&](MessageRef) { ++round.replayed; });
    }
    meeting.Arrive();
    aim.Learn(round.version > round.horizon);
  }
  publisher.join();

  Outcome outcome;
  for (const Round& round : rounds) {
    const bool live = round.live_seen && round.version > round.horizon;
    outcome.live += live;
    outcome.replayed += round.replayed == 1;
    outcome.missed += !live && round.replayed == 0;
    outcome.twice += live + round.replayed > 1;
  }
  return outcome;
}

TEST_CASE(
    "a subscriber beside a publisher gets a retained message once, 300,000 times, by its exact "
    "topic") {
  const Outcome outcome = Race(300'000, true);
  MESSAGE("live " << outcome.live << ", replayed " << outcome.replayed);
  CHECK(outcome.missed == 0);
  CHECK(outcome.twice == 0);
  CHECK(outcome.live + outcome.replayed == 300'000);
  // Both must have happened, or the two never met.
  CHECK(outcome.live > 0);
  CHECK(outcome.replayed > 0);
}

TEST_CASE(
    "a subscriber beside a publisher gets a retained message once, by a wildcard over all shards") {
  const Outcome outcome = Race(30'000, false);
  MESSAGE("live " << outcome.live << ", replayed " << outcome.replayed);
  CHECK(outcome.missed == 0);
  CHECK(outcome.twice == 0);
  CHECK(outcome.live + outcome.replayed == 30'000);
}

TEST_CASE("an acknowledged retained message is found by whoever looks afterwards") {
  RetainedIndex index(kSeed, {});
  std::atomic<int> acknowledged{0};
  constexpr int kMessages = 20'000;
  std::thread publisher([&] {
    for (int i = 1; i <= kMessages; ++i) {
      const std::string payload = std::to_string(i);
      index.Put(MessageRef::Adopt(Message::Create("t", payload, {}, {})).get());
      acknowledged.store(i, std::memory_order_release);
    }
  });
  size_t stale = 0, missing = 0;
  for (int known = 0; known < kMessages;) {
    known = acknowledged.load(std::memory_order_acquire);
    if (known == 0) {
      std::this_thread::yield();
      continue;
    }
    // The horizon of a subscriber that never expires: whatever is there may be replayed.
    Cursor cursor;
    int found = 0;
    index.Scan("t", UINT64_MAX, 0, 1, &cursor, [&](MessageRef message) {
      const std::string_view payload = message->payload();
      std::from_chars(payload.data(), payload.data() + payload.size(), found);
    });
    missing += found == 0;
    stale += found < known;
  }
  publisher.join();
  CHECK(missing == 0);
  CHECK(stale == 0);
}

TEST_CASE("publishers, deleters, sweeps, scans and limits at once keep the accounts") {
  RetainedIndex index(kSeed, {.max_messages = 200});
  std::vector<std::thread> threads;
  std::atomic<size_t> over{0};
  for (int thread = 0; thread < 2; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < 20'000; ++i) {
        const std::string topic = "t/" + std::to_string((i * 31 + thread * 17) % 300);
        MessageRef message =
            MessageRef::Adopt(Message::Create(topic, i % 5 == 0 ? "" : "payload", {}, {}));
        message->message_expiry_seconds = i % 7 == 0 ? 1 : 0xFFFFFFFF;
        index.Put(message.get());
        if (index.count() > 200) over.fetch_add(1, std::memory_order_relaxed);
      }
    });
  }
  size_t visited = 0;
  for (int round = 0; round < 200; ++round) {
    Cursor cursor;
    while (!cursor.done) {
      index.Scan("t/#", UINT64_MAX, 0, 32, &cursor,
                 [&](MessageRef message) { visited += message->payload_bytes; });
    }
    index.Expire(1'000, 50);
    index.set_limits({.max_messages = 200});
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(over.load() == 0);
  for (int i = 0; i < 300; ++i) {
    index.Put(MessageRef::Adopt(Message::Create("t/" + std::to_string(i), {}, {}, {})).get());
  }
  CHECK(index.count() == 0);
  CHECK(index.bytes() == 0);
}

}  // namespace
}  // namespace causeway::retained
