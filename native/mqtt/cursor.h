// The data types of MQTT §1.5, read one after another from a packet body. Internal to native/mqtt.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "mqtt/packet.h"

namespace causeway::mqtt {

/// Reads forward through bytes borrowed from the caller. Every method returns false, and moves
/// nowhere that matters, when the bytes end first or the value is not well-formed: the packet is
/// then malformed and the cursor is done with.
class Cursor {
 public:
  explicit Cursor(std::string_view bytes)
      : at_(reinterpret_cast<const uint8_t*>(bytes.data())), end_(at_ + bytes.size()) {}

  bool AtEnd() const { return at_ == end_; }
  size_t left() const { return static_cast<size_t>(end_ - at_); }
  /// Everything not yet read.
  std::string_view Rest() const { return {reinterpret_cast<const char*>(at_), left()}; }

  bool U8(uint8_t* value) {
    if (left() < 1) return false;
    *value = *at_++;
    return true;
  }
  /// Two Byte Integer, big endian. §1.5.2
  bool U16(uint16_t* value) {
    if (left() < 2) return false;
    *value = static_cast<uint16_t>(at_[0] << 8 | at_[1]);
    at_ += 2;
    return true;
  }
  /// Four Byte Integer, big endian. §1.5.3
  bool U32(uint32_t* value) {
    if (left() < 4) return false;
    *value = uint32_t{at_[0]} << 24 | uint32_t{at_[1]} << 16 | uint32_t{at_[2]} << 8 | at_[3];
    at_ += 4;
    return true;
  }
  /// Variable Byte Integer: one to four bytes, and no more than the value needs [MQTT-1.5.5-1].
  /// §1.5.5
  bool Varint(uint32_t* value) {
    uint32_t sum = 0;
    for (uint32_t shift = 0; shift < 28 && at_ != end_; shift += 7) {
      const uint8_t byte = *at_++;
      sum |= uint32_t{byte & 0x7Fu} << shift;
      if (byte >= 0x80) continue;
      *value = sum;
      return byte != 0 || shift == 0;
    }
    return false;
  }
  bool Bytes(size_t size, std::string_view* value) {
    if (left() < size) return false;
    *value = {reinterpret_cast<const char*>(at_), size};
    at_ += size;
    return true;
  }
  /// Binary Data: two bytes of length, then that many. §1.5.6
  bool Binary(std::string_view* value) {
    uint16_t size;
    return U16(&size) && Bytes(size, value);
  }
  /// UTF-8 Encoded String [MQTT-1.5.4-1] [MQTT-1.5.4-2]. §1.5.4
  bool Text(std::string_view* value) { return Binary(value) && ValidUtf8(*value); }
  /// Property Length, then that many bytes. §2.2.2
  bool PropertyBlock(std::string_view* value) {
    uint32_t size;
    return Varint(&size) && Bytes(size, value);
  }

 private:
  const uint8_t* at_;  // borrowed from the caller's buffer
  const uint8_t* end_;
};

}  // namespace causeway::mqtt
