// The two streams that cross the seam in batches: events up, commands down. Plain bytes, little
// endian.
//
// One record:  u32 size (whole record, multiple of 4) · u8 kind · u8 loop · u16 zero · fields in
// the order given with each kind · padding. A `bytes` field is u32 length, then that many bytes,
// padded to 4. src/native/records.ts is generated from the lists below, so both sides number the
// kinds alike.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace causeway::transport {

/// X(NAME, name): events. Fields after the header:
///   connect       u32 connection, u32 listener, bytes peer, bytes packet, bytes certificate (DER)
///   packet        u32 session, u32 generation, u32 connection, u32 packet type, bytes packet
///   link_publish  u32 session, u32 generation, u32 connection, u32 version, bytes packet
///   exchange      u32 connection, bytes packet (the AUTH that answers a challenge)
///   attached      u32 session, u32 generation, u32 connection
///   closed        u32 session (2^32 - 1: none), u32 generation, u32 connection, u32 cause, u32
///                 reason, bytes detail
///   dialed        u32 connection
///   client_packet u32 connection, bytes packet
///   tls_failed    u32 listener, u32 failures not told before this one, bytes peer, bytes reason
#define CAUSEWAY_EVENTS(X)        \
  X(kConnect, connect)            \
  X(kPacket, packet)              \
  X(kLinkPublish, link_publish)   \
  X(kExchange, exchange)          \
  X(kAttached, attached)          \
  X(kClosed, closed)              \
  X(kDialed, dialed)              \
  X(kClientPacket, client_packet) \
  X(kTlsFailed, tls_failed)

/// X(NAME, name): commands. Fields after the header:
///   attach   u32 accept loop, u32 connection, u32 session, u32 generation, u32 version, u32 flags
///   (AttachFlags), u32 old session,
///            u32 old generation, u32 keep alive ms, u32 window max, u32 receive max, u32 packet
///            bytes max, u32 topic alias max, u32 client's topic alias max, u32 queue length max,
///            u32 publish count, bytes client id, bytes username, bytes mountpoint, bytes connack,
///            publish count × bytes packet
///   refuse   u32 connection, bytes connack
///   challenge  u32 connection, bytes packet: sends the AUTH; the one packet that answers it comes
///   as `exchange`
///   answer   u32 session, u32 generation, u32 connection (0: nobody waits), u32 next (0 resume, 1
///   close), u32 op count, bytes reply,
///            op count × { u32 flags (OpFlags), u32 subscription id, bytes filter, bytes group }
///   close    u32 connection, u32 reason, bytes last
///   end      u32 session, u32 generation
///   publish  bytes packet, bytes client id
///   dial     u32 connection, u32 port, u32 timeout ms, u32 packet bytes max, u32 TLS context (0:
///            none), u32 TCP_NODELAY, u32 SO_KEEPALIVE, u32 SO_SNDBUF, u32 SO_RCVBUF (0:
///            the kernel's choice), bytes host, bytes server name, bytes first
///   send     u32 connection, bytes packet
///   slot     u32 connection, u32 link, u32 slot, u32 receive maximum, u32 packet bytes max
///   carry    u32 connection, u32 link, bytes name: from now on it carries the link both ways; see
///   session::Carried
#define CAUSEWAY_COMMANDS(X) \
  X(kAttach, attach)         \
  X(kRefuse, refuse)         \
  X(kChallenge, challenge)   \
  X(kAnswer, answer)         \
  X(kClose, close)           \
  X(kEnd, end)               \
  X(kPublish, publish)       \
  X(kDial, dial)             \
  X(kSend, send)             \
  X(kSlot, slot)             \
  X(kCarry, carry)

