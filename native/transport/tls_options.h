// What a TLS context is made of: contents of files, never their paths.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace causeway::transport {

/// One identity: a certificate with its chain, its key, and the names it is shown for.
struct TlsIdentity {
  std::string certificate_pem, key_pem;
  std::string password;
  bool has_password = false;
  /// Server names of the client's hello, `*.` in front stands for one label; empty: the default.
  std::vector<std::string> hosts;
};

/// Bits of TlsOptions::versions.
namespace tls_versions {
inline constexpr uint8_t kTls10 = 1, kTls11 = 2, kTls12 = 4, kTls13 = 8;
}

struct TlsOptions {
  bool server = true;
  /// The first one is the default; a client may have none.
  std::vector<TlsIdentity> identities;
  std::string authorities_pem;  // empty: nobody is trusted
  std::string revocations_pem;  // CRLs, looked at when `check_revocation`
  bool verify_peer = false;
  bool peer_certificate_required = false;  // servers, with verify_peer
  bool check_revocation = false;
  int depth = 10;
  uint8_t versions = tls_versions::kTls12 | tls_versions::kTls13;
  std::vector<std::string> ciphers;  // OpenSSL's or IANA's names; empty: the library's choice
  bool server_order = true;          // of ciphers
  bool resumption = true;
};

/// X(NAME, name): which part of the options was refused; the names are those of EMQX's keys.
#define CAUSEWAY_TLS_PARTS(X) \
  X(kCertificate, certfile)   \
  X(kKey, keyfile)            \
  X(kPassword, password)      \
  X(kAuthorities, cacertfile) \
  X(kRevocations, crlfile)    \
  X(kVersions, versions)      \
  X(kCiphers, ciphers)

#define CAUSEWAY_ENUMERATOR(NAME, name) NAME,
enum class TlsPart : uint8_t { CAUSEWAY_TLS_PARTS(CAUSEWAY_ENUMERATOR) };
#undef CAUSEWAY_ENUMERATOR

std::string_view NameOf(TlsPart part);

/// Why options make no context.
struct TlsRefusal {
  TlsPart part = TlsPart::kCertificate;
  size_t identity = 0;  // of kCertificate, kKey, kPassword
  std::string reason;   // one clause, OpenSSL's words where it had some
};

}  // namespace causeway::transport
