#include "transport/edge_port.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

#include "core/check.h"
#include "core/limits.h"

namespace causeway::transport {

using edge::Conduit;

namespace {

constexpr size_t kHeaderBytes = 8;  // of a record
constexpr size_t kNamedBytes = kHeaderBytes + 4;
constexpr size_t kDataBytes = kNamedBytes + 4;
/// Least room worth filling with bytes: a frame of less only costs.
constexpr size_t kDataRoomMin = 512;

/// Of an IP literal; of no family where it is none, which only rules for everybody cover.
sockaddr_storage SocketAddress(const std::string& literal) {
  sockaddr_storage address = {};
  auto* const v4 = reinterpret_cast<sockaddr_in*>(&address);
  auto* const v6 = reinterpret_cast<sockaddr_in6*>(&address);
  if (inet_pton(AF_INET, literal.c_str(), &v4->sin_addr) == 1) {
    address.ss_family = AF_INET;
  } else if (inet_pton(AF_INET6, literal.c_str(), &v6->sin6_addr) == 1) {
    address.ss_family = AF_INET6;
  }
  return address;
}

/// What one conduit may need: some bytes, and two events beside them.
constexpr size_t kLookBytes = kDataBytes + kDataRoomMin + 2 * kNamedBytes;

}  // namespace

/// Writes records into memory that is there already.
class EdgePort::RecordFiller {
 public:
  RecordFiller(char* into, size_t room) : into_(into), room_(room) {}
  size_t used() const { return used_; }
  bool HasRoom(size_t bytes) const { return room_ - used_ >= bytes; }
  void Event(EdgeEventKind kind, uint32_t id) {
    Head(kind, kNamedBytes);
    Put32(used_ + kHeaderBytes, id);
    used_ += kNamedBytes;
  }
  /// Where the bytes of a data record go, and how many fit.
  char* data() { return into_ + used_ + kDataBytes; }
  size_t data_room() const { return (room_ - used_ - kDataBytes - 2 * kNamedBytes) & ~size_t{3}; }
  void Data(uint32_t id, size_t bytes) {
    const size_t padded = (bytes + 3) & ~size_t{3};
    Head(EdgeEventKind::kBytes, kDataBytes + padded);
    Put32(used_ + kHeaderBytes, id);
    Put32(used_ + kNamedBytes, static_cast<uint32_t>(bytes));
    used_ += kDataBytes + padded;
  }

 private:
  void Head(EdgeEventKind kind, size_t size) {
    Put32(used_, static_cast<uint32_t>(size));
    Put32(used_ + 4, static_cast<uint32_t>(kind));
  }
  void Put32(size_t at, uint32_t value) { std::memcpy(into_ + at, &value, 4); }
  char* const into_;
  const size_t room_;
  size_t used_ = 0;
};

void EdgePort::AddListener(Listener* listener) {
  const std::lock_guard<std::mutex> lock(mutex_);
  listeners_[listener->options.id] = listener;
}

void EdgePort::Close() {
  const std::lock_guard<std::mutex> lock(gate_);
  closed_ = true;
}

void EdgePort::Attach(const EdgeOptions& options, void (*bell)(void*), void* argument) {
  ++epoch_;
  options_ = options;
  const std::lock_guard<std::mutex> lock(mutex_);
  CHECK(bell_ == nullptr);
  bell_ = bell;
  argument_ = argument;
  rung_ = false;
}

void EdgePort::Detach() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    bell_ = nullptr;
    announced_.clear();
  }
  while (!conduits_.empty()) Gone(ConduitRef(conduits_.begin()->second));
  PostReady();
  looking_.clear();
  paused_.clear();
}

// ---- towards the loops

void EdgePort::Submit(std::string_view batch, int64_t now_ms) {
  RecordReader reader(batch);
  while (reader.Next()) {
    const auto kind = static_cast<EdgeCommandKind>(reader.kind());
    const uint32_t id = reader.U32();
    if (kind == EdgeCommandKind::kOpen) {
      Open(id, &reader);
      continue;
    }
    if (kind == EdgeCommandKind::kRefused) {
      Refused(&reader);
      continue;
    }
    const auto found = conduits_.find(id);
    if (found == conduits_.end()) continue;  // its loop let go of it, and the edge will hear of it
    const ConduitRef conduit = found->second;
    switch (kind) {
      case EdgeCommandKind::kData:
        Data(conduit, reader.Bytes(), now_ms);
        break;
      case EdgeCommandKind::kGone:
        Gone(conduit);
        break;
      case EdgeCommandKind::kHold:
        conduit->held = true;
        break;
      case EdgeCommandKind::kUnhold:
        conduit->held = false;
        LookAt(conduit);
        break;
      case EdgeCommandKind::kOpen:
      case EdgeCommandKind::kRefused:
        break;
    }
  }
  CHECK(!reader.failed());
  CheckStalls(now_ms);
  PostReady();
  if (cannot_pause_) WaitForLoops();
}

Listener* EdgePort::ListenerOf(uint32_t id) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = listeners_.find(id);
  CHECK(found != listeners_.end());
  return found->second;
}

