// A connection with its file descriptor.
#pragma once

#include <uv.h>

#include <cstdint>
#include <memory>

#include "core/limits.h"
#include "core/linked_list.h"
#include "core/timer_wheel.h"
#include "session/connection.h"
#include "transport/listener.h"
#include "transport/stream.h"
#include "transport/unparsed.h"

namespace causeway::transport {

/// A connection whose CONNECT is not whole: it gives way, the oldest first, when all places before
/// the CONNECT are taken.
struct PendingConnect : Linked<PendingConnect> {
  int64_t pending_since_ms = 0;
};

/// Owner: one loop at a time; the fd moves to the session's home loop when control has accepted the
/// CONNECT. Freed by uv's close callback.
struct Socket : session::Connection, TimerEntry, PendingConnect {
  enum class State : uint8_t {
    kProxy,      // accepted: the PROXY header comes first, under a deadline
    kSecuring,   // TLS handshake, accepted (listener set) or dialled, under a deadline
    kConnect,    // reading the CONNECT, under a deadline
    kAdmission,  // the CONNECT is with control: not read
    kExchange,   // still with control, which waits for the client's AUTH: one packet is read
    kServing,    // attached to a session
    kDialing,    // connecting to another broker
    kDialed,     // client role
    kLingering,  // detached: last bytes leave, what comes is discarded
    kClosed,     // fd closed, handle closing
  };

  Listener* listener = nullptr;  // null for dialled ones
  uv_poll_t poll = {};
  std::unique_ptr<Stream> stream;   // null: the descriptor's bytes are the peer's; of a TLS
                                    // listener, until the first byte has come
  std::unique_ptr<RateLimit> rate;  // null: its listener has none
  Unparsed unparsed;
  int64_t last_read_ms = 0;
  int64_t progress_ms =
      0;  // while `writing`: when bytes last left, or the kernel's buffer was first found full
  int64_t state_until_ms = 0;  // of kProxy … kExchange, kDialing, kLingering; of a barrier
  int fd = -1;  // -1: a WebSocket connection, `stream` is its RingStream and `poll` is not used
  uint32_t need = 0;  // size of the packet that is arriving, 0: unknown
  uint32_t packet_bytes_in_max = 0;
  uint32_t keep_alive_ms = 0;  // 0: none
  uint32_t send_timeout_ms = 15000;
  int broken = 0;  // the peer's reset, libuv's number: what it said before is still to be read

  State state = State::kConnect;
  uint8_t events = 0;         // what the poll watches
  bool reading = true;        // wants to read; false while blocked or above the high watermark
  bool writing = false;       // the kernel's buffer is full
  bool ready = false;         // without a descriptor: in the loop's list of those to serve
  bool rate_limited = false;  // no tokens: not read until there are
  bool yielded = false;       // its PUBLISHes have used this turn's deliveries
  bool waits_for_control =
      false;  // its next packet needs a decision and control has too much to decide

  // With a stream only.
  Stream::Progress securing = Stream::Progress::kWantsRead;  // of kSecuring: what is waited for
  bool secures_later = false;  // the turn had made its handshake steps: not polled
  bool reads_later = false;    // the stream holds bytes that no poll will tell of

  /// Accepted and not attached yet: a handshake or CONNECT is awaited, or being decided on.
  bool admitting() const {
    return state == State::kProxy || state == State::kConnect || state == State::kAdmission ||
           state == State::kExchange || (state == State::kSecuring && listener != nullptr);
  }
  /// With so much waiting for it, it is not read.
  size_t reads_below() const {
    return carried == nullptr ? high_watermark_bytes : limits::kCarriedOutBytesMax;
  }
  /// Not parsed on because of us: it will be, when its turn comes.
  bool waits_for_turn() const {
    return fanout_pending || yielded || rate_limited || waits_for_control;
  }
  bool blocked() const { return barrier || waits_for_turn() || state == State::kAdmission; }
};

}  // namespace causeway::transport
