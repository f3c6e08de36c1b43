// PEM texts into an SSL_CTX: certificates with chains, keys, authorities, revocation lists.
#pragma once

#include <openssl/ssl.h>

#include <string>

#include "transport/tls_options.h"

namespace causeway::transport {

/// The first error that OpenSSL has to tell, in its words; the queue is empty afterwards.
std::string TakeOpenSslError();

/// Certificate, chain and key, which must belong together.
bool UseIdentity(SSL_CTX* context, const TlsIdentity& identity, TlsRefusal* refusal);

/// Authorities that vouch for peers; a server also names them in its request for a certificate.
bool TrustAuthorities(SSL_CTX* context, const std::string& pem, bool server, TlsRefusal* refusal);

/// Revocation lists for every certificate of a chain: one that no list covers is not trusted.
bool UseRevocations(SSL_CTX* context, const std::string& pem, TlsRefusal* refusal);

}  // namespace causeway::transport
