// Encode once per wire layout, not once per receiver.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/message.h"
#include "mqtt/encode.h"
#include "session/connection.h"

namespace causeway::session {

/// One PUBLISH as bytes, ready to be copied: payload included below the reference threshold.
struct PublishHeader {
  std::string bytes;
  size_t packet_id_at = 0;  // 0: QoS 0
  size_t whole_bytes = 0;   // of the packet on the wire
  bool payload_inside = false;
};

/// The layouts of one message: (version 5 or older) × QoS × RETAIN, each encoded when first needed.
/// Single-threaded; Begin starts the next message and keeps the memory.
class PublishHeaders {
 public:
  /// Views must stay valid until the next Begin. `expiry_seconds`: left now, kNoExpiry for none.
  void Begin(std::string_view topic, std::string_view payload, std::string_view properties,
             uint32_t expiry_seconds) {
    topic_ = topic;
    payload_ = payload;
    properties_ = properties;
    expiry_seconds_ = expiry_seconds;
    encoded_ = 0;
  }
  const PublishHeader& Get(mqtt::Version version, uint8_t qos, bool retain) {
    const unsigned at =
        (version == mqtt::Version::kMqtt5 ? 6u : 0u) + qos * 2u + (retain ? 1u : 0u);
    if ((encoded_ & 1u << at) == 0) {
      Encode(version, qos, retain, nullptr, &headers_[at]);
      encoded_ |= 1u << at;
    }
    return headers_[at];
  }
  /// A layout of its own, for a receiver with subscription identifiers.
  void Encode(mqtt::Version version, uint8_t qos, bool retain,
              const std::vector<uint32_t>* subscription_ids, PublishHeader* out) const;

  std::string_view topic() const { return topic_; }
  std::string_view payload() const { return payload_; }

 private:
  std::string_view topic_, payload_, properties_;
  uint32_t expiry_seconds_ = mqtt::kNoExpiry;
  uint32_t encoded_ = 0;
  PublishHeader headers_[12];
};

/// Copies `header` into the out-buffer under `packet_id`; a payload outside the header goes by
/// reference to `message`, or is copied when there is none.
void AppendPublish(OutBlockPool* pool, const PublishHeader& header, uint16_t packet_id, bool dup,
                   std::string_view payload, const MessageRef& message, OutBuffer* out);

}  // namespace causeway::session
