// Wildcard filters as a trie of levels. Matching costs what is reachable, not what is stored.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/epoch.h"
#include "core/hash.h"
#include "router/filter.h"
#include "router/pointer_table.h"
#include "router/slab_pool.h"
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

/// Writer: one thread. Readers: all, inside an epoch.
class TopicTrie {
 public:
  TopicTrie(HashSeed seed, EpochDomain* epochs) : words_(seed, epochs), epochs_(epochs) {}
  /// No reader is left. Filters are not the trie's.
  ~TopicTrie();
  TopicTrie(const TopicTrie&) = delete;
  TopicTrie& operator=(const TopicTrie&) = delete;

  /// A place for one filter.
  struct Place {
    TrieNode* node;
    std::atomic<Filter*>* slot;  // node->filter or node->tail
  };

  /// Writer. Where `filter` is or would be; makes the nodes. Follow with Link if *slot is null.
  Place Make(std::string_view filter);
  /// Writer. Publishes `filter` at a place that Make just returned.
  void Link(const Place& place, Filter* filter);
  /// Writer. Takes the filter out; nodes and words nobody needs any more are retired. The filter
  /// itself is the caller's.
  void Unlink(Filter* filter);
  /// Writer. The filter of exactly this text, or null.
  Filter* Find(std::string_view filter) const;

  /// Reader. Appends the filters that match. Iterative, level by level: at most the nodes of one
  /// level are remembered, and it stops at the first level that no filter reaches, whatever follows
  /// in the topic.
  ///
  /// The walk goes by the 64-bit hashes of the levels and compares their bytes when it is over,
  /// because a word's bytes lie in a cache line of their own and a walk through a big trie waits
  /// for nothing but memory. If the bytes differ (two words of one hash), it starts again comparing
  /// as it goes.
  void Match(std::string_view topic, std::vector<Filter*>* out) const;
  /// The slower way, which Match falls back to.
  void MatchByText(std::string_view topic, std::vector<Filter*>* out) const;

  size_t memory_bytes() const {
    return nodes_ * sizeof(TrieNode) + arrays_bytes_ + words_.memory_bytes();
  }

 private:
  TrieNode* Child(TrieNode* node, std::string_view level);
  void Prune(TrieNode* node);
  /// False: two words of one hash were met, and `out` may hold anything.
  template <bool kByText>
  bool Walk(std::string_view topic, std::vector<Filter*>* out) const;

  TrieNode root_;
  SlabPool<TrieNode> pool_;
  WordTable words_;
  EpochDomain* epochs_;
  size_t nodes_ = 0;
  size_t arrays_bytes_ = 0;
};

}  // namespace causeway::router
