// One thread of the generator: an epoll loop with its share of the clients.
//
// A turn: every ready socket is read, one recv each; the phase's work (open, publish, churn); every
// socket with something to say is written, one send each; the counts are shown.
#pragma once

#include <sys/epoll.h>

#include <atomic>
#include <memory>
#include <string_view>
#include <vector>

#include "loadgen/client.h"
#include "loadgen/counters.h"
#include "loadgen/histogram.h"
#include "loadgen/run_state.h"
#include "mqtt/packet.h"

namespace causeway::loadgen {

/// A file descriptor that is closed at the end.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

class Worker {
 public:
  /// `state` is borrowed and outlives the worker. @param index 0 … threads - 1
  Worker(RunState* state, uint32_t index);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// Before the thread starts.
  void Adopt(std::unique_ptr<Client> client);
  /// The thread: returns after Phase::kEnd.
  void Run();
  /// Any thread: the phase has changed.
  void Wake();

  /// Any thread.
  const PublishedCounts& counts() const { return published_; }
  const Histogram& latency() const { return latency_; }
  const Histogram& subscribe_latency() const { return subscribe_latency_; }
  int64_t first_subscribe_ns() const { return first_subscribe_ns_.load(std::memory_order_relaxed); }
  int64_t last_suback_ns() const { return last_suback_ns_.load(std::memory_order_relaxed); }

 private:
  // worker.cc: the loop
  void EnterPhase(Phase phase);
  void Work(Phase phase, int64_t now_ns);
  int TimeoutMs(Phase phase) const;
  void OnEvent(Client* client, uint32_t events);
  void Watch(Client* client, uint32_t events, int operation);
  void Fail(Client* client, std::string_view why);
  void FlushAll();
  void Flush(Client* client);
  void ToFlush(Client* client) {
    if (client->flushing) return;
    client->flushing = true;
    to_flush_.push_back(client);
  }

  // connecting.cc
  void OpenMore();
  bool Open(Client* client);
  void OnConnected(Client* client);
  void Shake(Client* client);
  void SayConnect(Client* client);
  void OnConnack(Client* client, const mqtt::Frame& frame);
  void Subscribe(Client* client);
  void OnSuback(Client* client, const mqtt::Frame& frame);
  void BecomeReady(Client* client);
  std::vector<std::string> FiltersOf(const Client& client) const;

  // receiving.cc
  void Read(Client* client);
  bool ReadOnce(Client* client);
  bool HandlePacket(Client* client, const mqtt::Frame& frame, int64_t now_ns);
  bool HandlePublish(Client* client, const mqtt::Frame& frame, int64_t now_ns);
  void Judge(Client* client, uint32_t publisher, uint64_t sequence);
  bool HandleAck(Client* client, const mqtt::Frame& frame);
  void SayAck(Client* client, mqtt::PacketType type, uint16_t packet_id);
  void Credit(uint32_t publisher, uint64_t deliveries);

  // publishing.cc
  void StartSchedule();
  /// Of an open loop: when the n-th of this thread is due, how many are by now, and to be woken for
  /// the next.
  int64_t DueNs(uint64_t number) const;
  uint64_t DueBy(int64_t now_ns) const;
  void AwaitNextDue(int64_t now_ns);
  void Pace(int64_t now_ns);
  void PumpAll(int64_t now_ns);
  bool Pump(Client* client, int64_t now_ns);
  bool PublishOne(Client* client, int64_t sent_ns);
  void LookForStalls(int64_t now_ns);
  void ToPump(Client* client) {
    if (client->pumping) return;
    client->pumping = true;
    to_pump_.push_back(client);
  }

  // churning.cc
  void ChurnAll(int64_t now_ns);
  void ChurnSubscribe(Client* client, int64_t asked_ns);
  void OnChurnAnswer(Client* client, bool subscribed, int64_t now_ns);

  RunState* const state_;
  const Plan& plan_;
  const bool alone_;  // the only thread: no atomic read-modify-write, publishers woken at once
  const uint64_t window_each_;  // deliveries outstanding of one publisher
  Descriptor epoll_, wake_, timer_;

  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<Client*> first_, publishers_;   // to open: subscribers and churners; publishers
  std::vector<Client*> publisher_by_number_;  // alone_
  std::vector<Client*> idle_churners_;
  std::vector<GroupTrack> group_;  // kShared, by publisher; alone_
  size_t next_first_ = 0, next_publisher_ = 0, next_in_turn_ = 0;
  uint32_t handshakes_ = 0;
  std::vector<Client*> to_flush_, to_pump_;
  std::vector<epoll_event> events_;
  std::vector<char> read_buffer_;
  Phase entered_ = Phase::kConnect;
  Random random_;

  int64_t schedule_start_ns_ = 0;
  double rate_here_ = 0;    // of the schedule's messages, those of this thread
  uint64_t scheduled_ = 0;  // messages that the schedule has sent so far
  int64_t stalls_looked_ns_ = 0;

  Counts counts_;
  PublishedCounts published_;
  Histogram latency_, subscribe_latency_;
  // Relaxed: read when the phase they belong to is over.
  std::atomic<int64_t> first_subscribe_ns_{0}, last_suback_ns_{0};
};

}  // namespace causeway::loadgen
