// A listener: its options, what all loops share of it, and its sockets that accept.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "transport/accept_rate.h"
#include "transport/access_rule.h"

#include "transport/rate_limit.h"
#include "transport/records.h"

namespace causeway::transport {

struct ListenerOptions {
  uint32_t id = 0;
  std::string host;  // IP literal; empty: all addresses of both families
  uint16_t port = 0;
  std::string path;      // of a Unix domain socket; then host and port mean nothing
  uint32_t mode = 0660;  // its permissions
  int backlog = 1024;
  uint32_t connections_max = 0;     // 0: no limit
  uint64_t accept_interval_ns = 0;  // between two connections; 0: no limit
  uint32_t accept_burst = 1;        // connections that may come at once all the same
  uint32_t packet_bytes_max = 1 << 20;
  uint32_t connect_deadline_ms = 15000;
  uint32_t proxy_timeout_ms = 0;  // for the PROXY header; 0: there is none
  uint32_t high_watermark_bytes = 4 << 20;
  uint32_t send_timeout_ms = 15000;
  uint32_t send_buffer_bytes = 0, receive_buffer_bytes = 0;     // 0: the kernel's choice
  uint32_t probe_idle_s = 0, probe_interval_s = 0, probes = 0;  // TCP keep-alive; 0: none
  std::vector<AccessRule> access_rules;
  Rate messages_rate, bytes_rate;                                    // of each client
  double total_messages_per_second = 0, total_bytes_per_second = 0;  // of all; 0: no limit
  uint8_t max_qos = 2;
  bool retain_available = true;
  bool no_delay = true;
  bool on_edge = false;  // the edge thread accepts: MQTT over WebSocket
  uint32_t tls = 0;      // number of the TLS context, 0: plain
  uint32_t handshake_deadline_ms = 15000;
  bool wants_peer_certificate = false;  // in the connect event

  bool is_unix() const { return !path.empty(); }
};

#define CAUSEWAY_LISTENER_REFUSAL(NAME, name) CAUSEWAY_LISTENER_COUNTER(name)

/// X(name): what happened at one listener. Counted once a connection at most, so shared by the
/// loops.
#define CAUSEWAY_LISTENER_COUNTERS(X) \
  X(accepted)                         \
  X(refused_full)                     \
  X(refused_access)                   \
  X(rate_pauses)                      \
  X(connect_timeouts)                 \
  X(proxy_refused)                    \
  X(not_mqtt_tls)                     \
  X(not_mqtt_http)                    \
  X(not_mqtt_proxy)                   \
  X(not_mqtt_other)                   \
  X(ws_refused_rate)                  \
  CAUSEWAY_EDGE_REFUSALS(CAUSEWAY_LISTENER_REFUSAL)

#define CAUSEWAY_LISTENER_COUNTER(name) name,
enum class ListenerCounter : uint8_t { CAUSEWAY_LISTENER_COUNTERS(CAUSEWAY_LISTENER_COUNTER) };
#undef CAUSEWAY_LISTENER_COUNTER
#define CAUSEWAY_LISTENER_COUNTER(name) #name,
inline constexpr const char* kListenerCounterNames[] = {
    CAUSEWAY_LISTENER_COUNTERS(CAUSEWAY_LISTENER_COUNTER)};
#undef CAUSEWAY_LISTENER_COUNTER
inline constexpr size_t kListenerCounters =
    sizeof kListenerCounterNames / sizeof *kListenerCounterNames;

/// A listener's shared part. Owner: the engine, for its life (connections keep pointing at it).
struct Listener {
  ListenerOptions options;
  std::atomic<uint32_t> connections{
      0};  // of all loops; relaxed, a bound that may be off by the loops accepting at once
  // Of failed handshakes, all loops together; relaxed: at worst one line more is logged.
  std::atomic<int64_t> failure_said_ms{INT64_MIN / 2};
  std::atomic<uint32_t> failures_unsaid{0};

  AcceptRate rate;
  ListenerRates rates;
  std::atomic<uint64_t> counters[kListenerCounters] = {};  // relaxed: they order nothing

  /// Any thread.
  void Count(ListenerCounter counter) {
    counters[static_cast<size_t>(counter)].fetch_add(1, std::memory_order_relaxed);
  }
  /// A peer that was refused for what it is or sent, for the log; the last one is kept.
  void NoteRefused(ListenerCounter counter, std::string peer) {
    Count(counter);
    const std::lock_guard<std::mutex> lock(refused_mutex_);
    refused_peer_ = std::move(peer);
  }
  std::string refused_peer() {
    const std::lock_guard<std::mutex> lock(refused_mutex_);
    return refused_peer_;
  }

 private:
  std::mutex refused_mutex_;  // cold: once a refused connection; a leaf
  std::string refused_peer_;
};

/// Opens one listening socket per loop. Where another process listens on the port, SO_REUSEPORT
/// would silently share it, so the port is first bound without that option (design.md §2). On
/// failure returns errno and names the step in `*what`; no socket stays open. For a listener of the
/// edge only that is done: it opens its own.
int OpenListeningSockets(const ListenerOptions& options, int loops, std::vector<int>* fds,
                         std::string* what);

/// 'address:port' of a peer, '[v6]:port' for IPv6; v4-mapped addresses as v4; 'unix:pid/uid' at a
/// Unix domain socket.
std::string PeerName(int fd);

}  // namespace causeway::transport
