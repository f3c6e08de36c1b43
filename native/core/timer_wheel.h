// A timer wheel for deadlines of seconds: keep-alive of 100,000 connections, CONNECT and barrier
// deadlines.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/check.h"

namespace causeway {

/// What the owner of a deadline embeds. The wheel borrows it from Arm until it fires or is
/// cancelled; to destroy it in between is a programmer error.
struct TimerEntry {
  TimerEntry() = default;
  TimerEntry(const TimerEntry&) = delete;
  TimerEntry& operator=(const TimerEntry&) = delete;
  ~TimerEntry() { CHECK(!armed()); }

  bool armed() const { return next != nullptr; }

  TimerEntry* next = nullptr;  // circular within its slot; null when not armed
  TimerEntry* previous = nullptr;
  int64_t deadline_ms = 0;
};

/// One wheel a loop, single-threaded, with the caller's clock. Never fires early; fires at most one
/// tick and the caller's own delay late. Arm and Cancel cost O(1); Advance costs the slots passed
/// plus the entries in them, those included whose deadline is a revolution or more away.
///
/// Meant to be re-armed lazily: a packet only notes the time, and the callback of the deadline
/// decides whether the connection is dead or the deadline moves (see Arm inside the callback).
class TimerWheel {
 public:
  /// `slots`: a power of two. One revolution is slots × tick_ms.
  TimerWheel(size_t slots, uint32_t tick_ms, int64_t now_ms)
      : mask_(slots - 1), tick_ms_(tick_ms), turned_to_(now_ms / tick_ms) {
    CHECK(slots > 0 && (slots & mask_) == 0 && tick_ms > 0);
    slots_ = std::make_unique<Slot[]>(slots);
  }
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;
  /// Lets go of what is still armed.
  ~TimerWheel() {
    for (size_t slot = 0; slot <= mask_; ++slot) {
      while (slots_[slot].head.next != &slots_[slot].head) Cancel(slots_[slot].head.next);
      slots_[slot].head.next = nullptr;
    }
  }

  size_t size() const { return size_; }

  /// Fires once `deadline_ms` has passed; moves the deadline of an armed entry. A deadline in the
  /// past fires at the next turn. May be called from the callback, for the entry that fires too.
  void Arm(TimerEntry* entry, int64_t deadline_ms) {
    if (entry->armed()) Cancel(entry);
    entry->deadline_ms = deadline_ms;
    // The tick after the deadline's own, so never early; behind the hand, so never a whole
    // revolution late.
    const int64_t tick = std::max(deadline_ms / tick_ms_, turned_to_) + 1;
    Append(&slots_[static_cast<size_t>(tick) & mask_].head, entry);
    ++size_;
  }

  /// No effect when not armed. May be called from the callback, for any entry.
  void Cancel(TimerEntry* entry) {
    if (!entry->armed()) return;
    Unlink(entry);
    --size_;
  }

  /// Milliseconds until the next turn, for the poll timeout: 1 … tick_ms, or 0 when a turn is due.
  int64_t NextTurnMs(int64_t now_ms) const {
    return std::max<int64_t>((turned_to_ + 1) * tick_ms_ - now_ms, 0);
  }

  /// Turns to `now_ms` and calls `fire(TimerEntry*)` for every deadline passed; the entry is no
  /// longer armed by then. Order: by tick, none within one. A clock that stands still or goes back
  /// does nothing.
  template <typename Fire>
  void Advance(int64_t now_ms, Fire&& fire) {
    const int64_t target = now_ms / tick_ms_;
    // After a long stop one revolution meets every entry.
    const int64_t revolution = static_cast<int64_t>(mask_) + 1;
    if (target - turned_to_ > revolution) turned_to_ = target - revolution;
    while (turned_to_ < target) {
      ++turned_to_;
      TurnSlot(&slots_[static_cast<size_t>(turned_to_) & mask_].head, fire);
    }
  }

 private:
  /// The head of a circular list; its own entry is never armed by a caller.
  struct Slot {
    Slot() { head.next = head.previous = &head; }
    TimerEntry head;
  };

  static void Append(TimerEntry* head, TimerEntry* entry) {
    entry->next = head;
    entry->previous = head->previous;
    head->previous->next = entry;
    head->previous = entry;
  }
  static void Unlink(TimerEntry* entry) {
    entry->previous->next = entry->next;
    entry->next->previous = entry->previous;
    entry->next = entry->previous = nullptr;
  }

  template <typename Fire>
  void TurnSlot(TimerEntry* head, Fire& fire) {
    // The slot's entries move to a list of their own first: whatever the callback cancels leaves
    // that list, and whatever it arms goes to the wheel, so the walk neither trips nor meets an
    // entry twice.
    Slot due;
    if (head->next != head) {
      due.head.next = head->next;
      due.head.previous = head->previous;
      due.head.next->previous = &due.head;
      due.head.previous->next = &due.head;
      head->next = head->previous = head;
    }
    while (due.head.next != &due.head) {
      TimerEntry* entry = due.head.next;
      Unlink(entry);
      if (entry->deadline_ms / tick_ms_ >= turned_to_) {
        Append(head, entry);  // another revolution
        continue;
      }
      --size_;
      fire(entry);
    }
    due.head.next = nullptr;
  }

  size_t mask_;
  int64_t tick_ms_;
  int64_t turned_to_;  // the last tick whose slot was turned; only grows
  size_t size_ = 0;
  std::unique_ptr<Slot[]> slots_;
};

}  // namespace causeway
