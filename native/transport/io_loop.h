// One io loop: a thread with its own libuv loop, its sockets, and the shard they serve.
//
// A turn: poll → every ready socket is read → commands → lanes and paused fan-outs → one write per
// dirty socket, as many as a turn may make (session/flush_turn.h) → wake-ups of other loops →
// events to control. Flushing once at the end is what makes batches (design.md §3 step 7). While
// wide fan-outs come faster than they are written, a thread that waits for the processor goes
// first.
#pragma once

#include <uv.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "core/counters.h"
#include "core/linked_list.h"
#include "core/timer_wheel.h"
#include "fanout/delayed_queue.h"
#include "fanout/link_intake.h"
#include "fanout/shard.h"
#include "router/flat_map.h"
#include "transport/commands.h"
#include "transport/rate_waiters.h"
#include "transport/records.h"
#include "transport/socket.h"

namespace causeway::transport {

class EdgePort;

/// What a loop needs of its surroundings. Thread-safe.
class LoopPeers {
 public:
  virtual void WakeLoop(int loop) = 0;
  virtual void PostTo(int loop, Command command) = 0;
  /// Events are waiting in TakeEvents; coalesced by the receiver.
  virtual void EventsWaiting() = 0;
  /// Where WebSocket connections come from.
  virtual EdgePort* edge() = 0;

 protected:
  ~LoopPeers() = default;
};

class IoLoop final : public fanout::ShardHost {
 public:
  /// `admissions_max`: connections between accept and attachment, this loop's share.
  IoLoop(int index, fanout::Fabric* fabric, LoopPeers* peers, size_t admissions_max);
  ~IoLoop();
  IoLoop(const IoLoop&) = delete;
  IoLoop& operator=(const IoLoop&) = delete;

  void Start();
  /// Any thread. Executed in order of posting; wakes the loop.
  void Post(Command command);
  /// All of `*commands`, which is empty afterwards and has memory of its own again.
  void Post(std::vector<Command>* commands);
  void WakeUp() { uv_async_send(&async_); }
  /// Any thread: moves all events so far to the end of `*out`.
  void TakeEvents(std::string* out);
  /// True when the thread has ended within `timeout_ms`; it is then joined.
  bool Join(int64_t timeout_ms);
  /// Control, after every loop was joined: until then others may wake this one. Once.
  void CloseHandles();

  /// Commands executed so far: what control posted before may be let go. Acquire, pairs with the
  /// loop's release.
  uint64_t executed() const { return executed_.load(std::memory_order_acquire); }
  uint32_t open_sockets() const { return open_sockets_.load(std::memory_order_relaxed); }
  const Counters& counters() const { return counters_; }
  fanout::LinkEgress* links() { return shard_.links(); }

  // fanout::ShardHost
  void Wake(int loop) override { peers_->WakeLoop(loop); }
  void WorkLeft() override { work_left_ = true; }
  void Unpaused(session::Connection* connection) override;

 private:
  struct ListeningSocket {
    Listener* listener;
    int fd;
    uv_poll_t poll;
    IoLoop* loop;
    bool rate_paused = false;
    bool watched = false;
  };

  // io_loop.cc: the turn
  void CommandsWait();
  void Run();
  void EndTurn();
  void FlushDirty();
  void RunCommands();
  void Tick();
  void ExpireLinks();
  void CheckDeadlines(Socket* socket);
  void Schedule(Socket* socket, int64_t at_ms);

  // accept.cc: who gets in
  static constexpr uint8_t kPausedPending = 1;  // as many admissions as there may be
  static constexpr uint8_t kPausedFailed = 2;  // no descriptors or memory; tried again every second
  void Accept(ListeningSocket* listening);
  bool HasRoom();
  bool OldestMayGo();
  void Pending(Socket* socket);
  void NotPending(Socket* socket);
  bool MayEnter(Listener* listener, int fd, const sockaddr_storage& peer);
  void Welcome(Listener* listener, int fd);
  void Accepted(Socket* socket, Listener* listener);
  void PauseAccepting(uint8_t why);
  void ResumeAccepting(uint8_t why);
  void PauseForRate(ListeningSocket* listening, int64_t wait_ns);
  void WatchListening(ListeningSocket* listening);
  void Begin(Socket* socket);
  void ReadProxyHeader(Socket* socket);
  void RefuseProxy(Socket* socket, std::string_view why);
  void NoteStranger(Socket* socket, std::string_view bytes);

