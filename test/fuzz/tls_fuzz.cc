// What a peer may do to a TLS stream of ours. The first byte chooses who is attacked:
//   server   the rest is what a stranger sends instead of a handshake
//   client   the same, from a server that a link has dialled
//   relay    the rest is a story of what happens on the wire between two honest ends: two bytes an
//            event, how many bytes pass and what is done to them
// Whatever comes, nothing is read that was not written by the other end, in order, and a stream
// that failed says why.
#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "../native/transport/tls_world.h"
#include "core/check.h"

namespace causeway::transport {
namespace {

constexpr size_t kChunksMax = 64;
constexpr size_t kBytesMax = 64 * 1024;

/// Made once: keys cost more than a run. Leaked, so that nothing is destroyed at exit.
struct World {
  TlsPairOptions options;
  std::shared_ptr<const TlsContext> server, client;
  World() {
    // Both roads of verification; a server that asks, a client that has none.
    options.server.verify_peer = true;
    server = ContextOf(options.server);
    client = ContextOf(options.client);
  }
};

const World& Shared() {
  static const World* const world = new World;
  return *world;
}

/// The plain side of one end: shakes, writes what it has, and keeps what it reads.
class End {
 public:
  End(std::shared_ptr<const TlsContext> context, int fd, std::string_view name, std::string says)
      : stream_(std::move(context), fd, name), says_(std::move(says)) {}

  void Step() {
    if (over_) return;
    if (!shaken_) {
      const Stream::Progress progress = stream_.Shake();
      if (progress == Stream::Progress::kFailed) {
        CHECK(stream_.fault() != StreamFault::kNone);
        CHECK(!stream_.failure().empty());
        Discard();
        return;
      }
      if (progress != Stream::Progress::kDone) return;
      shaken_ = true;
    }
    Write();
    Read();
  }
  bool shaken() const { return shaken_; }
  const std::string& heard() const { return heard_; }

 private:
  void Write() {
    if (said_ == says_.size()) return;
    const iovec vector = {says_.data() + said_, says_.size() - said_};
    const ssize_t sent = stream_.Write(&vector, 1);
    CHECK(sent <= static_cast<ssize_t>(vector.iov_len));
    if (sent > 0) said_ += static_cast<size_t>(sent);
    if (said_ == says_.size()) stream_.EndOutput();
  }
  void Read() {
    char buffer[512];
    for (;;) {
      const ssize_t got = stream_.Read(buffer, sizeof buffer);
      CHECK(got <= static_cast<ssize_t>(sizeof buffer));
      if (got > 0) {
        heard_.append(buffer, static_cast<size_t>(got));
        if (!stream_.buffered()) return;
        continue;
      }
      over_ = got == 0 || (errno != EAGAIN && errno != EINTR);
      return;
    }
  }
  /// After a failure Read gives what still comes, to be thrown away.
  void Discard() {
    over_ = true;
    char buffer[512];
    for (size_t i = 0; i < kChunksMax && stream_.Read(buffer, sizeof buffer) > 0; ++i) continue;
  }

  TlsStream stream_;
  std::string says_;
  size_t said_ = 0;
  std::string heard_;
  bool shaken_ = false;
  bool over_ = false;
};

struct Sockets {
  int ours, theirs;
  Sockets() {
    int fds[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
    ours = fds[0];
    theirs = fds[1];
  }
  ~Sockets() {
    close(ours);
    close(theirs);
  }
  Sockets(const Sockets&) = delete;
  Sockets& operator=(const Sockets&) = delete;
};

void Send(int fd, std::string_view bytes) { send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL); }

/// `bytes` in chunks, whose sizes the first of them say.
void Attack(std::shared_ptr<const TlsContext> context, std::string_view bytes) {
  Sockets sockets;
  End end(std::move(context), sockets.ours, "server.test", "secret");
  const size_t chunk = bytes.empty() ? 1 : 1 + static_cast<uint8_t>(bytes[0]) * 4;
  size_t at = 0;
  for (size_t i = 0; i < kChunksMax && at < bytes.size(); ++i) {
    Send(sockets.theirs, bytes.substr(at, chunk));
    at += chunk;
    end.Step();
  }
  shutdown(sockets.theirs, SHUT_WR);
  end.Step();
  end.Step();
  CHECK(!end.shaken());  // nobody shakes hands by chance
  CHECK(end.heard().empty());
}

/// One direction of a wire that somebody sits on.
class Tap {
 public:
  Tap(int from, int to) : from_(from), to_(to) {}
  void Pass(size_t count, uint8_t deed) {
    char buffer[4096];
    const ssize_t got = recv(from_, buffer, std::min(count, sizeof buffer), 0);
    if (got <= 0) return;
    std::string bytes(buffer, static_cast<size_t>(got));
    switch (deed % 8) {
      case 4:
        bytes[deed / 8 % bytes.size()] ^= static_cast<char>(1 << deed % 7);
        break;
      case 5:
        bytes.insert(deed / 8 % bytes.size(), 1 + deed % 5, static_cast<char>(deed));
        break;
      case 6:
        bytes.erase(deed / 8 % bytes.size(), 1);
        break;
      case 7:
        bytes += bytes;  // once more
        break;
      default:  // honestly
        break;
    }
    if (total_ += bytes.size(); total_ < kBytesMax) Send(to_, bytes);
  }

 private:
  const int from_, to_;
  size_t total_ = 0;
};

void Relay(std::string_view story) {
  const World& world = Shared();
  Sockets near, far;
  const std::string hello = "to the server, and whoever reads it there", answer(1200, 'a');
  End server(world.server, near.ours, {}, answer);
  End client(world.client, far.ours, "server.test", hello);
  Tap to_server(far.theirs, near.theirs), to_client(near.theirs, far.theirs);
  bool honest = true;
  const auto step = [&](size_t count, uint8_t deed) {
    client.Step();
    to_server.Pass(count, deed);
    server.Step();
    to_client.Pass(count, deed);
  };
  for (size_t at = 0; at + 1 < story.size() && at < 4 * kChunksMax; at += 2) {
    const auto deed = static_cast<uint8_t>(story[at]);
    honest = honest && deed % 8 < 4;
    step(1 + static_cast<uint8_t>(story[at + 1]) * 8, deed);
  }
  for (int i = 0; i < 20; ++i) step(4096, 0);
  CHECK(hello.starts_with(server.heard()));
  CHECK(answer.starts_with(client.heard()));
  if (honest) CHECK(server.heard() == hello && client.heard() == answer);
}

}  // namespace
}  // namespace causeway::transport

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using causeway::transport::Attack;
  using causeway::transport::Shared;
  if (size == 0 || size > causeway::transport::kBytesMax) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 3) {
    case 0:
      Attack(Shared().server, rest);
      break;
    case 1:
      Attack(Shared().client, rest);
      break;
    default:
      causeway::transport::Relay(rest);
      break;
  }
  return 0;
}
