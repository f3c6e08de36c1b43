#include "transport/io_loop.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iterator>
#include <utility>

#include "core/check.h"
#include "core/clock.h"
#include "core/limits.h"
#include "core/spare_messages.h"
#include "core/wake_slice.h"
#include "session/flush_turn.h"
#include "transport/edge_port.h"

namespace causeway::transport {

namespace {

/// A socket's deadlines are looked at at least this often, so that send timeouts start unannounced.
constexpr int64_t kDeadlineStepMs = 5000;

}  // namespace

IoLoop::IoLoop(int index, fanout::Fabric* fabric, LoopPeers* peers, size_t admissions_max)
    : index_(index),
      fabric_(fabric),
      peers_(peers),
      shard_(index, fabric, this, &counters_),
      link_intake_(&shard_, &counters_, fabric->seed),
      delayed_(&fabric->delayed),
      sockets_(fabric->seed),
      admissions_max_(admissions_max),
      now_ms_(MonotonicMs()),
      wheel_(limits::kTimerSlots, limits::kTimerTickMs, now_ms_),
      buffer_(std::make_unique<char[]>(2 * limits::kReadBufferBytes)) {
  CHECK(uv_loop_init(&loop_) == 0);
  CHECK(uv_async_init(&loop_, &async_, [](uv_async_t*) {}) ==
        0);  // only wakes: the turn does the work
  CHECK(uv_check_init(&loop_, &check_) == 0);
  CHECK(uv_idle_init(&loop_, &idle_) == 0);
  CHECK(uv_timer_init(&loop_, &timer_) == 0);
  CHECK(uv_timer_init(&loop_, &delayed_timer_) == 0);
  CHECK(uv_timer_init(&loop_, &rate_timer_) == 0);
  CHECK(uv_timer_init(&loop_, &resume_timer_) == 0);
  loop_.data = check_.data = timer_.data = delayed_timer_.data = rate_timer_.data =
      resume_timer_.data = this;
}

IoLoop::~IoLoop() { CHECK(!thread_.joinable()); }

void IoLoop::Start() {
  uv_check_start(&check_,
                 [](uv_check_t* handle) { static_cast<IoLoop*>(handle->data)->EndTurn(); });
  uv_timer_start(
      &timer_,
      [](uv_timer_t* handle) {
        static_cast<IoLoop*>(handle->data)->Tick();
        static_cast<IoLoop*>(handle->data)->EndTurn();
      },
      limits::kTimerTickMs, limits::kTimerTickMs);
  thread_ = std::thread([this] { Run(); });
}

void IoLoop::Run() {
  // What `top -H` and debuggers show; the kernel keeps 15 characters.
  char name[16];
  std::snprintf(name, sizeof name, "io-%d", index_);
  pthread_setname_np(pthread_self(), name);
  AskForWakeSlice(limits::kLoopSliceNs);
  const SpareMessages spares;
  uv_run(&loop_, UV_RUN_DEFAULT);  // returns after the turn that executed Stop
  const std::lock_guard<std::mutex> lock(ended_mutex_);
  ended_ = true;
  ended_cv_.notify_all();
}

bool IoLoop::Join(int64_t timeout_ms) {
  if (!thread_.joinable()) return true;
  std::unique_lock<std::mutex> lock(ended_mutex_);
  if (!ended_cv_.wait_for(lock, std::chrono::milliseconds(timeout_ms), [this] { return ended_; }))
    return false;
  lock.unlock();
  thread_.join();
  return true;
}

void IoLoop::CloseHandles() {
  // Attaches that came too late own a socket.
  for (const std::vector<Command>* late : {&running_, &commands_}) {
    for (const Command& command : *late) {
      const auto* attach = std::get_if<AttachCommand>(&command);
      if (attach != nullptr && attach->fd >= 0) close(attach->fd);
    }
  }
  closed_ = true;
  uv_close(reinterpret_cast<uv_handle_t*>(&async_), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&check_), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&idle_), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&timer_), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&delayed_timer_), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&rate_timer_), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&resume_timer_), nullptr);
  uv_run(&loop_, UV_RUN_DEFAULT);  // frees sockets whose handles were closing
  CHECK(uv_loop_close(&loop_) == 0);
}

void IoLoop::Post(Command command) {
  {
    const std::lock_guard<std::mutex> lock(commands_mutex_);
    commands_.push_back(std::move(command));
  }
  CommandsWait();
}

void IoLoop::Post(std::vector<Command>* commands) {
  {
    const std::lock_guard<std::mutex> lock(commands_mutex_);
    if (commands_.empty()) {
      commands_.swap(*commands);
    } else {
      std::move(commands->begin(), commands->end(), std::back_inserter(commands_));
    }
  }
  commands->clear();
  CommandsWait();
}

