// What all clients of a listener share, and the row of those who wait for it.
#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "transport/rate_limit.h"
#include "transport/rate_waiters.h"

namespace causeway::transport {

TEST_CASE("a shared rate that is not set never asks to wait") {
  SharedRate rate;
  rate.Configure(0);
  CHECK(!rate.limited());
  CHECK(rate.Wait(1'000) == 0);
}

TEST_CASE("of a shared rate a second's worth goes at once, then one as each token comes") {
  SharedRate rate;
  rate.Configure(10);
  for (int i = 0; i < 10; ++i) {
    CHECK(rate.Wait(5'000) == 0);
    rate.Charge(1, 5'000);
  }
  CHECK(rate.Wait(5'000) == 1);
  CHECK(rate.Wait(5'001) == 0);
  rate.Charge(1, 5'001);
  CHECK(rate.Wait(5'001) == 100);
  CHECK(rate.Wait(5'100) == 1);
  CHECK(rate.Wait(5'101) == 0);
}

TEST_CASE("a charge above what a shared rate has is paid back, and an idle hour saves a second's") {
  SharedRate rate;
  rate.Configure(1'000);
  rate.Charge(3'000, 3'600'000);
  CHECK(rate.Wait(3'600'000) == 2'001);
  CHECK(rate.Wait(3'602'000) == 1);
  CHECK(rate.Wait(3'602'001) == 0);
}

TEST_CASE("one charge holds nobody up for more than a minute") {
  SharedRate rate;
  rate.Configure(1);
  rate.Charge(1e9, 0);
  CHECK(rate.Wait(0) <= 60'001);
}

TEST_CASE("threads that share a rate do not lose each other's charges") {
  constexpr int kThreads = 4, kCharges = 10'000;
  SharedRate rate;
  rate.Configure(1'000);
  std::atomic<int> ready{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      ready.fetch_add(1);
      while (ready.load() < kThreads) {
      }
      for (int n = 0; n < kCharges; ++n) rate.Charge(1, 1'000);
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(rate.Wait(1'000) == kThreads * kCharges - 1'000 + 1);
}

TEST_CASE("a connection is charged for itself and for its listener") {
  ListenerRates rates;
  rates.messages.Configure(2);
  RateLimit one({}, {}, &rates, 0), two({.per_second = 100}, {}, &rates, 0);
  one.ChargeMessage(0);
  two.ChargeMessage(0);
  CHECK(one.Wait(0) == 0);
  CHECK(two.Wait(0) == 0);
  CHECK(rates.Wait(0) == 1);
  rates.bytes.Configure(10);
  two.ChargeBytes(30, 0);
  CHECK(rates.Wait(0) == 2'001);
}

TEST_CASE("waiters come when they are due, soonest first, then who came first") {
  RateWaiters waiters;
  CHECK(waiters.TakeDue(1'000) == 0);
  waiters.Add(1, 30);
  waiters.Add(2, 10);
  waiters.Add(3, 10);
  waiters.Add(4, 20);
  CHECK(waiters.next_due_ms() == 10);
  CHECK(waiters.TakeDue(9) == 0);
  CHECK(waiters.TakeDue(25) == 2);
  CHECK(waiters.TakeDue(25) == 3);
  CHECK(waiters.TakeDue(25) == 4);
  CHECK(waiters.TakeDue(25) == 0);
  CHECK(waiters.TakeDue(30) == 1);
  CHECK(waiters.empty());
  CHECK(waiters.next_due_ms() == RateWaiters::kNever);
}

}  // namespace causeway::transport
