// One topic on its way through the trie, in steps: between two of them other topics take theirs, so
// that memory is waited for once and not one topic after the other.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "router/filter.h"
#include "router/topic_levels.h"
#include "router/trie_node.h"
#include "router/word_table.h"

namespace causeway::router {

/// The nodes reached at one level: in place for ordinary topics, on the heap for many overlapping
/// filters.
class Frontier {
 public:
  Frontier() {}
  void Push(const TrieNode* node) {
    if (size_ < kInline) {
      inline_[size_++] = node;
      return;
    }
    if (size_ == kInline) spill_.assign(inline_.begin(), inline_.end());
    spill_.push_back(node);
    ++size_;
  }
  void Clear() { size_ = 0; }
  bool empty() const { return size_ == 0; }
  const TrieNode** begin() { return size_ <= kInline ? inline_.data() : spill_.data(); }
  const TrieNode** end() { return begin() + size_; }

 private:
  static constexpr size_t kInline = 32;  // five levels of "+ or word" at every level
  size_t size_ = 0;
  std::array<const TrieNode*, kInline> inline_;
  std::vector<const TrieNode*> spill_;
};

/// The levels of a topic, hashed some at a time.
class HashedLevels {
 public:
  HashedLevels(std::string_view topic, HashSeed seed) : levels_(topic), seed_(seed) {}

  /// False after the last level.
  bool Next(std::string_view* text, uint64_t* hash) {
    if (next_ == count_ && !Fill()) return false;
    *text = text_[next_];
    *hash = hash_[next_++];
    return true;
  }

 private:
  static constexpr size_t kAhead = 8;

  bool Fill() {
    for (count_ = 0; count_ < kAhead && levels_.Next(&text_[count_]); ++count_) {
      hash_[count_] = Hash(text_[count_], seed_);
    }
    next_ = 0;
    return count_ > 0;
  }

  TopicLevels levels_;
  const HashSeed seed_;
  size_t count_ = 0, next_ = 0;
  std::array<std::string_view, kAhead> text_;
  std::array<uint64_t, kAhead> hash_;
};

/// Goes by the 64-bit hashes of the levels and compares their bytes when it is over: a word's bytes
/// lie in a cache line of their own, and a walk through a big trie waits for nothing but memory.
///
///     for (walk.Look(); walk.Descend(); walk.Look()) {}      and then: walk.Holds()?
///
/// Descend asks for the nodes of the next level, Look for what Descend needs of them; what lies
/// between the two calls is when they come. Reader, inside one epoch from beginning to end.
class TrieWalk {
 public:
  /// Appends what matches to `*found`. `topic` outlives the walk.
  TrieWalk(const TrieNode* root, std::string_view topic, HashSeed seed, std::vector<Filter*>* found)
      // [MQTT-4.7.2-1] A topic that begins with `$` is not matched by a wildcard in the first
      // level.
      : found_(found), levels_(topic, seed), wildcards_(topic.empty() || topic[0] != '$') {
    reached_->Push(root);
  }
  TrieWalk(const TrieWalk&) = delete;
  TrieWalk& operator=(const TrieWalk&) = delete;

  /// At the nodes reached.
  void Look();
  /// To the next level. False: there is none, or no filter goes there.
  bool Descend();
  /// When it is over. False: two words of one hash were met, and `*found` may have got anything.
  bool Holds() { return !clash_ && CompareAssumed(); }

 private:
  struct Assumed {
    std::string_view text;
    const Word* word;
  };

  void Append(const std::atomic<Filter*>& slot);
  const TrieNode* Sure(const TrieNode* node);
  void Assume(const Word* word);
  bool CompareAssumed();

  std::vector<Filter*>* const found_;
  HashedLevels levels_;
  bool wildcards_;      // of the level reached
  bool below_ = false;  // the topic goes on below the nodes reached
  bool clash_ = false;
  std::string_view text_, next_text_;  // the level that led here, and the one that leads on
  uint64_t hash_ = 0, next_hash_ = 0;
  const Word* word_ = nullptr;  // of the nodes reached, as far as they are not `+`
  Frontier frontiers_[2];
  Frontier* reached_ = &frontiers_[0];
  Frontier* next_ = &frontiers_[1];
  /// Words taken to be the topic's because their hashes are.
  std::array<Assumed, 8> assumed_;
  size_t assumed_count_ = 0;
};

}  // namespace causeway::router
