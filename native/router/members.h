// Who on this loop subscribed to what. Single-threaded: every object here belongs to one io loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/hash.h"
#include "router/filter.h"
#include "router/flat_map.h"

namespace causeway::router {

/// Subscription options, MQTT 5.0 §3.8.3.1.
inline constexpr uint8_t kOptionQosMask = 0x03;
inline constexpr uint8_t kOptionNoLocal = 0x04;
inline constexpr uint8_t kOptionRetainAsPublished = 0x08;
inline constexpr uint8_t kOptionGone = 0x80;  // tombstone while a cursor walks the list

struct Member {
  uint32_t session = 0;
  uint32_t subscription_id = 0;  // 0: none
  uint64_t since =
      0;  // retained versions <= since were replayed at subscribe time (design.md §5); 0: no replay
  uint8_t options = 0;
};

class MemberTable;

/// The members of one filter on this loop. Chunked (256 a chunk): add O(1), remove O(1) by swapping
/// with the last. While a cursor is open (`Pin`), removals leave tombstones and compaction waits
/// for the last Unpin, so a paused fan-out neither misses nor repeats a member that stays; members
/// added meanwhile are beyond its end. Owner: the MemberTable, which outlives every pin.
class MemberList {
 public:
  static constexpr size_t kChunk = 256;

  MemberList(const MemberList&) = delete;
  MemberList& operator=(const MemberList&) = delete;

  /// Live members.
  size_t size() const { return end_ - gone_.size(); }
  /// Positions in use, tombstones included.
  size_t end() const { return end_; }
  /// Valid until the table changes. Walk `[0, end())` or up to the end at Pin, and leave out those
  /// with kOptionGone.
  Member& at(size_t position) {
    return position < kChunk ? first_[position] : more_[position / kChunk - 1][position % kChunk];
  }
  /// Asks for what is read of a list before its members.
  void Prefetch() const {
    __builtin_prefetch(this);
    __builtin_prefetch(&first_);
  }
  void PrefetchMembers() const { __builtin_prefetch(first_); }
  /// Nests.
  void Pin() { ++pins_; }
  /// The last one compacts; a list that lost its last member meanwhile is freed.
  void Unpin();

 private:
  friend class MemberTable;
  MemberList(MemberTable* table, FilterRef filter) : table_(table), filter_(filter) {}
  ~MemberList();

  Member& Append(const Member& member);

  MemberTable* const table_;
  const FilterRef filter_;
  uint32_t end_ = 0;
  uint32_t pins_ = 0;
  /// Positions are in MemberTable::positions_ (else the list is short and searched).
  bool indexed_ = false;
  bool detached_ = false;  // the table has forgotten it; freed at the last Unpin
  uint16_t first_capacity_ = 1;
  Member
      only_;  // storage of `first_` while there is one member: the ordinary case allocates no chunk
  Member* first_ = &only_;  // first chunk; grows ×4 to kChunk, then stays
  std::vector<std::unique_ptr<Member[]>> more_;
  std::vector<uint32_t> gone_;  // tombstones, while pinned
};

class MemberTable {
 public:
  explicit MemberTable(HashSeed seed) : lists_(seed), positions_(seed) {}
  ~MemberTable();
  MemberTable(const MemberTable&) = delete;
  MemberTable& operator=(const MemberTable&) = delete;

  /// Adds or replaces (`since`, options, subscription id) the subscription of member.session, and
  /// returns it until the table changes. `*first`: the list was empty or new. A filter of an older
  /// generation than the list's is ignored: null; a newer one drops what the old one left behind.
  Member* Add(FilterRef filter, const Member& member, bool* first);
  /// False if it was not there. `*last`: the list became empty and is freed (or freed at the last
  /// Unpin).
  bool Remove(FilterRef filter, uint32_t session, bool* last);
  /// Null when this loop has no member, or the generation is old.
  MemberList* Find(FilterRef filter);
  Member* FindMember(FilterRef filter, uint32_t session);
  /// What Find reads, in the order in which it does: asked for, then waited for by the next one.
  void PrefetchPlace(FilterRef filter) const { lists_.Prefetch(filter.id); }
  void PrefetchList(FilterRef filter) {
    if (MemberList** list = lists_.Find(filter.id); list != nullptr) (*list)->Prefetch();
  }

  /// Moves whenever a pointer from Find may no longer be what Find would return: a list was made,
  /// emptied or freed.
  uint64_t version() const { return version_; }
  size_t memory_bytes() const;

 private:
  friend class MemberList;
  static constexpr uint32_t kSearched = 8;  // members; longer lists are indexed
  static constexpr uint32_t kNone = 0xFFFFFFFF;

  static uint64_t PositionKey(FilterId filter, uint32_t session) {
    return uint64_t{filter} << 32 | session;
  }
  uint32_t PositionOf(MemberList* list, uint32_t session);
  void RemoveAt(MemberList* list, uint32_t position);
  void Drop(MemberList* list);
  void FillHole(MemberList* list, uint32_t hole);
  void Compact(MemberList* list);
  void Shrink(MemberList* list);
  void Free(MemberList* list);

  FlatMap<MemberList*> lists_;   // by filter id
  FlatMap<uint32_t> positions_;  // by (filter id, session), of indexed lists
  uint64_t version_ = 1;
  size_t list_bytes_ = 0;
};

}  // namespace causeway::router
