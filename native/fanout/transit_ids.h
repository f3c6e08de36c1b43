// What has come over links that carry transit, or synchronises retained messages: in a mesh with
// circles the same message arrives by several ways, on several loops.
// Source: docs/protocol/cluster-link.md "Transit", "Retained messages".
#pragma once

#include <cstdint>
#include <mutex>
#include <string_view>

#include "core/hash.h"
#include "core/limits.h"
#include "link/repeat_window.h"

namespace causeway::fanout {

/// The last message ids of all loops together. Thread: every one; a lock per shard, taken for
/// such messages and by nobody else, held for one insertion, innermost.
/// Bound: limits::kTransitIds, grown into. Full: the oldest is forgotten, its copy passes.
class TransitIds {
 public:
  explicit TransitIds(HashSeed seed) : seed_(seed) {}
  TransitIds(const TransitIds&) = delete;
  TransitIds& operator=(const TransitIds&) = delete;

  /// False: it was here before.
  bool Insert(std::string_view message_id) {
    const uint64_t hash = Hash(message_id, seed_);
    Shard& shard = shards_[hash >> 60];
    const std::lock_guard<std::mutex> guard(shard.mutex);
    return shard.window.Insert(hash);
  }

 private:
  static constexpr size_t kShards = 16;
  struct Shard {
    std::mutex mutex;
    link::RepeatWindow window{limits::kTransitIds / kShards};
  };

  const HashSeed seed_;
  Shard shards_[kShards];
};

}  // namespace causeway::fanout
