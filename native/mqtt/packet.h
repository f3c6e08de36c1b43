// MQTT packets as views into the bytes that brought them: framing, complete validation, decoding in
// place.
//
// Nothing here allocates or copies; every string_view points into the caller's buffer and lives as
// long as that does. Every decoder validates its packet completely (fixed-header flags, lengths,
// minimal variable byte integers, UTF-8 §1.5.4, property table §2.2.2.2 incl. duplicates and value
// ranges, identifiers, topic names and filters) and returns Reason::kSuccess or what the
// specification asks for: kMalformedPacket (0x81) for what cannot be parsed, kProtocolError (0x82)
// for what may not be done, or a narrower code where one is named.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "mqtt/reason.h"

namespace causeway::mqtt {

enum class Version : uint8_t { kMqtt31 = 3, kMqtt311 = 4, kMqtt5 = 5 };

enum class PacketType : uint8_t {
  kConnect = 1,
  kConnack,
  kPublish,
  kPuback,
  kPubrec,
  kPubrel,
  kPubcomp,
  kSubscribe,
  kSuback,
  kUnsubscribe,
  kUnsuback,
  kPingreq,
  kPingresp,
  kDisconnect,
  kAuth,
};

/// Which end of the connection sent the packet: a server refuses CONNACK, a client refuses CONNECT.
enum class Sender : uint8_t { kClient, kServer };

/// One packet in the buffer. `body` starts after the fixed header.
struct Frame {
  PacketType type;
  uint8_t flags;           // low four bits of the first byte
  std::string_view body;   // remaining-length bytes
  std::string_view whole;  // fixed header included
};

enum class FrameStatus : uint8_t { kFrame, kNeedMore, kMalformed, kTooLarge };

/// Cuts the next packet off `bytes`. kNeedMore also sets `*need` to the total packet size once the
/// length is known, else 0. kMalformed: type 0, a variable byte integer that is longer than four
/// bytes or not minimal [MQTT-1.5.5-1]. kTooLarge: whole packet > `max_packet_bytes` (decided from
/// the header alone). `*frame` is set for kFrame only.
FrameStatus NextFrame(std::string_view bytes, uint32_t max_packet_bytes, Frame* frame,
                      size_t* need);

inline constexpr uint32_t kNoExpiry = 0xFFFFFFFF;

/// PUBLISH. The forwardable properties are Payload Format Indicator, Content Type, Response Topic,
/// Correlation Data and User Property: what a receiver gets as the sender wrote it [MQTT-3.3.2-4]
/// [MQTT-3.3.2-15] [MQTT-3.3.2-17].
struct Publish {
  // Not constexpr, as Publication's.
  Publish() {}
  std::string_view topic;  // empty when an alias stands for it
  std::string_view payload;
  std::string_view properties;  // forwardable, wire form, without the length; empty for 3.1/3.1.1
  uint16_t packet_id = 0;       // 0 for QoS 0
  uint16_t topic_alias = 0;     // 0: none
  uint32_t message_expiry_seconds = kNoExpiry;
  uint32_t subscription_identifier = 0;  // Sender::kServer only: the first one; 0: none
  std::string_view response_topic;       // view of the value, empty if absent
  std::string_view correlation_data;
  uint8_t qos = 0;
  bool retain = false;
  bool dup = false;
  // Others stand between the forwardable: pass them through FilterForwardable.
  bool properties_need_filter = false;
};

/// Decodes and validates a PUBLISH. A client's PUBLISH with wildcards in the topic, `subscription
/// identifier`, DUP with QoS 0, QoS 3, packet id 0, empty topic without alias, alias 0, payload not
/// UTF-8 when its indicator says 1 … is refused. Narrower codes: kTopicNameInvalid (wildcards),
/// kTopicAliasInvalid (0), kPayloadFormatInvalid; after the last `*out` is complete all the same,
/// so that the caller may answer with a PUBACK instead of a DISCONNECT.
/// `*out` is as constructed: setting it a second time costs as much as decoding.
Reason DecodePublish(const Frame& frame, Version version, Sender sender, Publish* out);

/// The topic of a PUBLISH that nobody has validated yet; empty when there is none, or no room for
/// its length. To look ahead with.
std::string_view TopicAsWritten(const Frame& frame);

/// Copies only the forwardable properties of `properties`, which are a PUBLISH's or a will's and
/// validated, to `out` (at least properties.size() bytes); returns bytes written.
size_t FilterForwardable(std::string_view properties, char* out);

/// PUBACK, PUBREC, PUBREL, PUBCOMP (flags, id ≠ 0, reason code allowed for that type, properties).
struct Ack {
  uint16_t packet_id = 0;
  Reason reason = Reason::kSuccess;
};
Reason DecodeAck(const Frame& frame, Version version, Ack* out);

struct Will {
  std::string_view topic, payload;
  std::string_view properties;  // all the will's, wire form, without the length
  uint32_t delay_seconds = 0;
  uint8_t qos = 0;
  bool retain = false;
};

struct Connect {
  Version version = Version::kMqtt311;
  bool bridge = false;  // protocol level bit 7 of mosquitto bridges, accepted for 3.1 / 3.1.1
  bool clean_start = true;
  bool has_will = false, has_username = false, has_password = false;
  uint16_t keep_alive_seconds = 0;
  std::string_view client_id, username, password;
  Will will;
  uint32_t session_expiry_seconds = 0;
  uint16_t receive_maximum = 65535;
  uint32_t maximum_packet_bytes = 0;  // 0: no limit
  uint16_t topic_alias_maximum = 0;
  bool request_response_information = false, request_problem_information = true;
  std::string_view authentication_method, authentication_data;
};

/// CONNECT. `out->version` is set as soon as it was readable, whatever the verdict; before that it
/// is 3.1.1, whose clients get no CONNACK for a malformed packet. Refusals that have a CONNACK of
/// their own: kClientIdentifierNotValid, kTopicNameInvalid (wildcards in the will's topic),
/// kPayloadFormatInvalid (of the will). kUnsupportedProtocolVersion when the name is known and the
/// level is not (or the name is unknown); `out->version` is then the version whose CONNACK the
/// client can read (5 for level > 5, else 4).
Reason DecodeConnect(const Frame& frame, Connect* out);

/// SUBSCRIBE / UNSUBSCRIBE / DISCONNECT / AUTH / PINGREQ of a client, and CONNACK / SUBACK /
/// UNSUBACK / PINGRESP / DISCONNECT / AUTH of a server: valid or not; decoding is the control
/// plane's. An invalid filter is kTopicFilterInvalid. What needs state stays with the caller: a
/// session expiry in DISCONNECT after one of zero in CONNECT, the authentication method of AUTH
/// being CONNECT's, identifiers in use.
Reason ValidateSubscribe(const Frame& frame, Version version);
Reason ValidateUnsubscribe(const Frame& frame, Version version);
Reason ValidateDisconnect(const Frame& frame, Version version, Sender sender);
Reason ValidateAuth(const Frame& frame, Version version, Sender sender = Sender::kClient);
Reason ValidatePing(const Frame& frame);
Reason ValidateConnack(const Frame& frame, Version version);
Reason ValidateSuback(const Frame& frame, Version version);
Reason ValidateUnsuback(const Frame& frame, Version version);

/// Whether a client may send such a packet at all: not what only servers send, AUTH on version 5
/// only.
bool ClientMaySend(PacketType type, Version version);
/// Whether a server may: CONNACK, PUBLISH and its acknowledgements, SUBACK, UNSUBACK, PINGRESP;
/// DISCONNECT and AUTH on 5.
bool ServerMaySend(PacketType type, Version version);
/// The verdict on any packet of an established connection: kProtocolError for what `sender` may not
/// send (a second CONNECT included [MQTT-3.1.0-2]), else that of the packet's own decoder.
Reason ValidatePacket(const Frame& frame, Version version, Sender sender);

/// The filters of a SUBSCRIBE or UNSUBSCRIBE that passed its validator, one by one, in order.
class FilterReader {
 public:
  FilterReader(const Frame& frame, Version version);
  /// False at the end. `*options`: the subscription options byte (QoS in bits 0-1); 0 for
  /// UNSUBSCRIBE.
  bool Next(std::string_view* filter, uint8_t* options);
  uint16_t packet_id() const { return packet_id_; }

 private:
  std::string_view left_;  // borrowed from the frame
  bool has_options_;
  uint16_t packet_id_ = 0;
};

/// Well-formed UTF-8 without U+0000 and surrogates [MQTT-1.5.4-1] [MQTT-1.5.4-2]. ASCII runs go
/// eight bytes at a time.
bool ValidUtf8(std::string_view text);
/// A topic name: 1 … 65535 bytes, no `+` `#` NUL; UTF-8 is checked by the caller once.
bool ValidTopicName(std::string_view topic);
/// A topic filter, `$share/group/filter` included ($share rules of §4.8.2).
bool ValidTopicFilter(std::string_view filter);

}  // namespace causeway::mqtt
