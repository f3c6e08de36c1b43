// What stands between a connection's bytes and its descriptor when the two are not the same: TLS,
// or rings shared with the edge thread.
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>

namespace causeway::transport {

/// Owner: its socket, on one loop at a time; it moves with the socket to the session's home loop. A
/// plain connection has none and pays one branch per system call for that.
class Stream {
 public:
  Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  virtual ~Stream() = default;

  /// As recv on a non-blocking descriptor: > 0 bytes, 0 the peer has ended, -1 with errno (EAGAIN:
  /// nothing now).
  virtual ssize_t Read(char* into, size_t bytes) = 0;
  /// As writev: how many bytes were taken, or -1 with errno. What was not taken is offered again
  /// from the same place.
  virtual ssize_t Write(const iovec* vectors, int count) = 0;
  /// No more bytes of ours: the peer is told once all of them have left.
  virtual void EndOutput() = 0;
  /// Read has more, although no poll will say so.
  virtual bool buffered() const { return false; }
};

}  // namespace causeway::transport
