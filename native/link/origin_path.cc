#include "link/origin_path.h"

#include <algorithm>

#include "link/etf.h"
#include "link/etf_tag.h"
#include "link/retained_mark.h"

namespace causeway::link {
namespace {

constexpr std::string_view kPathKey = "path";
constexpr size_t kBinaryHeadBytes = 5;

}  // namespace

bool OriginPath::ParseExtra(std::string_view extra) {
  size_ = 0;
  EtfReader reader(extra);
  uint32_t pairs;
  if (!reader.EnterMap(&pairs)) return false;
  for (uint32_t i = 0; i < pairs; ++i) {
    std::string_view key;
    if (!reader.ReadBinary(&key) && !reader.Skip(LocalTerms::kSkip, 1)) return false;
    if (key != kPathKey) {
      if (!reader.Skip(LocalTerms::kSkip, 1)) return false;
      continue;
    }
    uint32_t count;
    bool has_tail;
    if (!reader.EnterList(&count, &has_tail)) return false;
    for (uint32_t at = 0; at < count; ++at) {
      std::string_view cluster;
      if (!reader.ReadBinary(&cluster) || cluster.empty() || !Append(cluster)) return false;
    }
    if (has_tail && !reader.ReadNil()) return false;
  }
  return true;
}

bool OriginPath::ParseRouteId(std::string_view text, std::string_view* filter) {
  size_ = 0;
  if (text.empty() || text.front() != '\0') return false;
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return false;
  std::string_view names = text.substr(1, slash - 1);
  *filter = text.substr(slash + 1);
  for (;;) {
    const size_t plus = names.find('+');
    const std::string_view name = names.substr(0, plus);
    if (name.empty() || !Append(name)) return false;
    if (plus == std::string_view::npos) return !filter->empty();
    names.remove_prefix(plus + 1);
  }
}

bool OriginPath::Append(std::string_view cluster) {
  if (size_ == limits::kTransitPathMax) return false;
  clusters_[size_++] = cluster;
  return true;
}

bool OriginPath::Contains(std::string_view cluster) const {
  return std::find(clusters_, clusters_ + size_, cluster) != clusters_ + size_;
}

std::string OriginPath::Extra(std::string_view retained) const {
  std::string out;
  EtfWriter writer(&out);
  writer.Map((size_ == 0 ? 0 : 1) + (retained.empty() ? 0 : 1));
  if (size_ > 0) {
    writer.Binary(kPathKey);
    writer.List(static_cast<uint32_t>(size_));
    for (size_t i = 0; i < size_; ++i) writer.Binary(clusters_[i]);
    writer.Nil();
  }
  if (!retained.empty()) {
    writer.Binary(kRetainedKey);
    writer.Binary(retained);
  }
  return out;
}

std::string OriginPath::RouteId(std::string_view filter) const {
  std::string text(1, '\0');
  for (size_t i = 0; i < size_; ++i) {
    if (i > 0) text += '+';
    text += clusters_[i];
  }
  text += '/';
  text += filter;
  return text;
}

bool IsTransitRouteId(std::string_view raw) {
  return raw.size() > kBinaryHeadBytes && static_cast<uint8_t>(raw[0]) == etf::kBinary &&
         raw[kBinaryHeadBytes] == '\0';
}

}  // namespace causeway::link
