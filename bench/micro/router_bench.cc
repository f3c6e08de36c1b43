// Question: what do matching, subscribing and group choice cost in the router alone (design.md §11,
// the two "router" rows)? Load: one thread, topics drawn at random from the whole set, so that with
// a million filters the caches of the machine miss. Saturated: the core it runs on; nothing else is
// in the way. Single thread: readers do not slow each other (no shared writes). Build: g++
// -std=gnu++20 -fno-exceptions -fno-rtti -O3 -march=native -Inative bench/micro/router_bench.cc
// native/router/*.cc
//        native/core/epoch.cc native/core/hash.cc
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "core/epoch.h"
#include "core/session_flags.h"
#include "router/index.h"
#include "router/members.h"
#include "router/route_cache.h"

namespace {

using causeway::EpochDomain;
using causeway::HashSeed;
using causeway::SessionFlags;
using namespace causeway::router;

double NowNs() {
  return static_cast<double>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                 std::chrono::steady_clock::now().time_since_epoch())
                                 .count());
}

/// Median of three runs, in ns per operation.
template <typename Run>
double Measure(size_t operations, Run&& run) {
  std::vector<double> times;
  for (int i = 0; i < 3; ++i) {
    const double begin = NowNs();
    run();
    times.push_back((NowNs() - begin) / static_cast<double>(operations));
  }
  std::sort(times.begin(), times.end());
  return times[1];
}

/// Wildcard filters of a fleet: one per device and measurement, in `sites` of 100 devices.
std::string FleetFilter(size_t i) {
  return "fleet/site" + std::to_string(i / 100) + "/dev" + std::to_string(i % 100) + "/+/state";
}
std::string FleetTopic(size_t i) {
  return "fleet/site" + std::to_string(i / 100) + "/dev" + std::to_string(i % 100) + "/temp/state";
}
/// One flat level with every device in it.
std::string FlatFilter(size_t i) { return "device/" + std::to_string(i) + "/#"; }
std::string FlatTopic(size_t i) { return "device/" + std::to_string(i) + "/temp"; }
std::string ExactFilter(size_t i) {
  return "plant/line" + std::to_string(i / 1000) + "/cell" + std::to_string(i % 1000);
}

struct MatchCosts {
  double alone, together;  // ns a topic
};

