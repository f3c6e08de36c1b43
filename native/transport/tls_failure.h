// OpenSSL's errors, sorted: which counter, and what to tell people.
#pragma once

#include <openssl/ssl.h>

#include <string>

#include "transport/stream.h"

namespace causeway::transport {

struct TlsFailure {
  StreamFault fault = StreamFault::kNone;
  std::string reason;  // one clause
};

/// What happened on the wire beside OpenSSL's own view.
struct TlsWire {
  unsigned char first = 0;  // first byte that ever came, 0: none
  bool any = false;         // something came
  bool ended = false;       // end of stream
  int error = 0;            // errno of a failed system call, 0: none
};

/// After a failed call on `ssl`: why. Takes OpenSSL's error queue.
TlsFailure ExplainTls(SSL* ssl, const TlsWire& wire);

}  // namespace causeway::transport
