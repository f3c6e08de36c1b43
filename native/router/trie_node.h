// What the trie of wildcard filters is made of.
#pragma once

#include <atomic>
#include <cstdint>

#include "router/filter.h"
#include "router/pointer_table.h"
#include "router/word_table.h"

namespace causeway::router {

/// One level. `#` has no node of its own: the filter "a/#" hangs on node "a" as `tail`, so it
/// matches "a" as well (§4.7.1.2) without a second lookup.
struct alignas(64) TrieNode {
  Word* word = nullptr;        // null: root, or a `+` level. Immutable
  uint64_t hash = 0;           // of the word. Immutable
  TrieNode* parent = nullptr;  // immutable
  PointerTable<TrieNode> children;
  // Writer stores with release, readers acquire: what is behind the pointer is complete.
  std::atomic<TrieNode*> plus{nullptr};
  std::atomic<Filter*> filter{nullptr};  // ends here
  std::atomic<Filter*> tail{nullptr};    // ends here with "/#"
  uint32_t uses = 0;                     // writer: children + plus + filter + tail

  uint64_t table_hash() const { return hash; }
};

}  // namespace causeway::router
