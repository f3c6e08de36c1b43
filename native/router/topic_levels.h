// Cutting a topic or filter at its slashes (MQTT 5.0 §4.7.1.1), one level at a time.
#pragma once

#include <cstddef>
#include <cstring>
#include <string_view>

namespace causeway::router {

/// `for (TopicLevels levels(topic); levels.Next(&level);)`. Empty levels are levels: "a//b" has
/// three, "" has one.
class TopicLevels {
 public:
  explicit TopicLevels(std::string_view text) : text_(text) {}

  bool Next(std::string_view* level) {
    if (begin_ > text_.size()) return false;
    size_t end = begin_;
    while (end < text_.size() && text_[end] != '/') ++end;
    *level = text_.substr(begin_, end - begin_);
    begin_ = end + 1;
    return true;
  }

 private:
  std::string_view text_;
  size_t begin_ = 0;  // one past the end of the text after the last level
};

/// `filter` has a `+` or `#` level. A valid filter has these characters nowhere else [MQTT-4.7.1-1]
/// [MQTT-4.7.1-2].
inline bool HasWildcard(std::string_view filter) {
  return filter.find_first_of("+#") != std::string_view::npos;
}

}  // namespace causeway::router
