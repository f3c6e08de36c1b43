// The obviously right matcher: split both at '/', compare level by level (MQTT 5.0 §4.7).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace causeway::oracle {

inline std::vector<std::string> SplitLevels(std::string_view text) {
  std::vector<std::string> levels(1);
  for (const char c : text) {
    if (c == '/') {
      levels.emplace_back();
    } else {
      levels.back() += c;
    }
  }
  return levels;
}

inline bool TopicMatches(std::string_view filter, std::string_view topic) {
  const std::vector<std::string> f = SplitLevels(filter), t = SplitLevels(topic);
  const bool dollar = !topic.empty() && topic[0] == '$';
  if (dollar && (f[0] == "+" || f[0] == "#")) return false;  // [MQTT-4.7.2-1]
  for (size_t i = 0; i < f.size(); ++i) {
    if (f[i] == "#") return i <= t.size();  // its parent as well: then i == t.size()
    if (i == t.size()) return false;
    if (f[i] != "+" && f[i] != t[i]) return false;
  }
  return f.size() == t.size();
}

}  // namespace causeway::oracle