void IoLoop::CommandsWait() {
  // Release: whoever sees the flag sees the commands (the mutex orders it anyway; the flag only
  // saves an idle lock).
  if (!commands_waiting_.exchange(true, std::memory_order_acq_rel)) WakeUp();
}

void IoLoop::RunCommands() {
  if (!commands_waiting_.load(std::memory_order_acquire)) return;
  commands_waiting_.store(false, std::memory_order_release);
  {
    const std::lock_guard<std::mutex> lock(commands_mutex_);
    running_.swap(commands_);
  }
  for (size_t i = 0; i < running_.size(); ++i) {
    std::visit([this](auto& one) { Execute(one); }, running_[i]);
    executed_.fetch_add(1, std::memory_order_release);  // pairs with executed()
    if (stopping_) {                                    // CloseHandles sees to the rest
      running_.erase(running_.begin(), running_.begin() + static_cast<ptrdiff_t>(i) + 1);
      return;
    }
  }
  running_.clear();
}

void IoLoop::EndTurn() {
  if (stopping_) return;
  now_ms_ = MonotonicMs();
  turn_ready_ = 0;
  work_left_ = false;
  graveyard_.clear();
  RunCommands();
  if (stopping_) return;
  SecureWaiting();
  if (accept_paused_ != 0 && admissions_ <= admissions_max_ / 2) ResumeAccepting(kPausedPending);
  ServeRings();
  ResumeColdWaiters();
  shard_.Work(now_ms_);
  if (delayed_.next_due_ms() <= now_ms_) PublishDelayed();
  ResumeYielded();
  ReadBuffered();
  FlushDirty();
  shard_.FlushWakeups();
  peers_->edge()->RingBell();
  if (!yielded_.empty() || !ready_.empty() || !to_secure_.empty() || !to_read_.empty())
    work_left_ = true;
  if (!events_.empty()) {
    {
      const std::lock_guard<std::mutex> lock(events_mutex_);
      if (events_shared_.empty()) {
        events_shared_.swap(events_);
      } else {
        events_shared_ += events_;
      }
      events_shared_bytes_.store(events_shared_.size(), std::memory_order_relaxed);
    }
    events_.clear();
    peers_->EventsWaiting();
  }
  if (work_left_ != idle_running_) {
    idle_running_ = work_left_;
    if (work_left_) {
      uv_idle_start(&idle_, [](uv_idle_t*) {});
    } else {
      uv_idle_stop(&idle_);
    }
  }
  // Last: who was written to, and loops that this turn woke, may wait for this processor: decision
  // 0028.
  if (shard_.sender()->dirty()->behind()) std::this_thread::yield();
}

void IoLoop::FlushDirty() {
  const auto flush = [this](session::Connection* connection) {
    const uint64_t before = counters_.bytes_sent.load(std::memory_order_relaxed);
    Flush(static_cast<Socket*>(connection));
    return static_cast<size_t>(counters_.bytes_sent.load(std::memory_order_relaxed) - before);
  };
  if (!session::FlushTurn(shard_.sender()->dirty(), shard_.WideWaits(), flush)) return;
  Bump(counters_.flush_yields);
  work_left_ = true;
}

void IoLoop::TakeEvents(std::string* out) {
  {
    const std::lock_guard<std::mutex> lock(events_mutex_);
    out->append(events_shared_);
    events_shared_.clear();
    events_shared_bytes_.store(0, std::memory_order_relaxed);
  }
  // The mutex above orders this after the loop's last look at the bytes: a waiter is woken now, or
  // sees the room itself.
  if (cold_waiting_.load(std::memory_order_relaxed) && !closed_) WakeUp();
}

bool IoLoop::ColdLaneFull() const {
  return events_.size() + events_shared_bytes_.load(std::memory_order_relaxed) >=
         limits::kColdLaneBytesMax;
}

void IoLoop::ResumeColdWaiters() {
  if (cold_waiters_.empty() || ColdLaneFull()) return;
  std::vector<uint32_t> waiters;
  waiters.swap(cold_waiters_);
  cold_waiting_.store(false, std::memory_order_relaxed);
  for (const uint32_t number : waiters) {
    Socket* socket = FindSocket(number);
    if (socket == nullptr) continue;
    socket->waits_for_control = false;
    Resume(socket);
  }
}

/// Who is not reached before this turn's deliveries are used as well stays where it was in the row.
void IoLoop::ResumeYielded() {
  std::vector<uint32_t> waiters;
  waiters.swap(yielded_);
  for (const uint32_t number : waiters) {
    Socket* socket = FindSocket(number);
    if (socket == nullptr) continue;
    socket->yielded = false;
    Resume(socket);
  }
}

void IoLoop::Unpaused(session::Connection* connection) { Resume(static_cast<Socket*>(connection)); }

