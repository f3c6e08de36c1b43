#include "retained/write_order.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "mqtt/properties.h"

namespace causeway::retained {
namespace {

int Order(int64_t a, int64_t b) { return a < b ? -1 : a > b ? 1 : 0; }

/// One by one, sorted: a link keeps properties, not their order.
std::vector<std::string_view> Sorted(std::string_view properties) {
  std::vector<std::string_view> all;
  mqtt::PropertyReader reader(properties, mqtt::PropertyPlace::kMessage);
  for (mqtt::Property property; reader.Next(&property);) all.push_back(property.whole);
  std::sort(all.begin(), all.end());
  return all;
}

}  // namespace

int CompareWrites(const Message& a, const Message& b) {
  if (const int order = Order(a.timestamp_ms, b.timestamp_ms)) return order;
  if (const int order = a.payload().compare(b.payload())) return order;
  if (IsTombstone(a)) return 0;
  if (const int order = Order(a.qos, b.qos)) return order;
  if (const int order = Order(a.message_expiry_seconds, b.message_expiry_seconds)) return order;
  if (a.properties() == b.properties()) return 0;
  const auto ours = Sorted(a.properties()), theirs = Sorted(b.properties());
  return ours < theirs ? -1 : theirs < ours ? 1 : 0;
}

}  // namespace causeway::retained
