#include "link/repeat_window.h"

#include <deque>
#include <random>
#include <set>
#include <string>

#include <doctest/doctest.h>

namespace causeway::link {
namespace {

std::string Id(uint64_t number) {
  std::string id(16, '\0');
  for (int i = 0; i < 8; ++i) id[15 - i] = static_cast<char>(number >> (8 * i));
  return id;
}

TEST_SUITE("link/repeat_window") {
  TEST_CASE("an id is new once, until as many others came as the window holds") {
    RepeatWindow window(100);
    for (uint64_t id = 1; id <= 100; ++id) CHECK(window.Insert(id));
    for (uint64_t id = 1; id <= 100; ++id) CHECK_FALSE(window.Insert(id));
    CHECK(window.size() == 100);
    CHECK(window.Insert(101));
    CHECK(window.size() == 100);
    CHECK(window.Insert(1));
    CHECK_FALSE(window.Insert(3));
    CHECK(window.Insert(2));
  }

  TEST_CASE("a window agrees with a naive one, however its hashes collide") {
    std::mt19937_64 random(7);
    for (const size_t size : {size_t{1}, size_t{3}, size_t{64}, size_t{200}}) {
      RepeatWindow window(size);
      std::deque<uint64_t> order;
      std::set<uint64_t> held;
      for (int i = 0; i < 20000; ++i) {
        // Few values, and all in a few slots of the table.
        const uint64_t id = 1 + (random() % (2 * size)) * 512 + random() % 2;
        const bool fresh = held.insert(id).second;
        if (fresh) order.push_back(id);
        if (order.size() > size) {
          held.erase(order.front());
          order.pop_front();
        }
        REQUIRE(window.Insert(id) == fresh);
      }
    }
  }

  TEST_CASE("every sender has its own window: link and client id tell them apart") {
    RepeatWindows windows(HashSeed::Random());
    CHECK_FALSE(windows.IsRepeated(0, "a:msg:1", Id(1)));
    CHECK(windows.IsRepeated(0, "a:msg:1", Id(1)));
    CHECK_FALSE(windows.IsRepeated(0, "a:msg:2", Id(1)));
    CHECK_FALSE(windows.IsRepeated(1, "a:msg:1", Id(1)));
    CHECK(windows.clients() == 3);
  }

  TEST_CASE("what is no id of 16 bytes names nothing") {
    RepeatWindows windows(HashSeed::Random());
    for (int i = 0; i < 2; ++i) {
      CHECK_FALSE(windows.IsRepeated(0, "a", ""));
      CHECK_FALSE(windows.IsRepeated(0, "a", "undefined"));
      CHECK_FALSE(windows.IsRepeated(0, "a", std::string(17, 'x')));
    }
    CHECK(windows.clients() == 0);
  }

  TEST_CASE("when there are too many senders, the one that was silent for longest is forgotten") {
    RepeatWindows windows(HashSeed::Random(), 3);
    for (const char* client : {"a", "b", "c"}) CHECK_FALSE(windows.IsRepeated(0, client, Id(1)));
    CHECK(windows.IsRepeated(0, "a", Id(1)));
    CHECK_FALSE(windows.IsRepeated(0, "d", Id(1)));
    CHECK(windows.clients() == 3);
    CHECK(windows.IsRepeated(0, "a", Id(1)));
    CHECK(windows.IsRepeated(0, "c", Id(1)));
    CHECK_FALSE(windows.IsRepeated(0, "b", Id(1)));
  }
}

}  // namespace
}  // namespace causeway::link
