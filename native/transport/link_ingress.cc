// What linked clusters send: forwarded messages are taken in here, the route channel goes to
// control. Source: docs/protocol/cluster-link.md.
#include "core/clock.h"
#include "core/limits.h"
#include "transport/io_loop.h"

namespace causeway::transport {

using mqtt::Reason;
using mqtt::Version;
using session::Session;

namespace {

constexpr std::string_view kForwardedPrefix = "$LINK/cluster/msg/";

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
    return HandleForwarded(socket, publish, publish.topic.substr(kForwardedPrefix.size()),
                           socket->session->client_id);
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

/// What comes down a connection that we dialled: messages of the cluster that we dialled it for,
/// and of nobody else.
void IoLoop::HandleCarried(Socket* socket, const mqtt::Publish& publish) {
  const fanout::LinkSpec* spec = shard_.links()->plan()->At(socket->carried->link);
  if (spec == nullptr || publish.qos == 2 || !publish.topic.starts_with(kForwardedPrefix) ||
      publish.topic.substr(kForwardedPrefix.size()) != spec->name) {
    return Fail(socket, Reason::kProtocolError);
  }
  Bump(counters_.packets_publish_received);
  HandleForwarded(socket, publish, spec->name, socket->carried->name);
}

/// PUBACK for what a link has sent on a connection that it did not dial: of a message slot, or of
/// the route channel, which is control's. False: neither.
bool IoLoop::HandleLinkAck(Socket* socket, const mqtt::Frame& frame, const mqtt::Ack& ack) {
  if (ack.packet_id < limits::kLinkFirstPacketId) return false;
  if (shard_.links()->OnPuback(socket, ack.packet_id, static_cast<uint8_t>(ack.reason), now_ms_))
    return true;
  if (ColdLaneFull()) {  // it owes 16 of them at most: others do not fill the lane this way
    Fail(socket, Reason::kQuotaExceeded);
    return true;
  }
  Event(EventKind::kClientPacket).U32(socket->number).Bytes(frame.whole).End();
  return true;
}

/// A message of a linked cluster, and its acknowledgement. `sender`: by whom repetitions are known.
void IoLoop::HandleForwarded(Socket* socket, const mqtt::Publish& publish, std::string_view cluster,
                             std::string_view sender) {
  const fanout::LinkIntake::Carrier carrier{cluster, sender, publish.payload, publish.qos};
  const fanout::Taken taken = link_intake_.Take(carrier, socket, now_ms_, WallClockMs());
  switch (taken.verdict) {
    case fanout::Taken::Verdict::kPublished:
      return AcknowledgePublish(socket, publish, taken.outcome);
    case fanout::Taken::Verdict::kRepeated:
      return Refuse(socket, publish, Reason::kSuccess);
    case fanout::Taken::Verdict::kFiltered:
      return Refuse(socket, publish, Reason::kNoMatchingSubscribers);
    case fanout::Taken::Verdict::kUndecodable:
      if (publish.qos == 2)
        socket->session->awaiting_release.Erase(publish.packet_id);  // refused: no PUBREL follows
      return Refuse(socket, publish, Reason::kPayloadFormatInvalid);
  }
}

}  // namespace causeway::transport
