#include "transport/tls_stream.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/check.h"
#include "core/limits.h"

namespace causeway::transport {

namespace {

/// The bytes of an out-buffer, as OpenSSL wants them: one piece a record.
class Pieces {
 public:
  Pieces(const iovec* vectors, int count) : at_(vectors), end_(vectors + count) { Skip(); }

  bool empty() const { return at_ == end_; }
  /// The next bytes, at most one record: where they lie when one piece fills it, otherwise gathered
  /// in `record`. Offered again after more was appended behind them, it is at least as long.
  std::string_view Next(char* record) const {
    const char* first = static_cast<const char*>(at_->iov_base) + offset_;
    if (at_->iov_len - offset_ >= limits::kTlsRecordBytes) return {first, limits::kTlsRecordBytes};
    if (at_ + 1 == end_) return {first, at_->iov_len - offset_};
    size_t filled = 0, from = offset_;
    for (const iovec* one = at_; one != end_ && filled < limits::kTlsRecordBytes; ++one, from = 0) {
      const size_t bytes = std::min(one->iov_len - from, limits::kTlsRecordBytes - filled);
      std::memcpy(record + filled, static_cast<const char*>(one->iov_base) + from, bytes);
      filled += bytes;
    }
    return {record, filled};
  }
  void Take(size_t bytes) {
    offset_ += bytes;
    Skip();
  }

 private:
  void Skip() {
    while (at_ != end_ && offset_ >= at_->iov_len) {
      offset_ -= at_->iov_len;
      ++at_;
    }
  }

  const iovec* at_;
  const iovec* const end_;
  size_t offset_ = 0;
};

bool IsAddress(const std::string& host) {
  unsigned char scratch[sizeof(in6_addr)];
  return inet_pton(AF_INET, host.c_str(), scratch) == 1 ||
         inet_pton(AF_INET6, host.c_str(), scratch) == 1;
}

/// Whom we expect to meet: RFC 6125; addresses are never asked for by SNI (RFC 6066 §3).
void Expect(SSL* ssl, const std::string& host, bool verifies) {
  if (IsAddress(host)) {
    if (verifies) CHECK(X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1);
    return;
  }
  SSL_set_tlsext_host_name(ssl, host.c_str());
  if (!verifies) return;
  SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  SSL_set1_host(ssl, host.c_str());
}

}  // namespace

TlsStream::TlsStream(std::shared_ptr<const TlsContext> context, int fd,
                     std::string_view server_name)
    : context_(std::move(context)), ssl_(context_->NewSsl()), fd_(fd) {
  CHECK(ssl_ != nullptr);
  BIO* wire = BIO_new(WireMethod());
  CHECK(wire != nullptr);
  BIO_set_data(wire, this);
  BIO_set_init(wire, 1);
  SSL_set_bio(ssl_, wire, wire);  // takes the one reference
  if (context_->is_server()) {
    SSL_set_accept_state(ssl_);
  } else {
    SSL_set_connect_state(ssl_);
    if (!server_name.empty()) Expect(ssl_, std::string(server_name), context_->verifies());
  }
}

TlsStream::~TlsStream() {
  // MQTT clients leave without close_notify; their session may be resumed all the same (RFC 4346
  // §7.2.1), and OpenSSL would drop it from the cache.
  if (state_ == State::kOpen) SSL_set_shutdown(ssl_, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  SSL_free(ssl_);
}

Stream::Progress TlsStream::Shake() {
  if (state_ != State::kShaking)
    return state_ == State::kOpen ? Progress::kDone : Progress::kFailed;
  drained_ = false;
  ERR_clear_error();
  const int done = SSL_do_handshake(ssl_);
  if (done == 1) {
    state_ = State::kOpen;
    return Progress::kDone;
  }
  switch (SSL_get_error(ssl_, done)) {
    case SSL_ERROR_WANT_READ:
      return Progress::kWantsRead;
    case SSL_ERROR_WANT_WRITE:
      return Progress::kWantsWrite;
    default:
      if (write_error_ != 0) wire_.error = write_error_;
      failure_ = ExplainTls(ssl_, wire_);
      state_ = State::kRefused;
      return Progress::kFailed;
  }
}

ssize_t TlsStream::Read(char* into, size_t bytes) {
  if (state_ == State::kRefused || state_ == State::kShaking) return recv(fd_, into, bytes, 0);
  drained_ = more_ = read_wants_write_ = false;
  size_t taken = 0;
  while (state_ == State::kOpen && taken < bytes) {
    ERR_clear_error();
    size_t got = 0;
    if (SSL_read_ex(ssl_, into + taken, bytes - taken, &got) == 1) {
      taken += got;
      continue;
    }
    switch (SSL_get_error(ssl_, 0)) {
      case SSL_ERROR_WANT_READ:
        if (taken > 0) return static_cast<ssize_t>(taken);
        errno = EAGAIN;
        return -1;
      case SSL_ERROR_WANT_WRITE:
        read_wants_write_ = true;
        if (taken > 0) return static_cast<ssize_t>(taken);
        errno = EAGAIN;
        return -1;
      case SSL_ERROR_ZERO_RETURN:  // close_notify, or the end of the stream
        more_ = taken > 0;         // which the next Read says
        return static_cast<ssize_t>(taken);
      default:
        failure_ = ExplainTls(ssl_, wire_);
        state_ = State::kBroken;
        break;
    }
  }
  if (taken > 0) {
    more_ = true;
    return static_cast<ssize_t>(taken);
  }
  return Break();
}

ssize_t TlsStream::Write(const iovec* vectors, int count) {
  write_wants_read_ = false;
  if (state_ != State::kOpen) return Break();
  char record[limits::kTlsRecordBytes];
  Pieces pieces(vectors, count);
  size_t taken = 0;
  while (!pieces.empty() && taken < limits::kTlsWriteBytes) {
    const std::string_view piece = pieces.Next(record);
    ERR_clear_error();
    size_t sent = 0;
    if (SSL_write_ex(ssl_, piece.data(), piece.size(), &sent) == 1) {
      taken += sent;
      pieces.Take(sent);
      continue;
    }
    switch (SSL_get_error(ssl_, 0)) {
      case SSL_ERROR_WANT_WRITE:  // the record waits in OpenSSL for the same bytes to be offered
        break;
      case SSL_ERROR_WANT_READ:
        write_wants_read_ = true;
        break;
      default:
        // A reset says nothing about what came before it: an alert with the reason is still read.
        if (write_error_ == 0) {
          failure_ = ExplainTls(ssl_, wire_);
          state_ = State::kBroken;
        }
        return Break();
    }
    if (taken > 0) return static_cast<ssize_t>(taken);
    errno = EAGAIN;
    return -1;
  }
  return static_cast<ssize_t>(taken);
}

/// close_notify behind our last record, then FIN.
void TlsStream::EndOutput() {
  if (state_ == State::kOpen) {
    ERR_clear_error();
    SSL_shutdown(ssl_);  // one that finds no room is not worth waiting for: FIN says it as well
    ERR_clear_error();
  }
  shutdown(fd_, SHUT_WR);
}

std::string TlsStream::PeerCertificate() const {
  X509* certificate = SSL_get0_peer_certificate(ssl_);
  if (certificate == nullptr) return {};
  unsigned char* der = nullptr;
  const int bytes = i2d_X509(certificate, &der);
  if (bytes <= 0) return {};
  std::string text(reinterpret_cast<const char*>(der), static_cast<size_t>(bytes));
  OPENSSL_free(der);
  return text;
}

ssize_t TlsStream::Break() {
  errno = wire_.error != 0 ? wire_.error : write_error_ != 0 ? write_error_ : EPROTO;
  return -1;
}

// ---- the wire, as OpenSSL sees it

/// Made once and never freed: OpenSSL's own methods live as long.
BIO_METHOD* TlsStream::WireMethod() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "causeway");
    CHECK(made != nullptr);
    BIO_meth_set_read(made, ReadWire);
    BIO_meth_set_write(made, WriteWire);
    BIO_meth_set_ctrl(made, ControlWire);
    return made;
  }();
  return method;
}

