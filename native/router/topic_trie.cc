#include "router/topic_trie.h"

#include <array>
#include <utility>

#include "core/check.h"
#include "router/topic_levels.h"

namespace causeway::router {
namespace {

void DestroyNode(void* node) { delete static_cast<TrieNode*>(node); }

/// The nodes reached at one level: on the stack for ordinary topics, on the heap for many overlapping filters.
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

/// Words of the next levels, looked up together so that their cache misses overlap.
class WordsAhead {
 public:
  WordsAhead(std::string_view topic, const WordTable& words) : levels_(topic), words_(words) {}

  /// False after the last level. A null word: no filter has it.
  bool Next(const Word** word) {
    if (next_ == count_ && !Fill()) return false;
    *word = found_[next_++];
    return true;
  }

 private:
  static constexpr size_t kAhead = 8;

  bool Fill() {
    std::array<std::string_view, kAhead> text;
    std::array<uint64_t, kAhead> hash;
    for (count_ = 0; count_ < kAhead && levels_.Next(&text[count_]); ++count_) {
      hash[count_] = words_.HashOf(text[count_]);
      words_.Prefetch(hash[count_]);
    }
    for (size_t i = 0; i < count_; ++i) found_[i] = words_.Find(text[i], hash[i]);
    next_ = 0;
    return count_ > 0;
  }

  TopicLevels levels_;
  const WordTable& words_;
  std::array<const Word*, kAhead> found_;
  size_t count_ = 0, next_ = 0;
};

const TrieNode* FindChild(const TrieNode* node, const Word* word) {
  return node->children.Find(word->hash, [word](const TrieNode& child) { return child.word == word; });
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
    delete node;
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
  TrieNode* made = new TrieNode;
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
    epochs_->Retire(node, DestroyNode, sizeof(TrieNode));
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
  WordsAhead words(topic, words_);
  for (const Word* word = nullptr; words.Next(&word);) {
    next->Clear();
    for (const TrieNode* node : *reached) {
      if (wildcards) append(node->tail);
      const TrieNode* child = word == nullptr ? nullptr : FindChild(node, word);
      if (child != nullptr) next->Push(child);
      const TrieNode* plus = wildcards ? node->plus.load(std::memory_order_acquire) : nullptr;
      if (plus != nullptr) next->Push(plus);
    }
    if (next->empty()) return;
    std::swap(reached, next);
    wildcards = true;
  }
  for (const TrieNode* node : *reached) {
    append(node->tail);  // "a/#" matches "a": the parent level is included (§4.7.1.2)
    append(node->filter);
  }
}

}  // namespace causeway::router
