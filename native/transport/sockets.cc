// The life of a socket: accepted or dialled, read, written, closed.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/check.h"
#include "core/limits.h"
#include "transport/io_loop.h"

namespace causeway::transport {

namespace {

/// How often one turn writes to one socket before others get theirs.
constexpr int kWritesPerFlush = 4;

/// Reads from a connection that was reset, until its end: more than the largest receive buffer
/// holds (tcp_rmem, usually 6 MiB).
constexpr int kReadsOfBroken = 64;

/// The error that waits on the socket, 0 for none; asking takes it away.
int SocketError(int fd) {
  int error = 0;
  socklen_t bytes = sizeof error;
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &bytes);
  return error;
}

ssize_t Receive(Socket* socket, char* into, size_t bytes) {
  if (socket->stream != nullptr) return socket->stream->Read(into, bytes);
  return recv(socket->fd, into, bytes, 0);
}

ssize_t Send(Socket* socket, iovec* vectors, int count) {
  if (socket->stream != nullptr) return socket->stream->Write(vectors, count);
  if (count == 1) return send(socket->fd, vectors[0].iov_base, vectors[0].iov_len, MSG_NOSIGNAL);
  msghdr header = {};
  header.msg_iov = vectors;
  header.msg_iovlen = static_cast<size_t>(count);
  return sendmsg(socket->fd, &header, MSG_NOSIGNAL);
}

void EndOutput(Socket* socket) {
  if (socket->stream != nullptr) {
    socket->stream->EndOutput();
  } else {
    shutdown(socket->fd, SHUT_WR);
  }
}

}  // namespace

Socket* IoLoop::Adopt(int fd, std::unique_ptr<Stream> stream, uint32_t number,
                      Socket::State state) {
  auto* socket = new Socket;
  socket->fd = fd;
  socket->stream = std::move(stream);
  socket->number = number;
  socket->state = state;
  socket->last_read_ms = socket->progress_ms = now_ms_;
  socket->high_watermark_bytes = limits::kOutHighWatermarkBytes;
  if (fd >= 0) {
    CHECK(uv_poll_init(&loop_, &socket->poll, fd) == 0);
    socket->poll.data = socket;
  } else {
    // Before WatchRing looks: from here on the edge tells this loop.
    static_cast<RingStream*>(socket->stream.get())->MoveTo(index_);
  }
  sockets_.Insert(number, socket);
  open_sockets_.fetch_add(1, std::memory_order_relaxed);
  Watch(socket);
  return socket;
}

Socket* IoLoop::FindSocket(uint32_t number) {
  Socket** const found = sockets_.Find(number);
  return found == nullptr ? nullptr : *found;
}

/// Brings the poll in line with what the socket wants; free when nothing changed.
void IoLoop::Watch(Socket* socket) {
  if (socket->state == Socket::State::kClosed) return;
  if (socket->fd < 0) return WatchRing(socket);
  int events = 0;
  if (socket->state == Socket::State::kDialing) {
    events = UV_WRITABLE;
  } else if (socket->state == Socket::State::kSecuring) {
    if (!socket->secures_later)
      events = socket->securing == Stream::Progress::kWantsWrite ? UV_WRITABLE : UV_READABLE;
  } else {
    if (socket->reading || socket->state == Socket::State::kLingering) events |= UV_READABLE;
    if (socket->writing) events |= UV_WRITABLE;
    if (socket->stream != nullptr) {
      // A record of the one direction may wait for one of the other.
      if (socket->writing && socket->stream->write_wants_read()) events = UV_READABLE;
      if (socket->reading && socket->stream->read_wants_write()) events |= UV_WRITABLE;
    }
  }
  if (events == socket->events) return;
  socket->events = static_cast<uint8_t>(events);
  if (events == 0) {
    uv_poll_stop(&socket->poll);
    return;
  }
  uv_poll_start(&socket->poll, events, [](uv_poll_t* handle, int status, int ready) {
    auto* polled = static_cast<Socket*>(handle->data);
    auto* const loop = static_cast<IoLoop*>(handle->loop->data);
    loop->OnReady(polled, status, ready);
    if (++loop->turn_ready_ >= limits::kTurnReady) loop->EndTurn();
  });
}

