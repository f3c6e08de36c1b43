// Topic names and topic filters: scanning, shared subscriptions, matching. ValidTopicName and
// ValidTopicFilter are declared in packet.h. Pure functions; any thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "mqtt/swar.h"

namespace causeway::mqtt {

/// What one pass over the bytes of a topic name found.
enum class TopicScan : uint8_t {
  kPlain,      // well-formed UTF-8 without NUL and without wildcards
  kWildcards,  // well-formed, but holds `+` or `#`
  kMalformed,  // not a UTF-8 Encoded String
};

/// ScanTopic for what the eight-byte loop cannot decide alone: bytes above 0x7F, or something
/// forbidden.
TopicScan ScanTopicSlowly(std::string_view topic);

/// UTF-8 validity and wildcards of a topic name in one pass, eight bytes at a time while it is
/// plain ASCII. Empty is plain.
inline TopicScan ScanTopic(std::string_view topic) {
  // `#` 0x23 and `+` 0x2B differ in one bit: clear it, and one comparison finds both.
  const auto all_plain = [](uint64_t word) {
    const uint64_t wild = (word & swar::Every(0xF7)) ^ swar::Every('#');
    return (swar::NonZeroAscii(word) & (wild + swar::Every(0x7F))) == swar::kHighBits;
  };
  const char* at = topic.data();
  size_t left = topic.size();
  if (left < 8) {
    if (left == 0 || all_plain(swar::LoadShort(at, left))) return TopicScan::kPlain;
    return ScanTopicSlowly(topic);
  }
  for (; left > 8; at += 8, left -= 8) {
    if (!all_plain(swar::Load8(at))) return ScanTopicSlowly(topic);
  }
  // The last word ends with the topic and overlaps the one before.
  return all_plain(swar::Load8(at + left - 8)) ? TopicScan::kPlain : ScanTopicSlowly(topic);
}

/// True when `filter` starts with `$share/`; then `*group` and `*rest` get the share name and the
/// filter behind it (both non-empty for a filter that passed ValidTopicFilter). Null outputs are
/// skipped. Source: MQTT 5.0 §4.8.2
bool IsShared(std::string_view filter, std::string_view* group, std::string_view* rest);

/// Whether `filter` (valid, without `$share/group/`) matches `topic` (valid), level by level. Cost:
/// one walk of both. The obvious version, for single filters; the router's index answers for many.
/// Source: MQTT 5.0 §4.7
bool TopicMatches(std::string_view filter, std::string_view topic);

}  // namespace causeway::mqtt
