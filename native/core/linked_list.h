// Lists whose links lie in what they list: joining and leaving cost the same however long they are,
// and nothing is allocated.
#pragma once

#include "core/check.h"

namespace causeway {

/// What an entry embeds, as a base. The list borrows the entry from Append to Remove; to destroy it
/// in between is a programmer error.
template <typename Entry>
struct Linked {
  Linked() = default;
  Linked(const Linked&) = delete;
  Linked& operator=(const Linked&) = delete;
  ~Linked() { CHECK(!linked()); }

  bool linked() const { return next_linked != nullptr; }

  Linked* next_linked = nullptr;  // circular; null: in no list
  Linked* previous_linked = nullptr;
};

/// Single-threaded. An entry is in one list at most of those for its type.
template <typename Entry>
class LinkedList {
 public:
  LinkedList() { head_.next_linked = head_.previous_linked = &head_; }
  LinkedList(const LinkedList&) = delete;
  LinkedList& operator=(const LinkedList&) = delete;
  /// Lets go of what is still in it.
  ~LinkedList() {
    while (!empty()) Remove(front());
    head_.next_linked = nullptr;
  }

  bool empty() const { return head_.next_linked == &head_; }
  /// Null: empty.
  Entry* front() { return empty() ? nullptr : static_cast<Entry*>(head_.next_linked); }

  void Append(Entry* entry) {
    Linked<Entry>* const link = entry;
    link->previous_linked = head_.previous_linked;
    link->next_linked = &head_;
    head_.previous_linked->next_linked = link;
    head_.previous_linked = link;
  }

  /// From whichever list it is in.
  static void Remove(Entry* entry) {
    Linked<Entry>* const link = entry;
    link->previous_linked->next_linked = link->next_linked;
    link->next_linked->previous_linked = link->previous_linked;
    link->next_linked = link->previous_linked = nullptr;
  }

  /// All of `other`, in order, behind what is here; `other` is empty afterwards.
  void AppendAll(LinkedList* other) {
    if (other->empty()) return;
    Linked<Entry>* const first = other->head_.next_linked;
    Linked<Entry>* const last = other->head_.previous_linked;
    first->previous_linked = head_.previous_linked;
    head_.previous_linked->next_linked = first;
    last->next_linked = &head_;
    head_.previous_linked = last;
    other->head_.next_linked = other->head_.previous_linked = &other->head_;
  }

 private:
  Linked<Entry> head_;
};

}  // namespace causeway