void IoLoop::OnReady(Socket* socket, int status, int events) {
  if (socket->state == Socket::State::kDialing) {
    const int error = SocketError(socket->fd);
    if (error == EINPROGRESS) return;
    if (error != 0 || status < 0) {
      Close(socket, CloseCause::kDialFailed, mqtt::Reason::kSuccess,
            uv_err_name(error != 0 ? -error : status));
      return;
    }
    socket->peer = PeerName(socket->fd);
    if (socket->stream != nullptr) {
      socket->state = Socket::State::kSecuring;
      Secure(socket);
    } else {
      Dialed(socket);
    }
    return;
  }
  if (socket->state == Socket::State::kSecuring) return Secure(socket);
  if (status < 0) {
    // libuv says EBADF for every POLLERR; the socket knows better (ECONNRESET).
    const int error = SocketError(socket->fd);
    Broken(socket, error != 0 ? -error : status);
    return;
  }
  if (socket->stream != nullptr) {
    if (socket->stream->write_wants_read() && socket->writing) events |= UV_WRITABLE;
    if (socket->stream->read_wants_write() && socket->reading) events |= UV_READABLE;
  }
  if ((events & UV_WRITABLE) != 0) {
    socket->writing = false;
    if (!Flush(socket)) return;
    Watch(socket);
  }
  if ((events & UV_READABLE) != 0) Read(socket);
}

/// The far end can be talked to.
void IoLoop::Dialed(Socket* socket) {
  socket->state = Socket::State::kDialed;
  socket->last_read_ms = socket->progress_ms = now_ms_;
  Event(EventKind::kDialed).U32(socket->number).End();
  shard_.sender()->dirty()->Add(socket);  // the first bytes wait
  Watch(socket);
}

/// Reads in the states whose bytes are no packets. False: they are.
bool IoLoop::ReadOutside(Socket* socket) {
  switch (socket->state) {
    case Socket::State::kProxy:
      ReadProxyHeader(socket);
      return true;
    case Socket::State::kLingering: {  // what still comes is discarded, so that no reset overtakes
                                       // our last bytes
      const ssize_t got = Receive(socket, buffer_.get(), limits::kReadBufferBytes);
      if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) Destroy(socket, true);
      return true;
    }
    case Socket::State::kClosed:
      return true;
    default:
      return false;
  }
}

void IoLoop::Read(Socket* socket) {
  if (socket->state != Socket::State::kServing && ReadOutside(socket)) return;
  // What others have used of the listener's rate, it waits for before it reads.
  if (socket->rate != nullptr && !socket->blocked()) PausedByRate(socket);
  if (socket->blocked() || socket->out.size() >= socket->reads_below()) {
    socket->reading = false;
    Watch(socket);
    return;
  }
  // What was left of the last packet stands in front of what comes, so that packets are whole and
  // contiguous.
  const size_t kept = socket->unparsed.view().size();
  const bool in_place = kept <= limits::kReadBufferBytes;
  char* const into = buffer_.get() + (in_place ? kept : 0);
  const ssize_t got = Receive(socket, into, limits::kReadBufferBytes);
  if (got <= 0) {
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
      if (socket->stream != nullptr) Watch(socket);  // it may have to write first
      return;
    }
    const int error = got == 0 ? 0 : errno;
    if (socket->stream != nullptr && socket->stream->fault() != StreamFault::kNone) {
      Close(socket, CloseCause::kTlsFailed, mqtt::Reason::kSuccess, socket->stream->failure());
    } else {
      Close(socket, CloseCause::kSocketClosed, mqtt::Reason::kSuccess,
            error == 0 ? "" : uv_err_name(-error));
    }
    return;
  }
  if (socket->stream != nullptr) {
    if (socket->stream->buffered()) ReadLater(socket);
    if (socket->stream->read_wants_write()) Watch(socket);
  }
  Bump(counters_.reads);
  Bump(counters_.bytes_received, static_cast<uint64_t>(got));
  socket->last_read_ms = now_ms_;
  if (socket->rate != nullptr) {
    socket->rate->ChargeBytes(static_cast<size_t>(got), now_ms_);
    PausedByRate(socket);  // what has come is parsed when there are tokens
  }
  if (!in_place ||
      (socket->need > 2 * limits::kReadBufferBytes)) {  // a large packet gathers in its own memory
    socket->unparsed.Gather({into, static_cast<size_t>(got)}, socket->need);
    if (socket->unparsed.view().size() >= socket->need) Resume(socket);
    return;
  }
  if (kept != 0) {
    std::memcpy(buffer_.get(), socket->unparsed.view().data(), kept);
    socket->unparsed.Clear();
  }
  ParseMore(socket, {buffer_.get(), kept + static_cast<size_t>(got)});
}

