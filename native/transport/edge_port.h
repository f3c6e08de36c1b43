// Where the edge thread and the io loops meet: all conduits, by the edge's names.
//
//   edge   Submit ── bytes ──▶ conduit.up   ── EdgeReadyCommand, one a loop and batch ──▶ io loop
//   edge   Take   ◀── bytes ── conduit.down ◀── Announce, one bell a turn ─────────────── io loop
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/counters.h"
#include "edge/conduit.h"
#include "transport/io_loop.h"
#include "transport/records.h"
#include "transport/ring_stream.h"

namespace causeway::transport {

/// What the operator set, in force for connections that come.
struct EdgeOptions {
  size_t ring_bytes = 1 << 20;  // limits.ws_ring_bytes: of one client, waiting for its loop
  int64_t stall_ms = 5000;      // limits.ws_stall
};

/// One edge thread at a time: Attach and Detach bracket its life, so that a later one finds nothing
/// of an earlier one. Owner: the engine, for its life.
class EdgePort final : public ConduitListener {
 public:
  EdgePort(LoopPeers* peers, int loops) : peers_(peers), ready_(static_cast<size_t>(loops)) {}

  // ---- control

  /// Before the edge is told of the listener.
  void AddListener(Listener* listener);
  /// Before the loops are joined: nothing is posted to them any more.
  void Close();

  // ---- the edge thread

  /// `bell` is called from any loop when Take has something to give, once until Take is called.
  void Attach(const EdgeOptions& options, void (*bell)(void*), void* argument);
  /// All its WebSockets are gone; the bell is not rung after this returns.
  void Detach();
  /// Executes a batch of records (CAUSEWAY_EDGE_COMMANDS in transport/records.h).
  void Submit(std::string_view batch, int64_t now_ms);
  /// Writes records (CAUSEWAY_EDGE_EVENTS) to `into`, which has room for `bytes`, at least
  /// kTakeBytesMin; returns how many were written. `*more`: there is more than fits.
  size_t Take(char* into, size_t bytes, int64_t now_ms, bool* more);
  static constexpr size_t kTakeBytesMin = 4096;
  /// Whether somebody may ask for a WebSocket; counted where not. `address`: an IP literal, `peer`:
  /// for the log. Takes one connection's share of max_conn_rate.
  EdgeVerdict Admit(uint32_t listener, const std::string& address, std::string peer,
                    int64_t now_ns);

  // ---- io loops

  void Announce(std::shared_ptr<edge::Conduit> conduit) override;
  /// At the end of a turn.
  void RingBell();

  /// Any thread, relaxed.
  const edge::Totals& totals() const { return totals_; }
  const Counters& counters() const { return counters_; }

 private:
  using ConduitRef = std::shared_ptr<edge::Conduit>;

  Listener* ListenerOf(uint32_t id);
  void Open(uint32_t id, RecordReader* fields);
  void Refused(RecordReader* fields);
  void Data(const ConduitRef& conduit, std::string_view bytes, int64_t now_ms);
  void Gone(const ConduitRef& conduit);
  void Overrun(const ConduitRef& conduit);
  void LookAt(const ConduitRef& conduit);
  bool WaitForRoom(const edge::Conduit& conduit);
  void CheckRoom(edge::Conduit* conduit);
  class RecordFiller;
  void TakeFrom(const ConduitRef& conduit, RecordFiller* out);
  void TellLoop(const edge::Conduit& conduit);
  void PostReady();
  void CheckStalls(int64_t now_ms);
  void WaitForLoops();

  LoopPeers* const peers_;
  edge::Totals totals_;

  std::mutex gate_;  // held while posting to loops, so that Close waits for it
  bool closed_ = false;

  std::mutex mutex_;  // cold: one lock per conduit and turn, none per message
  std::condition_variable announced_cv_;
  std::vector<ConduitRef> announced_;
  std::unordered_map<uint32_t, Listener*> listeners_;
  void (*bell_)(void*) = nullptr;
  void* argument_ = nullptr;
  bool rung_ = false;
  std::atomic<bool> news_{false};  // saves an idle lock; the mutex orders what it speaks of

  // The edge thread's own.
  Counters counters_;  // of what its listeners turned away
  EdgeOptions options_;
  uint32_t epoch_ = 0;
  uint32_t next_loop_ = 0;
  std::unordered_map<uint32_t, ConduitRef> conduits_;
  std::deque<ConduitRef> looking_;            // to look at in Take, oldest first
  std::vector<ConduitRef> taking_;            // scratch
  std::vector<std::vector<uint32_t>> ready_;  // by loop, connections to tell of
  std::vector<ConduitRef> paused_;            // above their mark; cleared lazily
  bool cannot_pause_ = false;                 // one of them cannot be paused
};

/// Numbers of accepted connections, unique in the process and below 2^31. Any thread.
uint32_t NextConnectionNumber();

}  // namespace causeway::transport
