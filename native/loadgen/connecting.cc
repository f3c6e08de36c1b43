// From a socket to a client that is ready.
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "core/clock.h"
#include "loadgen/packets.h"
#include "loadgen/worker.h"
#include "mqtt/cursor.h"

namespace causeway::loadgen {
namespace {

/// SUBSCRIBE with more filters than this becomes several: some brokers bound the packet.
constexpr size_t kFiltersPerPacket = 20;

std::string Hex(uint32_t number) {
  char text[12];
  std::snprintf(text, sizeof text, "0x%02X", number);
  return text;
}

}  // namespace

void Worker::OpenMore() {
  while (handshakes_ < plan_.connecting_max && next_first_ < first_.size()) {
    if (!Open(first_[next_first_])) return;
    ++next_first_;
  }
  if (entered_ != Phase::kConnectPublishers) return;
  while (handshakes_ < plan_.connecting_max && next_publisher_ < publishers_.size()) {
    if (!Open(publishers_[next_publisher_])) return;
    ++next_publisher_;
  }
}

/// False: not now, try again later.
bool Worker::Open(Client* client) {
  const auto& endpoints = client->role == Role::kPublisher ? plan_.publish_to : plan_.subscribe_to;
  const Endpoint& endpoint = endpoints[client->number % endpoints.size()];
  client->fd = socket(endpoint.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  client->state = State::kConnecting;
  ++handshakes_;
  if (client->fd < 0) return Fail(client, std::strerror(errno)), true;
  const int one = 1;
  if (endpoint.is_tcp()) setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (plan_.source_addresses > 1 && endpoint.is_loopback4()) {
    sockaddr_in source{};
    source.sin_family = AF_INET;
    source.sin_addr.s_addr =
        htonl(INADDR_LOOPBACK +
              static_cast<uint32_t>(next_first_ + next_publisher_) % plan_.source_addresses);
    // The port is chosen by connect, which knows the other end: 28,000 of them an address and end.
    setsockopt(client->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    if (bind(client->fd, reinterpret_cast<const sockaddr*>(&source), sizeof source) != 0) {
      return Fail(client, std::strerror(errno)), true;
    }
  }
  const auto* address = reinterpret_cast<const sockaddr*>(&endpoint.address);
  if (connect(client->fd, address, endpoint.length) != 0 && errno != EINPROGRESS) {
    // A Unix socket whose backlog is full.
    if (errno == EAGAIN && !endpoint.is_tcp()) {
      client->Close();
      client->state = State::kIdle;
      --handshakes_;
      return false;
    }
    return Fail(client, std::strerror(errno)), true;
  }
  Watch(client, EPOLLOUT, EPOLL_CTL_ADD);
  return true;
}

void Worker::OnConnected(Client* client) {
  if (!plan_.open_stream) return SayConnect(client);
  client->stream = plan_.open_stream(client->fd);
  client->state = State::kShaking;
  Shake(client);
}

void Worker::Shake(Client* client) {
  using enum transport::Stream::Progress;
  switch (client->stream->Shake()) {
    case kDone:
      // As a socket that has just connected: what there is to say goes when it can be written.
      Watch(client, EPOLLOUT, EPOLL_CTL_MOD);
      return SayConnect(client);
    case kWantsRead:
      return Watch(client, EPOLLIN, EPOLL_CTL_MOD);
    case kWantsWrite:
      return Watch(client, EPOLLOUT, EPOLL_CTL_MOD);
    case kFailed:
      return Fail(client, "handshake: " + std::string(client->stream->failure()));
  }
}

void Worker::SayConnect(Client* client) {
  char id[40];
  const char kind = "scp"[static_cast<int>(client->role)];
  std::snprintf(id, sizeof id, "bench-%x-%c%u", plan_.run, kind, client->number);
  client->out.Append(ConnectPacket({id, plan_.username, plan_.password},
                                   {plan_.keep_alive_seconds, plan_.session_expiry_seconds},
                                   plan_.version));
  client->state = State::kConnack;
  client->wants_out = true;
  ToFlush(client);
}

void Worker::OnConnack(Client* client, const mqtt::Frame& frame) {
  const Connack connack = ReadConnack(frame, plan_.version);
  if (client->state != State::kConnack) return Fail(client, "a second CONNACK");
  if (connack.code != 0) return Fail(client, "refused, CONNACK " + Hex(connack.code));
  if (client->role == Role::kPublisher) {
    if (connack.qos_max < plan_.publish_qos) {
      return Fail(client, "the broker takes no QoS above " + std::to_string(connack.qos_max));
    }
    if (connack.packet_bytes_max > 0 && plan_.payload_bytes > connack.packet_bytes_max) {
      return Fail(client, "the broker takes no packet above " +
                              std::to_string(connack.packet_bytes_max) + " bytes");
    }
    client->ids.Limit(connack.receive_maximum);
    return BecomeReady(client);
  }
  ++counts_.connected;
  if (client->role == Role::kChurner) return BecomeReady(client);
  if (plan_.hold_subscriptions && entered_ < Phase::kSubscribe) {
    client->state = State::kHeld;
    --handshakes_;
    return;
  }
  client->state = State::kHeld;
  --handshakes_;
  Subscribe(client);
}

void Worker::Subscribe(Client* client) {
  const std::vector<std::string> filters = FiltersOf(*client);
  ++handshakes_;
  client->asked_ns = MonotonicNs();
  if (first_subscribe_ns_.load(std::memory_order_relaxed) == 0) {
    first_subscribe_ns_.store(client->asked_ns, std::memory_order_relaxed);
  }
  uint16_t packet_id = 0;
  for (size_t from = 0; from < filters.size(); from += kFiltersPerPacket) {
    const size_t count = std::min(kFiltersPerPacket, filters.size() - from);
    client->out.Append(
        SubscribePacket(++packet_id, {&filters[from], count}, plan_.subscribe_qos, plan_.version));
    ++client->subacks_due;
  }
  client->state = State::kSuback;
  if (client->subacks_due == 0) return BecomeReady(client);
  // Not with all the others at the end of the turn: the broker is to be busy while we write.
  Flush(client);
}

void Worker::OnSuback(Client* client, const mqtt::Frame& frame) {
  mqtt::Cursor cursor(frame.body);
  uint16_t packet_id;
  std::string_view properties;
  cursor.U16(&packet_id);
  if (plan_.version == mqtt::Version::kMqtt5) cursor.PropertyBlock(&properties);
  for (uint8_t code; cursor.U8(&code);) {
    if (code >= 0x80) return Fail(client, "refused, SUBACK " + Hex(code));
    if (code < plan_.subscribe_qos) {  // the figures would be those of another workload
      return Fail(client, "the broker granted QoS " + std::to_string(code) + " only");
    }
  }
  const int64_t now_ns = MonotonicNs();
  if (client->role == Role::kChurner) return OnChurnAnswer(client, true, now_ns);
  if (client->state != State::kSuback || client->subacks_due == 0) {
    return Fail(client, "a SUBACK nobody asked for");
  }
  if (--client->subacks_due > 0) return;
  subscribe_latency_.Record(static_cast<uint64_t>(now_ns - client->asked_ns));
  last_suback_ns_.store(now_ns, std::memory_order_relaxed);
  BecomeReady(client);
}

void Worker::BecomeReady(Client* client) {
  client->state = State::kReady;
  --handshakes_;
  if (client->role == Role::kPublisher) {
    ++counts_.publishersReady;
  } else {
    ++counts_.subscribed;
    if (client->role == Role::kChurner) idle_churners_.push_back(client);
  }
}

std::vector<std::string> Worker::FiltersOf(const Client& client) const {
  switch (plan_.pattern) {
    case Pattern::kOneTopic:
      return {"b/t"};
    case Pattern::kOwnTopic:
      return {"b/p/" + std::to_string(client.number)};
    case Pattern::kFanIn:
      return {"b/i/+"};
    case Pattern::kShared:
      return {"$share/bench/b/i/+"};
    case Pattern::kSpace:
      return state_->space_filters[client.number];
    case Pattern::kRetained:
      return {"b/r/#"};
    case Pattern::kNone:
      break;
  }
  std::vector<std::string> idle;
  for (uint32_t i = 0; i < plan_.filters_each; ++i) {
    idle.push_back("b/d/" + std::to_string(client.number) + "/" + std::to_string(i));
  }
  return idle;
}

}  // namespace causeway::loadgen
