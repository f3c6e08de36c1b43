// What stands between a connection's bytes and its descriptor when the two are not the same: TLS,
// or rings shared with the edge thread.
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace causeway::transport {

/// Why a stream could not be opened, or broke. One counter each.
enum class StreamFault : uint8_t {
  kNone,
  kPeerClosed,     // closed or reset before the handshake was over
  kNotTls,         // what came is HTTP, MQTT in clear, or noise
  kCertificate,    // the peer's certificate is missing, or not to be trusted
  kRefusedByPeer,  // the peer sent an alert: it does not trust us, or gave up
  kNoAgreement,    // no common version or cipher suite
  kOther,
};

/// Owner: its socket, on one loop at a time; it moves with the socket to the session's home loop. A
/// plain connection has none and pays one branch per system call for that.
class Stream {
 public:
  enum class Progress : uint8_t { kDone, kWantsRead, kWantsWrite, kFailed };

  Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  virtual ~Stream() = default;

  /// Goes on with the handshake, as far as it goes without waiting; nothing is read or written
  /// before it said kDone. After kFailed, Read gives what still comes, to be discarded.
  virtual Progress Shake() { return Progress::kDone; }
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
  /// Read said EAGAIN because it has to write first: it goes on when the descriptor is writable.
  virtual bool read_wants_write() const { return false; }
  /// Write said EAGAIN because it has to read first.
  virtual bool write_wants_read() const { return false; }

  /// What went wrong, with one clause for people; kNone and empty while nothing did.
  virtual StreamFault fault() const { return StreamFault::kNone; }
  virtual std::string_view failure() const { return {}; }
  /// An earlier session was continued.
  virtual bool resumed() const { return false; }
  /// The peer's certificate, DER; empty when it showed none.
  virtual std::string PeerCertificate() const { return {}; }
};

}  // namespace causeway::transport