  // sockets.cc: life of a socket
  Socket* Adopt(int fd, std::unique_ptr<Stream> stream, uint32_t number, Socket::State state);
  Socket* FindSocket(uint32_t number);
  void Watch(Socket* socket);
  void OnReady(Socket* socket, int status, int events);
  bool ReadOutside(Socket* socket);
  void Dialed(Socket* socket);
  void Read(Socket* socket);
  void ParseMore(Socket* socket, std::string_view fresh);
  void Resume(Socket* socket);
  bool Flush(Socket* socket);
  void Broken(Socket* socket, int error);
  void Close(Socket* socket, CloseCause cause, mqtt::Reason reason, std::string_view detail);
  void Destroy(Socket* socket, bool close_fd);
  int64_t now() const { return now_ms_; }

  // secure.cc: handshakes, and what streams keep inside
  void Secure(Socket* socket);
  void Secured(Socket* socket);
  void NotSecured(Socket* socket, StreamFault fault, std::string_view reason);
  void SecureWaiting();
  void ReadLater(Socket* socket);
  void ReadBuffered();

  // admission.cc: before a client is served
  void HandleConnect(Socket* socket, const mqtt::Frame& frame);
  void HandleExchange(Socket* socket, const mqtt::Frame& frame);

  // rings.cc: sockets without a descriptor
  bool AcceptsMore(const Listener& listener) const;
  void WatchRing(Socket* socket);
  void MarkReady(Socket* socket);
  void ServeRings();
  void OnRing(Socket* socket);
  void Execute(EdgeOpenCommand& command);
  void Execute(EdgeReadyCommand& command);

  // serve.cc: what packets do
  size_t Parse(Socket* socket, std::string_view bytes);
  size_t ExpectTopics(const Socket& socket, std::string_view bytes);
  void Handle(Socket* socket, const mqtt::Frame& frame);
  void HandlePublish(Socket* socket, const mqtt::Frame& frame);
  void HandleLinkPublish(Socket* socket, const mqtt::Frame& frame, const mqtt::Publish& publish);
  void HandleForwarded(Socket* socket, const mqtt::Publish& publish, std::string_view cluster,
                       std::string_view sender);
  void HandleCarried(Socket* socket, const mqtt::Publish& publish);
  bool HandleLinkAck(Socket* socket, const mqtt::Frame& frame, const mqtt::Ack& ack);
  void HandleAck(Socket* socket, const mqtt::Frame& frame);
  void HandleFromServer(Socket* socket, const mqtt::Frame& frame);
  void Refuse(Socket* socket, const mqtt::Publish& publish, mqtt::Reason reason);
  bool ResolveAlias(Socket* socket, mqtt::Publish* publish);
  void ForgetAwaiting(session::Session* session);
  bool OpenExchange(Socket* socket, const mqtt::Publish& publish);
  void AcknowledgePublish(Socket* socket, const mqtt::Publish& publish,
                          fanout::Shard::Published outcome);
  void Barrier(Socket* socket, const mqtt::Frame& frame);
  void Fail(Socket* socket, mqtt::Reason reason);
  void SayDisconnect(Socket* socket, mqtt::Reason reason);
  bool NeedsControl(const Socket& socket, mqtt::PacketType type) const;
  bool ColdLaneFull() const;
  void ResumeColdWaiters();
  void ResumeYielded();

  // rates.cc: clients that are faster than they may be
  bool PausedByRate(Socket* socket);
  void ResumeRateLimited();
  void ArmResume();

  // delayed.cc: names that are the broker's own
  mqtt::Reason ReadReservedTopic(std::string_view* topic, int64_t* due_ms) const;
  void CountReservedRefusal(mqtt::Reason reason);
  bool Delay(const fanout::Publication& publication, int64_t due_ms);
  void PublishDelayed();
  void ArmDelayed();

