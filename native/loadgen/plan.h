// What a run is: who connects where, who subscribes to what, who publishes what, and how fast.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "loadgen/endpoint.h"
#include "mqtt/packet.h"
#include "transport/stream.h"

namespace causeway::loadgen {

/// Which topics publishers use and which filters subscribers have. `i` is a client's number among
/// its kind.
enum class Pattern : uint8_t {
  kNone,      // nobody subscribes
  kOneTopic,  // all publishers to b/t, all subscribers to b/t: everybody gets everything
  kOwnTopic,  // b/p/i to b/p/i: pairs
  kFanIn,     // b/i/i, and all subscribers to b/i/+: everybody gets everything
  kShared,    // b/i/i, and all subscribers to $share/bench/b/i/+: one of them gets each message
  kSpace,     // loadgen/topic_space.h
  kRetained,  // retained messages, each on a topic b/r/i/k of its own; subscribers to b/r/#
};

struct Plan {
  uint32_t run = 0;  // in every payload: other runs' messages are foreign
  mqtt::Version version = mqtt::Version::kMqtt311;
  Pattern pattern = Pattern::kOneTopic;
  std::vector<Endpoint> publish_to, subscribe_to;  // round robin; not empty where it has clients

  uint32_t publishers = 0, subscribers = 0;
  uint32_t churners = 0;             // subscribe and unsubscribe without an end
  bool churn_one_filter = false;     // all of them the same filter; otherwise each its own ones
  uint32_t filters_each = 1;         // kSpace, churners; with kNone: idle ones
  uint32_t regions = 1000;           // kSpace: at least filters_each
  uint64_t seed = 1;                 // kSpace
  uint32_t retained_publishers = 0;  // kRetained without publishers: whose messages are kept

  uint8_t publish_qos = 0, subscribe_qos = 0;
  bool clear = false;           // kRetained: empty payloads, which remove what is kept
  uint32_t payload_bytes = 64;  // at least kPayloadBytesMin
  double rate = 0;  // messages (churn: subscriptions) a second, open loop; 0: no schedule
  uint64_t messages_each = 0;  // a publisher sends at most so many; 0: no bound
  uint32_t window = 20'000;  // without a schedule: deliveries outstanding, all publishers together
  uint32_t inflight_max = 100;  // unacknowledged QoS ≥ 1 messages of one publisher

  uint32_t connecting_max = 64;     // handshakes at a time, a thread
  bool hold_subscriptions = false;  // connected clients subscribe together, in Phase::kSubscribe
  uint32_t source_addresses = 1;    // loopback: connections spread over 127.0.0.1 … 127.0.0.N
  uint16_t keep_alive_seconds = 3'600;
  uint32_t session_expiry_seconds = 0;  // 0: clean start; before version 5 the broker says how long
  std::string username, password;       // of every CONNECT; no username: neither is sent
  /// What stands between a client's bytes and its connected socket; empty: nothing. Called by the
  /// threads, which own what it makes.
  std::function<std::unique_ptr<transport::Stream>(int fd)> open_stream;
  uint32_t threads = 1;
};

/// A run goes through these in order; each is entered by Generator::Enter.
enum class Phase : int32_t {
  kConnect,    // subscribers and churners connect, and subscribe unless held
  kSubscribe,  // those that were held subscribe
  kConnectPublishers,
  kRun,
  kDrain,  // nothing more is published; what is under way arrives
  kEnd,
};

}  // namespace causeway::loadgen