int TlsStream::ReadWire(BIO* bio, char* into, int bytes) {
  auto* self = static_cast<TlsStream*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (self->wire_.ended) return 0;
  if (self->drained_) {
    BIO_set_retry_read(bio);
    return -1;
  }
  const ssize_t got = recv(self->fd_, into, static_cast<size_t>(bytes), 0);
  if (got > 0) {
    if (!self->wire_.any) self->wire_.first = static_cast<unsigned char>(into[0]);
    self->wire_.any = true;
    self->drained_ = got < bytes;
    return static_cast<int>(got);
  }
  if (got == 0) {
    self->wire_.ended = true;
  } else if (errno == EAGAIN || errno == EINTR) {
    self->drained_ = true;
    BIO_set_retry_read(bio);
  } else {
    self->wire_.error = errno;
  }
  return static_cast<int>(got);
}

int TlsStream::WriteWire(BIO* bio, const char* bytes, int count) {
  auto* self = static_cast<TlsStream*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const ssize_t sent = send(self->fd_, bytes, static_cast<size_t>(count), MSG_NOSIGNAL);
  if (sent >= 0) return static_cast<int>(sent);
  if (errno == EAGAIN || errno == EINTR) {
    BIO_set_retry_write(bio);
  } else {
    self->write_error_ = errno;
  }
  return -1;
}

long TlsStream::ControlWire(BIO* bio, int command, long, void*) {
  switch (command) {
    case BIO_CTRL_FLUSH:
      return 1;
    case BIO_CTRL_EOF:
      return static_cast<TlsStream*>(BIO_get_data(bio))->wire_.ended ? 1 : 0;
    default:
      return 0;
  }
}

}  // namespace causeway::transport
