// TLS over one socket, with Node's OpenSSL.
//
//   socket ──recv──▶ OpenSSL ──SSL_read──▶ the loop's read buffer
//   socket ◀──send── OpenSSL ◀─SSL_write── record of ≤ 16 KiB ◀──copied── out-buffer's pieces
//
// OpenSSL calls us for the bytes of the wire (a BIO of ours): sends without SIGPIPE, and no second
// recv after one that came back short.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <string_view>

#include "transport/stream.h"
#include "transport/tls_context.h"
#include "transport/tls_failure.h"

namespace causeway::transport {

/// Thread: that of its socket; moves with it. Does not own the descriptor.
class TlsStream final : public Stream {
 public:
  /// A server's end when the context is one. `server_name`, of clients: the name to ask for and to
  /// verify, a host name or an IP literal; empty: neither.
  TlsStream(std::shared_ptr<const TlsContext> context, int fd, std::string_view server_name = {});
  ~TlsStream() override;

  Progress Shake() override;
  ssize_t Read(char* into, size_t bytes) override;
  ssize_t Write(const iovec* vectors, int count) override;
  void EndOutput() override;
  bool buffered() const override { return more_; }
  bool read_wants_write() const override { return read_wants_write_; }
  bool write_wants_read() const override { return write_wants_read_; }
  StreamFault fault() const override { return failure_.fault; }
  std::string_view failure() const override { return failure_.reason; }
  bool resumed() const override { return SSL_session_reused(ssl_) == 1; }
  std::string PeerCertificate() const override;

 private:
  enum class State : uint8_t { kShaking, kOpen, kBroken, kRefused };

  static BIO_METHOD* WireMethod();
  static int ReadWire(BIO* bio, char* into, int bytes);
  static int WriteWire(BIO* bio, const char* bytes, int count);
  static long ControlWire(BIO* bio, int command, long number, void* pointer);

  ssize_t Break();

  const std::shared_ptr<const TlsContext> context_;
  SSL* ssl_;
  const int fd_;
  State state_ = State::kShaking;
  bool drained_ = false;  // this call has had all that the kernel holds
  bool more_ = false;     // the last Read stopped before OpenSSL ran dry
  bool read_wants_write_ = false;
  bool write_wants_read_ = false;
  int write_error_ = 0;  // errno of a failed send, 0: none
  TlsWire wire_;
  TlsFailure failure_;
};

}  // namespace causeway::transport
