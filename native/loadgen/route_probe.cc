#include "loadgen/route_probe.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/clock.h"
#include "core/limits.h"
#include "core/wake_slice.h"
#include "loadgen/packets.h"
#include "loadgen/worker.h"
#include "mqtt/encode.h"

namespace causeway::loadgen {
namespace {

constexpr auto kVersion = mqtt::Version::kMqtt311;
constexpr int64_t kAnswerNs = 10'000'000'000;
constexpr uint32_t kPacketBytesMax = 4096;

/// A client that waits for one packet at a time.
class Line {
 public:
  explicit Line(const Endpoint& endpoint)
      : fd_(socket(endpoint.family(), SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const int one = 1;
    if (endpoint.is_tcp()) setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    const auto* address = reinterpret_cast<const sockaddr*>(&endpoint.address);
    if (connect(fd_.get(), address, endpoint.length) != 0) Break(std::strerror(errno));
  }

  bool broken() const { return !error_.empty(); }
  const std::string& error() const { return error_; }

  void Send(std::string_view bytes) {
    if (!broken() && send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) !=
                         static_cast<ssize_t>(bytes.size())) {
      Break(std::strerror(errno));
    }
  }

  /// The next packet; false: none within `wait_ns`, or the line broke.
  bool Next(int64_t wait_ns, mqtt::PacketType* type) {
    const int64_t until_ns = MonotonicNs() + wait_ns;
    while (!broken()) {
      mqtt::Frame frame;
      size_t need;
      const auto status = mqtt::NextFrame(bytes_, kPacketBytesMax, &frame, &need);
      if (status == mqtt::FrameStatus::kFrame) {
        *type = frame.type;
        bytes_.erase(0, frame.whole.size());
        return true;
      }
      if (status != mqtt::FrameStatus::kNeedMore) {
        Break("the broker sent what it may not");
      } else if (!ReadMore(until_ns)) {
        return false;
      }
    }
    return false;
  }

  /// Passes over other packets until one of `type` comes.
  bool Await(mqtt::PacketType type) {
    mqtt::PacketType came;
    while (Next(kAnswerNs, &came))
      if (came == type) return true;
    if (!broken()) Break("the broker did not answer for 10 s");
    return false;
  }

 private:
  void Break(const char* why) { error_ = why; }

  bool ReadMore(int64_t until_ns) {
    const int64_t left_ns = until_ns - MonotonicNs();
    const timespec wait{std::max<int64_t>(0, left_ns) / 1'000'000'000,
                        std::max<int64_t>(0, left_ns) % 1'000'000'000};
    pollfd readable{fd_.get(), POLLIN, 0};
    if (ppoll(&readable, 1, &wait, nullptr) <= 0) return false;
    char chunk[4096];
    const ssize_t came = recv(fd_.get(), chunk, sizeof chunk, 0);
    if (came <= 0) {
      Break("the broker closed the connection");
      return false;
    }
    bytes_.append(chunk, static_cast<size_t>(came));
    return true;
  }

  Descriptor fd_;
  std::string bytes_, error_;
};

std::string PublishPacket(const std::string& topic) {
  mqtt::PublishOut publish;
  publish.topic = topic;
  size_t whole, packet_id_at;
  std::string packet(mqtt::PublishHeaderSize(publish, kVersion, &whole), 0);
  mqtt::WritePublishHeader(publish, kVersion, packet.data(), &packet_id_at);
  return packet;
}

}  // namespace

RouteProbe::RouteProbe(ProbePlan plan) : plan_(std::move(plan)) {
  thread_ = std::thread([this] {
    AskForWakeSlice(limits::kLoopSliceNs);
    Run();
    done_.store(true, std::memory_order_release);
  });
}

RouteProbe::~RouteProbe() {
  ending_.store(true, std::memory_order_relaxed);
  thread_.join();
}

void RouteProbe::Run() {
  Line publisher(plan_.publish_to), subscriber(plan_.subscribe_to);
  const std::string name = "probe-" + std::to_string(plan_.run);
  for (Line* line : {&publisher, &subscriber}) {
    const std::string id = name + (line == &publisher ? "-p" : "-s");
    line->Send(ConnectPacket({id}, {3'600}, kVersion));
    line->Await(mqtt::PacketType::kConnack);
  }
  for (uint32_t round = 0; round < plan_.rounds && !ending_.load(std::memory_order_relaxed);
       ++round) {
    const std::string topic = "b/probe/" + std::to_string(plan_.run) + "/" + std::to_string(round);
    const int64_t asked_ns = MonotonicNs();
    subscriber.Send(SubscribePacket(1, {&topic, 1}, 0, kVersion));
    if (!subscriber.Await(mqtt::PacketType::kSuback)) break;
    const int64_t granted_ns = MonotonicNs();
    suback_.Record(static_cast<uint64_t>(granted_ns - asked_ns));
    const std::string message = PublishPacket(topic);
    bool arrived = false;
    while (!arrived && !publisher.broken() && !subscriber.broken() &&
           !ending_.load(std::memory_order_relaxed) &&
           MonotonicNs() - granted_ns < plan_.give_up_ms * int64_t{1'000'000}) {
      publisher.Send(message);
      mqtt::PacketType came;
      arrived = subscriber.Next(plan_.gap_us * int64_t{1'000}, &came) &&
                came == mqtt::PacketType::kPublish;
    }
    if (arrived) {
      effective_.Record(static_cast<uint64_t>(MonotonicNs() - granted_ns));
    } else {
      never_.fetch_add(1, std::memory_order_relaxed);
    }
    subscriber.Send(UnsubscribePacket(2, topic, kVersion));
    if (!subscriber.Await(mqtt::PacketType::kUnsuback)) break;
    rounds_.fetch_add(1, std::memory_order_relaxed);
  }
  if (publisher.broken()) error_ = "publisher: " + publisher.error();
  if (subscriber.broken()) error_ = "subscriber: " + subscriber.error();
}

}  // namespace causeway::loadgen
