// Packets on their way out, written into a caller's buffer. Sizes are exact and known before
// writing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "mqtt/packet.h"

namespace causeway::mqtt {

/// What one PUBLISH to one kind of receiver looks like; `properties` are forwardable properties in
/// wire form.
struct PublishOut {
  std::string_view topic, payload, properties;
  uint16_t packet_id = 0;  // 0 for QoS 0
  uint8_t qos = 0;
  bool retain = false, dup = false;
  uint32_t message_expiry_seconds = kNoExpiry;  // remaining, written when not kNoExpiry (version 5)
  uint16_t topic_alias = 0;                     // 0: none (version 5)
  const uint32_t* subscription_ids = nullptr;   // version 5
  size_t subscription_id_count = 0;
};

/// Size of everything but the payload. `*whole` gets header + payload.
size_t PublishHeaderSize(const PublishOut& publish, Version version, size_t* whole);
/// Writes fixed header, topic, packet id and properties: exactly PublishHeaderSize bytes.
/// `*packet_id_at` gets the offset of the packet id (for patching copies of one encoded header), 0
/// for QoS 0. `*topic_alias_at`, unless null, gets that of the topic alias, 0 for none. Returns
/// bytes written.
size_t WritePublishHeader(const PublishOut& publish, Version version, char* out,
                          size_t* packet_id_at, size_t* topic_alias_at = nullptr);

/// PUBACK/PUBREC/PUBREL/PUBCOMP in the shortest form: 4 bytes, or 5 with a reason ≠ success on
/// version 5. `out` ≥ 8 bytes.
size_t WriteAck(PacketType type, uint16_t packet_id, Reason reason, Version version, char* out);
/// DISCONNECT with a reason (version 5 only; returns 0 for others). `out` ≥ 8 bytes.
size_t WriteDisconnect(Reason reason, Version version, char* out);
/// CONNACK that refuses: maps the reason to a 3.1.1 return code for older versions (0: no CONNACK
/// exists for it, just close).
size_t WriteConnackRefusal(Reason reason, Version version, char* out);
size_t WritePingresp(char* out);
size_t WritePingreq(char* out);

}  // namespace causeway::mqtt
