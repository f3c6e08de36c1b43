// `$delayed/<interval>/<topic>`: taken apart. Pure functions; any thread.
// Source: docs/protocol/dollar-topics.md "$delayed/".
#pragma once

#include <cstdint>
#include <string_view>

namespace causeway::mqtt {

inline constexpr std::string_view kDelayedPrefix = "$delayed/";

/// The longest delay, in seconds: what EMQX takes, 2^32 ms. A greater number is a moment, in
/// seconds since the epoch.
inline constexpr int64_t kDelaySecondsMax = 4'294'967;

struct DelayedTopic {
  std::string_view topic;  // what the message is published to; empty: the name makes no sense
  int64_t delay_ms = 0;    // from now; 0 for a moment that has passed
};

/// `name` begins with kDelayedPrefix and is a valid topic name. `wall_ms`: milliseconds since the
/// epoch. The topic is empty when the interval is not a decimal number or is too long, when nothing
/// follows it, or when a second `$delayed/` does.
DelayedTopic ParseDelayedTopic(std::string_view name, int64_t wall_ms);

}  // namespace causeway::mqtt
