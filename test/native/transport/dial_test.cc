// What a loop does with a dial, whose far end the test is.
#include "transport/engine.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "client.h"
#include "hand.h"

namespace causeway::transport {
namespace {

uint16_t NextPort() {
  static uint16_t port = 23'900;
  return port++;
}

/// A socket that blocks in `accept4`; -1: it cannot be had.
int ListenAt(uint16_t port, int backlog) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int one = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
      listen(fd, backlog) == 0)
    return fd;
  close(fd);
  return -1;
}

/// Of the socket in this process that is bound to `port`; -1: there is none.
int BoundTo(in_port_t port) {
  for (int fd = 3; fd < 1024; ++fd) {
    sockaddr_in own = {};
    socklen_t bytes = sizeof own;
    if (getsockname(fd, reinterpret_cast<sockaddr*>(&own), &bytes) == 0 &&
        own.sin_family == AF_INET && own.sin_port == port)
      return fd;
  }
  return -1;
}

int OptionOf(int fd, int level, int option) {
  int value = -1;
  socklen_t bytes = sizeof value;
  if (getsockopt(fd, level, option, &value, &bytes) != 0) return -1;
  return value;
}

}  // namespace

TEST_CASE("a dial that was given up says nothing when the far end answers after all") {
  // A listener whose queue is full leaves the next dial half-open.
  const uint16_t far_port = NextPort();
  const int far = ListenAt(far_port, 0);
  REQUIRE(far >= 0);
  TestClient filler(far_port);
  REQUIRE(filler.connected());
  Hand hand(NextPort());
  std::string commands;
  RecordWriter(&commands)
      .Begin(static_cast<uint8_t>(CommandKind::kDial), 0)
      .U32(0x80000001)
      .U32(far_port)
      .U32(10'000)
      .U32(1 << 20)
      .U32(0)  // without TLS
      .U32(1)
      .U32(0)
      .U32(0)
      .U32(0)
      .Bytes("127.0.0.1")
      .Bytes("")
      .Bytes("CONNECT")
      .End();
  hand.engine().Submit(commands);
  commands.clear();
  RecordWriter(&commands)
      .Begin(static_cast<uint8_t>(CommandKind::kClose), 0)
      .U32(0x80000001)
      .U32(0)
      .Bytes("")
      .End();
  hand.engine().Submit(commands);
  REQUIRE(hand.Await(EventKind::kClosed));
  const int filled = accept4(far, nullptr, nullptr, SOCK_CLOEXEC);
  REQUIRE(filled >= 0);
  // A SYN that is tried again after a second would come now.
  pollfd poll_for = {far, POLLIN, 0};
  std::string heard;
  if (poll(&poll_for, 1, 1500) > 0) {
    const int late = accept4(far, nullptr, nullptr, SOCK_CLOEXEC);
    char buffer[64];
    pollfd late_for = {late, POLLIN, 0};
    if (poll(&late_for, 1, 500) > 0) {
      const ssize_t got = recv(late, buffer, sizeof buffer, 0);
      if (got > 0) heard.assign(buffer, static_cast<size_t>(got));
    }
    close(late);
  }
  close(filled);
  close(far);
  CHECK(heard == "");
}

TEST_CASE("scenario 33: a dialled socket has the options that were asked for, and no other") {
  const uint16_t far_port = NextPort();
  const int far = ListenAt(far_port, 4);
  REQUIRE(far >= 0);
  Hand hand(NextPort());
  const int unasked = OptionOf(far, SOL_SOCKET, SO_SNDBUF);
  for (const uint32_t asked : {0u, 1u}) {
    const uint32_t buffer = asked * 16'384;
    std::string commands;
    RecordWriter(&commands)
        .Begin(static_cast<uint8_t>(CommandKind::kDial), 0)
        .U32(0x80000001 + asked)
        .U32(far_port)
        .U32(10'000)
        .U32(1 << 20)
        .U32(0)  // without TLS
        .U32(asked)
        .U32(asked)
        .U32(buffer)
        .U32(buffer)
        .Bytes("127.0.0.1")
        .Bytes("")
        .Bytes("CONNECT")
        .End();
    hand.engine().Submit(commands);
    sockaddr_in dialler = {};
    socklen_t bytes = sizeof dialler;
    const int accepted = accept4(far, reinterpret_cast<sockaddr*>(&dialler), &bytes, SOCK_CLOEXEC);
    REQUIRE(accepted >= 0);
    const int dialled = BoundTo(dialler.sin_port);
    REQUIRE(dialled >= 0);
    CHECK((OptionOf(dialled, IPPROTO_TCP, TCP_NODELAY) != 0) == (asked != 0));
    CHECK((OptionOf(dialled, SOL_SOCKET, SO_KEEPALIVE) != 0) == (asked != 0));
    // The kernel doubles what it is asked for.
    if (buffer == 0) {
      CHECK(OptionOf(dialled, SOL_SOCKET, SO_SNDBUF) >= unasked);
    } else {
      CHECK(OptionOf(dialled, SOL_SOCKET, SO_SNDBUF) == 2 * 16'384);
      CHECK(OptionOf(dialled, SOL_SOCKET, SO_RCVBUF) == 2 * 16'384);
    }
    close(accepted);
  }
  close(far);
}

}  // namespace causeway::transport