void IoLoop::ParseMore(Socket* socket, std::string_view fresh) {
  const size_t used = Parse(socket, fresh);
  if (socket->state == Socket::State::kClosed || socket->state == Socket::State::kLingering) return;
  if (used < fresh.size()) {
    socket->unparsed.Assign(fresh.substr(used));
  }
}

void IoLoop::Resume(Socket* socket) {
  // kConnect too: a CONNECT waits when control has too much to decide.
  if (socket->state != Socket::State::kConnect && socket->state != Socket::State::kExchange &&
      socket->state != Socket::State::kServing && socket->state != Socket::State::kDialed)
    return;
  if (socket->blocked()) return;
  if (!socket->unparsed.empty()) {
    // Out of its hands while it is parsed: who closes the socket on the way lets go of its bytes.
    auto [bytes, before] = socket->unparsed.Take();
    const size_t used = before + Parse(socket, std::string_view(bytes).substr(before));
    if (socket->state == Socket::State::kClosed || socket->state == Socket::State::kLingering)
      return;
    if (used < bytes.size()) socket->unparsed.Adopt(std::move(bytes), used);
  }
  if (socket->broken != 0) {
    if (!socket->waits_for_turn()) Broken(socket, std::exchange(socket->broken, 0));
    return;
  }
  if (!socket->blocked() && !socket->reading && socket->out.size() < socket->reads_below()) {
    socket->reading = true;
    socket->last_read_ms = now_ms_;  // keep-alive counts from here
    Watch(socket);
  }
  if (socket->stream != nullptr && socket->stream->buffered()) ReadLater(socket);
}

/// Writes what waits. False: the socket is gone.
bool IoLoop::Flush(Socket* socket) {
  if (socket->state == Socket::State::kClosed) return false;
  if (socket->broken != 0) {
    socket->out.Clear(shard_.sender()->pool());
    return true;
  }
  if (socket->state == Socket::State::kDialing || socket->state == Socket::State::kSecuring ||
      socket->writing) {
    return true;
  }
  for (int round = 0; !socket->out.empty(); ++round) {
    if (round == kWritesPerFlush) {
      socket->writing = true;  // others first: poll tells at once
      break;
    }
    iovec vectors[limits::kIovecsPerWrite];
    const int count = socket->out.Peek(vectors, static_cast<int>(limits::kIovecsPerWrite));
    size_t offered = 0;
    for (int i = 0; i < count; ++i) offered += vectors[i].iov_len;
    const ssize_t sent = Send(socket, vectors, count);
    Bump(counters_.writes);
    if (sent < 0) {
      if (errno == EAGAIN || errno == EINTR) {
        socket->writing = true;
        socket->progress_ms = now_ms_;  // the peer's time to read begins here
        break;
      }
      Broken(socket, -errno);
      return false;
    }
    Bump(counters_.bytes_sent, static_cast<uint64_t>(sent));
    socket->out.Consume(shard_.sender()->pool(), static_cast<size_t>(sent));
    socket->progress_ms = now_ms_;
    if (static_cast<size_t>(sent) < offered) {
      socket->writing = true;
      break;
    }
  }
  if (socket->state == Socket::State::kLingering) {
    if (socket->out.empty()) EndOutput(socket);
    Watch(socket);
    return true;
  }
  if (socket->out.size() <= socket->high_watermark_bytes / 2) {
    shard_.RoomInOutBuffer(socket, now_ms_);
    if (!socket->reading) Resume(socket);
  }
  if (socket->state == Socket::State::kClosed) return false;
  Watch(socket);
  return true;
}

