#include "link/delta_batch.h"

#include <deque>
#include <map>
#include <random>

#include <doctest/doctest.h>

namespace causeway::link {
namespace {

using Kind = RouteOperation::Kind;
using Key = std::pair<std::string, std::string>;
using Changes = std::vector<std::pair<Key, Kind>>;

constexpr DeltaBatch::Limits kRoomy = {1 << 20, 1 << 30};

Changes Decode(const std::string& payload) {
  std::string scratch;
  RouteHeader header;
  REQUIRE(DecodeRouteMessage(payload, &scratch, &header) == RouteStatus::kOk);
  CHECK(header.actor == "node1");
  CHECK(header.incarnation == 42);
  Changes changes;
  RouteOperations walk(header);
  for (RouteOperation operation; walk.Next(&operation);) {
    std::string_view route_id;
    REQUIRE(EtfReader(operation.route_id).ReadBinary(&route_id));
    changes.push_back({{std::string(operation.filter), std::string(route_id)}, operation.kind});
  }
  return changes;
}

/// Takes one batch and decodes it; empty when nothing was pending.
Changes Take(DeltaBatch* queue, size_t entries_max, uint64_t* token = nullptr) {
  DeltaBatch::Batch batch;
  if (!queue->Take(entries_max, 512 << 10, "node1", 42, &batch)) return {};
  if (token != nullptr) *token = batch.token;
  Changes changes = Decode(batch.payload);
  CHECK(changes.size() == batch.entries);
  return changes;
}

TEST_SUITE("link/delta_batch") {
  TEST_CASE("the last state of a key wins and nothing cancels out") {
    DeltaBatch queue(kRoomy, {1, 2});
    queue.Push(Kind::kAdd, "t/1", "t/1");
    queue.Push(Kind::kDelete, "t/1", "t/1");
    queue.Push(Kind::kDelete, "t/2", "$s/g/t/2");
    queue.Push(Kind::kAdd, "t/2", "$s/g/t/2");
    CHECK(queue.pending() == 2);
    CHECK(Take(&queue, 10) ==
          Changes{{{"t/2", "$s/g/t/2"}, Kind::kAdd}, {{"t/1", "t/1"}, Kind::kDelete}});
    CHECK(Take(&queue, 10).empty());
  }

  TEST_CASE(
      "the same filter under two route ids is two keys, also where their bytes run together") {
    DeltaBatch queue(kRoomy, {1, 2});
    queue.Push(Kind::kAdd, "a", "bc");
    queue.Push(Kind::kAdd, "ab", "c");
    queue.Push(Kind::kAdd, "abc", "abc");
    CHECK(Take(&queue, 10).size() == 3);
  }

  TEST_CASE("adds go before deletes when more than one batch waits, oldest first within each") {
    DeltaBatch queue(kRoomy, {1, 2});
    for (const char* filter : {"d1", "d2"}) queue.Push(Kind::kDelete, filter, filter);
    for (const char* filter : {"a1", "a2", "a3"}) queue.Push(Kind::kAdd, filter, filter);
    CHECK(Take(&queue, 2) == Changes{{{"a1", "a1"}, Kind::kAdd}, {{"a2", "a2"}, Kind::kAdd}});
    CHECK(Take(&queue, 2) == Changes{{{"a3", "a3"}, Kind::kAdd}, {{"d1", "d1"}, Kind::kDelete}});
    CHECK(Take(&queue, 2) == Changes{{{"d2", "d2"}, Kind::kDelete}});
    CHECK(queue.batches_in_flight() == 3);
  }

  TEST_CASE("a batch is bounded by bytes too") {
    DeltaBatch queue(kRoomy, {1, 2});
    for (int i = 0; i < 100; ++i)
      queue.Push(Kind::kAdd, "filter/" + std::to_string(i), "filter/" + std::to_string(i));
    DeltaBatch::Batch batch;
    size_t taken = 0;
    while (queue.Take(4000, 1000, "node1", 42, &batch)) {
      CHECK(batch.payload.size() <= 1000);
      taken += batch.entries;
    }
    CHECK(taken == 100);
  }

  TEST_CASE("a failed batch waits again, except where a newer change of the key exists") {
    DeltaBatch queue(kRoomy, {1, 2});
    uint64_t token = 0;
    queue.Push(Kind::kAdd, "t/1", "t/1");
    queue.Push(Kind::kAdd, "t/2", "t/2");
    Take(&queue, 10, &token);
    queue.Push(Kind::kDelete, "t/1", "t/1");
    queue.Push(Kind::kAdd, "t/3", "t/3");
    queue.Restore(token);
    CHECK(Take(&queue, 10) == Changes{{{"t/2", "t/2"}, Kind::kAdd},
                                      {{"t/3", "t/3"}, Kind::kAdd},
                                      {{"t/1", "t/1"}, Kind::kDelete}});
  }

  TEST_CASE("an older batch that fails after a newer one succeeded does not bring its state back") {
    DeltaBatch queue(kRoomy, {1, 2});
    uint64_t older = 0;
    uint64_t newer = 0;
    queue.Push(Kind::kAdd, "t", "t");
    Take(&queue, 10, &older);
    queue.Push(Kind::kDelete, "t", "t");
    Take(&queue, 10, &newer);
    queue.Acknowledge(newer);
    queue.Restore(older);
    CHECK(queue.pending() == 0);
    CHECK(queue.entries() == 0);
    CHECK(queue.bytes() == 0);
  }

  TEST_CASE("a change equal to the one in flight is not sent twice, unless that one fails") {
    DeltaBatch queue(kRoomy, {1, 2});
    queue.Push(Kind::kAdd, "t", "t");
    Take(&queue, 10);
    queue.Push(Kind::kAdd, "t", "t");
    CHECK(queue.pending() == 0);
    queue.RestoreAll();
    CHECK(Take(&queue, 10) == Changes{{{"t", "t"}, Kind::kAdd}});
  }

  TEST_CASE(
      "beyond its bound in entries or bytes the queue drops everything and says so until reset") {
    for (const DeltaBatch::Limits limits :
         {DeltaBatch::Limits{3, 1 << 20}, DeltaBatch::Limits{100, 300}}) {
      DeltaBatch queue(limits, {1, 2});
      uint64_t token = 0;
      CHECK(queue.Push(Kind::kAdd, "a", "a"));
      Take(&queue, 1, &token);
      CHECK(queue.Push(Kind::kAdd, "b", "b"));
      CHECK(queue.Push(Kind::kAdd, "c", "c"));
      CHECK(queue.Push(Kind::kDelete, "c", "c"));  // a merge needs no room
      CHECK_FALSE(queue.Push(Kind::kAdd, "d", "d"));
      CHECK(queue.overflowed());
      CHECK(queue.entries() == 0);
      CHECK_FALSE(queue.Push(Kind::kAdd, "a", "a"));
      queue.Restore(token);  // a late answer finds nothing
      queue.Acknowledge(token);
      CHECK(queue.entries() == 0);
      queue.Reset();
      CHECK(queue.Push(Kind::kAdd, "a", "a"));
    }
  }

  TEST_CASE("whatever fails and is repeated, the far end's state ends equal to ours") {
    for (uint32_t seed = 1; seed <= 40; ++seed) {
      CAPTURE(seed);
      std::mt19937 random(seed);
      DeltaBatch queue(kRoomy, {seed, 7});
      std::map<Key, Kind> ours;    // last pushed
      std::map<Key, Kind> theirs;  // replayed from payloads that arrived
      struct Sent {
        uint64_t token;
        Changes changes;
      };
      std::deque<Sent> sent;  // one ordered connection
      const auto deliver = [&] {
        for (const auto& [key, kind] : sent.front().changes) theirs[key] = kind;
        queue.Acknowledge(sent.front().token);
        sent.pop_front();
      };
      const auto send = [&](size_t entries_max) {
        uint64_t token = 0;
        Changes changes = Take(&queue, entries_max, &token);
        if (!changes.empty()) sent.push_back({token, std::move(changes)});
        return !sent.empty();
      };
      for (int step = 0; step < 3000; ++step) {
        const uint32_t dice = random() % 100;
        if (dice < 60) {
          const std::string filter = "t/" + std::to_string(random() % 40);
          const Key key{filter, random() % 3 == 0 ? "$s/g/" + filter : filter};
          const Kind kind = random() % 2 ? Kind::kAdd : Kind::kDelete;
          REQUIRE(queue.Push(kind, key.first, key.second));
          ours[key] = kind;
        } else if (dice < 80) {
          send(1 + random() % 8);
        } else if (dice < 97) {
          if (!sent.empty()) deliver();
        } else if (dice < 99) {  // the connection breaks; some of what is in flight may have been
                                 // applied unseen
          for (size_t applied = random() % (sent.size() + 1), i = 0; i < applied; ++i) {
            for (const auto& [key, kind] : sent[i].changes) theirs[key] = kind;
          }
          sent.clear();
          queue.RestoreAll();
        } else if (!sent.empty()) {  // one batch is refused, the connection lives
          queue.Restore(sent.back().token);
          sent.pop_back();
        }
      }
      while (send(5)) deliver();
      CHECK(theirs == ours);
      CHECK(queue.entries() == 0);
      CHECK(queue.bytes() == 0);
    }
  }
}

}  // namespace
}  // namespace causeway::link
