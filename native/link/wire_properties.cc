#include "link/wire_properties.h"

#include "core/check.h"
#include "link/etf_tag.h"
#include "link/message_term.h"
#include "mqtt/packet.h"

namespace causeway::link {
namespace {

// Property identifiers. Source: MQTT 5.0 §2.2.2.2
constexpr char kPayloadFormatId = 0x01;
constexpr char kContentTypeId = 0x03;
constexpr char kResponseTopicId = 0x08;
constexpr char kCorrelationDataId = 0x09;
constexpr char kUserPropertyId = 0x26;

constexpr size_t kStringBytesMax = 65535;
/// How deep a property's value lies in the message: tuple, headers, properties.
constexpr int kValueDepth = 3;

/// Cuts a two-byte length and that many bytes off the front.
std::string_view TakeString(std::string_view* wire) {
  CHECK(wire->size() >= 2);
  const size_t bytes = etf::Load16(wire->data());
  CHECK(bytes <= wire->size() - 2);
  const std::string_view value = wire->substr(2, bytes);
  wire->remove_prefix(2 + bytes);
  return value;
}

void AppendString(std::string_view value, std::string* wire) {
  char length[2];
  wire->append(length, etf::Store16(length, static_cast<uint16_t>(value.size())));
  wire->append(value);
}

bool IsText(std::string_view value) {
  return value.size() <= kStringBytesMax && mqtt::ValidUtf8(value);  // [MQTT-1.5.4-1]
}

bool ReadPayloadFormat(EtfReader* reader, std::string* wire) {
  int64_t value;
  if (!reader->ReadInteger(&value) || value < 0 || value > 1) return false;
  wire->push_back(kPayloadFormatId);
  wire->push_back(static_cast<char>(value));
  return true;
}

bool ReadExpiry(EtfReader* reader, uint32_t* seconds) {
  int64_t value;
  if (!reader->ReadInteger(&value) || value < 0 || value > UINT32_MAX) return false;
  *seconds = static_cast<uint32_t>(value);
  return true;
}

bool ReadBytes(EtfReader* reader, char id, std::string* wire) {
  std::string_view value;
  if (!reader->ReadBinary(&value) || value.size() > kStringBytesMax) return false;
  if (id == kContentTypeId && !IsText(value)) return false;
  if (id == kResponseTopicId && !(IsText(value) && mqtt::ValidTopicName(value))) return false;
  wire->push_back(id);
  AppendString(value, wire);
  return true;
}

bool ReadUserProperties(EtfReader* reader, std::string* wire) {
  uint32_t count;
  bool has_tail;
  if (!reader->EnterList(&count, &has_tail)) return false;
  for (uint32_t i = 0; i < count; ++i) {
    uint32_t arity;
    std::string_view name;
    std::string_view value;
    if (!reader->EnterTuple(&arity) || arity != 2) return false;
    if (!reader->ReadBinary(&name) || !reader->ReadBinary(&value)) return false;
    if (!IsText(name) || !IsText(value)) return false;
    wire->push_back(kUserPropertyId);
    AppendString(name, wire);
    AppendString(value, wire);
  }
  return !has_tail || reader->ReadNil();
}

bool SkipUndefined(EtfReader* reader) {
  AtomId atom;
  EtfReader ahead = *reader;
  if (!ahead.ReadAtom(&atom) || atom != AtomId::kUndefined) return false;
  *reader = ahead;
  return true;
}

}  // namespace

WireProperties WireProperties::Scan(std::string_view wire) {
  WireProperties found;
  found.wire = wire;
  while (!wire.empty()) {
    const char id = wire[0];
    wire.remove_prefix(1);
    switch (id) {
      case kPayloadFormatId:
        CHECK(!wire.empty());
        found.has_payload_format = true;
        found.payload_format = static_cast<uint8_t>(wire[0]);
        wire.remove_prefix(1);
        break;
      case kContentTypeId:
        found.has_content_type = true;
        found.content_type = TakeString(&wire);
        break;
      case kResponseTopicId:
        found.has_response_topic = true;
        found.response_topic = TakeString(&wire);
        break;
      case kCorrelationDataId:
        found.has_correlation_data = true;
        found.correlation_data = TakeString(&wire);
        break;
      default:
        CHECK(id == kUserPropertyId);
        found.user_property_bytes += TakeString(&wire).size();
        found.user_property_bytes += TakeString(&wire).size();
        ++found.user_properties;
        break;
    }
  }
  return found;
}

uint32_t WireProperties::pairs() const {
  return uint32_t{has_payload_format} + has_content_type + has_response_topic +
         has_correlation_data + (user_properties > 0);
}

size_t WireProperties::TermBytes() const {
  size_t bytes = 0;
  if (has_payload_format) {
    bytes += EtfAtomSize(AtomId::kPayloadFormatIndicator) + EtfIntegerSize(payload_format);
  }
  if (has_content_type) {
    bytes += EtfAtomSize(AtomId::kContentType) + EtfBinarySize(content_type.size());
  }
  if (has_response_topic) {
    bytes += EtfAtomSize(AtomId::kResponseTopic) + EtfBinarySize(response_topic.size());
  }
  if (has_correlation_data) {
    bytes += EtfAtomSize(AtomId::kCorrelationData) + EtfBinarySize(correlation_data.size());
  }
  if (user_properties > 0) {
    const size_t pair = 2 + 2 * EtfBinarySize(0);
    bytes +=
        EtfAtomSize(AtomId::kUserProperty) + 5 + user_properties * pair + user_property_bytes + 1;
  }
  return bytes;
}

char* WireProperties::Put(char* at, uint32_t message_expiry_seconds) const {
  const bool expires = message_expiry_seconds != kNoMessageExpiry;
  at = PutEtfMap(at, pairs() + expires);
  if (has_content_type) {
    at = PutEtfBinary(PutEtfAtom(at, AtomId::kContentType), content_type);
  }
  if (has_correlation_data) {
    at = PutEtfBinary(PutEtfAtom(at, AtomId::kCorrelationData), correlation_data);
  }
  if (expires) {
    at = PutEtfInteger(PutEtfAtom(at, AtomId::kMessageExpiryInterval), message_expiry_seconds);
  }
  if (has_payload_format) {
    at = PutEtfInteger(PutEtfAtom(at, AtomId::kPayloadFormatIndicator), payload_format);
  }
  if (has_response_topic) {
    at = PutEtfBinary(PutEtfAtom(at, AtomId::kResponseTopic), response_topic);
  }
  if (user_properties == 0) return at;
  at = PutEtfList(PutEtfAtom(at, AtomId::kUserProperty), user_properties);
  for (std::string_view rest = wire; !rest.empty();) {
    const char id = rest[0];
    rest.remove_prefix(1);
    if (id == kPayloadFormatId) {
      rest.remove_prefix(1);
      continue;
    }
    const std::string_view first = TakeString(&rest);
    if (id != kUserPropertyId) continue;
    at = PutEtfBinary(PutEtfTuple(at, 2), first);
    at = PutEtfBinary(at, TakeString(&rest));
  }
  return PutEtfNil(at);
}

bool ReadPropertiesMap(EtfReader* reader, std::string* wire, uint32_t* message_expiry_seconds) {
  uint32_t pairs;
  if (!reader->EnterMap(&pairs)) return false;
  uint32_t seen = 0;
  for (uint32_t i = 0; i < pairs; ++i) {
    AtomId key = AtomId::kOpaque;
    if (!reader->ReadAtom(&key) && !reader->Skip(LocalTerms::kSkip, kValueDepth)) return false;
    const uint32_t bit = key == AtomId::kOpaque ? 0 : 1u << static_cast<uint32_t>(key);
    if ((seen & bit) != 0) return false;  // twice in a map would be twice in a packet
    seen |= bit;
    if (SkipUndefined(reader)) continue;
    bool ok;
    switch (key) {
      case AtomId::kPayloadFormatIndicator:
        ok = ReadPayloadFormat(reader, wire);
        break;
      case AtomId::kMessageExpiryInterval:
        ok = ReadExpiry(reader, message_expiry_seconds);
        break;
      case AtomId::kContentType:
        ok = ReadBytes(reader, kContentTypeId, wire);
        break;
      case AtomId::kResponseTopic:
        ok = ReadBytes(reader, kResponseTopicId, wire);
        break;
      case AtomId::kCorrelationData:
        ok = ReadBytes(reader, kCorrelationDataId, wire);
        break;
      case AtomId::kUserProperty:
        ok = ReadUserProperties(reader, wire);
        break;
      default:  // Topic-Alias leaks in from the publisher's connection and means nothing here
        ok = reader->Skip(LocalTerms::kSkip, kValueDepth);
        break;
    }
    if (!ok) return false;
  }
  return true;
}

}  // namespace causeway::link
