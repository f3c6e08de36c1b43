#include "session/packet_id_set.h"

#include <doctest/doctest.h>

#include <random>
#include <set>

namespace causeway::session {

TEST_CASE("a set of packet identifiers equals std::set under random operations") {
  std::mt19937 random(5);
  PacketIdSet ids;
  std::set<uint16_t> model;
  for (int step = 0; step < 200'000; ++step) {
    const uint16_t id = static_cast<uint16_t>(random() % 3 == 0 ? random() : random() % 70);
    switch (random() % 3) {
      case 0:
        REQUIRE(ids.Insert(id) == model.insert(id).second);
        break;
      case 1:
        REQUIRE(ids.Erase(id) == (model.erase(id) == 1));
        break;
      default:
        REQUIRE(ids.Contains(id) == (model.count(id) == 1));
    }
    REQUIRE(ids.size() == model.size());
  }
  ids.Clear();
  CHECK(ids.size() == 0);
  for (const uint16_t id : model) REQUIRE(!ids.Contains(id));
}

TEST_CASE("the first, the last and the identifiers at the edges of pages and words are distinct") {
  PacketIdSet ids;
  const uint16_t edges[] = {0, 1, 63, 64, 1023, 1024, 32'767, 32'768, 65'534, 65'535};
  for (const uint16_t id : edges) CHECK(ids.Insert(id));
  for (const uint16_t id : edges) CHECK(!ids.Insert(id));
  CHECK(ids.size() == 10);
  CHECK(!ids.Contains(2));
  CHECK(!ids.Contains(1025));
  for (const uint16_t id : edges) CHECK(ids.Erase(id));
  CHECK(ids.size() == 0);
}

}  // namespace causeway::session