  // control.cc: what control says
  void Execute(AttachCommand& command);
  void Execute(RefuseCommand& command);
  void Execute(ChallengeCommand& command);
  void Execute(AnswerCommand& command);
  void Execute(CloseCommand& command);
  void Execute(EndCommand& command);
  void Execute(PublishCommand& command);
  void Execute(DialCommand& command);
  void Execute(SendCommand& command);
  void Execute(SlotCommand& command);
  void Execute(CarryCommand& command);
  void Execute(ListenCommand& command);
  void Execute(UnlistenCommand& command);
  void Execute(LinksCommand& command);
  void Execute(TlsCommand& command);
  void Execute(DrainCommand& command);
  void Execute(StopCommand& command);
  /// Says that the server goes, where the version has words for it, and closes.
  void ShutDown(Socket* socket);
  void PublishPacket(std::string_view packet, std::string_view client_id);
  RecordWriter Event(EventKind kind);

  const int index_;
  fanout::Fabric* const fabric_;
  LoopPeers* const peers_;
  Counters counters_;
  fanout::Shard shard_;
  fanout::LinkIntake link_intake_;
  fanout::DelayedQueue delayed_;
  int64_t delayed_armed_ms_ = fanout::DelayedQueue::kNever;  // when delayed_timer_ rings

  uv_loop_t loop_;
  uv_async_t async_;
  uv_check_t check_;
  uv_idle_t idle_;  // running while work is left: the next poll does not sleep
  uv_timer_t timer_;
  uv_timer_t delayed_timer_;  // rings for the first of delayed_
  uv_timer_t rate_timer_;     // listeners that accept too fast go on then
  uv_timer_t resume_timer_;   // rings for the first of rate_waiters_

  std::mutex commands_mutex_;  // cold: one lock per batch from control, none per message
  std::vector<Command> commands_;
  std::vector<Command> running_;
  std::atomic<bool> commands_waiting_{false};
  std::atomic<uint64_t> executed_{0};

  std::mutex events_mutex_;
  std::string events_shared_;
  std::string events_;  // of this turn
  std::atomic<size_t> events_shared_bytes_{
      0};  // of events_shared_; relaxed, a bound that may be late by a turn
  std::atomic<bool> cold_waiting_{false};          // somebody waits for TakeEvents
  RateWaiters rate_waiters_;                       // connections paused for want of tokens
  int64_t resume_armed_ms_ = RateWaiters::kNever;  // when resume_timer_ rings
  std::vector<uint32_t> yielded_;                  // connections paused until the next turn, FIFO
  std::vector<uint32_t> to_secure_;                // handshakes put off, FIFO
  std::vector<uint32_t> to_read_;  // streams with bytes that no poll will tell of, FIFO
  size_t handshake_steps_ = 0;     // of this turn
  std::unordered_map<uint32_t, std::shared_ptr<const TlsContext>> tls_;  // by number
  std::vector<uint32_t> cold_waiters_;  // connections paused because control has too much to decide

  std::vector<uint32_t> ready_;  // connections without a descriptor to serve, FIFO
  std::vector<std::unique_ptr<Socket>> graveyard_;  // those that ended: freed by the next turn

  router::FlatMap<Socket*> sockets_;  // by number: most commands begin here
  std::atomic<uint32_t> open_sockets_{0};
  std::vector<std::unique_ptr<ListeningSocket>> listening_;
  const size_t admissions_max_;
  size_t admissions_ = 0;               // accepted sockets before kServing
  LinkedList<PendingConnect> pending_;  // those of them whose CONNECT is not whole, oldest first
  uint8_t accept_paused_ = 0;           // kPaused…
  int64_t now_ms_ = 0;
  TimerWheel wheel_;       // one entry a socket, armed again lazily
  int64_t second_ = 0;     // of the last once-a-second work
  size_t turn_ready_ = 0;  // sockets that poll found ready, since the turn began
  bool work_left_ = false;
  bool idle_running_ = false;
  bool stopping_ = false;
  bool draining_ = false;
  bool closed_ = false;             // control's, after the join
  std::unique_ptr<char[]> buffer_;  // kReadBufferBytes + room for what was left of the last packet
  std::string scratch_;             // filtered properties
  std::string mounted_;             // a topic behind its client's mountpoint
  std::string properties_scratch_;

  std::thread thread_;
  std::mutex ended_mutex_;
  std::condition_variable ended_cv_;
  bool ended_ = false;
};

}  // namespace causeway::transport
