// The PROXY protocol: what a load balancer says in front of everything else, so that we know who is
// behind it. Source: haproxy doc/proxy-protocol.txt, versions 1 and 2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace causeway::transport {

enum class ProxyStatus : uint8_t {
  kNeedMore,   // all bytes so far belong to the header, and more must come
  kMalformed,  // no PROXY header, or a wrong one
  kHeader,
};

struct ProxyHeader {
  size_t bytes = 0;  // of the whole header; what follows is the client's
  /// 'address:port', '[v6]:port' or 'unix:path'. Empty: the proxy speaks for itself (v2 LOCAL, as
  /// its health checks do) or does not know (UNKNOWN, UNSPEC); the connection's own peer counts.
  std::string peer;
};

/// Reads the header at the start of `bytes`. Strict: v1 has single spaces, canonical numbers and at
/// most 107 bytes; v2 is at most limits::kProxyHeaderBytesMax, of a stream, its TLVs fill it to the
/// byte, and a CRC32c among them is right. Never kNeedMore with more bytes than a header may have.
ProxyStatus ParseProxyHeader(std::string_view bytes, ProxyHeader* header);

/// CRC-32C (Castagnoli), as the TLV PP2_TYPE_CRC32C wants it. RFC 4960 appendix B.
uint32_t Crc32c(std::string_view bytes);

}  // namespace causeway::transport
