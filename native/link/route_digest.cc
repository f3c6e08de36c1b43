#include "link/route_digest.h"

#include "link/etf_tag.h"

namespace causeway::link {
namespace {

void UpdateBinary(SipHash* hash, std::string_view text) {
  char head[5];
  head[0] = static_cast<char>(etf::kBinary);
  etf::Store32(head + 1, static_cast<uint32_t>(text.size()));
  hash->Update({head, sizeof head});
  hash->Update(text);
}

}  // namespace

void RouteDigest::Append(std::string* out) const {
  char bytes[kBytes];
  etf::Store64(etf::Store64(bytes, count), sum);
  out->append(bytes, sizeof bytes);
}

uint64_t RouteHash(SipKey key, std::string_view filter, std::string_view route_id) {
  SipHash hash(key);
  UpdateBinary(&hash, filter);
  hash.Update(route_id);
  return hash.Finish();
}

uint64_t RouteHashOfText(SipKey key, std::string_view filter, std::string_view text) {
  SipHash hash(key);
  UpdateBinary(&hash, filter);
  UpdateBinary(&hash, text);
  return hash.Finish();
}

}  // namespace causeway::link
