// The forwarded message: the 10-tuple that is the payload of `$LINK/cluster/msg/<cluster>`.
// Source: docs/protocol/cluster-link.md "Forwarded message".
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace causeway::link {

inline constexpr uint32_t kNoMessageExpiry = 0xFFFFFFFF;
inline constexpr size_t kMessageIdBytes = 16;

/// Where the publisher connected from, in network byte order.
struct PeerAddress {
  enum class Family : uint8_t { kNone, kIpv4, kIpv6 };
  Family family = Family::kNone;
  uint8_t bytes[16] = {};  // the first 4 for IPv4
  uint16_t port = 0;
};

/// One message as it crosses a link. All views are borrowed.
struct ForwardedMessage {
  std::string_view id;    // kMessageIdBytes when sent by us; anything, or empty, when received
  uint8_t qos = 0;        // the publisher's, 0 … 2; the carrier PUBLISH has its own
  std::string_view from;  // publisher's client id (or the text of the atom a broker put there)
  bool retain = false;
  bool sys = false;
  std::string_view topic;
  std::string_view payload;
  int64_t timestamp_ms =
      0;  // since the epoch, at the origin; the receiver clamps it to its own clock
  std::string_view
      properties;  // MQTT 5 wire form, forwardable ones only: 0x01, 0x03, 0x08, 0x09, 0x26
  uint32_t message_expiry_seconds = kNoMessageExpiry;  // as the publisher sent it
  std::string_view username;
  bool has_username = false;
  uint8_t protocol_version = 0;  // 3, 4, 5; 0: not known, not sent
  PeerAddress peer;
  std::string_view extra;  // the map at the end, raw; empty: an empty one, as EMQX has it
  bool trailing = false;   // received: bytes follow the term, as Erlang allows; ignored
};

/// Exact size of the encoded message, version byte included.
size_t EncodedMessageSize(const ForwardedMessage& message);
/// Writes exactly EncodedMessageSize bytes; returns their end. Only atoms of AtomId leave.
/// `message.properties` must be well-formed wire form (they come from the packet decoder); anything
/// else is a programmer error.
char* WriteMessage(const ForwardedMessage& message, char* out);
/// Appends the encoded message to `*out`.
void EncodeMessage(const ForwardedMessage& message, std::string* out);

enum class MessageStatus : uint8_t {
  kOk,
  kMalformed,    // not a term, truncated, too deep, oversized when unfolded
  kNotAMessage,  // a term, but not the 10-tuple with the types a receiver needs
  kBadTopic,     // not a valid topic name
  kBadProperty,  // a property no MQTT packet can carry (not UTF-8, longer than 65,535 bytes,
                 // wildcard response topic)
};

/// Decodes a payload. Views in `*out` point into `payload` or `*scratch` (inflated terms, iodata
/// payloads, properties brought to wire form), so both must stay untouched while they are used.
/// `*scratch` is overwritten. Unknown headers and flags are skipped,
/// process-local terms included.
MessageStatus DecodeMessage(std::string_view payload, std::string* scratch, ForwardedMessage* out);

/// Makes message ids: 64-bit µs since the epoch, 48-bit node and process, 16-bit sequence, big
/// endian. Sorts by time. Unique per source: one per loop. Thread: the owner's.
class MessageIdSource {
 public:
  /// `node_and_process`: the low 48 bits are used.
  explicit MessageIdSource(uint64_t node_and_process) : node_(node_and_process) {}
  /// Writes kMessageIdBytes at `out`.
  void Next(int64_t now_us, char* out);

 private:
  uint64_t node_;
  uint64_t last_us_ = 0;
  uint16_t sequence_ = 0;
};

}  // namespace causeway::link
