#include "transport/tls_context.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cctype>
#include <cstring>

#include "core/check.h"
#include "core/clock.h"
#include "core/limits.h"
#include "transport/tls_pem.h"

namespace causeway::transport {

namespace {

constexpr unsigned char kProtocols[] = {4, 'm', 'q', 't', 't'};  // RFC 7301, IANA's name of MQTT

/// All suites that TLS 1.3 has. Source: RFC 8446 §B.4
constexpr std::string_view kModernCiphers[] = {
    "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_AES_128_CCM_SHA256", "TLS_AES_128_CCM_8_SHA256"};

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

/// A client that offers other protocols only is served all the same: MQTT needs no ALPN.
int OnProtocols(SSL*, const unsigned char** out, unsigned char* out_bytes, const unsigned char* in,
                unsigned in_bytes, void*) {
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_bytes, kProtocols, sizeof kProtocols, in, in_bytes) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

bool SetVersions(SSL_CTX* context, uint8_t versions, TlsRefusal* refusal) {
  constexpr struct {
    uint8_t bit;
    int version;
    uint64_t off;
  } kAll[] = {{tls_versions::kTls10, TLS1_VERSION, SSL_OP_NO_TLSv1},
              {tls_versions::kTls11, TLS1_1_VERSION, SSL_OP_NO_TLSv1_1},
              {tls_versions::kTls12, TLS1_2_VERSION, SSL_OP_NO_TLSv1_2},
              {tls_versions::kTls13, TLS1_3_VERSION, SSL_OP_NO_TLSv1_3}};
  int lowest = 0, highest = 0;
  for (const auto& one : kAll) {
    if ((versions & one.bit) == 0) {
      SSL_CTX_set_options(context, one.off);
      continue;
    }
    if (lowest == 0) lowest = one.version;
    highest = one.version;
  }
  // 80 bits, as Node has it; the old versions sign with SHA-1, which needs all bars down.
  SSL_CTX_set_security_level(context, lowest != 0 && lowest < TLS1_2_VERSION ? 0 : 1);
  if (lowest != 0 && SSL_CTX_set_min_proto_version(context, lowest) == 1 &&
      SSL_CTX_set_max_proto_version(context, highest) == 1) {
    return true;
  }
  refusal->part = TlsPart::kVersions;
  refusal->reason = "none of these versions can be offered";
  return false;
}

/// The names sorted into the two lists that OpenSSL keeps. A version for which nothing is listed is
/// not offered: who lists ciphers wants no others.
bool SetCiphers(SSL_CTX* context, const std::vector<std::string>& names, uint8_t* versions,
                TlsRefusal* refusal) {
  if (names.empty()) return true;
  const auto refuse = [&](std::string reason) {
    ERR_clear_error();
    refusal->part = TlsPart::kCiphers;
    refusal->reason = std::move(reason);
    return false;
  };
  std::string modern, older;
  const auto add = [](std::string* list, const char* name) {
    if (!list->empty()) *list += ':';
    *list += name;
  };
  for (const std::string& name : names) {
    if (std::ranges::find(kModernCiphers, name) != std::end(kModernCiphers)) {
      add(&modern, name.c_str());
      continue;
    }
    const char* translated = name.starts_with("TLS_") ? OPENSSL_cipher_name(name.c_str()) : nullptr;
    const bool unknown = translated != nullptr && std::strcmp(translated, "(NONE)") == 0;
    const char* own = translated == nullptr || unknown ? name.c_str() : translated;
    if (SSL_CTX_set_cipher_list(context, own) != 1) return refuse("no such cipher suite: " + name);
    add(&older, own);
  }
  const bool good = (modern.empty() || SSL_CTX_set_ciphersuites(context, modern.c_str()) == 1) &&
                    (older.empty() || SSL_CTX_set_cipher_list(context, older.c_str()) == 1);
  if (!good) return refuse("these cipher suites cannot be used together");
  if (modern.empty()) *versions &= static_cast<uint8_t>(~tls_versions::kTls13);
  if (older.empty()) *versions &= tls_versions::kTls13;
  return *versions != 0 || refuse("none of these cipher suites belongs to an offered version");
}

/// Tickets and sessions are good only where the same peers would be trusted: a resumed session is
/// not verified again, so a new set of authorities or revocations must not inherit any.
void ScopeSessions(SSL_CTX* context, const TlsOptions& options) {
  EVP_MD_CTX* digest = EVP_MD_CTX_new();
  unsigned char scope[EVP_MAX_MD_SIZE];
  unsigned bytes = 0;
  const unsigned char flags[] = {options.verify_peer, options.peer_certificate_required,
                                 options.check_revocation};
  CHECK(digest != nullptr && EVP_DigestInit_ex(digest, EVP_sha256(), nullptr) == 1);
  EVP_DigestUpdate(digest, flags, sizeof flags);
  EVP_DigestUpdate(digest, options.authorities_pem.data(), options.authorities_pem.size());
  EVP_DigestUpdate(digest, "", 1);
  EVP_DigestUpdate(digest, options.revocations_pem.data(), options.revocations_pem.size());
  CHECK(EVP_DigestFinal_ex(digest, scope, &bytes) == 1);
  EVP_MD_CTX_free(digest);
  CHECK(SSL_CTX_set_session_id_context(context, scope,
                                       std::min(bytes, unsigned{SSL_MAX_SID_CTX_LENGTH})) == 1);
}

void SetSessions(SSL_CTX* context, const TlsOptions& options) {
  SSL_CTX_set_max_early_data(context, 0);  // 0-RTT can be replayed, a PUBLISH must not be
  if (!options.server || !options.resumption) {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(context, 0);
    return;
  }
  // Tickets carry the session; the cache is for clients of TLS 1.2 that know session ids only.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_SERVER);
  SSL_CTX_sess_set_cache_size(context, static_cast<long>(limits::kTlsSessionsMax));
  SSL_CTX_set_timeout(context, static_cast<long>(limits::kTlsSessionSeconds));
  SSL_CTX_set_num_tickets(context, 1);  // an MQTT client comes back with one connection
  ScopeSessions(context, options);
}

}  // namespace

std::string_view NameOf(TlsPart part) {
#define CAUSEWAY_TEXT(NAME, name) #name,
  static constexpr std::string_view kNames[] = {CAUSEWAY_TLS_PARTS(CAUSEWAY_TEXT)};
#undef CAUSEWAY_TEXT
  return kNames[static_cast<size_t>(part)];
}

std::shared_ptr<const TlsContext> TlsContext::Make(const TlsOptions& options,
                                                   std::shared_ptr<TicketKeys> tickets,
                                                   TlsRefusal* refusal) {
  std::shared_ptr<TlsContext> context(new TlsContext(std::move(tickets)));
  if (!context->Build(options, refusal)) return nullptr;
  return context;
}

bool TlsContext::Build(const TlsOptions& options, TlsRefusal* refusal) {
  CHECK(!options.server || !options.identities.empty());
  server_ = options.server;
  verifies_ = options.verify_peer;
  default_ =
      BuildOne(options, options.identities.empty() ? nullptr : &options.identities[0], refusal);
  if (default_ == nullptr) return false;
  for (size_t i = 1; i < options.identities.size(); ++i) {
    refusal->identity = i;
    named_.push_back(BuildOne(options, &options.identities[i], refusal));
    if (named_.back() == nullptr) return false;
    for (const std::string& host : options.identities[i].hosts)
      hosts_.push_back({LowerCase(host), named_.back().get()});
  }
  if (!hosts_.empty()) {
    SSL_CTX_set_tlsext_servername_callback(default_.get(), OnServerName);
    SSL_CTX_set_tlsext_servername_arg(default_.get(), this);
  }
  return true;
}

SslContext TlsContext::BuildOne(const TlsOptions& options, const TlsIdentity* identity,
                                TlsRefusal* refusal) {
  SslContext context(SSL_CTX_new(options.server ? TLS_server_method() : TLS_client_method()));
  CHECK(context != nullptr);
  uint8_t versions = options.versions;
  // Ciphers first: a version may fall away for want of them.
  if (!SetCiphers(context.get(), options.ciphers, &versions, refusal) ||
      !SetVersions(context.get(), versions, refusal)) {
    return nullptr;
  }
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                         SSL_OP_IGNORE_UNEXPECTED_EOF);
  if (options.server_order) {
    SSL_CTX_set_options(context.get(), SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  }
  // Out-buffers move between attempts to write; idle connections keep no buffers.
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                      SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
  SSL_CTX_set_read_ahead(context.get(), 1);  // one recv for many records
  SSL_CTX_set_max_cert_list(context.get(), static_cast<long>(limits::kTlsChainBytesMax));
  SetSessions(context.get(), options);
  if (options.server) {
    SSL_CTX_set_alpn_select_cb(context.get(), OnProtocols, nullptr);
    CHECK(SSL_CTX_set_app_data(context.get(), this) == 1);
    if (options.resumption)
      CHECK(SSL_CTX_set_tlsext_ticket_key_evp_cb(context.get(), OnTicket) == 1);
  }
  if (identity != nullptr && !UseIdentity(context.get(), *identity, refusal)) return nullptr;
  if (!options.authorities_pem.empty() &&
      !TrustAuthorities(context.get(), options.authorities_pem,
                        options.server && options.verify_peer, refusal)) {
    return nullptr;
  }
  if (options.check_revocation && !UseRevocations(context.get(), options.revocations_pem, refusal))
    return nullptr;
  int verify = SSL_VERIFY_NONE;
  if (options.verify_peer) {
    verify = SSL_VERIFY_PEER;
    if (options.server && options.peer_certificate_required)
      verify |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  }
  SSL_CTX_set_verify(context.get(), verify, nullptr);
  SSL_CTX_set_verify_depth(context.get(), options.depth);
  return context;
}

SSL_CTX* TlsContext::ForHost(std::string_view name) const {
  const std::string host = LowerCase(name);
  const size_t dot = host.find('.');
  for (const Named& named : hosts_) {
    if (named.host == host) return named.context;
  }
  if (dot == std::string::npos) return nullptr;
  const std::string wildcard = "*" + host.substr(dot);
  for (const Named& named : hosts_) {
    if (named.host == wildcard) return named.context;
  }
  return nullptr;
}

/// An unknown name gets the default certificate: whether it will do is for the client to say.
int TlsContext::OnServerName(SSL* ssl, int*, void* argument) {
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name == nullptr) return SSL_TLSEXT_ERR_NOACK;
  SSL_CTX* context = static_cast<const TlsContext*>(argument)->ForHost(name);
  if (context != nullptr) SSL_set_SSL_CTX(ssl, context);
  return SSL_TLSEXT_ERR_OK;
}

int TlsContext::OnTicket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                         EVP_MAC_CTX* mac, int sealing) {
  // The stream of this handshake keeps the context alive.
  const auto* context = static_cast<const TlsContext*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  return context->tickets_->Prepare(name, iv, cipher, mac, sealing == 1, MonotonicMs());
}

}  // namespace causeway::transport
