// What the clusters linked with us want: the receiver's table of external routes.
// Source: docs/protocol/cluster-link.md "Receiver: actor registry and route table".
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/hash.h"
#include "link/index_table.h"
#include "link/pool.h"
#include "link/route_digest.h"
#include "link/route_message.h"

namespace causeway::link {

/// Hears when a linked cluster's interest in a filter begins and ends. Called inside Apply, Sweep
/// and Clear; must not call back into the table.
class RouteSink {
 public:
  virtual void AddRoute(std::string_view filter, int link) = 0;
  virtual void RemoveRoute(std::string_view filter, int link) = 0;
  /// Every holding, and its end. `route_id`: raw; empty: the binary that equals the filter.
  virtual void AddHolding(std::string_view, int, std::string_view) {}
  virtual void RemoveHolding(std::string_view, int, std::string_view) {}

 protected:
  ~RouteSink() = default;
};

struct ApplyResult {
  uint32_t adds = 0;     // holdings that are new
  uint32_t deletes = 0;  // holdings that ended
  uint32_t repeats = 0;  // adds already held, deletes of nothing: no-ops by contract
  uint32_t invalid = 0;  // not a topic filter: left out
  uint32_t refused = 0;  // adds beyond the table's bound: left out
};

/// Routes per (filter, link, route id), each held by the lanes (actors) that announced it.
///
/// A holding is one (filter, link, route id, lane). Holdings of a lane form a list in order of last
/// confirmation, so that mark-and-sweep needs neither a marking pass nor a scan: an add under epoch
/// e moves the holding to the tail with e, and Sweep(e) removes from the head whatever carries
/// another epoch. The old routes stay live until then, so a peer's new incarnation opens no gap.
///
///   lane list   head [e3][e3] … [e4][e4][e4] tail      Sweep(e4) removes the two e3
///
/// Cost per route (one lane, 30-byte filter, route id equal to the filter): about 130 bytes.
/// Thread: control. Bound: `holdings_max`; beyond it adds are refused and counted.
class RouteTable {
 public:
  static constexpr int kLinksMax = 4096;
  static constexpr int kLanesMax = 4096;  // per link

  RouteTable(HashSeed seed, RouteSink* sink, size_t holdings_max);
  ~RouteTable();
  RouteTable(const RouteTable&) = delete;
  RouteTable& operator=(const RouteTable&) = delete;

  /// Applies up to `budget` operations of a decoded batch and counts them into `*result`; true when
  /// none is left. `epoch`: number of the bootstrap this lane is in or was in last, never
  /// decreasing for a lane; what the batch adds is confirmed for it.
  bool Apply(int link, int lane, uint32_t epoch, RouteOperations* operations, size_t budget,
             ApplyResult* result);

  /// Removes up to `budget` holdings of the lane not confirmed since `epoch` began; returns how
  /// many. Fewer than `budget`: done. Also right after an empty bootstrap.
  size_t Sweep(int link, int lane, uint32_t epoch, size_t budget);
  /// Removes up to `budget` holdings of the lane (its actor expired, its link is gone); fewer than
  /// `budget`: done.
  size_t Clear(int link, int lane, size_t budget);

  /// Visits what all lanes of the link hold: `visit(filter, route_id)` as AddHolding has them.
  template <typename Visit>
  void ForEach(int link, Visit&& visit) const {
    if (static_cast<size_t>(link) >= lanes_of_link_.size()) return;
    for (const uint32_t lane : lanes_of_link_[static_cast<size_t>(link)]) {
      if (lane == kNone) continue;
      for (uint32_t at = lanes_[lane].head; at != kNone; at = holding_pool_[at].next) {
        const Holding& holding = holding_pool_[at];
        visit(filter_pool_[holding.filter].view(), holding.own_route_id());
      }
    }
  }

  /// Where a page ended; kPagesEnd: nothing is behind it.
  static constexpr uint32_t kPagesEnd = 0xFFFFFFFF;

