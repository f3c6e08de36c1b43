// A blocking MQTT 5 client on a loopback socket; every wait has a deadline.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "../session/wire.h"

namespace causeway::transport {

inline std::string Field(std::string_view text) {
  return std::string{static_cast<char>(text.size() >> 8), static_cast<char>(text.size())} +
         std::string(text);
}
inline std::string Framed(uint8_t first, const std::string& body) {
  std::string packet(1, static_cast<char>(first));
  size_t length = body.size();
  do {
    packet += static_cast<char>(length % 128 | (length >= 128 ? 0x80 : 0));
    length /= 128;
  } while (length > 0);
  return packet + body;
}
inline std::string ConnectPacket(std::string_view id) {
  using namespace std::string_literals;
  return Framed(0x10, Field("MQTT") + "\x05\x00\x00\x00\x00"s + Field(id));
}
inline std::string SubscribePacket(uint16_t id, std::string_view filter, uint8_t qos) {
  return Framed(0x82, std::string{static_cast<char>(id >> 8), static_cast<char>(id), 0} +
                          Field(filter) + static_cast<char>(qos));
}
inline std::string PublishPacket(std::string_view topic, std::string_view payload, uint8_t qos,
                                 uint16_t id) {
  std::string body = Field(topic);
  if (qos > 0) body += {static_cast<char>(id >> 8), static_cast<char>(id)};
  return Framed(static_cast<uint8_t>(0x30 | qos << 1), body + '\0' + std::string(payload));
}

class TestClient {
 public:
  explicit TestClient(uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~TestClient() { Close(); }
  TestClient(const TestClient&) = delete;
  TestClient& operator=(const TestClient&) = delete;

  bool connected() const { return connected_; }
  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }
  /// False when the broker has closed.
  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }
  /// The next packet; nothing at the end of the stream or after `timeout_ms`.
  std::optional<session::Packet> Next(int timeout_ms = 5000) {
    for (;;) {
      if (const size_t size = session::WholePacket(stream_)) {
        session::Packet packet = session::ReadPacket(stream_.substr(0, size), true);
        stream_.erase(0, size);
        return packet;
      }
      pollfd poll_for = {fd_, POLLIN, 0};
      if (ended_ || poll(&poll_for, 1, timeout_ms) <= 0) return std::nullopt;
      char buffer[65536];
      const ssize_t got = recv(fd_, buffer, sizeof buffer, 0);
      if (got < 0) reset_ = true;
      if (got <= 0) {
        ended_ = true;
      } else {
        stream_.append(buffer, static_cast<size_t>(got));
      }
    }
  }
  bool ended() const { return ended_; }
  bool reset() const { return reset_; }

 private:
  int fd_;
  std::string stream_;
  bool connected_ = false, ended_ = false, reset_ = false;
};

}  // namespace causeway::transport
