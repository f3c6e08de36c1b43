// A folded-multiply hash: every 16 bytes of input pass one 64 × 64 → 128 bit multiplication whose
// halves are XORed. Both factors are XORed with secret state first, so that no input chosen without
// the seed can force a factor to zero.
#include "core/hash.h"

#include <sys/random.h>

#include <cerrno>
#include <cstring>

#include "core/check.h"

namespace causeway {
namespace {

// Digits of the golden ratio and of sqrt(3): bits of no pattern, so that even an all-zero seed
// (tests) mixes well.
constexpr uint64_t kPhi = 0x9E3779B97F4A7C15;
constexpr uint64_t kSqrt3 = 0xBB67AE8584CAA73B;

inline uint64_t Fold(uint64_t x, uint64_t y) {
  const unsigned __int128 product = static_cast<unsigned __int128>(x) * y;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

inline uint64_t Load8(const char* at) {
  uint64_t value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

inline uint64_t Load4(const char* at) {
  uint32_t value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

inline uint64_t Load1(const char* at) { return static_cast<unsigned char>(*at); }

}  // namespace

HashSeed HashSeed::Random() {
  HashSeed seed;
  char* at = reinterpret_cast<char*>(&seed);
  size_t left = sizeof seed;
  while (left > 0) {
    const ssize_t got = getrandom(at, left, 0);
    if (got < 0) {
      CHECK(errno == EINTR);
      continue;
    }
    at += got;
    left -= static_cast<size_t>(got);
  }
  return seed;
}

uint64_t Hash(std::string_view bytes, HashSeed seed) {
  const uint64_t key = seed.b ^ kSqrt3;
  uint64_t state = seed.a ^ kPhi;
  const char* at = bytes.data();
  size_t left = bytes.size();
  uint64_t first = 0, last = 0;  // the final 16 bytes, or everything when there are fewer
  if (left > 16) {
    if (left > 64) {
      // Two lanes, because one chain would wait for its own multiplication.
      uint64_t lane = state ^ kSqrt3;
      do {
        state = Fold(Load8(at) ^ key, Load8(at + 8) ^ state);
        lane = Fold(Load8(at + 16) ^ key, Load8(at + 24) ^ lane);
        at += 32;
        left -= 32;
      } while (left > 32);
      state ^= Fold(lane ^ kPhi, key);
    }
    while (left > 16) {
      state = Fold(Load8(at) ^ key, Load8(at + 8) ^ state);
      at += 16;
      left -= 16;
    }
    // Reaches back into bytes already used: no branch on the remainder, which the length in the
    // last step makes unique.
    first = Load8(at + left - 16);
    last = Load8(at + left - 8);
  } else if (left >= 8) {
    first = Load8(at);
    last = Load8(at + left - 8);
  } else if (left >= 4) {
    first = Load4(at);
    last = Load4(at + left - 4);
  } else if (left > 0) {
    first = Load1(at) << 16 | Load1(at + left / 2) << 8 | Load1(at + left - 1);
  }
  return Fold(kPhi ^ bytes.size(), Fold(first ^ key, last ^ state) ^ seed.a);
}

}  // namespace causeway