  /// One page of what the link's lanes hold, of at most `routes_max` routes, found by looking at
  /// no more than `places_max` places from `from` on (0 for the first page):
  /// `visit(filter, lane, route_id)`, the route id as AddHolding has it. Returns where the next
  /// page begins. The table may change between two pages: what stays is visited once all the same.
  template <typename Visit>
  uint32_t Page(int link, uint32_t from, size_t routes_max, size_t places_max,
                Visit&& visit) const {
    const std::vector<int> lane_of = LanesByPosition(link);
    uint32_t at = from;
    for (; at < holding_pool_.used() && routes_max > 0 && places_max > 0; ++at, --places_max) {
      const Holding& holding = holding_pool_[at];
      if (holding.filter == kNone) continue;  // free
      const Filter& filter = filter_pool_[holding.filter];
      if (filter.link != static_cast<uint32_t>(link)) continue;
      visit(filter.view(), lane_of[holding.lane], holding.own_route_id());
      --routes_max;
    }
    return at < holding_pool_.used() ? at : kPagesEnd;
  }

  size_t holdings() const { return holding_pool_.live(); }
  size_t holdings(int link) const;
  size_t holdings(int link, int lane) const;
  /// (filter, link) pairs the sink knows of.
  size_t filters() const { return filter_pool_.live(); }
  bool Wants(int link, std::string_view filter) const;
  /// What the lane holds, under digest_key(): the receiver's half of a drift checksum.
  RouteDigest digest(int link, int lane) const;
  /// Random for this table, told to peers: the table's own seed is not.
  SipKey digest_key() const { return digest_key_; }
  size_t bytes() const;  // owned memory, heap overhead estimated

 private:
  static constexpr uint32_t kNone = 0xFFFFFFFF;

  /// One (filter, link).
  struct Filter {
    char* text = nullptr;  // owned
    uint32_t bytes = 0;
    uint32_t link = 0;
    uint32_t holdings = 0;
    uint32_t next_free = kNone;

    std::string_view view() const { return {text, bytes}; }
  };
  struct Holding {
    char* route_id =
        nullptr;  // owned: u32 length, then the raw term; null: the binary that equals the filter
    uint32_t filter = kNone;
    uint32_t lane = 0;  // position in lanes_
    uint32_t epoch = 0;
    uint32_t previous = kNone;  // in the lane's list
    uint32_t next = kNone;      // … also in the pool's free list

    std::string_view own_route_id() const;
  };
  struct Lane {
    uint32_t head = kNone;
    uint32_t tail = kNone;
    size_t holdings = 0;
    RouteDigest digest;  // of its holdings; routes in transit are not part of it
  };

  const Lane* FindLane(int link, int lane) const;    // null when it never held anything
  uint32_t LaneFor(int link, int lane);              // creates
  std::vector<int> LanesByPosition(int link) const;  // position in lanes_ → lane of the link
  uint64_t FilterHash(std::string_view filter, uint32_t link) const;
  uint64_t HoldingHash(uint32_t filter, uint32_t lane, std::string_view own_route_id) const;
  uint32_t FindFilter(uint64_t hash, std::string_view filter, uint32_t link) const;
  uint32_t FindHolding(uint64_t hash, uint32_t filter, uint32_t lane,
                       std::string_view own_route_id) const;
  void Add(int link, uint32_t lane, uint32_t epoch, const RouteOperation& operation,
           ApplyResult* result);
  void Delete(int link, uint32_t lane, const RouteOperation& operation, ApplyResult* result);
  uint32_t CreateFilter(uint64_t hash, std::string_view filter, uint32_t link);
  uint64_t DigestHash(const Holding& holding) const;
  void Append(Lane* lane, uint32_t position);
  void Unlink(Lane* lane, uint32_t position);
  void Remove(uint32_t position);
  void ReleaseFilter(uint32_t position);
  char* CopyText(std::string_view text, size_t prefix_bytes);
  void FreeText(char* text, size_t bytes);

  const HashSeed seed_;
  const SipKey digest_key_ = SipKey::Random();
  RouteSink* const sink_;  // borrowed for the table's life
  const size_t holdings_max_;
  Pool<Filter, &Filter::next_free> filter_pool_;
  Pool<Holding, &Holding::next> holding_pool_;
  IndexTable filter_index_;
  IndexTable holding_index_;
  std::vector<Lane> lanes_;
  std::vector<std::vector<uint32_t>> lanes_of_link_;  // [link][lane] → position in lanes_, or kNone
  size_t heap_bytes_ = 0;                             // texts and route ids
};

}  // namespace causeway::link
