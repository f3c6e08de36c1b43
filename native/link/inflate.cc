#include "link/inflate.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace causeway::link {
namespace {

constexpr int kCodeBitsMax = 15;
constexpr int kFastBits = 10;
constexpr int kLiteralSymbols = 288;
constexpr int kDistanceSymbols = 30;
constexpr int kLengthSymbols = 19;
constexpr int kEndOfBlock = 256;
constexpr int kBadSymbol = -1;

/// Bits of the stream, least significant first. Beyond the end it yields zeros that Take refuses to
/// hand out.
class Bits {
 public:
  explicit Bits(std::string_view bytes)
      : at_(reinterpret_cast<const uint8_t*>(bytes.data())), end_(at_ + bytes.size()) {}

  void Refill() {
    while (count_ <= 56 && at_ < end_) {
      held_ |= uint64_t{*at_++} << count_;
      count_ += 8;
    }
  }
  /// After a Refill, at least 48 bits or all that are left.
  uint64_t held() const { return held_; }
  bool Drop(int bits) {
    if (bits > count_) return false;
    held_ >>= bits;
    count_ -= bits;
    return true;
  }
  bool Take(int bits, uint32_t* value) {
    Refill();
    *value = static_cast<uint32_t>(held_ & ((uint64_t{1} << bits) - 1));
    return Drop(bits);
  }
  void AlignToByte() { Drop(count_ & 7); }
  /// Copies whole bytes; aligned before.
  bool Copy(char* out, size_t size) {
    while (size > 0 && count_ > 0) {
      *out++ = static_cast<char>(held_);
      Drop(8);
      --size;
    }
    if (size > static_cast<size_t>(end_ - at_)) return false;
    if (size > 0) std::memcpy(out, at_, size);
    at_ += size;
    return true;
  }
  /// Where the next unread byte is; aligned before.
  const uint8_t* position() const { return at_ - count_ / 8; }

 private:
  const uint8_t* at_;
  const uint8_t* end_;
  uint64_t held_ = 0;
  int count_ = 0;
};

/// A canonical Huffman code: short codes by table, the rest by counting. Source: RFC 1951 §3.2.2
class Code {
 public:
  /// False when over-subscribed or incomplete, a single code of one bit excepted.
  bool Build(const uint8_t* lengths, int symbols) {
    std::fill(std::begin(count_), std::end(count_), 0);
    std::fill(std::begin(fast_), std::end(fast_), 0);
    for (int symbol = 0; symbol < symbols; ++symbol) ++count_[lengths[symbol]];
    count_[0] = 0;
    int left = 1;
    int longest = 0;
    for (int bits = 1; bits <= kCodeBitsMax; ++bits) {
      left = left * 2 - count_[bits];
      if (left < 0) return false;
      if (count_[bits] != 0) longest = bits;
    }
    if (left > 0 && longest > 1) return false;
    uint16_t next_code[kCodeBitsMax + 1] = {};
    uint16_t offset[kCodeBitsMax + 1] = {};
    for (int bits = 1; bits < kCodeBitsMax; ++bits) {
      offset[bits + 1] = offset[bits] + count_[bits];
      next_code[bits + 1] = static_cast<uint16_t>((next_code[bits] + count_[bits]) << 1);
    }
    for (int symbol = 0; symbol < symbols; ++symbol) {
      const int bits = lengths[symbol];
      if (bits == 0) continue;
      sorted_[offset[bits]++] = static_cast<uint16_t>(symbol);
      const uint32_t code = next_code[bits]++;
      if (bits <= kFastBits) FillFast(code, bits, symbol);
    }
    return true;
  }

  /// The next symbol, or kBadSymbol. Expects refilled bits.
  int Decode(Bits* bits) const {
    const uint16_t fast = fast_[bits->held() & ((1u << kFastBits) - 1)];
    if (fast != 0) return bits->Drop(fast & 15) ? fast >> 4 : kBadSymbol;
    uint64_t held = bits->held();
    int code = 0;
    int first = 0;
    int index = 0;
    for (int length = 1; length <= kCodeBitsMax; ++length, held >>= 1) {
      code |= static_cast<int>(held & 1);
      const int count = count_[length];
      if (code - count < first) {
        return bits->Drop(length) ? sorted_[index + (code - first)] : kBadSymbol;
      }
      index += count;
      first = (first + count) << 1;
      code <<= 1;
    }
    return kBadSymbol;
  }

