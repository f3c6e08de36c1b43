#include "loadgen/endpoint.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cstring>

namespace causeway::loadgen {

bool Endpoint::is_loopback4() const {
  if (family() != AF_INET) return false;
  sockaddr_in ipv4;
  std::memcpy(&ipv4, &address, sizeof ipv4);
  return ntohl(ipv4.sin_addr.s_addr) >> 24 == 127;
}

std::optional<Endpoint> TcpEndpoint(const std::string& host, uint16_t port) {
  Endpoint endpoint;
  sockaddr_in ipv4{};
  sockaddr_in6 ipv6{};
  if (inet_pton(AF_INET, host.c_str(), &ipv4.sin_addr) == 1) {
    ipv4.sin_family = AF_INET;
    ipv4.sin_port = htons(port);
    std::memcpy(&endpoint.address, &ipv4, sizeof ipv4);
    endpoint.length = sizeof ipv4;
  } else if (inet_pton(AF_INET6, host.c_str(), &ipv6.sin6_addr) == 1) {
    ipv6.sin6_family = AF_INET6;
    ipv6.sin6_port = htons(port);
    std::memcpy(&endpoint.address, &ipv6, sizeof ipv6);
    endpoint.length = sizeof ipv6;
  } else {
    return std::nullopt;
  }
  endpoint.name = host + ":" + std::to_string(port);
  return endpoint;
}

std::optional<Endpoint> UnixEndpoint(const std::string& path) {
  sockaddr_un local{};
  local.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof local.sun_path) return std::nullopt;
  std::memcpy(local.sun_path, path.data(), path.size());
  Endpoint endpoint;
  std::memcpy(&endpoint.address, &local, sizeof local);
  endpoint.length = sizeof local;
  endpoint.name = "unix:" + path;
  return endpoint;
}

}  // namespace causeway::loadgen
