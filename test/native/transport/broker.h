// An engine with a stand-in for control: it admits everybody, takes over by client id, grants what
// is asked. Sockets are real, on the loopback.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "../session/wire.h"
#include "core/clock.h"
#include "mqtt/packet.h"
#include "transport/engine.h"

namespace causeway::transport {

class Broker {
 public:
  static constexpr uint32_t kListener = 1;

  Broker(int loops, uint16_t port, size_t lane_slots = 64) : loops_(loops) {
    EngineOptions options;
    options.loops = loops;
    options.lane_slots = lane_slots;
    engine_ = std::make_unique<Engine>(
        options, [](void* self) { static_cast<Broker*>(self)->Notify(); }, this);
    engine_->Start();
    ListenerOptions listener;
    listener.id = kListener;
    listener.host = "127.0.0.1";
    listener.port = port;
    error_ = engine_->Listen(listener, &what_);
    control_ = std::thread([this] { Control(); });
  }
  ~Broker() {
    if (!halted && !Stop()) std::abort();
  }
  /// Ends control, then the loops: true when they ended. `drain`: with DISCONNECT first, as on
  /// SIGTERM.
  bool Stop() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      stopping_ = true;
      wake_.notify_all();
    }
    control_.join();
    if (drain) {  // as control does it: clients have time to read their DISCONNECT
      engine_->Drain();
      const int64_t until = MonotonicMs() + 5000;
      while (engine_->open_sockets() > 0 && MonotonicMs() < until) std::this_thread::yield();
    }
    halted = engine_->Halt(5000);
    return halted;
  }
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;

  Engine& engine() { return *engine_; }
  int listen_error() const { return error_; }
  uint64_t Count(const char* name) const {
    const auto values = engine_->Counters();
    for (size_t i = 0; i < kCounterCount; ++i)
      if (kCounterInfos[i].name == name) return values[i];
    std::abort();
  }

  bool drain = false;
  bool halted = false;
  /// While a test holds it nothing is decided: connections stay behind their barriers.
  std::mutex decisions;
  /// The client id that is refused, and the home of all ids but those that name theirs ("@2").
  std::string refused = "refused";

 private:
  struct Known {
    int loop = 0;
    uint32_t session = 0, generation = 1;
    bool live = false;
  };

  void Notify() {
    const std::lock_guard<std::mutex> lock(mutex_);
    waiting_ = true;
    wake_.notify_all();
  }
  void Control() {
    for (;;) {
      std::string events;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        wake_.wait(lock, [this] { return waiting_ || stopping_; });
        if (stopping_) return;
        waiting_ = false;
      }
      const std::lock_guard<std::mutex> lock(decisions);
      engine_->TakeEvents(&events);
      std::string commands;
      RecordReader reader(events);
      while (reader.Next()) Decide(&reader, &commands);
      engine_->Submit(commands);
      engine_->Maintain();
    }
  }
  void Decide(RecordReader* event, std::string* commands) {
    switch (static_cast<EventKind>(event->kind())) {
      case EventKind::kConnect:
        return Connect(event, commands);
      case EventKind::kPacket:
        return Packet(event, commands);
      default:
        return;
    }
  }
  void Connect(RecordReader* event, std::string* commands) {
    const uint32_t connection = event->U32();
    event->U32();
    event->Bytes();
    const std::string_view packet = event->Bytes();
    mqtt::Frame frame;
    size_t need;
    mqtt::NextFrame(packet, UINT32_MAX, &frame, &need);
    mqtt::Connect connect;
    if (mqtt::DecodeConnect(frame, &connect) != mqtt::Reason::kSuccess) std::abort();
    const std::string id(connect.client_id);
    RecordWriter writer(commands);
    if (id == refused) {
      writer.Begin(static_cast<uint8_t>(CommandKind::kRefuse), event->loop());
      writer.U32(connection).Bytes(std::string_view("\x20\x03\x00\x87\x00", 5)).End();
      return;
    }
    Known& known = known_[id];
    const bool resumed = known.live;
    if (!resumed) {
      const size_t at = id.find('@');
      known.loop = at == std::string::npos ? static_cast<int>(known_.size()) % loops_
                                           : (id[at + 1] - '0') % loops_;
      known.session = static_cast<uint32_t>(known_.size());
      known.live = true;
    }
    const std::string_view connack = resumed ? std::string_view("\x20\x03\x01\x00\x00", 5)
                                             : std::string_view("\x20\x03\x00\x00\x00", 5);
    writer.Begin(static_cast<uint8_t>(CommandKind::kAttach), known.loop);
    writer.U32(static_cast<uint32_t>(event->loop()))
        .U32(connection)
        .U32(known.session)
        .U32(known.generation)
        .U32(static_cast<uint32_t>(connect.version))
        .U32(attach_flags::kPersistent | (resumed ? attach_flags::kTakeOver : 0))
        .U32(resumed ? known.session : kNoSession)
        .U32(resumed ? known.generation : 0)
        .U32(0)
        .U32(1000)
        .U32(1000)
        .U32(0)
        .U32(0)
        .U32(0)
        .U32(100'000)
        .U32(0)
        .Bytes(id)
        .Bytes("")
        .Bytes("")
        .Bytes(connack)
        .End();
  }
  /// SUBSCRIBE with one filter, DISCONNECT; nothing else comes.
  void Packet(RecordReader* event, std::string* commands) {
    const uint32_t session = event->U32();
    const uint32_t generation = event->U32();
    const uint32_t connection = event->U32();
    const auto type = static_cast<mqtt::PacketType>(event->U32());
    session::WireReader packet(event->Bytes());
    RecordWriter writer(commands);
    writer.Begin(static_cast<uint8_t>(CommandKind::kAnswer), event->loop());
    writer.U32(session).U32(generation).U32(connection);
    if (type != mqtt::PacketType::kSubscribe) {
      writer.U32(1).U32(0).Bytes("").End();
      return;
    }
    packet.Integer(1);
    packet.Varint();
    const uint32_t id = packet.Integer(2);
    packet.Take(packet.Varint());
    const std::string filter = packet.Text();
    const uint32_t qos = packet.Integer(1) & 3;
    const bool existing = !subscribed_.insert({session, filter}).second;
    const char suback[] = {
        '\x90', 4, static_cast<char>(id >> 8), static_cast<char>(id), 0, static_cast<char>(qos)};
    writer.U32(0)
        .U32(1)
        .Bytes({suback, sizeof suback})
        .U32(op_flags::kSubscribe | (existing ? op_flags::kExisting : 0) | qos)
        .U32(0)
        .Bytes(filter)
        .Bytes("")
        .End();
  }

  const int loops_;
  std::unique_ptr<Engine> engine_;
  std::string what_;
  int error_ = 0;
  std::map<std::string, Known> known_;
  std::set<std::pair<uint32_t, std::string>> subscribed_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool waiting_ = false, stopping_ = false;
  std::thread control_;
};

}  // namespace causeway::transport
