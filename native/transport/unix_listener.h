// The file of a Unix domain socket: made, found left behind, and removed.
#pragma once

#include <sys/types.h>

#include <string>

namespace causeway::transport {

/// A listening Unix domain socket and the file that names it. SO_REUSEPORT spreads no Unix sockets,
/// so there is one, and one loop accepts for all: connections move to their home loop anyway.
struct UnixListener {
  int fd = -1;
  std::string path;
  dev_t device = 0;  // with the inode: the file that is ours to remove
  ino_t inode = 0;

  /// Removes the file, unless another one stands in its place by now. The descriptor is the
  /// loop's.
  void RemoveFile();
};

/// A file that nobody listens on is what an earlier process left: it is replaced. EADDRINUSE: a
/// process listens there; EEXIST: the file is no socket. On failure returns errno and names the
/// step in `*what`.
int OpenUnixListener(const std::string& path, mode_t mode, int backlog, UnixListener* listener,
                     std::string* what);

/// 'unix:pid/uid' of who connected.
std::string UnixPeerName(int fd);

}  // namespace causeway::transport
