// What all TLS connections of one listener, or of one link, have in common: identities, whom they
// trust, versions, ciphers. Immutable: a reload makes a new one, and old connections keep theirs.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "transport/tls_options.h"
#include "transport/tls_ticket_keys.h"

namespace causeway::transport {

struct SslContextDelete {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using SslContext = std::unique_ptr<SSL_CTX, SslContextDelete>;

/// Owner: shared by the loops and their streams. Threads: all; OpenSSL counts and locks what
/// changes inside.
class TlsContext {
 public:
  /// Null: refused, and why. `tickets`: shared by all contexts that one listener ever had.
  static std::shared_ptr<const TlsContext> Make(const TlsOptions& options,
                                                std::shared_ptr<TicketKeys> tickets,
                                                TlsRefusal* refusal);

  bool is_server() const { return server_; }
  bool verifies() const { return verifies_; }
  /// A new connection's half of OpenSSL's state; null when memory is short.
  SSL* NewSsl() const { return SSL_new(default_.get()); }

 private:
  struct Named {
    std::string host;  // lower case; "*." in front: one label
    SSL_CTX* context;  // of named_
  };

  explicit TlsContext(std::shared_ptr<TicketKeys> tickets) : tickets_(std::move(tickets)) {}
  bool Build(const TlsOptions& options, TlsRefusal* refusal);
  SslContext BuildOne(const TlsOptions& options, const TlsIdentity* identity, TlsRefusal* refusal);
  SSL_CTX* ForHost(std::string_view host) const;

  static int OnServerName(SSL* ssl, int* alert, void* argument);
  static int OnTicket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                      EVP_MAC_CTX* mac, int sealing);

  bool server_ = true;
  bool verifies_ = false;
  std::shared_ptr<TicketKeys> tickets_;
  SslContext default_;
  std::vector<SslContext> named_;
  std::vector<Named> hosts_;
};

}  // namespace causeway::transport
