// Properties of MQTT 5: which exist, what they look like, where they may stand. Internal to
// native/mqtt.
//
//   property := identifier (variable byte integer, so far always one byte) value
//
// Table: MQTT 5.0 §2.2.2.2.
#pragma once

#include <cstdint>
#include <string_view>

#include "mqtt/cursor.h"
#include "mqtt/packet.h"

namespace causeway::mqtt {

enum class PropertyId : uint8_t {
  kPayloadFormatIndicator = 0x01,
  kMessageExpiryInterval = 0x02,
  kContentType = 0x03,
  kResponseTopic = 0x08,
  kCorrelationData = 0x09,
  kSubscriptionIdentifier = 0x0B,
  kSessionExpiryInterval = 0x11,
  kAssignedClientIdentifier = 0x12,
  kServerKeepAlive = 0x13,
  kAuthenticationMethod = 0x15,
  kAuthenticationData = 0x16,
  kRequestProblemInformation = 0x17,
  kWillDelayInterval = 0x18,
  kRequestResponseInformation = 0x19,
  kResponseInformation = 0x1A,
  kServerReference = 0x1C,
  kReasonString = 0x1F,
  kReceiveMaximum = 0x21,
  kTopicAliasMaximum = 0x22,
  kTopicAlias = 0x23,
  kMaximumQos = 0x24,
  kRetainAvailable = 0x25,
  kUserProperty = 0x26,
  kMaximumPacketSize = 0x27,
  kWildcardSubscriptionAvailable = 0x28,
  kSubscriptionIdentifierAvailable = 0x29,
  kSharedSubscriptionAvailable = 0x2A,
};

/// Where a block of properties stands: in a packet of that type, or among the will's in CONNECT's
/// payload.
enum class PropertyPlace : uint8_t {
  kWill = 0,
  kConnect,
  kConnack,
  kPublish,
  kPuback,
  kPubrec,
  kPubrel,
  kPubcomp,
  kSubscribe,
  kSuback,
  kUnsubscribe,
  kUnsuback,
  kMessage,  // no place on the wire: a block of PUBLISH or of a will, validated before
  kDisconnect = 14,
  kAuth,
};

/// One property. `number` for integers; `bytes` for strings and binary data, and the value of a
/// user property.
struct Property {
  PropertyId id;
  uint32_t number = 0;
  std::string_view name;  // of a user property
  std::string_view bytes;
  std::string_view whole;  // identifier and value as they stand in the packet
};

/// Walks one block of properties and validates each: known, allowed in this place, of its type,
/// well-formed UTF-8, in range, not a second time unless it may repeat. What relates properties to
/// each other is the packet's decoder's.
class PropertyReader {
 public:
  PropertyReader(std::string_view block, PropertyPlace place) : cursor_(block), place_(place) {}

  /// False at the end and at the first fault; reason() tells them apart.
  bool Next(Property* property);
  /// kSuccess so far, kMalformedPacket, kProtocolError, or kTopicAliasInvalid for alias 0.
  Reason reason() const { return reason_; }

 private:
  bool Fail(Reason reason) {
    reason_ = reason;
    return false;
  }

  Cursor cursor_;
  PropertyPlace place_;
  Reason reason_ = Reason::kSuccess;
  uint64_t seen_ = 0;  // bit = identifier; the largest is 0x2A
};

/// Validates a block nobody needs the values of.
Reason ValidateProperties(std::string_view block, PropertyPlace place);

}  // namespace causeway::mqtt
