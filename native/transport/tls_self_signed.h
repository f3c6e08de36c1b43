// A certificate that nobody vouches for: good for measuring TLS on one machine, never for trust.
#pragma once

#include <string>

namespace causeway::transport {

struct SelfSigned {
  std::string certificate_pem, key_pem;  // both empty: OpenSSL would not make them
};

/// ECDSA P-256, for `localhost`, good from an hour ago for a day. Some 0.2 ms.
SelfSigned MakeSelfSigned();

}  // namespace causeway::transport
