// PUBACK, PUBREC, PUBREL, PUBCOMP: one layout, two sets of reason codes. Source: MQTT 5.0 §3.4-§3.7
#include "core/check.h"
#include "mqtt/cursor.h"
#include "mqtt/fixed_flags.h"
#include "mqtt/packet.h"
#include "mqtt/properties.h"
#include "mqtt/reason_table.h"

namespace causeway::mqtt {

Reason DecodeAck(const Frame& frame, Version version, Ack* out) {
  CHECK(frame.type >= PacketType::kPuback && frame.type <= PacketType::kPubcomp);
  *out = Ack{};
  const uint8_t flags = frame.type == PacketType::kPubrel ? 0b0010 : 0;
  if (!ReservedFlagsOk(frame, version, flags)) return Reason::kMalformedPacket;

  Cursor cursor(frame.body);
  if (!cursor.U16(&out->packet_id)) return Reason::kMalformedPacket;
  if (out->packet_id == 0) return Reason::kProtocolError;  // no message has it [MQTT-2.2.1-5]
  if (cursor.AtEnd()) return Reason::kSuccess;  // reason and properties left out. §3.4.2.1
  if (version != Version::kMqtt5) return Reason::kMalformedPacket;

  uint8_t code;
  if (!cursor.U8(&code)) return Reason::kMalformedPacket;
  out->reason = static_cast<Reason>(code);
  // [MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-3.6.2-1] [MQTT-3.7.2-1]. Both ends may send each of them,
  // but for 0x10, which no client has reason to send and which does no harm when one does.
  if (!ReasonAllowed(frame.type, Sender::kServer, out->reason)) return Reason::kProtocolError;
  if (cursor.AtEnd()) return Reason::kSuccess;  // no property length below four bytes. §3.4.2.2.1

  std::string_view block;
  if (!cursor.PropertyBlock(&block) || !cursor.AtEnd()) return Reason::kMalformedPacket;
  return ValidateProperties(block, static_cast<PropertyPlace>(frame.type));
}

}  // namespace causeway::mqtt
