#include "link/deflate.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace causeway::link {

namespace {

constexpr size_t kWindow = 32 * 1024;
constexpr size_t kMatchMin = 4;  // of the 3 that the format allows: what four bytes tell
constexpr size_t kMatchMax = 258;
constexpr uint32_t kHashBits = 12;
constexpr uint32_t kEndOfBlock = 256;

struct Code {
  uint16_t bits = 0;  // as they leave: the first is the lowest
  uint8_t length = 0;
};

constexpr uint16_t Reversed(uint32_t bits, uint32_t length) {
  uint32_t reversed = 0;
  for (uint32_t i = 0; i < length; ++i) reversed |= ((bits >> i) & 1) << (length - 1 - i);
  return static_cast<uint16_t>(reversed);
}

/// RFC 1951 §3.2.6.
constexpr std::array<Code, 288> MakeFixedCodes() {
  std::array<Code, 288> codes{};
  for (uint32_t symbol = 0; symbol < 288; ++symbol) {
    const auto [first, base, length] = symbol < 144   ? std::array<uint32_t, 3>{0, 0x30, 8}
                                       : symbol < 256 ? std::array<uint32_t, 3>{144, 0x190, 9}
                                       : symbol < 280 ? std::array<uint32_t, 3>{256, 0, 7}
                                                      : std::array<uint32_t, 3>{280, 0xC0, 8};
    codes[symbol] = {Reversed(base + symbol - first, length), static_cast<uint8_t>(length)};
  }
  return codes;
}
constexpr std::array<Code, 288> kFixedCodes = MakeFixedCodes();

/// Bits, the lowest of a byte first.
class BitWriter {
 public:
  explicit BitWriter(std::string* out) : out_(out) {}

  void Put(uint32_t bits, uint32_t count) {
    pending_ |= uint64_t{bits} << held_;
    held_ += count;
    for (; held_ >= 8; held_ -= 8, pending_ >>= 8)
      out_->push_back(static_cast<char>(pending_ & 0xFF));
  }
  void PutSymbol(uint32_t symbol) { Put(kFixedCodes[symbol].bits, kFixedCodes[symbol].length); }
  void Finish() {
    if (held_ > 0) out_->push_back(static_cast<char>(pending_ & 0xFF));
  }

 private:
  std::string* const out_;
  uint64_t pending_ = 0;
  uint32_t held_ = 0;
};

/// RFC 1951 §3.2.5: lengths from 11 on come in groups of four codes, each group with one extra bit
/// more than the one before.
void PutLength(size_t length, BitWriter* out) {
  if (length == kMatchMax) return out->PutSymbol(285);
  const uint32_t value = static_cast<uint32_t>(length) - 3;
  if (value < 8) return out->PutSymbol(257 + value);
  const uint32_t extra = static_cast<uint32_t>(std::bit_width(value)) - 3;
  out->PutSymbol(257 + 4 * extra + (value >> extra));
  out->Put(value & ((1u << extra) - 1), extra);
}

/// The same with groups of two codes of five bits.
void PutDistance(size_t distance, BitWriter* out) {
  const uint32_t value = static_cast<uint32_t>(distance) - 1;
  if (value < 4) return out->Put(Reversed(value, 5), 5);
  const uint32_t extra = static_cast<uint32_t>(std::bit_width(value)) - 2;
  out->Put(Reversed(2 * extra + (value >> extra), 5), 5);
  out->Put(value & ((1u << extra) - 1), extra);
}

uint32_t FourAt(std::string_view bytes, size_t at) {
  uint32_t four;
  std::memcpy(&four, bytes.data() + at, sizeof four);
  return four;
}

uint32_t Adler32(std::string_view bytes) {
  constexpr uint32_t kModulus = 65521;
  constexpr size_t kUnreduced = 5552;  // so many sums stay below 2^32
  uint32_t a = 1, b = 0;
  for (size_t at = 0; at < bytes.size();) {
    const size_t end = std::min(bytes.size(), at + kUnreduced);
    for (; at < end; ++at) {
      a += static_cast<uint8_t>(bytes[at]);
      b += a;
    }
    a %= kModulus;
    b %= kModulus;
  }
  return b << 16 | a;
}

}  // namespace

bool Deflate(std::string_view plain, std::string* out) {
  const size_t before = out->size();
  std::array<uint32_t, size_t{1} << kHashBits> last{};  // of four bytes: where they were, plus one
  out->append({0x78, 0x01});                            // a window of 32 KiB, the fastest level
  BitWriter bits(out);
  bits.Put(0b011, 3);  // the last block, of fixed codes
  size_t at = 0;
  while (at + kMatchMin <= plain.size()) {
    const uint32_t four = FourAt(plain, at);
    uint32_t& slot = last[(four * 2654435761u) >> (32 - kHashBits)];
    const size_t candidate = slot;  // plus one
    slot = static_cast<uint32_t>(at + 1);
    if (candidate == 0 || at + 1 - candidate > kWindow || FourAt(plain, candidate - 1) != four) {
      bits.PutSymbol(static_cast<uint8_t>(plain[at++]));
      continue;
    }
    const size_t distance = at + 1 - candidate;
    const size_t longest = std::min(kMatchMax, plain.size() - at);
    size_t length = kMatchMin;
    while (length < longest && plain[at + length] == plain[at + length - distance]) ++length;
    PutLength(length, &bits);
    PutDistance(distance, &bits);
    at += length;
  }
  for (; at < plain.size(); ++at) bits.PutSymbol(static_cast<uint8_t>(plain[at]));
  bits.PutSymbol(kEndOfBlock);
  bits.Finish();
  const uint32_t checksum = Adler32(plain);
  for (int shift = 24; shift >= 0; shift -= 8)
    out->push_back(static_cast<char>((checksum >> shift) & 0xFF));
  if (out->size() - before < plain.size()) return true;
  out->resize(before);
  return false;
}

}  // namespace causeway::link
