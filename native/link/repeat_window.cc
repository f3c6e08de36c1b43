#include "link/repeat_window.h"

#include <algorithm>

#include "link/message_term.h"

namespace causeway::link {
namespace {

constexpr size_t kIdsAtFirst = 64;
constexpr uint64_t kLinkFactor = 0x9E3779B97F4A7C15;  // spreads the link's number over all bits

}  // namespace

size_t RepeatWindow::SlotOf(uint64_t id) const {
  const size_t mask = slots_.size() - 1;
  size_t slot = id & mask;
  while (slots_[slot] != 0 && slots_[slot] != id) slot = (slot + 1) & mask;
  return slot;
}

void RepeatWindow::Grow() {
  std::vector<uint64_t> before;
  before.reserve(count_);
  for (size_t i = 0; i < count_; ++i) before.push_back(order_[(head_ + i) % order_.size()]);
  const size_t ids = std::min(ids_max_, std::max(kIdsAtFirst, order_.size() * 2));
  size_t slots = 2;
  while (slots < ids * 2) slots *= 2;
  order_.assign(ids, 0);
  slots_.assign(slots, 0);
  head_ = 0;
  std::copy(before.begin(), before.end(), order_.begin());
  for (const uint64_t id : before) slots_[SlotOf(id)] = id;
}

/// Linear probing without tombstones: what follows moves up into the gap.
void RepeatWindow::Forget(uint64_t id) {
  const size_t mask = slots_.size() - 1;
  size_t gap = SlotOf(id);
  for (size_t next = (gap + 1) & mask; slots_[next] != 0; next = (next + 1) & mask) {
    const size_t home = slots_[next] & mask;
    if (((next - home) & mask) < ((next - gap) & mask)) continue;
    slots_[gap] = slots_[next];
    gap = next;
  }
  slots_[gap] = 0;
}

bool RepeatWindow::Insert(uint64_t id) {
  if (id == 0) id = 1;
  if (count_ == order_.size() && count_ < ids_max_) Grow();
  size_t slot = SlotOf(id);
  if (slots_[slot] == id) return false;
  if (count_ == order_.size()) {
    Forget(order_[head_]);
    head_ = (head_ + 1) % order_.size();
    --count_;
    slot = SlotOf(id);
  }
  slots_[slot] = id;
  order_[(head_ + count_) % order_.size()] = id;
  ++count_;
  return true;
}

bool RepeatWindows::IsRepeated(int link, std::string_view client_id, std::string_view message_id) {
  if (message_id.size() != kMessageIdBytes) return false;
  const uint64_t key = Hash(client_id, seed_) + static_cast<uint64_t>(link) * kLinkFactor;
  auto found = windows_.find(key);
  if (found == windows_.end()) {
    if (windows_.size() == clients_max_) DropOldest();
    found = windows_.try_emplace(key, ids_max_).first;
  }
  found->second.used = ++uses_;
  return !found->second.window.Insert(Hash(message_id, seed_));
}

void RepeatWindows::DropOldest() {
  windows_.erase(
      std::min_element(windows_.begin(), windows_.end(),
                       [](const auto& a, const auto& b) { return a.second.used < b.second.used; }));
}

}  // namespace causeway::link
