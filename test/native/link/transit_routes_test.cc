#include "link/transit_routes.h"

#include <deque>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "link/etf.h"

#include <doctest/doctest.h>

namespace causeway::link {
namespace {

using Kind = RouteOperation::Kind;

std::string Raw(std::string_view text) {
  std::string raw;
  EtfWriter(&raw).Binary(text);
  return raw;
}

/// What a link was told and still holds, in order of arrival.
class Heard : public TransitSink {
 public:
  void Announce(Kind kind, int link, std::string_view filter, std::string_view route_id) override {
    const std::pair<std::string, std::string> route{filter, route_id};
    if (kind == Kind::kAdd) {
      held[link].insert(route);
    } else {
      held[link].erase(route);
    }
  }
  std::map<int, std::set<std::pair<std::string, std::string>>> held;
};

std::string Id(std::string_view path, std::string_view filter) {
  return std::string(1, '\0') + std::string(path) + "/" + std::string(filter);
}

/// Our links: 0 to west, 1 to south, 2 to east.
std::unique_ptr<TransitRoutes> Hub(Heard* heard, size_t routes_max = 100, uint64_t active = 7) {
  auto routes = std::make_unique<TransitRoutes>(heard, routes_max);
  routes->Reset("hub", {"west", "south", "east"}, 7);
  routes->SetActive(active);
  return routes;
}

/// A cluster among others, each pair of neighbours with a link each way that keeps order.
struct Node final : public TransitSink {
  Node(int self, int nodes) : self(self), routes(this, 10'000), outgoing(nodes) {
    std::vector<std::string> clusters;
    for (int i = 0; i < nodes; ++i) clusters.push_back("n" + std::to_string(i));
    routes.Reset(clusters[static_cast<size_t>(self)], clusters, ~uint64_t{0});
  }
  struct Change {
    Kind kind;
    std::string filter, route_id;
  };
  void Announce(Kind kind, int link, std::string_view filter, std::string_view route_id) override {
    outgoing[static_cast<size_t>(link)].push_back(
        {kind, std::string(filter), std::string(route_id)});
  }
  const int self;
  TransitRoutes routes;
  std::vector<std::deque<Change>> outgoing;  // by neighbour
  std::set<std::string> own;
  std::map<int, std::set<std::pair<std::string, std::string>>> held;  // by neighbour
};

class World {
 public:
  World(int size, std::mt19937* random) : random_(random) {
    for (int i = 0; i < size; ++i) nodes.push_back(std::make_unique<Node>(i, size));
    neighbours.resize(static_cast<size_t>(size));
  }
  void Link(int a, int b) {
    neighbours[static_cast<size_t>(a)].insert(b);
    neighbours[static_cast<size_t>(b)].insert(a);
    for (auto& node : nodes) {
      uint64_t active = 0;
      for (const int other : neighbours[static_cast<size_t>(node->self)])
        active |= uint64_t{1} << other;
      node->routes.SetActive(active);
    }
  }
  void Toggle(int at, const std::string& filter) {
    Node& node = *nodes[static_cast<size_t>(at)];
    const bool add = node.own.insert(filter).second;
    if (!add) node.own.erase(filter);
    for (const int other : neighbours[static_cast<size_t>(at)])
      node.Announce(add ? Kind::kAdd : Kind::kDelete, other, filter, filter);
  }
  /// One change on one link, chosen at random; false when nothing is on its way.
  bool Deliver() {
    std::vector<std::pair<int, int>> busy;
    for (auto& node : nodes) {
      for (size_t to = 0; to < nodes.size(); ++to) {
        if (!node->outgoing[to].empty()) busy.emplace_back(node->self, static_cast<int>(to));
      }
    }
    if (busy.empty()) return false;
    const auto [from, to] = busy[(*random_)() % busy.size()];
    auto& queue = nodes[static_cast<size_t>(from)]->outgoing[static_cast<size_t>(to)];
    const Node::Change change = queue.front();
    queue.pop_front();
    Node& node = *nodes[static_cast<size_t>(to)];
    auto& held = node.held[from];
    const std::string raw = change.route_id == change.filter ? "" : Raw(change.route_id);
    if (change.kind == Kind::kAdd) {
      if (held.insert({change.filter, change.route_id}).second)
        node.routes.Add(from, change.filter, raw);
    } else if (held.erase({change.filter, change.route_id}) == 1) {
      node.routes.Remove(from, change.filter, raw);
    }
    return true;
  }
  bool Holds(int at, const std::string& filter) const {
    for (const auto& [neighbour, held] : nodes[static_cast<size_t>(at)]->held) {
      for (const auto& route : held) {
        if (route.first == filter) return true;
      }
    }
    return false;
  }
  bool OtherReachableWants(int at, const std::string& filter) const {
    std::set<int> seen{at};
    std::vector<int> open{at};
    while (!open.empty()) {
      const int next = open.back();
      open.pop_back();
      if (next != at && nodes[static_cast<size_t>(next)]->own.count(filter) != 0) return true;
      for (const int other : neighbours[static_cast<size_t>(next)]) {
        if (seen.insert(other).second) open.push_back(other);
      }
    }
    return false;
  }

