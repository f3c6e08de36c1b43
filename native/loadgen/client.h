// One connection of the generator.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "loadgen/byte_queue.h"
#include "loadgen/sequence.h"
#include "transport/stream.h"

namespace causeway::loadgen {

enum class Role : uint8_t { kSubscriber, kChurner, kPublisher };

enum class State : uint8_t {
  kIdle,        // not opened yet
  kConnecting,  // the socket
  kShaking,     // its stream
  kConnack,     // CONNECT sent
  kHeld,        // accepted; subscribes in Phase::kSubscribe
  kSuback,      // SUBSCRIBEs sent
  kReady,
  kClosed,
};

/// The packet identifiers of a publisher's messages in flight, taken in turn.
class PacketIds {
 public:
  /// @param in_flight_max 1 … 65,535
  explicit PacketIds(uint32_t in_flight_max)
      : in_flight_max_(in_flight_max), used_(std::min(65'535u, in_flight_max * 4)) {}

  /// 0: as many are out as may be, or the next one is still out because others were answered first.
  uint16_t Take() {
    if (in_flight_ >= in_flight_max_ || used_[next_]) return 0;
    used_[next_] = true;
    ++in_flight_;
    const auto id = static_cast<uint16_t>(next_ + 1);
    next_ = next_ + 1 == used_.size() ? 0 : next_ + 1;
    return id;
  }
  bool IsOut(uint16_t id) const { return id > 0 && id <= used_.size() && used_[id - 1]; }
  /// `id` is out.
  void Give(uint16_t id) {
    used_[id - 1] = false;
    --in_flight_;
  }
  /// Of the CONNACK.
  void Limit(uint32_t receive_maximum) {
    in_flight_max_ = std::min(in_flight_max_, receive_maximum);
  }

 private:
  uint32_t in_flight_max_;
  uint32_t in_flight_ = 0, next_ = 0;
  std::vector<bool> used_;
};

/// Thread: its worker's.
struct Client {
  Client(Role with_role, uint32_t with_number) : role(with_role), number(with_number) {}
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() { Close(); }

  /// The stream first: it may say goodbye.
  void Close() {
    stream.reset();
    if (fd >= 0) close(fd);
    fd = -1;
  }

  int fd = -1;
  State state = State::kIdle;
  const Role role;
  bool wants_out = false;  // EPOLLOUT is asked for
  bool flushing = false;   // in the worker's list of sockets to write
  bool pumping = false;    // in the worker's list of publishers to look at
  const uint32_t number;   // among those of its role, over all threads
  uint32_t subacks_due = 0;
  int64_t asked_ns = 0;                       // when the SUBSCRIBE went
  std::unique_ptr<transport::Stream> stream;  // null: bytes are the socket's
  ByteQueue out;
  std::string carry;  // the beginning of a packet whose rest has not come

  // Subscriber: by publisher. Ordered, or once each where there is no order.
  std::vector<SequenceTrack> tracks;
  std::vector<GroupTrack> once;

  // Churner
  uint32_t turn = 0;
  std::string filter;

  // Publisher
  std::string topic;
  uint64_t sequence = 0;     // of the next message, so also messages sent
  uint64_t expected = 0;     // deliveries that these should cause
  uint64_t given_up = 0;     // of them, after a stall, so that the window opens again
  uint64_t credit_seen = 0;  // by the last look for stalls
  int64_t progress_ns = 0;   // and when it changed; 0: not looked yet
  PacketIds ids{1};
};

/// After a call on the client's socket or stream that failed; errno is still that of the call.
inline std::string_view WhyBroken(const Client& client) {
  const char* const system = std::strerror(errno);
  const bool has_words = client.stream != nullptr && !client.stream->failure().empty();
  return has_words ? client.stream->failure() : std::string_view(system);
}

}  // namespace causeway::loadgen
