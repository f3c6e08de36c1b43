// Which of two retained messages of one topic was written last: what linked clusters that
// synchronise must agree on without asking each other. Source: docs/protocol/cluster-link.md
// "Retained messages".
#pragma once

#include "core/message.h"

namespace causeway::retained {

/// A message without payload that is stored stands for a deletion: no subscriber sees it, linked
/// clusters are told of it, and nothing older takes its place.
inline bool IsTombstone(const Message& message) { return message.payload_bytes == 0; }

/// Negative: `a` was written before `b`; 0: they are the same. Decided by their stamps,
/// Message::timestamp_ms. In the same millisecond by what they say: the greater payload, so that a
/// message beats a deletion; then QoS, expiry and properties, in whichever order a way between
/// clusters has left those. A total order, the same everywhere.
int CompareWrites(const Message& a, const Message& b);

}  // namespace causeway::retained
