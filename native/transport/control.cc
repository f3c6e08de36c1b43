// What control says, executed on the loop.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/check.h"
#include "core/clock.h"
#include "core/limits.h"
#include "transport/io_loop.h"
#include "transport/socket_options.h"
#include "transport/tls_stream.h"

namespace causeway::transport {

using mqtt::Reason;
using mqtt::Version;
using session::Session;

namespace {

constexpr std::string_view kSysPrefix = "$SYS/";

/// Before it connects: a window is offered with the SYN.
void SetDialOptions(int fd, const DialCommand& command) {
  if (command.send_buffer_bytes != 0)
    SetOption(fd, SOL_SOCKET, SO_SNDBUF, command.send_buffer_bytes);
  if (command.receive_buffer_bytes != 0)
    SetOption(fd, SOL_SOCKET, SO_RCVBUF, command.receive_buffer_bytes);
  if (command.no_delay) SetOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  if (command.keep_alive) SetOption(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

}  // namespace

/// design.md §2: flush acknowledgements → wills that are due → DISCONNECT 0x8E → detach → attach →
/// CONNACK → redeliver → parse on.
void IoLoop::Execute(AttachCommand& command) {
  if (!command.transit) {
    Socket* socket = FindSocket(command.connection);
    if (socket == nullptr || socket->state != Socket::State::kAdmission) {
      // Closed meanwhile, and said so: control goes back to where it was, so nothing of this
      // happens.
      Bump(counters_.stale_numbers_dropped);
      return;
    }
    --admissions_;
    if (command.home != index_) {
      command.transit = true;
      command.fd = socket->fd;
      command.stream = std::move(socket->stream);
      command.listener = socket->listener;
      command.partial = socket->unparsed.view();
      command.peer = std::move(socket->peer);
      Destroy(socket, false);
      peers_->PostTo(command.home, std::move(command));
      return;
    }
  }

  Session* old = (command.flags & attach_flags::kTakeOver) != 0
                     ? shard_.Find(command.old_session, command.old_generation)
                     : nullptr;
  Socket* previous = old != nullptr ? static_cast<Socket*>(old->connection) : nullptr;
  if (previous != nullptr) shard_.sender()->FlushGate(previous);
  for (const std::string& packet : command.publish_before) PublishPacket(packet, command.client_id);
  if (previous != nullptr) {
    Bump(counters_.takeovers);
    SayDisconnect(previous, Reason::kSessionTakenOver);
    Close(previous, CloseCause::kTakenOver, Reason::kSessionTakenOver, "");
  }

  Session* session = shard_.Open(command.session, command.generation);
  session->persistent = (command.flags & attach_flags::kPersistent) != 0;
  session->store_qos0 = (command.flags & attach_flags::kStoreQos0) != 0;
  session->upgrade_qos = (command.flags & attach_flags::kUpgradeQos) != 0;
  session->ignore_loop = (command.flags & attach_flags::kIgnoreLoop) != 0;
  session->link_allowed = (command.flags & attach_flags::kLinkAllowed) != 0;
  session->window_max = static_cast<uint16_t>(command.window_max);
  session->receive_max = static_cast<uint16_t>(command.receive_max);
  session->queue_length_max = command.queue_length_max;
  session->client_id = std::move(command.client_id);
  session->username = (command.flags & attach_flags::kHasUsername) != 0
                          ? std::make_unique<const std::string>(std::move(command.username))
                          : nullptr;

  Socket* socket;
  if (command.transit) {
    socket =
        Adopt(command.fd, std::move(command.stream), command.connection, Socket::State::kAdmission);
    socket->listener = command.listener;
    if (!command.partial.empty()) socket->unparsed.Adopt(std::move(command.partial));
    socket->peer = std::move(command.peer);
    socket->send_timeout_ms = command.listener->options.send_timeout_ms;
    socket->high_watermark_bytes = command.listener->options.high_watermark_bytes;
    Schedule(socket, now_ms_ + 1000);
  } else {
    socket = FindSocket(command.connection);
  }
  socket->state = Socket::State::kServing;
  socket->version = static_cast<Version>(command.version);
  socket->packet_bytes_in_max = socket->listener->options.packet_bytes_max;
  socket->keep_alive_ms = command.keep_alive_ms;
  const ListenerOptions& options = socket->listener->options;
  ListenerRates* const rates = &socket->listener->rates;
  if (options.messages_rate.per_second > 0 || options.bytes_rate.per_second > 0 ||
      rates->limited()) {
    socket->rate =
        std::make_unique<RateLimit>(options.messages_rate, options.bytes_rate, rates, now_ms_);
  }
  socket->Agree(command.packet_bytes_max, static_cast<uint16_t>(command.client_topic_alias_max),
                std::move(command.mountpoint));
  socket->topic_alias_max = static_cast<uint16_t>(command.topic_alias_max);
  socket->last_read_ms = socket->progress_ms = now_ms_;
  Schedule(socket, now_ms_ + (socket->keep_alive_ms != 0 ? socket->keep_alive_ms : 1000));
  Bump(counters_.connects_accepted);
  Bump(counters_.packets_connack_sent);
  shard_.sender()->Write(socket, command.connack);  // [MQTT-3.2.0-1] [MQTT-3.2.0-2]
  shard_.Attach(session, socket, now_ms_);
  Event(EventKind::kAttached)
      .U32(session->index)
      .U32(session->generation)
      .U32(socket->number)
      .End();
  if (draining_) {  // it was on its way here from another loop
    ShutDown(socket);
    return;
  }
  Resume(socket);
}

void IoLoop::Execute(RefuseCommand& command) {
  Socket* socket = FindSocket(command.connection);
  if (socket == nullptr ||
      (socket->state != Socket::State::kAdmission && socket->state != Socket::State::kExchange)) {
    Bump(counters_.stale_numbers_dropped);
    return;
  }
  if (!command.connack.empty()) Bump(counters_.packets_connack_sent);
  shard_.sender()->Write(socket, command.connack);
  // And nothing behind the CONNECT is parsed [MQTT-3.1.4-6] [MQTT-3.2.2-7].
  Close(socket, CloseCause::kClosedByControl, Reason::kSuccess, "");
}

/// The deadline stays that of the CONNECT: an exchange of any length is one admission.
void IoLoop::Execute(ChallengeCommand& command) {
  Socket* socket = FindSocket(command.connection);
  if (socket == nullptr || socket->state != Socket::State::kAdmission) {
    Bump(counters_.stale_numbers_dropped);
    return;
  }
  shard_.sender()->Write(socket, command.packet);  // [MQTT-4.12.0-2]
  socket->state = Socket::State::kExchange;
  Resume(socket);
}

/// The barrier's answer: apply state → acknowledge → replay retained → parse on (design.md §3).
void IoLoop::Execute(AnswerCommand& command) {
  Session* session = shard_.Find(command.session, command.generation);
  for (const SubscriptionChange& change : command.changes) {
    if (!change.subscribe) {
      shard_.RemoveSubscription(command.session, change.filter, change.group);
    } else if (session != nullptr) {
      shard_.AddSubscription(session, {change.filter, change.group, change.options,
                                       change.subscription_id, change.replay});
    }
  }
  if (command.connection == 0) return;
  Socket* socket = FindSocket(command.connection);
  if (socket == nullptr || session == nullptr || socket->session != session) {
    Bump(counters_.stale_numbers_dropped);
    return;
  }
  shard_.sender()->FlushGate(socket);
  shard_.sender()->Write(socket, command.reply);
  if (command.close) {
    Close(socket, CloseCause::kClientDisconnect, Reason::kSuccess, "");
    return;
  }
  socket->barrier = false;
  if (session->replays != nullptr) shard_.RoomInOutBuffer(socket, now_ms_);
  Resume(socket);
}

void IoLoop::Execute(CloseCommand& command) {
  Socket* socket = FindSocket(command.connection);
  if (socket == nullptr || socket->closing) {  // its last bytes are on their way already
    Bump(counters_.stale_numbers_dropped);
    return;
  }
  if (socket->state == Socket::State::kServing) shard_.sender()->FlushGate(socket);
  shard_.sender()->Write(socket, command.last);
  Close(socket, CloseCause::kClosedByControl, static_cast<Reason>(command.reason), "");
}

void IoLoop::Execute(EndCommand& command) {
  Session* session = shard_.Find(command.session, command.generation);
  if (session == nullptr) {
    Bump(counters_.stale_numbers_dropped);
    return;
  }
  if (Socket* socket = static_cast<Socket*>(session->connection)) {
    Close(socket, CloseCause::kClosedByControl, Reason::kSessionTakenOver, "");
  }
  shard_.End(session, now_ms_);
}

void IoLoop::Execute(PublishCommand& command) { PublishPacket(command.packet, command.client_id); }

/// A packet of our own making (a will, an answer on a link's response topic, what `$SYS/` says):
/// valid, or control is wrong. `client_id`: empty when it is the broker that speaks.
void IoLoop::PublishPacket(std::string_view packet, std::string_view client_id) {
  mqtt::Frame frame;
  mqtt::Publish publish;
  size_t need = 0;
  CHECK(mqtt::NextFrame(packet, UINT32_MAX, &frame, &need) == mqtt::FrameStatus::kFrame);
  CHECK(mqtt::DecodePublish(frame, Version::kMqtt5, mqtt::Sender::kClient, &publish) ==
        Reason::kSuccess);
  int64_t due_ms = 0;
  const bool from_sys = client_id.empty() && publish.topic.starts_with(kSysPrefix);
  if (publish.topic.starts_with('$') && !from_sys) {
    const Reason verdict = ReadReservedTopic(&publish.topic, &due_ms);
    if (verdict != Reason::kSuccess) return CountReservedRefusal(verdict);
  }
  std::string properties;
  if (publish.properties_need_filter) {
    properties.resize(publish.properties.size());
    properties.resize(mqtt::FilterForwardable(publish.properties, properties.data()));
  } else {
    properties = publish.properties;
  }
  fanout::Publication publication;
  publication.topic = publish.topic;
  publication.payload = publish.payload;
  publication.properties = properties;
  publication.qos = publish.qos;
  publication.retain = publish.retain;
  publication.expiry_seconds =
      std::min(publish.message_expiry_seconds, fabric_->policy.expiry_seconds_max);
  publication.origin = from_sys ? Origin::kSys : Origin::kBroker;
  publication.protocol_version = 5;
  publication.received_ms = now_ms_;
  publication.client_id = client_id;
  if (due_ms != 0) {
    Delay(publication, due_ms);
  } else {
    shard_.Publish(&publication, nullptr, now_ms_);
  }
}

void IoLoop::Execute(DialCommand& command) {
  sockaddr_storage storage;
  std::memset(&storage, 0, sizeof storage);
  auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
  socklen_t bytes = sizeof *v4;
  if (inet_pton(AF_INET, command.host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(command.port);
  } else if (inet_pton(AF_INET6, command.host.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(command.port);
    bytes = sizeof *v6;
  } else {
    storage.ss_family = AF_UNSPEC;
  }
  const int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int error = fd < 0 ? errno : 0;
  if (error == 0) {
    SetDialOptions(fd, command);
    if (connect(fd, reinterpret_cast<const sockaddr*>(&storage), bytes) != 0 &&
        errno != EINPROGRESS) {
      error = errno;
      close(fd);
    }
  }
  if (error != 0) {
    Event(EventKind::kClosed)
        .U32(kNoSession)
        .U32(0)
        .U32(command.connection)
        .U32(static_cast<uint32_t>(CloseCause::kDialFailed))
        .U32(0)
        .Bytes(uv_err_name(-error))
        .End();
    return;
  }
  Socket* socket = Adopt(fd, nullptr, command.connection, Socket::State::kDialing);
  socket->version = Version::kMqtt5;
  socket->packet_bytes_in_max = command.packet_bytes_max;
  socket->state_until_ms = now_ms_ + command.timeout_ms;
  socket->out.Append(shard_.sender()->pool(), command.first);
  if (command.tls != 0) {
    const auto context = tls_.find(command.tls);
    CHECK(context != tls_.end());  // control makes the context before it dials
    socket->stream = std::make_unique<TlsStream>(context->second, fd, command.server_name);
  }
  Schedule(socket, socket->state_until_ms);
}

void IoLoop::Execute(SendCommand& command) {
  Socket* socket = FindSocket(command.connection);
  if (socket == nullptr || socket->closing) {
    Bump(counters_.stale_numbers_dropped);
    return;
  }
  shard_.sender()->Write(socket, command.packet);
}

void IoLoop::Execute(SlotCommand& command) {
  Socket* socket = FindSocket(command.connection);
  const bool mine =
      socket != nullptr && (socket->state == Socket::State::kDialed || socket->carried != nullptr);
  if (!mine || socket->closing ||
      !shard_.links()->Online(static_cast<int>(command.link), command.slot, socket,
                              static_cast<uint16_t>(command.receive_maximum),
                              command.packet_bytes_max, now_ms_)) {
    Bump(counters_.stale_numbers_dropped);
  }
}

void IoLoop::Execute(CarryCommand& command) {
  Socket* socket = FindSocket(command.connection);
  const bool accepted = socket != nullptr && socket->state == Socket::State::kServing;
  if (!accepted && (socket == nullptr || socket->state != Socket::State::kDialed)) {
    Bump(counters_.stale_numbers_dropped);
    return;
  }
  if (accepted) {
    Session* session = socket->session;
    if (!session->window.Leave(limits::kLinkFirstPacketId - 1))
      return Fail(socket, Reason::kQuotaExceeded);
    session->window_max = std::min(session->window_max, limits::kCarriedWindowMax);
  }
  socket->carried = std::make_unique<const session::Carried>(
      session::Carried{static_cast<int>(command.link), std::move(command.name)});
}

void IoLoop::Execute(ListenCommand& command) {
  auto listening = std::make_unique<ListeningSocket>();
  listening->listener = command.listener;
  listening->fd = command.fd;
  listening->loop = this;
  CHECK(uv_poll_init(&loop_, &listening->poll, command.fd) == 0);
  listening->poll.data = listening.get();
  listening_.push_back(std::move(listening));
  WatchListening(listening_.back().get());
}

void IoLoop::Execute(UnlistenCommand& command) {
  for (auto& listening : listening_) {
    if (listening->listener->options.id != command.listener) continue;
    ListeningSocket* gone = listening.release();  // uv owns it until its handle is closed
    uv_close(reinterpret_cast<uv_handle_t*>(&gone->poll),
             [](uv_handle_t* handle) { delete static_cast<ListeningSocket*>(handle->data); });
    close(gone->fd);
  }
  std::erase(listening_, nullptr);
}

void IoLoop::Execute(LinksCommand& command) { shard_.links()->Configure(std::move(command.plan)); }

void IoLoop::Execute(TlsCommand& command) { tls_[command.number] = std::move(command.context); }

void IoLoop::ShutDown(Socket* socket) {
  if (socket->state == Socket::State::kServing || socket->state == Socket::State::kDialed) {
    shard_.sender()->FlushGate(socket);
    const bool client_role = socket->state == Socket::State::kDialed;
    SayDisconnect(socket, client_role ? Reason::kSuccess : Reason::kServerShuttingDown);
  }
  Close(socket, CloseCause::kShutdown, Reason::kServerShuttingDown, "");
}

void IoLoop::Execute(DrainCommand&) {
  draining_ = true;
  while (!listening_.empty()) {
    UnlistenCommand unlisten{listening_.back()->listener->options.id};
    Execute(unlisten);
  }
  std::vector<Socket*> all;
  sockets_.ForEach([&all](uint64_t, Socket* socket) { all.push_back(socket); });
  for (Socket* socket : all) {
    // One that lingers already has said its last.
    if (socket->state != Socket::State::kLingering) ShutDown(socket);
  }
}

/// The loop ends with this turn. Its handles stay open until every loop has ended: others may still
/// wake it.
void IoLoop::Execute(StopCommand&) {
  DrainCommand drain;
  Execute(drain);
  std::vector<Socket*> all;
  sockets_.ForEach([&all](uint64_t, Socket* socket) { all.push_back(socket); });
  for (Socket* socket : all) Destroy(socket, true);
  stopping_ = true;
  uv_stop(&loop_);
}

}  // namespace causeway::transport
