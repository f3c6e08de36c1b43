#include <cmath>
#include <cstdlib>
#include <cstring>

#include "link/etf.h"
#include "link/etf_tag.h"
#include "link/inflate.h"

namespace causeway::link {
namespace {

using etf::Load16;
using etf::Load32;
using etf::Load64;
using etf::Load8;

constexpr size_t kOldFloatBytes = 31;
constexpr size_t kBroken = SIZE_MAX;

/// The extent of one term without the terms nested in it.
struct Shell {
  size_t bytes = kBroken;  // kBroken: truncated, unknown, or refused
  uint64_t children = 0;   // terms that follow
};

/// `fixed` bytes of tag and header, then `rest` more; kBroken when they are not all there.
size_t Within(size_t left, size_t fixed, uint64_t rest) {
  return fixed <= left && rest <= left - fixed ? fixed + static_cast<size_t>(rest) : kBroken;
}

/// Tag, length and text of an atom at `at`.
size_t AtomBytes(const char* at, size_t left) {
  if (left < 2) return kBroken;
  switch (Load8(at)) {
    case etf::kSmallAtom:
    case etf::kSmallAtomUtf8:
      return Within(left, 2, Load8(at + 1));
    case etf::kAtom:
    case etf::kAtomUtf8:
      return left < 3 ? kBroken : Within(left, 3, Load16(at + 1));
    default:
      return kBroken;
  }
}

/// Tag, `before` bytes, an atom, `after` bytes.
size_t AroundAtom(const char* at, size_t left, size_t before, uint64_t after) {
  const size_t prefix = 1 + before;
  if (left < prefix) return kBroken;
  const size_t atom = AtomBytes(at + prefix, left - prefix);
  return atom == kBroken ? kBroken : Within(left, prefix + atom, after);
}

/// Bytes of a pid, port, reference or fun.
size_t LocalBytes(const char* at, size_t left) {
  switch (Load8(at)) {
    case etf::kNewPid:
    case etf::kV4Port:
      return AroundAtom(at, left, 0, 12);
    case etf::kPid:
      return AroundAtom(at, left, 0, 9);
    case etf::kNewPort:
      return AroundAtom(at, left, 0, 8);
    case etf::kPort:
    case etf::kReference:
      return AroundAtom(at, left, 0, 5);
    case etf::kNewerReference:
      return left < 3 ? kBroken : AroundAtom(at, left, 2, 4 + 4u * Load16(at + 1));
    case etf::kNewReference:
      return left < 3 ? kBroken : AroundAtom(at, left, 2, 1 + 4u * Load16(at + 1));
    case etf::kExport: {  // module, function, arity as a small integer
      const size_t module = AroundAtom(at, left, 0, 0);
      if (module == kBroken) return kBroken;
      const size_t function = AtomBytes(at + module, left - module);
      if (function == kBroken) return kBroken;
      const size_t arity_at = module + function;
      if (left < arity_at + 2 || Load8(at + arity_at) != etf::kSmallInteger) return kBroken;
      return arity_at + 2;
    }
    case etf::kNewFun: {  // the size counts itself
      if (left < 5 || Load32(at + 1) < 4) return kBroken;
      return Within(left, 1, Load32(at + 1));
    }
    default:
      return kBroken;
  }
}

Shell Leaf(size_t bytes) { return {bytes, 0}; }

/// A container whose `children` terms, one byte each at least, must fit behind its `header` bytes.
Shell Container(size_t left, size_t header, uint64_t children) {
  if (header > left || children > left - header) return {};
  return {header, children};
}

Shell ShellAt(const char* at, size_t left, EtfKind kind, LocalTerms local) {
  const uint8_t tag = Load8(at);
  switch (kind) {
    case EtfKind::kEnd:
    case EtfKind::kInvalid:
      return {};
    case EtfKind::kInteger:
      if (tag == etf::kSmallInteger) return Leaf(Within(left, 2, 0));
      if (tag == etf::kInteger) return Leaf(Within(left, 5, 0));
      if (tag == etf::kSmallBig) return left < 3 ? Shell{} : Leaf(Within(left, 3, Load8(at + 1)));
      return left < 6 ? Shell{} : Leaf(Within(left, 6, Load32(at + 1)));
    case EtfKind::kFloat:
      return Leaf(Within(left, 1, tag == etf::kNewFloat ? 8 : kOldFloatBytes));
    case EtfKind::kAtom:
      return Leaf(AtomBytes(at, left));
    case EtfKind::kNil:
      return Leaf(1);
    case EtfKind::kString:
      return left < 3 ? Shell{} : Leaf(Within(left, 3, Load16(at + 1)));
    case EtfKind::kBinary:
      return left < 5 ? Shell{} : Leaf(Within(left, 5, Load32(at + 1)));
    case EtfKind::kBitBinary:
      return left < 6 ? Shell{} : Leaf(Within(left, 6, Load32(at + 1)));
    case EtfKind::kTuple:
      if (tag == etf::kSmallTuple) return left < 2 ? Shell{} : Container(left, 2, Load8(at + 1));
      return left < 5 ? Shell{} : Container(left, 5, Load32(at + 1));
    case EtfKind::kList:
      return left < 5 ? Shell{} : Container(left, 5, uint64_t{Load32(at + 1)} + 1);
    case EtfKind::kMap:
      return left < 5 ? Shell{} : Container(left, 5, uint64_t{Load32(at + 1)} * 2);
    case EtfKind::kLocal:
      return local == LocalTerms::kSkip ? Leaf(LocalBytes(at, left)) : Shell{};
  }
  return {};
}

/// A little-endian magnitude and sign as a 64-bit integer.
bool BigToInteger(bool negative, const char* digits, size_t count, int64_t* value) {
  while (count > 0 && digits[count - 1] == 0) --count;
  if (count > 8) return false;
  uint64_t magnitude = 0;
  for (size_t i = 0; i < count; ++i) magnitude |= uint64_t{Load8(digits + i)} << (8 * i);
  const uint64_t limit = uint64_t{1} << 63;
  if (magnitude > limit || (magnitude == limit && !negative)) return false;
  *value = static_cast<int64_t>(negative ? 0 - magnitude : magnitude);
  return true;
}

}  // namespace

bool OpenEtf(std::string_view payload, std::string* scratch, std::string_view* term,
             size_t scratch_reserve_factor, bool* trailing) {
  if (trailing != nullptr) *trailing = false;
  if (payload.size() < 2 || Load8(payload.data()) != etf::kVersion) return false;
  if (Load8(payload.data() + 1) != etf::kCompressed) {
    *term = payload.substr(1);
    return true;
  }
  if (payload.size() < 6) return false;
  const size_t size = Load32(payload.data() + 2);
  const std::string_view stream = payload.substr(6);
  if (size > kEtfInflatedBytesMax) return false;
  if (size > kEtfInflateRatioMax * stream.size() + kEtfInflateSlackBytes) return false;
  scratch->clear();
  scratch->reserve(size * scratch_reserve_factor);
  scratch->resize(size);
  size_t consumed;
  if (!Inflate(stream, scratch->data(), size, &consumed)) return false;
  if (trailing != nullptr) *trailing = consumed < stream.size();
  *term = *scratch;
  return true;
}

EtfKind EtfReader::Peek() const {
  if (at_ == end_) return EtfKind::kEnd;
  switch (Load8(at_)) {
    case etf::kSmallInteger:
    case etf::kInteger:
    case etf::kSmallBig:
    case etf::kLargeBig:
      return EtfKind::kInteger;
    case etf::kNewFloat:
    case etf::kFloat:
      return EtfKind::kFloat;
    case etf::kSmallAtomUtf8:
    case etf::kAtomUtf8:
    case etf::kSmallAtom:
    case etf::kAtom:
      return EtfKind::kAtom;
    case etf::kSmallTuple:
    case etf::kLargeTuple:
      return EtfKind::kTuple;
    case etf::kNil:
      return EtfKind::kNil;
    case etf::kString:
      return EtfKind::kString;
    case etf::kList:
      return EtfKind::kList;
    case etf::kBinary:
      return EtfKind::kBinary;
    case etf::kBitBinary:
      return EtfKind::kBitBinary;
    case etf::kMap:
      return EtfKind::kMap;
    case etf::kNewPid:
    case etf::kPid:
    case etf::kNewPort:
    case etf::kPort:
    case etf::kV4Port:
    case etf::kNewerReference:
    case etf::kNewReference:
    case etf::kReference:
    case etf::kExport:
    case etf::kNewFun:
      return EtfKind::kLocal;
    default:
      return EtfKind::kInvalid;
  }
}

bool EtfReader::ReadInteger(int64_t* value) {
  if (left() >= 2 && Load8(at_) == etf::kSmallInteger) {  // most integers of a message
    *value = Load8(at_ + 1);
    at_ += 2;
    return true;
  }
  if (Peek() != EtfKind::kInteger) return false;
  const size_t bytes = ShellAt(at_, left(), EtfKind::kInteger, LocalTerms::kRefuse).bytes;
  if (bytes == kBroken) return false;
  switch (Load8(at_)) {
    case etf::kInteger:
      *value = static_cast<int32_t>(Load32(at_ + 1));
      break;
    case etf::kSmallBig:
      if (!BigToInteger(at_[2] != 0, at_ + 3, bytes - 3, value)) return false;
      break;
    default:
      if (!BigToInteger(at_[5] != 0, at_ + 6, bytes - 6, value)) return false;
      break;
  }
  at_ += bytes;
  return true;
}

bool EtfReader::ReadFloat(double* value) {
  if (Peek() != EtfKind::kFloat) return false;
  const size_t bytes = ShellAt(at_, left(), EtfKind::kFloat, LocalTerms::kRefuse).bytes;
  if (bytes == kBroken) return false;
  double parsed;
  if (Load8(at_) == etf::kNewFloat) {
    const uint64_t bits = Load64(at_ + 1);
    std::memcpy(&parsed, &bits, sizeof parsed);
  } else {
    char text[kOldFloatBytes + 1] = {};
    std::memcpy(text, at_ + 1, kOldFloatBytes);
    char* end;
    parsed = std::strtod(text, &end);
    if (end == text) return false;
  }
  if (!std::isfinite(parsed)) return false;
  *value = parsed;
  at_ += bytes;
  return true;
}

bool EtfReader::ReadAtom(AtomId* atom, std::string_view* text) {
  const size_t bytes = AtomBytes(at_, left());
  if (bytes == kBroken) return false;
  const bool small = Load8(at_) == etf::kSmallAtomUtf8 || Load8(at_) == etf::kSmallAtom;
  const std::string_view found(at_ + (small ? 2 : 3), bytes - (small ? 2 : 3));
  *atom = FindAtom(found);
  if (text != nullptr) *text = found;
  at_ += bytes;
  return true;
}

bool EtfReader::ReadBinary(std::string_view* value) {
  if (left() < 5 || Load8(at_) != etf::kBinary) return false;
  const size_t bytes = Load32(at_ + 1);
  if (bytes > left() - 5) return false;
  *value = {at_ + 5, bytes};
  at_ += 5 + bytes;
  return true;
}

bool EtfReader::ReadString(std::string_view* bytes) {
  if (left() < 3 || Load8(at_) != etf::kString) return false;
  const size_t count = Load16(at_ + 1);
  if (count > left() - 3) return false;
  *bytes = {at_ + 3, count};
  at_ += 3 + count;
  return true;
}

bool EtfReader::EnterTuple(uint32_t* arity) {
  if (Peek() != EtfKind::kTuple) return false;
  const Shell shell = ShellAt(at_, left(), EtfKind::kTuple, LocalTerms::kRefuse);
  if (shell.bytes == kBroken) return false;
  *arity = static_cast<uint32_t>(shell.children);
  at_ += shell.bytes;
  return true;
}

bool EtfReader::EnterList(uint32_t* length, bool* has_tail) {
  if (ReadNil()) {
    *length = 0;
    *has_tail = false;
    return true;
  }
  if (Peek() != EtfKind::kList) return false;
  const Shell shell = ShellAt(at_, left(), EtfKind::kList, LocalTerms::kRefuse);
  if (shell.bytes == kBroken) return false;
  *length = static_cast<uint32_t>(shell.children - 1);
  *has_tail = true;
  at_ += shell.bytes;
  return true;
}

bool EtfReader::ReadNil() {
  if (Peek() != EtfKind::kNil) return false;
  ++at_;
  return true;
}

bool EtfReader::EnterMap(uint32_t* pairs) {
  if (Peek() != EtfKind::kMap) return false;
  const Shell shell = ShellAt(at_, left(), EtfKind::kMap, LocalTerms::kRefuse);
  if (shell.bytes == kBroken) return false;
  *pairs = static_cast<uint32_t>(shell.children / 2);
  at_ += shell.bytes;
  return true;
}

bool EtfReader::Skip(LocalTerms local, int depth) {
  uint64_t open[kEtfDepthMax];  // children still to come, per container entered
  int entered = 0;
  const char* at = at_;
  for (;;) {
    EtfReader cursor(std::string_view(at, static_cast<size_t>(end_ - at)));
    const EtfKind kind = cursor.Peek();
    if (kind == EtfKind::kEnd || kind == EtfKind::kInvalid) return false;
    const Shell shell = ShellAt(at, cursor.left(), kind, local);
    if (shell.bytes == kBroken) return false;
    at += shell.bytes;
    if (shell.children > 0) {
      if (depth + entered >= kEtfDepthMax) return false;
      open[entered++] = shell.children;
      continue;
    }
    while (entered > 0 && --open[entered - 1] == 0) --entered;
    if (entered == 0) break;
  }
  at_ = at;
  return true;
}

bool EtfReader::ReadRaw(LocalTerms local, std::string_view* raw, int depth) {
  const char* from = at_;
  if (!Skip(local, depth)) return false;
  *raw = {from, static_cast<size_t>(at_ - from)};
  return true;
}

}  // namespace causeway::link
