#include "router/topic_trie.h"

#include <array>
#include <cstddef>
#include <optional>

#include "core/check.h"
#include "router/topic_levels.h"
#include "router/trie_walk.h"

namespace causeway::router {
namespace {

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

void TopicTrie::Match(const Query& query) const {
  const size_t before = query.found->size();
  TrieWalk walk(&root_, query.topic, seed_, query.found);
  do {
    walk.Look();
  } while (walk.Descend());
  if (walk.Holds()) return;
  query.found->resize(before);
  MatchByText(query);
}

void TopicTrie::Match(const Query* queries, size_t count) const {
  CHECK(count <= kTogether);
  std::array<std::optional<TrieWalk>, kTogether> walks;
  std::array<size_t, kTogether> before;
  std::array<TrieWalk*, kTogether> under_way;
  for (size_t i = 0; i < count; ++i) {
    before[i] = queries[i].found->size();
    under_way[i] = &walks[i].emplace(&root_, queries[i].topic, seed_, queries[i].found);
  }
  for (size_t left = count; left > 0;) {
    for (size_t i = 0; i < left; ++i) under_way[i]->Look();
    size_t further = 0;
    for (size_t i = 0; i < left; ++i) {
      if (under_way[i]->Descend()) under_way[further++] = under_way[i];
    }
    left = further;
  }
  for (size_t i = 0; i < count; ++i) {
    if (walks[i]->Holds()) continue;
    queries[i].found->resize(before[i]);
    MatchByText(queries[i]);
  }
}

void TopicTrie::MatchByText(const Query& query) const {
  const auto append = [&query](const std::atomic<Filter*>& slot) {
    Filter* filter = slot.load(std::memory_order_acquire);  // pairs with Link
    if (filter != nullptr) query.found->push_back(filter);
  };
  bool wildcards = query.topic.empty() || query.topic[0] != '$';  // [MQTT-4.7.2-1]
  std::vector<const TrieNode*> reached = {&root_}, next;
  HashedLevels levels(query.topic, seed_);
  std::string_view text;
  for (uint64_t hash = 0; levels.Next(&text, &hash) && !reached.empty();) {
    next.clear();
    for (const TrieNode* node : reached) {
      const TrieNode* child = node->children.Find(
          hash, [text](const TrieNode& each) { return each.word->text() == text; });
      if (child != nullptr) next.push_back(child);
      if (!wildcards) continue;
      append(node->tail);
      const TrieNode* plus = node->plus.load(std::memory_order_acquire);
      if (plus != nullptr) next.push_back(plus);
    }
    reached.swap(next);
    wildcards = true;
  }
  for (const TrieNode* node : reached) {
    append(node->tail);
    append(node->filter);
  }
}

}  // namespace causeway::router