 private:
  /// Every index whose low bits are the code, which the stream holds most significant bit first.
  void FillFast(uint32_t code, int bits, int symbol) {
    uint32_t reversed = 0;
    for (int i = 0; i < bits; ++i) reversed |= ((code >> i) & 1) << (bits - 1 - i);
    for (uint32_t at = reversed; at < (1u << kFastBits); at += 1u << bits) {
      fast_[at] = static_cast<uint16_t>(symbol << 4 | bits);
    }
  }

  uint16_t count_[kCodeBitsMax + 1];
  uint16_t sorted_[kLiteralSymbols];
  uint16_t fast_[1 << kFastBits];  // symbol << 4 | length; 0: longer than kFastBits, or no code
};

/// The bytes made so far; never grows beyond what was announced.
class Output {
 public:
  Output(char* out, size_t size) : begin_(out), at_(out), end_(out + size) {}
  bool Byte(int value) {
    if (at_ == end_) return false;
    *at_++ = static_cast<char>(value);
    return true;
  }
  char* Room(size_t size) {
    if (size > static_cast<size_t>(end_ - at_)) return nullptr;
    char* room = at_;
    at_ += size;
    return room;
  }
  bool Repeat(size_t distance, size_t length) {
    if (distance > static_cast<size_t>(at_ - begin_)) return false;
    char* to = Room(length);
    if (to == nullptr) return false;
    const char* from = to - distance;
    if (distance >= length) {
      std::memcpy(to, from, length);
    } else {
      for (size_t i = 0; i < length; ++i) to[i] = from[i];  // the copy feeds itself
    }
    return true;
  }
  bool full() const { return at_ == end_; }

