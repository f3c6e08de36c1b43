#include "router/topic_trie.h"

#include <array>
#include <utility>

#include "core/check.h"
#include "router/topic_levels.h"

namespace causeway::router {
namespace {

/// The nodes reached at one level: on the stack for ordinary topics, on the heap for many
/// overlapping filters.
class Frontier {
 public:
  void Push(const TrieNode* node) {
    if (size_ < kInline) {
      inline_[size_++] = node;
      return;
    }
    if (size_ == kInline && spill_.empty()) spill_.assign(inline_.begin(), inline_.end());
    spill_.push_back(node);
    ++size_;
  }
  void Clear() {
    size_ = 0;
    spill_.clear();
  }
  bool empty() const { return size_ == 0; }
  const TrieNode* const* begin() const { return size_ <= kInline ? inline_.data() : spill_.data(); }
  const TrieNode* const* end() const { return begin() + size_; }

 private:
  static constexpr size_t kInline = 32;  // five levels of "+ or word" at every level
  size_t size_ = 0;
  std::array<const TrieNode*, kInline> inline_;
  std::vector<const TrieNode*> spill_;
};

/// Levels ahead of the walk, hashed in one go.
class HashedLevels {
 public:
  HashedLevels(std::string_view topic, const WordTable& words) : levels_(topic), words_(words) {}

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
      hash_[count_] = words_.HashOf(text_[count_]);
    }
    next_ = 0;
    return count_ > 0;
  }

  TopicLevels levels_;
  const WordTable& words_;
  std::array<std::string_view, kAhead> text_;
  std::array<uint64_t, kAhead> hash_;
  size_t count_ = 0, next_ = 0;
};

/// The words that a walk took to be the topic's because their 64-bit hashes are equal, compared
/// when the walk no longer waits for them.
class Assumed {
 public:
  /// False: an earlier assumption was wrong.
  bool Push(std::string_view text, const Word* word) {
    if (count_ == assumed_.size() && !Hold()) return false;
    __builtin_prefetch(word);
    assumed_[count_++] = {text, word};
    return true;
  }
  bool Hold() {
    bool hold = true;
    for (size_t i = 0; i < count_; ++i) hold &= assumed_[i].word->text() == assumed_[i].text;
    count_ = 0;
    return hold;
  }

 private:
  struct Pair {
    std::string_view text;
    const Word* word;
  };
  std::array<Pair, 16> assumed_;
  size_t count_ = 0;
};

const TrieNode* FindChild(const TrieNode* node, const Word* word) {
  return node->children.Find(word->hash,
                             [word](const TrieNode& child) { return child.word == word; });
}

}  // namespace

TopicTrie::~TopicTrie() {
  std::vector<TrieNode*> pending;
  const auto push_children = [&pending](TrieNode* node) {
    node->children.ForEach([&pending](TrieNode* child) { pending.push_back(child); });
    TrieNode* plus = node->plus.load(std::memory_order_relaxed);
    if (plus != nullptr) pending.push_back(plus);
  };
  push_children(&root_);
  while (!pending.empty()) {
    TrieNode* node = pending.back();
    pending.pop_back();
    push_children(node);
    SlabPool<TrieNode>::Destroy(node);
  }
}

TopicTrie::Place TopicTrie::Make(std::string_view filter) {
  TrieNode* node = &root_;
  std::string_view level;
  for (TopicLevels levels(filter); levels.Next(&level);) {
    if (level == "#") return {node, &node->tail};  // always the last level [MQTT-4.7.1-2]
    node = Child(node, level);
  }
  return {node, &node->filter};
}

TrieNode* TopicTrie::Child(TrieNode* node, std::string_view level) {
  const bool plus = level == "+";
  const Word* word = nullptr;
  uint64_t hash = 0;
  if (plus) {
    TrieNode* child = node->plus.load(std::memory_order_relaxed);
    if (child != nullptr) return child;
  } else {
    hash = words_.HashOf(level);
    word = words_.Find(level, hash);
    const TrieNode* child = word == nullptr ? nullptr : FindChild(node, word);
    if (child != nullptr) return const_cast<TrieNode*>(child);  // we are the writer
  }
  TrieNode* made = pool_.New();
  made->parent = node;
  made->hash = hash;
  ++node->uses;
  ++nodes_;
  if (plus) {
    node->plus.store(made, std::memory_order_release);  // publishes `made` to Match
    return made;
  }
  made->word = words_.Acquire(level, hash);
  arrays_bytes_ -= node->children.memory_bytes();
  node->children.Insert(made, epochs_);
  arrays_bytes_ += node->children.memory_bytes();
  return made;
}

