#include "transport/listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "transport/unix_listener.h"

namespace causeway::transport {

namespace {

struct Address {
  sockaddr_storage storage;
  socklen_t bytes = 0;
};

bool ParseAddress(const std::string& host, uint16_t port, Address* out) {
  std::memset(&out->storage, 0, sizeof out->storage);
  auto* v4 = reinterpret_cast<sockaddr_in*>(&out->storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&out->storage);
  if (inet_pton(AF_INET, host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    out->bytes = sizeof *v4;
    return true;
  }
  if (inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    out->bytes = sizeof *v6;
    return true;
  }
  return false;
}

/// A bound socket, listening when `backlog` >= 0; -1 with errno set and `*what` named.
int Open(const Address& address, bool reuse_port, int backlog, std::string* what) {
  const int one = 1, zero = 0;
  const int fd = socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  *what = "socket";
  if (fd < 0) return -1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (address.storage.ss_family == AF_INET6)
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
  int failed = reuse_port ? setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) : 0;
  if (failed == 0) {
    *what = "bind";
    failed = bind(fd, reinterpret_cast<const sockaddr*>(&address.storage), address.bytes);
  }
  if (failed == 0 && backlog >= 0) {
    *what = "listen";
    failed = listen(fd, backlog);
  }
  if (failed == 0) return fd;
  const int error = errno;
  close(fd);
  errno = error;
  return -1;
}

int OpenAt(const Address& address, const ListenerOptions& options, int loops, std::vector<int>* fds,
           std::string* what) {
  if (loops > 1 || options.on_edge) {
    // Bound and listening without SO_REUSEPORT once: fails while anybody else listens there.
    const int probe = Open(address, false, 1, what);
    if (probe < 0) return errno;
    close(probe);
  }
  for (int i = 0; i < loops && !options.on_edge; ++i) {
    const int fd = Open(address, loops > 1, options.backlog, what);
    if (fd < 0) {
      const int error = errno;
      for (const int opened : *fds) close(opened);
      fds->clear();
      return error;
    }
    fds->push_back(fd);
  }
  return 0;
}

}  // namespace

int OpenListeningSockets(const ListenerOptions& options, int loops, std::vector<int>* fds,
                         std::string* what) {
  Address address;
  if (!options.host.empty()) {
    *what = "address";
    if (!ParseAddress(options.host, options.port, &address)) return EINVAL;
    return OpenAt(address, options, loops, fds, what);
  }
  // All addresses: one dual-stack socket serves both families; a host without IPv6 has only the
  // other.
  ParseAddress("::", options.port, &address);
  const int error = OpenAt(address, options, loops, fds, what);
  if (error != EAFNOSUPPORT && error != EADDRNOTAVAIL) return error;
  ParseAddress("0.0.0.0", options.port, &address);
  return OpenAt(address, options, loops, fds, what);
}

std::string PeerName(int fd) {
  sockaddr_storage storage;
  socklen_t bytes = sizeof storage;
  char text[INET6_ADDRSTRLEN];
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&storage), &bytes) != 0) return "";
  if (storage.ss_family == AF_UNIX) return UnixPeerName(fd);
  if (storage.ss_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(&storage);
    inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text);
    return std::string(text) + ":" + std::to_string(ntohs(v4->sin_port));
  }
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&storage);
  const std::string port = ":" + std::to_string(ntohs(v6->sin6_port));
  if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
    inet_ntop(AF_INET, v6->sin6_addr.s6_addr + 12, text, sizeof text);
    return text + port;
  }
  inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text);
  return "[" + std::string(text) + "]" + port;
}

}  // namespace causeway::transport
