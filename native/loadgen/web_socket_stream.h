// A client's end of a WebSocket over one socket: MQTT in binary messages. Source: RFC 6455.
//
//   Shake: GET /mqtt, Upgrade ─▶ 101
//   Write: the bytes offered ─▶ one masked message, at most kWebSocketMessageBytes
//   Read:  messages of any size, fragmented or not ─▶ their bytes, one behind the other
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "loadgen/byte_queue.h"
#include "transport/stream.h"

namespace causeway::loadgen {

/// Thread: that of its socket. Does not own the descriptor, which is non-blocking.
///
/// Not what a browser would do: the nonce of the handshake is the example of RFC 6455 §1.3, whose
/// answer is known, so that a server can be told from an echo without SHA-1; masks are
/// pseudo-random.
class WebSocketStream final : public transport::Stream {
 public:
  /// @param host for the Host header   @param seed of the masks
  WebSocketStream(int fd, std::string_view host, uint32_t seed);

  Progress Shake() override;
  ssize_t Read(char* into, size_t bytes) override;
  ssize_t Write(const iovec* vectors, int count) override;
  void EndOutput() override;
  bool buffered() const override { return more_; }
  bool read_wants_write() const override { return pong_waits_; }
  transport::StreamFault fault() const override {
    return failure_.empty() ? transport::StreamFault::kNone : transport::StreamFault::kOther;
  }
  std::string_view failure() const override { return failure_; }

 private:
  enum class Header : uint8_t { kDone, kNeedMore, kClosed };

  Progress Refuse(std::string why);
  /// Sends what waits; false: not all of it went.
  bool Push();
  /// recv into `in_`: as recv.
  ssize_t Pull();
  Header TakeHeader();
  /// Hands over bytes of data frames, up to `bytes`; answers control frames on the way.
  size_t Unframe(char* into, size_t bytes);
  void Frame(uint8_t opcode, std::string_view payload);
  uint32_t NextMask();

  const int fd_;
  ByteQueue in_, out_;
  std::string failure_;
  uint64_t payload_left_ = 0;  // of the data frame that is being read
  size_t taken_ = 0;           // bytes offered to Write that are in `out_`, and still there
  uint32_t mask_;
  bool asked_ = false, open_ = false, ended_ = false;
  bool more_ = false;        // Read stopped before `in_` ran dry
  bool pong_waits_ = false;  // `out_` holds the rest of an answer nobody else will send
};

}  // namespace causeway::loadgen
