// Where a broker listens.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>

namespace causeway::loadgen {

/// A socket address, made once.
struct Endpoint {
  sockaddr_storage address{};
  socklen_t length = 0;
  std::string name;  // as written, for messages

  int family() const { return address.ss_family; }
  bool is_tcp() const { return family() != AF_UNIX; }
  /// Whether connections may come from any address of 127.0.0.0/8, each with ports of its own.
  bool is_loopback4() const;
};

/// `host` is a numeric IPv4 or IPv6 address. Nothing: it is not.
std::optional<Endpoint> TcpEndpoint(const std::string& host, uint16_t port);
/// Nothing: the path does not fit into a socket address (107 bytes on Linux).
std::optional<Endpoint> UnixEndpoint(const std::string& path);

}  // namespace causeway::loadgen
