// What a client sees: a byte stream cut into packets by the naive reading of the specification,
// independent of native/mqtt.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "mqtt/packet.h"
#include "session/out_buffer.h"

namespace causeway::session {

/// One packet as its receiver reads it. `topic` … `subscription_ids` are of a PUBLISH, `reason` of
/// everything else.
struct Packet {
  mqtt::PacketType type = mqtt::PacketType::kPublish;
  std::string topic, payload, bytes;
  std::vector<uint32_t> subscription_ids;
  uint32_t expiry_seconds = mqtt::kNoExpiry;
  uint16_t id = 0, topic_alias = 0;
  uint8_t qos = 0, reason = 0;
  bool dup = false, retain = false;
};

/// Reads MQTT numbers and texts off the front of `rest`; aborts where the bytes end too early,
/// because then the broker wrote nonsense.
class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : rest(bytes) {}
  uint32_t Integer(int bytes) {
    uint32_t value = 0;
    for (const char c : Take(static_cast<size_t>(bytes)))
      value = value << 8 | static_cast<uint8_t>(c);
    return value;
  }
  uint32_t Varint() {
    uint32_t value = 0;
    for (int shift = 0;; shift += 7) {
      const uint32_t byte = Integer(1);
      value |= (byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
  }
  std::string Text() { return std::string(Take(Integer(2))); }
  std::string_view Take(size_t bytes) {
    if (bytes > rest.size()) std::abort();
    const std::string_view taken = rest.substr(0, bytes);
    rest.remove_prefix(bytes);
    return taken;
  }
  std::string_view rest;
};

/// Size of the first packet of `bytes`, 0 while it is not whole.
inline size_t WholePacket(std::string_view bytes) {
  size_t length = 0;
  for (size_t i = 1; i < bytes.size() && i < 5; ++i) {
    length |= static_cast<size_t>(static_cast<uint8_t>(bytes[i]) & 0x7F) << (7 * (i - 1));
    if (static_cast<uint8_t>(bytes[i]) < 0x80)
      return bytes.size() >= i + 1 + length ? i + 1 + length : 0;
  }
  return 0;
}

inline Packet ReadPacket(std::string_view whole, bool version5) {
  Packet packet;
  packet.bytes = std::string(whole);
  WireReader reader(whole);
  const uint32_t first = reader.Integer(1);
  reader.Varint();
  packet.type = static_cast<mqtt::PacketType>(first >> 4);
  if (packet.type == mqtt::PacketType::kPublish) {
    packet.dup = (first & 8) != 0;
    packet.qos = static_cast<uint8_t>(first >> 1 & 3);
    packet.retain = (first & 1) != 0;
    packet.topic = reader.Text();
    if (packet.qos != 0) packet.id = static_cast<uint16_t>(reader.Integer(2));
    if (version5) {
      WireReader properties(reader.Take(reader.Varint()));
      while (!properties.rest.empty()) {
        switch (properties.Integer(1)) {
          case 0x01:
            properties.Integer(1);
            break;
          case 0x02:
            packet.expiry_seconds = properties.Integer(4);
            break;
          case 0x23:
            packet.topic_alias = static_cast<uint16_t>(properties.Integer(2));
            break;
          case 0x0B:
            packet.subscription_ids.push_back(properties.Varint());
            break;
          case 0x26:
            properties.Text();
            [[fallthrough]];
          default:
            properties.Text();
        }
      }
    }
    packet.payload = std::string(reader.rest);
  } else if (packet.type >= mqtt::PacketType::kPuback &&
             packet.type <= mqtt::PacketType::kPubcomp) {
    packet.id = static_cast<uint16_t>(reader.Integer(2));
    if (!reader.rest.empty()) packet.reason = static_cast<uint8_t>(reader.Integer(1));
  } else if (packet.type == mqtt::PacketType::kConnack) {
    reader.Integer(1);
    packet.reason = static_cast<uint8_t>(reader.Integer(1));
  } else if (packet.type == mqtt::PacketType::kDisconnect && !reader.rest.empty()) {
    packet.reason = static_cast<uint8_t>(reader.Integer(1));
  }
  return packet;
}

/// Whole packets at the front of `*stream`, which keeps what is left.
inline std::vector<Packet> ReadPackets(std::string* stream, bool version5) {
  std::vector<Packet> packets;
  size_t at = 0;
  while (const size_t size = WholePacket(std::string_view(*stream).substr(at))) {
    packets.push_back(ReadPacket(std::string_view(*stream).substr(at, size), version5));
    at += size;
  }
  stream->erase(0, at);
  return packets;
}

/// Moves at most `max` bytes out of the buffer, as a socket that takes so many at once.
inline std::string TakeBytes(OutBuffer* out, OutBlockPool* pool, size_t max = SIZE_MAX) {
  std::string taken;
  while (!out->empty() && taken.size() < max) {
    iovec vectors[3];
    const int count = out->Peek(vectors, 3);
    size_t here = 0;
    for (int i = 0; i < count; ++i) {
      const size_t bytes = std::min(vectors[i].iov_len, max - taken.size());
      taken.append(static_cast<const char*>(vectors[i].iov_base), bytes);
      here += bytes;
    }
    out->Consume(pool, here);
  }
  return taken;
}

}  // namespace causeway::session
