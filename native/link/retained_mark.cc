#include "link/retained_mark.h"

#include "link/etf.h"

namespace causeway::link {
namespace {

constexpr size_t kEmptyMapBytes = 5;  // all that EMQX sends

RetainedMark MarkOf(std::string_view text) {
  for (const RetainedMark mark : {RetainedMark::kLive, RetainedMark::kState}) {
    if (text == TextOf(mark)) return mark;
  }
  return RetainedMark::kNone;
}

}  // namespace

std::string_view TextOf(RetainedMark mark) {
  switch (mark) {
    case RetainedMark::kNone:
      return {};
    case RetainedMark::kLive:
      return "live";
    case RetainedMark::kState:
      return "state";
  }
  return {};
}

RetainedMark ReadRetainedMark(std::string_view extra) {
  if (extra.size() <= kEmptyMapBytes) return RetainedMark::kNone;
  EtfReader reader(extra);
  uint32_t pairs;
  if (!reader.EnterMap(&pairs)) return RetainedMark::kNone;
  for (uint32_t i = 0; i < pairs; ++i) {
    std::string_view key, value;
    if (!reader.ReadBinary(&key) && !reader.Skip(LocalTerms::kSkip, 1)) return RetainedMark::kNone;
    if (key == kRetainedKey) return reader.ReadBinary(&value) ? MarkOf(value) : RetainedMark::kNone;
    if (!reader.Skip(LocalTerms::kSkip, 1)) return RetainedMark::kNone;
  }
  return RetainedMark::kNone;
}

}  // namespace causeway::link
