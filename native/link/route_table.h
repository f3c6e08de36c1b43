// What the clusters linked with us want: the receiver's table of external routes.
// Source: docs/protocol/cluster-link.md "Receiver: actor registry and route table".
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "core/hash.h"
#include "link/index_table.h"
#include "link/route_message.h"

namespace causeway::link {

/// Hears when a linked cluster's interest in a filter begins and ends. Called inside Apply, Sweep and Clear; must not
/// call back into the table.
class RouteSink {
 public:
  virtual void AddRoute(std::string_view filter, int link) = 0;
  virtual void RemoveRoute(std::string_view filter, int link) = 0;

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
/// A holding is one (filter, link, route id, lane). Holdings of a lane form a list in order of last confirmation, so
/// that mark-and-sweep needs neither a marking pass nor a scan: an add under epoch e moves the holding to the tail with
/// e, and Sweep(e) removes from the head whatever carries another epoch. The old routes stay live until then, so a
/// peer's new incarnation opens no gap.
///
///   lane list   head [e3][e3] … [e4][e4][e4] tail      Sweep(e4) removes the two e3
///
/// Cost per route (one lane, 30-byte filter, route id equal to the filter): about 130 bytes. Thread: control.
/// Bound: `holdings_max`; beyond it adds are refused and counted.
class RouteTable {
 public:
  static constexpr int kLinksMax = 4096;
  static constexpr int kLanesMax = 4096;  // per link

  RouteTable(HashSeed seed, RouteSink* sink, size_t holdings_max);
  ~RouteTable();
  RouteTable(const RouteTable&) = delete;
  RouteTable& operator=(const RouteTable&) = delete;

  /// Applies up to `budget` operations of a decoded batch and counts them into `*result`; true when none is left.
  /// `epoch`: number of the bootstrap this lane is in or has last been in; what the batch adds is confirmed for it.
  bool Apply(int link, int lane, uint32_t epoch, RouteOperations* operations, size_t budget, ApplyResult* result);

  /// Removes up to `budget` holdings of the lane not confirmed since `epoch` began; returns how many. Fewer than
  /// `budget`: done. Also right after an empty bootstrap.
  size_t Sweep(int link, int lane, uint32_t epoch, size_t budget);
  /// Removes up to `budget` holdings of the lane (its actor expired, its link is gone); fewer than `budget`: done.
  size_t Clear(int link, int lane, size_t budget);

  size_t holdings() const { return holdings_; }
  size_t holdings(int link) const;
  size_t holdings(int link, int lane) const;
  /// (filter, link) pairs the sink knows of.
  size_t filters() const { return filters_; }
  bool Wants(int link, std::string_view filter) const;
  size_t bytes() const;  // owned memory, heap overhead estimated

 private:
  static constexpr uint32_t kNone = 0xFFFFFFFF;

  /// One (filter, link).
  struct Filter {
    char* text;        // owned
    uint64_t hash;
    uint32_t bytes;
    uint32_t holdings;
    uint32_t link;
    uint32_t next_free;
  };
  struct Holding {
    char* route_id;    // owned: 4-byte length, then the raw term; null: the binary that equals the filter
    uint32_t hash_high;
    uint32_t hash_low;
    uint32_t filter;
    uint32_t lane;     // position in lanes_
    uint32_t epoch;
    uint32_t previous; // in the lane's list
    uint32_t next;     // … also in the free list
    uint32_t reserved;
  };
  /// Positions handed out from chunks that never move, so growing copies nothing.
  template <typename T>
  class Pool {
   public:
    T& operator[](uint32_t index) { return chunks_[index >> kChunkBits][index & kChunkMask]; }
    const T& operator[](uint32_t index) const { return chunks_[index >> kChunkBits][index & kChunkMask]; }
    uint32_t Take();
    void Give(uint32_t index, uint32_t T::*link);
    uint32_t TakeFree(uint32_t T::*link);
    size_t bytes() const { return chunks_.size() * sizeof(T) << kChunkBits; }

   private:
    static constexpr uint32_t kChunkBits = 12;
    static constexpr uint32_t kChunkMask = (1u << kChunkBits) - 1;
    std::vector<std::unique_ptr<T[]>> chunks_;
    uint32_t used_ = 0;
    uint32_t free_ = kNone;
  };
  struct Lane {
    int link;
    uint32_t head = kNone;
    uint32_t tail = kNone;
    size_t holdings = 0;
  };

  uint32_t LaneAt(int link, int lane) const;      // kNone when it never held anything
  uint32_t LaneFor(int link, int lane);           // creates
  uint64_t FilterHash(std::string_view filter, uint32_t link) const;
  uint64_t HoldingHash(uint32_t filter, uint32_t lane, std::string_view route_id) const;
  uint32_t FindFilter(uint64_t hash, std::string_view filter, uint32_t link) const;
  bool SameRouteId(const Holding& holding, std::string_view route_id) const;
  void Add(uint32_t lane, uint32_t epoch, const RouteOperation& operation, ApplyResult* result);
  void Delete(uint32_t lane, const RouteOperation& operation, ApplyResult* result);
  void Append(uint32_t lane, uint32_t index);
  void Unlink(uint32_t lane, uint32_t index);
  void Remove(uint32_t index);

  const HashSeed seed_;
  RouteSink* const sink_;  // borrowed for the table's life
  const size_t holdings_max_;
  Pool<Filter> filter_pool_;
  Pool<Holding> holding_pool_;
  IndexTable filter_index_;
  IndexTable holding_index_;
  std::vector<Lane> lanes_;
  std::vector<std::vector<uint32_t>> lanes_of_link_;
  size_t holdings_ = 0;
  size_t filters_ = 0;
  size_t heap_bytes_ = 0;  // texts and route ids
};

}  // namespace causeway::link
