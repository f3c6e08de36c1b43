#include "mqtt/encode.h"

#include <cstring>

#include "core/check.h"
#include "mqtt/reason_table.h"

namespace causeway::mqtt {
namespace {

constexpr size_t kRemainingLengthMax = 268'435'455;  // four bytes of seven bits. §1.5.5

constexpr uint8_t kMessageExpiryInterval = 0x02, kSubscriptionIdentifier = 0x0B, kTopicAlias = 0x23;

size_t VarintSize(size_t value) {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : 4;
}

/// Appends to the caller's buffer, whose size the caller worked out before.
class Writer {
 public:
  explicit Writer(char* out) : start_(out), at_(out) {}

  size_t written() const { return static_cast<size_t>(at_ - start_); }
  void U8(uint8_t value) { *at_++ = static_cast<char>(value); }
  void U16(uint16_t value) {
    U8(static_cast<uint8_t>(value >> 8));
    U8(static_cast<uint8_t>(value));
  }
  void U32(uint32_t value) {
    U16(static_cast<uint16_t>(value >> 16));
    U16(static_cast<uint16_t>(value));
  }
  void Varint(size_t value) {
    for (; value >= 0x80; value >>= 7) U8(static_cast<uint8_t>(value | 0x80));
    U8(static_cast<uint8_t>(value));
  }
  void Bytes(std::string_view bytes) {
    if (!bytes.empty()) std::memcpy(at_, bytes.data(), bytes.size());
    at_ += bytes.size();
  }

