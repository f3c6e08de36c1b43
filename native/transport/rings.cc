// Sockets without a descriptor: WebSocket connections, whose bytes come through rings from the edge
// thread. Where others have a poll these have a list of what to serve in the turn.
#include <utility>

#include "core/limits.h"
#include "transport/edge_port.h"
#include "transport/io_loop.h"

namespace causeway::transport {

namespace {

/// Only sockets without a descriptor have one, and all of them do.
RingStream* RingOf(Socket* socket) { return static_cast<RingStream*>(socket->stream.get()); }

}  // namespace

void IoLoop::Execute(EdgeOpenCommand& command) {
  // The edge has looked at its address and number (EdgePort::Admit). Its socket is open already, so
  // nobody can be made to wait here: who is too many is cut off.
  const bool is_full = !AcceptsMore(*command.listener);
  if (draining_ || is_full || !HasRoom()) {
    Bump(counters_.connects_refused_quota);
    if (is_full)
      command.listener->NoteRefused(ListenerCounter::refused_full, std::move(command.peer));
    command.stream.reset();
    return;
  }
  Socket* socket =
      Adopt(-1, std::move(command.stream), command.connection, Socket::State::kConnect);
  socket->peer = std::move(command.peer);
  Accepted(socket, command.listener);
}

bool IoLoop::AcceptsMore(const Listener& listener) const {
  const uint32_t limit = listener.options.connections_max;
  return limit == 0 || listener.connections.load(std::memory_order_relaxed) < limit;
}

void IoLoop::Execute(EdgeReadyCommand& command) {
  for (const uint32_t number : command.connections) {
    // Not here: it is on its way to its home, which looks into the ring by itself, or gone.
    if (Socket* socket = FindSocket(number)) MarkReady(socket);
  }
}

void IoLoop::MarkReady(Socket* socket) {
  if (socket->ready) return;
  socket->ready = true;
  ready_.push_back(socket->number);
}

/// What Watch does with a poll: afterwards either the socket is in the list, or the edge will tell.
void IoLoop::WatchRing(Socket* socket) {
  RingStream* const ring = RingOf(socket);
  const bool lingers = socket->state == Socket::State::kLingering;
  ring->SetReading(socket->reading || lingers);
  const bool wants = (socket->reading || lingers) && ring->readable();
  const bool must_close = socket->reading && !lingers && ring->overrun();
  if (wants || must_close || (socket->writing && ring->Writable())) MarkReady(socket);
}

/// One read each, as after a poll; whoever has more is in the list again.
void IoLoop::ServeRings() {
  std::vector<uint32_t> serving;
  serving.swap(ready_);
  for (const uint32_t number : serving) {
    Socket* socket = FindSocket(number);
    if (socket == nullptr) continue;
    socket->ready = false;
    OnRing(socket);
    Watch(socket);
  }
}

void IoLoop::OnRing(Socket* socket) {
  RingStream* const ring = RingOf(socket);
  if (ring->overrun() && socket->state != Socket::State::kLingering &&
      socket->state != Socket::State::kAdmission) {
    Bump(counters_.ws_overruns);
    if (socket->state == Socket::State::kServing) {
      shard_.sender()->FlushGate(socket);
      SayDisconnect(socket, mqtt::Reason::kQuotaExceeded);
    }
    Close(socket, CloseCause::kProtocolError, mqtt::Reason::kQuotaExceeded,
          "sent more than may wait");
    return;
  }
  if (socket->writing && ring->Writable()) {
    socket->writing = false;
    if (!Flush(socket)) return;
  }
  Read(socket);
}

}  // namespace causeway::transport
