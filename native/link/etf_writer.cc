#include <cstring>

#include "link/etf.h"
#include "link/etf_tag.h"

namespace causeway::link {
namespace {

/// Largest canonical integer: tag, count, sign, eight bytes.
constexpr size_t kIntegerBytesMax = 11;

uint64_t Magnitude(int64_t value) {
  return value < 0 ? 0 - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
}

size_t MagnitudeBytes(uint64_t magnitude) {
  return (64 - static_cast<size_t>(__builtin_clzll(magnitude | 1)) + 7) / 8;
}

bool IsSmall(int64_t value) { return value >= 0 && value <= 255; }
bool IsInt32(int64_t value) { return value >= INT32_MIN && value <= INT32_MAX; }

}  // namespace

size_t EtfIntegerSize(int64_t value) {
  if (IsSmall(value)) return 2;
  if (IsInt32(value)) return 5;
  return 3 + MagnitudeBytes(Magnitude(value));
}

char* PutEtfInteger(char* at, int64_t value) {
  if (IsSmall(value)) {
    *at++ = static_cast<char>(etf::kSmallInteger);
    *at++ = static_cast<char>(value);
    return at;
  }
  if (IsInt32(value)) {
    *at++ = static_cast<char>(etf::kInteger);
    return etf::Store32(at, static_cast<uint32_t>(value));
  }
  uint64_t magnitude = Magnitude(value);
  const size_t bytes = MagnitudeBytes(magnitude);
  *at++ = static_cast<char>(etf::kSmallBig);
  *at++ = static_cast<char>(bytes);
  *at++ = value < 0 ? 1 : 0;
  for (size_t i = 0; i < bytes; ++i, magnitude >>= 8) *at++ = static_cast<char>(magnitude);
  return at;
}

char* PutEtfBinary(char* at, std::string_view value) {
  *at++ = static_cast<char>(etf::kBinary);
  at = etf::Store32(at, static_cast<uint32_t>(value.size()));
  if (!value.empty()) std::memcpy(at, value.data(), value.size());
  return at + value.size();
}

char* PutEtfAtom(char* at, AtomId atom) {
  const std::string_view text = AtomText(atom);
  *at++ = static_cast<char>(etf::kSmallAtomUtf8);
  *at++ = static_cast<char>(text.size());
  std::memcpy(at, text.data(), text.size());
  return at + text.size();
}

char* PutEtfTuple(char* at, uint8_t arity) {
  *at++ = static_cast<char>(etf::kSmallTuple);
  *at++ = static_cast<char>(arity);
  return at;
}

char* PutEtfMap(char* at, uint32_t pairs) {
  *at++ = static_cast<char>(etf::kMap);
  return etf::Store32(at, pairs);
}

char* PutEtfList(char* at, uint32_t length) {
  *at++ = static_cast<char>(etf::kList);
  return etf::Store32(at, length);
}

char* PutEtfNil(char* at) {
  *at++ = static_cast<char>(etf::kNil);
  return at;
}

void EtfWriter::Version() { out_->push_back(static_cast<char>(etf::kVersion)); }

void EtfWriter::Integer(int64_t value) {
  char bytes[kIntegerBytesMax];
  out_->append(bytes, PutEtfInteger(bytes, value));
}

void EtfWriter::Float(double value) {
  uint64_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  char bytes[9] = {static_cast<char>(etf::kNewFloat)};
  out_->append(bytes, etf::Store64(bytes + 1, bits));
}

void EtfWriter::Atom(AtomId atom) {
  const std::string_view text = AtomText(atom);
  out_->push_back(static_cast<char>(etf::kSmallAtomUtf8));
  out_->push_back(static_cast<char>(text.size()));
  out_->append(text);
}

void EtfWriter::Binary(std::string_view value) {
  char header[5] = {static_cast<char>(etf::kBinary)};
  out_->append(header, etf::Store32(header + 1, static_cast<uint32_t>(value.size())));
  out_->append(value);
}

void EtfWriter::Tuple(uint8_t arity) {
  char bytes[2];
  out_->append(bytes, PutEtfTuple(bytes, arity));
}

void EtfWriter::Map(uint32_t pairs) {
  char bytes[5];
  out_->append(bytes, PutEtfMap(bytes, pairs));
}

void EtfWriter::List(uint32_t length) {
  char bytes[5];
  out_->append(bytes, PutEtfList(bytes, length));
}

void EtfWriter::Nil() { out_->push_back(static_cast<char>(etf::kNil)); }

void EtfWriter::Raw(std::string_view term) { out_->append(term); }

}  // namespace causeway::link
