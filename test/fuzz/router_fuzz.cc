// The router under an alphabet of operations: filters come and go, masks change, topics are looked
// up through the cache; every answer is compared with the matcher by string splitting. Two bytes an
// operation: what, and on which filter or topic.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "../oracle/topic_match.h"
#include "router/route_cache.h"

namespace {

using causeway::EpochDomain;
using namespace causeway::router;

constexpr int kLoop = 1;
constexpr size_t kOperationsMax = 2000;

/// Filter or topic number n: up to four levels of two bits each.
std::string Text(uint8_t n, bool filter) {
  static constexpr std::array<const char*, 4> kTopic = {"a", "", "$s", "b"},
                                              kFilter = {"a", "", "+", "#"};
  std::string text;
  const int levels = 1 + n % 4;
  for (int i = 0; i < levels; ++i) {
    const std::string level = (filter ? kFilter : kTopic)[(n >> (2 * (i % 3) + 2)) % 4];
    text += (i == 0 ? "" : "/") + level;
    if (level == "#") break;
  }
  return text.empty() ? "a" : text;
}

/// Several numbers spell one filter: the lowest of them stands for it.
uint8_t Canonical(uint8_t n) {
  uint8_t first = 0;
  while (Text(first, true) != Text(n, true)) ++first;
  return first;
}

struct Model {
  Filter* filter = nullptr;
  uint64_t links = 0;
  uint32_t members = 0;  // bits
};

void Expect(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  EpochDomain epochs;
  Index index({1, 2}, &epochs);
  MemberTable members({3, 4});
  RouteCache cache(kLoop, &index, &members, {5, 6}, 8, 1 << 14);
  std::array<Model, 256> model;
  const int reader = epochs.Register();
  for (size_t i = 0; i + 1 < size && i / 2 < kOperationsMax; i += 2) {
    const uint8_t operation = data[i] % 6, argument = data[i] / 6, number = Canonical(data[i + 1]);
    Model& m = model[number];
    if (operation < 4 && m.filter == nullptr) m.filter = index.Acquire(Text(number, true));
    bool edge = false;
    switch (operation) {
      case 0: {
        members.Add(m.filter->ref, {.session = number * 4u + argument % 4u}, &edge);
        m.members |= 1u << argument % 4;
        if (edge) index.ShowOnLoop(m.filter, kLoop);
        break;
      }
      case 1:
        members.Remove(m.filter->ref, number * 4u + argument % 4u, &edge);
        m.members &= ~(1u << argument % 4);
        break;
      case 2:
        index.AddLink(m.filter, argument);
        m.links |= uint64_t{1} << argument;
        break;
      case 3:
        index.RemoveLink(m.filter, argument);
        m.links &= ~(uint64_t{1} << argument);
        break;
      case 4: {
        if (m.filter == nullptr) break;
        for (uint32_t s = 0; s < 4; ++s) members.Remove(m.filter->ref, number * 4u + s, &edge);
        for (int link = 0; link < 64; ++link) index.RemoveLink(m.filter, link);
        index.Release(m.filter);
        m = {};
        epochs.Collect();
        break;
      }
      default: {
        const std::string topic = Text(data[i + 1], false);
        const causeway::EpochGuard guard(&epochs, reader);
        // Sometimes it was expected, among others that may come or not.
        std::array<std::string, 3> others;
        std::array<std::string_view, 4> expected = {topic};
        for (size_t n = 0; n < others.size(); ++n) {
          others[n] = Text(data[(i + 3 + 2 * n) % size], false);
          expected[n + 1] = others[n];
        }
        if (argument % 5 > 0) cache.Expect(expected.data(), argument % 5);
        uint64_t hash = 0, links = 0;
        if (argument % 2 == 1) cache.Lookup(others[0], &hash);
        const Route* route = cache.Lookup(topic, &hash);
        uint64_t sessions = 0, listed = 0;
        for (int n = 0; n < 256; ++n) {
          const Model& each = model[static_cast<size_t>(n)];
          if (each.filter == nullptr || !causeway::oracle::TopicMatches(each.filter->text, topic))
            continue;
          links |= each.links;
          sessions += static_cast<uint64_t>(__builtin_popcount(each.members));
        }
        for (const MemberList* list : route->local) listed += list->size();
        Expect(route->links == links);
        Expect(listed == sessions);
        cache.Forget();
      }
    }
  }
  epochs.Unregister(reader);
  for (Model& m : model) {
    if (m.filter != nullptr) index.Release(m.filter);
  }
  Expect(index.size() == 0);
  Expect(epochs.Collect() == 0);
  return 0;
}