EdgeVerdict EdgePort::Admit(uint32_t listener_id, const std::string& address, std::string peer,
                            int64_t now_ns) {
  Listener* const listener = ListenerOf(listener_id);
  const ListenerOptions& options = listener->options;
  if (!options.access_rules.empty() && !Allowed(options.access_rules, SocketAddress(address))) {
    Bump(counters_.connects_refused_access);
    listener->NoteRefused(ListenerCounter::refused_access, std::move(peer));
    return EdgeVerdict::kDenied;
  }
  // Those on their way to a loop are not counted yet: it looks again (IoLoop::AcceptsMore).
  const uint32_t limit = options.connections_max;
  if (limit != 0 && listener->connections.load(std::memory_order_relaxed) >= limit) {
    Bump(counters_.connects_refused_quota);
    listener->NoteRefused(ListenerCounter::refused_full, std::move(peer));
    return EdgeVerdict::kFull;
  }
  if (listener->rate.limited() && listener->rate.Take(now_ns) > 0) {
    Bump(counters_.ws_refused_rate);
    listener->NoteRefused(ListenerCounter::ws_refused_rate, std::move(peer));
    return EdgeVerdict::kTooFast;
  }
  return EdgeVerdict::kAdmitted;
}

void EdgePort::Refused(RecordReader* fields) {
  Listener* const listener = ListenerOf(fields->U32());
  const auto why = static_cast<EdgeRefusal>(fields->U32());
  std::string peer(fields->Bytes());
  switch (why) {
#define CAUSEWAY_COUNT(NAME, name) \
  case EdgeRefusal::NAME:          \
    Bump(counters_.name);          \
    return listener->NoteRefused(ListenerCounter::name, std::move(peer));
    CAUSEWAY_EDGE_REFUSALS(CAUSEWAY_COUNT)
#undef CAUSEWAY_COUNT
  }
}

void EdgePort::Open(uint32_t id, RecordReader* fields) {
  const uint32_t listener_id = fields->U32();
  const bool may_pause = fields->U32() != 0;
  std::string peer(fields->Bytes());
  std::string certificate(fields->Bytes());
  Listener* const listener = ListenerOf(listener_id);
  const uint32_t loop = next_loop_++ % ready_.size();
  const uint32_t number = NextConnectionNumber();
  auto conduit =
      std::make_shared<Conduit>(id, epoch_, number, static_cast<int>(loop), may_pause, &totals_);
  CHECK(conduits_.emplace(id, conduit).second);
  auto stream = std::make_unique<RingStream>(std::move(conduit), this, std::move(certificate));
  const std::lock_guard<std::mutex> lock(gate_);
  if (closed_) return;
  peers_->PostTo(static_cast<int>(loop),
                 EdgeOpenCommand{listener, number, std::move(stream), std::move(peer)});
}

void EdgePort::Data(const ConduitRef& conduit, std::string_view bytes, int64_t now_ms) {
  if (bytes.empty() || conduit->overrun.load(std::memory_order_relaxed)) return;
  // One message more than the bound, whatever its size: so a large one is not too much by itself.
  // Who can be paused has been told so, and sends what was read already.
  if (!conduit->may_pause && conduit->up.size() > options_.ring_bytes && !WaitForRoom(*conduit)) {
    return Overrun(conduit);
  }
  if (conduit->paused) CheckRoom(conduit.get());
  if (conduit->up.Push(bytes)) TellLoop(*conduit);
  if (!conduit->paused && conduit->up.size() < options_.ring_bytes / 2) return;
  // Asked for again by who is paused: the answer may have come just before the push.
  const bool must_pause = conduit->up.AwaitRoom(options_.ring_bytes / 4);
  if (conduit->paused == must_pause) return;
  conduit->paused = must_pause;
  if (!must_pause) return LookAt(conduit);
  conduit->paused_since_ms = now_ms;
  paused_.push_back(conduit);
  if (!conduit->may_pause) cannot_pause_ = true;
  LookAt(conduit);
}

/// What comes now would be too much. A loop that reads this client has only not come to it: on a
/// busy machine that is our slowness, not the client's haste, and it gets the time, while every
/// socket of the edge waits. Where a decision or a full out-buffer keeps it from reading, nobody
/// waits. False: there is no room.
bool EdgePort::WaitForRoom(const Conduit& conduit) {
  PostReady();  // the loop may not have been told of what it should read
  using std::chrono::milliseconds;
  const auto deadline = std::chrono::steady_clock::now() + milliseconds(limits::kEdgeRoomMs);
  std::unique_lock<std::mutex> lock(mutex_);
  while (conduit.up.size() > options_.ring_bytes) {
    if (conduit.unread.load(std::memory_order_relaxed)) return false;
    if (conduit.released.load(std::memory_order_relaxed)) return false;
    if (std::chrono::steady_clock::now() >= deadline) return false;
    announced_cv_.wait_for(lock, milliseconds(limits::kEdgePatienceMs));
  }
  return true;
}

/// The loop may have made room that we have not been told of yet.
void EdgePort::CheckRoom(Conduit* conduit) {
  if (conduit->up.size() <= options_.ring_bytes / 4) conduit->paused = false;
}

