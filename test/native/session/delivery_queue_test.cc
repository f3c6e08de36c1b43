#include "session/delivery_queue.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <random>
#include <string>

namespace causeway::session {
namespace {

Delivery Of(const std::string& payload, uint8_t qos = 1) {
  Delivery delivery;
  delivery.message = MessageRef::Adopt(Message::Create("t", payload, "", ""));
  delivery.qos = qos;
  return delivery;
}
std::string PayloadOf(const Delivery& delivery) { return std::string(delivery.message->payload()); }

}  // namespace

TEST_CASE("what was queued leaves in order, through growth and wrap-around") {
  DeliveryQueue queue;
  std::mt19937 random(3);
  int in = 0, out = 0;
  while (out < 20'000) {
    if (random() % 100 < (in - out < 300 ? 60u : 30u)) {
      REQUIRE(queue.Push(Of(std::to_string(in++)), {}) == 0);
    } else if (!queue.empty()) {
      REQUIRE(PayloadOf(*queue.Front()) == std::to_string(out));
      REQUIRE(PayloadOf(queue.Pop()) == std::to_string(out++));
    }
    REQUIRE(queue.size() == static_cast<uint32_t>(in - out));
  }
}

TEST_CASE("a full queue drops its oldest for QoS 1 and 2, and the newcomer for QoS 0") {
  DeliveryQueue queue;
  const QueueBounds three{.length_max = 3};
  for (int i = 0; i < 3; ++i) CHECK(queue.Push(Of(std::to_string(i)), three) == 0);
  CHECK(queue.Push(Of("zero", 0), three) == 1);
  CHECK(queue.size() == 3);
  CHECK(queue.Push(Of("3"), three) == 1);
  CHECK(queue.Push(Of("4", 2), three) == 1);
  CHECK(queue.size() == 3);
  CHECK(PayloadOf(queue.Pop()) == "2");
  CHECK(PayloadOf(queue.Pop()) == "3");
  CHECK(PayloadOf(queue.Pop()) == "4");
}

TEST_CASE("a length bound of 0 is no bound; the byte bound holds all the same") {
  DeliveryQueue queue;
  const size_t each = Of(std::string(1000, 'x')).bytes();
  for (int i = 0; i < 100; ++i) queue.Push(Of(std::string(1000, 'x')), {.bytes_max = 10 * each});
  CHECK(queue.size() == 10);
  CHECK(queue.bytes() == 10 * each);
  for (int i = 0; i < 100; ++i) CHECK(queue.Push(Of(std::string(1000, 'y')), {}) == 0);
  CHECK(queue.size() == 110);
}

TEST_CASE("one delivery above the byte bound takes the place of everything, and is let in alone") {
  DeliveryQueue queue;
  for (int i = 0; i < 5; ++i) queue.Push(Of("small"), {.bytes_max = 2000});
  CHECK(queue.Push(Of(std::string(5000, 'x')), {.bytes_max = 2000}) == 5);
  CHECK(queue.size() == 1);
  CHECK(queue.Push(Of("next"), {.bytes_max = 2000}) == 1);
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
      const uint32_t gone = queue.Push(Of(payload, qos), {.length_max = 20, .bytes_max = 8000});
      REQUIRE(queue.size() == before + 1 - gone);
      ++pushed;
      dropped += gone;
      if (qos == 0 && gone > 0) {
        REQUIRE(gone == 1);
        continue;
      }
      model.push_back(payload);
      while (model.size() > queue.size()) model.pop_front();
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
  queue.Push(std::move(one), {});
  CHECK(shared->references == 2);
  queue.Clear();
  CHECK(shared->references == 1);
  CHECK(queue.bytes() == 0);
}

TEST_CASE("the higher priority leaves first, and a lower one gets its turns all the same") {
  DeliveryQueue queue;
  for (int i = 0; i < 100; ++i) {
    queue.Push(Of("low"), {}, kLowestPriority);
    queue.Push(Of("mid"), {}, 1);
    queue.Push(Of("high"), {}, 3);
  }
  std::string order;
  while (!queue.empty()) {
    REQUIRE(queue.Front() != nullptr);
    const std::string front = PayloadOf(*queue.Front());
    REQUIRE(PayloadOf(queue.Pop()) == front);
    order += front[0];
  }
  // 40, 20 and 10 a round, as long as there are any.
  const std::string round = std::string(40, 'h') + std::string(20, 'm') + std::string(10, 'l');
  CHECK(order.substr(0, 140) == round + round);
  CHECK(std::count(order.begin(), order.end(), 'h') == 100);
  CHECK(std::count(order.begin(), order.end(), 'm') == 100);
  CHECK(std::count(order.begin(), order.end(), 'l') == 100);
  CHECK(queue.bytes() == 0);
}

TEST_CASE("a message of higher priority overtakes those that wait, within a priority nobody does") {
  DeliveryQueue queue;
  for (int i = 0; i < 3; ++i) queue.Push(Of("low" + std::to_string(i)), {});
  CHECK(PayloadOf(queue.Pop()) == "low0");
  for (int i = 0; i < 2; ++i) queue.Push(Of("high" + std::to_string(i)), {}, kHighestPriority);
  for (const char* next : {"high0", "high1", "low1", "low2"}) CHECK(PayloadOf(queue.Pop()) == next);
}

TEST_CASE("the length bound is each priority's own, the byte bound takes from the lowest first") {
  DeliveryQueue queue;
  const size_t each = Of("xxxx").bytes();
  const QueueBounds bounds{.length_max = 3, .bytes_max = 5 * each};
  for (int i = 0; i < 3; ++i) CHECK(queue.Push(Of("low" + std::to_string(i)), bounds) == 0);
  CHECK(queue.Push(Of("low3"), bounds) == 1);
  CHECK(queue.Push(Of("hi_0"), bounds, 9) == 0);
  CHECK(queue.Push(Of("hi_1"), bounds, 9) == 0);
  CHECK(queue.Push(Of("hi_2"), bounds, 9) == 1);  // by bytes: low1 goes
  CHECK(queue.Push(Of("zero", 0), bounds, 9) == 1);
  CHECK(queue.Push(Of("mid0"), bounds, 5) == 1);  // low2 goes
  CHECK(queue.Push(Of("mid1"), bounds, 5) == 1);  // low3 goes
  CHECK(queue.Push(Of("low4"), bounds) == 1);     // nothing is lower than itself
  CHECK(queue.bytes() == 5 * each);
  for (const char* next : {"hi_0", "hi_1", "hi_2", "mid0", "mid1"})
    CHECK(PayloadOf(queue.Pop()) == next);
  CHECK(queue.empty());
}

TEST_CASE("without configured topics every message is of one priority, the default included") {
  CHECK(QueuePriorities().Of("any") == kLowestPriority);
  CHECK(QueuePriorities({}, kHighestPriority).Of("any") == kLowestPriority);
  const QueuePriorities some({{"alarm", 7}}, kHighestPriority);
  CHECK(some.Of("alarm") == 7);
  CHECK(some.Of("alarm/x") == kHighestPriority);
}

}  // namespace causeway::session
