#include "fanout/delayed_queue.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace causeway::fanout {

bool DelayedBudget::Take(size_t bytes) {
  const size_t messages = messages_.fetch_add(1, std::memory_order_relaxed) + 1;
  const size_t sum = bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  if ((messages_max_ == 0 || messages <= messages_max_) && sum <= bytes_max_) return true;
  Give(bytes);
  return false;
}

void DelayedBudget::Give(size_t bytes) {
  messages_.fetch_sub(1, std::memory_order_relaxed);
  bytes_.fetch_sub(bytes, std::memory_order_relaxed);
}

bool DelayedQueue::Put(MessageRef message, int64_t due_ms) {
  if (!budget_->Take(Cost(*message))) return false;
  heap_.push_back({due_ms, sequence_++, std::move(message)});
  std::push_heap(heap_.begin(), heap_.end(), Later);
  return true;
}

MessageRef DelayedQueue::TakeDue(int64_t now_ms) {
  if (next_due_ms() > now_ms) return {};
  std::pop_heap(heap_.begin(), heap_.end(), Later);
  MessageRef message = std::move(heap_.back().message);
  heap_.pop_back();
  // What a burst needed goes back some day: half is kept, so that a steady flow does not allocate.
  if (heap_.size() < heap_.capacity() / 4) {
    std::vector<Entry> smaller;
    smaller.reserve(heap_.capacity() / 2);
    std::move(heap_.begin(), heap_.end(), std::back_inserter(smaller));
    heap_.swap(smaller);
  }
  budget_->Give(Cost(*message));
  return message;
}

}  // namespace causeway::fanout
