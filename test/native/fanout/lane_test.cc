// The meeting of a producer that finds its lane full and a consumer that empties it.
#include "fanout/lane_entry.h"

#include <doctest/doctest.h>

#include <chrono>
#include <thread>

#include "../core/meeting.h"
#include "../stress.h"

namespace causeway::fanout {

TEST_CASE("a lane keeps order, refuses when full, and names its waiter once") {
  Lane lane(2);
  for (uint32_t i = 1; i <= 2; ++i) {
    LaneEntry entry;
    entry.group = i;
    CHECK(lane.Post(&entry));
  }
  CHECK(!lane.TakeWaiter());
  LaneEntry third;
  third.group = 3;
  third.message = MessageRef::Adopt(Message::Create("t", "p", "", ""));
  CHECK(!lane.Post(&third));
  CHECK(third.message);  // kept by the producer
  CHECK(lane.Front()->group == 1);
  lane.Pop();
  CHECK(lane.TakeWaiter());
  CHECK(!lane.TakeWaiter());
  CHECK(lane.Post(&third));
  CHECK(!third.message);
  CHECK(lane.Front()->group == 2);
  lane.Pop();
  CHECK(lane.Front()->group == 3);
  lane.Pop();
  CHECK(lane.Front() == nullptr);
}

TEST_CASE("more filters than an entry holds inline stay complete and in order") {
  for (uint32_t count = 0; count < 8; ++count) {
    LaneEntry entry;
    for (uint32_t i = 0; i < count; ++i) entry.AddFilter({i, 1});
    uint32_t next = 0;
    for (const router::FilterRef& filter : entry) CHECK(filter.id == next++);
    CHECK(next == count);
  }
}

// Without either fence a producer waits in front of an empty lane within some ten thousand rounds.
TEST_CASE("nobody waits in front of an empty lane that was emptied at the same moment") {
  Lane lane(2);
  Meeting meeting;
  std::atomic<bool> over{false};
  bool told = false, refused = false, producer_first = false;
  std::atomic<int> order{0};
  std::thread consumer([&] {
    Aim aim(Aim::kRight);
    for (size_t round = 0;; ++round) {
      meeting.Arrive();
      if (over.load(std::memory_order_relaxed)) return;
      aim.Wait(round);
      while (lane.Front() != nullptr) lane.Pop();
      told = lane.TakeWaiter();
      order.fetch_add(1, std::memory_order_relaxed);
      meeting.Arrive();
      aim.Learn(producer_first);
    }
  });
  Aim aim(Aim::kLeft);
  size_t rounds = 0, both = 0, lost = 0;
  const auto until = std::chrono::steady_clock::now() + StressTime(1000);
  while (lost == 0 && (rounds % 64 != 0 || std::chrono::steady_clock::now() < until)) {
    LaneEntry first, second, third;
    CHECK(lane.Post(&first));
    CHECK(lane.Post(&second));
    order.store(0, std::memory_order_relaxed);
    meeting.Arrive();
    aim.Wait(rounds);
    refused = !lane.Post(&third);
    producer_first = order.fetch_add(1, std::memory_order_relaxed) == 0;
    meeting.Arrive();
    aim.Learn(producer_first);
    if (refused && !told) ++lost;
    if (refused) ++both;
    while (lane.Front() != nullptr) lane.Pop();
    lane.TakeWaiter();
    ++rounds;
  }
  over.store(true, std::memory_order_relaxed);
  meeting.Arrive();
  consumer.join();
  CHECK(lost == 0);
  CHECK(both > 0);  // else the two never met
  CHECK(both < rounds);
}

}  // namespace causeway::fanout
