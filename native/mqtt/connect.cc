// CONNECT. Source: MQTT 5.0 §3.1, MQTT 3.1.1 §3.1, MQTT 3.1 §3.1
#include "mqtt/cursor.h"
#include "mqtt/fixed_flags.h"
#include "mqtt/packet.h"
#include "mqtt/properties.h"
#include "mqtt/topic.h"
#include "mqtt/utf8.h"

namespace causeway::mqtt {
namespace {

constexpr uint8_t kReserved = 0x01, kCleanStart = 0x02, kWillFlag = 0x04, kWillQos = 0x18,
                  kWillRetain = 0x20, kPassword = 0x40, kUserName = 0x80;

/// Set in the level by bridges that ask not to be sent their own messages back; versions 3.1
/// and 3.1.1.
constexpr uint8_t kBridgeBit = 0x80;

Reason ReadVersion(Cursor* cursor, Connect* out) {
  std::string_view name;
  uint8_t level;
  if (!cursor->Text(&name) || !cursor->U8(&level)) return Reason::kMalformedPacket;
  const auto is = [&](std::string_view wanted_name, uint8_t wanted_level) {
    return name == wanted_name && level == wanted_level;
  };
  if (is("MQTT", 5)) {
    out->version = Version::kMqtt5;
  } else if (is("MQTT", 4) || is("MQTT", 4 | kBridgeBit)) {
    out->version = Version::kMqtt311;
  } else if (is("MQIsdp", 3) || is("MQIsdp", 3 | kBridgeBit)) {
    out->version = Version::kMqtt31;
  } else {
    // [MQTT-3.1.2-1] [MQTT-3.1.2-2]: the answer is written in the layout this client most likely
    // reads.
    out->version = (level & ~kBridgeBit) >= 5 ? Version::kMqtt5 : Version::kMqtt311;
    return Reason::kUnsupportedProtocolVersion;
  }
  out->bridge = level & kBridgeBit;
  return Reason::kSuccess;
}

/// The connect flags among themselves. MQTT 3.1 calls bit 0 "not used" and disregards the will's
/// bits without a will.
Reason CheckFlags(uint8_t flags, Version version) {
  if ((flags & kWillFlag) && (flags & kWillQos) == kWillQos)
    return Reason::kMalformedPacket;  // [MQTT-3.1.2-12]
  if ((flags & kPassword) && !(flags & kUserName) && version != Version::kMqtt5) {
    return Reason::kMalformedPacket;  // 3.1.1 [MQTT-3.1.2-22]; version 5 lets a password stand
                                      // alone
  }
  if (version == Version::kMqtt31) return Reason::kSuccess;
  if (flags & kReserved) return Reason::kMalformedPacket;  // [MQTT-3.1.2-3]
  if (!(flags & kWillFlag) && (flags & (kWillQos | kWillRetain))) {
    return Reason::kMalformedPacket;  // [MQTT-3.1.2-11] [MQTT-3.1.2-13]
  }
  return Reason::kSuccess;
}

Reason ReadProperties(Cursor* cursor, Connect* out) {
  std::string_view block;
  if (!cursor->PropertyBlock(&block)) return Reason::kMalformedPacket;
  PropertyReader reader(block, PropertyPlace::kConnect);
  Property property;
  bool has_method = false, has_data = false;
  while (reader.Next(&property)) {
    switch (property.id) {
      case PropertyId::kSessionExpiryInterval:
        out->session_expiry_seconds = property.number;
        break;
      case PropertyId::kReceiveMaximum:
        out->receive_maximum = static_cast<uint16_t>(property.number);
        break;
      case PropertyId::kMaximumPacketSize:
        out->maximum_packet_bytes = property.number;
        break;
      case PropertyId::kTopicAliasMaximum:
        out->topic_alias_maximum = static_cast<uint16_t>(property.number);
        break;
      case PropertyId::kRequestResponseInformation:
        out->request_response_information = property.number == 1;
        break;
      case PropertyId::kRequestProblemInformation:
        out->request_problem_information = property.number == 1;
        break;
      case PropertyId::kAuthenticationMethod:
        out->authentication_method = property.bytes;
        has_method = true;
        break;
      case PropertyId::kAuthenticationData:
        out->authentication_data = property.bytes;
        has_data = true;
        break;
      default:
        break;
    }
  }
  if (reader.reason() != Reason::kSuccess) return reader.reason();
  return has_data && !has_method ? Reason::kProtocolError : Reason::kSuccess;  // §3.1.2.11.10
}

Reason ReadWillProperties(Cursor* cursor, Will* will, bool* utf8_payload) {
  if (!cursor->PropertyBlock(&will->properties)) return Reason::kMalformedPacket;
  PropertyReader reader(will->properties, PropertyPlace::kWill);
  Property property;
  while (reader.Next(&property)) {
    if (property.id == PropertyId::kWillDelayInterval) will->delay_seconds = property.number;
    if (property.id == PropertyId::kPayloadFormatIndicator) *utf8_payload = property.number == 1;
    if (property.id == PropertyId::kResponseTopic && !ValidTopicName(property.bytes)) {
      return Reason::kProtocolError;  // [MQTT-3.3.2-14]
    }
  }
  return reader.reason();
}

Reason ReadWill(Cursor* cursor, uint8_t flags, Version version, Will* will) {
  will->qos = (flags & kWillQos) >> 3;
  will->retain = flags & kWillRetain;
  bool utf8_payload = false;
  if (version == Version::kMqtt5) {
    const Reason reason = ReadWillProperties(cursor, will, &utf8_payload);
    if (reason != Reason::kSuccess) return reason;
  }
  // [MQTT-3.1.2-9] [MQTT-3.1.3-11]
  if (!cursor->Binary(&will->topic) || !cursor->Binary(&will->payload))
    return Reason::kMalformedPacket;
  switch (ScanTopic(will->topic)) {
    case TopicScan::kMalformed:
      return Reason::kMalformedPacket;
    case TopicScan::kWildcards:
      return Reason::kTopicNameInvalid;  // [MQTT-4.7.0-1]
    case TopicScan::kPlain:
      break;
  }
  if (will->topic.empty()) return Reason::kTopicNameInvalid;  // [MQTT-4.7.3-1]
  if (utf8_payload && !WellFormedUtf8(will->payload)) return Reason::kPayloadFormatInvalid;
  return Reason::kSuccess;
}

/// User name and password stand there when their flags say so, and not otherwise [MQTT-3.1.2-16] …
/// [MQTT-3.1.2-19].
Reason ReadCredentials(Cursor* cursor, uint8_t flags, Connect* out) {
  // "The Remaining Length field … takes precedence over the User Name flag": MQTT 3.1 clients may
  // set a flag and end early.
  const auto left_out = [&] { return out->version == Version::kMqtt31 && cursor->AtEnd(); };
  if ((flags & kUserName) && !left_out()) {
    if (!cursor->Text(&out->username)) return Reason::kMalformedPacket;  // [MQTT-3.1.3-12]
    out->has_username = true;
  }
  if ((flags & kPassword) && !left_out()) {
    if (!cursor->Binary(&out->password)) return Reason::kMalformedPacket;
    out->has_password = true;
  }
  return cursor->AtEnd() ? Reason::kSuccess : Reason::kMalformedPacket;
}

/// Who comes without an identifier gets one, unless the version has no room for that.
Reason CheckClientId(const Connect& connect) {
  if (!connect.client_id.empty() || connect.version == Version::kMqtt5)
    return Reason::kSuccess;  // [MQTT-3.1.3-6]
  const bool may_be_empty = connect.version == Version::kMqtt311 && connect.clean_start;
  // 3.1.1 [MQTT-3.1.3-7] [MQTT-3.1.3-8]; MQTT 3.1 wants 1 to 23 characters, of which only the lower
  // bound is kept.
  return may_be_empty ? Reason::kSuccess : Reason::kClientIdentifierNotValid;
}

}  // namespace

Reason DecodeConnect(const Frame& frame, Connect* out) {
  *out = Connect{};
  Cursor cursor(frame.body);
  if (const Reason reason = ReadVersion(&cursor, out); reason != Reason::kSuccess) return reason;
  if (!ReservedFlagsOk(frame, out->version, 0)) return Reason::kMalformedPacket;

  uint8_t flags;
  if (!cursor.U8(&flags)) return Reason::kMalformedPacket;
  if (const Reason reason = CheckFlags(flags, out->version); reason != Reason::kSuccess)
    return reason;
  out->clean_start = flags & kCleanStart;
  if (!cursor.U16(&out->keep_alive_seconds)) return Reason::kMalformedPacket;
  if (out->version == Version::kMqtt5) {
    if (const Reason reason = ReadProperties(&cursor, out); reason != Reason::kSuccess)
      return reason;
  }

  // [MQTT-3.1.3-1]: identifier, will, user name, password, in that order.
  if (!cursor.Text(&out->client_id))
    return Reason::kMalformedPacket;  // [MQTT-3.1.3-3] [MQTT-3.1.3-4]
  if (flags & kWillFlag) {
    out->has_will = true;
    const Reason reason = ReadWill(&cursor, flags, out->version, &out->will);
    if (reason != Reason::kSuccess) return reason;
  }
  if (const Reason reason = ReadCredentials(&cursor, flags, out); reason != Reason::kSuccess)
    return reason;
  return CheckClientId(*out);
}

}  // namespace causeway::mqtt
