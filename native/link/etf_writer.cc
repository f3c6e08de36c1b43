#include <cstring>

#include "link/etf.h"
#include "link/etf_tag.h"

namespace causeway::link {
namespace {

/// Largest canonical integer: tag, count, sign, eight bytes.
constexpr size_t kIntegerBytesMax = 11;

}  // namespace

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
