// A topic filter with its destinations: the unit the router hands to fan-out, links and walks.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "router/group.h"

namespace causeway::router {

using FilterId = uint32_t;

/// Names a filter across threads: an old generation is recognised and ignored.
struct FilterRef {
  FilterId id = 0xFFFFFFFF;
  uint32_t generation = 0;
  bool operator==(const FilterRef&) const = default;
};

/// One filter that has, had a moment ago, or is about to have destinations.
/// Lifetime: from Index::Acquire until the last Index::Release plus an epoch.
struct Filter {
  FilterRef ref;
  std::string text;  // without $share prefix; immutable
  /// Bit j: loop j has at least one plain member in its MemberTable. Written by loop j only
  /// (fetch_or / fetch_and) through Index::ShowOnLoop / HideOnLoop.
  std::atomic<uint64_t> loops{0};
  /// Bit i: linked cluster i has a route for it. Writer.
  std::atomic<uint64_t> links{0};
  /// Number of plain local subscribers. Writer; walks read it.
  std::atomic<uint32_t> local{0};
  uint32_t references = 0;  // writer only
  /// Singly linked list of shared groups on this filter; nodes are retired by epoch. Writer;
  /// readers acquire.
  std::atomic<Group*> groups{nullptr};
  /// Trie node of a wildcard filter, null for an exact one. Immutable; the index's.
  void* node = nullptr;
  /// Keyed hash of `text` (exact filters). Immutable; the index's.
  uint64_t hash = 0;

  uint64_t table_hash() const { return hash; }
};

}  // namespace causeway::router
