// Flags of the fixed header where they mean nothing. Internal to native/mqtt.
#pragma once

#include "mqtt/packet.h"

namespace causeway::mqtt {

/// Flags that are reserved must have the value the specification lists: `expected`, 0b0010 for
/// PUBREL, SUBSCRIBE and UNSUBSCRIBE, 0 otherwise [MQTT-2.1.3-1] [MQTT-3.6.1-1] [MQTT-3.8.1-1]
/// [MQTT-3.10.1-1] [MQTT-3.14.1-1] [MQTT-3.15.1-1]. MQTT 3.1 calls them "not used", and repeats
/// such packets with DUP set: every value passes.
inline bool ReservedFlagsOk(const Frame& frame, Version version, uint8_t expected) {
  return frame.flags == expected || version == Version::kMqtt31;
}

}  // namespace causeway::mqtt
