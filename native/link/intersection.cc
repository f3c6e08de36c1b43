#include "link/intersection.h"

#include <algorithm>

namespace causeway::link {
namespace {

/// The levels of a filter, front to back. An empty filter has one empty level.
class Levels {
 public:
  explicit Levels(std::string_view filter) : rest_(filter) { FindEnd(); }
  bool exhausted() const { return exhausted_; }
  std::string_view head() const { return rest_.substr(0, head_bytes_); }
  /// The head and everything behind it.
  std::string_view rest() const { return rest_; }
  bool at_hash() const { return !exhausted_ && rest_ == "#"; }
  void Advance() {
    if (head_bytes_ == rest_.size()) {
      exhausted_ = true;
      rest_ = {};
      head_bytes_ = 0;
      return;
    }
    rest_.remove_prefix(head_bytes_ + 1);
    FindEnd();
  }

 private:
  void FindEnd() { head_bytes_ = std::min(rest_.find('/'), rest_.size()); }

  std::string_view rest_;
  size_t head_bytes_ = 0;
  bool exhausted_ = false;
};

bool IsWildcard(std::string_view level) { return level == "+" || level == "#"; }

/// Wildcards at the front never meet `$` topics. Source: MQTT 5.0 §4.7.2 [MQTT-4.7.2-1]
bool DollarKeepsApart(std::string_view wild, std::string_view literal) {
  return literal.starts_with('$') && IsWildcard(wild);
}

void AppendLevels(std::string_view levels, bool first, std::string* out) {
  if (!first) out->push_back('/');
  out->append(levels);
}

}  // namespace

bool Intersect(std::string_view a, std::string_view b, std::string* out) {
  out->clear();
  Levels left(a);
  Levels right(b);
  if (DollarKeepsApart(left.head(), right.head()) || DollarKeepsApart(right.head(), left.head())) {
    return false;
  }
  for (bool first = true;; first = false) {
    if (left.at_hash() || right.at_hash()) {  // the other side's rest, which may be nothing
      const Levels& other = left.at_hash() ? right : left;
      if (!other.exhausted()) AppendLevels(other.rest(), first, out);
      return true;
    }
    if (left.exhausted() || right.exhausted()) return left.exhausted() && right.exhausted();
    const std::string_view one = left.head();
    const std::string_view two = right.head();
    if (one != two && one != "+" && two != "+") return false;
    AppendLevels(one == "+" ? two : one, first, out);
    left.Advance();
    right.Advance();
  }
}

bool IsSubset(std::string_view narrow, std::string_view wide) {
  Levels inner(narrow);
  Levels outer(wide);
  if (DollarKeepsApart(outer.head(), inner.head())) return false;
  for (;;) {
    if (outer.at_hash()) return true;
    if (inner.exhausted() || outer.exhausted()) return inner.exhausted() && outer.exhausted();
    if (inner.at_hash()) return false;
    if (outer.head() != "+" && outer.head() != inner.head()) return false;
    inner.Advance();
    outer.Advance();
  }
}

LinkTopics::LinkTopics(const std::vector<std::string>& filters) {
  for (const std::string& filter : filters) {
    const auto covers = [&](const std::string& kept) { return IsSubset(filter, kept); };
    if (std::any_of(filters_.begin(), filters_.end(), covers)) continue;
    std::erase_if(filters_, [&](const std::string& kept) { return IsSubset(kept, filter); });
    filters_.push_back(filter);
  }
}

void LinkTopics::Cut(std::string_view filter, std::vector<std::string>* out) const {
  out->clear();
  std::string part;
  for (const std::string& topic : filters_) {
    if (!Intersect(filter, topic, &part)) continue;
    std::erase_if(*out, [&](const std::string& kept) { return IsSubset(kept, part); });
    const auto covers = [&](const std::string& kept) { return IsSubset(part, kept); };
    if (std::any_of(out->begin(), out->end(), covers)) continue;
    out->insert(out->begin(), part);
  }
}

bool LinkTopics::Matches(std::string_view topic) const {
  return std::any_of(filters_.begin(), filters_.end(),
                     [&](const std::string& filter) { return IsSubset(topic, filter); });
}

}  // namespace causeway::link
