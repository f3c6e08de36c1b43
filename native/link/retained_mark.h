// What a forwarded message says of retained synchronisation between Causeways, in its last element.
// Source: docs/protocol/cluster-link.md "Retained messages".
#pragma once

#include <cstdint>
#include <string_view>

namespace causeway::link {

inline constexpr std::string_view kRetainedKey = "retained";

/// A message without a mark changes nobody's retained messages.
enum class RetainedMark : uint8_t {
  kNone,
  kLive,   // a client of the sender's cluster has just published it: for subscribers too
  kState,  // what the sender holds: for subscribers where it is news
};

/// The value under kRetainedKey; empty for kNone.
std::string_view TextOf(RetainedMark mark);
/// Of the `extra` of a forwarded message. kNone for a map without the key, for a value of another
/// version than ours, and for what is no map.
RetainedMark ReadRetainedMark(std::string_view extra);

}  // namespace causeway::link
