// Where something came through on its way here between Causeways: cluster names, the origin first.
// Source: docs/protocol/cluster-link.md "Transit".
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/limits.h"

namespace causeway::link {

/// At most limits::kTransitPathMax names. Borrows what it was parsed from.
class OriginPath {
 public:
  /// `extra` of a forwarded message: a map whose `<<"path">>`, if it is there, is a list of
  /// non-empty binaries. False when that is anything else, or too long.
  bool ParseExtra(std::string_view extra);
  /// The text of a transit route id: NUL, the names with `+` between them, `/`, a filter. False
  /// when it is none; `*filter` gets the rest.
  bool ParseRouteId(std::string_view text, std::string_view* filter);

  /// False when it is full.
  bool Append(std::string_view cluster);
  size_t size() const { return size_; }
  std::string_view operator[](size_t i) const { return clusters_[i]; }
  bool Contains(std::string_view cluster) const;

  /// The `extra` that ParseExtra reads; an empty map for an empty path. `retained`: what it says of
  /// retained synchronisation (link/retained_mark.h), empty for nothing.
  std::string Extra(std::string_view retained = {}) const;
  /// The text that ParseRouteId reads.
  std::string RouteId(std::string_view filter) const;

 private:
  std::string_view clusters_[limits::kTransitPathMax];
  size_t size_ = 0;
};

/// Whether a route id as it was sent, a raw term, is that of a transit route. A filter holds no
/// NUL, so nothing else looks like one.
bool IsTransitRouteId(std::string_view raw);

}  // namespace causeway::link
