// Topic scanning, filter validation and matching against versions that split into levels.
// Input: a filter, a line feed, a topic.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/check.h"
#include "mqtt/packet.h"
#include "mqtt/topic.h"

namespace {

using namespace causeway::mqtt;

std::vector<std::string_view> Split(std::string_view text) {
  std::vector<std::string_view> levels;
  for (;;) {
    const size_t slash = text.find('/');
    levels.push_back(text.substr(0, slash));
    if (slash == std::string_view::npos) return levels;
    text.remove_prefix(slash + 1);
  }
}

bool HasWildcard(std::string_view text) {
  return text.find_first_of("+#") != std::string_view::npos;
}

bool NaivePlainFilter(std::string_view filter) {
  if (filter.empty() || filter.find('\0') != std::string_view::npos) return false;
  const std::vector<std::string_view> levels = Split(filter);
  for (size_t i = 0; i < levels.size(); ++i) {
    const bool last = i + 1 == levels.size();
    if (levels[i] == "#" ? !last : levels[i] != "+" && HasWildcard(levels[i])) return false;
  }
  return true;
}

bool NaiveFilter(std::string_view filter) {
  const std::vector<std::string_view> levels = Split(filter);
  if (levels[0] != "$share" || levels.size() == 1) return NaivePlainFilter(filter);
  if (levels.size() < 3 || levels[1].empty() || HasWildcard(levels[1])) return false;
  if (levels[1].find('\0') != std::string_view::npos) return false;
  return NaivePlainFilter(filter.substr(levels[0].size() + levels[1].size() + 2));
}

bool NaiveMatches(std::string_view filter, std::string_view topic) {
  const std::vector<std::string_view> wanted = Split(filter), levels = Split(topic);
  if (topic.starts_with('$') && HasWildcard(wanted[0])) return false;
  const bool open = wanted.back() == "#";
  const size_t fixed = wanted.size() - (open ? 1 : 0);
  if (open ? levels.size() < fixed : levels.size() != fixed) return false;
  for (size_t i = 0; i < fixed; ++i) {
    if (wanted[i] != "+" && wanted[i] != levels[i]) return false;
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t line_feed = input.find('\n');
  const std::string_view filter = input.substr(0, line_feed);
  const std::string_view topic =
      line_feed == std::string_view::npos ? std::string_view() : input.substr(line_feed + 1);

  for (const std::string_view text : {filter, topic}) {
    const TopicScan wanted = !ValidUtf8(text)    ? TopicScan::kMalformed
                             : HasWildcard(text) ? TopicScan::kWildcards
                                                 : TopicScan::kPlain;
    CHECK(ScanTopic(text) == wanted);
    CHECK(ValidTopicFilter(text) == NaiveFilter(text));
    if (wanted == TopicScan::kPlain) CHECK(ValidTopicName(text) == !text.empty());
  }

  std::string_view group, rest = filter;
  if (!ValidTopicFilter(filter) || !ValidTopicName(topic)) return 0;
  if (IsShared(filter, &group, &rest)) {
    CHECK(!group.empty() && !rest.empty());
    CHECK(filter.size() == 7 + group.size() + 1 + rest.size());
  }
  CHECK(TopicMatches(rest, topic) == NaiveMatches(rest, topic));
  CHECK(TopicMatches(topic, topic));
  return 0;
}
