#include "router/slab_pool.h"

#include <doctest/doctest.h>

#include <memory>
#include <set>
#include <vector>

#include "../../oracle/router_words.h"

namespace causeway::router {
namespace {

struct alignas(64) Node {
  uint64_t value = 7;
};

TEST_CASE("objects made one after the other lie side by side") {
  SlabPool<Node> pool;
  Node* a = pool.New();
  Node* b = pool.New();
  CHECK(b == a + 1);
  CHECK(b->value == 7);
  SlabPool<Node>::Destroy(a);
  SlabPool<Node>::Destroy(b);
}

TEST_CASE("places are used again, and none is given out twice") {
  oracle::RouterWords random(5);
  SlabPool<Node> pool;
  std::vector<Node*> live;
  std::set<Node*> addresses;
  for (uint64_t step = 0; step < 30'000; ++step) {
    if (random.Below(100) < (step / 5000 % 2 == 0 ? 80u : 20u) || live.empty()) {
      Node* node = pool.New();
      REQUIRE(addresses.insert(node).second);
      node->value = step;
      live.push_back(node);
    } else {
      std::swap(live[random.Below(live.size())], live.back());
      addresses.erase(live.back());
      SlabPool<Node>::Destroy(live.back());
      live.pop_back();
    }
  }
  for (Node* node : live) SlabPool<Node>::Destroy(node);
}

TEST_CASE("objects may outlive their pool") {
  // LeakSanitizer watches that the last one takes the slab along.
  std::vector<Node*> live;
  {
    SlabPool<Node> pool;
    for (int i = 0; i < 3000; ++i) live.push_back(pool.New());
  }
  for (Node* node : live) {
    CHECK(node->value == 7);
    SlabPool<Node>::Destroy(node);
  }
}

}  // namespace
}  // namespace causeway::router
