// Cutting local interest by what a link may carry: intersections of topic filters.
// Source: docs/protocol/cluster-link.md "Route cutting (intersection)".
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace causeway::link {

/// The filter that matches exactly what both match, or false when that is nothing. Commutative.
bool Intersect(std::string_view a, std::string_view b, std::string* out);

/// Whether everything `narrow` matches, `wide` matches too: `narrow` ∩ `wide` = `narrow`. Allocates
/// nothing. For a topic name this is "does the filter match it".
bool IsSubset(std::string_view narrow, std::string_view wide);

/// A link's `topics`, reduced: no element covers another; configuration order is kept.
class LinkTopics {
 public:
  LinkTopics() = default;
  explicit LinkTopics(const std::vector<std::string>& filters);

  const std::vector<std::string>& filters() const { return filters_; }
  /// The parts of `filter` the link carries, in the order EMQX produces them; empties `*out` first
  /// and reuses it. `filter` is the bare filter of a subscription (no `$share/…` prefix).
  void Cut(std::string_view filter, std::vector<std::string>* out) const;
  /// Whether a message with this topic may cross the link.
  bool Matches(std::string_view topic) const;

 private:
  std::vector<std::string> filters_;
};

}  // namespace causeway::link
