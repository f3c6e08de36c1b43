#include "retained/topic_order.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>

namespace causeway::retained {
namespace {

static_assert(std::endian::native == std::endian::little,
              "FirstDifference counts from the low end");

/// The offset of the first byte in which the first `bytes` of both differ; `bytes` when none does.
size_t FirstDifference(const char* a, const char* b, size_t bytes) {
  size_t at = 0;
  for (; at + 8 <= bytes; at += 8) {
    uint64_t left, right;
    std::memcpy(&left, a + at, 8);
    std::memcpy(&right, b + at, 8);
    if (left != right) return at + static_cast<size_t>(std::countr_zero(left ^ right)) / 8;
  }
  while (at < bytes && a[at] == b[at]) ++at;
  return at;
}

unsigned Rank(char byte) { return byte == '/' ? 0 : static_cast<unsigned char>(byte) + 1u; }

/// One level at a time off the front of a topic or filter.
class Levels {
 public:
  explicit Levels(std::string_view text) : text_(text) { Measure(); }
  bool done() const { return start_ > text_.size(); }
  std::string_view level() const { return text_.substr(start_, end_ - start_); }
  /// Everything before this level, its slash included.
  std::string_view before() const { return text_.substr(0, std::min(start_, text_.size())); }
  void Advance() {
    start_ = end_ + 1;
    Measure();
  }

 private:
  void Measure() {
    if (!done()) end_ = std::min(text_.find('/', start_), text_.size());
  }
  std::string_view text_;
  size_t start_ = 0, end_ = 0;
};

/// The subtree that `before` ("a/b/") opens is exhausted: go behind it.
void LeapOut(std::string_view before, std::string* next) {
  next->clear();
  if (before.empty()) return;  // the first level is past its only value: nothing can match any more
  next->assign(before.substr(0, before.size() - 1));
  next->push_back('\0');
}

void LeapTo(std::string_view before, std::string_view level, std::string* next) {
  next->assign(before);
  next->append(level);
}

}  // namespace

bool LevelLess(std::string_view a, std::string_view b) {
  const size_t common = std::min(a.size(), b.size());
  const size_t at = FirstDifference(a.data(), b.data(), common);
  if (at == common) return a.size() < b.size();
  return Rank(a[at]) < Rank(b[at]);
}

bool IsWildcard(std::string_view filter) {
  return filter.find_first_of("+#") != std::string_view::npos;
}

std::string_view LiteralPrefix(std::string_view filter) {
  const std::string_view prefix = filter.substr(0, filter.find_first_of("+#"));
  if (prefix.size() == filter.size() || prefix.empty()) return prefix;
  return prefix.substr(0, prefix.size() - 1);  // `a/#` matches `a` [MQTT-4.7.1-2]
}

bool MatchOrLeap(std::string_view filter, std::string_view topic, std::string* next) {
  Levels wanted(filter), found(topic);
  for (; !wanted.done(); wanted.Advance(), found.Advance()) {
    const std::string_view level = wanted.level();
    const bool wildcard = level == "#" || level == "+";
    if (wildcard && wanted.before().empty() && topic.front() == '$') {
      next->assign(1, '$' + 1);  // [MQTT-4.7.2-1], and no other topic that begins with $ will do
      return false;
    }
    if (level == "#") break;
    if (found.done()) {  // too short: the subtree of `topic` comes next
      next->assign(topic);
      next->push_back('/');
      if (!wildcard) next->append(level);
      return false;
    }
    if (wildcard || found.level() == level) continue;
    if (found.level() < level) {  // no slash inside a level: byte order is level order here
      LeapTo(found.before(), level, next);
    } else {
      LeapOut(found.before(), next);
    }
    return false;
  }
  if (wanted.done() && !found.done()) {  // too deep: nothing else in this subtree is less deep
    LeapOut(found.before(), next);
    return false;
  }
  return true;
}

}  // namespace causeway::retained
