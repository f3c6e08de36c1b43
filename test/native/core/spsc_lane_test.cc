#include "core/spsc_lane.h"

#include <memory>
#include <thread>

#include <doctest/doctest.h>

namespace causeway {
namespace {

TEST_CASE("a full lane refuses and leaves the item with the caller") {
  SpscLane<std::unique_ptr<int>> lane(3);  // rounded up
  REQUIRE(lane.capacity() == 4);
  for (int i = 0; i < 4; ++i) CHECK(lane.Push(std::make_unique<int>(i)));
  CHECK(!lane.HasRoom());
  auto item = std::make_unique<int>(4);
  CHECK(!lane.Push(std::move(item)));
  REQUIRE(item != nullptr);
  CHECK(**lane.Front() == 0);
  lane.Pop();
  CHECK(lane.HasRoom());
  CHECK(lane.Push(std::move(item)));
  for (int i = 1; i <= 4; ++i) {
    REQUIRE(lane.Front() != nullptr);
    CHECK(**lane.Front() == i);
    lane.Pop();
  }
  CHECK(lane.Front() == nullptr);
}

TEST_CASE("Pop lets go of the item at once") {
  SpscLane<std::shared_ptr<int>> lane(2);
  const auto item = std::make_shared<int>(1);
  CHECK(lane.Push(std::shared_ptr<int>(item)));
  CHECK(item.use_count() == 2);
  REQUIRE(lane.Front() != nullptr);
  lane.Pop();
  CHECK(item.use_count() == 1);
}

TEST_CASE("two threads pass everything on, once and in order") {
  constexpr uint64_t kItems = 200'000;
  SpscLane<std::unique_ptr<uint64_t>> lane(64);
  std::thread producer([&] {
    for (uint64_t i = 0; i < kItems; ++i) {
      auto item = std::make_unique<uint64_t>(i);
      while (!lane.Push(std::move(item))) std::this_thread::yield();
    }
  });
  uint64_t expected = 0, wrong = 0;
  while (expected < kItems) {
    std::unique_ptr<uint64_t>* item = lane.Front();
    if (item == nullptr) {
      std::this_thread::yield();
      continue;
    }
    wrong += **item != expected++;
    lane.Pop();
  }
  producer.join();
  CHECK(wrong == 0);
  CHECK(lane.Front() == nullptr);
}

}  // namespace
}  // namespace causeway