/// X(NAME, name): what the edge thread says of its WebSockets; `id` is its own name for one.
/// Fields:
///   open    u32 id, u32 listener, u32 whether its socket can be paused, bytes peer, bytes
///           certificate (DER)
///   data    u32 id, bytes from the client
///   gone    u32 id: its socket is closed
///   hold    u32 id: its socket has enough to write; unhold: it has room again
///   refused u32 0, u32 listener, u32 why (CAUSEWAY_EDGE_REFUSALS), bytes peer
#define CAUSEWAY_EDGE_COMMANDS(X) \
  X(kRefused, refused)            \
  X(kOpen, open)                  \
  X(kData, data)                  \
  X(kGone, gone)                  \
  X(kHold, hold)                  \
  X(kUnhold, unhold)

/// X(NAME, name): what the edge thread is told. Fields:
///   bytes   u32 id, bytes for the client
///   end     u32 id: that was all, close it; drop: cut it off
///   pause   u32 id: do not read it; resume: read it again
#define CAUSEWAY_EDGE_EVENTS(X) \
  X(kBytes, bytes)              \
  X(kEnd, end)                  \
  X(kDrop, drop)                \
  X(kPause, pause)              \
  X(kResume, resume)

/// X(NAME, name): why the edge thread turned somebody away; the counter of that name, of the
/// listener and of all, says what it means.
#define CAUSEWAY_EDGE_REFUSALS(X)         \
  X(kPath, ws_refused_path)               \
  X(kHttp, ws_refused_http)               \
  X(kSubprotocol, ws_refused_subprotocol) \
  X(kOrigin, ws_refused_origin)           \
  X(kRequest, ws_refused_request)         \
  X(kTls, ws_refused_tls)                 \
  X(kText, ws_text_frames)                \
  X(kLarge, ws_large_messages)            \
  X(kMalformed, ws_malformed_frames)

/// X(NAME, text): whether a listener of the edge lets somebody ask for a WebSocket.
#define CAUSEWAY_EDGE_VERDICTS(X) \
  X(kAdmitted, admitted)          \
  X(kDenied, denied)              \
  X(kFull, full)                  \
  X(kTooFast, too_fast)

/// X(NAME, text): why a connection ended.
#define CAUSEWAY_CLOSE_CAUSES(X)            \
  X(kClientDisconnect, "client-disconnect") \
  X(kSocketClosed, "socket-closed")         \
  X(kProtocolError, "protocol-error")       \
  X(kKeepAlive, "keep-alive")               \
  X(kTakenOver, "taken-over")               \
  X(kClosedByControl, "closed-by-control")  \
  X(kSlowConsumer, "slow-consumer")         \
  X(kConnectTimeout, "connect-timeout")     \
  X(kDialFailed, "dial-failed")             \
  X(kTlsFailed, "tls-failed")               \
  X(kShutdown, "shutdown")

#define CAUSEWAY_ENUMERATOR(NAME, name) NAME,
enum class EventKind : uint8_t { CAUSEWAY_EVENTS(CAUSEWAY_ENUMERATOR) };
enum class CommandKind : uint8_t { CAUSEWAY_COMMANDS(CAUSEWAY_ENUMERATOR) };
enum class EdgeCommandKind : uint8_t { CAUSEWAY_EDGE_COMMANDS(CAUSEWAY_ENUMERATOR) };
enum class EdgeEventKind : uint8_t { CAUSEWAY_EDGE_EVENTS(CAUSEWAY_ENUMERATOR) };
enum class EdgeRefusal : uint8_t { CAUSEWAY_EDGE_REFUSALS(CAUSEWAY_ENUMERATOR) };
enum class EdgeVerdict : uint8_t { CAUSEWAY_EDGE_VERDICTS(CAUSEWAY_ENUMERATOR) };
enum class CloseCause : uint8_t { CAUSEWAY_CLOSE_CAUSES(CAUSEWAY_ENUMERATOR) };
#undef CAUSEWAY_ENUMERATOR

