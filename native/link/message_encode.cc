#include <cstring>

#include "core/check.h"
#include "link/etf.h"
#include "link/etf_tag.h"
#include "link/message_term.h"
#include "link/wire_properties.h"

namespace causeway::link {
namespace {

constexpr uint8_t kElements = 10;

size_t AddressWords(const PeerAddress& peer) {
  return peer.family == PeerAddress::Family::kIpv4 ? 4 : 8;
}

uint32_t AddressWord(const PeerAddress& peer, size_t index) {
  if (peer.family == PeerAddress::Family::kIpv4) return peer.bytes[index];
  return uint32_t{peer.bytes[2 * index]} << 8 | peer.bytes[2 * index + 1];
}

/// `{127,0,0,1}` or `{8193,3512,0,0,0,0,0,1}`.
size_t AddressSize(const PeerAddress& peer) {
  size_t bytes = 2;
  for (size_t i = 0; i < AddressWords(peer); ++i) bytes += EtfIntegerSize(AddressWord(peer, i));
  return bytes;
}

char* PutAddress(char* at, const PeerAddress& peer) {
  const size_t words = AddressWords(peer);
  at = PutEtfTuple(at, static_cast<uint8_t>(words));
  for (size_t i = 0; i < words; ++i) at = PutEtfInteger(at, AddressWord(peer, i));
  return at;
}

bool HasPeer(const ForwardedMessage& message) {
  return message.peer.family != PeerAddress::Family::kNone;
}

size_t HeadersSize(const ForwardedMessage& message, const WireProperties& properties) {
  size_t bytes = 5;
  if (message.protocol_version != 0) {
    bytes += EtfAtomSize(AtomId::kClientAttrs) + 5;
    bytes += EtfAtomSize(AtomId::kProtoVer) + EtfIntegerSize(message.protocol_version);
    bytes += EtfAtomSize(AtomId::kProtocol) + EtfAtomSize(AtomId::kMqtt);
  }
  if (HasPeer(message)) {
    const size_t address = AddressSize(message.peer);
    bytes += EtfAtomSize(AtomId::kPeerhost) + address;
    bytes += EtfAtomSize(AtomId::kPeername) + 2 + address + EtfIntegerSize(message.peer.port);
  }
  bytes += EtfAtomSize(AtomId::kProperties) + 5 + properties.TermBytes();
  if (message.message_expiry_seconds != kNoMessageExpiry) {
    bytes += EtfAtomSize(AtomId::kMessageExpiryInterval) +
             EtfIntegerSize(message.message_expiry_seconds);
  }
  bytes += EtfAtomSize(AtomId::kUsername);
  bytes += message.has_username ? EtfBinarySize(message.username.size())
                                : EtfAtomSize(AtomId::kUndefined);
  return bytes;
}

/// Keys in canonical order: by text.
char* PutHeaders(char* at, const ForwardedMessage& message, const WireProperties& properties) {
  const bool known_client = message.protocol_version != 0;
  at = PutEtfMap(at, 2u + (known_client ? 3 : 0) + (HasPeer(message) ? 2 : 0));
  if (known_client) at = PutEtfMap(PutEtfAtom(at, AtomId::kClientAttrs), 0);
  if (HasPeer(message)) {
    at = PutAddress(PutEtfAtom(at, AtomId::kPeerhost), message.peer);
    at = PutAddress(PutEtfTuple(PutEtfAtom(at, AtomId::kPeername), 2), message.peer);
    at = PutEtfInteger(at, message.peer.port);
  }
  at = properties.Put(PutEtfAtom(at, AtomId::kProperties), message.message_expiry_seconds);
  if (known_client) {
    at = PutEtfInteger(PutEtfAtom(at, AtomId::kProtoVer), message.protocol_version);
    at = PutEtfAtom(PutEtfAtom(at, AtomId::kProtocol), AtomId::kMqtt);
  }
  at = PutEtfAtom(at, AtomId::kUsername);
  return message.has_username ? PutEtfBinary(at, message.username)
                              : PutEtfAtom(at, AtomId::kUndefined);
}

size_t FlagsSize(const ForwardedMessage& message) {
  size_t bytes = 5 + EtfAtomSize(AtomId::kDup) + EtfAtomSize(AtomId::kFalse);
  bytes += EtfAtomSize(AtomId::kRetain);
  bytes += EtfAtomSize(message.retain ? AtomId::kTrue : AtomId::kFalse);
  if (message.sys) bytes += EtfAtomSize(AtomId::kSys) + EtfAtomSize(AtomId::kTrue);
  return bytes;
}

char* PutFlags(char* at, const ForwardedMessage& message) {
  at = PutEtfMap(at, message.sys ? 3 : 2);
  at = PutEtfAtom(PutEtfAtom(at, AtomId::kDup), AtomId::kFalse);
  at = PutEtfAtom(PutEtfAtom(at, AtomId::kRetain), message.retain ? AtomId::kTrue : AtomId::kFalse);
  if (message.sys) at = PutEtfAtom(PutEtfAtom(at, AtomId::kSys), AtomId::kTrue);
  return at;
}

size_t MessageSize(const ForwardedMessage& message, const WireProperties& properties) {
  size_t bytes = 1 + 2 + EtfAtomSize(AtomId::kMessage);
  bytes += EtfBinarySize(message.id.size()) + EtfIntegerSize(message.qos);
  bytes +=
      EtfBinarySize(message.from.size()) + FlagsSize(message) + HeadersSize(message, properties);
  bytes += EtfBinarySize(message.topic.size()) + EtfBinarySize(message.payload.size());
  bytes += EtfIntegerSize(message.timestamp_ms);
  bytes += message.extra.empty() ? 5 : message.extra.size();
  return bytes;
}

char* PutMessage(char* at, const ForwardedMessage& message, const WireProperties& properties) {
  *at++ = static_cast<char>(etf::kVersion);
  at = PutEtfAtom(PutEtfTuple(at, kElements), AtomId::kMessage);
  at = PutEtfInteger(PutEtfBinary(at, message.id), message.qos);
  at = PutFlags(PutEtfBinary(at, message.from), message);
  at = PutHeaders(at, message, properties);
  at = PutEtfBinary(PutEtfBinary(at, message.topic), message.payload);
  at = PutEtfInteger(at, message.timestamp_ms);
  if (message.extra.empty()) return PutEtfMap(at, 0);
  std::memcpy(at, message.extra.data(), message.extra.size());
  return at + message.extra.size();
}

}  // namespace

size_t EncodedMessageSize(const ForwardedMessage& message) {
  return MessageSize(message, WireProperties::Scan(message.properties));
}

char* WriteMessage(const ForwardedMessage& message, char* out) {
  return PutMessage(out, message, WireProperties::Scan(message.properties));
}

void EncodeMessage(const ForwardedMessage& message, std::string* out) {
  const WireProperties properties = WireProperties::Scan(message.properties);
  const size_t before = out->size();
  out->resize(before + MessageSize(message, properties));
  const char* end = PutMessage(out->data() + before, message, properties);
  CHECK(end == out->data() + out->size());
}

void MessageIdSource::Next(int64_t now_us, char* out) {
  const uint64_t now = now_us < 0 ? 0 : static_cast<uint64_t>(now_us);
  if (now > last_us_) {
    last_us_ = now;
    sequence_ = 0;
  } else if (++sequence_ == 0) {
    ++last_us_;  // 65,536 ids within one microsecond, or a clock that went back
  }
  out = etf::Store64(out, last_us_);
  etf::Store64(out, node_ << 16 | sequence_);
}

}  // namespace causeway::link
