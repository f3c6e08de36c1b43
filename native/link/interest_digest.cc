#include "link/interest_digest.h"

#include <utility>

namespace causeway::link {

void InterestDigest::Start(SipKey key, LinkTopics topics) {
  running_ = true;
  key_ = key;
  topics_ = std::move(topics);
  cursor_ = 0;
  digest_ = RouteDigest();
}

void InterestDigest::OnFound(std::string_view filter, std::string_view route_id) {
  topics_.Cut(filter, &cuts_);
  for (const std::string& cut : cuts_) digest_.Add(RouteHashOfText(key_, cut, route_id));
}

void InterestDigest::OnChange(RouteOperation::Kind kind, uint32_t id, std::string_view filter,
                              std::string_view route_id) {
  if (!running_ || id >= cursor_) return;
  topics_.Cut(filter, &cuts_);
  for (const std::string& cut : cuts_) {
    const uint64_t hash = RouteHashOfText(key_, cut, route_id);
    if (kind == RouteOperation::Kind::kAdd) {
      digest_.Add(hash);
    } else {
      digest_.Remove(hash);
    }
  }
}

}  // namespace causeway::link
