#include "core/counters.h"

#include <set>

#include <doctest/doctest.h>

namespace causeway {
namespace {

TEST_CASE("every counter has a name of its own, a unit and a meaning") {
  std::set<std::string_view> names;
  for (const CounterInfo& info : kCounterInfos) {
    names.insert(info.name);
    CHECK(!info.unit.empty());
    CHECK(!info.meaning.empty());
    CHECK(info.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") ==
          std::string_view::npos);
  }
  CHECK(names.size() == kCounterCount);
}

TEST_CASE("a snapshot has the values in the order of the declarations") {
  Counters counters;
  Bump(counters.bytes_received, 41);
  Bump(counters.bytes_received);
  Bump(counters.link_looped, 7);
  const auto values = counters.Read();
  CHECK(kCounterInfos[0].name == "bytes_received");
  CHECK(values[0] == 42);
  CHECK(kCounterInfos[kCounterCount - 1].name == "link_looped");
  CHECK(values[kCounterCount - 1] == 7);
}

}  // namespace
}  // namespace causeway
