// One row of test/vectors/packets.json or malformed.json, run through the decoders as a connection
// would.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "../vectors.h"
#include "mqtt/packet.h"

namespace causeway::mqtt {

/// As large as a connection takes in these tests; one row asks for more.
inline constexpr uint32_t kPacketBytesMax = 1 << 20;

/// What a connection makes of the bytes that arrived: a framing fault as its reason, else the
/// decoder's verdict.
struct Outcome {
  Reason reason = Reason::kSuccess;
  bool is_connect = false;  // `connect` is filled
  Frame frame{};
  Connect connect;
};

/// Frames the first packet of `bytes` and judges it; `connected`: a CONNECT was accepted before.
inline Outcome Judge(std::string_view bytes, Version version, Sender sender, bool connected) {
  Outcome outcome;
  size_t need = 0;
  switch (NextFrame(bytes, kPacketBytesMax, &outcome.frame, &need)) {
    case FrameStatus::kFrame:
      break;
    case FrameStatus::kMalformed:
      outcome.reason = Reason::kMalformedPacket;
      return outcome;
    case FrameStatus::kTooLarge:
      outcome.reason = Reason::kPacketTooLarge;
      return outcome;
    case FrameStatus::kNeedMore:
      vectors::Must(false, "a whole packet in a row");
  }
  if (connected) {
    outcome.reason = ValidatePacket(outcome.frame, version, sender);
  } else if (outcome.frame.type != PacketType::kConnect) {
    outcome.reason = Reason::kProtocolError;  // [MQTT-3.1.0-1]
  } else {
    outcome.is_connect = true;
    outcome.reason = DecodeConnect(outcome.frame, &outcome.connect);
  }
  return outcome;
}

inline Version VersionOf(const vectors::Json& row) {
  const int64_t version = row["version"].AsInteger();
  vectors::Must(version >= 3 && version <= 5, "version 3, 4 or 5");
  return static_cast<Version>(version);
}

}  // namespace causeway::mqtt