 private:
  char* begin_;
  char* at_;
  char* end_;
};

bool StoredBlock(Bits* bits, Output* out) {
  bits->AlignToByte();
  uint32_t length;
  uint32_t complement;
  if (!bits->Take(16, &length) || !bits->Take(16, &complement)) return false;
  if (length != (~complement & 0xFFFF)) return false;
  char* room = out->Room(length);
  return room != nullptr && bits->Copy(room, length);
}

bool CodedBlock(const Code& literals, const Code& distances, Bits* bits, Output* out) {
  static constexpr uint16_t kLengthBase[] = {3,  4,  5,  6,   7,   8,   9,   10,  11, 13,
                                             15, 17, 19, 23,  27,  31,  35,  43,  51, 59,
                                             67, 83, 99, 115, 131, 163, 195, 227, 258};
  static constexpr uint8_t kLengthExtra[] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                             2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
  static constexpr uint16_t kDistanceBase[] = {
      1,   2,   3,   4,   5,   7,    9,    13,   17,   25,   33,   49,   65,    97,    129,
      193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
  for (;;) {
    bits->Refill();  // enough for a length, a distance and their extra bits: 15 + 5 + 15 + 13
    const int symbol = literals.Decode(bits);
    if (symbol == kBadSymbol) return false;
    if (symbol < kEndOfBlock) {
      if (!out->Byte(symbol)) return false;
      continue;
    }
    if (symbol == kEndOfBlock) return true;
    const size_t length_code = static_cast<size_t>(symbol) - kEndOfBlock - 1;
    if (length_code >= std::size(kLengthBase)) return false;
    uint32_t extra;
    if (!bits->Take(kLengthExtra[length_code], &extra)) return false;
    const size_t length = kLengthBase[length_code] + extra;
    const int distance_code = distances.Decode(bits);
    if (distance_code == kBadSymbol || distance_code >= kDistanceSymbols) return false;
    if (!bits->Take(distance_code < 4 ? 0 : distance_code / 2 - 1, &extra)) return false;
    if (!out->Repeat(kDistanceBase[distance_code] + extra, length)) return false;
  }
}

bool FixedBlock(Bits* bits, Output* out) {
  uint8_t lengths[kLiteralSymbols];
  std::fill(lengths, lengths + 144, 8);
  std::fill(lengths + 144, lengths + 256, 9);
  std::fill(lengths + 256, lengths + 280, 7);
  std::fill(lengths + 280, lengths + 288, 8);
  uint8_t distance_lengths[32];
  std::fill(std::begin(distance_lengths), std::end(distance_lengths), 5);
  Code literals;
  Code distances;
  return literals.Build(lengths, kLiteralSymbols) && distances.Build(distance_lengths, 32) &&
         CodedBlock(literals, distances, bits, out);
}

/// Reads the code lengths of a dynamic block, themselves coded. Source: RFC 1951 §3.2.7
bool ReadLengths(const Code& code, Bits* bits, uint8_t* lengths, size_t count) {
  for (size_t at = 0; at < count;) {
    bits->Refill();
    const int symbol = code.Decode(bits);
    if (symbol == kBadSymbol) return false;
    if (symbol < 16) {
      lengths[at++] = static_cast<uint8_t>(symbol);
      continue;
    }
    uint32_t extra;
    if (!bits->Take(symbol == 16 ? 2 : symbol == 17 ? 3 : 7, &extra)) return false;
    if (symbol == 16 && at == 0) return false;
    const uint8_t value = symbol == 16 ? lengths[at - 1] : 0;
    const size_t repeat = extra + (symbol == 18 ? 11 : 3);
    if (repeat > count - at) return false;
    std::fill(lengths + at, lengths + at + repeat, value);
    at += repeat;
  }
  return true;
}

bool DynamicBlock(Bits* bits, Output* out) {
  static constexpr uint8_t kOrder[kLengthSymbols] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                                     11, 4,  12, 3, 13, 2, 14, 1, 15};
  uint32_t literal_count;
  uint32_t distance_count;
  uint32_t length_count;
  if (!bits->Take(5, &literal_count) || !bits->Take(5, &distance_count) ||
      !bits->Take(4, &length_count)) {
    return false;
  }
  literal_count += 257;
  distance_count += 1;
  if (literal_count > 286 || distance_count > kDistanceSymbols) return false;
  uint8_t code_lengths[kLengthSymbols] = {};
  for (size_t i = 0; i < length_count + 4; ++i) {
    uint32_t bits_of_code;
    if (!bits->Take(3, &bits_of_code)) return false;
    code_lengths[kOrder[i]] = static_cast<uint8_t>(bits_of_code);
  }
  Code code;
  if (!code.Build(code_lengths, kLengthSymbols)) return false;
  uint8_t lengths[kLiteralSymbols + 32] = {};
  if (!ReadLengths(code, bits, lengths, literal_count + distance_count)) return false;
  if (lengths[kEndOfBlock] == 0) return false;
  Code distances;
  return code.Build(lengths, static_cast<int>(literal_count)) &&
         distances.Build(lengths + literal_count, static_cast<int>(distance_count)) &&
         CodedBlock(code, distances, bits, out);
}

uint32_t Adler32(const char* bytes, size_t size) {
  constexpr uint32_t kModulus = 65521;
  constexpr size_t kRun = 5552;  // longest run before a 32-bit sum can overflow
  uint32_t a = 1;
  uint32_t b = 0;
  for (size_t at = 0; at < size;) {
    const size_t end = std::min(size, at + kRun);
    for (; at < end; ++at) {
      a += static_cast<uint8_t>(bytes[at]);
      b += a;
    }
    a %= kModulus;
    b %= kModulus;
  }
  return b << 16 | a;
}

/// Deflate, one window of at most 32 KiB, no preset dictionary. Source: RFC 1950 §2.2
bool ValidHeader(std::string_view stream) {
  if (stream.size() < 2) return false;
  const unsigned method = static_cast<uint8_t>(stream[0]);
  const unsigned flags = static_cast<uint8_t>(stream[1]);
  return (method & 0x0F) == 8 && method >> 4 <= 7 && (method << 8 | flags) % 31 == 0 &&
         (flags & 0x20) == 0;
}

}  // namespace

bool Inflate(std::string_view stream, char* out, size_t size, size_t* consumed) {
  if (!ValidHeader(stream)) return false;
  Bits bits(stream.substr(2));
  Output output(out, size);
  for (uint32_t last = 0; last == 0;) {
    uint32_t type;
    if (!bits.Take(1, &last) || !bits.Take(2, &type)) return false;
    const bool ok = type == 0   ? StoredBlock(&bits, &output)
                    : type == 1 ? FixedBlock(&bits, &output)
                    : type == 2 ? DynamicBlock(&bits, &output)
                                : false;
    if (!ok) return false;
  }
  if (!output.full()) return false;
  bits.AlignToByte();
  char trailer[4];
  if (!bits.Copy(trailer, sizeof trailer)) return false;
  uint32_t announced = 0;
  for (const char byte : trailer) announced = announced << 8 | static_cast<uint8_t>(byte);
  if (announced != Adler32(out, size)) return false;
  *consumed =
      static_cast<size_t>(bits.position() - reinterpret_cast<const uint8_t*>(stream.data()));
  return true;
}

}  // namespace causeway::link
