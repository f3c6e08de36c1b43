// DISCONNECT and AUTH: a reason code and properties, all of which may be left out. Source: MQTT 5.0
// §3.14, §3.15
#include "core/check.h"
#include "mqtt/cursor.h"
#include "mqtt/fixed_flags.h"
#include "mqtt/packet.h"
#include "mqtt/properties.h"
#include "mqtt/reason_table.h"

namespace causeway::mqtt {
namespace {

/// The reason code, 0x00 when left out, and the property block, empty when left out. §3.14.2.1,
/// §3.14.2.2.1
Reason ReadReasonAndBlock(const Frame& frame, Sender sender, std::string_view* block) {
  Cursor cursor(frame.body);
  uint8_t code = 0;
  if (!cursor.AtEnd() && !cursor.U8(&code)) return Reason::kMalformedPacket;
  if (!ReasonAllowed(frame.type, sender, static_cast<Reason>(code))) {
    return Reason::kProtocolError;  // [MQTT-3.14.2-1] [MQTT-3.15.2-1]
  }
  if (cursor.AtEnd()) return Reason::kSuccess;
  return cursor.PropertyBlock(block) && cursor.AtEnd() ? Reason::kSuccess
                                                       : Reason::kMalformedPacket;
}

}  // namespace

Reason ValidateDisconnect(const Frame& frame, Version version, Sender sender) {
  CHECK(frame.type == PacketType::kDisconnect);
  if (!ReservedFlagsOk(frame, version, 0)) return Reason::kMalformedPacket;  // [MQTT-3.14.1-1]
  if (version != Version::kMqtt5) {
    if (sender == Sender::kServer)
      return Reason::kProtocolError;  // only version 5 servers say goodbye
    return frame.body.empty() ? Reason::kSuccess : Reason::kMalformedPacket;
  }
  std::string_view block;
  const Reason reason = ReadReasonAndBlock(frame, sender, &block);
  if (reason != Reason::kSuccess) return reason;

  PropertyReader reader(block, PropertyPlace::kDisconnect);
  Property property;
  while (reader.Next(&property)) {
    const bool of_server = property.id == PropertyId::kServerReference;        // §3.14.2.2.5
    const bool of_client = property.id == PropertyId::kSessionExpiryInterval;  // [MQTT-3.14.2-2]
    if (sender == Sender::kServer ? of_client : of_server) return Reason::kProtocolError;
  }
  return reader.reason();
}

Reason ValidateAuth(const Frame& frame, Version version, Sender sender) {
  CHECK(frame.type == PacketType::kAuth);
  if (version != Version::kMqtt5) return Reason::kProtocolError;  // type 15 is reserved before
  if (!ReservedFlagsOk(frame, version, 0)) return Reason::kMalformedPacket;  // [MQTT-3.15.1-1]
  std::string_view block;
  const Reason reason = ReadReasonAndBlock(frame, sender, &block);
  if (reason != Reason::kSuccess) return reason;

  PropertyReader reader(block, PropertyPlace::kAuth);
  Property property;
  bool has_method = false;
  while (reader.Next(&property)) has_method |= property.id == PropertyId::kAuthenticationMethod;
  if (reader.reason() != Reason::kSuccess) return reader.reason();
  return has_method ? Reason::kSuccess : Reason::kProtocolError;  // §3.15.2.2.2
}

}  // namespace causeway::mqtt
