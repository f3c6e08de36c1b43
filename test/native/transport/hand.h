// An engine of one loop whose control is the test: it takes events and submits commands when it
// says so.
#pragma once

#include <chrono>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "transport/engine.h"

namespace causeway::transport {

struct Seen {
  EventKind kind;
  uint32_t connection = 0;
  CloseCause cause = CloseCause::kClientDisconnect;
  std::string packet;
};

/// An engine of one loop whose control is the test.
class Hand {
 public:
  explicit Hand(uint16_t port) {
    engine_ = std::make_unique<Engine>(EngineOptions{}, [](void*) {}, nullptr);
    engine_->Start();
    ListenerOptions listener;
    listener.id = 1;
    listener.host = "127.0.0.1";
    listener.port = port;
    std::string what;
    if (engine_->Listen(listener, &what) != 0) std::abort();
  }
  ~Hand() {
    if (!engine_->Halt(5000)) std::abort();
  }
  uint64_t Count(const char* name) const {
    const auto values = engine_->Counters();
    for (size_t i = 0; i < kCounterCount; ++i)
      if (kCounterInfos[i].name == name) return values[i];
    std::abort();
  }
  /// Events so far.
  std::vector<Seen> Take() {
    std::string events;
    engine_->TakeEvents(&events);
    RecordReader reader(events);
    std::vector<Seen> all;
    while (reader.Next()) {
      Seen one;
      one.kind = static_cast<EventKind>(reader.kind());
      switch (one.kind) {
        case EventKind::kConnect:
          one.connection = reader.U32();
          reader.U32();
          reader.Bytes();
          one.packet = reader.Bytes();
          break;
        case EventKind::kPacket:
        case EventKind::kLinkPublish:
          reader.U32();
          reader.U32();
          one.connection = reader.U32();
          reader.U32();
          one.packet = reader.Bytes();
          break;
        case EventKind::kExchange:
          one.connection = reader.U32();
          one.packet = reader.Bytes();
          break;
        case EventKind::kClosed:
          reader.U32();
          reader.U32();
          one.connection = reader.U32();
          one.cause = static_cast<CloseCause>(reader.U32());
          break;
        default:
          break;
      }
      all.push_back(std::move(one));
    }
    return all;
  }
  /// Waits up to 5 s for an event of this kind, dropping what comes before.
  std::optional<Seen> Await(EventKind kind) {
    const int64_t until = MonotonicMs() + 5000;
    while (MonotonicMs() < until) {
      for (Seen& one : waiting_) {
        if (one.kind != kind) continue;
        Seen found = std::move(one);
        waiting_.clear();
        return found;
      }
      waiting_ = Take();
      if (waiting_.empty()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return std::nullopt;
  }
  void Attach(uint32_t connection, uint32_t session, uint32_t alias_max = 0) {
    std::string commands;
    RecordWriter writer(&commands);
    writer.Begin(static_cast<uint8_t>(CommandKind::kAttach), 0).U32(0).U32(connection);
    writer.U32(session).U32(1).U32(5).U32(attach_flags::kPersistent | attach_flags::kLinkAllowed);
    writer.U32(kNoSession).U32(0).U32(0).U32(1000).U32(1000).U32(0).U32(alias_max);
    writer.U32(0).U32(1000).U32(0);
    writer.Bytes("c" + std::to_string(session)).Bytes("").Bytes("");  // user name, mountpoint
    writer.Bytes(std::string_view("\x20\x03\x00\x00\x00", 5)).End();
    engine_->Submit(commands);
  }
  /// `kind`: challenge or refuse.
  void Say(CommandKind kind, uint32_t connection, std::string_view packet) {
    std::string commands;
    RecordWriter writer(&commands);
    writer.Begin(static_cast<uint8_t>(kind), 0).U32(connection).Bytes(packet).End();
    engine_->Submit(commands);
  }
  void Answer(uint32_t session, uint32_t connection, std::string_view filter,
              std::string_view reply) {
    std::string commands;
    RecordWriter writer(&commands);
    writer.Begin(static_cast<uint8_t>(CommandKind::kAnswer), 0).U32(session).U32(1);
    writer.U32(connection).U32(0).U32(1).Bytes(reply);
    writer.U32(op_flags::kSubscribe).U32(0).Bytes(filter).Bytes("").End();
    engine_->Submit(commands);
  }
  Engine& engine() { return *engine_; }

 private:
  std::unique_ptr<Engine> engine_;
  std::vector<Seen> waiting_;
};

}  // namespace causeway::transport
