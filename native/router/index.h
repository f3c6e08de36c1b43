// The global filter index: which filters match a topic, and where their destinations are.
//
// One writer (the control thread) changes it in place; any number of readers match inside an epoch.
// Every change is published by one release store; removed memory is retired through the
// EpochDomain. No copy-on-write of lists or nodes.
//
// Read next: filter.h (what is found), pointer_table.h (how), topic_trie.h (wildcards),
// route_cache.h (who asks).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/epoch.h"
#include "core/hash.h"
#include "router/filter.h"
#include "router/filter_table.h"
#include "router/flat_map.h"
#include "router/group.h"
#include "router/pointer_table.h"
#include "router/topic_trie.h"

namespace causeway::router {

/// Destinations and generation, the contract: whoever changes a mask, a group list or the set of
/// filters stores that first and moves the generation afterwards, by a fetch_add with release. A
/// reader loads the generation g with acquire first, then matches and reads masks, and labels what
/// it found with g.
///   Claim: while generation() == g is read, what was found with label g misses no change whose
///   call ended before that read. Proof: let change C have moved the generation from c to c+1. If
///   c+1 > g, the read of g did not see C's fetch_add, so C's call had not ended for this reader:
///   concurrent, may be missed. If c+1 <= g, the load that returned g read C's fetch_add or a later
///   one; all are read-modify-writes, so the later one continues C's release sequence, the load
///   synchronises with C, and C's stores happen before the match. Moving the generation first would
///   break it: a reader could label the old mask with the new generation, and keep it.
/// The same fetch_add orders the store of design.md §5's subscriber (insert → seq_cst fence →
/// scan).
class Index {
 public:
  Index(HashSeed seed, EpochDomain* epochs);
  /// No reader is left. Filters and groups still there are deleted.
  ~Index();
  Index(const Index&) = delete;
  Index& operator=(const Index&) = delete;

  // ---- writer (control thread). It also calls EpochDomain::Collect now and then; the index only
  // retires.

  /// Finds or inserts `filter` (valid, no $share prefix) and adds a reference. Without destinations
  /// it matches nothing anybody sees, so the generation stays.
  Filter* Acquire(std::string_view filter);
  /// Ends a reference; the last one unlinks the filter and retires it. No group may be left on it.
  void Release(Filter* filter);
  Filter* Find(std::string_view filter) const;

  /// Local plain interest. True: this was the first / the last subscriber, i.e. an edge (design.md
  /// §4).
  bool AddLocal(Filter* filter);
  bool RemoveLocal(Filter* filter);
  /// A route of linked cluster `link` (0…63). True when the bit changed.
  bool AddLink(Filter* filter, int link);
  bool RemoveLink(Filter* filter, int link);
  /// Shared group `name` on `filter`: finds or makes it; `*first` when it got its first member. A
  /// member that is already in stays as it is. `sharing` counts when the group is made. The caller
  /// holds a reference to the filter meanwhile.
  Group* JoinGroup(Filter* filter, std::string_view name, Sharing sharing, GroupMember member,
                   bool* first);
  /// `*last` when the group has no member left and was unlinked. False if the member was not in it.
  bool LeaveGroup(Filter* filter, std::string_view name, GroupMember member, bool* last);

  // ---- a loop, about itself

  /// Sets / clears bit `loop`, and moves the generation if it changed. Members are added on the
  /// loop before Show; whether the last one is removed before or after Hide is the loop's choice
  /// (see route_cache.h), as long as it does both in one go. The caller's filter has a reference
  /// until control has heard that the loop is done.
  void ShowOnLoop(Filter* filter, int loop);
  void HideOnLoop(Filter* filter, int loop);

  // ---- readers (inside an epoch)

  /// Appends every filter that matches `topic` and was fully inserted before the call. Order
  /// unspecified, no repeats. Wildcards do not match topics that begin with `$` at the first level
  /// [MQTT-4.7.2-1].
  void Match(std::string_view topic, std::vector<Filter*>* out) const;
  /// The same for up to kTogether topics that are known at once: in a big index, where a match is
  /// nothing but waiting for memory, they wait together.
  using Query = TopicTrie::Query;
  static constexpr size_t kTogether = TopicTrie::kTogether;
  void Match(const Query* queries, size_t count) const;
  /// Moves with every change that can alter a match result or a destination mask. Acquire; cached
  /// results made at generation g are valid while generation() == g is read inside the same epoch
  /// that uses them.
  uint64_t generation() const { return generation_.load(std::memory_order_acquire); }

  /// Visits live filters with ids in [from, from + n); returns the next id to continue from, or
  /// kWalkEnd. A filter that is present throughout a whole walk is visited exactly once. Readers
  /// inside an epoch; at most 4,000 filters a step.
  static constexpr FilterId kWalkEnd = 0xFFFFFFFF;
  static constexpr size_t kWalkStepMax = 4000;
  template <typename Visit>
  FilterId Walk(FilterId from, size_t max_filters, Visit&& visit) const {
    const FilterId end = table_.end();
    const size_t step = max_filters < kWalkStepMax ? max_filters : kWalkStepMax;
    const FilterId stop =
        from < end && step < end - from ? from + static_cast<FilterId>(step) : end;
    for (FilterId id = from; id < stop; ++id) {
      Filter* filter = table_.Get(id);
      if (filter != nullptr) visit(filter);
    }
    return stop == end ? kWalkEnd : stop;
  }

  /// Live filters; any thread, relaxed.
  size_t size() const { return size_.load(std::memory_order_relaxed); }
  /// Writer. Estimate: heap bytes of filters, nodes, words, groups and tables, without the
  /// allocator's own overhead.
  size_t memory_bytes() const;

 private:
  /// The destinations changed: after their stores, before the caller tells anybody.
  void MoveGeneration() { generation_.fetch_add(1, std::memory_order_release); }
  uint64_t GroupKey(const Filter* filter, std::string_view name) const;
  void UnlinkGroup(Filter* filter, Group* group, uint64_t key);

  HashSeed seed_;
  EpochDomain* epochs_;
  FilterTable table_;
  PointerTable<Filter> exact_;
  TopicTrie trie_;
  FlatMap<Group*> groups_;  // writer: by GroupKey, colliding ones chained by Group::same_key_
  uint32_t next_group_ = 1;
  size_t filters_bytes_ = 0;
  std::atomic<size_t> size_{0};
  alignas(64) std::atomic<uint64_t> generation_{
      1};  // its own line: written by loops, read at every publish
};

}  // namespace causeway::router
