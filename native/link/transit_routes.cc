#include "link/transit_routes.h"

#include <algorithm>
#include <utility>

#include "link/etf.h"

namespace causeway::link {

void TransitRoutes::Reset(std::string self, std::vector<std::string> clusters, uint64_t asked) {
  const uint64_t stay = active_ & asked;
  for (const Group& group : groups_) {
    for (uint64_t links = stay; links != 0; links &= links - 1) {
      for (const Route& route : group.routes) {
        sink_->Announce(RouteOperation::Kind::kDelete, __builtin_ctzll(links), group.filter(),
                        route.route_id);
      }
    }
  }
  groups_.clear();
  places_.clear();
  routes_ = walk_ = 0;
  active_ = stay;
  self_ = std::move(self);
  clusters_ = std::move(clusters);
  refused_.resize(clusters_.size());
}

bool TransitRoutes::Identify(int link, std::string_view filter, std::string_view route_id,
                             std::string* key, Route* route) const {
  OriginPath path;
  if (IsTransitRouteId(route_id)) {
    std::string_view text, original;
    if (!EtfReader(route_id).ReadBinary(&text) || !path.ParseRouteId(text, &original)) return false;
  }
  // A path that leads through us, or through our neighbour twice, is a circle.
  const std::string& neighbour = clusters_[static_cast<size_t>(link)];
  if (path.Contains(self_) || path.Contains(neighbour) || !path.Append(neighbour)) return false;
  key->assign(path[0]);
  key->push_back('\0');
  key->append(filter);
  route->route_id = path.RouteId(filter);
  route->link = static_cast<uint8_t>(link);
  route->hops = static_cast<uint8_t>(path.size());
  route->avoid = 0;
  for (size_t other = 0; other < clusters_.size(); ++other) {
    if (path.Contains(clusters_[other])) route->avoid |= uint64_t{1} << other;
  }
  return true;
}

const TransitRoutes::Route* TransitRoutes::BestFor(const Group& group, int link,
                                                   const Route* without) const {
  const Route* best = nullptr;
  for (const Route& route : group.routes) {
    if (&route == without || !MayReach(route, link)) continue;
    if (best == nullptr || route.hops < best->hops ||
        (route.hops == best->hops && route.route_id < best->route_id)) {
      best = &route;
    }
  }
  return best;
}

void TransitRoutes::Add(int link, std::string_view filter, std::string_view route_id) {
  std::string key;
  Route route;
  if (!Identify(link, filter, route_id, &key, &route)) return;
  const auto place = places_.find(key);
  if (place != places_.end()) {
    for (Route& held : groups_[place->second].routes) {
      if (held.route_id != route.route_id) continue;
      ++held.lanes;
      return;
    }
  }
  if (routes_ >= routes_max_) {
    ++refused_[static_cast<size_t>(link)];
    return;
  }
  size_t at = groups_.size();
  if (place != places_.end()) {
    at = place->second;
  } else {
    places_.emplace(key, at);
    groups_.push_back({std::move(key), {}});
  }
  Group& group = groups_[at];
  route.lanes = 1;
  group.routes.push_back(std::move(route));
  ++routes_;
  const Route* added = &group.routes.back();
  for (uint64_t links = active_; links != 0; links &= links - 1) {
    const int to = __builtin_ctzll(links);
    if (BestFor(group, to, nullptr) != added) continue;
    sink_->Announce(RouteOperation::Kind::kAdd, to, group.filter(), added->route_id);
    if (const Route* before = BestFor(group, to, added))
      sink_->Announce(RouteOperation::Kind::kDelete, to, group.filter(), before->route_id);
  }
}

void TransitRoutes::Remove(int link, std::string_view filter, std::string_view route_id) {
  std::string key;
  Route route;
  if (!Identify(link, filter, route_id, &key, &route)) return;
  const auto place = places_.find(key);
  if (place == places_.end()) return;
  Group& group = groups_[place->second];
  const auto held = std::find_if(group.routes.begin(), group.routes.end(),
                                 [&](const Route& one) { return one.route_id == route.route_id; });
  if (held == group.routes.end() || --held->lanes > 0) return;
  const Route* removed = &*held;
  for (uint64_t links = active_; links != 0; links &= links - 1) {
    const int to = __builtin_ctzll(links);
    if (BestFor(group, to, nullptr) != removed) continue;
    if (const Route* next = BestFor(group, to, removed))
      sink_->Announce(RouteOperation::Kind::kAdd, to, group.filter(), next->route_id);
    sink_->Announce(RouteOperation::Kind::kDelete, to, group.filter(), removed->route_id);
  }
  group.routes.erase(held);
  --routes_;
  if (group.routes.empty()) RemoveGroup(place->second);
}

void TransitRoutes::RemoveGroup(size_t position) {
  places_.erase(groups_[position].key);
  if (position + 1 != groups_.size()) {
    groups_[position] = std::move(groups_.back());
    places_[groups_[position].key] = position;
  }
  groups_.pop_back();
}

bool TransitRoutes::StepWalk(size_t budget) {
  walk_ = std::min(walk_, groups_.size());
  for (; budget > 0 && walk_ > 0; --budget) {
    const Group& group = groups_[--walk_];
    for (uint64_t links = active_; links != 0; links &= links - 1) {
      const int to = __builtin_ctzll(links);
      const Route* best = BestFor(group, to, nullptr);
      for (const Route& route : group.routes) {
        if ((route.avoid >> to & 1) != 0) continue;
        sink_->Announce(&route == best ? RouteOperation::Kind::kAdd : RouteOperation::Kind::kDelete,
                        to, group.filter(), route.route_id);
      }
    }
  }
  return walk_ == 0;
}

}  // namespace causeway::link
