#include "session/window.h"

#include <algorithm>

namespace causeway::session {

std::vector<uint16_t> Window::IdsInOrder() const {
  std::vector<const Inflight*> used;
  used.reserve(count_);
  for (uint32_t i = 0; i < capacity_; ++i) {
    if (slots_[i].phase != Phase::kFree) used.push_back(&slots_[i]);
  }
  std::sort(used.begin(), used.end(),
            [](const Inflight* a, const Inflight* b) { return a->sequence < b->sequence; });
  std::vector<uint16_t> ids;
  ids.reserve(used.size());
  for (const Inflight* slot : used) ids.push_back(slot->packet_id);
  return ids;
}

bool Window::Leave(uint16_t ids_max) {
  for (uint32_t i = 0; i < capacity_; ++i) {
    if (slots_[i].phase != Phase::kFree && slots_[i].packet_id > ids_max) return false;
  }
  ids_max_ = ids_max;
  return true;
}

// Identifiers that differ modulo the old capacity differ modulo its double, so moving never
// collides.
void Window::Grow() {
  const uint32_t wider = capacity_ == 0 ? 8 : capacity_ * 2;
  auto slots = std::make_unique<Inflight[]>(wider);
  for (uint32_t i = 0; i < capacity_; ++i) {
    if (slots_[i].phase != Phase::kFree)
      slots[slots_[i].packet_id & (wider - 1)] = std::move(slots_[i]);
  }
  slots_ = std::move(slots);
  capacity_ = wider;
}

}  // namespace causeway::session