void TopicTrie::Link(const Place& place, Filter* filter) {
  filter->node = place.node;
  ++place.node->uses;
  place.slot->store(filter, std::memory_order_release);  // publishes the filter to Match
}

void TopicTrie::Unlink(Filter* filter) {
  auto* node = static_cast<TrieNode*>(filter->node);
  std::atomic<Filter*>& slot =
      node->tail.load(std::memory_order_relaxed) == filter ? node->tail : node->filter;
  CHECK(slot.load(std::memory_order_relaxed) == filter);
  slot.store(nullptr, std::memory_order_relaxed);  // nothing new is published
  --node->uses;
  Prune(node);
}

void TopicTrie::Prune(TrieNode* node) {
  while (node->uses == 0 && node != &root_) {
    TrieNode* parent = node->parent;
    if (node->word == nullptr) {
      parent->plus.store(nullptr, std::memory_order_relaxed);
    } else {
      arrays_bytes_ -= parent->children.memory_bytes();
      parent->children.Remove(node, epochs_);
      arrays_bytes_ += parent->children.memory_bytes();
      words_.Release(node->word);
    }
    --parent->uses;
    --nodes_;
    epochs_->Retire(node, SlabPool<TrieNode>::Destroy, sizeof(TrieNode));
    node = parent;
  }
}

Filter* TopicTrie::Find(std::string_view filter) const {
  const TrieNode* node = &root_;
  std::string_view level;
  for (TopicLevels levels(filter); levels.Next(&level);) {
    if (level == "#") return node->tail.load(std::memory_order_acquire);
    if (level == "+") {
      node = node->plus.load(std::memory_order_acquire);
    } else {
      const Word* word = words_.Find(level, words_.HashOf(level));
      node = word == nullptr ? nullptr : FindChild(node, word);
    }
    if (node == nullptr) return nullptr;
  }
  return node->filter.load(std::memory_order_acquire);
}

void TopicTrie::Match(std::string_view topic, std::vector<Filter*>* out) const {
  const size_t before = out->size();
  if (Walk<false>(topic, out)) return;
  out->resize(before);
  MatchByText(topic, out);
}

void TopicTrie::MatchByText(std::string_view topic, std::vector<Filter*>* out) const {
  Walk<true>(topic, out);
}

template <bool kByText>
bool TopicTrie::Walk(std::string_view topic, std::vector<Filter*>* out) const {
  const auto append = [out](const std::atomic<Filter*>& slot) {
    Filter* filter = slot.load(std::memory_order_acquire);  // pairs with Link
    if (filter != nullptr) out->push_back(filter);
  };
  // [MQTT-4.7.2-1] A topic that begins with `$` is not matched by a wildcard in the first level.
  bool wildcards = topic.empty() || topic[0] != '$';
  Frontier frontiers[2];
  Frontier* reached = &frontiers[0];
  Frontier* next = &frontiers[1];
  reached->Push(&root_);
  HashedLevels levels(topic, words_);
  Assumed assumed;
  std::string_view text;
  for (uint64_t hash = 0; levels.Next(&text, &hash);) {
    next->Clear();
    const Word* word = nullptr;  // of this level's children
    const auto equal = [&](const TrieNode& child) {
      // The nodes of one filter are made together and lie side by side: what the walk needs next
      // comes along.
      __builtin_prefetch(&child + 1);
      __builtin_prefetch(&child + 2);
      return child.hash == hash && (!kByText || child.word->text() == text);
    };
    for (const TrieNode* node : *reached) {
      if (wildcards) append(node->tail);
      if (const TrieNode* child = node->children.Find(hash, equal); child != nullptr) {
        next->Push(child);
        if (!kByText && word != nullptr && word != child->word) return false;
        word = child->word;
      }
      const TrieNode* plus = wildcards ? node->plus.load(std::memory_order_acquire) : nullptr;
      if (plus != nullptr) next->Push(plus);
    }
    if (!kByText && word != nullptr && !assumed.Push(text, word)) return false;
    if (next->empty()) return kByText || assumed.Hold();
    std::swap(reached, next);
    wildcards = true;
  }
  for (const TrieNode* node : *reached) {
    append(node->tail);  // "a/#" matches "a": the parent level is included (§4.7.1.2)
    append(node->filter);
  }
  return kByText || assumed.Hold();
}

}  // namespace causeway::router
