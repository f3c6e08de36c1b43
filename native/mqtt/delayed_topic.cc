#include "mqtt/delayed_topic.h"

#include <algorithm>

namespace causeway::mqtt {

namespace {

constexpr size_t kDigitsMax = 15;  // 10^15 s are beyond every calendar, and 10^18 ms fit an int64_t

}  // namespace

DelayedTopic ParseDelayedTopic(std::string_view name, int64_t wall_ms) {
  name.remove_prefix(kDelayedPrefix.size());
  const size_t slash = name.find('/');
  if (slash == 0 || slash == std::string_view::npos || slash > kDigitsMax) return {};
  int64_t seconds = 0;
  for (const char c : name.substr(0, slash)) {
    if (c < '0' || c > '9') return {};
    seconds = seconds * 10 + (c - '0');
  }
  const std::string_view topic = name.substr(slash + 1);
  if (topic.empty() || topic.starts_with(kDelayedPrefix)) return {};
  if (seconds <= kDelaySecondsMax) return {topic, seconds * 1000};
  const int64_t delay_ms = seconds * 1000 - wall_ms;
  if (delay_ms > kDelaySecondsMax * 1000) return {};
  return {topic, std::max<int64_t>(delay_ms, 0)};
}

}  // namespace causeway::mqtt
