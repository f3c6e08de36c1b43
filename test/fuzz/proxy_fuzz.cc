// The PROXY header, and who else may knock: what is taken for a header must be one however it is
// cut, and nothing behind it may matter.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/check.h"
#include "core/limits.h"
#include "transport/proxy_header.h"
#include "transport/stranger.h"

namespace {

using causeway::transport::ParseProxyHeader;
using causeway::transport::ProxyHeader;
using causeway::transport::ProxyStatus;

/// Every peer goes into logs and records as it stands.
bool Printable(std::string_view text) {
  for (const char c : text) {
    if (c <= ' ' || c >= 0x7F) return false;
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  causeway::transport::StrangerOf(bytes);
  ProxyHeader header, other;
  const ProxyStatus status = ParseProxyHeader(bytes, &header);
  if (status == ProxyStatus::kNeedMore) {
    CHECK(size < causeway::limits::kProxyHeaderBytesMax);
    // All of it belongs to the header, so no part of it is one or is refused.
    for (size_t cut = 0; cut < size; ++cut)
      CHECK(ParseProxyHeader(bytes.substr(0, cut), &other) == ProxyStatus::kNeedMore);
    return 0;
  }
  if (status == ProxyStatus::kMalformed) {  // and stays so, whatever comes
    CHECK(ParseProxyHeader(std::string(bytes) + "\r\n", &other) == ProxyStatus::kMalformed);
    return 0;
  }
  CHECK(header.bytes > 0 && header.bytes <= size);
  CHECK(header.bytes <= causeway::limits::kProxyHeaderBytesMax);
  CHECK(Printable(header.peer));
  for (size_t cut = 0; cut < header.bytes; ++cut)
    CHECK(ParseProxyHeader(bytes.substr(0, cut), &other) == ProxyStatus::kNeedMore);
  for (const std::string_view behind : {std::string_view(), std::string_view("\x10\x0C")}) {
    const std::string again = std::string(bytes.substr(0, header.bytes)).append(behind);
    CHECK(ParseProxyHeader(again, &other) == ProxyStatus::kHeader);
    CHECK(other.bytes == header.bytes && other.peer == header.peer);
  }
  return 0;
}
