#include "loadgen/packets.h"

#include "mqtt/cursor.h"
#include "mqtt/properties.h"

namespace causeway::loadgen {
namespace {

constexpr uint8_t kConnectByte = 0x10;
constexpr uint8_t kSubscribeByte = 0x82;
constexpr uint8_t kUnsubscribeByte = 0xA2;
constexpr uint8_t kCleanStart = 0x02;
constexpr uint8_t kUserAndPassword = 0xC0;

void PutU16(uint32_t number, std::string* out) {
  out->push_back(static_cast<char>(number >> 8));
  out->push_back(static_cast<char>(number));
}

void PutText(std::string_view text, std::string* out) {
  PutU16(static_cast<uint32_t>(text.size()), out);
  out->append(text);
}

std::string Packet(uint8_t first, std::string_view body) {
  std::string packet(1, static_cast<char>(first));
  auto left = static_cast<uint32_t>(body.size());
  do {  // Variable Byte Integer, §1.5.5
    const uint32_t low = left & 0x7F;
    left >>= 7;
    packet.push_back(static_cast<char>(left > 0 ? low | 0x80 : low));
  } while (left > 0);
  return packet.append(body);
}

/// Packet id and, on version 5, no properties.
std::string BodyOf(uint16_t packet_id, mqtt::Version version) {
  std::string body;
  PutU16(packet_id, &body);
  if (version == mqtt::Version::kMqtt5) body.push_back(0);
  return body;
}

}  // namespace

std::string ConnectPacket(const Identity& who, const Lifetimes& lifetimes, mqtt::Version version) {
  const bool has_user = !who.username.empty();
  const bool is_clean = lifetimes.session_expiry_seconds == 0;
  std::string body;
  PutText(version == mqtt::Version::kMqtt31 ? "MQIsdp" : "MQTT", &body);
  body.push_back(static_cast<char>(version));
  body.push_back(
      static_cast<char>((is_clean ? kCleanStart : 0) | (has_user ? kUserAndPassword : 0)));
  PutU16(lifetimes.keep_alive_seconds, &body);
  if (version == mqtt::Version::kMqtt5) {
    body.push_back(is_clean ? 3 : 8);
    body.push_back(static_cast<char>(mqtt::PropertyId::kReceiveMaximum));
    PutU16(65535, &body);
    if (!is_clean) {
      body.push_back(static_cast<char>(mqtt::PropertyId::kSessionExpiryInterval));
      PutU16(lifetimes.session_expiry_seconds >> 16, &body);
      PutU16(lifetimes.session_expiry_seconds, &body);
    }
  }
  PutText(who.client_id, &body);
  if (has_user) {
    PutText(who.username, &body);
    PutText(who.password, &body);
  }
  return Packet(kConnectByte, body);
}

std::string SubscribePacket(uint16_t packet_id, std::span<const std::string> filters, uint8_t qos,
                            mqtt::Version version) {
  std::string body = BodyOf(packet_id, version);
  for (const std::string& filter : filters) {
    PutText(filter, &body);
    body.push_back(static_cast<char>(qos));
  }
  return Packet(kSubscribeByte, body);
}

std::string UnsubscribePacket(uint16_t packet_id, std::string_view filter, mqtt::Version version) {
  std::string body = BodyOf(packet_id, version);
  PutText(filter, &body);
  return Packet(kUnsubscribeByte, body);
}

Connack ReadConnack(const mqtt::Frame& frame, mqtt::Version version) {
  Connack connack;
  mqtt::Cursor cursor(frame.body);
  uint8_t flags;
  cursor.U8(&flags);
  cursor.U8(&connack.code);
  std::string_view block;
  if (version != mqtt::Version::kMqtt5 || !cursor.PropertyBlock(&block)) return connack;
  mqtt::PropertyReader reader(block, mqtt::PropertyPlace::kConnack);
  for (mqtt::Property property; reader.Next(&property);) {
    if (property.id == mqtt::PropertyId::kReceiveMaximum) {
      connack.receive_maximum = static_cast<uint16_t>(property.number);
    } else if (property.id == mqtt::PropertyId::kMaximumPacketSize) {
      connack.packet_bytes_max = property.number;
    } else if (property.id == mqtt::PropertyId::kMaximumQos) {
      connack.qos_max = static_cast<uint8_t>(property.number);
    }
  }
  return connack;
}

}  // namespace causeway::loadgen
