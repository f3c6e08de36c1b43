// Wildcard filters as a trie of levels. Matching costs what is reachable, not what is stored.
#pragma once

#include <atomic>
#include <cstddef>
#include <string_view>
#include <vector>

#include "core/epoch.h"
#include "core/hash.h"
#include "router/filter.h"
#include "router/slab_pool.h"
#include "router/trie_node.h"
#include "router/word_table.h"

namespace causeway::router {

/// Writer: one thread. Readers: all, inside an epoch.
class TopicTrie {
 public:
  TopicTrie(HashSeed seed, EpochDomain* epochs)
      : seed_(seed), words_(seed, epochs), epochs_(epochs) {}
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

  struct Query {
    std::string_view topic;
    std::vector<Filter*>* found;  // gets what matches; no other query's
  };
  static constexpr size_t kTogether = 16;

  /// Reader. Appends the filters that match. Iterative, level by level: at most the nodes of one
  /// level are remembered, and it stops at the first level that no filter reaches, whatever follows
  /// in the topic. If two words of one hash are met (TrieWalk), it starts again comparing bytes.
  void Match(const Query& query) const;
  /// The same for up to kTogether topics, in step: while one waits for memory the others go on.
  void Match(const Query* queries, size_t count) const;
  /// The slower way, which the others fall back to.
  void MatchByText(const Query& query) const;

  size_t memory_bytes() const {
    return nodes_ * sizeof(TrieNode) + arrays_bytes_ + words_.memory_bytes();
  }

 private:
  TrieNode* Child(TrieNode* node, std::string_view level);
  void Prune(TrieNode* node);

  const HashSeed seed_;
  TrieNode root_;
  SlabPool<TrieNode> pool_;
  WordTable words_;
  EpochDomain* epochs_;
  size_t nodes_ = 0;
  size_t arrays_bytes_ = 0;
};

}  // namespace causeway::router
