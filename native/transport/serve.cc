// What packets do: decoded, validated and answered on the loop. What needs a decision goes to
// control, as a barrier.
#include <algorithm>
#include <array>

#include "core/clock.h"
#include "core/halves.h"
#include "core/limits.h"
#include "transport/io_loop.h"

namespace causeway::transport {

using fanout::Publication;
using fanout::Shard;
using mqtt::PacketType;
using mqtt::Reason;
using mqtt::Version;
using session::Session;

namespace {

constexpr std::string_view kLinkPrefix = "$LINK/";

size_t Levels(std::string_view topic) {
  return 1 + static_cast<size_t>(std::count(topic.begin(), topic.end(), '/'));
}

/// Whether the reserved flags allow a packet of a server to begin so [MQTT-2.1.3-1].
bool MayBeginFromServer(uint8_t first) {
  const auto type = static_cast<PacketType>(first >> 4);
  if (type == PacketType::kPublish) return true;
  return (first & 0x0F) == (type == PacketType::kPubrel ? 2 : 0);
}

}  // namespace

/// Handles every whole packet in `bytes` until the connection is blocked or gone; returns the bytes
/// used.
size_t IoLoop::Parse(Socket* socket, std::string_view bytes) {
  const Shard::Reading reading(&shard_);
  size_t at = 0, expected = 0;  // how far it was parsed, and looked at for topics
  size_t need = 0;
  socket->need = 0;
  while (!socket->blocked() && socket->state != Socket::State::kLingering &&
         socket->state != Socket::State::kClosed) {
    mqtt::Frame frame;
    switch (mqtt::NextFrame(bytes.substr(at), socket->packet_bytes_in_max, &frame, &need)) {
      case mqtt::FrameStatus::kNeedMore:
        socket->need = static_cast<uint32_t>(need);
        // Another type will not become a CONNECT: do not wait for the deadline [MQTT-3.1.0-1]. Its
        // flags are judged with the whole packet, which says whether its version reserves them.
        if (socket->state == Socket::State::kConnect && at < bytes.size() &&
            static_cast<PacketType>(static_cast<uint8_t>(bytes[at]) >> 4) != PacketType::kConnect) {
          NoteStranger(socket, bytes.substr(at));
          Fail(socket, Reason::kProtocolError);
        }
        // The same for a server that does not speak MQTT: the length it seems to state is none.
        if (socket->state == Socket::State::kDialed && at < bytes.size() &&
            !MayBeginFromServer(static_cast<uint8_t>(bytes[at]))) {
          Fail(socket, Reason::kMalformedPacket);
        }
        return at;
      case mqtt::FrameStatus::kMalformed:
        if (socket->state == Socket::State::kConnect) NoteStranger(socket, bytes.substr(at));
        Fail(socket, Reason::kMalformedPacket);
        return bytes.size();
      case mqtt::FrameStatus::kTooLarge:
        Bump(counters_.packets_too_large);
        if (socket->state == Socket::State::kConnect) NoteStranger(socket, bytes.substr(at));
        Fail(socket, Reason::kPacketTooLarge);
        return bytes.size();
      case mqtt::FrameStatus::kFrame:
        if (frame.type == PacketType::kPublish &&
            shard_.turn_deliveries() >= limits::kTurnDeliveries) {
          socket->yielded = true;
          yielded_.push_back(socket->number);
          Bump(counters_.publish_yields);
          return at;
        }
        if (frame.type == PacketType::kPublish && socket->rate != nullptr) {
          if (PausedByRate(socket)) return at;
          socket->rate->ChargeMessage(now_ms_);
        }
        if (NeedsControl(*socket, frame.type) && ColdLaneFull()) {
          socket->waits_for_control = true;
          NotPending(socket);  // its CONNECT is whole
          cold_waiters_.push_back(socket->number);
          cold_waiting_.store(true, std::memory_order_relaxed);
          Bump(counters_.cold_lane_pauses);
          return at;
        }
        if (frame.type == PacketType::kPublish && shard_.wants_topics() && at >= expected)
          expected = at + ExpectTopics(*socket, bytes.substr(at));
        at += frame.whole.size();
        Bump(counters_.packets_received);
        Handle(socket, frame);
        break;
    }
  }
  return at;
}

/// Which topics come next in `bytes`; returns how far it looked. What they stand for in the end,
/// if anything, is for those who publish them: nothing is lost with a wrong one.
size_t IoLoop::ExpectTopics(const Socket& socket, std::string_view bytes) {
  std::array<std::string_view, Shard::kExpectedMax> topics;
  size_t at = 0, count = 0, need;
  mqtt::Frame frame;
  while (count < topics.size() && mqtt::NextFrame(bytes.substr(at), socket.packet_bytes_in_max,
                                                  &frame, &need) == mqtt::FrameStatus::kFrame) {
    at += frame.whole.size();
    if (frame.type != PacketType::kPublish) continue;
    const std::string_view topic = mqtt::TopicAsWritten(frame);
    if (!topic.empty()) topics[count++] = topic;
  }
  const bool mounted = socket.particular != nullptr && !socket.particular->mountpoint.empty();
  if (!mounted && count > 1) shard_.Expect(topics.data(), count);
  return at;
}

void IoLoop::Handle(Socket* socket, const mqtt::Frame& frame) {
  if (socket->state != Socket::State::kServing) {
    if (socket->state == Socket::State::kDialed) return HandleFromServer(socket, frame);
    if (socket->state == Socket::State::kConnect) return HandleConnect(socket, frame);
    return HandleExchange(socket, frame);
  }
  const Version version = socket->version;
  Reason verdict =
      Reason::kProtocolError;  // what only a server sends, and a second CONNECT [MQTT-3.1.0-2]
  switch (frame.type) {
    case PacketType::kPublish:
      return HandlePublish(socket, frame);
    case PacketType::kPuback:
    case PacketType::kPubrec:
    case PacketType::kPubrel:
    case PacketType::kPubcomp:
      return HandleAck(socket, frame);
    case PacketType::kSubscribe:
      Bump(counters_.packets_subscribe_received);
      verdict = mqtt::ValidateSubscribe(frame, version);
      break;
    case PacketType::kUnsubscribe:
      Bump(counters_.packets_unsubscribe_received);
      verdict = mqtt::ValidateUnsubscribe(frame, version);
      break;
    case PacketType::kDisconnect:
      Bump(counters_.packets_disconnect_received);
      verdict = mqtt::ValidateDisconnect(frame, version, mqtt::Sender::kClient);
      break;
    case PacketType::kAuth:
      Bump(counters_.packets_auth_received);
      verdict = version == Version::kMqtt5 ? mqtt::ValidateAuth(frame, version)
                                           : Reason::kMalformedPacket;
      break;
    case PacketType::kPingreq:
      Bump(counters_.packets_pingreq_received);
      verdict = mqtt::ValidatePing(frame);
      if (verdict == Reason::kSuccess) {
        char answer[8];
        Bump(counters_.packets_pingresp_sent);
        shard_.sender()->Write(socket, {answer, mqtt::WritePingresp(answer)});  // [MQTT-3.12.4-1]
        return;
      }
      break;
    default:
      break;
  }
  if (verdict != Reason::kSuccess) return Fail(socket, verdict);
  Barrier(socket, frame);
}

/// Whether a packet of this type ends up with control. A link's PUBLISH does too but is not asked
/// here: one a connection may wait, and the message path must not depend on control.
bool IoLoop::NeedsControl(const Socket& socket, PacketType type) const {
  if (socket.state == Socket::State::kDialed) {
    return type != PacketType::kPuback &&
           (type != PacketType::kPublish || socket.carried == nullptr);
  }
  return type == PacketType::kConnect || type == PacketType::kSubscribe ||
         type == PacketType::kUnsubscribe || type == PacketType::kDisconnect ||
         type == PacketType::kAuth;
}

void IoLoop::Barrier(Socket* socket, const mqtt::Frame& frame) {
  socket->barrier = true;
  socket->state_until_ms = now_ms_ + limits::kBarrierDeadlineMs;
  Bump(counters_.cold_lane_entries);
  const Session* session = socket->session;
  Event(EventKind::kPacket)
      .U32(session->index)
      .U32(session->generation)
      .U32(socket->number)
      .U32(static_cast<uint32_t>(frame.type))
      .Bytes(frame.whole)
      .End();
}

/// Answers what may not be: DISCONNECT with the reason where the version has one, then the socket
/// closes [MQTT-4.13.1-1].
void IoLoop::Fail(Socket* socket, Reason reason) {
  Bump(reason == Reason::kMalformedPacket ? counters_.malformed_packets
                                          : counters_.protocol_errors);
  if (socket->state == Socket::State::kServing || socket->state == Socket::State::kDialed) {
    shard_.sender()->FlushGate(socket);
    SayDisconnect(socket, reason);
  } else if (socket->state == Socket::State::kExchange) {
    char refusal[16];  // no DISCONNECT before a CONNACK that accepts [MQTT-3.14.0-1]
    const size_t size = mqtt::WriteConnackRefusal(reason, socket->version, refusal);
    Bump(counters_.connects_refused_malformed);
    Bump(counters_.packets_connack_sent);
    shard_.sender()->Write(socket, {refusal, size});
  } else {
    Bump(counters_.connects_refused_malformed);  // before a valid CONNECT the version is not known:
                                                 // just close
  }
  Close(socket, CloseCause::kProtocolError, reason, "");
}

/// Nothing for versions that have no such packet from a server.
void IoLoop::SayDisconnect(Socket* socket, Reason reason) {
  char last[8];
  const size_t size = mqtt::WriteDisconnect(reason, socket->version, last);
  if (size == 0) return;
  Bump(counters_.packets_disconnect_sent);
  shard_.sender()->Write(socket, {last, size});
}

// ---- PUBLISH

bool IoLoop::ResolveAlias(Socket* socket, mqtt::Publish* publish) {
  if (publish->topic_alias > socket->topic_alias_max) {
    Fail(socket, Reason::kTopicAliasInvalid);  // [MQTT-3.3.2-9]
    return false;
  }
  if (socket->aliases == nullptr) socket->aliases = std::make_unique<session::InboundAliases>();
  std::vector<std::string>& aliases = socket->aliases->topics;
  const size_t at = publish->topic_alias - 1u;
  if (!publish->topic.empty()) {
    const size_t more = at < aliases.size() ? 0 : (at + 1 - aliases.size()) * sizeof(std::string);
    const size_t before = at < aliases.size() ? aliases[at].size() : 0;
    const size_t bytes = socket->aliases->bytes + more + publish->topic.size() - before;
    if (bytes > limits::kAliasBytesMax) {
      Fail(socket, Reason::kQuotaExceeded);
      return false;
    }
    socket->aliases->bytes = bytes;
    if (at >= aliases.size()) aliases.resize(at + 1);
    aliases[at] = publish->topic;
    aliases[at].shrink_to_fit();  // a shorter topic gives back what a longer one took
    return true;
  }
  if (at >= aliases.size() || aliases[at].empty()) {
    Fail(socket, Reason::kProtocolError);  // MQTT 5.0 §3.3.2.3.4: an alias without a mapping
    return false;
  }
  publish->topic = aliases[at];
  return true;
}

/// Packet ids whose PUBREL did not come in time are free again (mqtt.await_rel_timeout).
void IoLoop::ForgetAwaiting(Session* session) {
  const uint32_t forgotten =
      session->awaiting_release.Forget(now_ms_, fabric_->policy.await_release_ms);
  if (forgotten != 0) Bump(counters_.awaiting_release_expired, forgotten);
}

/// QoS 2, first half: true when this PUBLISH is new and may be published. Otherwise it is answered
/// here.
bool IoLoop::OpenExchange(Socket* socket, const mqtt::Publish& publish) {
  Session* session = socket->session;
  ForgetAwaiting(session);
  if (!session->awaiting_release.Insert(publish.packet_id)) {
    Bump(counters_.messages_qos2_duplicates);
    shard_.sender()->Acknowledge(socket, PacketType::kPubrec, publish.packet_id,
                                 Reason::kSuccess);  // [MQTT-4.3.3-10]
    return false;
  }
  if (session->awaiting_release.size() <= session->receive_max) return true;
  session->awaiting_release.Erase(publish.packet_id);
  if (socket->version == Version::kMqtt5) {
    Fail(socket, Reason::kReceiveMaximumExceeded);  // [MQTT-3.3.4-7]
  } else {
    Bump(
        counters_
            .dropped_awaiting_release);  // not acknowledged, so not lost: the client sends it again
  }
  return false;
}

void IoLoop::AcknowledgePublish(Socket* socket, const mqtt::Publish& publish,
                                Shard::Published outcome) {
  if (publish.qos == 0) return;
  // [MQTT-3.3.4-1] [MQTT-4.3.2-4] [MQTT-4.3.3-8]
  const PacketType type = publish.qos == 1 ? PacketType::kPuback : PacketType::kPubrec;
  if (outcome == Shard::Published::kPending) {
    shard_.SettleWhenDone(socket,
                          socket->acks.Add(type, publish.packet_id, Reason::kSuccess, true));
    return;
  }
  const bool nobody = outcome == Shard::Published::kNobody && socket->version == Version::kMqtt5;
  shard_.sender()->Acknowledge(socket, type, publish.packet_id,
                               nobody ? Reason::kNoMatchingSubscribers : Reason::kSuccess);
}

void IoLoop::HandlePublish(Socket* socket, const mqtt::Frame& frame) {
  mqtt::Publish publish;
  const Reason verdict =
      mqtt::DecodePublish(frame, socket->version, mqtt::Sender::kClient, &publish);
  if (verdict != Reason::kSuccess) return Fail(socket, verdict);
  Bump(counters_.packets_publish_received);
  if (publish.topic_alias != 0 && !ResolveAlias(socket, &publish)) return;
  const ListenerOptions& options = socket->listener->options;
  if (publish.qos > options.max_qos)
    return Fail(socket, Reason::kQosNotSupported);  // [MQTT-3.2.2-11]
  if (publish.retain && !options.retain_available)
    return Fail(socket, Reason::kRetainNotSupported);  // [MQTT-3.2.2-14]
  int64_t due_ms = 0;                                  // 0: now
  if (publish.topic.starts_with('$')) {
    if (publish.topic.starts_with(kLinkPrefix)) return HandleLinkPublish(socket, frame, publish);
    const Reason reserved = ReadReservedTopic(&publish.topic, &due_ms);
    if (reserved != Reason::kSuccess) {
      CountReservedRefusal(reserved);
      return Refuse(socket, publish, reserved);
    }
  }
  // A topic of n bytes has n + 1 levels at most: only a long one is counted.
  const uint32_t levels_max = fabric_->policy.topic_levels_max;
  if (publish.topic.size() >= levels_max && Levels(publish.topic) > levels_max)
    return Fail(socket, Reason::kTopicNameInvalid);
  if (socket->particular != nullptr && !socket->particular->mountpoint.empty()) {
    mounted_ = socket->particular->mountpoint;
    mounted_ += publish.topic;
    if (mounted_.size() > UINT16_MAX) return Refuse(socket, publish, Reason::kTopicNameInvalid);
    publish.topic = mounted_;
  }
  if (publish.qos == 2 && !OpenExchange(socket, publish)) return;

  Session* session = socket->session;
  Publication publication;
  publication.topic = ByHalves(publish.topic);
  publication.payload = ByHalves(publish.payload);
  publication.properties = ByHalves(publish.properties);
  if (publish.properties_need_filter) {
    scratch_.resize(publish.properties.size());
    scratch_.resize(mqtt::FilterForwardable(publish.properties, scratch_.data()));
    publication.properties = scratch_;
  }
  publication.qos = publish.qos;
  publication.retain = publish.retain;
  publication.expiry_seconds =
      std::min(publish.message_expiry_seconds, fabric_->policy.expiry_seconds_max);
  publication.protocol_version = static_cast<uint8_t>(socket->version);
  publication.received_ms = now_ms_;
  publication.publisher = session;
  publication.publisher_loop = static_cast<uint16_t>(index_);
  publication.publisher_session = session->index;
  publication.publisher_generation = session->generation;
  publication.client_id = session->client_id;
  Bump(counters_.messages_received);
  if (publish.retain) Bump(counters_.messages_retained);
  Bump(publish.qos == 0   ? counters_.messages_qos0_received
       : publish.qos == 1 ? counters_.messages_qos1_received
                          : counters_.messages_qos2_received);
  if (due_ms == 0) {
    AcknowledgePublish(socket, publish, shard_.Publish(&publication, socket, now_ms_));
  } else if (Delay(publication, due_ms)) {
    AcknowledgePublish(socket, publish, Shard::Published::kDone);
  } else {
    if (publish.qos == 2) session->awaiting_release.Erase(publish.packet_id);
    Refuse(socket, publish, Reason::kQuotaExceeded);
  }
}

/// Not published. The acknowledgement says why; 3.1.1 has no way to, so there it is dropped and
/// counted (MQTT 3.1.1 §3.3.5).
void IoLoop::Refuse(Socket* socket, const mqtt::Publish& publish, Reason reason) {
  if (publish.qos == 0) return;
  const PacketType type = publish.qos == 2 ? PacketType::kPubrec : PacketType::kPuback;
  shard_.sender()->Acknowledge(socket, type, publish.packet_id, reason);
}

// ---- acknowledgements

void IoLoop::HandleAck(Socket* socket, const mqtt::Frame& frame) {
  mqtt::Ack ack;
  const Reason verdict = mqtt::DecodeAck(frame, socket->version, &ack);
  if (verdict != Reason::kSuccess) return Fail(socket, verdict);
  Session* session = socket->session;
  session::Sender* sender = shard_.sender();
  bool known = true;
  switch (frame.type) {
    case PacketType::kPuback:
      Bump(counters_.packets_puback_received);
      known = sender->OnPuback(session, ack.packet_id, now_ms_) ||
              (socket->carried != nullptr && HandleLinkAck(socket, frame, ack));
      break;
    case PacketType::kPubrec:
      Bump(counters_.packets_pubrec_received);
      known = sender->OnPubrec(session, ack.packet_id, ack.reason, now_ms_);
      if (!known && static_cast<uint8_t>(ack.reason) < 0x80) {
        sender->WriteAck(socket, PacketType::kPubrel, ack.packet_id,
                         Reason::kPacketIdentifierNotFound);
      }
      break;
    case PacketType::kPubrel:
      Bump(counters_.packets_pubrel_received);
      ForgetAwaiting(session);
      known = session->awaiting_release.Erase(ack.packet_id);  // [MQTT-4.3.3-12]
      // [MQTT-4.3.3-11]; in gate order, behind the PUBREC it answers.
      sender->Acknowledge(socket, PacketType::kPubcomp, ack.packet_id,
                          known ? Reason::kSuccess : Reason::kPacketIdentifierNotFound);
      break;
    default:
      Bump(counters_.packets_pubcomp_received);
      known = sender->OnPubcomp(session, ack.packet_id, now_ms_);
      break;
  }
  if (!known) Bump(counters_.puback_missed);
}

// ---- client role: what another broker sends us

void IoLoop::HandleFromServer(Socket* socket, const mqtt::Frame& frame) {
  Reason verdict = Reason::kProtocolError;
  switch (frame.type) {
    case PacketType::kPuback: {
      mqtt::Ack ack;
      verdict = mqtt::DecodeAck(frame, Version::kMqtt5, &ack);
      if (verdict != Reason::kSuccess) break;
      if (shard_.links()->OnPuback(socket, ack.packet_id, static_cast<uint8_t>(ack.reason),
                                   now_ms_))
        return;
      break;
    }
    case PacketType::kConnack:
      verdict = mqtt::ValidateConnack(frame, Version::kMqtt5);
      break;
    case PacketType::kSuback:
      verdict = mqtt::ValidateSuback(frame, Version::kMqtt5);
      break;
    case PacketType::kUnsuback:
      verdict = mqtt::ValidateUnsuback(frame, Version::kMqtt5);
      break;
    case PacketType::kPublish: {
      mqtt::Publish publish;
      verdict = mqtt::DecodePublish(frame, Version::kMqtt5, mqtt::Sender::kServer, &publish);
      if (verdict == Reason::kSuccess && socket->carried != nullptr)
        return HandleCarried(socket, publish);
      break;
    }
    case PacketType::kPingresp:
      verdict = mqtt::ValidatePing(frame);
      break;
    case PacketType::kDisconnect:
      verdict = mqtt::ValidateDisconnect(frame, Version::kMqtt5, mqtt::Sender::kServer);
      break;
    default:
      break;
  }
  if (verdict != Reason::kSuccess) return Fail(socket, verdict);
  Event(EventKind::kClientPacket).U32(socket->number).Bytes(frame.whole).End();
}

}  // namespace causeway::transport
