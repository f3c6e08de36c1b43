// Options of sockets, listeners' and dialled ones.
#pragma once

#include <sys/socket.h>

#include <cstdint>

namespace causeway::transport {

/// What fails here fails for this connection's speed only: the kernel keeps its own choice.
inline void SetOption(int fd, int level, int option, uint32_t value) {
  const int number = static_cast<int>(value);
  setsockopt(fd, level, option, &number, sizeof number);
}

}  // namespace causeway::transport
