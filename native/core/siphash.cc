#include "core/siphash.h"

#include <bit>
#include <cstring>

#include "core/check.h"
#include "core/hash.h"

namespace causeway {

static_assert(std::endian::native == std::endian::little, "words are read as they lie in memory");

SipKey SipKey::Random() {
  const HashSeed seed = HashSeed::Random();
  return {seed.a, seed.b};
}

SipKey SipKey::Of(std::string_view bytes) {
  CHECK(bytes.size() == kBytes);
  SipKey key;
  std::memcpy(&key.low, bytes.data(), 8);
  std::memcpy(&key.high, bytes.data() + 8, 8);
  return key;
}

void SipKey::Write(char* out) const {
  std::memcpy(out, &low, 8);
  std::memcpy(out + 8, &high, 8);
}

SipHash::SipHash(SipKey key)
    : v0_(key.low ^ 0x736F6D6570736575u),
      v1_(key.high ^ 0x646F72616E646F6Du),
      v2_(key.low ^ 0x6C7967656E657261u),
      v3_(key.high ^ 0x7465646279746573u) {}

void SipHash::Round() {
  v0_ += v1_;
  v1_ = std::rotl(v1_, 13) ^ v0_;
  v0_ = std::rotl(v0_, 32);
  v2_ += v3_;
  v3_ = std::rotl(v3_, 16) ^ v2_;
  v0_ += v3_;
  v3_ = std::rotl(v3_, 21) ^ v0_;
  v2_ += v1_;
  v1_ = std::rotl(v1_, 17) ^ v2_;
  v2_ = std::rotl(v2_, 32);
}

void SipHash::Absorb(uint64_t word) {
  v3_ ^= word;
  Round();
  Round();
  v0_ ^= word;
}

void SipHash::Update(std::string_view bytes) {
  const char* at = bytes.data();
  size_t left = bytes.size();
  const auto byte = [&] {
    tail_ |= uint64_t{static_cast<unsigned char>(*at++)} << (8 * (length_ % 8));
    --left;
    if (++length_ % 8 == 0) {
      Absorb(tail_);
      tail_ = 0;
    }
  };
  while (left > 0 && length_ % 8 != 0) byte();
  for (; left >= 8; left -= 8, at += 8, length_ += 8) {
    uint64_t word;
    std::memcpy(&word, at, 8);
    Absorb(word);
  }
  while (left > 0) byte();
}

uint64_t SipHash::Finish() {
  Absorb(tail_ | length_ << 56);
  v2_ ^= 0xFF;
  for (int i = 0; i < 4; ++i) Round();
  return v0_ ^ v1_ ^ v2_ ^ v3_;
}

}  // namespace causeway
