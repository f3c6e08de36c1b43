#include "loadgen/web_socket_stream.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/limits.h"

namespace causeway::loadgen {
namespace {

constexpr std::string_view kNonce = "dGhlIHNhbXBsZSBub25jZQ==";
constexpr std::string_view kAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";  // §1.3: the answer to it
constexpr size_t kAnswerBytesMax = 16 * 1024;

constexpr uint8_t kFinal = 0x80, kMasked = 0x80;
constexpr uint8_t kContinuation = 0x0, kBinary = 0x2, kClose = 0x8, kPing = 0x9;
constexpr size_t kControlBytesMax = 125;  // §5.5

constexpr size_t kLengthAt = 1;
constexpr size_t kMaskBytes = 4;

/// Bytes of a header whose second byte is `length`.
size_t HeaderBytes(uint8_t length) { return length < 126 ? 2 : length == 126 ? 4 : 10; }

uint64_t NumberAt(const char* bytes, size_t count) {
  uint64_t number = 0;
  for (size_t i = 0; i < count; ++i) number = number << 8 | static_cast<unsigned char>(bytes[i]);
  return number;
}

char LowerOf(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

/// The value of a header field, without the spaces around it; empty: it is not there.
std::string_view FieldOf(std::string_view head, std::string_view name) {
  for (size_t at = head.find("\r\n"); at != std::string_view::npos; at = head.find("\r\n", at)) {
    at += 2;
    const std::string_view line = head.substr(at, head.find("\r\n", at) - at);
    const bool is_it = line.size() > name.size() && line[name.size()] == ':' &&
                       std::equal(name.begin(), name.end(), line.begin(), [](char want, char has) {
                         return LowerOf(want) == LowerOf(has);
                       });
    if (!is_it) continue;
    std::string_view value = line.substr(name.size() + 1);
    while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
    while (!value.empty() && value.back() == ' ') value.remove_suffix(1);
    return value;
  }
  return {};
}

/// A line of somebody else's, safe to show.
std::string Shown(std::string_view line) {
  std::string text(line.substr(0, 80));
  for (char& c : text)
    if (c < ' ' || c > '~') c = '?';
  return text;
}

}  // namespace

WebSocketStream::WebSocketStream(int fd, std::string_view host, uint32_t seed)
    : fd_(fd), mask_(seed * 2'654'435'761u | 1) {
  out_.Append("GET /mqtt HTTP/1.1\r\nHost: ");
  out_.Append(host);
  out_.Append(
      "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
      "Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Key: ");
  out_.Append(kNonce);
  out_.Append("\r\n\r\n");
}

transport::Stream::Progress WebSocketStream::Refuse(std::string why) {
  failure_ = std::move(why);
  return Progress::kFailed;
}

transport::Stream::Progress WebSocketStream::Shake() {
  if (open_) return Progress::kDone;
  if (!failure_.empty()) return Progress::kFailed;
  if (!asked_ && !Push()) {
    return errno == EAGAIN ? Progress::kWantsWrite : Refuse(std::strerror(errno));
  }
  asked_ = true;
  const ssize_t came = Pull();
  if (came < 0 && errno != EAGAIN) return Refuse(std::strerror(errno));
  if (came == 0) return Refuse("closed instead of an answer to the upgrade to WebSocket");
  const std::string_view bytes(in_.data(), in_.size());
  if (!bytes.empty() && !std::string_view("HTTP/1.").starts_with(bytes.substr(0, 7)))
    return Refuse("what answers the upgrade to WebSocket is not HTTP");
  const size_t end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) {
    return bytes.size() > kAnswerBytesMax ? Refuse("the answer to the upgrade has no end")
                                          : Progress::kWantsRead;
  }
  const std::string_view head = bytes.substr(0, end + 2);
  if (!head.starts_with("HTTP/1.1 101"))
    return Refuse("the upgrade to WebSocket was refused: " +
                  Shown(head.substr(0, head.find('\r'))));
  if (FieldOf(head, "Sec-WebSocket-Accept") != kAccept)
    return Refuse("the answer to the upgrade proves no WebSocket");
  if (FieldOf(head, "Sec-WebSocket-Protocol") != "mqtt")
    return Refuse("the server speaks WebSocket, and not MQTT over it");
  in_.Consume(end + 4);
  open_ = true;
  more_ = !in_.empty();
  return Progress::kDone;
}

bool WebSocketStream::Push() {
  while (!out_.empty()) {
    const ssize_t sent = send(fd_, out_.data(), out_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return false;
    out_.Consume(static_cast<size_t>(sent));
  }
  pong_waits_ = false;
  return true;
}

ssize_t WebSocketStream::Pull() {
  char* const room = in_.Reserve(limits::kLoadWebSocketReadBytes);
  const ssize_t came = recv(fd_, room, limits::kLoadWebSocketReadBytes, MSG_DONTWAIT);
  if (came > 0) in_.Extend(static_cast<size_t>(came));
  return came;
}

ssize_t WebSocketStream::Read(char* into, size_t bytes) {
  if (pong_waits_ && !Push() && errno != EAGAIN) return -1;
  more_ = false;
  size_t taken = Unframe(into, bytes);
  if (taken < bytes && !ended_ && failure_.empty()) {
    const ssize_t came = Pull();
    if (came > 0) {
      taken += Unframe(into + taken, bytes - taken);
    } else if (came == 0) {
      ended_ = true;
    } else if (errno != EAGAIN && errno != EINTR && taken == 0) {
      return -1;
    }
  }
  // What is behind the last whole byte is said by the next Read.
  more_ = taken > 0 && (taken == bytes || ended_ || !failure_.empty());
  if (taken > 0) return static_cast<ssize_t>(taken);
  if (!failure_.empty()) {
    errno = EPROTO;
    return -1;
  }
  if (ended_) return 0;
  errno = EAGAIN;
  return -1;
}

size_t WebSocketStream::Unframe(char* into, size_t bytes) {
  size_t taken = 0;
  while (taken < bytes) {
    if (payload_left_ == 0) {
      if (ended_ || !failure_.empty() || TakeHeader() != Header::kDone) break;
      continue;
    }
    const size_t now = std::min({static_cast<size_t>(payload_left_), in_.size(), bytes - taken});
    if (now == 0) break;
    std::memcpy(into + taken, in_.data(), now);
    in_.Consume(now);
    payload_left_ -= now;
    taken += now;
  }
  return taken;
}

/// Takes the next header, and the whole frame when it is one of control.
WebSocketStream::Header WebSocketStream::TakeHeader() {
  if (in_.size() < 2) return Header::kNeedMore;
  const auto first = static_cast<uint8_t>(in_.data()[0]);
  const auto length = static_cast<uint8_t>(in_.data()[kLengthAt]);
  const uint8_t opcode = first & 0x0F;
  if ((first & 0x70) != 0 || (length & kMasked) != 0 ||
      (opcode != kContinuation && opcode != kBinary && opcode < kClose)) {
    failure_ = "the broker sent a WebSocket frame that it may not";
    return Header::kClosed;
  }
  const size_t header = HeaderBytes(length);
  if (in_.size() < header) return Header::kNeedMore;
  const uint64_t payload = header == 2 ? length : NumberAt(in_.data() + 2, header - 2);
  if (opcode < kClose) {
    in_.Consume(header);
    payload_left_ = payload;
    return Header::kDone;
  }
  if (payload > kControlBytesMax) {
    failure_ = "the broker sent a WebSocket frame that it may not";
    return Header::kClosed;
  }
  if (in_.size() < header + payload) return Header::kNeedMore;
  // A pong behind half a message of ours would be one inside it: then only a later ping is
  // answered, which §5.5.3 allows.
  if (opcode == kPing && out_.empty()) {
    Frame(0xA, {in_.data() + header, static_cast<size_t>(payload)});
    pong_waits_ = !Push();
  }
  in_.Consume(header + static_cast<size_t>(payload));
  if (opcode != kClose) return Header::kDone;
  ended_ = true;
  return Header::kClosed;
}

ssize_t WebSocketStream::Write(const iovec* vectors, int count) {
  if (taken_ == 0) {
    if (!out_.empty() && !Push()) return -1;  // a pong
    const size_t offered = count > 0 ? vectors[0].iov_len : 0;
    taken_ = std::min(offered, limits::kLoadWebSocketMessageBytes);
    if (taken_ == 0) return 0;
    Frame(kBinary, {static_cast<const char*>(vectors[0].iov_base), taken_});
  }
  // A frame that has begun is finished before its bytes count as taken: they are offered again.
  if (!Push()) return -1;
  const size_t done = taken_;
  taken_ = 0;
  return static_cast<ssize_t>(done);
}

void WebSocketStream::Frame(uint8_t opcode, std::string_view payload) {
  char header[14];
  header[0] = static_cast<char>(kFinal | opcode);
  size_t bytes = 2;
  const auto put = [&](size_t count) {
    for (size_t i = count; i-- > 0;) header[bytes++] = static_cast<char>(payload.size() >> (8 * i));
  };
  if (payload.size() < 126) {
    header[kLengthAt] = static_cast<char>(kMasked | payload.size());
  } else if (payload.size() <= 0xFFFF) {
    header[kLengthAt] = static_cast<char>(kMasked | 126);
    put(2);
  } else {
    header[kLengthAt] = static_cast<char>(kMasked | 127);
    put(8);
  }
  const uint32_t mask = NextMask();
  std::memcpy(header + bytes, &mask, kMaskBytes);
  out_.Append({header, bytes + kMaskBytes});
  char* const to = out_.Reserve(payload.size());
  const uint64_t wide = uint64_t{mask} << 32 | mask;
  size_t at = 0;
  for (; at + sizeof wide <= payload.size(); at += sizeof wide) {
    uint64_t word;
    std::memcpy(&word, payload.data() + at, sizeof word);
    word ^= wide;
    std::memcpy(to + at, &word, sizeof word);
  }
  for (; at < payload.size(); ++at)
    to[at] = static_cast<char>(payload[at] ^ header[bytes + at % kMaskBytes]);
  out_.Extend(payload.size());
}

/// xorshift32: not predictable enough for a browser, which we are not.
uint32_t WebSocketStream::NextMask() {
  mask_ ^= mask_ << 13;
  mask_ ^= mask_ >> 17;
  mask_ ^= mask_ << 5;
  return mask_;
}

void WebSocketStream::EndOutput() { shutdown(fd_, SHUT_WR); }

}  // namespace causeway::loadgen
