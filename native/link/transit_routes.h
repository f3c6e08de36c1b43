// What linked clusters want, as this cluster announces it to others: for each filter and origin the
// shortest path, and never back along it. Source: docs/protocol/cluster-link.md "Transit".
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "link/origin_path.h"
#include "link/route_message.h"

namespace causeway::link {

/// Hears what changes for each link; must not call back.
class TransitSink {
 public:
  /// `link` is to be told that `filter`, not cut yet, is wanted or no longer wanted under this
  /// route id. Withdrawals of what was never announced may come.
  virtual void Announce(RouteOperation::Kind kind, int link, std::string_view filter,
                        std::string_view route_id) = 0;

 protected:
  ~TransitSink() = default;
};

/// Routes of links that carry transit, by (filter, origin). Of those that may reach a link, because
/// they came through another one and not through its cluster, the shortest is announced to it; ties
/// go to the smaller route id. So a route is never part of its own reason, and ends everywhere when
/// its origin withdraws it.
///
/// Thread: control. Bound: `routes_max`; beyond it routes are not announced onward, and counted.
class TransitRoutes {
 public:
  TransitRoutes(TransitSink* sink, size_t routes_max) : sink_(sink), routes_max_(routes_max) {}
  TransitRoutes(const TransitRoutes&) = delete;
  TransitRoutes& operator=(const TransitRoutes&) = delete;

  /// Begins anew: our own cluster, the remote clusters by number of the link, and the links whose
  /// routes will be added. What was announced to a link that stays active is withdrawn.
  void Reset(std::string self, std::vector<std::string> clusters, uint64_t asked);
  bool IsFor(std::string_view self, const std::vector<std::string>& clusters) const {
    return self == self_ && clusters == clusters_;
  }
  /// Links of which both sides carry transit. What follows from a change is found by a walk.
  void SetActive(uint64_t links) { active_ = links; }
  uint64_t active() const { return active_; }

  /// A lane of `link` holds (filter, route_id) from now on, or does no more. `route_id`: raw;
  /// empty: the binary that equals the filter. Lanes that hold the same count.
  void Add(int link, std::string_view filter, std::string_view route_id);
  void Remove(int link, std::string_view filter, std::string_view route_id);

  /// Says again, for all links, what holds now: after SetActive, and for a link that has begun
  /// anew.
  void StartWalk() { walk_ = groups_.size(); }
  /// Up to `budget` filters of it; true when it is over.
  bool StepWalk(size_t budget);

  size_t size() const { return routes_; }
  uint64_t refused(int link) const {
    return static_cast<size_t>(link) < refused_.size() ? refused_[static_cast<size_t>(link)] : 0;
  }

 private:
  /// One way from the origin to here.
  struct Route {
    std::string route_id;  // as it is announced onward, our neighbour last
    uint64_t avoid = 0;    // links of the clusters on the path
    uint32_t lanes = 0;
    uint8_t link = 0;  // of our neighbour
    uint8_t hops = 0;
  };
  struct Group {
    std::string key;  // origin, NUL, filter
    std::vector<Route> routes;

    std::string_view filter() const { return std::string_view(key).substr(key.find('\0') + 1); }
  };

  /// Key of the group and the route's onward id; false when the route goes nowhere from here.
  bool Identify(int link, std::string_view filter, std::string_view route_id, std::string* key,
                Route* route) const;
  bool MayReach(const Route& route, int link) const {
    return (active_ >> route.link & 1) != 0 && (route.avoid >> link & 1) == 0;
  }
  const Route* BestFor(const Group& group, int link, const Route* without) const;
  void RemoveGroup(size_t position);

  TransitSink* const sink_;  // borrowed for our life
  const size_t routes_max_;
  std::string self_;
  std::vector<std::string> clusters_;
  uint64_t active_ = 0;
  std::vector<Group> groups_;  // dense: the last one fills a gap, which a walk from the end stands
  std::unordered_map<std::string, size_t> places_;
  size_t routes_ = 0;
  size_t walk_ = 0;                // groups below are still to be visited
  std::vector<uint64_t> refused_;  // by link
};

}  // namespace causeway::link
