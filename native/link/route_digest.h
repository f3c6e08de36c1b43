// What two clusters compare to find out whether one holds exactly the routes that the other
// announced: their number, and an order-independent sum of keyed hashes.
// Source: docs/protocol/cluster-link.md "Drift checksum".
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/siphash.h"

namespace causeway::link {

/// Empty: no routes. Adding and removing are inverse and commute, so a digest follows a table
/// without being computed again.
struct RouteDigest {
  uint64_t count = 0;
  uint64_t sum = 0;  // modulo 2^64
  /// On the wire: count, then sum, both big endian.
  static constexpr size_t kBytes = 16;

  void Add(uint64_t hash) {
    ++count;
    sum += hash;
  }
  void Remove(uint64_t hash) {
    --count;
    sum -= hash;
  }
  void Append(std::string* out) const;
  bool operator==(const RouteDigest&) const = default;
};

/// Of the filter as a binary term, then the route id as it was sent: the bytes of a route operation
/// without its tuple's head. `route_id`: a raw term.
uint64_t RouteHash(SipKey key, std::string_view filter, std::string_view route_id);
/// … where the route id is the binary `text`.
uint64_t RouteHashOfText(SipKey key, std::string_view filter, std::string_view text);

}  // namespace causeway::link
