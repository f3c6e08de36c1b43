// What `mqtt.*` and `retainer.*` ask of every message, whoever sends it.
#pragma once

#include <cstdint>

#include "mqtt/packet.h"
#include "session/queue_priority.h"

namespace causeway::fanout {

/// Set before the loops start, the same for all of them.
struct MessagePolicy {
  uint32_t expiry_seconds_max = mqtt::kNoExpiry;  // mqtt.message_expiry_interval
  uint32_t topic_levels_max = 65535;              // mqtt.max_topic_levels
  /// mqtt.retry_interval: of what a 3.1 or 3.1.1 client has not acknowledged; 0: only when it
  /// reconnects, as MQTT 5 asks [MQTT-4.4.0-1].
  uint32_t retry_ms = 0;
  uint32_t await_release_ms = 300'000;  // mqtt.await_rel_timeout
  bool clears_silently = false;         // retainer.stop_publish_clear_msg
  session::QueuePriorities priorities;  // mqtt.mqueue_priorities
};

}  // namespace causeway::fanout
