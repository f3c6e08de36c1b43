#include "transport/tls_failure.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include <cstring>

#include "transport/tls_pem.h"

namespace causeway::transport {

namespace {

/// OpenSSL numbers the alerts it receives from here on.
constexpr int kAlertsFrom = SSL_AD_REASON_OFFSET;
constexpr int kAlertsEnd = SSL_AD_REASON_OFFSET + 256;

/// What a peer is that does not speak TLS, by its first byte.
const char* NotTls(bool server, unsigned char first) {
  if (!server) return "the server does not speak TLS";
  if (first == 0x10) return "MQTT without TLS";
  if (first >= 'A' && first <= 'Z') return "HTTP without TLS";
  return "bytes that are not TLS";
}

TlsFailure Alert(int alert) {
  return {StreamFault::kRefusedByPeer,
          std::string("the peer refused: ") + SSL_alert_desc_string_long(alert)};
}

TlsFailure Sorted(SSL* ssl, const TlsWire& wire, int reason) {
  switch (reason) {
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
      return {StreamFault::kNotTls, "HTTP without TLS"};
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_RECORD_LENGTH_MISMATCH:
      if (wire.first == 0x16) break;
      return {StreamFault::kNotTls, NotTls(SSL_is_server(ssl) == 1, wire.first)};
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
      return {StreamFault::kCertificate,
              std::string("the peer's certificate: ") +
                  X509_verify_cert_error_string(SSL_get_verify_result(ssl))};
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return {StreamFault::kCertificate, "the peer showed no certificate"};
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_NO_PROTOCOLS_AVAILABLE:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_UNKNOWN_PROTOCOL:
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SHARED_GROUPS:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_INAPPROPRIATE_FALLBACK:
      return {StreamFault::kNoAgreement, TakeOpenSslError()};
    default:
      break;
  }
  return {StreamFault::kOther, TakeOpenSslError()};
}

}  // namespace

TlsFailure ExplainTls(SSL* ssl, const TlsWire& wire) {
  // The first error is the root of the others, but behind a distrusted certificate lie only details
  // of a signature.
  const unsigned long last = ERR_peek_last_error();
  const bool distrusted =
      ERR_GET_LIB(last) == ERR_LIB_SSL && ERR_GET_REASON(last) == SSL_R_CERTIFICATE_VERIFY_FAILED;
  const unsigned long error = distrusted ? last : ERR_peek_error();
  const int reason = ERR_GET_REASON(error);
  TlsFailure failure;
  if (wire.error != 0) {
    failure = {StreamFault::kPeerClosed,
               std::string("the connection broke: ") + strerrorname_np(wire.error)};
  } else if (error == 0 || wire.ended) {
    failure = {StreamFault::kPeerClosed, "the peer closed the connection"};
  } else if (ERR_GET_LIB(error) != ERR_LIB_SSL) {
    failure = {StreamFault::kOther, TakeOpenSslError()};
  } else if (reason >= kAlertsFrom && reason < kAlertsEnd) {
    failure = Alert(reason - kAlertsFrom);
  } else {
    failure = Sorted(ssl, wire, reason);
  }
  ERR_clear_error();
  return failure;
}

}  // namespace causeway::transport
