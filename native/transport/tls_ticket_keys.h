// The keys that session tickets are sealed with. One set serves all loops and outlives a reload of
// certificates, so that a client resumes wherever it comes back to.
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <mutex>

namespace causeway::transport {

/// Threads: all; a ticket is made or opened about once a handshake, so one lock is no contention.
/// A key seals for kTicketKeyMs and opens for twice that again; then it is gone from memory, and
/// with it all recorded traffic of its sessions stays closed.
class TicketKeys {
 public:
  TicketKeys();
  ~TicketKeys();
  TicketKeys(const TicketKeys&) = delete;
  TicketKeys& operator=(const TicketKeys&) = delete;

  /// OpenSSL's ticket callback: prepares both contexts; 0 unknown key, 1 good, 2 good and to be
  /// replaced, -1 failure. Source: SSL_CTX_set_tlsext_ticket_key_evp_cb(3).
  int Prepare(uint8_t name[16], uint8_t iv[EVP_MAX_IV_LENGTH], EVP_CIPHER_CTX* cipher,
              EVP_MAC_CTX* mac, bool sealing, int64_t now_ms);

 private:
  static constexpr int kKeys = 3;  // one that seals, two that only open
  struct Key {
    uint8_t name[16];
    uint8_t cipher[32];
    uint8_t mac[32];
    int64_t since_ms;
    bool used;
  };

  bool Rotate(int64_t now_ms);

  std::mutex mutex_;  // leaf: nothing else is taken while it is held
  Key keys_[kKeys];   // the newest first
};

}  // namespace causeway::transport
