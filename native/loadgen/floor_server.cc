#include "loadgen/floor_server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

namespace causeway::loadgen {
namespace {

constexpr int kBacklog = 4096;
constexpr size_t kReadBytes = 4096;
constexpr int kEventsPerTurn = 1024;
constexpr size_t kLevelAt = 8;  // CONNECT: fixed header of 2 bytes, name of 6, protocol level

void Watch(int epoll, int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

void Say(int client, std::string_view bytes) {
  [[maybe_unused]] const ssize_t sent =
      send(client, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace

FloorServer::FloorServer(const Endpoint& endpoint, const std::optional<FanPlan>& fan)
    : listening_(socket(endpoint.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      wake_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      is_tcp_(endpoint.is_tcp()) {
  const int one = 1;
  setsockopt(listening_.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  const auto* address = reinterpret_cast<const sockaddr*>(&endpoint.address);
  if (bind(listening_.get(), address, endpoint.length) != 0 ||
      listen(listening_.get(), kBacklog) != 0) {
    error_ = errno;
    return;
  }
  Watch(epoll_.get(), listening_.get());
  Watch(epoll_.get(), wake_.get());
  if (fan) fan_.emplace(*fan);
  thread_ = std::thread([this] { Serve(); });
}

FloorServer::~FloorServer() {
  if (!thread_.joinable()) return;
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_.get(), &one, sizeof one);
  thread_.join();
  for (size_t client = 0; client < open_.size(); ++client) {
    if (open_[client]) close(static_cast<int>(client));
  }
}

void FloorServer::Serve() {
  std::vector<epoll_event> events(kEventsPerTurn);
  for (;;) {
    const bool fanning = fan_.has_value() && fan_->ready();
    const int ready = epoll_wait(epoll_.get(), events.data(), kEventsPerTurn, fanning ? 0 : -1);
    for (int i = 0; i < ready; ++i) {
      const int fd = events[static_cast<size_t>(i)].data.fd;
      if (fd == wake_.get()) return;
      if (fd == listening_.get()) {
        Accept();
      } else {
        Answer(fd);
      }
    }
    if (fan_.has_value() && fan_->ready()) fan_->SendRound(wake_.get());
  }
}

void FloorServer::Accept() {
  for (;;) {
    const int client = accept4(listening_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client < 0) return;
    const int one = 1;
    if (is_tcp_) setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (open_.size() <= static_cast<size_t>(client)) open_.resize(static_cast<size_t>(client) + 1);
    open_[static_cast<size_t>(client)] = true;
    Watch(epoll_.get(), client);
  }
}

void FloorServer::Answer(int client) {
  char bytes[kReadBytes];
  const ssize_t came = recv(client, bytes, sizeof bytes, MSG_DONTWAIT);
  if (came == 0 || (came < 0 && errno != EAGAIN)) return Close(client);
  if (came <= static_cast<ssize_t>(kLevelAt)) return;
  using namespace std::string_view_literals;
  if (bytes[0] == 0x10) {
    const bool is_5 = bytes[kLevelAt] == 5;
    Say(client, is_5 ? "\x20\x03\x00\x00\x00"sv : "\x20\x02\x00\x00"sv);
  } else if (static_cast<unsigned char>(bytes[0]) == 0x82) {
    // On version 5 a property length follows the packet id; of a filter's length it is the high
    // byte.
    const bool is_5 = bytes[5] != static_cast<char>(came - 7);
    const char suback[] = {'\x90', static_cast<char>(is_5 ? 4 : 3), bytes[2], bytes[3]};
    const char granted[] = {0, bytes[came - 1]};
    char answer[6];
    std::memcpy(answer, suback, 4);
    std::memcpy(answer + 4, is_5 ? granted : granted + 1, is_5 ? 2 : 1);
    Say(client, {answer, is_5 ? size_t{6} : size_t{5}});
    if (fan_) fan_->Add(client);
  }
}

void FloorServer::Close(int client) {
  if (fan_) fan_->Remove(client);
  open_[static_cast<size_t>(client)] = false;
  close(client);
}

}  // namespace causeway::loadgen