void EdgePort::Gone(const ConduitRef& conduit) {
  conduit->peer_gone.store(true, std::memory_order_release);
  TellLoop(*conduit);
  conduits_.erase(conduit->id);
}

void EdgePort::Overrun(const ConduitRef& conduit) {
  conduit->overrun.store(true, std::memory_order_release);
  TellLoop(*conduit);
}

/// Sequentially consistent, behind the push: a loop that takes the connection over afterwards looks
/// into the pipe itself.
void EdgePort::TellLoop(const Conduit& conduit) {
  const int loop = conduit.loop.load(std::memory_order_seq_cst);
  ready_[static_cast<size_t>(loop)].push_back(conduit.connection);
}

void EdgePort::PostReady() {
  for (size_t loop = 0; loop < ready_.size(); ++loop) {
    if (ready_[loop].empty()) continue;
    EdgeReadyCommand command{std::move(ready_[loop])};
    ready_[loop].clear();
    const std::lock_guard<std::mutex> lock(gate_);
    if (!closed_) peers_->PostTo(static_cast<int>(loop), std::move(command));
  }
}

void EdgePort::CheckStalls(int64_t now_ms) {
  cannot_pause_ = false;
  std::erase_if(paused_, [&](const ConduitRef& conduit) {
    if (!conduit->paused || conduit->released.load(std::memory_order_relaxed)) return true;
    if (conduit->may_pause) return false;
    if (now_ms - conduit->paused_since_ms >= options_.stall_ms) {
      Overrun(conduit);
      return true;
    }
    cannot_pause_ = true;
    return false;
  });
}

/// A client that cannot be paused fills its ring faster than its loop empties it. That may be our
/// own slowness, so the loop gets a moment before more is read: every socket of the edge waits a
/// little instead of that one being closed.
void EdgePort::WaitForLoops() {
  std::unique_lock<std::mutex> lock(mutex_);
  announced_cv_.wait_for(lock, std::chrono::milliseconds(limits::kEdgePatienceMs),
                         [this] { return !announced_.empty(); });
}

// ---- towards the edge

void EdgePort::Announce(ConduitRef conduit) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (bell_ == nullptr) return;
  announced_.push_back(std::move(conduit));
  news_.store(true, std::memory_order_relaxed);
  announced_cv_.notify_one();
}

void EdgePort::RingBell() {
  if (!news_.load(std::memory_order_relaxed)) return;
  const std::lock_guard<std::mutex> lock(mutex_);
  news_.store(false, std::memory_order_relaxed);
  if (bell_ == nullptr || rung_ || announced_.empty()) return;
  rung_ = true;
  bell_(argument_);
}

void EdgePort::LookAt(const ConduitRef& conduit) {
  if (conduit->queued) return;
  conduit->queued = true;
  looking_.push_back(conduit);
}

size_t EdgePort::Take(char* into, size_t bytes, int64_t now_ms, bool* more) {
  CHECK(bytes >= kTakeBytesMin);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    rung_ = false;
    taking_.swap(announced_);
  }
  for (const ConduitRef& conduit : taking_) {
    if (conduit->epoch == epoch_) LookAt(conduit);
  }
  taking_.clear();
  CheckStalls(now_ms);
  RecordFiller out(into, bytes);
  while (!looking_.empty() && out.HasRoom(kLookBytes)) {
    const ConduitRef conduit = std::move(looking_.front());
    looking_.pop_front();
    conduit->queued = false;
    // Its WebSocket is closed already, and another may have its id.
    const auto found = conduits_.find(conduit->id);
    if (found == conduits_.end() || found->second != conduit) continue;
    TakeFrom(conduit, &out);
  }
  *more = !looking_.empty();
  PostReady();
  return out.used();
}

void EdgePort::TakeFrom(const ConduitRef& conduit, RecordFiller* out) {
  // Before the pipe is looked at: what was pushed before the end is seen below.
  const bool released = conduit->released.load(std::memory_order_acquire);
  const bool ended = conduit->output_ended.load(std::memory_order_acquire);
  if (conduit->paused) CheckRoom(conduit.get());
  if (conduit->may_pause && conduit->paused != conduit->pause_told) {
    conduit->pause_told = conduit->paused;
    out->Event(conduit->paused ? EdgeEventKind::kPause : EdgeEventKind::kResume, conduit->id);
  }
  if (!conduit->held) {
    bool tell_loop = false;
    const size_t got = conduit->down.Read(out->data(), out->data_room(), &tell_loop);
    if (got > 0) out->Data(conduit->id, got);
    if (tell_loop) TellLoop(*conduit);
    if (!conduit->down.empty()) return LookAt(conduit);  // behind the others
  }
  const bool finished = ended && conduit->down.empty();
  if (finished && !conduit->end_told) {
    conduit->end_told = true;
    out->Event(EdgeEventKind::kEnd, conduit->id);
  } else if (released) {
    out->Event(EdgeEventKind::kDrop, conduit->id);
  }
  if (released) conduits_.erase(conduit->id);
}

}  // namespace causeway::transport
