#include "router/flat_map.h"

#include <doctest/doctest.h>

#include <unordered_map>

#include "../../oracle/router_words.h"

namespace causeway::router {
namespace {

TEST_CASE("a flat map agrees with std::unordered_map while it grows, shrinks and carries over") {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    CAPTURE(seed);
    oracle::RouterWords random(seed);
    FlatMap<uint32_t> map({seed, seed * 3});
    std::unordered_map<uint64_t, uint32_t> model;
    for (uint32_t step = 0; step < 60'000; ++step) {
      const uint64_t key = random.Below(4000) << (seed % 2 == 0 ? 0 : 40);
      uint32_t* found = map.Find(key);
      const auto expected = model.find(key);
      REQUIRE((found != nullptr) == (expected != model.end()));
      if (found != nullptr) REQUIRE(*found == expected->second);
      const bool filling = step / 10'000 % 2 == 0;
      if (found == nullptr && random.Below(10) < (filling ? 9u : 1u)) {
        map.Insert(key, step);
        model[key] = step;
      } else if (random.Below(10) < (filling ? 1u : 9u)) {
        REQUIRE(map.Erase(key) == (model.erase(key) == 1));
      }
      REQUIRE(map.size() == model.size());
    }
    size_t visited = 0;
    map.ForEach([&](uint64_t key, uint32_t value) {
      ++visited;
      CHECK(model.at(key) == value);
    });
    CHECK(visited == model.size());
    for (const auto& [key, value] : model) CHECK(map.Erase(key));
    CHECK(map.memory_bytes() == 0);
  }
}

}  // namespace
}  // namespace causeway::router
