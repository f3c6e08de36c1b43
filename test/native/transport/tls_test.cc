// TlsStream over socket pairs, and the contexts and ticket keys behind it.
#include "transport/tls_stream.h"

#include "tls_world.h"

#include <doctest/doctest.h>

#include <cerrno>
#include <cstring>
#include <thread>
#include <vector>

#include "core/limits.h"

namespace causeway::transport {

namespace {

ssize_t WriteText(TlsStream* stream, std::string_view text) {
  const iovec vector = {const_cast<char*>(text.data()), text.size()};
  return stream->Write(&vector, 1);
}

std::string Pattern(size_t bytes) {
  std::string text(bytes, '\0');
  for (size_t i = 0; i < bytes; ++i) text[i] = static_cast<char>(i * 131 >> 3);
  return text;
}

}  // namespace

TEST_SUITE("tls") {
  TEST_CASE("two ends shake hands in every version and exchange bytes") {
    for (const uint8_t version : {tls_versions::kTls12, tls_versions::kTls13}) {
      TlsPairOptions options;
      options.server.versions = version;
      TlsPair pair(ContextOf(options.server), ContextOf(options.client));
      REQUIRE(pair.Shake());
      CHECK(WriteText(pair.client.get(), "hello") == 5);
      CHECK(ReadAll(pair.server.get()) == "hello");
      CHECK(errno == EAGAIN);
      CHECK(WriteText(pair.server.get(), "world") == 5);
      CHECK(ReadAll(pair.client.get()) == "world");
      pair.client->EndOutput();
      char byte;
      CHECK(pair.server->Read(&byte, 1) == 0);
    }
  }

  TEST_CASE("the pieces of an out-buffer share a record") {
    TlsPairOptions options;
    TlsPair pair(ContextOf(options.server), ContextOf(options.client));
    REQUIRE(pair.Shake());
    ReadAll(pair.client.get());  // the session ticket
    const std::string text = Pattern(3000);
    std::vector<iovec> vectors;
    for (size_t i = 0; i < text.size(); i += 10)
      vectors.push_back({const_cast<char*>(text.data()) + i, 10});
    CHECK(pair.server->Write(vectors.data(), static_cast<int>(vectors.size())) == 3000);
    char wire[8192];
    const ssize_t sent = recv(pair.fds[1], wire, sizeof wire, MSG_PEEK);
    CHECK(sent < 3000 + 64);  // one header and one tag, not three hundred
    CHECK(ReadAll(pair.client.get()) == text);
  }

  TEST_CASE("what does not fit the reader's buffer stays inside, and the stream says so") {
    TlsPairOptions options;
    TlsPair pair(ContextOf(options.server), ContextOf(options.client));
    REQUIRE(pair.Shake());
    CHECK(WriteText(pair.client.get(), "0123456789") == 10);
    char some[4];
    CHECK(pair.server->Read(some, 4) == 4);
    CHECK(pair.server->buffered());
    CHECK(pair.server->Read(some, 4) == 4);
    CHECK(pair.server->buffered());
    CHECK(pair.server->Read(some, 4) == 2);
    CHECK(!pair.server->buffered());
  }

  TEST_CASE(
      "a write that found no room goes on from the same place, from other memory, with more") {
    TlsPairOptions options;
    TlsPair pair(ContextOf(options.server), ContextOf(options.client));
    REQUIRE(pair.Shake());
    const std::string text = Pattern(600'000);
    std::string received;
    size_t sent = 0, offered = 1000;
    int full = 0;
    while (received.size() < text.size()) {
      // Another copy each time, cut elsewhere, as blocks of an out-buffer are.
      const std::string copy = text.substr(sent, offered);
      const size_t cut = copy.size() / 3;
      const iovec vectors[] = {{const_cast<char*>(copy.data()), cut},
                               {const_cast<char*>(copy.data()) + cut, copy.size() - cut}};
      const ssize_t taken = copy.empty() ? 0 : pair.server->Write(vectors, 2);
      if (taken >= 0) {
        sent += static_cast<size_t>(taken);
      } else {
        REQUIRE(errno == EAGAIN);
        ++full;
        received += ReadAll(pair.client.get());
      }
      offered += 7001;
      if (sent == text.size()) received += ReadAll(pair.client.get());
    }
    CHECK(full > 10);
    CHECK((received == text));
  }

  TEST_CASE("new keys are taken in the middle of a stuck write") {
    TlsPairOptions options;
    const auto client_context = ContextOf(options.client);
    TlsPair pair(ContextOf(options.server), nullptr);
    // A client of OpenSSL's own, which can ask for new keys.
    SSL* client = client_context->NewSsl();
    SSL_set_fd(client, pair.fds[1]);
    SSL_set_connect_state(client);
    for (int i = 0; i < 10; ++i) {
      SSL_do_handshake(client);
      pair.server->Shake();
    }
    REQUIRE(SSL_is_init_finished(client));
    const std::string text = Pattern(100'000);
    size_t sent = 0;
    for (;;) {
      const ssize_t taken = WriteText(pair.server.get(), std::string_view(text).substr(sent));
      if (taken < 0) break;
      sent += static_cast<size_t>(taken);
    }
    CHECK(sent < text.size());
    SSL_key_update(client, SSL_KEY_UPDATE_NOT_REQUESTED);
    CHECK(SSL_write(client, "later", 5) == 5);
    CHECK(ReadAll(pair.server.get()) == "later");
    std::string received;
    char some[4096];
    while (received.size() < text.size()) {
      const int got = SSL_read(client, some, sizeof some);
      if (got > 0) received.append(some, static_cast<size_t>(got));
      if (sent == text.size()) continue;
      const ssize_t taken = WriteText(pair.server.get(), std::string_view(text).substr(sent));
      if (taken > 0) sent += static_cast<size_t>(taken);
    }
    CHECK((received == text));
    SSL_free(client);
  }

  TEST_CASE("a session is resumed with a ticket of the same keys, also by a context made anew") {
    TlsPairOptions options;
    const auto tickets = std::make_shared<TicketKeys>();
    TlsRefusal refusal;
    SSL_SESSION* session = nullptr;
    const auto client_context = ContextOf(options.client);
    const auto connect = [&](const TlsOptions& server) {
      TlsPair pair(TlsContext::Make(server, tickets, &refusal), nullptr);
      SSL* client = client_context->NewSsl();
      SSL_set_fd(client, pair.fds[1]);
      SSL_set_connect_state(client);
      if (session != nullptr) SSL_set_session(client, session);
      for (int i = 0; i < 10; ++i) {
        SSL_do_handshake(client);
        pair.server->Shake();
      }
      char byte;
      SSL_read(client, &byte, 1);  // the ticket
      SSL_SESSION_free(session);
      session = SSL_get1_session(client);
      const bool resumed = pair.server->resumed();
      SSL_set_shutdown(client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
      SSL_free(client);
      return resumed;
    };
    CHECK(!connect(options.server));
    CHECK(connect(options.server));
    TlsOptions renewed = options.server;  // another certificate: the session stays good
    TestCertificate other("server.test", &options.root);
    renewed.identities = {other.Identity()};
    CHECK(connect(renewed));
    renewed.verify_peer = true;  // other rules about clients: it does not
    CHECK(!connect(renewed));
    TlsOptions forgetful = options.server;
    forgetful.resumption = false;
    CHECK(!connect(forgetful));
    SSL_SESSION_free(session);
  }

  TEST_CASE("why a handshake failed is told by its kind and in words") {
    TlsPairOptions options;
    const auto fails = [&](const TlsOptions& server, const TlsOptions& client,
                           std::string_view name = "server.test") {
      auto pair = std::make_unique<TlsPair>(ContextOf(server), ContextOf(client), name);
      pair->Shake();
      char byte;  // TLS 1.3: a client learns after its handshake that it was refused
      if (pair->client->Shake() == Stream::Progress::kDone) pair->client->Read(&byte, 1);
      return pair;
    };
    TestCertificate stranger("Stranger");
    TlsOptions distrusting = options.client;
    distrusting.authorities_pem = stranger.Pem();
    auto pair = fails(options.server, distrusting);
    CHECK(pair->client->fault() == StreamFault::kCertificate);
    CHECK(pair->client->failure() ==
          "the peer's certificate: self-signed certificate in certificate chain");
    CHECK(pair->server->fault() == StreamFault::kRefusedByPeer);
    CHECK(pair->server->failure() == "the peer refused: unknown CA");

    pair = fails(options.server, options.client, "other.test");
    CHECK(pair->client->failure() == "the peer's certificate: hostname mismatch");

    TlsOptions expired = options.server;
    TestCertificate old("server.test", &options.root, -3600);
    expired.identities = {old.Identity()};
    pair = fails(expired, options.client);
    CHECK(pair->client->failure() == "the peer's certificate: certificate has expired");

    TlsOptions strict = options.server;
    strict.verify_peer = strict.peer_certificate_required = true;
    pair = fails(strict, options.client);
    CHECK(pair->server->fault() == StreamFault::kCertificate);
    CHECK(pair->server->failure() == "the peer showed no certificate");
    CHECK(pair->client->fault() == StreamFault::kRefusedByPeer);

    TlsOptions old_client = options.client;
    old_client.versions = tls_versions::kTls12;
    TlsOptions modern = options.server;
    modern.versions = tls_versions::kTls13;
    pair = fails(modern, old_client);
    CHECK(pair->server->fault() == StreamFault::kNoAgreement);
  }

  TEST_CASE("a client with a certificate is known by it") {
    TlsPairOptions options;
    options.server.verify_peer = options.server.peer_certificate_required = true;
    options.client.identities = {options.client_certificate.Identity()};
    TlsPair pair(ContextOf(options.server), ContextOf(options.client));
    REQUIRE(pair.Shake());
    unsigned char* der = nullptr;
    const int bytes = i2d_X509(options.client_certificate.x509, &der);
    CHECK(pair.server->PeerCertificate() ==
          std::string(reinterpret_cast<char*>(der), static_cast<size_t>(bytes)));
    OPENSSL_free(der);
  }

  TEST_CASE("what is not TLS is recognised by its first byte") {
    TlsPairOptions options;
    const auto context = ContextOf(options.server);
    const std::pair<std::string_view, std::string_view> strangers[] = {
        {"GET / HTTP/1.1\r\n\r\n", "HTTP without TLS"},
        {"DELETE /x HTTP/1.1\r\n\r\n", "HTTP without TLS"},
        {std::string_view("\x10\x0d\0\4MQTT\4\2\0\x3c\0\1a", 15), "MQTT without TLS"},
        {std::string_view("\0\1\2\3\4\5\6\7\10", 9), "bytes that are not TLS"}};
    for (const auto& [bytes, reason] : strangers) {
      TlsPair pair(context, nullptr);
      CHECK(send(pair.fds[1], bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
      CHECK(pair.server->Shake() == Stream::Progress::kFailed);
      CHECK(pair.server->fault() == StreamFault::kNotTls);
      CHECK(pair.server->failure() == reason);
    }
    TlsPair silent(context, nullptr);
    CHECK(silent.server->Shake() == Stream::Progress::kWantsRead);
    shutdown(silent.fds[1], SHUT_WR);
    CHECK(silent.server->Shake() == Stream::Progress::kFailed);
    CHECK(silent.server->fault() == StreamFault::kPeerClosed);
  }

  TEST_CASE("options that make no context are refused by part and reason") {
    TlsPairOptions options;
    TestCertificate other("other.test", &options.root);
    const auto refused = [&](const auto& spoil) {
      TlsOptions spoilt = options.server;
      spoil(&spoilt);
      TlsRefusal refusal;
      CHECK(TlsContext::Make(spoilt, std::make_shared<TicketKeys>(), &refusal) == nullptr);
      return std::string(NameOf(refusal.part)) + ": " + refusal.reason;
    };
    CHECK(refused([](TlsOptions* o) {
            o->identities[0].certificate_pem = "no PEM";
          }).starts_with("certfile: no certificate in it"));
    CHECK(refused([](TlsOptions* o) {
            o->identities[0].key_pem = "";
          }).starts_with("keyfile: no private key in it"));
    CHECK(refused([&](TlsOptions* o) {
            o->identities[0].key_pem = other.KeyPem();
          }).starts_with("keyfile: the key does not belong to the certificate"));
    CHECK(refused([&](TlsOptions* o) {
            o->identities[0].key_pem = options.server_certificate.KeyPem("secret");
          }) == "password: the key is encrypted and no password is given");
    CHECK(refused([&](TlsOptions* o) {
            o->identities[0].key_pem = options.server_certificate.KeyPem("secret");
            o->identities[0].has_password = true;
            o->identities[0].password = "wrong";
          }).starts_with("password: the password does not open the key"));
    CHECK(refused([](TlsOptions* o) { o->authorities_pem = "x"; }) ==
          "cacertfile: no certificate in it");
    CHECK(refused([](TlsOptions* o) { o->check_revocation = true; }) ==
          "crlfile: no revocation list in it");
    CHECK(refused([](TlsOptions* o) { o->ciphers = {"ROT13"}; }) ==
          "ciphers: no such cipher suite: ROT13");
    CHECK(refused([](TlsOptions* o) {
            o->ciphers = {"TLS_AES_128_GCM_SHA256"};
            o->versions = tls_versions::kTls12;
          }).starts_with("ciphers: none of these"));
    CHECK(refused([](TlsOptions* o) { o->versions = 0; }).starts_with("versions: "));
    TlsOptions good = options.server;
    good.identities[0].key_pem = options.server_certificate.KeyPem("secret");
    good.identities[0].has_password = true;
    good.identities[0].password = "secret";
    good.ciphers = {"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"};
    TlsRefusal refusal;
    CHECK(TlsContext::Make(good, std::make_shared<TicketKeys>(), &refusal) != nullptr);
  }

  TEST_CASE("a ticket's key seals for one period and opens for two more") {
    TicketKeys keys;
    EVP_CIPHER_CTX* cipher = EVP_CIPHER_CTX_new();
    EVP_MAC* hmac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    EVP_MAC_CTX* mac = EVP_MAC_CTX_new(hmac);
    uint8_t name[16], iv[EVP_MAX_IV_LENGTH], later[16];
    const int64_t period = limits::kTicketKeyMs;
    CHECK(keys.Prepare(name, iv, cipher, mac, true, 0) == 1);
    CHECK(keys.Prepare(name, iv, cipher, mac, false, period - 1) == 1);
    CHECK(keys.Prepare(name, iv, cipher, mac, false, period) == 2);
    CHECK(keys.Prepare(later, iv, cipher, mac, true, period) == 1);
    CHECK(std::memcmp(name, later, sizeof name) != 0);
    CHECK(keys.Prepare(name, iv, cipher, mac, false, 3 * period - 1) == 2);
    CHECK(keys.Prepare(name, iv, cipher, mac, false, 3 * period) == 0);
    EVP_MAC_CTX_free(mac);
    EVP_MAC_free(hmac);
    EVP_CIPHER_CTX_free(cipher);
  }

  TEST_CASE("threads share a context") {
    TlsPairOptions options;
    const auto server = ContextOf(options.server);
    const auto client = ContextOf(options.client);
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([&] {
        for (int round = 0; round < 10; ++round) {
          TlsPair pair(server, client);
          CHECK(pair.Shake());
          CHECK(WriteText(pair.client.get(), "x") == 1);
          CHECK(ReadAll(pair.server.get()) == "x");
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
}

}  // namespace causeway::transport
