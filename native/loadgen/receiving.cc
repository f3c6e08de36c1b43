// What comes from the broker: read once a turn, cut into packets, validated, judged.
#include <sys/socket.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "core/clock.h"
#include "core/limits.h"
#include "loadgen/stamp.h"
#include "loadgen/worker.h"
#include "mqtt/encode.h"

namespace causeway::loadgen {
namespace {

std::string WithReason(const char* what, uint8_t reason) {
  char text[64];
  std::snprintf(text, sizeof text, "%s 0x%02X", what, reason);
  return text;
}

}  // namespace

/// Once a turn; again while a stream has taken more off the socket than it gave us, because no poll
/// will tell.
void Worker::Read(Client* client) {
  while (ReadOnce(client) && client->stream != nullptr && client->stream->buffered()) continue;
  if (client->stream != nullptr && client->stream->read_wants_write()) ToFlush(client);
}

/// False: nothing came, or the client is gone.
bool Worker::ReadOnce(Client* client) {
  const auto fail = [this, client](std::string_view why) {
    Fail(client, why);
    return false;
  };
  char* const buffer = read_buffer_.data();
  const size_t carried = client->carry.size();
  std::memcpy(buffer, client->carry.data(), carried);
  const ssize_t came =
      client->stream == nullptr
          ? recv(client->fd, buffer + carried, limits::kReadBufferBytes, MSG_DONTWAIT)
          : client->stream->Read(buffer + carried, limits::kReadBufferBytes);
  if (came < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return false;
    return fail(WhyBroken(*client));
  }
  if (came == 0) return fail("closed by the broker");
  const int64_t now_ns = MonotonicNs();
  ++counts_.reads;
  counts_.bytesRead += static_cast<uint64_t>(came);
  std::string_view bytes(buffer, carried + static_cast<size_t>(came));
  const auto packet_bytes_max =
      static_cast<uint32_t>(plan_.payload_bytes + limits::kLoadPacketExtraBytes);
  for (;;) {
    mqtt::Frame frame;
    size_t need;
    const auto status = mqtt::NextFrame(bytes, packet_bytes_max, &frame, &need);
    if (status == mqtt::FrameStatus::kNeedMore) break;
    if (status != mqtt::FrameStatus::kFrame || !HandlePacket(client, frame, now_ns)) {
      ++counts_.protocolErrors;
      return fail(status == mqtt::FrameStatus::kTooLarge
                      ? "the broker sent a packet larger than all we publish"
                      : "the broker sent what it may not");
    }
    if (client->fd < 0) return false;
    bytes.remove_prefix(frame.whole.size());
  }
  client->carry.assign(bytes);
  return true;
}

/// False: not what a broker may send.
bool Worker::HandlePacket(Client* client, const mqtt::Frame& frame, int64_t now_ns) {
  using enum mqtt::PacketType;
  if (frame.type == kPublish) return HandlePublish(client, frame, now_ns);
  if (frame.type >= kPuback && frame.type <= kPubcomp) return HandleAck(client, frame);
  if (mqtt::ValidatePacket(frame, plan_.version, mqtt::Sender::kServer) != mqtt::Reason::kSuccess) {
    return false;
  }
  switch (frame.type) {
    case kConnack:
      OnConnack(client, frame);
      return true;
    case kSuback:
      OnSuback(client, frame);
      return true;
    case kUnsuback:
      if (client->role == Role::kChurner) OnChurnAnswer(client, false, now_ns);
      return client->role == Role::kChurner;
    case kDisconnect:
      Fail(client,
           WithReason("DISCONNECT", frame.body.empty() ? 0 : static_cast<uint8_t>(frame.body[0])));
      return true;
    default:
      return frame.type == kPingresp;
  }
}

bool Worker::HandlePublish(Client* client, const mqtt::Frame& frame, int64_t now_ns) {
  mqtt::Publish publish;
  const auto verdict = mqtt::DecodePublish(frame, plan_.version, mqtt::Sender::kServer, &publish);
  if (verdict != mqtt::Reason::kSuccess || client->role == Role::kPublisher) return false;
  if (publish.qos > 0) {
    SayAck(client, publish.qos == 1 ? mqtt::PacketType::kPuback : mqtt::PacketType::kPubrec,
           publish.packet_id);
  }
  ++counts_.delivered;
  if (client->role == Role::kChurner) return true;
  Stamp stamp;
  if (!ReadPayload(publish.payload, plan_.payload_bytes, &stamp)) {
    ++counts_.corrupt;
    return true;
  }
  const size_t known = client->once.empty() ? client->tracks.size() : client->once.size();
  if (stamp.run != plan_.run ||
      (plan_.pattern == Pattern::kOwnTopic ? stamp.publisher != client->number
                                           : stamp.publisher >= known)) {
    ++counts_.foreign;
    return true;
  }
  if (stamp.sent_ns >= state_->measure_from_ns.load(std::memory_order_relaxed) &&
      stamp.sent_ns < state_->measure_until_ns.load(std::memory_order_relaxed)) {
    latency_.Record(static_cast<uint64_t>(std::max<int64_t>(0, now_ns - stamp.sent_ns)));
  }
  Judge(client, stamp.publisher, stamp.sequence);
  return true;
}

/// Counts one message as in order, late or repeated, and opens its publisher's window.
void Worker::Judge(Client* client, uint32_t publisher, uint64_t sequence) {
  if (plan_.pattern == Pattern::kRetained) {  // one message a topic: there is no order
    ++(client->once[publisher].Note(sequence) ? counts_.unique : counts_.repeated);
    return;
  }
  const bool own = plan_.pattern == Pattern::kOwnTopic;
  const Arrival arrival = client->tracks[own ? 0 : publisher].Note(sequence);
  if (arrival.kind == Arrival::Kind::kRepeated) {
    ++counts_.repeated;
    return;
  }
  if (arrival.kind == Arrival::Kind::kLate) ++counts_.reordered;
  // Who gets only some of a publisher's messages cannot tell a gap from what is for others.
  const bool gets_all = plan_.pattern != Pattern::kSpace && plan_.pattern != Pattern::kShared;
  if (plan_.pattern == Pattern::kShared && !group_[publisher].Note(sequence)) {
    ++counts_.repeated;
    return;
  }
  ++counts_.unique;
  if (!gets_all) return Credit(publisher, 1);
  counts_.gaps += arrival.skipped;
  // A gap opens the window too, or a broker that sheds would close it for good; what comes late
  // after all was credited when its gap was seen.
  if (arrival.kind == Arrival::Kind::kInOrder) Credit(publisher, 1 + arrival.skipped);
}

void Worker::Credit(uint32_t publisher, uint64_t deliveries) {
  if (publisher >= plan_.publishers) return;  // replay of what others retained
  std::atomic<uint64_t>& credit = state_->credits[publisher];
  if (!alone_) {
    credit.fetch_add(deliveries, std::memory_order_relaxed);
    return;
  }
  credit.store(credit.load(std::memory_order_relaxed) + deliveries, std::memory_order_relaxed);
  if (plan_.rate == 0) ToPump(publisher_by_number_[publisher]);
}

bool Worker::HandleAck(Client* client, const mqtt::Frame& frame) {
  using enum mqtt::PacketType;
  mqtt::Ack ack;
  if (mqtt::DecodeAck(frame, plan_.version, &ack) != mqtt::Reason::kSuccess) return false;
  if (frame.type == kPubrel) {
    SayAck(client, kPubcomp, ack.packet_id);
    return true;
  }
  if (client->role != Role::kPublisher || !client->ids.IsOut(ack.packet_id)) return false;
  const bool refused = static_cast<uint8_t>(ack.reason) >= 0x80;
  if (frame.type == kPubrec && !refused) {
    SayAck(client, kPubrel, ack.packet_id);
    return true;
  }
  client->ids.Give(ack.packet_id);
  ++(refused ? counts_.refused : counts_.acknowledged);
  if (plan_.rate == 0) ToPump(client);
  return true;
}

void Worker::SayAck(Client* client, mqtt::PacketType type, uint16_t packet_id) {
  char* const out = client->out.Reserve(8);
  client->out.Extend(mqtt::WriteAck(type, packet_id, mqtt::Reason::kSuccess, plan_.version, out));
  ToFlush(client);
}

}  // namespace causeway::loadgen
