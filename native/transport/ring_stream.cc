#include "transport/ring_stream.h"

#include <algorithm>
#include <cerrno>

#include "core/limits.h"

namespace causeway::transport {

RingStream::~RingStream() {
  conduit_->released.store(true, std::memory_order_release);
  edge_->Announce(conduit_);
}

ssize_t RingStream::Read(char* into, size_t bytes) {
  // Before the pipe is looked at: what was pushed before the end is seen below.
  const bool gone = conduit_->peer_gone.load(std::memory_order_acquire);
  bool tell_edge = false;
  const size_t got = conduit_->up.Read(into, bytes, &tell_edge);
  if (tell_edge) edge_->Announce(conduit_);
  if (got > 0) return static_cast<ssize_t>(got);
  if (gone) return 0;
  errno = EAGAIN;
  return -1;
}

bool RingStream::Writable() { return !conduit_->down.AwaitRoom(limits::kRingDownBytes / 2); }

ssize_t RingStream::Write(const iovec* vectors, int count) {
  if (conduit_->peer_gone.load(std::memory_order_acquire)) {
    errno = EPIPE;
    return -1;
  }
  size_t offered = 0, taken = 0;
  for (int i = 0; i < count; ++i) offered += vectors[i].iov_len;
  bool tell_edge = false;
  do {
    const size_t used = conduit_->down.size();
    const size_t room = used < limits::kRingDownBytes ? limits::kRingDownBytes - used : 0;
    const size_t now = std::min(room, offered - taken);
    if (now == 0) continue;
    tell_edge = conduit_->down.Push(vectors, taken, now) || tell_edge;
    taken += now;
  } while (taken < offered && !conduit_->down.AwaitRoom(limits::kRingDownBytes / 2));
  if (tell_edge) edge_->Announce(conduit_);
  if (taken > 0 || offered == 0) return static_cast<ssize_t>(taken);
  errno = EAGAIN;
  return -1;
}

void RingStream::EndOutput() {
  if (conduit_->output_ended.exchange(true, std::memory_order_release)) return;
  edge_->Announce(conduit_);
}

}  // namespace causeway::transport