 private:
  char* start_;
  char* at_;
};

struct PublishSizes {
  size_t properties = 0;  // the block, without its length
  size_t remaining = 0;
};

PublishSizes Measure(const PublishOut& publish, Version version) {
  PublishSizes sizes;
  sizes.remaining = 2 + publish.topic.size() + (publish.qos == 0 ? 0 : 2) + publish.payload.size();
  if (version != Version::kMqtt5) return sizes;
  sizes.properties = publish.properties.size();
  if (publish.message_expiry_seconds != kNoExpiry) sizes.properties += 5;
  if (publish.topic_alias != 0) sizes.properties += 3;
  for (size_t i = 0; i < publish.subscription_id_count; ++i) {
    sizes.properties += 1 + VarintSize(publish.subscription_ids[i]);
  }
  sizes.remaining += VarintSize(sizes.properties) + sizes.properties;
  return sizes;
}

/// The CONNACK return code of 3.1 and 3.1.1 that says the same, 0 when none does. MQTT 3.1.1
/// §3.2.2.3
uint8_t ReturnCode(Reason reason) {
  switch (reason) {
    case Reason::kUnsupportedProtocolVersion:
      return 1;
    case Reason::kClientIdentifierNotValid:
      return 2;
    case Reason::kUnspecified:
    case Reason::kImplementationSpecific:
    case Reason::kServerUnavailable:
    case Reason::kServerBusy:
    case Reason::kServerShuttingDown:
    case Reason::kQuotaExceeded:
    case Reason::kUseAnotherServer:
    case Reason::kServerMoved:
    case Reason::kConnectionRateExceeded:
      return 3;
    case Reason::kBadUserNameOrPassword:
    case Reason::kBadAuthenticationMethod:
      return 4;
    case Reason::kNotAuthorized:
    case Reason::kBanned:
      return 5;
    default:
      return 0;
  }
}

/// The nearest code that CONNACK may carry [MQTT-3.2.2-8].
Reason ConnackReason(Reason reason) {
  if (ReasonAllowed(PacketType::kConnack, Sender::kServer, reason)) return reason;
  return reason == Reason::kServerShuttingDown ? Reason::kServerUnavailable : Reason::kUnspecified;
}

size_t WriteBare(PacketType type, char* out) {
  out[0] = static_cast<char>(static_cast<uint8_t>(type) << 4);
  out[1] = 0;
  return 2;
}

}  // namespace

size_t PublishHeaderSize(const PublishOut& publish, Version version, size_t* whole) {
  const size_t remaining = Measure(publish, version).remaining;
  if (remaining > kRemainingLengthMax) {
    *whole = 0;
    return 0;
  }
  *whole = 1 + VarintSize(remaining) + remaining;
  return *whole - publish.payload.size();
}

size_t WritePublishHeader(const PublishOut& publish, Version version, char* out,
                          size_t* packet_id_at, size_t* topic_alias_at) {
  const PublishSizes sizes = Measure(publish, version);
  CHECK(sizes.remaining <= kRemainingLengthMax);
  CHECK(publish.qos <= 2 &&
        (publish.qos == 0) == (publish.packet_id == 0));  // [MQTT-2.2.1-2] [MQTT-2.2.1-4]
  Writer writer(out);
  writer.U8(static_cast<uint8_t>(0x30 | (publish.dup && publish.qos != 0 ? 0x08 : 0) |
                                 publish.qos << 1 |
                                 (publish.retain ? 0x01 : 0)));  // [MQTT-3.3.1-2]
  writer.Varint(sizes.remaining);
  writer.U16(static_cast<uint16_t>(publish.topic.size()));
  writer.Bytes(publish.topic);
  *packet_id_at = 0;
  if (topic_alias_at != nullptr) *topic_alias_at = 0;
  if (publish.qos != 0) {
    *packet_id_at = writer.written();
    writer.U16(publish.packet_id);
  }
  if (version != Version::kMqtt5) return writer.written();
  writer.Varint(sizes.properties);
  if (publish.message_expiry_seconds != kNoExpiry) {
    writer.U8(kMessageExpiryInterval);
    writer.U32(publish.message_expiry_seconds);
  }
  if (publish.topic_alias != 0) {
    writer.U8(kTopicAlias);
    if (topic_alias_at != nullptr) *topic_alias_at = writer.written();
    writer.U16(publish.topic_alias);
  }
  for (size_t i = 0; i < publish.subscription_id_count; ++i) {
    writer.U8(kSubscriptionIdentifier);
    writer.Varint(publish.subscription_ids[i]);
  }
  writer.Bytes(publish.properties);
  return writer.written();
}

size_t WriteAck(PacketType type, uint16_t packet_id, Reason reason, Version version, char* out) {
  const bool with_reason = version == Version::kMqtt5 && reason != Reason::kSuccess;
  const uint8_t flags = type == PacketType::kPubrel ? 0b0010 : 0;  // [MQTT-3.6.1-1]
  Writer writer(out);
  writer.U8(static_cast<uint8_t>(static_cast<uint8_t>(type) << 4 | flags));
  writer.U8(with_reason ? 3 : 2);
  writer.U16(packet_id);
  if (with_reason) writer.U8(static_cast<uint8_t>(reason));
  return writer.written();
}

size_t WriteDisconnect(Reason reason, Version version, char* out) {
  if (version != Version::kMqtt5) return 0;
  // The property length is written although it could be left out: some clients insist on it.
  Writer writer(out);
  writer.U8(0xE0);
  writer.U8(2);
  writer.U8(static_cast<uint8_t>(reason));
  writer.U8(0);
  return writer.written();
}

size_t WriteConnackRefusal(Reason reason, Version version, char* out) {
  const bool mqtt5 = version == Version::kMqtt5;
  const uint8_t code = mqtt5 ? static_cast<uint8_t>(ConnackReason(reason)) : ReturnCode(reason);
  if (code == 0) return 0;
  Writer writer(out);
  writer.U8(0x20);
  writer.U8(mqtt5 ? 3 : 2);
  writer.U8(0);  // no session is present where none is accepted [MQTT-3.2.2-6]
  writer.U8(code);
  if (mqtt5) writer.U8(0);
  return writer.written();
}

size_t WritePingresp(char* out) { return WriteBare(PacketType::kPingresp, out); }
size_t WritePingreq(char* out) { return WriteBare(PacketType::kPingreq, out); }

}  // namespace causeway::mqtt
