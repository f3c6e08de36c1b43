// How far the telling of our retained messages has come on one connection of a link
// (`retained_sync`). Source: docs/protocol/cluster-link.md "Retained messages".
#pragma once

#include <cstddef>
#include <cstdint>

#include "retained/index.h"

namespace causeway::fanout {

/// Of one pool slot, which tells those of its own topics. Thread: the slot's loop.
struct RetainedSnapshot {
  bool running = false;
  uint64_t lost = 0;   // LinkSpec::sync_lost, until it has been told
  uint64_t since = 0;  // LinkSpec::sync_since that it follows
  size_t filter = 0;   // of the link's retained_sync
  retained::Cursor cursor;
  int64_t began_ms = 0;
  uint64_t losses = 0;  // of the link's connections on this loop, when it began
};

}  // namespace causeway::fanout
