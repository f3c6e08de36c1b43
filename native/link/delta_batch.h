// Live route changes of one link on their way out: merged while they wait, sent in batches, taken
// back on failure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "core/hash.h"
#include "link/index_table.h"
#include "link/pool.h"
#include "link/route_message.h"

namespace causeway::link {

/// Changes keyed by (filter, route id); the last state of a key wins, nothing cancels out (batches
/// stay idempotent).
///
///   Push ─▶ pending (adds │ deletes) ─Take─▶ in flight ─Acknowledge─▶ gone
///                 ▲                              │
///                 └───────────Restore────────────┘   unless a newer change of the key exists
///
/// Several batches may be in flight on one ordered connection. Before the end of a bootstrap the
/// owner simply does not Take: the queue accumulates. Thread: its owner's. Bound: `Limits`, pending
/// and in flight together. Full: everything is dropped, overflowed() stays true and Push is ignored
/// until Reset, because lost deletes can only be repaired by a bootstrap under a fresh incarnation.
class DeltaBatch {
 public:
  struct Limits {
    size_t entries_max;
    size_t bytes_max;  // filters and route ids, plus kEntryBytes each
  };
  /// Counted for a change beside its text.
  static constexpr size_t kEntryBytes = 96;

  struct Batch {
    uint64_t token = 0;
    size_t entries = 0;
    std::string payload;
  };

  DeltaBatch(Limits limits, HashSeed seed);
  DeltaBatch(const DeltaBatch&) = delete;
  DeltaBatch& operator=(const DeltaBatch&) = delete;

  /// Records a change; neither text is empty. False when the queue has overflowed.
  bool Push(RouteOperation::Kind kind, std::string_view filter, std::string_view route_id);
  bool overflowed() const { return overflowed_; }
  /// Forgets everything, the overflow included.
  void Reset();

  /// Moves up to `entries_max` changes (and about `bytes_max` of payload) in flight: adds first,
  /// oldest first. False when nothing is pending.
  bool Take(size_t entries_max, size_t bytes_max, std::string_view actor, int64_t incarnation,
            Batch* out);
  /// The batch was applied by the peer. Unknown tokens are ignored (a late answer after Reset).
  void Acknowledge(uint64_t token);
  /// The batch was not applied: its changes wait again, ahead of later ones, except where a newer
  /// change of the key exists.
  void Restore(uint64_t token);
  /// The connection is gone: every batch in flight is restored.
  void RestoreAll();

  size_t pending() const { return adds_.count + deletes_.count; }
  size_t entries() const { return changes_.live(); }  // pending and in flight
  size_t bytes() const { return bytes_; }
  size_t batches_in_flight() const { return in_flight_.size(); }

 private:
  static constexpr uint32_t kNone = 0xFFFFFFFF;

  struct Change {
    std::string key;  // filter, then the route id unless it equals the filter
    uint64_t hash = 0;
    uint32_t filter_bytes = 0;
    uint32_t previous = kNone;  // in its list
    uint32_t next = kNone;      // … also in the pool's free list
    RouteOperation::Kind kind = RouteOperation::Kind::kAdd;
    bool in_flight = false;
    bool superseded = false;  // in flight, and a newer change of the key exists

    std::string_view filter() const { return std::string_view(key).substr(0, filter_bytes); }
    std::string_view route_id() const {
      return key.size() == filter_bytes ? filter() : std::string_view(key).substr(filter_bytes);
    }
  };
  struct List {
    uint32_t head = kNone;
    uint32_t tail = kNone;
    size_t count = 0;
  };
  struct InFlight {
    uint64_t token;
    List changes;
  };

  List* PendingOf(RouteOperation::Kind kind) {
    return kind == RouteOperation::Kind::kAdd ? &adds_ : &deletes_;
  }
  uint32_t Find(uint64_t hash, std::string_view filter, std::string_view route_id) const;
  uint32_t Create(uint64_t hash, RouteOperation::Kind kind, std::string_view filter,
                  std::string_view route_id);
  void PushBack(List* list, uint32_t position);
  void PushFront(List* list, uint32_t position);
  void Unlink(List* list, uint32_t position);
  void Free(uint32_t position);
  void RestoreChanges(List changes);

  const Limits limits_;
  const HashSeed seed_;
  Pool<Change, &Change::next> changes_;
  IndexTable newest_;  // key → its newest change
  List adds_;
  List deletes_;
  std::deque<InFlight> in_flight_;  // oldest first
  uint64_t last_token_ = 0;
  size_t bytes_ = 0;
  bool overflowed_ = false;
};

}  // namespace causeway::link