  std::vector<std::unique_ptr<Node>> nodes;
  std::vector<std::set<int>> neighbours;

 private:
  std::mt19937* const random_;
};

TEST_SUITE("link/transit_routes") {
  TEST_CASE("a neighbour's interest goes to the others, its name on it, and ends with it") {
    Heard heard;
    const auto routes = Hub(&heard);
    routes->Add(0, "a/#", {});
    CHECK(heard.held[0].empty());
    CHECK(heard.held[1] == heard.held[2]);
    CHECK(heard.held[2].count({"a/#", Id("west", "a/#")}) == 1);
    routes->Add(0, "a/#", Raw("$s/g/a/#"));  // a group there, or another node of theirs: no news
    routes->Remove(0, "a/#", {});
    CHECK(heard.held[2].size() == 1);
    routes->Remove(0, "a/#", Raw("$s/g/a/#"));
    CHECK(heard.held[1].empty());
    CHECK(heard.held[2].empty());
    CHECK(routes->size() == 0);
  }

  TEST_CASE("what came through a cluster does not go back to it, nor in a circle") {
    Heard heard;
    const auto routes = Hub(&heard);
    routes->Add(0, "t", Raw(Id("far+south", "t")));
    CHECK(heard.held[1].empty());
    CHECK(heard.held[2].count({"t", Id("far+south+west", "t")}) == 1);
    routes->Add(0, "u", Raw(Id("hub+far", "u")));
    routes->Add(0, "v", Raw(Id("west+far", "v")));
    CHECK(routes->size() == 1);
    CHECK(heard.held[2].size() == 1);
  }

  TEST_CASE("of several ways from one origin the shortest is announced, the next when it ends") {
    Heard heard;
    const auto routes = Hub(&heard);
    routes->Add(0, "t", Raw(Id("far+mid", "t")));
    CHECK(heard.held[2].count({"t", Id("far+mid+west", "t")}) == 1);
    routes->Add(1, "t", Raw(Id("far", "t")));
    CHECK(heard.held[2] ==
          std::set<std::pair<std::string, std::string>>{{"t", Id("far+south", "t")}});
    CHECK(heard.held[1].count({"t", Id("far+mid+west", "t")}) == 1);  // not back to the south
    routes->Remove(1, "t", Raw(Id("far", "t")));
    CHECK(heard.held[2] ==
          std::set<std::pair<std::string, std::string>>{{"t", Id("far+mid+west", "t")}});
  }

  TEST_CASE("a link that ends to carry takes its routes with it, one that begins hears all") {
    Heard heard;
    const auto routes = Hub(&heard, 100, 3);
    routes->Add(0, "t", {});
    routes->Add(1, "u", {});
    CHECK(heard.held[2].empty());
    routes->SetActive(7);
    routes->StartWalk();
    while (!routes->StepWalk(1)) {
    }
    CHECK(heard.held[2].size() == 2);
    routes->SetActive(6);
    routes->StartWalk();
    CHECK(routes->StepWalk(100));
    CHECK(heard.held[2].size() == 1);
    CHECK(heard.held[1].empty());
  }

  TEST_CASE("other clusters behind the links: what was announced is withdrawn") {
    Heard heard;
    const auto routes = Hub(&heard);
    routes->Add(0, "t", {});
    routes->Reset("hub", {"north", "south", "east"}, 7);
    CHECK(heard.held[1].empty());
    CHECK(routes->size() == 0);
    routes->Add(0, "t", {});
    CHECK(heard.held[1].count({"t", Id("north", "t")}) == 1);
  }

  TEST_CASE("beyond their bound routes are not announced, and counted") {
    Heard heard;
    const auto routes = Hub(&heard, 2);
    for (const char* filter : {"a", "b", "c"}) routes->Add(1, filter, {});
    CHECK(routes->size() == 2);
    CHECK(routes->refused(1) == 1);
    CHECK(routes->refused(0) == 0);
    CHECK(heard.held[0].size() == 2);
    routes->Remove(1, "c", {});  // was never there
    CHECK(routes->size() == 2);
  }

  TEST_CASE("in any topology everybody who can be reached is, and nothing outlives its reason") {
    for (uint32_t seed = 1; seed <= 300; ++seed) {
      std::mt19937 random(seed);
      const int size = 2 + static_cast<int>(random() % 5);
      World world(size, &random);
      for (int a = 0; a < size; ++a) {
        for (int b = a + 1; b < size; ++b) {
          if (random() % 2 == 0) world.Link(a, b);
        }
      }
      const std::string filters[] = {"x", "y"};
      for (int step = 0; step < 60; ++step) {
        world.Toggle(static_cast<int>(random() % static_cast<uint32_t>(size)),
                     filters[random() % 2]);
        for (uint32_t some = random() % 8; some > 0 && world.Deliver(); --some) {
        }
      }
      while (world.Deliver()) {
      }
      CAPTURE(seed);
      for (int at = 0; at < size; ++at) {
        for (const std::string& filter : filters) {
          CHECK(world.Holds(at, filter) == world.OtherReachableWants(at, filter));
        }
      }
    }
  }
}

}  // namespace
}  // namespace causeway::link
