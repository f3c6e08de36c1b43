#include "transport/tls_self_signed.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>

namespace causeway::transport {

namespace {

constexpr long kHourSeconds = 3'600, kDaySeconds = 24 * kHourSeconds;

struct Delete {
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(BIO* bio) const { BIO_free(bio); }
};

template <typename Write>
std::string PemOf(const Write& write) {
  const std::unique_ptr<BIO, Delete> bio(BIO_new(BIO_s_mem()));
  if (bio == nullptr || write(bio.get()) != 1) return {};
  char* data = nullptr;
  const long bytes = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<size_t>(bytes)};
}

bool Fill(X509* certificate, EVP_PKEY* key) {
  X509_NAME* const name = X509_get_subject_name(certificate);
  const auto* localhost = reinterpret_cast<const unsigned char*>("localhost");
  return X509_set_version(certificate, X509_VERSION_3) == 1 &&
         ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) == 1 &&
         X509_gmtime_adj(X509_getm_notBefore(certificate), -kHourSeconds) != nullptr &&
         X509_gmtime_adj(X509_getm_notAfter(certificate), kDaySeconds) != nullptr &&
         X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, localhost, -1, -1, 0) == 1 &&
         X509_set_issuer_name(certificate, name) == 1 && X509_set_pubkey(certificate, key) == 1 &&
         X509_sign(certificate, key, EVP_sha256()) > 0;
}

}  // namespace

SelfSigned MakeSelfSigned() {
  const std::unique_ptr<EVP_PKEY, Delete> key(EVP_EC_gen("P-256"));
  const std::unique_ptr<X509, Delete> certificate(X509_new());
  SelfSigned made;
  if (key != nullptr && certificate != nullptr && Fill(certificate.get(), key.get())) {
    made.certificate_pem =
        PemOf([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate.get()); });
    made.key_pem = PemOf([&](BIO* bio) {
      return PEM_write_bio_PKCS8PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
  }
  ERR_clear_error();
  return made;
}

}  // namespace causeway::transport
