// Encode once per wire layout, not once per receiver.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/hash.h"
#include "core/message.h"
#include "mqtt/encode.h"
#include "session/connection.h"

namespace causeway::session {

/// One PUBLISH as bytes, ready to be copied: payload included below the reference threshold.
struct PublishHeader {
  std::string bytes;
  size_t packet_id_at = 0;    // 0: QoS 0
  size_t topic_alias_at = 0;  // 0: none
  size_t whole_bytes = 0;     // of the packet on the wire
  bool payload_inside = false;
};

/// How a PUBLISH names its topic. The alias itself is patched per copy, as the packet id is.
enum class Naming : uint8_t {
  kTopic,
  kAssigning,  // topic and alias
  kAlias,      // no topic
};

/// The layouts of one message: (version 5 or older) × QoS × RETAIN, for version 5 × naming, each
/// encoded when first needed. Single-threaded; Begin starts the next message and keeps the memory.
class PublishHeaders {
 public:
  /// `seed`: of topic_hash().
  explicit PublishHeaders(HashSeed seed) : seed_(seed) {}

  /// Views must stay valid until the next Begin. `expiry_seconds`: left now, kNoExpiry for none.
  void Begin(std::string_view topic, std::string_view payload, std::string_view properties,
             uint32_t expiry_seconds) {
    topic_ = topic;
    payload_ = payload;
    properties_ = properties;
    expiry_seconds_ = expiry_seconds;
    encoded_ = 0;
    hashed_ = false;
  }
  /// The message of `other`, its topic without the first `skip` bytes.
  void BeginBehind(const PublishHeaders& other, size_t skip) {
    Begin(other.topic_.substr(skip), other.payload_, other.properties_, other.expiry_seconds_);
  }
  const PublishHeader& Get(mqtt::Version version, uint8_t qos, bool retain) {
    const unsigned at =
        (version == mqtt::Version::kMqtt5 ? 6u : 0u) + qos * 2u + (retain ? 1u : 0u);
    if ((encoded_ & 1u << at) == 0) {
      Encode(version, qos, retain, nullptr, Naming::kTopic, &headers_[at]);
      encoded_ |= 1u << at;
    }
    return headers_[at];
  }
  /// As Get, for version 5 and a receiver with topic aliases.
  const PublishHeader& GetNamed(Naming naming, uint8_t qos, bool retain) {
    const unsigned at = 6u + 6u * static_cast<unsigned>(naming) + qos * 2u + (retain ? 1u : 0u);
    if ((encoded_ & 1u << at) == 0) {
      Encode(mqtt::Version::kMqtt5, qos, retain, nullptr, naming, &headers_[at]);
      encoded_ |= 1u << at;
    }
    return headers_[at];
  }
  /// A layout of its own, for a receiver with subscription identifiers.
  void Encode(mqtt::Version version, uint8_t qos, bool retain,
              const std::vector<uint32_t>* subscription_ids, Naming naming,
              PublishHeader* out) const;

  std::string_view topic() const { return topic_; }
  /// Of the topic; worked out when first asked for.
  uint64_t topic_hash() {
    if (!hashed_) topic_hash_ = Hash(topic_, seed_);
    hashed_ = true;
    return topic_hash_;
  }
  std::string_view payload() const { return payload_; }

 private:
  std::string_view topic_, payload_, properties_;
  uint32_t expiry_seconds_ = mqtt::kNoExpiry;
  uint32_t encoded_ = 0;
  bool hashed_ = false;
  const HashSeed seed_;
  uint64_t topic_hash_ = 0;
  PublishHeader headers_[24];
};

/// What differs between two copies of one layout.
struct CopyOf {
  uint16_t packet_id = 0;    // QoS 0: none
  uint16_t topic_alias = 0;  // 0: a layout without
  bool dup = false;
};

/// Copies `header` into the out-buffer; a payload outside the header goes by reference to
/// `message`, or is copied when there is none.
void AppendPublish(OutBlockPool* pool, const PublishHeader& header, CopyOf copy,
                   std::string_view payload, const MessageRef& message, OutBuffer* out);

}  // namespace causeway::session
