// Handshakes: driven by the poll within a budget a turn, and what becomes of them. Also the bytes
// that a stream keeps inside, where no poll sees them.
#include <algorithm>

#include "core/check.h"
#include "core/limits.h"
#include "transport/io_loop.h"
#include "transport/tls_stream.h"

namespace causeway::transport {

namespace {

/// Milliseconds between two log lines about one listener's failed handshakes.
constexpr int64_t kSayFailuresEveryMs = 1000;

}  // namespace

/// Takes the handshake one step further, now or, when the turn has made its steps, in a later one.
void IoLoop::Secure(Socket* socket) {
  if (handshake_steps_ >= limits::kHandshakeStepsPerTurn) {
    if (socket->secures_later) return;
    socket->secures_later = true;  // not polled until its turn comes: it would be ready all along
    to_secure_.push_back(socket->number);
    Bump(counters_.tls_handshake_yields);
    Watch(socket);
    return;
  }
  ++handshake_steps_;
  if (socket->stream == nullptr) {  // who has sent nothing yet costs no memory of OpenSSL's
    const auto context = tls_.find(socket->listener->options.tls);
    CHECK(context != tls_.end());  // control makes the context before it listens
    socket->stream = std::make_unique<TlsStream>(context->second, socket->fd);
  }
  socket->securing = socket->stream->Shake();
  switch (socket->securing) {
    case Stream::Progress::kDone:
      return Secured(socket);
    case Stream::Progress::kFailed:
      return NotSecured(socket, socket->stream->fault(), socket->stream->failure());
    default:
      Watch(socket);
  }
}

void IoLoop::Secured(Socket* socket) {
  Bump(counters_.tls_handshakes);
  if (socket->stream->resumed()) Bump(counters_.tls_resumptions);
  if (socket->listener == nullptr) return Dialed(socket);
  socket->state = Socket::State::kConnect;
  socket->state_until_ms = now_ms_ + socket->listener->options.connect_deadline_ms;
  Schedule(socket, socket->state_until_ms);
  Watch(socket);
  Read(socket);  // the CONNECT may have come with the last bytes of the handshake
}

/// `fault` kNone: its time is over. Control is told once a second and listener at most.
void IoLoop::NotSecured(Socket* socket, StreamFault fault, std::string_view reason) {
  Bump(counters_.tls_handshake_failures);
  switch (fault) {
    case StreamFault::kNone:
      Bump(counters_.tls_failures_timeout);
      break;
    case StreamFault::kPeerClosed:
      Bump(counters_.tls_failures_peer_closed);
      break;
    case StreamFault::kNotTls:
      Bump(counters_.tls_failures_not_tls);
      break;
    case StreamFault::kCertificate:
      Bump(counters_.tls_failures_certificate);
      break;
    case StreamFault::kRefusedByPeer:
      Bump(counters_.tls_failures_refused_by_peer);
      break;
    case StreamFault::kNoAgreement:
      Bump(counters_.tls_failures_no_agreement);
      break;
    case StreamFault::kOther:
      Bump(counters_.tls_failures_other);
      break;
  }
  if (Listener* listener = socket->listener) {
    int64_t said = listener->failure_said_ms.load(std::memory_order_relaxed);
    if (now_ms_ - said >= kSayFailuresEveryMs && listener->failure_said_ms.compare_exchange_strong(
                                                     said, now_ms_, std::memory_order_relaxed)) {
      Event(EventKind::kTlsFailed)
          .U32(listener->options.id)
          .U32(listener->failures_unsaid.exchange(0, std::memory_order_relaxed))
          .Bytes(socket->peer.empty() ? PeerName(socket->fd) : socket->peer)
          .Bytes(reason)
          .End();
    } else {
      listener->failures_unsaid.fetch_add(1, std::memory_order_relaxed);
    }
  }
  // Accepted sockets linger, so that our alert is not lost in a reset.
  Close(socket, CloseCause::kTlsFailed, mqtt::Reason::kSuccess, reason);
}

/// Those put off by earlier turns come before those of the next poll.
void IoLoop::SecureWaiting() {
  handshake_steps_ = 0;
  if (to_secure_.empty()) return;
  const size_t now = std::min(to_secure_.size(), limits::kHandshakeStepsPerTurn);
  const std::vector<uint32_t> row(to_secure_.begin(),
                                  to_secure_.begin() + static_cast<ptrdiff_t>(now));
  to_secure_.erase(to_secure_.begin(), to_secure_.begin() + static_cast<ptrdiff_t>(now));
  for (const uint32_t number : row) {
    Socket* socket = FindSocket(number);
    if (socket == nullptr || socket->state != Socket::State::kSecuring) continue;
    socket->secures_later = false;
    if (socket->admitting()) Pending(socket);  // its time begins again: it was we who were slow
    Secure(socket);
  }
}

void IoLoop::ReadLater(Socket* socket) {
  if (socket->reads_later) return;
  socket->reads_later = true;
  to_read_.push_back(socket->number);
}

/// One read each. Whoever is blocked meanwhile is here again when it resumes.
void IoLoop::ReadBuffered() {
  if (to_read_.empty()) return;
  std::vector<uint32_t> row;
  row.swap(to_read_);
  for (const uint32_t number : row) {
    Socket* socket = FindSocket(number);
    if (socket == nullptr) continue;
    socket->reads_later = false;
    Read(socket);
  }
}

}  // namespace causeway::transport