/// X(NAME, name, bit): flags of an attach.
#define CAUSEWAY_ATTACH_FLAGS(X)   \
  X(kTakeOver, takeOver, 1)        \
  X(kHasUsername, hasUsername, 2)  \
  X(kPersistent, persistent, 4)    \
  X(kStoreQos0, storeQos0, 8)      \
  X(kLinkAllowed, linkAllowed, 16) \
  X(kUpgradeQos, upgradeQos, 32)   \
  X(kIgnoreLoop, ignoreLoopDeliver, 64)

/// X(NAME, name, bit): flags of one subscription op; bits 0–1 are the granted QoS.
#define CAUSEWAY_OP_FLAGS(X)                  \
  X(kNoLocal, noLocal, 4)                     \
  X(kRetainAsPublished, retainAsPublished, 8) \
  X(kSubscribe, subscribe, 16)                \
  X(kExisting, existing, 32)                  \
  X(kReplay, replay, 64)                      \
  X(kShared, shared, 128)

#define CAUSEWAY_FLAG(NAME, name, bit) inline constexpr uint32_t NAME = bit;
namespace attach_flags {
CAUSEWAY_ATTACH_FLAGS(CAUSEWAY_FLAG)
}
namespace op_flags {
CAUSEWAY_OP_FLAGS(CAUSEWAY_FLAG)
}
#undef CAUSEWAY_FLAG

inline constexpr uint32_t kNoSession = 0xFFFFFFFF;

/// Appends records to a batch.
class RecordWriter {
 public:
  explicit RecordWriter(std::string* out) : out_(out) {}
  RecordWriter& Begin(uint8_t kind, int loop) {
    start_ = out_->size();
    const char header[8] = {0, 0, 0, 0, static_cast<char>(kind), static_cast<char>(loop), 0, 0};
    out_->append(header, sizeof header);
    return *this;
  }
  RecordWriter& U32(uint32_t value) {
    out_->append(reinterpret_cast<const char*>(&value), 4);
    return *this;
  }
  RecordWriter& Bytes(std::string_view bytes) {
    U32(static_cast<uint32_t>(bytes.size()));
    out_->append(bytes);
    out_->append((4 - bytes.size() % 4) % 4, '\0');
    return *this;
  }
  void End() {
    const uint32_t size = static_cast<uint32_t>(out_->size() - start_);
    std::memcpy(out_->data() + start_, &size, 4);
  }

 private:
  std::string* out_;
  size_t start_ = 0;
};

/// Reads the records of a batch. A batch comes from our own other half: anything malformed sets
/// failed(), which callers CHECK.
class RecordReader {
 public:
  explicit RecordReader(std::string_view batch) : batch_(batch) {}
  /// Moves to the next record. False at the end.
  bool Next() {
    at_ = next_;
    if (at_ >= batch_.size()) return false;
    const uint32_t size = batch_.size() - at_ < 8 ? 0 : Peek32(at_);
    if (size < 8 || size > batch_.size() - at_) {
      failed_ = true;
      return false;
    }
    next_ = at_ + size;
    kind_ = static_cast<uint8_t>(batch_[at_ + 4]);
    loop_ = static_cast<uint8_t>(batch_[at_ + 5]);
    at_ += 8;
    return true;
  }
  uint8_t kind() const { return kind_; }
  int loop() const { return loop_; }
  uint32_t U32() {
    if (next_ - at_ < 4) {
      failed_ = true;
      return 0;
    }
    at_ += 4;
    return Peek32(at_ - 4);
  }
  std::string_view Bytes() {
    const size_t size = U32();
    const size_t padded = size + (4 - size % 4) % 4;
    if (failed_ || next_ - at_ < padded) {
      failed_ = true;
      return {};
    }
    at_ += padded;
    return batch_.substr(at_ - padded, size);
  }
  bool failed() const { return failed_; }

 private:
  uint32_t Peek32(size_t at) const {
    uint32_t value;
    std::memcpy(&value, batch_.data() + at, 4);
    return value;
  }
  std::string_view batch_;
  size_t at_ = 0, next_ = 0;
  uint8_t kind_ = 0;
  int loop_ = 0;
  bool failed_ = false;
};

}  // namespace causeway::transport
