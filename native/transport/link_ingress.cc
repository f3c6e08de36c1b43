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

/// A message of a linked cluster, and its acknowledgement.
void IoLoop::HandleForwarded(Socket* socket, const mqtt::Publish& publish,
                             std::string_view cluster) {
  const fanout::LinkIntake::Carrier carrier{cluster, socket->session->client_id, publish.payload,
                                            publish.qos};
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
