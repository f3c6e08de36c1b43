#include "fanout/delayed_queue.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace causeway::fanout {

namespace {

MessageRef Named(const std::string& payload) {
  return MessageRef::Adopt(Message::Create("t", payload, {}, {}));
}

}  // namespace

TEST_CASE("delayed messages come out when due, soonest first, equal times in order of arrival") {
  DelayedBudget budget;
  budget.SetLimits(0, 64 << 20);
  DelayedQueue queue(&budget);
  std::mt19937 random(11);
  std::vector<std::pair<int64_t, int>> model;
  for (int n = 0; n < 5000; ++n) {
    const int64_t due = random() % 100;
    REQUIRE(queue.Put(Named(std::to_string(n)), due));
    model.emplace_back(due, n);
  }
  std::stable_sort(model.begin(), model.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  CHECK(queue.next_due_ms() == model.front().first);
  size_t at = 0;
  for (int64_t now = 0; now < 100; ++now) {
    while (const MessageRef message = queue.TakeDue(now)) {
      REQUIRE(model[at].first == now);
      REQUIRE(message->payload() == std::to_string(model[at].second));
      ++at;
    }
  }
  CHECK(at == model.size());
  CHECK(queue.next_due_ms() == DelayedQueue::kNever);
  CHECK(budget.messages() == 0);
  CHECK(budget.bytes() == 0);
}

TEST_CASE("a full budget refuses, by messages or by bytes, and takes again when there is room") {
  DelayedBudget budget;
  budget.SetLimits(2, 64 << 20);
  DelayedQueue one(&budget), other(&budget);
  CHECK(one.Put(Named("a"), 1));
  CHECK(other.Put(Named("b"), 1));
  CHECK(!one.Put(Named("c"), 1));
  CHECK(budget.messages() == 2);
  CHECK(other.TakeDue(1));
  CHECK(one.Put(Named("c"), 1));

  DelayedBudget bytes;
  bytes.SetLimits(0, 10'000);
  DelayedQueue queue(&bytes);
  int taken = 0;
  while (queue.Put(Named(std::string(1000, 'x')), taken)) ++taken;
  CHECK(taken > 5);
  CHECK(taken < 10);  // each costs more than its payload
  CHECK(bytes.bytes() <= 10'000);
  while (queue.TakeDue(100)) {
  }
  CHECK(bytes.bytes() == 0);
}

TEST_CASE("loops at the limit together never pass it") {
  DelayedBudget budget;
  budget.SetLimits(100, 64 << 20);
  std::vector<std::thread> loops;
  for (int loop = 0; loop < 4; ++loop) {
    loops.emplace_back([&budget] {
      for (int n = 0; n < 20'000; ++n) {
        if (!budget.Take(10)) continue;
        if (n % 3 == 0) std::this_thread::yield();
        budget.Give(10);
      }
    });
  }
  for (std::thread& loop : loops) loop.join();
  CHECK(budget.messages() == 0);
  CHECK(budget.bytes() == 0);
  for (int n = 0; n < 100; ++n) REQUIRE(budget.Take(1));
  CHECK(!budget.Take(1));
}

}  // namespace causeway::fanout
