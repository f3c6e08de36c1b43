#include "link/delta_batch.h"

#include <utility>

#include "core/check.h"

namespace causeway::link {
namespace {

uint64_t KeyHash(std::string_view filter, std::string_view route_id, HashSeed seed) {
  const uint64_t hash = Hash(filter, seed);
  return route_id == filter ? hash : hash ^ (Hash(route_id, seed) * 0x9E3779B97F4A7C15u);
}

}  // namespace

DeltaBatch::DeltaBatch(Limits limits, HashSeed seed) : limits_(limits), seed_(seed) {}

bool DeltaBatch::Push(RouteOperation::Kind kind, std::string_view filter,
                      std::string_view route_id) {
  CHECK(!filter.empty() && !route_id.empty());
  if (overflowed_) return false;
  const uint64_t hash = KeyHash(filter, route_id, seed_);
  const uint32_t found = Find(hash, filter, route_id);
  if (found != kNone && changes_[found].kind == kind)
    return true;  // waits already, or is on its way
  if (found != kNone && !changes_[found].in_flight) {
    Unlink(PendingOf(changes_[found].kind), found);
    changes_[found].kind = kind;
    PushBack(PendingOf(kind), found);
    return true;
  }
  const uint32_t created = Create(hash, kind, filter, route_id);
  if (created == kNone) {
    Reset();
    overflowed_ = true;
    return false;
  }
  if (found == kNone) {
    newest_.Insert(hash, created);
  } else {
    changes_[found].superseded = true;
    newest_.Replace(hash, found, created);
  }
  PushBack(PendingOf(kind), created);
  return true;
}

void DeltaBatch::Reset() {
  changes_.Clear();
  newest_.Clear();
  in_flight_.clear();
  adds_ = deletes_ = List{};
  bytes_ = 0;
  overflowed_ = false;
}

bool DeltaBatch::Take(size_t entries_max, size_t bytes_max, std::string_view actor,
                      int64_t incarnation, Batch* out) {
  CHECK(entries_max > 0);
  if (pending() == 0) return false;
  RouteBatchWriter writer(actor, incarnation, entries_max, bytes_max);
  InFlight batch{++last_token_, {}};
  for (List* list : {&adds_, &deletes_}) {
    while (list->head != kNone) {
      const uint32_t position = list->head;
      Change& change = changes_[position];
      if (!writer.Append(change.kind, change.filter(), change.route_id())) break;
      Unlink(list, position);
      change.in_flight = true;
      PushBack(&batch.changes, position);
    }
    if (list->head != kNone) break;  // full: deletes wait for adds
  }
  out->token = batch.token;
  out->entries = batch.changes.count;
  out->payload = writer.Finish();
  in_flight_.push_back(batch);
  return true;
}

void DeltaBatch::Acknowledge(uint64_t token) {
  for (size_t i = 0; i < in_flight_.size(); ++i) {
    if (in_flight_[i].token != token) continue;
    const List changes = in_flight_[i].changes;
    in_flight_.erase(in_flight_.begin() + static_cast<std::ptrdiff_t>(i));
    for (uint32_t at = changes.head; at != kNone;) {
      const uint32_t position = std::exchange(at, changes_[at].next);
      if (!changes_[position].superseded) newest_.Erase(changes_[position].hash, position);
      Free(position);
    }
    return;
  }
}

void DeltaBatch::Restore(uint64_t token) {
  for (size_t i = 0; i < in_flight_.size(); ++i) {
    if (in_flight_[i].token != token) continue;
    const List changes = in_flight_[i].changes;
    in_flight_.erase(in_flight_.begin() + static_cast<std::ptrdiff_t>(i));
    RestoreChanges(changes);
    return;
  }
}

void DeltaBatch::RestoreAll() {
  // Newest first: each goes to the front, so the oldest ends up there.
  while (!in_flight_.empty()) {
    const List changes = in_flight_.back().changes;
    in_flight_.pop_back();
    RestoreChanges(changes);
  }
}

void DeltaBatch::RestoreChanges(List changes) {
  for (uint32_t at = changes.tail; at != kNone;) {
    const uint32_t position = std::exchange(at, changes_[at].previous);
    Change& change = changes_[position];
    if (change.superseded) {
      Free(position);
      continue;
    }
    change.in_flight = false;
    PushFront(PendingOf(change.kind), position);
  }
}

uint32_t DeltaBatch::Find(uint64_t hash, std::string_view filter, std::string_view route_id) const {
  return newest_.Find(hash, [&](uint32_t position) {
    return changes_[position].filter() == filter && changes_[position].route_id() == route_id;
  });
}

/// kNone when there is no room for it.
uint32_t DeltaBatch::Create(uint64_t hash, RouteOperation::Kind kind, std::string_view filter,
                            std::string_view route_id) {
  const size_t text_bytes = filter.size() + (route_id == filter ? 0 : route_id.size());
  if (changes_.live() >= limits_.entries_max) return kNone;
  if (bytes_ + text_bytes + kEntryBytes > limits_.bytes_max) return kNone;
  const uint32_t position = changes_.Take();
  Change& change = changes_[position];
  change.key.reserve(text_bytes);
  change.key.append(filter);
  if (route_id != filter) change.key.append(route_id);
  change.filter_bytes = static_cast<uint32_t>(filter.size());
  change.hash = hash;
  change.kind = kind;
  bytes_ += text_bytes + kEntryBytes;
  return position;
}

void DeltaBatch::Free(uint32_t position) {
  bytes_ -= changes_[position].key.size() + kEntryBytes;
  changes_.Give(position);
}

void DeltaBatch::PushBack(List* list, uint32_t position) {
  changes_[position].previous = list->tail;
  changes_[position].next = kNone;
  (list->tail == kNone ? list->head : changes_[list->tail].next) = position;
  list->tail = position;
  ++list->count;
}

void DeltaBatch::PushFront(List* list, uint32_t position) {
  changes_[position].previous = kNone;
  changes_[position].next = list->head;
  (list->head == kNone ? list->tail : changes_[list->head].previous) = position;
  list->head = position;
  ++list->count;
}

void DeltaBatch::Unlink(List* list, uint32_t position) {
  const Change& change = changes_[position];
  (change.previous == kNone ? list->head : changes_[change.previous].next) = change.next;
  (change.next == kNone ? list->tail : changes_[change.next].previous) = change.previous;
  --list->count;
}

}  // namespace causeway::link
