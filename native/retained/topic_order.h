// The order in which a shard keeps its topics, and how a scan leaps through it.
//
// Level order: byte order, but with `/` before everything else. A topic is then followed directly
// by its whole subtree, so that what a filter can match below a given point is always one
// contiguous run:
//
//   a/b     a/b/c     a/b/c/d     a/b/x     a/b!     a/bc
//   └────────── subtree of a/b ─────────┘
//
// The smallest string after `t` is `t/`, and the smallest one after the subtree of `t` is `t` with
// a NUL behind it, which no topic holds.
#pragma once

#include <string>
#include <string_view>

namespace causeway::retained {

/// `a` comes before `b` in level order.
bool LevelLess(std::string_view a, std::string_view b);

struct LevelOrder {
  using is_transparent = void;
  bool operator()(std::string_view a, std::string_view b) const { return LevelLess(a, b); }
};

/// Has wildcards.
bool IsWildcard(std::string_view filter);

/// Where a scan for `filter` begins: the levels before the first wildcard.
std::string_view LiteralPrefix(std::string_view filter);

/// What a scan for `filter` does at `topic`: true when it matches. Otherwise `*next` becomes the
/// smallest string behind `topic` from which on a topic could match, empty when there is none; so
/// `a/+/c` reaches past a million topics `a/b/d/…` in one step. `filter` and `topic` are valid.
/// Topics that begin with `$` do not match a wildcard in the first level [MQTT-4.7.2-1].
bool MatchOrLeap(std::string_view filter, std::string_view topic, std::string* next);

}  // namespace causeway::retained
