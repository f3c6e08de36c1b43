#include "loadgen/floor_fan.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

#include "core/check.h"
#include "mqtt/encode.h"

namespace causeway::loadgen {
namespace {

/// The topic of Pattern::kOneTopic.
constexpr std::string_view kTopic = "b/t";

std::string Encoded(const FanPlan& plan) {
  const std::string filler(plan.payload_bytes, 'f');
  std::string payload(plan.payload_bytes, '\0');
  WritePayload(Stamp{}, filler.data(), plan.payload_bytes, payload.data());
  mqtt::PublishOut publish;
  publish.topic = kTopic;
  publish.payload = payload;
  size_t whole, packet_id_at;
  std::string packet(mqtt::PublishHeaderSize(publish, plan.version, &whole), '\0');
  mqtt::WritePublishHeader(publish, plan.version, packet.data(), &packet_id_at);
  return packet + payload;
}

}  // namespace

FloorFan::FloorFan(const FanPlan& plan) : wanted_(plan.receivers) {
  CHECK(plan.receivers > 0 && plan.batch > 0 && plan.payload_bytes >= kPayloadBytesMin);
  const std::string packet = Encoded(plan);
  for (uint32_t i = 0; i < plan.batch; ++i) batch_ += packet;
}

void FloorFan::SendRound(int stop) {
  for (const int receiver : receivers_) {
    if (!SendBatch(receiver, stop)) return;
  }
}

/// False: it is to stop.
bool FloorFan::SendBatch(int receiver, int stop) {
  for (size_t sent = 0; sent < batch_.size();) {
    const ssize_t taken =
        send(receiver, batch_.data() + sent, batch_.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (taken >= 0) {
      sent += static_cast<size_t>(taken);
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return true;  // its server hears of it as well
    pollfd either[] = {{receiver, POLLOUT, 0}, {stop, POLLIN, 0}};
    poll(either, 2, -1);
    if (either[1].revents != 0) return false;
  }
  return true;
}

}  // namespace causeway::loadgen