MatchCosts MatchCost(size_t filters, std::string (*filter)(size_t), std::string (*topic)(size_t)) {
  EpochDomain epochs;
  Index index(HashSeed::Random(), &epochs);
  for (size_t i = 0; i < filters; ++i) index.Acquire(filter(i));
  index.Acquire("fleet/+/alarm/#");
  std::mt19937_64 random(7);
  std::vector<std::string> topics;
  for (size_t i = 0; i < 200'000; ++i) topics.push_back(topic(random() % filters));
  std::vector<Filter*> found;
  size_t matched = 0;
  const double alone = Measure(topics.size(), [&] {
    for (const std::string& t : topics) {
      found.clear();
      index.Match(t, &found);
      matched += found.size();
    }
  });
  const double together = Measure(topics.size(), [&] {
    std::vector<Filter*> each[Index::kTogether];
    Index::Query queries[Index::kTogether];
    for (size_t at = 0; at < topics.size(); at += Index::kTogether) {
      const size_t count = std::min(Index::kTogether, topics.size() - at);
      for (size_t i = 0; i < count; ++i) {
        each[i].clear();
        queries[i] = {topics[at + i], &each[i]};
      }
      index.Match(queries, count);
      for (size_t i = 0; i < count; ++i) matched += each[i].size();
    }
  });
  if (matched < 6 * topics.size()) std::abort();
  return {alone, together};
}

void Match() {
  struct Shape {
    const char* name;
    std::string (*filter)(size_t);
    std::string (*topic)(size_t);
  };
  for (const Shape& shape :
       {Shape{"site/device/+/state", FleetFilter, FleetTopic},
        Shape{"device/N/#", FlatFilter, FlatTopic}, Shape{"exact", ExactFilter, ExactFilter}}) {
    const MatchCosts small = MatchCost(1000, shape.filter, shape.topic);
    const MatchCosts large = MatchCost(1'000'000, shape.filter, shape.topic);
    std::printf("match %-22s 1,000: %4.0f ns   1,000,000: %4.0f ns   ratio %.2f\n", shape.name,
                small.alone, large.alone, large.alone / small.alone);
    std::printf("  together %-19s 1,000: %4.0f ns   1,000,000: %4.0f ns   ratio %.2f\n", shape.name,
                small.together, large.together, large.together / small.together);
  }
}

/// Acquire + AddLocal + Add + Show, and the way back, as control and one loop do them.
void Subscribe(const char* name, std::string (*text)(size_t)) {
  constexpr size_t kFilters = 1'000'000;
  EpochDomain epochs;
  Index index(HashSeed::Random(), &epochs);
  MemberTable members(HashSeed::Random());
  std::vector<std::string> texts;
  for (size_t i = 0; i < kFilters; ++i) texts.push_back(text(i));
  std::vector<Filter*> filters(kFilters);
  double worst = 0, begin = NowNs();
  for (size_t i = 0; i < kFilters; ++i) {
    const double each = i % 16 == 0 ? NowNs() : 0;
    Filter* filter = index.Acquire(texts[i]);
    index.AddLocal(filter);
    bool first = false;
    members.Add(filter->ref, {.session = static_cast<uint32_t>(i % 1000), .options = 1}, &first);
    if (first) index.ShowOnLoop(filter, 0);
    filters[i] = filter;
    if (i % 16 == 0) worst = std::max(worst, NowNs() - each);
  }
  const double subscribe = (NowNs() - begin) / kFilters;
  const size_t bytes = index.memory_bytes() + members.memory_bytes();
  begin = NowNs();
  for (size_t i = 0; i < kFilters; ++i) {
    Filter* filter = filters[i];
    bool last = false;
    members.Remove(filter->ref, static_cast<uint32_t>(i % 1000), &last);
    if (last) index.HideOnLoop(filter, 0);
    index.RemoveLocal(filter);
    index.Release(filter);
    if (i % 1024 == 0) epochs.Collect();
  }
  epochs.Collect();
  std::printf(
      "%-26s subscribe %5.0f ns  unsubscribe %5.0f ns  (1,000,000 filters, %zu B each, worst pause "
      "%.2f ms)\n",
      name, subscribe, (NowNs() - begin) / kFilters, bytes / kFilters, worst / 1e6);
}

/// Repeated subscriptions to filters that exist, the common case of many sessions on few filters.
void Churn() {
  EpochDomain epochs;
  Index index(HashSeed::Random(), &epochs);
  MemberTable members(HashSeed::Random());
  constexpr size_t kRounds = 1'000'000;
  double begin = NowNs();
  for (size_t i = 0; i < kRounds; ++i) {
    Filter* filter = index.Acquire("fleet/site1/+/state");
    index.AddLocal(filter);
    bool first = false, last = false;
    members.Add(filter->ref, {.session = 1}, &first);
    index.ShowOnLoop(filter, 0);
    members.Remove(filter->ref, 1, &last);
    index.HideOnLoop(filter, 0);
    index.RemoveLocal(filter);
    index.Release(filter);
    if (i % 1024 == 0) epochs.Collect();
  }
  std::printf("churn of one filter        %.0f ns for subscribe + unsubscribe\n",
              (NowNs() - begin) / kRounds);

  Filter* filter = index.Acquire("news/#");
  begin = NowNs();
  for (uint32_t i = 0; i < 100'000; ++i) {
    index.Acquire("news/#");
    index.AddLocal(filter);
    bool first = false;
    members.Add(filter->ref, {.session = i}, &first);
    index.ShowOnLoop(filter, 0);
  }
  std::printf("100,000 on one filter      %.1f ms\n", (NowNs() - begin) / 1e6);
  MemberList* list = members.Find(filter->ref);
  uint64_t sum = 0;
  const double walk = Measure(100'000, [&] {
    for (size_t i = 0; i < list->end(); ++i) sum += list->at(i).session;
  });
  std::printf("walking its members        %.2f ns a member (%llu)\n", walk,
              static_cast<unsigned long long>(sum % 7));

  begin = NowNs();
  bool first = false;
  Group* group = nullptr;
  for (uint32_t i = 0; i < 100'000; ++i) {
    group = index.JoinGroup(filter, "g", Strategy::kRoundRobin, {.loop = 0, .session = i}, &first);
  }
  std::printf("100,000 into one group     %.1f ms\n", (NowNs() - begin) / 1e6);
  static SessionFlags flags;
  for (uint32_t i = 0; i < 100'000; ++i)
    flags.Set(i, SessionFlags::kConnected | SessionFlags::kHasRoom);
  const SessionFlags* by_loop[] = {&flags};
  GroupMember member;
  const double pick = Measure(1'000'000, [&] {
    for (int i = 0; i < 1'000'000; ++i) group->Pick({0, 0, 0, 0, by_loop}, nullptr, &member);
  });
  std::printf("group pick                 %.1f ns\n", pick);
}

void Cache() {
  EpochDomain epochs;
  Index index(HashSeed::Random(), &epochs);
  MemberTable members(HashSeed::Random());
  for (size_t i = 0; i < 100'000; ++i) {
    Filter* filter = index.Acquire(FleetFilter(i));
    bool first = false;
    members.Add(filter->ref, {.session = 1}, &first);
    index.ShowOnLoop(filter, 0);
  }
  RouteCache cache(0, &index, &members, HashSeed::Random(), 65'536, 64 << 20);
  for (const size_t topics : {100, 10'000}) {
    std::vector<std::string> names;
    for (size_t i = 0; i < topics; ++i) names.push_back(FleetTopic(i * 7 % 100'000));
    uint64_t hash = 0, sum = 0;
    const auto round = [&] {
      for (int i = 0; i < 100'000; ++i)
        sum += cache.Lookup(names[static_cast<size_t>(i) % topics], &hash)->local.size();
    };
    round();
    std::printf("cached lookup, %6zu topics %.1f ns\n", topics, Measure(100'000, round));
    if (sum == 0) std::abort();
  }
}

}  // namespace

int main() {
  Match();
  Subscribe("site/device/+/state", FleetFilter);
  Subscribe("device/N/#", FlatFilter);
  Subscribe("exact", ExactFilter);
  Churn();
  Cache();
  return 0;
}
