// Sockets that accept: one for each loop, the kernel spreads connections over them.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

namespace causeway::transport {

struct ListenerOptions {
  uint32_t id = 0;
  std::string host;  // IP literal; empty: all addresses
  uint16_t port = 0;
  int backlog = 1024;
  uint32_t connections_max = 0;  // 0: no limit
  uint32_t packet_bytes_max = 1 << 20;
  uint32_t connect_deadline_ms = 15000;
  uint32_t high_watermark_bytes = 4 << 20;
  uint32_t send_timeout_ms = 15000;
  uint8_t max_qos = 2;
  bool retain_available = true;
  bool no_delay = true;
};

/// A listener's shared part. Owner: the engine, for its life (connections keep pointing at it).
struct Listener {
  ListenerOptions options;
  std::atomic<uint32_t> connections{
      0};  // of all loops; relaxed, a bound that may be off by the loops accepting at once
};

/// Opens one listening socket per loop. Where another process listens on the port, SO_REUSEPORT
/// would silently share it, so the port is first bound without that option (design.md §2). On
/// failure returns errno and names the step in `*what`; no socket stays open.
int OpenListeningSockets(const ListenerOptions& options, int loops, std::vector<int>* fds,
                         std::string* what);

/// 'address:port' of a peer, '[v6]:port' for IPv6; v4-mapped addresses as v4.
std::string PeerName(int fd);

}  // namespace causeway::transport
