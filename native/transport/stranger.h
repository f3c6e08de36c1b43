// Who speaks something else than MQTT to us, told by its first bytes.
#pragma once

#include <cstdint>
#include <string_view>

namespace causeway::transport {

enum class Stranger : uint8_t {
  kTls,    // a ClientHello: meant for an ssl listener
  kHttp,   // a request, or the preface of HTTP/2: meant for ws, or for no broker at all
  kProxy,  // a PROXY header where `proxy_protocol` is off
  kOther,
};

/// `first`: the first bytes of a connection, which are no CONNECT. Few bytes may not suffice to
/// tell: kOther.
inline Stranger StrangerOf(std::string_view first) {
  // A TLS record of type handshake, legacy version 3.x. RFC 8446 §5.1.
  if (first.starts_with("\x16\x03")) return Stranger::kTls;
  if (first.starts_with("PROXY ") || first.starts_with("\r\n\r\n")) return Stranger::kProxy;
  // Methods of RFC 9110 §9; PRI begins HTTP/2, RFC 9113 §3.4.
  for (const std::string_view method : {"GET ", "POST ", "HEAD ", "PUT ", "DELETE ", "OPTIONS ",
                                        "PATCH ", "CONNECT ", "TRACE ", "PRI * HTTP/2.0"}) {
    if (first.starts_with(method)) return Stranger::kHttp;
  }
  return Stranger::kOther;
}

}  // namespace causeway::transport