RecordWriter IoLoop::Event(EventKind kind) {
  RecordWriter writer(&events_);
  writer.Begin(static_cast<uint8_t>(kind), index_);
  return writer;
}

void IoLoop::Schedule(Socket* socket, int64_t at_ms) {
  wheel_.Arm(socket, std::min(at_ms, now_ms_ + kDeadlineStepMs));
}

void IoLoop::Tick() {
  now_ms_ = MonotonicMs();
  wheel_.Advance(now_ms_,
                 [this](TimerEntry* entry) { CheckDeadlines(static_cast<Socket*>(entry)); });
  shard_.links()->PublishGauges(now_ms_);
  if (OldestMayGo()) ResumeAccepting(kPausedPending);  // goes only if somebody waits for its place
  if (second_ == now_ms_ / 1000) return;
  second_ = now_ms_ / 1000;
  ExpireLinks();
  shard_.PublishGauges();
  ResumeAccepting(kPausedFailed);  // descriptors or memory may be back
}

/// A far end that answers pings but no messages would hold up its share for ever.
void IoLoop::ExpireLinks() {
  std::vector<session::Connection*> stuck;
  shard_.links()->Expire(now_ms_, &stuck);
  for (session::Connection* connection : stuck) {
    Close(static_cast<Socket*>(connection), CloseCause::kKeepAlive, mqtt::Reason::kSuccess,
          "no PUBACK in time");
  }
}

void IoLoop::CheckDeadlines(Socket* socket) {
  int64_t next = now_ms_ + kDeadlineStepMs;
  if (socket->unparsed.empty()) socket->unparsed.GiveBack();  // an idle connection keeps no buffer
  switch (socket->state) {
    case Socket::State::kProxy:
      if (now_ms_ >= socket->state_until_ms) {
        RefuseProxy(socket, "no PROXY header in time");
        return;
      }
      next = socket->state_until_ms;
      break;
    case Socket::State::kSecuring:
      if (now_ms_ >= socket->state_until_ms) {
        NotSecured(socket, StreamFault::kNone, "the handshake took too long");
        return;
      }
      next = socket->state_until_ms;
      break;
    case Socket::State::kConnect:
    case Socket::State::kAdmission:
    case Socket::State::kExchange:
      if (now_ms_ >= socket->state_until_ms) {
        Bump(counters_.connects_refused_timeout);
        socket->listener->Count(ListenerCounter::connect_timeouts);
        Close(socket, CloseCause::kConnectTimeout, mqtt::Reason::kSuccess,
              "");  // [MQTT-3.1.4-1]: no CONNACK for silence
        return;
      }
      next = socket->state_until_ms;
      break;
    case Socket::State::kDialing:
      if (now_ms_ >= socket->state_until_ms) {
        Close(socket, CloseCause::kDialFailed, mqtt::Reason::kSuccess, "ETIMEDOUT");
        return;
      }
      next = socket->state_until_ms;
      break;
    case Socket::State::kLingering:
      if (now_ms_ >= socket->state_until_ms) {
        Destroy(socket, true);
        return;
      }
      next = socket->state_until_ms;
      break;
    case Socket::State::kServing:
      if (socket->barrier && now_ms_ >= socket->state_until_ms) {
        Bump(counters_.barrier_timeouts);
        Fail(socket, mqtt::Reason::kServerUnavailable);
        return;
      }
      // Keep-alive does not run while we are the ones not reading (design.md §6) [MQTT-3.1.2-22].
      if (socket->keep_alive_ms != 0) {
        const bool running = socket->reading && !socket->blocked();
        const int64_t deadline = (running ? socket->last_read_ms : now_ms_) + socket->keep_alive_ms;
        if (now_ms_ >= deadline) {
          Bump(counters_.keepalive_timeouts);
          SayDisconnect(socket, mqtt::Reason::kKeepAliveTimeout);
          Close(socket, CloseCause::kKeepAlive, mqtt::Reason::kKeepAliveTimeout, "");
          return;
        }
        next = std::min(next, deadline);
      }
      if (const uint32_t retry_ms = fabric_->policy.retry_ms;
          retry_ms != 0 && socket->version != mqtt::Version::kMqtt5) {
        shard_.sender()->Retry(socket->session, retry_ms, now_ms_);
        next = std::min<int64_t>(next, now_ms_ + retry_ms);
      }
      [[fallthrough]];
    case Socket::State::kDialed:
      if (socket->writing && now_ms_ - socket->progress_ms >= socket->send_timeout_ms) {
        Bump(counters_.slow_subscribers_closed);
        Close(socket, CloseCause::kSlowConsumer, mqtt::Reason::kSuccess,
              "the peer stopped reading");
        return;
      }
      break;
    case Socket::State::kClosed:
      return;
  }
  Schedule(socket, next);
}

}  // namespace causeway::transport
