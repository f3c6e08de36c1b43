// Every decoder over arbitrary packets: views stay inside the packet, values keep the promises of
// packet.h, and what decoded can be encoded and decoded again. Input: one byte (bits 0-1 version,
// bit 2 sent by a server), then one packet; its remaining length is put right, so that mutations
// reach the decoders.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "core/check.h"
#include "mqtt/encode.h"
#include "mqtt/packet.h"
#include "mqtt/topic.h"

namespace {

using namespace causeway::mqtt;

bool Inside(std::string_view part, std::string_view whole) {
  if (part.empty()) return true;
  const std::less_equal<const char*> not_after;
  return not_after(whole.data(), part.data()) &&
         not_after(part.data() + part.size(), whole.data() + whole.size());
}

/// The packet with the remaining length its body has.
std::string WithLength(std::string_view packet) {
  // Skips the length the input brought, if it is one.
  size_t body = 1;
  while (body < packet.size() && body < 5 && static_cast<uint8_t>(packet[body]) >= 0x80) ++body;
  body = body < packet.size() ? body + 1 : packet.size();
  std::string out(1, packet[0]);
  size_t left = packet.size() - body;
  for (; left >= 0x80; left >>= 7) out.push_back(static_cast<char>(left | 0x80));
  out.push_back(static_cast<char>(left));
  out.append(packet.substr(body));
  return out;
}

/// Encodes what was decoded and decodes that: the same message again.
void RoundTrip(const Publish& publish, Version version) {
  std::string properties(publish.properties);
  if (publish.properties_need_filter) {
    properties.resize(FilterForwardable(publish.properties, properties.data()));
    CHECK(properties.size() < publish.properties.size());
  } else {
    std::string filtered(properties.size(), '\0');
    filtered.resize(FilterForwardable(properties, filtered.data()));
    CHECK(filtered == properties);
  }
  PublishOut out;
  out.topic = publish.topic.empty() ? "alias" : publish.topic;
  out.payload = publish.payload;
  out.properties = properties;
  out.packet_id = publish.packet_id;
  out.qos = publish.qos;
  out.retain = publish.retain;
  out.dup = publish.dup;
  out.message_expiry_seconds = publish.message_expiry_seconds;
  size_t whole = 0, packet_id_at = 0;
  std::string bytes(PublishHeaderSize(out, version, &whole), '\0');
  CHECK(WritePublishHeader(out, version, bytes.data(), &packet_id_at) == bytes.size());
  bytes.append(publish.payload);
  CHECK(bytes.size() == whole);

  Frame frame;
  size_t need = 0;
  Publish again;
  CHECK(NextFrame(bytes, UINT32_MAX, &frame, &need) == FrameStatus::kFrame);
  CHECK(frame.whole.size() == bytes.size());
  CHECK(DecodePublish(frame, version, Sender::kServer, &again) == Reason::kSuccess);
  CHECK(again.topic == out.topic && again.payload == publish.payload);
  CHECK(again.properties == properties && !again.properties_need_filter);
  CHECK(again.packet_id == publish.packet_id && again.qos == publish.qos);
  CHECK(again.retain == publish.retain && again.dup == publish.dup);
  CHECK(again.message_expiry_seconds == publish.message_expiry_seconds);
}

void CheckPublish(const Frame& frame, Version version, Sender sender) {
  Publish publish;
  if (DecodePublish(frame, version, sender, &publish) != Reason::kSuccess) return;
  for (const std::string_view part : {publish.topic, publish.payload, publish.properties,
                                      publish.response_topic, publish.correlation_data}) {
    CHECK(Inside(part, frame.body));
  }
  CHECK(publish.qos <= 2 && (publish.qos == 0) == (publish.packet_id == 0));
  CHECK(!publish.dup || publish.qos != 0);
  CHECK(publish.topic.empty() ? publish.topic_alias != 0 : ValidTopicName(publish.topic));
  CHECK(ValidUtf8(publish.topic));
  CHECK(sender == Sender::kServer || publish.subscription_identifier == 0);
  RoundTrip(publish, version);
}

void CheckConnect(const Frame& frame) {
  Connect connect;
  if (DecodeConnect(frame, &connect) != Reason::kSuccess) return;
  for (const std::string_view part :
       {connect.client_id, connect.username, connect.password, connect.will.topic,
        connect.will.payload, connect.will.properties, connect.authentication_method,
        connect.authentication_data}) {
    CHECK(Inside(part, frame.body));
  }
  CHECK(ValidUtf8(connect.client_id) && ValidUtf8(connect.username));
  CHECK(connect.receive_maximum > 0 && connect.will.qos <= 2);
  CHECK(!connect.has_will || (ValidTopicName(connect.will.topic) && ValidUtf8(connect.will.topic)));
  CHECK(connect.has_username || connect.version == Version::kMqtt5 || !connect.has_password);
}

void CheckAck(const Frame& frame, Version version) {
  Ack ack;
  if (DecodeAck(frame, version, &ack) != Reason::kSuccess) return;
  CHECK(ack.packet_id != 0);
  char out[8];
  const size_t size = WriteAck(frame.type, ack.packet_id, ack.reason, version, out);
  Frame written;
  size_t need = 0;
  Ack again;
  CHECK(NextFrame({out, size}, 8, &written, &need) == FrameStatus::kFrame);
  CHECK(DecodeAck(written, version, &again) == Reason::kSuccess);
  CHECK(again.packet_id == ack.packet_id && again.reason == ack.reason);
}

void CheckFilters(const Frame& frame, Version version) {
  FilterReader reader(frame, version);
  CHECK(reader.packet_id() != 0);
  std::string_view filter;
  uint8_t options;
  size_t count = 0;
  for (; reader.Next(&filter, &options); ++count) {
    CHECK(Inside(filter, frame.body) && ValidUtf8(filter) && ValidTopicFilter(filter));
    CHECK((options & 0x3) != 3);
  }
  CHECK(count > 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  constexpr Version kVersions[] = {Version::kMqtt31, Version::kMqtt311, Version::kMqtt5,
                                   Version::kMqtt5};
  const Version version = kVersions[data[0] & 0x3];
  const Sender sender = data[0] & 0x4 ? Sender::kServer : Sender::kClient;
  const std::string bytes = WithLength({reinterpret_cast<const char*>(data) + 1, size - 1});
  Frame frame;
  size_t need = 0;
  if (NextFrame(bytes, UINT32_MAX, &frame, &need) != FrameStatus::kFrame) {
    CHECK(static_cast<uint8_t>(bytes[0]) <
          0x10);  // the length was put right: only type 0 is left to fault
    return 0;
  }
  CHECK(frame.whole.size() == bytes.size());

  if (frame.type == PacketType::kConnect) CheckConnect(frame);
  if (ValidatePacket(frame, version, sender) != Reason::kSuccess) return 0;
  if (frame.type == PacketType::kPublish) CheckPublish(frame, version, sender);
  if (frame.type >= PacketType::kPuback && frame.type <= PacketType::kPubcomp)
    CheckAck(frame, version);
  if (frame.type == PacketType::kSubscribe || frame.type == PacketType::kUnsubscribe) {
    CheckFilters(frame, version);
  }
  return 0;
}
