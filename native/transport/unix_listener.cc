#include "transport/unix_listener.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace causeway::transport {

namespace {

bool NameOf(const std::string& path, sockaddr_un* address) {
  std::memset(address, 0, sizeof *address);
  if (path.size() >= sizeof address->sun_path) return false;
  address->sun_family = AF_UNIX;
  std::memcpy(address->sun_path, path.data(), path.size());
  return true;
}

int NewSocket() { return socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }

/// 0: nobody listens on `address`.
int ProbeListener(const sockaddr_un& address) {
  const int probe = NewSocket();
  if (probe < 0) return errno;
  const int failed = connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int error = failed == 0 ? 0 : errno;
  close(probe);
  if (error == ECONNREFUSED || error == ENOENT) return 0;
  return error == 0 || error == EAGAIN ? EADDRINUSE : error;  // EAGAIN: its backlog is full
}

/// Makes room at the path. 0, or why there is none.
int Clear(const std::string& path, const sockaddr_un& address) {
  struct stat found;
  if (lstat(path.c_str(), &found) != 0) return errno == ENOENT ? 0 : errno;
  if (!S_ISSOCK(found.st_mode)) return EEXIST;
  if (const int error = ProbeListener(address)) return error;
  return unlink(path.c_str()) == 0 || errno == ENOENT ? 0 : errno;
}

}  // namespace

int OpenUnixListener(const std::string& path, mode_t mode, int backlog, UnixListener* listener,
                     std::string* what) {
  sockaddr_un address;
  *what = "path";
  if (!NameOf(path, &address)) return ENAMETOOLONG;
  if (const int error = Clear(path, address)) return error;
  *what = "socket";
  const int fd = NewSocket();
  if (fd < 0) return errno;
  *what = "bind";
  int failed = bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const bool made = failed == 0;
  struct stat file = {};
  if (failed == 0) {  // nobody gets in before listen, so the permissions are right in time
    *what = "mode";
    failed = chmod(path.c_str(), mode);
  }
  if (failed == 0) failed = lstat(path.c_str(), &file);
  if (failed == 0) {
    *what = "listen";
    failed = listen(fd, backlog);
  }
  if (failed != 0) {
    const int error = errno;
    close(fd);
    if (made) unlink(path.c_str());
    return error;
  }
  *listener = {fd, path, file.st_dev, file.st_ino};
  return 0;
}

void UnixListener::RemoveFile() {
  struct stat file;
  if (!path.empty() && lstat(path.c_str(), &file) == 0 && file.st_dev == device &&
      file.st_ino == inode) {
    unlink(path.c_str());
  }
  path.clear();
}

std::string UnixPeerName(int fd) {
  ucred peer = {};
  socklen_t bytes = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) != 0) return "unix:";
  return "unix:" + std::to_string(peer.pid) + "/" + std::to_string(peer.uid);
}

}  // namespace causeway::transport
