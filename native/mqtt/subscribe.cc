// SUBSCRIBE, UNSUBSCRIBE and their acknowledgements. Source: MQTT 5.0 §3.8-§3.11
#include "core/check.h"
#include "mqtt/cursor.h"
#include "mqtt/fixed_flags.h"
#include "mqtt/packet.h"
#include "mqtt/properties.h"
#include "mqtt/reason_table.h"
#include "mqtt/topic.h"

namespace causeway::mqtt {
namespace {

constexpr uint8_t kRequestFlags = 0b0010;  // of SUBSCRIBE and UNSUBSCRIBE

/// Packet identifier and properties, with which all four begin.
Reason ReadHead(const Frame& frame, Version version, Cursor* cursor) {
  uint16_t packet_id;
  if (!cursor->U16(&packet_id)) return Reason::kMalformedPacket;
  if (packet_id == 0) return Reason::kProtocolError;  // [MQTT-2.2.1-3]
  if (version != Version::kMqtt5) return Reason::kSuccess;
  std::string_view block;
  if (!cursor->PropertyBlock(&block)) return Reason::kMalformedPacket;
  // The place table has Subscription Identifier in SUBSCRIBE but not in UNSUBSCRIBE.
  return ValidateProperties(block, static_cast<PropertyPlace>(frame.type));
}

/// The subscription options byte. §3.8.3.1; MQTT 3.1.1 §3.8.3
Reason CheckOptions(uint8_t options, std::string_view filter, Version version) {
  constexpr uint8_t kQos = 0x03, kNoLocal = 0x04, kRetainHandling = 0x30, kReserved = 0xC0;
  const bool qos_3 = (options & kQos) == kQos;
  switch (version) {
    case Version::kMqtt31:  // "the upper 6 bits of this byte are not used"
      return qos_3 ? Reason::kMalformedPacket : Reason::kSuccess;
    case Version::kMqtt311:
      return options > 2 ? Reason::kMalformedPacket : Reason::kSuccess;  // 3.1.1 [MQTT-3-8.3-4]
    case Version::kMqtt5:
      break;
  }
  if (options & kReserved) return Reason::kMalformedPacket;  // [MQTT-3.8.3-5]
  if (qos_3 || (options & kRetainHandling) == kRetainHandling)
    return Reason::kProtocolError;  // §3.8.3.1
  if ((options & kNoLocal) && IsShared(filter, nullptr, nullptr))
    return Reason::kProtocolError;  // [MQTT-3.8.3-4]
  return Reason::kSuccess;
}

Reason ValidateFilters(Cursor* cursor, Version version, bool has_options) {
  if (cursor->AtEnd()) return Reason::kProtocolError;  // [MQTT-3.8.3-2] [MQTT-3.10.3-2]
  while (!cursor->AtEnd()) {
    std::string_view filter;
    if (!cursor->Text(&filter)) return Reason::kMalformedPacket;  // [MQTT-3.8.3-1] [MQTT-3.10.3-1]
    uint8_t options = 0;
    if (has_options && !cursor->U8(&options)) return Reason::kMalformedPacket;
    if (!ValidTopicFilter(filter)) return Reason::kTopicFilterInvalid;
    const Reason reason = CheckOptions(options, filter, version);
    if (reason != Reason::kSuccess) return reason;
  }
  return Reason::kSuccess;
}

/// The reason codes that fill the rest of a SUBACK or UNSUBACK: at least one, one per filter.
Reason ValidateCodes(Cursor* cursor, PacketType type, Version version) {
  if (cursor->AtEnd()) return Reason::kProtocolError;
  uint8_t code;
  while (cursor->U8(&code)) {
    // 3.1.1 has three QoS levels and one failure [MQTT-3.9.3-2]; 5: [MQTT-3.9.3-2] [MQTT-3.11.3-2].
    const bool known = version == Version::kMqtt5
                           ? ReasonAllowed(type, Sender::kServer, static_cast<Reason>(code))
                           : code <= 2 || code == 0x80;
    if (!known) return Reason::kProtocolError;
  }
  return Reason::kSuccess;
}

}  // namespace

Reason ValidateSubscribe(const Frame& frame, Version version) {
  CHECK(frame.type == PacketType::kSubscribe);
  if (!ReservedFlagsOk(frame, version, kRequestFlags))
    return Reason::kMalformedPacket;  // [MQTT-3.8.1-1]
  Cursor cursor(frame.body);
  const Reason reason = ReadHead(frame, version, &cursor);
  return reason == Reason::kSuccess ? ValidateFilters(&cursor, version, true) : reason;
}

Reason ValidateUnsubscribe(const Frame& frame, Version version) {
  CHECK(frame.type == PacketType::kUnsubscribe);
  if (!ReservedFlagsOk(frame, version, kRequestFlags))
    return Reason::kMalformedPacket;  // [MQTT-3.10.1-1]
  Cursor cursor(frame.body);
  const Reason reason = ReadHead(frame, version, &cursor);
  return reason == Reason::kSuccess ? ValidateFilters(&cursor, version, false) : reason;
}

Reason ValidateSuback(const Frame& frame, Version version) {
  CHECK(frame.type == PacketType::kSuback);
  if (!ReservedFlagsOk(frame, version, 0)) return Reason::kMalformedPacket;
  Cursor cursor(frame.body);
  const Reason reason = ReadHead(frame, version, &cursor);
  return reason == Reason::kSuccess ? ValidateCodes(&cursor, frame.type, version) : reason;
}

Reason ValidateUnsuback(const Frame& frame, Version version) {
  CHECK(frame.type == PacketType::kUnsuback);
  if (!ReservedFlagsOk(frame, version, 0)) return Reason::kMalformedPacket;
  Cursor cursor(frame.body);
  const Reason reason = ReadHead(frame, version, &cursor);
  if (reason != Reason::kSuccess) return reason;
  if (version == Version::kMqtt5) return ValidateCodes(&cursor, frame.type, version);
  return cursor.AtEnd() ? Reason::kSuccess : Reason::kMalformedPacket;  // 3.1.1 has no payload
}

FilterReader::FilterReader(const Frame& frame, Version version)
    : has_options_(frame.type == PacketType::kSubscribe) {
  Cursor cursor(frame.body);
  std::string_view block;
  CHECK(cursor.U16(&packet_id_));
  CHECK(version != Version::kMqtt5 || cursor.PropertyBlock(&block));
  left_ = cursor.Rest();
}

bool FilterReader::Next(std::string_view* filter, uint8_t* options) {
  if (left_.empty()) return false;
  Cursor cursor(left_);
  *options = 0;
  CHECK(cursor.Binary(filter));
  CHECK(!has_options_ || cursor.U8(options));
  left_ = cursor.Rest();
  return true;
}

}  // namespace causeway::mqtt
