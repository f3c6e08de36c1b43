// The fixed header: type, flags, remaining length. Source: MQTT 5.0 §2.1
#include "mqtt/packet.h"

namespace causeway::mqtt {

FrameStatus NextFrame(std::string_view bytes, uint32_t max_packet_bytes, Frame* frame,
                      size_t* need) {
  *need = 0;
  if (bytes.empty()) return FrameStatus::kNeedMore;
  const auto* at = reinterpret_cast<const uint8_t*>(bytes.data());
  if (at[0] < 0x10) [[unlikely]]
    return FrameStatus::kMalformed;  // type 0 is reserved. §2.1.2
  if (bytes.size() < 2) return FrameStatus::kNeedMore;

  size_t header = 2;
  uint32_t length = at[1];
  if (length >= 0x80) {
    length &= 0x7F;
    for (uint32_t shift = 7;; shift += 7) {
      if (shift == 28) return FrameStatus::kMalformed;  // a fifth byte. §1.5.5
      if (header == bytes.size()) return FrameStatus::kNeedMore;
      const uint8_t byte = at[header++];
      length |= uint32_t{byte & 0x7Fu} << shift;
      if (byte >= 0x80) continue;
      if (byte == 0) return FrameStatus::kMalformed;  // shorter was possible [MQTT-1.5.5-1]
      break;
    }
  }

  const size_t total = header + length;
  if (total > max_packet_bytes) [[unlikely]]
    return FrameStatus::kTooLarge;  // [MQTT-3.2.2-15]
  if (bytes.size() < total) {
    *need = total;
    return FrameStatus::kNeedMore;
  }
  frame->type = static_cast<PacketType>(at[0] >> 4);
  frame->flags = at[0] & 0x0F;
  frame->body = bytes.substr(header, length);
  frame->whole = bytes.substr(0, total);
  return FrameStatus::kFrame;
}

}  // namespace causeway::mqtt
