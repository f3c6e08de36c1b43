// Who is written in which turn: the dirty list and its policy, by connections without sockets.
#include "session/flush_turn.h"

#include <doctest/doctest.h>

#include <deque>
#include <functional>
#include <vector>

namespace causeway::session {

namespace {

using Numbers = std::vector<uint32_t>;

/// A loop's list, and connections that only have numbers.
class Row {
 public:
  ~Row() {
    for (Connection& connection : connections_) list.Forget(&connection);
  }
  Connection* Make() {
    connections_.emplace_back();
    connections_.back().number = static_cast<uint32_t>(connections_.size());
    return &connections_.back();
  }
  /// Made and added, `count` of them; their numbers.
  Numbers Dirty(size_t count, bool wide) {
    const DirtyList::Wide row(&list, wide);
    Numbers numbers;
    for (size_t i = 0; i < count; ++i) {
      Connection* const connection = Make();
      list.Add(connection);
      numbers.push_back(connection->number);
    }
    return numbers;
  }
  void AddWide(Connection* connection) {
    const DirtyList::Wide row(&list, true);
    list.Add(connection);
  }
  /// Who is written in this turn, in order.
  Numbers Turn(bool fanouts_wait = false) {
    Numbers written;
    left = FlushTurn(&list, fanouts_wait, [&](Connection* connection) {
      written.push_back(connection->number);
      if (on_flush) on_flush(connection);
      return bytes_each;
    });
    return written;
  }

  DirtyList list;
  bool left = false;      // by the last turn
  size_t bytes_each = 1;  // that a flush writes
  std::function<void(Connection*)> on_flush;

 private:
  std::deque<Connection> connections_;
};

Numbers Joined(Numbers first, const Numbers& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

Numbers First(const Numbers& all, size_t count, size_t from = 0) {
  const auto begin = all.begin() + static_cast<ptrdiff_t>(from);
  return {begin, begin + static_cast<ptrdiff_t>(count)};
}

}  // namespace

TEST_CASE("a connection is written once a turn, and not at all after it was forgotten") {
  Row row;
  Connection* const one = row.Make();
  Connection* const two = row.Make();
  for (int i = 0; i < 2; ++i) row.list.Add(one);
  row.list.Add(two);
  row.list.Forget(one);
  row.list.Forget(one);
  CHECK(row.Turn() == Numbers{2});
  CHECK(!row.left);
  CHECK(row.list.empty());
  row.list.Add(one);
  CHECK(row.Turn() == Numbers{1});
}

TEST_CASE("who waits for little is written before twenty thousand receivers of one message") {
  Row row;
  const Numbers crowd = row.Dirty(20'000, true);
  const Numbers ordinary = row.Dirty(10, false);
  CHECK(row.Turn() == Joined(ordinary, First(crowd, limits::kWideWrites)));
  CHECK(row.left);
  // The next comes while the crowd is still being written, and is not behind it.
  const Numbers late = row.Dirty(1, false);
  CHECK(row.Turn() == Joined(late, First(crowd, limits::kWideWrites, limits::kWideWrites)));
}

TEST_CASE("everybody of a wide fan-out is written, in order, so many a turn") {
  Row row;
  const Numbers crowd = row.Dirty(1'000, true);
  Numbers written;
  size_t turns = 0;
  do {
    const Numbers some = row.Turn();
    CHECK(some.size() <= limits::kWideWrites);
    written = Joined(written, some);
    ++turns;
  } while (row.left);
  CHECK(written == crowd);
  CHECK(turns == (crowd.size() + limits::kWideWrites - 1) / limits::kWideWrites);
}

TEST_CASE("the prompt row never starves the wide one") {
  Row row;
  const Numbers crowd = row.Dirty(3 * limits::kTurnWrites, true);
  const Numbers ordinary = row.Dirty(3 * limits::kTurnWrites, false);
  for (size_t turn = 0; turn < 3; ++turn) {
    const size_t half = limits::kTurnWrites / 2;
    CHECK(row.Turn() == Joined(First(ordinary, limits::kTurnWrites, turn * limits::kTurnWrites),
                               First(crowd, half, turn * half)));
  }
}

TEST_CASE("who is in the wide row and gets something of its own moves to the prompt one") {
  Row row;
  const Numbers crowd = row.Dirty(1'000, true);
  Connection* const last = row.Make();
  row.AddWide(last);
  row.list.Add(last);
  CHECK(row.Turn().front() == last->number);
  // And stays there when the next wide message finds it.
  row.list.Add(last);
  row.AddWide(last);
  CHECK(row.list.prompt_count() == 1);
  CHECK(row.Turn().front() == last->number);
  CHECK(row.list.prompt_count() == 0);
}

TEST_CASE("large writes count as several") {
  Row row;
  row.Dirty(1'000, true);
  row.bytes_each = 7 * limits::kWriteCostBytes;
  CHECK(row.Turn().size() == limits::kWideWrites / 8);
}

TEST_CASE("the wide row waits for fan-outs that are being served, the prompt row does not") {
  Row row;
  const Numbers crowd = row.Dirty(10, true);
  const Numbers ordinary = row.Dirty(10, false);
  CHECK(row.Turn(true) == ordinary);
  CHECK(row.left);
  CHECK(row.Turn(true).empty());
  CHECK(row.Turn() == crowd);
}

TEST_CASE("a reader as fast as we are does not keep the turn going") {
  Row row;
  Connection* const fast = row.Make();
  row.list.Add(fast);
  row.on_flush = [&row](Connection* connection) { row.list.Add(connection); };
  CHECK(row.Turn().size() == kFlushPasses);
  CHECK(row.left);
}

TEST_CASE("a flush may forget others") {
  Row row;
  Connection* const one = row.Make();
  Connection* const two = row.Make();
  Connection* const three = row.Make();
  for (Connection* connection : {one, two, three}) row.list.Add(connection);
  row.on_flush = [&](Connection*) { row.list.Forget(two); };
  CHECK(row.Turn() == Numbers{1, 3});
}

TEST_CASE("a cycle ends when all are written who were dirty when it began") {
  Row row;
  const Numbers first = row.Dirty(limits::kWideWrites + 1, true);
  const uint64_t before = row.list.cycles();
  row.Turn();
  CHECK(row.list.cycles() == before);
  const Numbers second = row.Dirty(1, true);  // of the next one
  CHECK(row.Turn() == First(first, 1, limits::kWideWrites));
  CHECK(row.list.cycles() == before + 1);
  CHECK(row.Turn() == second);
  CHECK(row.list.cycles() == before + 2);
}

TEST_CASE("the list is behind while messages come faster than cycles end, and only then") {
  Row row;
  row.Dirty(2 * limits::kWideWrites, true);
  row.Turn();
  CHECK(!row.list.behind());  // one message, half written: however many it is for
  row.Dirty(1, false);
  CHECK(!row.list.behind());
  row.Dirty(1, true);
  CHECK(row.list.behind());
  row.Turn();
  CHECK(row.list.behind());  // the cycle is over, the next has not begun
  row.Turn();
  CHECK(!row.list.behind());
  CHECK(row.list.empty());
}

TEST_CASE("a cycle whose last connections are gone is over") {
  Row row;
  row.Dirty(limits::kWideWrites, true);
  Connection* const gone = row.Make();
  row.AddWide(gone);
  row.Turn();
  const uint64_t before = row.list.cycles();
  row.list.Forget(gone);
  CHECK(row.Turn().empty());
  CHECK(row.list.cycles() == before + 1);
  CHECK(!row.left);
}

}  // namespace causeway::session
