#include "loadgen/worker.h"

#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/check.h"
#include "core/clock.h"
#include "core/limits.h"
#include "core/wake_slice.h"

namespace causeway::loadgen {
namespace {

constexpr size_t kEventsPerTurn = 1024;

void Drain(int fd) {
  uint64_t count;
  while (read(fd, &count, sizeof count) > 0) continue;
}

ssize_t Send(Client* client) {
  if (client->stream == nullptr) {
    return send(client->fd, client->out.data(), client->out.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  }
  const iovec all{const_cast<char*>(client->out.data()), client->out.size()};
  return client->stream->Write(&all, 1);
}

const char* NameOf(Role role) {
  if (role == Role::kPublisher) return "publisher ";
  return role == Role::kChurner ? "churner " : "subscriber ";
}

}  // namespace

Worker::Worker(RunState* state, uint32_t index)
    : state_(state),
      plan_(state->plan),
      alone_(plan_.threads == 1),
      window_each_(std::max<uint64_t>(1, plan_.window / std::max(1u, plan_.publishers))),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      wake_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      timer_(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)),
      events_(kEventsPerTurn),
      read_buffer_(limits::kReadBufferBytes + limits::kLoadPacketExtraBytes + plan_.payload_bytes),
      random_(plan_.seed * 7'919 + index + 1) {
  CHECK(epoll_.get() >= 0 && wake_.get() >= 0 && timer_.get() >= 0);
  for (Descriptor* own : {&wake_, &timer_}) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = own;
    CHECK(epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, own->get(), &event) == 0);
  }
  publisher_by_number_.resize(alone_ ? plan_.publishers : 0);
  if (plan_.pattern == Pattern::kShared) {
    CHECK(alone_);  // the group's members are judged together
    group_.resize(plan_.publishers);
  }
}

void Worker::Adopt(std::unique_ptr<Client> client) {
  if (client->role == Role::kPublisher) {
    publishers_.push_back(client.get());
    if (alone_) publisher_by_number_[client->number] = client.get();
  } else {
    first_.push_back(client.get());
  }
  clients_.push_back(std::move(client));
}

void Worker::Wake() {
  const uint64_t one = 1;
  // Fails only when the count would overflow, and then the thread is being woken anyway.
  [[maybe_unused]] const ssize_t written = write(wake_.get(), &one, sizeof one);
}

void Worker::Run() {
  AskForWakeSlice(limits::kLoopSliceNs);
  for (;;) {
    const int ready = epoll_wait(epoll_.get(), events_.data(), static_cast<int>(events_.size()),
                                 TimeoutMs(entered_));
    CHECK(ready >= 0 || errno == EINTR);
    for (int i = 0; i < ready; ++i) {
      void* const whose = events_[i].data.ptr;
      if (whose == &wake_ || whose == &timer_) {
        Drain(static_cast<Descriptor*>(whose)->get());
      } else {
        OnEvent(static_cast<Client*>(whose), events_[i].events);
      }
    }
    const Phase phase = state_->phase.load(std::memory_order_acquire);
    if (phase == Phase::kEnd) break;
    if (phase != entered_) EnterPhase(phase);
    Work(phase, MonotonicNs());
    FlushAll();
    published_.Store(counts_);
  }
}

void Worker::EnterPhase(Phase phase) {
  // Phases nobody waited in are passed through.
  for (int next = static_cast<int>(entered_) + 1; next <= static_cast<int>(phase); ++next) {
    entered_ = static_cast<Phase>(next);
    if (entered_ == Phase::kSubscribe) {
      for (Client* client : first_)
        if (client->state == State::kHeld) Subscribe(client);
    } else if (entered_ == Phase::kRun) {
      if (plan_.rate > 0) {
        StartSchedule();
      } else {
        for (Client* client : publishers_) ToPump(client);
      }
    }
  }
  if (entered_ == Phase::kDrain) state_->drained.fetch_add(1, std::memory_order_release);
}

void Worker::Work(Phase phase, int64_t now_ns) {
  if (phase < Phase::kRun) return OpenMore();
  if (phase != Phase::kRun) return;
  ChurnAll(now_ns);
  if (!publishers_.empty() && plan_.rate > 0) Pace(now_ns);
  if (plan_.rate > 0) return AwaitNextDue(now_ns);
  if (publishers_.empty()) return;
  PumpAll(now_ns);
  LookForStalls(now_ns);
}

int Worker::TimeoutMs(Phase phase) const {
  if (phase < Phase::kRun) {
    // A Unix socket whose backlog is full refuses at once and says nothing later: ask again.
    const bool waiting = next_first_ < first_.size() || (phase == Phase::kConnectPublishers &&
                                                         next_publisher_ < publishers_.size());
    return waiting ? 1 : 100;
  }
  if (phase != Phase::kRun) return 10;
  if (!to_pump_.empty()) return 0;
  // Windows of publishers here may be opened by deliveries to other threads.
  return alone_ || publishers_.empty() || plan_.rate > 0 ? 100 : 1;
}

void Worker::OnEvent(Client* client, uint32_t events) {
  if (client->fd < 0) return;
  if (client->state == State::kConnecting) {
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) return Fail(client, std::strerror(error));
    return OnConnected(client);
  }
  if (client->state == State::kShaking) return Shake(client);
  const bool stuck = client->stream != nullptr && client->stream->read_wants_write();
  if (events & (EPOLLIN | EPOLLHUP | EPOLLERR) || stuck) Read(client);
  if (client->fd < 0 || !(events & EPOLLOUT)) return;
  ToFlush(client);
  if (client->role == Role::kPublisher) ToPump(client);
}

void Worker::Watch(Client* client, uint32_t events, int operation) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = client;
  CHECK(epoll_ctl(epoll_.get(), operation, client->fd, &event) == 0);
}

void Worker::Fail(Client* client, std::string_view why) {
  const bool was_ready = client->state == State::kReady;
  if (!was_ready && client->state != State::kHeld) --handshakes_;
  client->state = State::kClosed;
  const std::string reason(why);  // which may be the stream's
  client->Close();
  ++(was_ready ? counts_.disconnects : counts_.connectFailures);
  state_->Complain(NameOf(client->role) + std::to_string(client->number) + ": " + reason);
}

void Worker::FlushAll() {
  for (size_t i = 0; i < to_flush_.size(); ++i) {
    to_flush_[i]->flushing = false;
    Flush(to_flush_[i]);
  }
  to_flush_.clear();
}

void Worker::Flush(Client* client) {
  if (client->fd < 0) return;
  while (!client->out.empty()) {
    const ssize_t sent = Send(client);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    if (sent < 0) return Fail(client, WhyBroken(*client));
    client->out.Consume(static_cast<size_t>(sent));
  }
  const bool stuck = client->stream != nullptr && client->stream->read_wants_write();
  const bool wants_out = !client->out.empty() || stuck;
  if (wants_out == client->wants_out) return;
  client->wants_out = wants_out;
  Watch(client, wants_out ? EPOLLIN | EPOLLOUT : EPOLLIN, EPOLL_CTL_MOD);
}

}  // namespace causeway::loadgen
