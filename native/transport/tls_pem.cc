#include "transport/tls_pem.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <cstring>
#include <memory>

namespace causeway::transport {

namespace {

struct BioDelete {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
struct X509Delete {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
struct CrlDelete {
  void operator()(X509_CRL* list) const { X509_CRL_free(list); }
};
struct KeyDelete {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using Bio = std::unique_ptr<BIO, BioDelete>;
using Certificate = std::unique_ptr<X509, X509Delete>;
using Crl = std::unique_ptr<X509_CRL, CrlDelete>;
using PrivateKey = std::unique_ptr<EVP_PKEY, KeyDelete>;

Bio Over(const std::string& pem) {
  return Bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

bool Refuse(TlsRefusal* refusal, TlsPart part, std::string reason) {
  refusal->part = part;
  refusal->reason = std::move(reason);
  ERR_clear_error();
  return false;
}

/// True when the last read found no further PEM block, which is how a text ends.
bool AtEnd() {
  const unsigned long error = ERR_peek_last_error();
  if (ERR_GET_LIB(error) != ERR_LIB_PEM || ERR_GET_REASON(error) != PEM_R_NO_START_LINE)
    return false;
  ERR_clear_error();
  return true;
}

struct Password {
  const TlsIdentity* identity;
  bool asked = false;
};

int GivePassword(char* into, int bytes, int, void* argument) {
  auto* password = static_cast<Password*>(argument);
  password->asked = true;
  if (!password->identity->has_password) return -1;
  const std::string& text = password->identity->password;
  if (text.size() > static_cast<size_t>(bytes)) return -1;
  std::memcpy(into, text.data(), text.size());
  return static_cast<int>(text.size());
}

bool UseKey(SSL_CTX* context, const TlsIdentity& identity, TlsRefusal* refusal) {
  Password password{&identity};
  const Bio bio = Over(identity.key_pem);
  const PrivateKey key(PEM_read_bio_PrivateKey(bio.get(), nullptr, GivePassword, &password));
  if (key == nullptr) {
    if (!password.asked)
      return Refuse(refusal, TlsPart::kKey, "no private key in it (" + TakeOpenSslError() + ")");
    if (!identity.has_password)
      return Refuse(refusal, TlsPart::kPassword, "the key is encrypted and no password is given");
    return Refuse(refusal, TlsPart::kPassword,
                  "the password does not open the key (" + TakeOpenSslError() + ")");
  }
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1) {
    return Refuse(refusal, TlsPart::kKey,
                  "the key does not belong to the certificate (" + TakeOpenSslError() + ")");
  }
  return true;
}

}  // namespace

std::string TakeOpenSslError() {
  const unsigned long error = ERR_peek_error();
  const char* reason = error == 0 ? nullptr : ERR_reason_error_string(error);
  std::string text = reason == nullptr ? "no further reason" : reason;
  ERR_clear_error();
  return text;
}

bool UseIdentity(SSL_CTX* context, const TlsIdentity& identity, TlsRefusal* refusal) {
  ERR_clear_error();
  const Bio bio = Over(identity.certificate_pem);
  const Certificate first(PEM_read_bio_X509_AUX(bio.get(), nullptr, nullptr, nullptr));
  if (first == nullptr) {
    return Refuse(refusal, TlsPart::kCertificate,
                  "no certificate in it (" + TakeOpenSslError() + ")");
  }
  if (SSL_CTX_use_certificate(context, first.get()) != 1)
    return Refuse(refusal, TlsPart::kCertificate, TakeOpenSslError());
  for (;;) {
    Certificate next(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (next == nullptr) {
      if (AtEnd()) break;
      return Refuse(refusal, TlsPart::kCertificate,
                    "a further certificate cannot be read (" + TakeOpenSslError() + ")");
    }
    if (SSL_CTX_add0_chain_cert(context, next.get()) != 1)
      return Refuse(refusal, TlsPart::kCertificate, TakeOpenSslError());
    static_cast<void>(next.release());  // the context has it
  }
  return UseKey(context, identity, refusal);
}

bool TrustAuthorities(SSL_CTX* context, const std::string& pem, bool server, TlsRefusal* refusal) {
  ERR_clear_error();
  const Bio bio = Over(pem);
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  int found = 0;
  for (;; ++found) {
    const Certificate authority(PEM_read_bio_X509_AUX(bio.get(), nullptr, nullptr, nullptr));
    if (authority == nullptr) break;
    if (X509_STORE_add_cert(store, authority.get()) != 1 ||
        (server && SSL_CTX_add_client_CA(context, authority.get()) != 1)) {
      return Refuse(refusal, TlsPart::kAuthorities, TakeOpenSslError());
    }
  }
  if (AtEnd() && found > 0) return true;
  return Refuse(refusal, TlsPart::kAuthorities,
                found == 0 ? "no certificate in it"
                           : "a further certificate cannot be read (" + TakeOpenSslError() + ")");
}

bool UseRevocations(SSL_CTX* context, const std::string& pem, TlsRefusal* refusal) {
  ERR_clear_error();
  const Bio bio = Over(pem);
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  int found = 0;
  for (;; ++found) {
    const Crl list(PEM_read_bio_X509_CRL(bio.get(), nullptr, nullptr, nullptr));
    if (list == nullptr) break;
    if (X509_STORE_add_crl(store, list.get()) != 1)
      return Refuse(refusal, TlsPart::kRevocations, TakeOpenSslError());
  }
  if (!AtEnd() || found == 0) {
    return Refuse(refusal, TlsPart::kRevocations,
                  found == 0 ? "no revocation list in it"
                             : "a further list cannot be read (" + TakeOpenSslError() + ")");
  }
  X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
  return true;
}

}  // namespace causeway::transport
