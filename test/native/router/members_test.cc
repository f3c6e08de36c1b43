#include "router/members.h"

#include <doctest/doctest.h>

#include <map>
#include <set>
#include <vector>

#include "../../oracle/router_words.h"

namespace causeway::router {
namespace {

constexpr HashSeed kSeed{0x9E37, 0x79B9};

Member Subscriber(uint32_t session, uint8_t options = 1) {
  return {.session = session, .options = options};
}

std::set<uint32_t> Sessions(MemberList* list) {
  std::set<uint32_t> sessions;
  for (size_t i = 0; list != nullptr && i < list->end(); ++i) {
    if ((list->at(i).options & kOptionGone) == 0)
      REQUIRE(sessions.insert(list->at(i).session).second);
  }
  return sessions;
}

TEST_CASE("adding a member again replaces its subscription") {
  MemberTable table(kSeed);
  bool first = false;
  table.Add({7, 1}, {.session = 5, .subscription_id = 9, .since = 3, .options = 1}, &first);
  CHECK(first);
  table.Add({7, 1}, {.session = 5, .subscription_id = 10, .since = 4, .options = 2}, &first);
  CHECK_FALSE(first);
  const Member* member = table.FindMember({7, 1}, 5);
  REQUIRE(member != nullptr);
  CHECK(member->subscription_id == 10);
  CHECK(member->since == 4);
  CHECK(member->options == 2);
  CHECK(table.Find({7, 1})->size() == 1);
}

TEST_CASE("an old generation finds nothing and changes nothing") {
  MemberTable table(kSeed);
  bool edge = false;
  table.Add({7, 2}, Subscriber(1), &edge);
  CHECK(table.Find({7, 1}) == nullptr);
  CHECK(table.FindMember({7, 1}, 1) == nullptr);
  CHECK_FALSE(table.Remove({7, 1}, 1, &edge));
  table.Add({7, 1}, Subscriber(2), &edge);
  CHECK_FALSE(edge);
  CHECK(Sessions(table.Find({7, 2})) == std::set<uint32_t>{1});
}

TEST_CASE("a new generation drops what the old one left, even under a cursor") {
  for (const uint32_t members : {1u, 5u, 600u}) {
    MemberTable table(kSeed);
    bool edge = false;
    for (uint32_t i = 0; i < members; ++i) table.Add({7, 1}, Subscriber(i), &edge);
    MemberList* old = table.Find({7, 1});
    old->Pin();
    table.Add({7, 2}, Subscriber(3, 2), &edge);
    CHECK(edge);
    CHECK(table.Find({7, 1}) == nullptr);
    CHECK(old->size() == 0);
    CHECK(Sessions(old).empty());
    old->Unpin();
    CHECK(Sessions(table.Find({7, 2})) == std::set<uint32_t>{3});
    table.Add({7, 3}, Subscriber(4), &edge);  // unpinned this time
    CHECK(Sessions(table.Find({7, 3})) == std::set<uint32_t>{4});
  }
}

TEST_CASE("the version moves when a list is born or dies") {
  MemberTable table(kSeed);
  bool edge = false;
  uint64_t seen = table.version();
  const auto moved = [&] {
    const uint64_t before = seen;
    seen = table.version();
    return seen != before;
  };
  table.Add({1, 0}, Subscriber(1), &edge);
  CHECK(moved());
  table.Add({1, 0}, Subscriber(2), &edge);
  CHECK_FALSE(moved());
  table.Remove({1, 0}, 1, &edge);
  CHECK_FALSE(moved());
  table.Find({1, 0})->Pin();
  MemberList* list = table.Find({1, 0});
  table.Remove({1, 0}, 2, &edge);
  CHECK(edge);
  CHECK(moved());
  table.Add({1, 0}, Subscriber(3), &edge);
  CHECK(edge);
  CHECK(moved());
  CHECK(table.Find({1, 0}) == list);  // the pinned list is used again
  list->Unpin();
  CHECK(Sessions(table.Find({1, 0})) == std::set<uint32_t>{3});
}

/// A paused fan-out: an end fixed at Pin, a position, and what it has seen.
struct Cursor {
  MemberList* list;
  size_t end, position = 0;
  std::set<uint32_t> at_start, left;  // members then; those of them removed since
  std::multiset<uint32_t> seen;
};

TEST_CASE("cursors neither miss nor repeat a member that stays, whatever is removed and added") {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    CAPTURE(seed);
    oracle::RouterWords random(seed);
    MemberTable table(kSeed);
    std::map<FilterId, std::set<uint32_t>> model;
    std::vector<Cursor> cursors;
    const uint32_t sessions = seed % 3 == 0 ? 12 : 900;
    const auto finish = [&](Cursor& cursor) {
      for (; cursor.position < cursor.end; ++cursor.position) {
        const Member& member = cursor.list->at(cursor.position);
        if ((member.options & kOptionGone) == 0) cursor.seen.insert(member.session);
      }
      for (const uint32_t session : cursor.at_start) {
        REQUIRE(cursor.seen.count(session) <= 1);
        if (cursor.left.count(session) == 0) REQUIRE(cursor.seen.count(session) == 1);
      }
      for (const uint32_t session : cursor.seen) REQUIRE(cursor.at_start.count(session) == 1);
      cursor.list->Unpin();
    };
    for (int step = 0; step < 6000; ++step) {
      const FilterRef filter{static_cast<FilterId>(random.Below(3)), 1};
      const auto session = static_cast<uint32_t>(random.Below(sessions));
      std::set<uint32_t>& members = model[filter.id];
      const uint64_t action = random.Below(100);
      const bool filling = step / 1000 % 2 == 0;
      bool edge = false;
      if (action < (filling ? 65u : 25u)) {
        table.Add(filter, Subscriber(session), &edge);
        REQUIRE(edge == members.empty());
        members.insert(session);
      } else if (action < 90) {
        REQUIRE(table.Remove(filter, session, &edge) == (members.erase(session) == 1));
        REQUIRE((!edge || members.empty()));
        for (Cursor& cursor : cursors) {
          if (cursor.list == nullptr || filter.id != 0) continue;
          cursor.left.insert(session);
        }
      } else if (action < 93 && cursors.size() < 4 && table.Find({0, 1}) != nullptr) {
        MemberList* list = table.Find({0, 1});
        list->Pin();
        cursors.push_back(
            {.list = list, .end = list->end(), .at_start = model[0], .left = {}, .seen = {}});
      } else if (action < 97 && !cursors.empty()) {
        Cursor& cursor = cursors[random.Below(cursors.size())];
        for (uint64_t n = random.Below(50); n > 0 && cursor.position < cursor.end;
             --n, ++cursor.position) {
          const Member& member = cursor.list->at(cursor.position);
          if ((member.options & kOptionGone) == 0) cursor.seen.insert(member.session);
        }
      } else if (!cursors.empty()) {
        const size_t which = random.Below(cursors.size());
        finish(cursors[which]);
        cursors.erase(cursors.begin() + static_cast<std::ptrdiff_t>(which));
      }
      REQUIRE((table.FindMember(filter, session) != nullptr) == (members.count(session) == 1));
      if (step % 50 == 0) {
        for (const auto& [id, expected] : model) REQUIRE(Sessions(table.Find({id, 1})) == expected);
      }
    }
    for (Cursor& cursor : cursors) finish(cursor);
    for (auto& [id, members] : model) {
      bool edge = members.empty();
      for (const uint32_t session : members) REQUIRE(table.Remove({id, 1}, session, &edge));
      CHECK(edge);
      CHECK(table.Find({id, 1}) == nullptr);
    }
    CHECK(table.memory_bytes() == sizeof(MemberTable));  // everything went
  }
}

TEST_CASE("a hundred thousand members come and go, each in constant time, and leave no memory") {
  MemberTable table(kSeed);
  bool edge = false;
  for (uint32_t i = 0; i < 100'000; ++i) table.Add({1, 1}, Subscriber(i), &edge);
  CHECK(table.Find({1, 1})->size() == 100'000);
  for (uint32_t i = 0; i < 100'000; i += 2) REQUIRE(table.Remove({1, 1}, i, &edge));
  for (uint32_t i = 0; i < 100'000; ++i)
    REQUIRE((table.FindMember({1, 1}, i) != nullptr) == (i % 2 == 1));
  for (uint32_t i = 1; i < 100'000; i += 2) REQUIRE(table.Remove({1, 1}, i, &edge));
  CHECK(edge);
  CHECK(table.memory_bytes() == sizeof(MemberTable));
}

}  // namespace
}  // namespace causeway::router
