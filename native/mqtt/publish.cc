// PUBLISH, the one packet on the hot path. Source: MQTT 5.0 §3.3
#include <cstring>

#include "mqtt/cursor.h"
#include "mqtt/packet.h"
#include "mqtt/properties.h"
#include "mqtt/topic.h"
#include "mqtt/utf8.h"

namespace causeway::mqtt {
namespace {

/// Properties that travel to every receiver unchanged [MQTT-3.3.2-4] [MQTT-3.3.2-15]
/// [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-20].
bool Forwardable(PropertyId id) {
  switch (id) {
    case PropertyId::kPayloadFormatIndicator:
    case PropertyId::kContentType:
    case PropertyId::kResponseTopic:
    case PropertyId::kCorrelationData:
    case PropertyId::kUserProperty:
      return true;
    default:
      return false;
  }
}

/// Reads `block` into `*out`. `*utf8_payload` gets the Payload Format Indicator.
Reason DecodeProperties(std::string_view block, Sender sender, Publish* out, bool* utf8_payload) {
  PropertyReader reader(block, PropertyPlace::kPublish);
  Property property;
  const char* first = nullptr;  // of the forwardable ones
  const char* last = nullptr;   // behind them
  size_t forwardable_bytes = 0;
  while (reader.Next(&property)) {
    if (Forwardable(property.id)) {
      if (first == nullptr) first = property.whole.data();
      last = property.whole.data() + property.whole.size();
      forwardable_bytes += property.whole.size();
    }
    switch (property.id) {
      case PropertyId::kPayloadFormatIndicator:
        *utf8_payload = property.number == 1;
        break;
      case PropertyId::kMessageExpiryInterval:
        out->message_expiry_seconds = property.number;
        break;
      case PropertyId::kTopicAlias:
        out->topic_alias = static_cast<uint16_t>(property.number);
        break;
      case PropertyId::kSubscriptionIdentifier:
        if (sender == Sender::kClient) return Reason::kProtocolError;  // [MQTT-3.3.4-6]
        if (out->subscription_identifier == 0) out->subscription_identifier = property.number;
        break;
      case PropertyId::kResponseTopic:
        if (!ValidTopicName(property.bytes)) return Reason::kProtocolError;  // [MQTT-3.3.2-14]
        out->response_topic = property.bytes;
        break;
      case PropertyId::kCorrelationData:
        out->correlation_data = property.bytes;
        break;
      default:
        break;
    }
  }
  if (first != nullptr) {
    out->properties = {first, static_cast<size_t>(last - first)};
    out->properties_need_filter = out->properties.size() != forwardable_bytes;
  }
  return reader.reason();
}

}  // namespace

Reason DecodePublish(const Frame& frame, Version version, Sender sender, Publish* out) {
  out->retain = frame.flags & 0x1;
  out->qos = frame.flags >> 1 & 0x3;
  out->dup = frame.flags & 0x8;
  if (out->qos == 3) return Reason::kMalformedPacket;              // [MQTT-3.3.1-4]
  if (out->dup && out->qos == 0) return Reason::kMalformedPacket;  // [MQTT-3.3.1-2]

  Cursor cursor(frame.body);
  if (!cursor.Binary(&out->topic)) return Reason::kMalformedPacket;
  const TopicScan scan = ScanTopic(out->topic);
  if (scan == TopicScan::kMalformed) return Reason::kMalformedPacket;   // [MQTT-3.3.2-1]
  if (scan == TopicScan::kWildcards) return Reason::kTopicNameInvalid;  // [MQTT-3.3.2-2]
  if (out->qos != 0) {
    if (!cursor.U16(&out->packet_id)) return Reason::kMalformedPacket;
    if (out->packet_id == 0) return Reason::kProtocolError;  // [MQTT-2.2.1-3] [MQTT-2.2.1-4]
  }

  bool utf8_payload = false;
  if (version == Version::kMqtt5) {
    std::string_view block;
    if (!cursor.PropertyBlock(&block)) return Reason::kMalformedPacket;
    if (!block.empty()) {
      const Reason reason = DecodeProperties(block, sender, out, &utf8_payload);
      if (reason != Reason::kSuccess) return reason;
    }
  }
  // Only an alias may stand for a topic. [MQTT-4.7.3-1], §3.3.2.1
  if (out->topic.empty() && out->topic_alias == 0) return Reason::kProtocolError;
  out->payload = cursor.Rest();
  if (utf8_payload && !WellFormedUtf8(out->payload)) return Reason::kPayloadFormatInvalid;
  return Reason::kSuccess;
}

std::string_view TopicAsWritten(const Frame& frame) {
  const std::string_view body = frame.body;
  if (body.size() < 2) return {};
  const size_t length = size_t{static_cast<uint8_t>(body[0])} << 8 | static_cast<uint8_t>(body[1]);
  return length > body.size() - 2 ? std::string_view() : body.substr(2, length);
}

size_t FilterForwardable(std::string_view properties, char* out) {
  PropertyReader reader(properties, PropertyPlace::kMessage);
  Property property;
  size_t written = 0;
  while (reader.Next(&property)) {
    if (!Forwardable(property.id)) continue;
    std::memcpy(out + written, property.whole.data(), property.whole.size());
    written += property.whole.size();
  }
  return written;
}

}  // namespace causeway::mqtt
