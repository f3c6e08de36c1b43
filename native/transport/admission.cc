// Before a client is served: its CONNECT, and the exchange that may follow before the CONNACK.
// Source: MQTT 5.0 §3.1, §4.12
#include "core/limits.h"
#include "transport/io_loop.h"

namespace causeway::transport {

using mqtt::PacketType;
using mqtt::Reason;

void IoLoop::HandleConnect(Socket* socket, const mqtt::Frame& frame) {
  if (frame.type != PacketType::kConnect) {
    NoteStranger(socket, frame.whole);
    return Fail(socket, Reason::kProtocolError);  // [MQTT-3.1.0-1]
  }
  Bump(counters_.packets_connect_received);
  mqtt::Connect connect;
  const Reason verdict = mqtt::DecodeConnect(frame, &connect);
  socket->version = connect.version;
  if (verdict != Reason::kSuccess) {
    NoteStranger(socket, frame.whole);  // a TLS record begins like a CONNECT with flags
    Bump(verdict == Reason::kUnsupportedProtocolVersion ? counters_.connects_refused_version
                                                        : counters_.connects_refused_malformed);
    char refusal[16];
    const size_t size = mqtt::WriteConnackRefusal(verdict, connect.version, refusal);
    shard_.sender()->Write(socket, {refusal, size});
    Close(socket, CloseCause::kProtocolError, verdict, "");
    return;
  }
  NotPending(socket);
  socket->state = Socket::State::kAdmission;
  socket->state_until_ms = now_ms_ + limits::kBarrierDeadlineMs;
  if (socket->peer.empty()) socket->peer = PeerName(socket->fd);  // a PROXY header knows better
  Bump(counters_.cold_lane_entries);
  Event(EventKind::kConnect)
      .U32(socket->number)
      .U32(socket->listener->options.id)
      .Bytes(socket->peer)
      .Bytes(frame.whole)
      .Bytes(socket->stream != nullptr && socket->listener->options.wants_peer_certificate
                 ? socket->stream->PeerCertificate()
                 : std::string())
      .End();
}

/// What a client says between an AUTH of ours and its CONNACK: AUTH, or that it gives up
/// [MQTT-3.1.2-30].
void IoLoop::HandleExchange(Socket* socket, const mqtt::Frame& frame) {
  Reason verdict = Reason::kProtocolError;
  if (frame.type == PacketType::kAuth) {
    Bump(counters_.packets_auth_received);
    verdict = mqtt::ValidateAuth(frame, socket->version);
    if (verdict == Reason::kSuccess) {
      socket->state = Socket::State::kAdmission;
      Bump(counters_.cold_lane_entries);
      Event(EventKind::kExchange).U32(socket->number).Bytes(frame.whole).End();
      return;
    }
  } else if (frame.type == PacketType::kDisconnect) {
    Bump(counters_.packets_disconnect_received);
    verdict = mqtt::ValidateDisconnect(frame, socket->version, mqtt::Sender::kClient);
    if (verdict == Reason::kSuccess)
      return Close(socket, CloseCause::kClientDisconnect, Reason::kSuccess, "");
  }
  Fail(socket, verdict);
}

}  // namespace causeway::transport
