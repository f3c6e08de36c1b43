// topic → destinations, remembered per loop and validated by the index's generation.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "router/flat_map.h"
#include "router/index.h"
#include "router/members.h"

namespace causeway::router {

/// The destinations of one topic as seen from one loop. Valid inside the epoch in which it was
/// looked up, and until the loop next changes its MemberTable or looks up another topic. A paused
/// fan-out copies what is left and pins the lists.
struct Route {
  uint64_t generation = 0;
  uint64_t loops = 0;  // other loops with plain members (own bit cleared)
  uint64_t links = 0;
  std::vector<MemberList*> local;  // this loop's lists, non-empty
  struct Remote {
    FilterRef filter;
    uint64_t loops;
  };
  std::vector<Remote> remote;  // filters with members on other loops
  struct Shared {
    Group* group;
    FilterRef filter;
  };
  std::vector<Shared> groups;
  bool empty() const { return local.empty() && loops == 0 && links == 0 && groups.empty(); }
};

/// Single-threaded, one per loop. A hit costs one hash of the topic and two comparisons of
/// counters; it touches neither the index nor the member table.
///
/// An entry is valid while both the index's generation and the MemberTable's version stand. The
/// first covers masks, links, groups and filters (proof at Index), the second the MemberList
/// pointers: they die on this loop only, and every birth and death of a list moves the version. So
/// the loop may take its last member out before or after HideOnLoop, and even a removal without a
/// Hide leaves no dangling pointer behind.
class RouteCache {
 public:
  /// Bounds: `max_entries` topics and `max_bytes`. Full: a topic is kept when it is asked for a
  /// second time before too many others were, and then evicts by second chance; so what comes by
  /// once among far more topics than fit neither costs an entry nor takes one from those in use.
  /// Counted: hits, misses, evictions. A route that alone exceeds `max_bytes` is not kept.
  RouteCache(int loop, const Index* index, MemberTable* members, HashSeed seed, size_t max_entries,
             size_t max_bytes);
  ~RouteCache();
  RouteCache(const RouteCache&) = delete;
  RouteCache& operator=(const RouteCache&) = delete;

  /// Inside an epoch. Never null; an unmatched topic gives an empty route (cached too).
  const Route* Lookup(std::string_view topic, uint64_t* topic_hash);

  /// Topics that will be looked up in this order, at most Index::kTogether: those that it does not
  /// know are matched together now. The views are valid until Forget or the next Expect.
  void Expect(const std::string_view* topics, size_t count);
  /// Before the epoch ends.
  void Forget() { expected_next_ = expected_count_ = 0; }
  /// The last lookups were misses: it pays to look which topics are next. Where topics repeat, it
  /// would only cost.
  bool missing() const { return missed_ >= kMissing; }

  uint64_t hits() const { return hits_; }
  /// Lookups that had to match: new topics, and known ones whose entry was out of date.
  uint64_t misses() const { return misses_; }
  uint64_t evictions() const { return evictions_; }
  size_t size() const { return clock_.size(); }
  /// Estimate of what the entries hold, the figure that `max_bytes` bounds.
  size_t memory_bytes() const { return bytes_; }

 private:
  struct Entry {
    uint64_t key = 0;
    std::string topic;
    Route route;
    uint64_t version = 0;  // of the MemberTable
    size_t bytes = 0;      // as counted in bytes_
    bool used = true;      // since the hand last passed
  };

  /// A topic that is about to be looked up, with what the index said.
  struct Expected {
    std::string_view topic;
    uint64_t hash = 0;
    std::vector<Filter*> matched;
    Route route;
    uint64_t version = 0;
  };
  static constexpr uint32_t kMissing = 2;  // lookups in a row

  bool Stands(const Route& route, uint64_t version, uint64_t generation) const {
    return route.generation == generation && version == members_->version();
  }
  /// Below FlatMap::kKeyEnd.
  static uint64_t KeyOf(uint64_t hash) { return hash >> 1; }
  template <typename Visit>
  void ForEachExpected(Visit&& visit) const {
    for (size_t i = 0; i < expected_count_; ++i)
      for (const Filter* filter : expected_[i].matched) visit(filter);
  }
  Expected* TakeExpected(uint64_t hash, std::string_view topic, uint64_t generation);
  void Fill(Route* route, std::string_view topic, uint64_t generation);
  void Resolve(const std::vector<Filter*>& matched, uint64_t generation, Route* route);
  /// Before the bounds are met: the last eighth of the bytes is for entries that grow.
  bool full() const { return clock_.size() >= max_entries_ || bytes_ >= max_bytes_ / 8 * 7; }
  bool AskedBefore(uint64_t hash);
  void Account(Entry* entry);
  void MakeRoom(const Entry* keep);
  void SetAside(Entry* entry);
  void Erase(size_t position);

  const int loop_;
  const Index* const index_;
  MemberTable* const members_;
  const HashSeed seed_;
  const size_t max_entries_;
  const size_t max_bytes_;
  /// By topic hash. Topics are compared as well: of two topics with one 64-bit hash the later one
  /// takes the entry.
  FlatMap<Entry*> entries_;
  std::vector<std::unique_ptr<Entry>> clock_;
  size_t hand_ = 0;
  std::unique_ptr<Entry> too_big_;  // the last route that did not fit
  /// 16 bits of the hash of the topic that was last not kept, by other bits of its hash; made when
  /// the cache is full for the first time. A place an entry, 2 bytes each.
  std::vector<uint16_t> asked_;
  Route passing_;                 // of a topic that is not kept
  std::vector<Filter*> matched_;  // scratch
  std::array<Expected, Index::kTogether> expected_;
  size_t expected_next_ = 0, expected_count_ = 0;
  uint32_t missed_ = 0;  // in a row
  size_t bytes_ = 0;
  uint64_t hits_ = 0, misses_ = 0, evictions_ = 0;
};

}  // namespace causeway::router
