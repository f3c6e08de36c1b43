// One message for one receiver: what the session queues, sends and keeps until it is acknowledged.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/message.h"

namespace causeway::session {

/// Subscription identifiers of every subscription that matched [MQTT-3.3.4-4]; almost always
/// absent.
using SubscriptionIds = std::vector<uint32_t>;

struct Delivery {
  MessageRef message;
  std::unique_ptr<SubscriptionIds> subscription_ids;
  uint32_t group = 0;  // the shared group it was chosen for; 0: none
  uint8_t qos = 0;
  bool retain = false;  // the RETAIN flag of this copy

  /// For byte bounds: the copy's share is counted in full, since any receiver may be the last one
  /// to hold it.
  size_t bytes() const { return sizeof(Delivery) + (message ? message->bytes() : 0); }
};

}  // namespace causeway::session
