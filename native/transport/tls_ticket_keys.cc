#include "transport/tls_ticket_keys.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <cstring>

#include "core/limits.h"

namespace causeway::transport {

TicketKeys::TicketKeys() { std::memset(keys_, 0, sizeof keys_); }

TicketKeys::~TicketKeys() { OPENSSL_cleanse(keys_, sizeof keys_); }

/// Keys that may open nothing any more are erased; a fresh one is put in front when the first has
/// served its time. False: no randomness.
bool TicketKeys::Rotate(int64_t now_ms) {
  for (Key& key : keys_) {
    if (key.used && now_ms - key.since_ms >= kKeys * limits::kTicketKeyMs)
      OPENSSL_cleanse(&key, sizeof key);
  }
  if (keys_[0].used && now_ms - keys_[0].since_ms < limits::kTicketKeyMs) return true;
  Key fresh = {};
  if (RAND_bytes(fresh.name, sizeof fresh.name) != 1 ||
      RAND_bytes(fresh.cipher, sizeof fresh.cipher) != 1 ||
      RAND_bytes(fresh.mac, sizeof fresh.mac) != 1) {
    return false;
  }
  fresh.since_ms = now_ms;
  fresh.used = true;
  std::memmove(&keys_[1], &keys_[0], sizeof(Key) * (kKeys - 1));
  keys_[0] = fresh;
  OPENSSL_cleanse(&fresh, sizeof fresh);
  return true;
}

int TicketKeys::Prepare(uint8_t name[16], uint8_t iv[EVP_MAX_IV_LENGTH], EVP_CIPHER_CTX* cipher,
                        EVP_MAC_CTX* mac, bool sealing, int64_t now_ms) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!Rotate(now_ms)) return -1;
  int at = 0;
  if (sealing) {
    std::memcpy(name, keys_[0].name, sizeof keys_[0].name);
    if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) return -1;
  } else {
    while (at < kKeys &&
           (!keys_[at].used || CRYPTO_memcmp(name, keys_[at].name, sizeof keys_[at].name) != 0)) {
      ++at;
    }
    if (at == kKeys) return 0;
  }
  Key& key = keys_[at];
  OSSL_PARAM params[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.mac, sizeof key.mac),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, const_cast<char*>("SHA256"), 0),
      OSSL_PARAM_construct_end()};
  if (EVP_MAC_CTX_set_params(mac, params) != 1) return -1;
  const int ready = sealing
                        ? EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key.cipher, iv)
                        : EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key.cipher, iv);
  if (ready != 1) return -1;
  return at == 0 ? 1 : 2;
}

}  // namespace causeway::transport
