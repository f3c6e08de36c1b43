// What a fan-out costs when nothing is decided: the same bytes to many sockets, again and again.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "loadgen/stamp.h"
#include "mqtt/packet.h"

namespace causeway::loadgen {

struct FanPlan {
  uint32_t receivers = 1;                     // rounds begin when so many are there
  uint32_t batch = 1;                         // messages a send
  uint32_t payload_bytes = kPayloadBytesMin;  // at least that
  mqtt::Version version = mqtt::Version::kMqtt311;
};

/// Sends PUBLISHes of QoS 0 that were encoded once, `batch` of them a send, to one receiver after
/// the other, as fast as they are read. All have the same stamp, of run 0: to a reader they are
/// foreign, whole and valid.
/// Thread: its server's.
class FloorFan {
 public:
  explicit FloorFan(const FanPlan& plan);

  /// `receiver` is a connected socket that does not block; borrowed until Remove.
  void Add(int receiver) { receivers_.push_back(receiver); }
  /// Nothing happens if it is no receiver.
  void Remove(int receiver) { std::erase(receivers_, receiver); }
  bool ready() const { return receivers_.size() >= wanted_; }
  /// One batch to each. Waits for a receiver whose socket is full, so that all get the same;
  /// returns early when `stop`, a descriptor, can be read. A receiver that is gone is passed over.
  void SendRound(int stop);

 private:
  bool SendBatch(int receiver, int stop);

  const size_t wanted_;
  std::string batch_;
  std::vector<int> receivers_;
};

}  // namespace causeway::loadgen
