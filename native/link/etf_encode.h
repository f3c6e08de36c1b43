// Canonical Erlang terms written into memory the caller sized: small inline functions, because a
// forwarded message is some forty of them and their atoms are known at compile time. Internal half
// of link/etf.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <string_view>

#include "link/etf_tag.h"

namespace causeway::link {

/// The atoms this broker understands, which are also the only ones it may send: a receiver that
/// decodes "safely" loses the whole term when it meets an atom its VM never created.
enum class AtomId : uint8_t {
  kOpaque,  // any other atom; its text is still available
  kMessage,
  kOp,  // '$op'
  kOk,
  kError,
  kTrue,
  kFalse,
  kUndefined,
  kDup,
  kRetain,
  kSys,
  kProperties,
  kUsername,
  kProtoVer,
  kProtocol,
  kMqtt,
  kPeername,
  kPeerhost,
  kClientAttrs,
  kRetained,
  kPayloadFormatIndicator,
  kMessageExpiryInterval,
  kContentType,
  kResponseTopic,
  kCorrelationData,
  kUserProperty,
  kTopicAlias,
  kSubscriptionIdentifier,
};

inline constexpr std::string_view kAtomTexts[] = {
    "",
    "message",
    "$op",
    "ok",
    "error",
    "true",
    "false",
    "undefined",
    "dup",
    "retain",
    "sys",
    "properties",
    "username",
    "proto_ver",
    "protocol",
    "mqtt",
    "peername",
    "peerhost",
    "client_attrs",
    "retained",
    "Payload-Format-Indicator",
    "Message-Expiry-Interval",
    "Content-Type",
    "Response-Topic",
    "Correlation-Data",
    "User-Property",
    "Topic-Alias",
    "Subscription-Identifier",
};
static_assert(kAtomTexts[static_cast<size_t>(AtomId::kSubscriptionIdentifier)] ==
              "Subscription-Identifier");
inline constexpr size_t kAtomCount = std::size(kAtomTexts);

/// The entry for an atom's text, kOpaque when it has none.
AtomId FindAtom(std::string_view text);
/// The text of a table entry; empty for kOpaque.
inline constexpr std::string_view AtomText(AtomId atom) {
  return kAtomTexts[static_cast<size_t>(atom)];
}

namespace etf {

inline uint64_t Magnitude(int64_t value) {
  return value < 0 ? 0 - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
}
inline size_t MagnitudeBytes(uint64_t magnitude) {
  return (64 - static_cast<size_t>(__builtin_clzll(magnitude | 1)) + 7) / 8;
}
inline bool IsSmall(int64_t value) { return value >= 0 && value <= 255; }
inline bool IsInt32(int64_t value) { return value >= INT32_MIN && value <= INT32_MAX; }

}  // namespace etf

/// Bytes of the canonical form of an integer, tag included.
inline size_t EtfIntegerSize(int64_t value) {
  if (etf::IsSmall(value)) return 2;
  if (etf::IsInt32(value)) return 5;
  return 3 + etf::MagnitudeBytes(etf::Magnitude(value));
}
inline constexpr size_t EtfBinarySize(size_t bytes) { return 5 + bytes; }
inline constexpr size_t EtfAtomSize(AtomId atom) { return 2 + AtomText(atom).size(); }

// Unchecked; each returns the end of what it wrote. A list is PutEtfList, its elements, PutEtfNil.

inline char* PutEtfInteger(char* at, int64_t value) {
  if (etf::IsSmall(value)) {
    *at++ = static_cast<char>(etf::kSmallInteger);
    *at++ = static_cast<char>(value);
    return at;
  }
  if (etf::IsInt32(value)) {
    *at++ = static_cast<char>(etf::kInteger);
    return etf::Store32(at, static_cast<uint32_t>(value));
  }
  uint64_t magnitude = etf::Magnitude(value);
  const size_t bytes = etf::MagnitudeBytes(magnitude);
  *at++ = static_cast<char>(etf::kSmallBig);
  *at++ = static_cast<char>(bytes);
  *at++ = value < 0 ? 1 : 0;
  for (size_t i = 0; i < bytes; ++i, magnitude >>= 8) *at++ = static_cast<char>(magnitude);
  return at;
}

inline char* PutEtfBinary(char* at, std::string_view value) {
  *at++ = static_cast<char>(etf::kBinary);
  at = etf::Store32(at, static_cast<uint32_t>(value.size()));
  if (!value.empty()) std::memcpy(at, value.data(), value.size());
  return at + value.size();
}

inline char* PutEtfAtom(char* at, AtomId atom) {
  const std::string_view text = AtomText(atom);
  *at++ = static_cast<char>(etf::kSmallAtomUtf8);
  *at++ = static_cast<char>(text.size());
  std::memcpy(at, text.data(), text.size());
  return at + text.size();
}

inline char* PutEtfTuple(char* at, uint8_t arity) {
  *at++ = static_cast<char>(etf::kSmallTuple);
  *at++ = static_cast<char>(arity);
  return at;
}

inline char* PutEtfMap(char* at, uint32_t pairs) {
  *at++ = static_cast<char>(etf::kMap);
  return etf::Store32(at, pairs);
}

inline char* PutEtfList(char* at, uint32_t length) {
  *at++ = static_cast<char>(etf::kList);
  return etf::Store32(at, length);
}

inline char* PutEtfNil(char* at) {
  *at++ = static_cast<char>(etf::kNil);
  return at;
}

}  // namespace causeway::link
