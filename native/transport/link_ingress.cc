// What linked clusters send: forwarded messages are published here, the route channel goes to
// control. Source: docs/protocol/cluster-link.md.
#include <algorithm>

#include "core/clock.h"
#include "core/limits.h"
#include "link/message_term.h"
#include "transport/io_loop.h"

namespace causeway::transport {

using fanout::Publication;
using fanout::Shard;
using mqtt::PacketType;
using mqtt::Reason;
using mqtt::Version;
using session::Session;

namespace {

constexpr std::string_view kForwardedPrefix = "$LINK/cluster/msg/";
constexpr std::string_view kSysPrefix = "$SYS/";

/// The PUBLISH with its topic written out: who reads it later knows no aliases [MQTT-3.3.2-7].
std::string WithTopic(const mqtt::Publish& publish) {
  std::string properties(publish.properties.size(), '\0');
  properties.resize(mqtt::FilterForwardable(publish.properties, properties.data()));
  mqtt::PublishOut out;
  out.topic = publish.topic;
  out.payload = publish.payload;
  out.properties = properties;
  out.packet_id = publish.packet_id;
  out.qos = publish.qos;
  out.retain = publish.retain;
  out.dup = publish.dup;
  size_t whole = 0, packet_id_at = 0;
  std::string packet(mqtt::PublishHeaderSize(out, Version::kMqtt5, &whole), '\0');
  mqtt::WritePublishHeader(out, Version::kMqtt5, packet.data(), &packet_id_at);
  packet += publish.payload;
  return packet;
}

}  // namespace

void IoLoop::HandleLinkPublish(Socket* socket, const mqtt::Frame& frame,
                               const mqtt::Publish& publish) {
  if (!socket->session->link_allowed) {
    Bump(counters_.messages_denied);
    return Refuse(socket, publish, Reason::kNotAuthorized);
  }
  if (publish.topic.starts_with(kForwardedPrefix)) {
    if (publish.qos == 2 && !OpenExchange(socket, publish)) return;
    return HandleForwarded(socket, publish, publish.topic.substr(kForwardedPrefix.size()));
  }
  const Session* session = socket->session;
  socket->barrier = true;
  socket->state_until_ms = now_ms_ + limits::kBarrierDeadlineMs;
  Bump(counters_.cold_lane_entries);
  Event(EventKind::kLinkPublish)
      .U32(session->index)
      .U32(session->generation)
      .U32(socket->number)
      .U32(static_cast<uint32_t>(socket->version))
      .Bytes(publish.topic_alias == 0 ? frame.whole : WithTopic(publish))
      .End();
}

/// A message of a linked cluster: decoded, filtered by our own topics, published with the link as
/// its origin.
void IoLoop::HandleForwarded(Socket* socket, const mqtt::Publish& publish,
                             std::string_view cluster) {
  const PacketType type = publish.qos == 2 ? PacketType::kPubrec : PacketType::kPuback;
  const auto answer = [&](Reason reason) {
    if (publish.qos != 0) shard_.sender()->Acknowledge(socket, type, publish.packet_id, reason);
  };
  const fanout::LinkSpec* spec = shard_.links()->plan()->ByName(cluster);
  if (spec == nullptr) {
    Bump(counters_.link_filtered);
    return answer(Reason::kNoMatchingSubscribers);
  }
  fanout::LinkIngressCounters& ingress = shard_.links()->ingress(spec->index);
  link::ForwardedMessage message;
  if (link::DecodeMessage(publish.payload, &scratch_, &message) != link::MessageStatus::kOk) {
    Bump(counters_.link_undecodable);
    Bump(ingress.undecodable);
    if (publish.qos == 2)
      socket->session->awaiting_release.Erase(publish.packet_id);  // refused: no PUBREL follows
    return answer(Reason::kPayloadFormatInvalid);
  }
  // What another broker says about itself stays there, whatever our topics ask for.
  const bool foreign_sys = message.topic.starts_with(kSysPrefix);
  if (!spec->enabled || foreign_sys || !spec->topics.Matches(message.topic)) {
    Bump(counters_.link_filtered);
    Bump(ingress.filtered);
    return answer(Reason::kNoMatchingSubscribers);
  }
  // The sender did not hear our acknowledgement and sends again, with another packet id.
  if (publish.qos != 0 &&
      repeats_.IsRepeated(spec->index, socket->session->client_id, message.id)) {
    Bump(counters_.link_repeated);
    Bump(ingress.repeated);
    return answer(Reason::kSuccess);
  }
  Bump(counters_.link_received);
  Bump(ingress.received);
  const int64_t wall_ms = WallClockMs();
  Publication publication;
  publication.topic = message.topic;
  publication.payload = message.payload;
  publication.properties = message.properties;
  publication.qos = message.qos;
  publication.retain = message.retain;
  publication.expiry_seconds = message.message_expiry_seconds;
  publication.origin = Origin::kLink;
  publication.link = static_cast<uint8_t>(spec->index);
  publication.protocol_version = message.protocol_version == 0 ? 4 : message.protocol_version;
  // A clock ahead of ours prolongs nothing, and a nonsense time before 1970 stays computable.
  publication.timestamp_ms = std::clamp<int64_t>(message.timestamp_ms, 0, wall_ms);
  publication.received_ms =
      now_ms_ - (wall_ms - publication.timestamp_ms);  // so that the time on the way counts
  publication.client_id = message.from;
  const Shard::Published outcome = shard_.Publish(&publication, socket, now_ms_);
  AcknowledgePublish(socket, publish, outcome);
}

}  // namespace causeway::transport
