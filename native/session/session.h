// A session: everything that outlives its connection. Source: MQTT 5.0 §4.1.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "mqtt/packet.h"
#include "retained/index.h"
#include "session/awaiting_release.h"
#include "session/connection.h"
#include "session/delivery_queue.h"
#include "session/window.h"

namespace causeway::session {

/// Retained messages still owed to one new subscription.
struct Replay {
  std::string filter;
  uint64_t horizon;  // versions above it come live
  retained::Cursor cursor;
  uint32_t subscription_id;
  uint8_t qos;  // granted
};

/// Lives on its home loop for life, connected or not; nobody else touches it. Found by index;
/// `generation` tells a session from an earlier one of the same index. There are as many as there
/// are clients, most of them idle: what only traffic needs is allocated by it.
struct Session {
  uint32_t index = 0;
  uint32_t generation = 0;
  bool live = false;
  bool persistent = false;    // outlives its connection
  bool store_qos0 = true;     // mqtt.mqueue_store_qos0
  bool upgrade_qos = false;   // mqtt.upgrade_qos
  bool ignore_loop = false;   // mqtt.ignore_loop_deliver
  bool link_allowed = false;  // may use $LINK/
  bool room = true;           // last value written to SessionFlags
  bool replaying = false;     // in its loop's list of sessions with retained messages owed
  mqtt::Version version = mqtt::Version::kMqtt311;
  uint16_t window_max = 32;    // outbound QoS >= 1 in flight
  uint16_t receive_max = 100;  // inbound QoS 2 awaiting PUBREL
  uint32_t queue_length_max = 1000;
  uint32_t merge_at = 0;             // where the fan-out that `stamp` is of keeps it
  Connection* connection = nullptr;  // borrowed; null while offline
  std::string client_id;
  std::unique_ptr<const std::string> username;  // null: none

  Window window;
  std::unique_ptr<std::deque<uint16_t>>
      unsent;  // in flight from an earlier connection, not yet repeated on this one
  DeliveryQueue queue;
  AwaitingRelease awaiting_release;
  std::unique_ptr<std::deque<Replay>> replays;

  uint64_t stamp = 0;  // of the fan-out that met it last, to give one copy per session
};

}  // namespace causeway::session
