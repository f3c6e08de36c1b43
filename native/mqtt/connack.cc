// CONNACK. Source: MQTT 5.0 §3.2, MQTT 3.1.1 §3.2
#include "mqtt/cursor.h"
#include "mqtt/fixed_flags.h"
#include "mqtt/packet.h"
#include "mqtt/properties.h"
#include "mqtt/reason_table.h"

namespace causeway::mqtt {
namespace {

constexpr uint8_t kSessionPresent = 0x01;
constexpr uint8_t kReturnCodeMost = 5;  // "not authorized", the last of MQTT 3.1.1 table 3.1

}  // namespace

Reason ValidateConnack(const Frame& frame, Version version) {
  if (!ReservedFlagsOk(frame, version, 0)) return Reason::kMalformedPacket;
  Cursor cursor(frame.body);
  uint8_t flags, code;
  if (!cursor.U8(&flags) || !cursor.U8(&code)) return Reason::kMalformedPacket;
  // MQTT 3.1 has no acknowledge flags; its first byte is reserved and unused.
  if (version != Version::kMqtt31) {
    if (flags & ~kSessionPresent) return Reason::kMalformedPacket;              // [MQTT-3.2.2-1]
    if ((flags & kSessionPresent) && code != 0) return Reason::kProtocolError;  // [MQTT-3.2.2-6]
  }
  if (version != Version::kMqtt5) {
    if (code > kReturnCodeMost) return Reason::kProtocolError;  // reserved. 3.1.1 §3.2.2.3
    return cursor.AtEnd() ? Reason::kSuccess : Reason::kMalformedPacket;
  }
  if (!ReasonAllowed(PacketType::kConnack, Sender::kServer, static_cast<Reason>(code))) {
    return Reason::kProtocolError;  // [MQTT-3.2.2-8]
  }
  std::string_view block;
  if (!cursor.PropertyBlock(&block) || !cursor.AtEnd()) return Reason::kMalformedPacket;
  return ValidateProperties(block, PropertyPlace::kConnack);
}

}  // namespace causeway::mqtt
