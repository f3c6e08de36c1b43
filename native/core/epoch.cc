#include "core/epoch.h"

#include <algorithm>

#include "core/check.h"
#include "core/fence.h"

namespace causeway {

EpochDomain::~EpochDomain() {
  CHECK(OldestReader() == UINT64_MAX);
  while (!retired_.empty()) {
    const Retired retired = retired_.front();
    retired_.pop_front();
    retired.destroy(retired.object);
  }
}

int EpochDomain::Register() {
  const std::lock_guard lock(registration_);
  int slot = 0;
  while (slot < kSlots && in_use_[slot]) ++slot;
  CHECK(slot < kSlots);
  in_use_[slot] = true;
  // Relaxed: the fence of this reader's first Enter comes later, and pairs with the one in Collect
  // (see there).
  const int used = std::max(slots_ever_used_.load(std::memory_order_relaxed), slot + 1);
  slots_ever_used_.store(used, std::memory_order_relaxed);
  return slot;
}

void EpochDomain::Unregister(int slot) {
  const std::lock_guard lock(registration_);
  CHECK(slot >= 0 && slot < kSlots && in_use_[slot]);
  CHECK(slots_[slot].epoch.load(std::memory_order_relaxed) == kIdle);
  in_use_[slot] = false;
}

void EpochDomain::Enter(int slot) {
  // Acquire pairs with the release in Collect: who sees epoch n+1 also sees everything unlinked
  // during n.
  const uint64_t now = epoch_.load(std::memory_order_acquire);
  // Release, although this reader has read nothing yet in this epoch: the writer may meet this
  // value without ever having seen the zero of the Leave before it, and must then still order that
  // earlier visit before its free.
  slots_[slot].epoch.store(now, std::memory_order_release);
  // StoreLoad, meets the fence in Collect: either the writer's scan sees our slot, or our loads
  // from here on see everything it had unlinked before it scanned. Without it both could miss, and
  // we would walk into freed memory.
  FullFence();
}

void EpochDomain::Leave(int slot) {
  // Release pairs with the acquire in OldestReader: all our reads happen before the free they
  // delay.
  slots_[slot].epoch.store(kIdle, std::memory_order_release);
}

void EpochDomain::Retire(void* object, void (*destroy)(void*), size_t bytes) {
  const uint64_t now = epoch_.load(std::memory_order_relaxed);  // our own
  retired_.push_back({object, destroy, bytes, now});
  // Relaxed, no read-modify-write: one writer, and a gauge orders nothing.
  retired_bytes_.store(retired_bytes_.load(std::memory_order_relaxed) + bytes,
                       std::memory_order_relaxed);
}

size_t EpochDomain::Collect() {
  if (retired_.empty()) return 0;
  uint64_t now = epoch_.load(std::memory_order_relaxed);  // our own
  if (retired_.back().epoch == now) {
    // Release pairs with Enter: the unlinking of what was retired in `now` precedes the epoch that
    // declares it gone. The epoch moves only when something waits on it, so an idle writer leaves
    // the readers' cached copy alone.
    epoch_.store(++now, std::memory_order_release);
  }
  // Meets the fence in Enter: everything unlinked so far is visible to whoever enters unseen by the
  // scan below.
  FullFence();
  // At most `now`: what a `destroy` retires below was unlinked after the scan, and waits for the
  // next one.
  const uint64_t oldest = std::min(OldestReader(), now);
  while (!retired_.empty() && retired_.front().epoch < oldest) {
    const Retired retired = retired_.front();
    retired_.pop_front();
    retired_bytes_.store(retired_bytes_.load(std::memory_order_relaxed) - retired.bytes,
                         std::memory_order_relaxed);
    retired.destroy(retired.object);
  }
  return retired_bytes_.load(std::memory_order_relaxed);
}

size_t EpochDomain::retired_bytes() const { return retired_bytes_.load(std::memory_order_relaxed); }

/// The smallest epoch a reader is inside; UINT64_MAX when none is.
uint64_t EpochDomain::OldestReader() const {
  uint64_t oldest = UINT64_MAX;
  const int used = slots_ever_used_.load(std::memory_order_relaxed);
  for (int slot = 0; slot < used; ++slot) {
    // Acquire pairs with Leave (and with Enter, see there).
    const uint64_t epoch = slots_[slot].epoch.load(std::memory_order_acquire);
    if (epoch != kIdle) oldest = std::min(oldest, epoch);
  }
  return oldest;
}

}  // namespace causeway
