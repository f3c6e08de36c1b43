#include "router/trie_walk.h"

#include <utility>

namespace causeway::router {

void TrieWalk::Append(const std::atomic<Filter*>& slot) {
  Filter* filter = slot.load(std::memory_order_acquire);  // pairs with TopicTrie::Link
  if (filter == nullptr) return;
  __builtin_prefetch(filter);  // whoever matches wants its masks
  found_->push_back(filter);
}

/// Descend took the first node that 16 bits of the hash allowed. Null: there is none after all.
const TrieNode* TrieWalk::Sure(const TrieNode* node) {
  if (node->hash == hash_) return node;
  return node->parent->children.Find(hash_,
                                     [this](const TrieNode& child) { return child.hash == hash_; });
}

void TrieWalk::Assume(const Word* word) {
  if (word == word_) return;
  if (word_ != nullptr || (assumed_count_ == assumed_.size() && !CompareAssumed())) {
    clash_ = true;
    return;
  }
  word_ = word;
  __builtin_prefetch(word);
  assumed_[assumed_count_++] = {text_, word};
}

bool TrieWalk::CompareAssumed() {
  bool hold = true;
  for (size_t i = 0; i < assumed_count_; ++i) hold &= assumed_[i].word->text() == assumed_[i].text;
  assumed_count_ = 0;
  return hold;
}

void TrieWalk::Look() {
  below_ = levels_.Next(&next_text_, &next_hash_);
  next_->Clear();
  for (const TrieNode*& node : *reached_) {
    if (node->word != nullptr) {
      node = Sure(node);
      if (node == nullptr) continue;
      Assume(node->word);
    }
    if (!below_) {
      Append(node->tail);  // "a/#" matches "a": the parent level is included (§4.7.1.2)
      Append(node->filter);
      continue;
    }
    node->children.Prefetch(next_hash_);
    if (!wildcards_) continue;
    Append(node->tail);
    if (const TrieNode* plus = node->plus.load(std::memory_order_acquire); plus != nullptr) {
      __builtin_prefetch(plus);
      next_->Push(plus);
    }
  }
}

bool TrieWalk::Descend() {
  if (!below_ || clash_) return false;
  for (const TrieNode* node : *reached_) {
    const TrieNode* child = node == nullptr ? nullptr : node->children.Guess(next_hash_);
    if (child == nullptr) continue;
    __builtin_prefetch(child);
    __builtin_prefetch(child + 1);  // the nodes of one filter are made together, side by side
    next_->Push(child);
  }
  std::swap(reached_, next_);
  text_ = next_text_;
  hash_ = next_hash_;
  word_ = nullptr;
  wildcards_ = true;
  return !reached_->empty();
}

}  // namespace causeway::router
