// Certificates made in memory, and two ends of TLS over a socket pair.
#pragma once

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "core/check.h"
#include "transport/tls_stream.h"

namespace causeway::transport {

/// A key and certificate, its own issuer unless `issuer` is given.
struct TestCertificate {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* x509 = X509_new();

  explicit TestCertificate(const char* name, const TestCertificate* issuer = nullptr,
                           long seconds = 3600) {
    static long serial = 1;
    X509_set_version(x509, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), serial++);
    X509_gmtime_adj(X509_getm_notBefore(x509), -7200);
    X509_gmtime_adj(X509_getm_notAfter(x509), seconds);
    X509_set_pubkey(x509, key);
    X509_NAME* subject = X509_get_subject_name(x509);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
    X509_set_issuer_name(x509, issuer == nullptr ? subject : X509_get_subject_name(issuer->x509));
    X509V3_CTX context;
    X509V3_set_ctx(&context, x509, x509, nullptr, nullptr, 0);
    const auto extend = [&](int nid, const std::string& value) {
      X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
      X509_add_ext(x509, extension, -1);
      X509_EXTENSION_free(extension);
    };
    if (issuer == nullptr) {
      extend(NID_basic_constraints, "critical,CA:TRUE");
    } else {
      extend(NID_subject_alt_name, std::string("DNS:") + name);
    }
    CHECK(X509_sign(x509, issuer == nullptr ? key : issuer->key, EVP_sha256()) > 0);
  }
  ~TestCertificate() {
    X509_free(x509);
    EVP_PKEY_free(key);
  }
  TestCertificate(const TestCertificate&) = delete;
  TestCertificate& operator=(const TestCertificate&) = delete;

  std::string Pem() const {
    return Text([&](BIO* bio) { PEM_write_bio_X509(bio, x509); });
  }
  std::string KeyPem(const char* password = nullptr) const {
    return Text([&](BIO* bio) {
      PEM_write_bio_PKCS8PrivateKey(bio, key, password == nullptr ? nullptr : EVP_aes_256_cbc(),
                                    nullptr, 0, nullptr, const_cast<char*>(password));
    });
  }
  TlsIdentity Identity() const {
    TlsIdentity identity;
    identity.certificate_pem = Pem();
    identity.key_pem = KeyPem();
    return identity;
  }

 private:
  template <typename Write>
  static std::string Text(const Write& write) {
    BIO* bio = BIO_new(BIO_s_mem());
    write(bio);
    char* data = nullptr;
    const long bytes = BIO_get_mem_data(bio, &data);
    std::string text(data, static_cast<size_t>(bytes));
    BIO_free(bio);
    return text;
  }
};

/// A server's and a client's options that trust each other's authority.
struct TlsPairOptions {
  TestCertificate root{"Test Root"};
  TestCertificate server_certificate{"server.test", &root};
  TestCertificate client_certificate{"client.test", &root};
  TlsOptions server, client;

  TlsPairOptions() {
    server.identities = {server_certificate.Identity()};
    server.authorities_pem = client.authorities_pem = root.Pem();
    client.server = false;
    client.verify_peer = true;
  }
};

inline std::shared_ptr<const TlsContext> ContextOf(const TlsOptions& options) {
  TlsRefusal refusal;
  auto context = TlsContext::Make(options, std::make_shared<TicketKeys>(), &refusal);
  CHECK(context != nullptr);
  return context;
}

/// Two streams over a socket pair; small kernel buffers, so that writers find no room soon.
struct TlsPair {
  int fds[2];
  std::unique_ptr<TlsStream> server, client;

  TlsPair(std::shared_ptr<const TlsContext> server_context,
          std::shared_ptr<const TlsContext> client_context, std::string_view name = "server.test") {
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
    const int bytes = 8 * 1024;
    for (const int fd : fds) setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    server = std::make_unique<TlsStream>(std::move(server_context), fds[0]);
    if (client_context != nullptr)
      client = std::make_unique<TlsStream>(std::move(client_context), fds[1], name);
  }
  ~TlsPair() {
    close(fds[0]);
    close(fds[1]);
  }
  TlsPair(const TlsPair&) = delete;
  TlsPair& operator=(const TlsPair&) = delete;

  /// Both handshakes as far as they go; true when both are over.
  bool Shake() {
    auto theirs = Stream::Progress::kWantsRead, ours = theirs;
    for (int round = 0; round < 20; ++round) {
      if (theirs != Stream::Progress::kFailed) theirs = client->Shake();
      if (ours != Stream::Progress::kFailed) ours = server->Shake();
      if (theirs == Stream::Progress::kDone && ours == Stream::Progress::kDone) return true;
    }
    return false;
  }
};

/// What `stream` gives until it has no more, `at_once` bytes a read.
inline std::string ReadAll(TlsStream* stream, size_t at_once = 256 * 1024) {
  std::string all, some(at_once, '\0');
  for (;;) {
    const ssize_t got = stream->Read(some.data(), some.size());
    if (got <= 0) return all;
    all.append(some, 0, static_cast<size_t>(got));
  }
}

}  // namespace causeway::transport
