// Which messages leave a session's queue first. Source: mqtt.mqueue_priorities,
// mqtt.mqueue_default_priority.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace causeway::session {

inline constexpr uint16_t kLowestPriority = 0;
inline constexpr uint16_t kHighestPriority = 256;  // above all that can be configured: 1 … 255

/// Turns that a priority has before lower ones get theirs (EMQX's shift multiplier).
constexpr uint32_t CreditOf(uint16_t priority) { return (priority + 1u) * 10; }

/// Immutable once the loops run; read by all of them.
class QueuePriorities {
 public:
  QueuePriorities() = default;
  /// `fallback`: of topics that are not named.
  QueuePriorities(std::map<std::string, uint16_t, std::less<>> by_topic, uint16_t fallback)
      : by_topic_(std::move(by_topic)), fallback_(fallback) {}

  uint16_t Of(std::string_view topic) const {
    if (by_topic_.empty()) return kLowestPriority;  // one priority for all
    const auto found = by_topic_.find(topic);
    return found == by_topic_.end() ? fallback_ : found->second;
  }

 private:
  std::map<std::string, uint16_t, std::less<>> by_topic_;
  uint16_t fallback_ = kLowestPriority;
};

}  // namespace causeway::session
