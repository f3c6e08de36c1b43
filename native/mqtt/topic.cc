#include "mqtt/topic.h"

#include <algorithm>

#include "mqtt/packet.h"

namespace causeway::mqtt {
namespace {

constexpr size_t kTopicBytesMax = 65535;  // what a two-byte length can say [MQTT-4.7.3-3]
constexpr std::string_view kSharePrefix = "$share/";

/// Wildcards of a filter without `$share/group/` stand alone in their level, and `#` in the last.
bool WildcardsWellPlaced(std::string_view filter) {
  for (size_t i = 0; i < filter.size(); ++i) {
    const char c = filter[i];
    if (c == '\0') return false;  // [MQTT-4.7.3-2]
    if (c != '+' && c != '#') continue;
    if (i > 0 && filter[i - 1] != '/') return false;  // [MQTT-4.7.1-1] [MQTT-4.7.1-2]
    if (i + 1 == filter.size()) continue;
    if (c == '#' || filter[i + 1] != '/') return false;  // [MQTT-4.7.1-1] [MQTT-4.7.1-2]
  }
  return true;
}

/// Cuts the first level off `*levels`. `*last` says that nothing, not even a separator, was behind
/// it.
std::string_view TakeLevel(std::string_view* levels, bool* last) {
  const size_t slash = levels->find('/');
  *last = slash == std::string_view::npos;
  const std::string_view level = levels->substr(0, slash);
  levels->remove_prefix(*last ? levels->size() : slash + 1);
  return level;
}

}  // namespace

TopicScan ScanTopicSlowly(std::string_view topic) {
  if (!ValidUtf8(topic)) return TopicScan::kMalformed;
  const bool wild =
      std::any_of(topic.begin(), topic.end(), [](char c) { return c == '+' || c == '#'; });
  return wild ? TopicScan::kWildcards : TopicScan::kPlain;
}

bool ValidTopicName(std::string_view topic) {
  if (topic.empty() || topic.size() > kTopicBytesMax)
    return false;  // [MQTT-4.7.3-1] [MQTT-4.7.3-3]
  return std::none_of(topic.begin(), topic.end(), [](char c) {
    return c == '+' || c == '#' || c == '\0';
  });  // [MQTT-4.7.0-1] [MQTT-4.7.3-2]
}

bool ValidTopicFilter(std::string_view filter) {
  if (filter.empty() || filter.size() > kTopicBytesMax)
    return false;  // [MQTT-4.7.3-1] [MQTT-4.7.3-3]
  std::string_view group, rest;
  if (!IsShared(filter, &group, &rest)) return WildcardsWellPlaced(filter);
  // A share name of at least one character without wildcards [MQTT-4.8.2-1], then a filter
  // [MQTT-4.8.2-2].
  return ValidTopicName(group) && !rest.empty() && WildcardsWellPlaced(rest);
}

bool IsShared(std::string_view filter, std::string_view* group, std::string_view* rest) {
  if (!filter.starts_with(kSharePrefix)) return false;
  filter.remove_prefix(kSharePrefix.size());
  bool last;
  const std::string_view name = TakeLevel(&filter, &last);
  if (group != nullptr) *group = name;
  if (rest != nullptr) *rest = filter;
  return true;
}

bool TopicMatches(std::string_view filter, std::string_view topic) {
  // A wildcard in the first level does not see topics of the server's own [MQTT-4.7.2-1].
  if (topic.starts_with('$') && (filter.starts_with('+') || filter.starts_with('#'))) return false;
  for (;;) {
    bool filter_ends, topic_ends;
    const std::string_view wanted = TakeLevel(&filter, &filter_ends);
    if (wanted == "#") return true;
    const std::string_view level = TakeLevel(&topic, &topic_ends);
    if (wanted != "+" && wanted != level) return false;
    if (topic_ends)
      return filter_ends || filter == "#";  // `sport/#` matches its parent `sport`. §4.7.1.2
    if (filter_ends) return false;
  }
}

}  // namespace causeway::mqtt
