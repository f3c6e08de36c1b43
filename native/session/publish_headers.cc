#include "session/publish_headers.h"

#include <cstring>

#include "core/halves.h"
#include "core/limits.h"

namespace causeway::session {

void PublishHeaders::Encode(mqtt::Version version, uint8_t qos, bool retain,
                            const std::vector<uint32_t>* subscription_ids, Naming naming,
                            PublishHeader* out) const {
  mqtt::PublishOut publish;
  if (naming != Naming::kAlias) publish.topic = ByHalves(topic_);
  if (naming != Naming::kTopic) publish.topic_alias = 1;  // patched per copy
  publish.payload = ByHalves(payload_);
  publish.packet_id = qos == 0 ? 0 : 1;  // patched per copy
  publish.qos = qos;
  publish.retain = retain;
  if (version == mqtt::Version::kMqtt5) {
    publish.properties = ByHalves(properties_);
    publish.message_expiry_seconds = expiry_seconds_;
    if (subscription_ids != nullptr) {
      publish.subscription_ids = subscription_ids->data();
      publish.subscription_id_count = subscription_ids->size();
    }
  }
  const size_t header_bytes = mqtt::PublishHeaderSize(publish, version, &out->whole_bytes);
  out->payload_inside = payload_.size() < limits::kPayloadByReferenceBytes;
  out->bytes.resize(header_bytes + (out->payload_inside ? payload_.size() : 0));
  mqtt::WritePublishHeader(publish, version, out->bytes.data(), &out->packet_id_at,
                           &out->topic_alias_at);
  if (out->payload_inside && !payload_.empty()) {
    std::memcpy(out->bytes.data() + header_bytes, payload_.data(), payload_.size());
  }
}

void AppendPublish(OutBlockPool* pool, const PublishHeader& header, CopyOf copy,
                   std::string_view payload, const MessageRef& message, OutBuffer* out) {
  char* at = out->Reserve(pool, header.bytes.size());
  std::memcpy(at, header.bytes.data(), header.bytes.size());
  if (header.packet_id_at != 0) {
    at[header.packet_id_at] = static_cast<char>(copy.packet_id >> 8);
    at[header.packet_id_at + 1] = static_cast<char>(copy.packet_id & 0xFF);
    if (copy.dup) at[0] = static_cast<char>(at[0] | 0x08);  // [MQTT-3.3.1-1] [MQTT-3.3.1-3]
  }
  if (copy.topic_alias != 0) {
    at[header.topic_alias_at] = static_cast<char>(copy.topic_alias >> 8);
    at[header.topic_alias_at + 1] = static_cast<char>(copy.topic_alias & 0xFF);
  }
  if (header.payload_inside) return;
  if (message) {
    out->AppendReference(pool, message, payload);
  } else {
    out->Append(pool, payload);
  }
}

}  // namespace causeway::session
