// Accepting: who gets in, when we pause, and the PROXY header in front of everything.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/check.h"
#include "core/clock.h"
#include "core/limits.h"
#include "transport/edge_port.h"
#include "transport/io_loop.h"
#include "transport/proxy_header.h"
#include "transport/socket_options.h"
#include "transport/stranger.h"

namespace causeway::transport {

namespace {

/// Dialled connections (>= 2^31) are control's to number.
std::atomic<uint32_t> next_number{1};

void SetOptions(int fd, const ListenerOptions& options) {
  if (options.send_buffer_bytes != 0)
    SetOption(fd, SOL_SOCKET, SO_SNDBUF, options.send_buffer_bytes);
  if (options.receive_buffer_bytes != 0)
    SetOption(fd, SOL_SOCKET, SO_RCVBUF, options.receive_buffer_bytes);
  if (options.is_unix()) return;
  if (options.no_delay) SetOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  if (options.probe_idle_s == 0) return;
  SetOption(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  SetOption(fd, IPPROTO_TCP, TCP_KEEPIDLE, options.probe_idle_s);
  SetOption(fd, IPPROTO_TCP, TCP_KEEPINTVL, options.probe_interval_s);
  SetOption(fd, IPPROTO_TCP, TCP_KEEPCNT, options.probes);
}

}  // namespace

uint32_t NextConnectionNumber() {
  for (;;) {
    const uint32_t number = next_number.fetch_add(1, std::memory_order_relaxed) & 0x7FFFFFFF;
    if (number != 0) return number;
  }
}

void IoLoop::Accept(ListeningSocket* listening) {
  for (size_t i = 0; i < limits::kAcceptsPerRound; ++i) {
    if (!HasRoom()) {
      Bump(counters_.accept_pauses_pending);
      PauseAccepting(kPausedPending);
      return;
    }
    Listener* listener = listening->listener;
    if (listener->rate.limited()) {
      const int64_t wait_ns = listener->rate.Take(MonotonicNs());
      if (wait_ns > 0) {
        PauseForRate(listening, wait_ns);
        return;
      }
    }
    sockaddr_storage peer;
    socklen_t bytes = sizeof peer;
    const int fd = accept4(listening->fd, reinterpret_cast<sockaddr*>(&peer), &bytes,
                           SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      const int error = errno;
      if (listener->rate.limited()) listener->rate.GiveBack();
      if (error == EINTR || error == ECONNABORTED) continue;
      if (error != EAGAIN) {  // EMFILE, ENFILE, ENOBUFS, ENOMEM: the backlog keeps them; tried
                              // again at the next tick
        Bump(counters_.accept_failures);
        PauseAccepting(kPausedFailed);
      }
      return;
    }
    if (MayEnter(listener, fd, peer)) Welcome(listener, fd);
  }
}

/// For one more before its CONNECT. The oldest whose CONNECT is not whole gives way when it has had
/// its chance: thousands that dribble must not shut out who has something to say.
bool IoLoop::HasRoom() {
  if (admissions_ < admissions_max_) return true;
  if (!OldestMayGo()) return false;
  Bump(counters_.connects_refused_room);
  Close(static_cast<Socket*>(pending_.front()), CloseCause::kConnectTimeout, mqtt::Reason::kSuccess,
        "made room for others");
  return true;
}

bool IoLoop::OldestMayGo() {
  const auto* const oldest = static_cast<Socket*>(pending_.front());
  return oldest != nullptr && !oldest->secures_later &&
         now_ms_ - oldest->pending_since_ms >= limits::kPendingGraceMs;
}

/// Its place counts from now.
void IoLoop::Pending(Socket* socket) {
  NotPending(socket);
  socket->pending_since_ms = now_ms_;
  pending_.Append(socket);
}

/// It said what it has to say, or it is gone.
void IoLoop::NotPending(Socket* socket) {
  PendingConnect* const pending = socket;
  if (pending->linked()) LinkedList<PendingConnect>::Remove(pending);
}

/// By address and by number. False: counted and closed.
bool IoLoop::MayEnter(Listener* listener, int fd, const sockaddr_storage& peer) {
  const ListenerOptions& options = listener->options;
  if (!options.access_rules.empty() && !Allowed(options.access_rules, peer)) {
    Bump(counters_.connects_refused_access);
    listener->NoteRefused(ListenerCounter::refused_access, PeerName(fd));
    close(fd);
    return false;
  }
  const uint32_t limit = options.connections_max;
  if (limit != 0 && listener->connections.load(std::memory_order_relaxed) >= limit) {
    Bump(counters_.connects_refused_quota);
    listener->NoteRefused(ListenerCounter::refused_full, PeerName(fd));
    close(fd);
    return false;
  }
  return true;
}

void IoLoop::Welcome(Listener* listener, int fd) {
  const ListenerOptions& options = listener->options;
  SetOptions(fd, options);
  const Socket::State first = options.proxy_timeout_ms != 0 ? Socket::State::kProxy
                              : options.tls != 0            ? Socket::State::kSecuring
                                                            : Socket::State::kConnect;
  Accepted(Adopt(fd, nullptr, NextConnectionNumber(), first), listener);
}

/// A new connection of a listener: what counts it and bounds it until its CONNECT is answered.
void IoLoop::Accepted(Socket* socket, Listener* listener) {
  const ListenerOptions& options = listener->options;
  listener->connections.fetch_add(1, std::memory_order_relaxed);
  listener->Count(ListenerCounter::accepted);
  Bump(counters_.connections_accepted);
  socket->listener = listener;
  socket->packet_bytes_in_max = limits::kConnectBytesMax;
  socket->send_timeout_ms = options.send_timeout_ms;
  socket->high_watermark_bytes = options.high_watermark_bytes;
  ++admissions_;
  Pending(socket);
  if (socket->state != Socket::State::kProxy) return Begin(socket);
  socket->state_until_ms = now_ms_ + options.proxy_timeout_ms;
  Schedule(socket, socket->state_until_ms);
  Read(socket);
}

/// The next byte is the client's: a CONNECT, or a TLS handshake before it.
void IoLoop::Begin(Socket* socket) {
  const ListenerOptions& options = socket->listener->options;
  const bool secure = options.tls != 0;
  socket->state = secure ? Socket::State::kSecuring : Socket::State::kConnect;
  socket->state_until_ms =
      now_ms_ + (secure ? options.handshake_deadline_ms : options.connect_deadline_ms);
  Schedule(socket, socket->state_until_ms);
  if (secure) {
    Watch(socket);
  } else {
    Read(socket);  // the CONNECT is often there already
  }
}

// ---- pauses: the backlog keeps who comes meanwhile

void IoLoop::PauseAccepting(uint8_t why) {
  accept_paused_ |= why;
  for (const auto& listening : listening_) WatchListening(listening.get());
}

void IoLoop::ResumeAccepting(uint8_t why) {
  if ((accept_paused_ & why) == 0) return;
  accept_paused_ &= static_cast<uint8_t>(~why);
  for (const auto& listening : listening_) WatchListening(listening.get());
}

void IoLoop::PauseForRate(ListeningSocket* listening, int64_t wait_ns) {
  Bump(counters_.accept_pauses_rate);
  listening->listener->Count(ListenerCounter::rate_pauses);
  listening->rate_paused = true;
  WatchListening(listening);
  // One timer for all: it looks again at each, which pauses again when it is too early.
  const uint64_t wait_ms = static_cast<uint64_t>(wait_ns + 999'999) / 1'000'000;
  if (uv_is_active(reinterpret_cast<uv_handle_t*>(&rate_timer_)) &&
      uv_timer_get_due_in(&rate_timer_) <= wait_ms) {
    return;
  }
  uv_timer_start(
      &rate_timer_,
      [](uv_timer_t* timer) {
        auto* loop = static_cast<IoLoop*>(timer->data);
        for (const auto& one : loop->listening_) {
          one->rate_paused = false;
          loop->WatchListening(one.get());
        }
      },
      wait_ms, 0);
}

void IoLoop::WatchListening(ListeningSocket* listening) {
  const bool watch = accept_paused_ == 0 && !listening->rate_paused;
  if (watch == listening->watched) return;
  listening->watched = watch;
  if (!watch) {
    uv_poll_stop(&listening->poll);
    return;
  }
  uv_poll_start(&listening->poll, UV_READABLE, [](uv_poll_t* handle, int, int) {
    auto* ready = static_cast<ListeningSocket*>(handle->data);
    ready->loop->Accept(ready);
  });
}

// ---- what comes before MQTT, or instead of it

/// Looks at what is there without taking it, then takes exactly what belongs to the header: the
/// next byte is the client's, or its TLS engine's.
void IoLoop::ReadProxyHeader(Socket* socket) {
  const size_t kept = socket->unparsed.view().size();
  char* const bytes = buffer_.get();
  if (kept != 0) std::memcpy(bytes, socket->unparsed.view().data(), kept);
  const ssize_t peeked =
      recv(socket->fd, bytes + kept, limits::kProxyHeaderBytesMax - kept, MSG_PEEK);
  if (peeked < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (peeked <= 0) {
    Close(socket, CloseCause::kSocketClosed, mqtt::Reason::kSuccess,
          peeked == 0 ? "" : uv_err_name(-errno));
    return;
  }
  const size_t there = kept + static_cast<size_t>(peeked);
  ProxyHeader header;
  const ProxyStatus status = ParseProxyHeader({bytes, there}, &header);
  if (status == ProxyStatus::kMalformed) {
    RefuseProxy(socket, "no PROXY header");
    return;
  }
  const size_t whole = status == ProxyStatus::kHeader ? header.bytes : there;
  CHECK(recv(socket->fd, bytes + kept, whole - kept, 0) == static_cast<ssize_t>(whole - kept));
  if (status == ProxyStatus::kNeedMore) {
    socket->unparsed.Assign({bytes, whole});
    return;
  }
  socket->unparsed.GiveBack();
  socket->peer = std::move(header.peer);
  Begin(socket);
}

void IoLoop::RefuseProxy(Socket* socket, std::string_view why) {
  Bump(counters_.proxy_headers_refused);
  socket->listener->NoteRefused(ListenerCounter::proxy_refused, PeerName(socket->fd));
  Close(socket, CloseCause::kProtocolError, mqtt::Reason::kSuccess, why);
}

/// Counted by kind before the connection is closed; `bytes`: its first ones. A CONNECT that is
/// merely wrong is no stranger.
void IoLoop::NoteStranger(Socket* socket, std::string_view bytes) {
  const Stranger stranger = StrangerOf(bytes);
  const auto type = static_cast<mqtt::PacketType>(static_cast<uint8_t>(bytes[0]) >> 4);
  if (stranger == Stranger::kOther && type == mqtt::PacketType::kConnect) return;
  ListenerCounter kind = ListenerCounter::not_mqtt_other;
  switch (stranger) {
    case Stranger::kTls:
      kind = ListenerCounter::not_mqtt_tls;
      Bump(counters_.not_mqtt_tls);
      break;
    case Stranger::kHttp:
      kind = ListenerCounter::not_mqtt_http;
      Bump(counters_.not_mqtt_http);
      break;
    case Stranger::kProxy:
      kind = ListenerCounter::not_mqtt_proxy;
      Bump(counters_.not_mqtt_proxy);
      break;
    case Stranger::kOther:
      Bump(counters_.not_mqtt_other);
      break;
  }
  socket->listener->NoteRefused(kind, socket->peer.empty() ? PeerName(socket->fd) : socket->peer);
}

}  // namespace causeway::transport
