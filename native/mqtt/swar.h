// Eight bytes at a time: loads and byte-wise tests on one 64-bit word.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace causeway::mqtt::swar {

inline constexpr uint64_t kHighBits = 0x8080808080808080;

/// `byte` in each of the eight places.
constexpr uint64_t Every(uint8_t byte) { return uint64_t{0x0101010101010101} * byte; }

inline uint64_t Load8(const char* at) {
  uint64_t word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

/// The 1 … 7 bytes at `at` spread over one word, some of them twice: for tests that ask the same of
/// every byte, where neither order nor repetition matters. Reads nothing outside [at, at + size).
inline uint64_t LoadShort(const char* at, size_t size) {
  if (size >= 4) {
    uint32_t low, high;
    std::memcpy(&low, at, sizeof low);
    std::memcpy(&high, at + size - sizeof high, sizeof high);
    return uint64_t{high} << 32 | low;
  }
  const auto* bytes = reinterpret_cast<const uint8_t*>(at);
  return (Every(bytes[0]) & ~uint64_t{0xFFFF00}) | uint64_t{bytes[size / 2]} << 8 |
         uint64_t{bytes[size - 1]} << 16;
}

/// The high bit of each byte of `word` that is neither 0x00 nor above 0x7F. Exact in every byte
/// that has it clear only below the first byte above 0x7F (its carry runs upwards), so: compare the
/// whole word against kHighBits.
constexpr uint64_t NonZeroAscii(uint64_t word) { return (word + Every(0x7F)) & ~word & kHighBits; }

}  // namespace causeway::mqtt::swar
