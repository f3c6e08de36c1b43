#include "link/route_table.h"

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <tuple>

#include <doctest/doctest.h>

namespace causeway::link {
namespace {

using Kind = RouteOperation::Kind;

/// Keeps what the router would know, and checks that every edge is one.
class Router : public RouteSink {
 public:
  void AddRoute(std::string_view filter, int link) override {
    CHECK(routes.insert({std::string(filter), link}).second);
  }
  void RemoveRoute(std::string_view filter, int link) override {
    CHECK(routes.erase({std::string(filter), link}) == 1);
  }
  std::set<std::pair<std::string, int>> routes;
};

struct Operation {
  Kind kind;
  std::string filter;
  std::string route_id;
};

ApplyResult Apply(RouteTable* table, int link, int lane, uint32_t epoch,
                  const std::vector<Operation>& operations, size_t budget = SIZE_MAX) {
  RouteBatchWriter writer("n", 1, 4000, 512 << 10);
  for (const Operation& each : operations)
    REQUIRE(writer.Append(each.kind, each.filter, each.route_id));
  const std::string payload = writer.Finish();
  std::string scratch;
  RouteHeader header;
  REQUIRE(DecodeRouteMessage(payload, &scratch, &header) == RouteStatus::kOk);
  RouteOperations walk(header);
  ApplyResult result;
  while (!table->Apply(link, lane, epoch, &walk, budget, &result)) {
  }
  return result;
}

Operation Add(const std::string& filter) { return {Kind::kAdd, filter, filter}; }
Operation Delete(const std::string& filter) { return {Kind::kDelete, filter, filter}; }

TEST_SUITE("link/route_table") {
  TEST_CASE("the router hears of the first and the last holding only") {
    Router router;
    RouteTable table({1, 2}, &router, 1000);
    const Operation shared = {Kind::kAdd, "t", "$s/g/t"};
    CHECK(Apply(&table, 3, 0, 1, {Add("t")}).adds == 1);
    CHECK(Apply(&table, 3, 0, 1, {shared}).adds == 1);
    CHECK(Apply(&table, 3, 1, 1, {Add("t")}).adds == 1);  // another node of the same cluster
    CHECK(router.routes == std::set<std::pair<std::string, int>>{{"t", 3}});
    CHECK(table.holdings() == 3);
    CHECK(table.filters() == 1);
    Apply(&table, 3, 0, 1, {Delete("t"), {Kind::kDelete, "t", "$s/g/t"}});
    CHECK(table.Wants(3, "t"));
    Apply(&table, 3, 1, 1, {Delete("t")});
    CHECK_FALSE(table.Wants(3, "t"));
    CHECK(router.routes.empty());
  }

  TEST_CASE("adding what is held and deleting what is not are no-ops") {
    Router router;
    RouteTable table({1, 2}, &router, 1000);
    const ApplyResult result =
        Apply(&table, 0, 0, 1, {Delete("t"), Add("t"), Add("t"), Delete("t"), Delete("t")});
    CHECK(result.adds == 1);
    CHECK(result.deletes == 1);
    CHECK(result.repeats == 3);
    CHECK(Apply(&table, 1, 0, 1, {Delete("t")}).repeats == 1);
  }

  TEST_CASE("a new bootstrap sweeps what it did not confirm, and only in its own lane") {
    Router router;
    RouteTable table({1, 2}, &router, 1000);
    Apply(&table, 0, 0, 1, {Add("a"), Add("b"), Add("c")});
    Apply(&table, 0, 1, 1, {Add("a"), Add("d")});
    Apply(&table, 1, 0, 1, {Add("a")});
    Apply(&table, 0, 0, 2, {Add("b"), Add("e")});
    CHECK(router.routes.size() == 6);  // nothing was removed while the bootstrap ran
    CHECK(table.Sweep(0, 0, 2, 100) == 2);
    CHECK(table.holdings(0, 0) == 2);
    CHECK(table.holdings(0, 1) == 2);
    CHECK(router.routes ==
          std::set<std::pair<std::string, int>>{{"a", 0}, {"a", 1}, {"b", 0}, {"d", 0}, {"e", 0}});
    CHECK(table.Sweep(0, 0, 2, 100) == 0);
  }

  TEST_CASE("a bootstrap interrupted and begun anew leaves nothing of either behind") {
    Router router;
    RouteTable table({1, 2}, &router, 1000);
    Apply(&table, 0, 0, 1, {Add("a"), Add("b"), Add("c")});
    Apply(&table, 0, 0, 2, {Add("a"), Add("d")});
    Apply(&table, 0, 0, 3, {Add("c")});
    CHECK(table.Sweep(0, 0, 3, 100) == 3);
    CHECK(router.routes == std::set<std::pair<std::string, int>>{{"c", 0}});
    CHECK(table.Sweep(0, 0, 4, 100) == 1);  // an empty bootstrap
    CHECK(router.routes.empty());
  }

  TEST_CASE("sweeping and clearing work in slices") {
    Router router;
    RouteTable table({1, 2}, &router, 10000);
    std::vector<Operation> many;
    for (int i = 0; i < 1000; ++i) many.push_back(Add("t/" + std::to_string(i)));
    Apply(&table, 0, 0, 1, many, 7);
    CHECK(table.holdings(0) == 1000);
    CHECK(table.Sweep(0, 0, 2, 300) == 300);
    CHECK(table.Clear(0, 0, 300) == 300);
    CHECK(table.Clear(0, 0, 1000) == 400);
    CHECK(table.holdings(0) == 0);
    CHECK(router.routes.empty());
    CHECK(table.bytes() == 0);
    CHECK(table.Clear(0, 5, 10) == 0);
    CHECK(table.Clear(77, 0, 10) == 0);
  }

  TEST_CASE("pages hold every route that stays once, whatever comes and goes between them") {
    Router router;
    RouteTable table({1, 2}, &router, 10000);
    std::mt19937 random(17);
    std::set<std::string> kept;
    for (int i = 0; i < 500; ++i) {
      const std::string kept_filter = "kept/" + std::to_string(i);
      kept.insert(kept_filter);
      Apply(&table, 3, i % 3, 1, {Add(kept_filter), Add("goes/" + std::to_string(i))});
      Apply(&table, 4, 0, 1, {Add(kept_filter)});  // another link's
    }
    for (const size_t places_max : {size_t{7}, size_t{100000}}) {
      std::map<std::string, int> seen;
      int pages = 0;
      for (uint32_t from = 0; from != RouteTable::kPagesEnd; ++pages) {
        size_t routes = 0;
        const uint32_t next =
            table.Page(3, from, 50, places_max,
                       [&](std::string_view filter, int lane, std::string_view route_id) {
                         ++routes;
                         CHECK(route_id.empty());
                         if (!filter.starts_with("kept/")) return;
                         CHECK(lane == std::stoi(std::string(filter.substr(5))) % 3);
                         ++seen[std::string(filter)];
                       });
        CHECK(routes <= std::min<size_t>(50, places_max));
        CHECK(next > from);
        from = next;
        const std::string other = "goes/" + std::to_string(random() % 500);
        Apply(&table, 3, 0, 1, {random() % 2 == 0 ? Add(other) : Delete(other)});
      }
      CHECK(pages > 10);
      CHECK(seen.size() == kept.size());
      for (const auto& [filter, times] : seen) {
        CHECK(kept.contains(filter));
        CHECK(times == 1);
      }
    }
    CHECK(table.Page(5, 0, 50, 10, [](std::string_view, int, std::string_view) { CHECK(false); }) ==
          10);
    CHECK(table.Page(5, 0, 50, 100000, [](std::string_view, int, std::string_view) {
      CHECK(false);
    }) == RouteTable::kPagesEnd);
  }

  TEST_CASE("invalid filters are left out and counted, the rest of the batch applies") {
    Router router;
    RouteTable table({1, 2}, &router, 1000);
    const ApplyResult result =
        Apply(&table, 0, 0, 1,
              {Add("a/#/b"), Add("a+"), Add("\xff"), Add("$share/g/t"), Add("ok"), Delete("a+")});
    CHECK(result.invalid == 4);
    CHECK(result.adds == 1);
    CHECK(router.routes.size() == 1);
  }

  TEST_CASE(
      "beyond its bound the table refuses and counts adds, and takes them again when there is "
      "room") {
    Router router;
    RouteTable table({1, 2}, &router, 2);
    CHECK(Apply(&table, 0, 0, 1, {Add("a"), Add("b"), Add("c")}).refused == 1);
    CHECK(Apply(&table, 0, 0, 1, {Add("a")}).repeats == 1);
    CHECK(Apply(&table, 0, 0, 1, {Delete("a"), Add("c")}).adds == 1);
    CHECK(router.routes == std::set<std::pair<std::string, int>>{{"b", 0}, {"c", 0}});
  }

  TEST_CASE("100,000 routes cost at most 200 bytes each") {
    Router router;
    RouteTable table({1, 2}, &router, 1 << 20);
    std::vector<Operation> batch;
    for (int i = 0; i < 100000; ++i) {
      batch.push_back(Add("site/" + std::to_string(i) + "/device/status"));
      if (batch.size() < 4000) continue;
      Apply(&table, 0, 0, 1, batch);
      batch.clear();
    }
    CHECK(table.holdings() == 100000);
    CHECK(table.bytes() <= 200 * table.holdings());
    CHECK(table.bytes() >= 60 * table.holdings());
  }

  TEST_CASE("random operations agree with a naive table") {
    for (uint32_t seed = 1; seed <= 20; ++seed) {
      CAPTURE(seed);
      std::mt19937 random(seed);
      Router router;
      RouteTable table({seed, 3}, &router, 1 << 20);
      using Held = std::tuple<int, int, std::string, std::string>;  // link, lane, filter, route id
      std::map<Held, uint32_t> model;                               // → epoch of last confirmation
      std::map<std::pair<int, int>, uint32_t> epochs;
      for (int step = 0; step < 1500; ++step) {
        const int link = static_cast<int>(random() % 3);
        const int lane = static_cast<int>(random() % 3);
        uint32_t& epoch = epochs[{link, lane}];
        const uint32_t dice = random() % 100;
        if (dice < 85) {
          std::vector<Operation> batch;
          for (uint32_t n = random() % 12; n > 0; --n) {
            const std::string filter = "t/" + std::to_string(random() % 60);
            const std::string route_id = random() % 3 == 0 ? "$s/g/" + filter : filter;
            const Kind kind = random() % 3 ? Kind::kAdd : Kind::kDelete;
            batch.push_back({kind, filter, route_id});
            if (kind == Kind::kAdd) {
              model[{link, lane, filter, route_id}] = epoch;
            } else {
              model.erase({link, lane, filter, route_id});
            }
          }
          Apply(&table, link, lane, epoch, batch, 1 + random() % 5);
        } else if (dice < 90) {
          ++epoch;
        } else {
          const bool all = dice >= 98;
          const size_t before = model.size();
          std::erase_if(model, [&](const auto& item) {
            const auto& [held_link, held_lane, filter, route_id] = item.first;
            return held_link == link && held_lane == lane && (all || item.second != epoch);
          });
          size_t removed = 0;
          for (size_t n;
               (n = all ? table.Clear(link, lane, 3) : table.Sweep(link, lane, epoch, 3)) > 0;)
            removed += n;
          CHECK(removed == before - model.size());
        }
        REQUIRE(table.holdings() == model.size());
      }
      std::set<std::pair<std::string, int>> wanted;
      for (const auto& [held, epoch] : model) wanted.insert({std::get<2>(held), std::get<0>(held)});
      CHECK(router.routes == wanted);
      CHECK(table.filters() == wanted.size());
    }
  }
}

}  // namespace
}  // namespace causeway::link