/// The peer reset the connection, as it does when it closes with bytes of ours unread. What it sent
/// before that is still in the kernel, perhaps a DISCONNECT that takes its will back
/// [MQTT-3.14.4-3]: it is read first, now or when the connection's turn comes. `error`: libuv's,
/// negative.
void IoLoop::Broken(Socket* socket, int error) {
  socket->out.Clear(shard_.sender()->pool());  // nobody will take these
  for (int i = 0;
       i < kReadsOfBroken && socket->state == Socket::State::kServing && !socket->blocked(); ++i) {
    Read(socket);
  }
  if (socket->state == Socket::State::kServing && socket->waits_for_turn() && !socket->barrier) {
    socket->broken = error;  // Resume goes on
    socket->reading = socket->writing = false;
    Watch(socket);
    return;
  }
  // Of a server that turned us away after its handshake the alert says why.
  if (socket->state == Socket::State::kDialed && socket->stream != nullptr) Read(socket);
  Close(socket, CloseCause::kSocketClosed, mqtt::Reason::kSuccess, uv_err_name(error));
}

void IoLoop::Close(Socket* socket, CloseCause cause, mqtt::Reason reason, std::string_view detail) {
  if (socket->state == Socket::State::kLingering) {
    Destroy(socket, true);
    return;
  }
  if (socket->state == Socket::State::kClosed) return;
  if (socket->admitting()) --admissions_;
  NotPending(socket);
  const session::Session* session = socket->session;
  Event(EventKind::kClosed)
      .U32(session == nullptr ? kNoSession : session->index)
      .U32(session == nullptr ? 0 : session->generation)
      .U32(socket->number)
      .U32(static_cast<uint32_t>(cause))
      .U32(static_cast<uint32_t>(reason))
      .Bytes(detail)
      .End();
  shard_.links()->Offline(socket);
  shard_.Detach(socket);
  socket->closing = true;
  socket->unparsed.GiveBack();
  // A dial that is given up must not say CONNECT when the far end answers after all: it would take
  // over the client id from the dial that came after it.
  const bool dead =
      cause == CloseCause::kSocketClosed || cause == CloseCause::kDialFailed ||
      cause == CloseCause::kSlowConsumer || socket->state == Socket::State::kDialing ||
      (socket->listener == nullptr &&
       (cause == CloseCause::kTlsFailed || socket->state == Socket::State::kSecuring));
  if (dead) {
    Destroy(socket, true);
    return;
  }
  // The last bytes (DISCONNECT, CONNACK, acknowledgements before it) are flushed before the socket
  // closes [MQTT-3.14.4-2] [MQTT-4.13.2-1].
  socket->state = Socket::State::kLingering;
  socket->state_until_ms = now_ms_ + limits::kLingerMs;
  Schedule(socket, socket->state_until_ms);
  if (socket->writing) {
    Watch(socket);
  } else {
    Flush(socket);
  }
}

void IoLoop::Destroy(Socket* socket, bool close_fd) {
  if (socket->state == Socket::State::kClosed) return;
  socket->state = Socket::State::kClosed;
  NotPending(socket);
  shard_.sender()->dirty()->Forget(socket);
  socket->out.Clear(shard_.sender()->pool());
  if (socket->fd < 0) {
    socket->stream.reset();  // tells the edge, unless the stream has moved to another loop
    graveyard_.emplace_back(socket);
  } else {
    // Before the fd is closed or given away: uv_close takes it out of our epoll set by its number,
    // which another loop may be using a moment later.
    uv_close(reinterpret_cast<uv_handle_t*>(&socket->poll),
             [](uv_handle_t* handle) { delete static_cast<Socket*>(handle->data); });
  }
  if (close_fd) {
    if (socket->fd >= 0) close(socket->fd);
    Bump(counters_.connections_closed);
    if (socket->listener != nullptr)
      socket->listener->connections.fetch_sub(1, std::memory_order_relaxed);
  }
  wheel_.Cancel(socket);
  sockets_.Erase(socket->number);
  open_sockets_.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace causeway::transport
