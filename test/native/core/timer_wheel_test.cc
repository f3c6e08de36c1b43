#include "core/timer_wheel.h"

#include <deque>
#include <map>
#include <random>
#include <vector>

#include <doctest/doctest.h>

namespace causeway {
namespace {

std::vector<TimerEntry*> Turn(TimerWheel* wheel, int64_t now_ms) {
  std::vector<TimerEntry*> fired;
  wheel->Advance(now_ms, [&](TimerEntry* entry) {
    CHECK(!entry->armed());
    fired.push_back(entry);
  });
  return fired;
}

TEST_CASE("a deadline fires once, never early and at most one tick late") {
  TimerWheel wheel(8, 100, 5'000);
  TimerEntry entry;
  wheel.Arm(&entry, 5'250);
  CHECK(entry.armed());
  CHECK(wheel.size() == 1);
  CHECK(Turn(&wheel, 5'250).empty());
  CHECK(Turn(&wheel, 5'299).empty());
  CHECK(Turn(&wheel, 5'300) == std::vector<TimerEntry*>{&entry});
  CHECK(wheel.size() == 0);
  CHECK(Turn(&wheel, 9'000).empty());
}

TEST_CASE("a deadline many revolutions away is passed over until it is due") {
  TimerWheel wheel(8, 100, 0);
  TimerEntry entry;
  wheel.Arm(&entry, 8'050);  // ten revolutions of 800 ms
  for (int64_t now = 0; now < 8'100; now += 50) CHECK(Turn(&wheel, now).empty());
  CHECK(Turn(&wheel, 8'100).size() == 1);
}

TEST_CASE("a deadline in the past fires at the next turn") {
  TimerWheel wheel(8, 100, 1'000);
  TimerEntry entry;
  wheel.Arm(&entry, 3);
  CHECK(wheel.NextTurnMs(1'001) == 99);
  CHECK(Turn(&wheel, 1'099).empty());
  CHECK(wheel.NextTurnMs(1'100) == 0);
  CHECK(Turn(&wheel, 1'100).size() == 1);
}

TEST_CASE("a clock that leaps fires everything that is due, and nothing else") {
  TimerWheel wheel(8, 100, 0);
  TimerEntry soon, later, latest;
  wheel.Arm(&soon, 150);
  wheel.Arm(&later, 49'900);
  wheel.Arm(&latest, 50'600);
  CHECK(Turn(&wheel, 50'000).size() == 2);
  CHECK(latest.armed());
  CHECK(Turn(&wheel, 20'000).empty());  // a clock that goes back does nothing
  CHECK(Turn(&wheel, 50'700) == std::vector<TimerEntry*>{&latest});
}

TEST_CASE("the callback may move, cancel and arm any deadline, its own included") {
  TimerWheel wheel(4, 100, 0);
  TimerEntry first, second, fresh;
  wheel.Arm(&first, 150);
  wheel.Arm(&second, 160);
  int fired = 0;
  wheel.Advance(200, [&](TimerEntry* entry) {
    ++fired;
    TimerEntry* other = entry == &first ? &second : &first;
    wheel.Cancel(other);                         // due in this very turn: must not fire
    wheel.Arm(entry, entry->deadline_ms + 400);  // the slot that is being turned
    wheel.Arm(&fresh, 0);
  });
  CHECK(fired == 1);
  CHECK(wheel.size() == 2);
  CHECK(Turn(&wheel, 300) == std::vector<TimerEntry*>{&fresh});
  CHECK(Turn(&wheel, 600).size() == 1);
}

TEST_CASE("a wheel that goes lets go of what is armed") {
  TimerEntry entry;
  {
    TimerWheel wheel(8, 100, 0);
    wheel.Arm(&entry, 1'000);
  }
  CHECK(!entry.armed());
}

TEST_CASE("random arming, moving, cancelling and turning agree with a sorted map") {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    constexpr int64_t kTickMs = 10;
    int64_t now = 777;
    std::deque<TimerEntry> entries(50);  // outlives the wheel, which lets go of what is left armed
    TimerWheel wheel(16, kTickMs, now);
    std::map<TimerEntry*, int64_t> fires_at;  // the turn at which it must fire
    int64_t turned = now / kTickMs;
    for (int step = 0; step < 5'000; ++step) {
      TimerEntry* entry = &entries[random() % entries.size()];
      const uint64_t what = random() % 10;
      if (what < 5) {
        const int64_t deadline = now - 50 + static_cast<int64_t>(random() % 700);
        wheel.Arm(entry, deadline);
        fires_at[entry] = std::max(deadline / kTickMs, turned) + 1;
      } else if (what < 7) {
        wheel.Cancel(entry);
        fires_at.erase(entry);
      } else {
        now += static_cast<int64_t>(random() % (what == 9 ? 400 : 15));
        turned = now / kTickMs;
        for (TimerEntry* fired : Turn(&wheel, now)) {
          REQUIRE(fires_at.count(fired) == 1);
          REQUIRE(fires_at[fired] <= turned);
          fires_at.erase(fired);
        }
        for (const auto& [waiting, turn] : fires_at) REQUIRE(turn > turned);
      }
      REQUIRE(wheel.size() == fires_at.size());
    }
  }
}

}  // namespace
}  // namespace causeway
