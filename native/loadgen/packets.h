// The packets that only a client sends, and what a client wants to know of a CONNACK.
// Source: MQTT 5.0 §3.1, §3.2, §3.8, §3.10
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "mqtt/packet.h"

namespace causeway::loadgen {

/// Who connects. Without a username neither that nor the password is sent.
struct Identity {
  std::string_view client_id, username = {}, password = {};
};

/// For how long. Before version 5 a session expiry is anything but 0: the broker has its own.
struct Lifetimes {
  uint16_t keep_alive_seconds;
  uint32_t session_expiry_seconds = 0;  // 0: clean start, and the session ends with the connection
};

/// On version 5 with the largest Receive Maximum.
std::string ConnectPacket(const Identity& who, const Lifetimes& lifetimes, mqtt::Version version);
/// `filters` is not empty; all get the same `qos`.
std::string SubscribePacket(uint16_t packet_id, std::span<const std::string> filters, uint8_t qos,
                            mqtt::Version version);
std::string UnsubscribePacket(uint16_t packet_id, std::string_view filter, mqtt::Version version);

/// What a valid CONNACK says.
struct Connack {
  uint8_t code = 0;  // 0: accepted
  uint16_t receive_maximum = 65535;
  uint32_t packet_bytes_max = 0;  // 0: no limit
  uint8_t qos_max = 2;
};
Connack ReadConnack(const mqtt::Frame& frame, mqtt::Version version);

}  // namespace causeway::loadgen
