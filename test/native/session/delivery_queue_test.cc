#include "session/delivery_queue.h"

#include <doctest/doctest.h>

#include <deque>
#include <random>
#include <string>

namespace causeway::session {
namespace {

constexpr size_t kUnbounded = SIZE_MAX;

Delivery Of(const std::string& payload, uint8_t qos = 1) {
  Delivery delivery;
  delivery.message = MessageRef::Adopt(Message::Create("t", payload, "", ""));
  delivery.qos = qos;
  return delivery;
}
std::string PayloadOf(const Delivery& delivery) { return std::string(delivery.message->payload()); }

using Pushed = DeliveryQueue::Pushed;

}  // namespace

TEST_CASE("what was queued leaves in order, through growth and wrap-around") {
  DeliveryQueue queue;
  std::mt19937 random(3);
  int in = 0, out = 0;
  while (out < 20'000) {
    if (random() % 100 < (in - out < 300 ? 60u : 30u)) {
      REQUIRE(queue.Push(Of(std::to_string(in++)), 0, kUnbounded) == Pushed::kQueued);
    } else if (!queue.empty()) {
      REQUIRE(PayloadOf(*queue.Front()) == std::to_string(out));
      REQUIRE(PayloadOf(queue.Pop()) == std::to_string(out++));
    }
    REQUIRE(queue.size() == static_cast<uint32_t>(in - out));
  }
}

TEST_CASE("a full queue drops its oldest for QoS 1 and 2, and the newcomer for QoS 0") {
  DeliveryQueue queue;
  for (int i = 0; i < 3; ++i)
    CHECK(queue.Push(Of(std::to_string(i)), 3, kUnbounded) == Pushed::kQueued);
  CHECK(queue.Push(Of("zero", 0), 3, kUnbounded) == Pushed::kDroppedNew);
  CHECK(queue.size() == 3);
  CHECK(queue.Push(Of("3"), 3, kUnbounded) == Pushed::kDroppedOldest);
  CHECK(queue.Push(Of("4", 2), 3, kUnbounded) == Pushed::kDroppedOldest);
  CHECK(queue.size() == 3);
  CHECK(PayloadOf(queue.Pop()) == "2");
  CHECK(PayloadOf(queue.Pop()) == "3");
  CHECK(PayloadOf(queue.Pop()) == "4");
}

TEST_CASE("a length bound of 0 is no bound; the byte bound holds all the same") {
  DeliveryQueue queue;
  const size_t each = Of(std::string(1000, 'x')).bytes();
  for (int i = 0; i < 100; ++i) queue.Push(Of(std::string(1000, 'x')), 0, 10 * each);
  CHECK(queue.size() == 10);
  CHECK(queue.bytes() == 10 * each);
  for (int i = 0; i < 100; ++i)
    CHECK(queue.Push(Of(std::string(1000, 'y')), 0, kUnbounded) == Pushed::kQueued);
  CHECK(queue.size() == 110);
}

TEST_CASE("one delivery above the byte bound takes the place of everything, and is let in alone") {
  DeliveryQueue queue;
  for (int i = 0; i < 5; ++i) queue.Push(Of("small"), 0, 2000);
  CHECK(queue.Push(Of(std::string(5000, 'x')), 0, 2000) == Pushed::kDroppedOldest);
  CHECK(queue.size() == 1);
  CHECK(queue.Push(Of("next"), 0, 2000) == Pushed::kDroppedOldest);
  CHECK(queue.size() == 1);
  CHECK(PayloadOf(queue.Pop()) == "next");
}

TEST_CASE("bytes are exact under random pushes with both bounds, and nothing is held afterwards") {
  std::mt19937 random(11);
  DeliveryQueue queue;
  std::deque<std::string> model;
  const MessageRef shared = MessageRef::Adopt(Message::Create("t", "shared", "", ""));
  size_t dropped = 0, pushed = 0;
  for (int step = 0; step < 20'000; ++step) {
    if (random() % 3 != 0) {
      const std::string payload(random() % 400, static_cast<char>('a' + step % 26));
      const uint8_t qos = static_cast<uint8_t>(random() % 3);
      const size_t before = queue.size();
      const Pushed outcome = queue.Push(Of(payload, qos), 20, 8000);
      ++pushed;
      if (outcome == Pushed::kDroppedNew) {
        REQUIRE(qos == 0);
        ++dropped;
      } else {
        model.push_back(payload);
        while (model.size() > queue.size()) model.pop_front(), ++dropped;
        if (outcome == Pushed::kQueued) REQUIRE(queue.size() == before + 1);
      }
    } else if (!queue.empty()) {
      REQUIRE(PayloadOf(queue.Pop()) == model.front());
      model.pop_front();
    }
    size_t bytes = 0;
    for (const std::string& payload : model) bytes += Of(payload).bytes();
    REQUIRE(queue.bytes() == bytes);
    REQUIRE(queue.size() <= 20);
    REQUIRE(queue.bytes() <= 8000);
  }
  CHECK(dropped > 0);
  CHECK(dropped < pushed);
  Delivery one;
  one.message = shared;
  queue.Push(std::move(one), 0, kUnbounded);
  CHECK(shared->references == 2);
  queue.Clear();
  CHECK(shared->references == 1);
  CHECK(queue.bytes() == 0);
}

}  // namespace causeway::session
