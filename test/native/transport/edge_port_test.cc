// WebSocket connections of an engine, with a stand-in for the edge thread.
#include "transport/edge_port.h"

#include <doctest/doctest.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "broker.h"
#include "client.h"
#include "core/limits.h"

namespace causeway::transport {
namespace {

using mqtt::PacketType;

constexpr uint32_t kEdgeListener = 2;

uint16_t NextPort() {
  static uint16_t port = 23'400;
  return port++;
}

/// More than half of a ring of 100,000 bytes.
std::string Flood() {
  std::string flood;
  while (flood.size() < 60'000) flood += PublishPacket("t", std::string(1000, 'x'), 0, 0);
  return flood;
}

/// What the edge thread does, without WebSockets: batches down, records up, a bell.
class Edge {
 public:
  explicit Edge(Broker* broker, const EdgeOptions& options = {}, uint32_t connections_max = 0)
      : port_(broker->engine().edge()) {
    ListenerOptions listener;
    listener.id = kEdgeListener;
    listener.host = "127.0.0.1";
    listener.port = NextPort();
    listener.on_edge = true;
    listener.connections_max = connections_max;
    std::string what;
    REQUIRE(broker->engine().Listen(listener, &what) == 0);
    Attach(options);
  }
  ~Edge() { Detach(); }
  void Attach(const EdgeOptions& options) {
    port_->Attach(options, [](void* self) { static_cast<Edge*>(self)->Ring(); }, this);
    attached_ = true;
  }
  void Detach() {
    if (attached_) port_->Detach();
    attached_ = false;
  }

  void Open(uint32_t id, bool may_pause = false) {
    Begin(EdgeCommandKind::kOpen)
        .U32(id)
        .U32(kEdgeListener)
        .U32(may_pause ? 1 : 0)
        .Bytes("10.0.0.9:1234")
        .Bytes("")  // no certificate
        .End();
  }
  void Data(uint32_t id, std::string_view bytes) {
    Begin(EdgeCommandKind::kData).U32(id).Bytes(bytes).End();
  }
  void Say(EdgeCommandKind kind, uint32_t id) { Begin(kind).U32(id).End(); }

  /// One turn: what was said goes down, what waits comes up.
  void Turn() {
    port_->Submit(batch_, MonotonicMs() + skew_ms);
    batch_.clear();
    bool more = true;
    while (more) {
      const size_t size =
          port_->Take(buffer_.data(), buffer_.size(), MonotonicMs() + skew_ms, &more);
      RecordReader reader({buffer_.data(), size});
      while (reader.Next()) {
        const uint32_t id = reader.U32();
        switch (static_cast<EdgeEventKind>(reader.kind())) {
          case EdgeEventKind::kBytes:
            streams[id] += reader.Bytes();
            break;
          case EdgeEventKind::kEnd:
            said[id] += 'e';
            break;
          case EdgeEventKind::kDrop:
            said[id] += 'd';
            break;
          case EdgeEventKind::kPause:
            said[id] += 'p';
            break;
          case EdgeEventKind::kResume:
            said[id] += 'r';
            break;
        }
      }
      REQUIRE(!reader.failed());
    }
  }
  /// Turns, each after a bell, until `done`.
  template <typename Done>
  bool Until(Done done, int64_t timeout_ms = 5000) {
    const int64_t deadline = MonotonicMs() + timeout_ms;
    for (Turn(); !done(); Turn()) {
      if (MonotonicMs() > deadline) return false;
      std::unique_lock<std::mutex> lock(mutex_);
      bell_.wait_for(lock, std::chrono::milliseconds(50), [this] { return rung_; });
      rung_ = false;
    }
    return true;
  }
  /// The next packet for `id`.
  std::optional<session::Packet> Next(uint32_t id) {
    std::string& stream = streams[id];
    if (!Until([&] { return session::WholePacket(stream) != 0; })) return std::nullopt;
    const size_t size = session::WholePacket(stream);
    session::Packet packet = session::ReadPacket(stream.substr(0, size), true);
    stream.erase(0, size);
    return packet;
  }

  std::map<uint32_t, std::string> streams, said;
  int64_t skew_ms = 0;

 private:
  RecordWriter& Begin(EdgeCommandKind kind) {
    writer_ = RecordWriter(&batch_);
    writer_.Begin(static_cast<uint8_t>(kind), 0);
    return writer_;
  }
  void Ring() {
    const std::lock_guard<std::mutex> lock(mutex_);
    rung_ = true;
    bell_.notify_one();
  }

  EdgePort* const port_;
  bool attached_ = false;
  std::string batch_;
  RecordWriter writer_{&batch_};
  std::vector<char> buffer_ = std::vector<char>(16 * 1024);
  std::mutex mutex_;
  std::condition_variable bell_;
  bool rung_ = false;
};

}  // namespace

TEST_CASE(
    "a WebSocket's CONNECT, SUBSCRIBE and PUBLISH, a byte at a time, whichever loop is home") {
  for (const int loops : {1, 2, 4}) {
    Broker broker(loops, NextPort());
    Edge edge(&broker);
    for (uint32_t id = 0; id < 8; ++id) {
      edge.Open(id);
      const std::string n = std::to_string(id);
      for (const char byte : ConnectPacket("c" + n + "@" + std::to_string(id % 4)) +
                                 SubscribePacket(1, "own/" + n, 1) +
                                 PublishPacket("own/" + n, "hello", 1, 7)) {
        edge.Data(id, {&byte, 1});
        if (id % 2 == 0) edge.Turn();
      }
      CHECK(edge.Next(id)->type == PacketType::kConnack);
      CHECK(edge.Next(id)->type == PacketType::kSuback);
      const auto third = edge.Next(id), fourth = edge.Next(id);
      REQUIRE(fourth);
      const bool copy_first = third->type == PacketType::kPublish;
      CHECK((copy_first ? third : fourth)->payload == "hello");
      CHECK((copy_first ? fourth : third)->type == PacketType::kPuback);
    }
    for (uint32_t id = 0; id < 8; ++id) edge.Say(EdgeCommandKind::kGone, id);
    CHECK(edge.Until([&] { return broker.engine().edge()->totals().conduits == 0; }));
    CHECK(broker.Count("connections_closed") == 8);
    CHECK(broker.engine().edge()->totals().bytes == 0);
  }
}

TEST_CASE("DISCONNECT ends the output; the socket's end frees the rings") {
  Broker broker(2, NextPort());
  Edge edge(&broker);
  edge.Open(1);
  edge.Data(1, ConnectPacket("a") + ConnectPacket("a"));
  CHECK(edge.Next(1)->type == PacketType::kConnack);
  const auto last = edge.Next(1);
  REQUIRE(last);
  CHECK(last->type == PacketType::kDisconnect);
  CHECK(edge.Until([&] { return edge.said[1] == "e"; }));
  edge.Data(1, "what still comes is discarded");
  edge.Say(EdgeCommandKind::kGone, 1);
  CHECK(edge.Until([&] { return broker.engine().edge()->totals().conduits == 0; }));
  CHECK(edge.said[1] == "e");
}

TEST_CASE("above max_connections a WebSocket is cut off, and room is made by one that goes") {
  Broker broker(2, NextPort());
  Edge edge(&broker, {}, 2);
  edge.Open(1);
  edge.Data(1, ConnectPacket("a"));
  edge.Open(2);
  edge.Data(2, ConnectPacket("b"));
  REQUIRE(edge.Next(1));
  REQUIRE(edge.Next(2));
  edge.Open(3);
  CHECK(edge.Until([&] { return edge.said[3] == "d"; }));
  edge.Say(EdgeCommandKind::kGone, 1);
  CHECK(edge.Until([&] { return broker.Count("connections_closed") == 1; }));
  edge.Open(4);
  edge.Data(4, ConnectPacket("d"));
  CHECK(edge.Next(4));
}

TEST_CASE("a client that is not read: its messages wait in the ring, then in the out-buffer") {
  Broker broker(1, NextPort());
  Edge edge(&broker);
  edge.Open(1);
  edge.Data(1, ConnectPacket("reader") + SubscribePacket(1, "t", 0));
  REQUIRE(edge.Next(1));
  REQUIRE(edge.Next(1));
  edge.Say(EdgeCommandKind::kHold, 1);
  edge.Open(2);
  edge.Data(2, ConnectPacket("writer"));
  REQUIRE(edge.Next(2));
  const std::string payload(10'000, 'x');
  constexpr uint64_t kMessages = 100;  // a megabyte: four rings
  for (uint64_t i = 0; i < kMessages; ++i) {
    edge.Data(2, PublishPacket("t", payload, 1, static_cast<uint16_t>(1 + i)));
    REQUIRE(edge.Next(2));
  }
  CHECK(broker.Count("messages_sent") == kMessages);
  CHECK(edge.streams[1].empty());
  CHECK(broker.engine().edge()->totals().bytes <= static_cast<int64_t>(limits::kRingDownBytes));
  edge.Say(EdgeCommandKind::kUnhold, 1);
  for (uint64_t i = 0; i < kMessages; ++i) {
    const auto packet = edge.Next(1);
    REQUIRE(packet);
    CHECK(packet->payload.size() == payload.size());
  }
  CHECK(broker.engine().edge()->totals().bytes == 0);
}

TEST_CASE("who can be paused is; who cannot and sends on is closed with 0x97") {
  Broker broker(1, NextPort());
  EdgeOptions options;
  options.ring_bytes = 100'000;
  Edge edge(&broker, options);
  const std::string flood = Flood();
  for (const uint32_t id : {1, 2}) {
    edge.Open(id, id == 1);
    edge.Data(id, ConnectPacket("c" + std::to_string(id)));
    REQUIRE(edge.Next(id));
  }
  std::unique_lock<std::mutex> decisions(broker.decisions);
  // Behind a packet that waits for an answer nothing is read.
  for (const uint32_t id : {1, 2}) edge.Data(id, SubscribePacket(1, "x", 0));
  REQUIRE(edge.Until([&] { return broker.Count("cold_lane_entries") == 4; }));
  for (const uint32_t id : {1, 2}) {
    for (int i = 0; i < 3; ++i) edge.Data(id, flood);
  }
  CHECK(edge.Until([&] { return edge.said[1] == "p" && edge.said[2] == "e"; }));
  const auto last = edge.Next(2);
  REQUIRE(last);
  CHECK(last->type == PacketType::kDisconnect);
  CHECK(last->reason == 0x97);
  CHECK(broker.Count("ws_overruns") == 1);
  decisions.unlock();
  CHECK(edge.Until([&] { return edge.said[1] == "pr"; }));
  edge.Data(1, PublishPacket("t", "", 1, 9));
  CHECK(edge.Next(1)->type == PacketType::kSuback);
  CHECK(edge.Next(1)->type == PacketType::kPuback);
}

TEST_CASE("who sends several rings at once is waited for while its loop reads") {
  Broker broker(1, NextPort());
  EdgeOptions options;
  options.ring_bytes = 100'000;
  Edge edge(&broker, options);
  edge.Open(1);
  edge.Data(1, ConnectPacket("eager"));
  REQUIRE(edge.Next(1));
  constexpr int kFloods = 50;
  for (int i = 0; i < kFloods; ++i) edge.Data(1, Flood());
  edge.Data(1, PublishPacket("t", "", 1, 9));  // all in one batch
  CHECK(edge.Next(1)->type == PacketType::kPuback);
  CHECK(broker.Count("ws_overruns") == 0);
}

TEST_CASE("who fills its ring for limits.ws_stall and cannot be paused is closed with 0x97") {
  Broker broker(1, NextPort());
  EdgeOptions options;
  options.ring_bytes = 100'000;
  Edge edge(&broker, options);
  for (const uint32_t id : {1, 2}) {
    edge.Open(id);
    edge.Data(id, ConnectPacket("c" + std::to_string(id)));
    REQUIRE(edge.Next(id));
  }
  const std::unique_lock<std::mutex> decisions(broker.decisions);
  for (const uint32_t id : {1, 2}) edge.Data(id, SubscribePacket(1, "x", 0));
  REQUIRE(edge.Until([&] { return broker.Count("cold_lane_entries") == 4; }));
  edge.Data(1, Flood());
  edge.Data(2, Flood().substr(0, 1000));  // it waits as long, and has room
  edge.skew_ms = options.stall_ms - 1000;
  edge.Turn();
  CHECK(broker.Count("ws_overruns") == 0);
  edge.skew_ms = 2 * options.stall_ms;
  CHECK(edge.Until([&] { return edge.said[1] == "e"; }));
  CHECK(edge.Next(1)->reason == 0x97);
  CHECK(broker.Count("ws_overruns") == 1);
  CHECK(edge.said[2].empty());
}

TEST_CASE("a takeover between TCP and a WebSocket, both ways") {
  for (const int loops : {1, 4}) {
    const uint16_t port = NextPort();
    Broker broker(loops, port);
    Edge edge(&broker);
    for (uint32_t round = 0; round < 10; ++round) {
      TestClient tcp(port);
      tcp.Send(ConnectPacket("same"));
      REQUIRE(tcp.Next());
      edge.Open(round);
      edge.Data(round, ConnectPacket("same"));
      const auto connack = edge.Next(round);
      REQUIRE(connack);
      CHECK(connack->type == PacketType::kConnack);
      CHECK(tcp.Next()->reason == 0x8E);
      TestClient again(port);
      again.Send(ConnectPacket("same"));
      REQUIRE(again.Next());
      CHECK(edge.Next(round)->reason == 0x8E);
      CHECK(edge.Until([&] { return edge.said[round] == "e"; }));
      edge.Say(EdgeCommandKind::kGone, round);
    }
    CHECK(edge.Until([&] { return broker.engine().edge()->totals().conduits == 0; }));
  }
}

TEST_CASE(
    "an edge thread that ends takes its connections with it, and the next one starts afresh") {
  Broker broker(2, NextPort());
  Edge edge(&broker);
  for (int life = 0; life < 20; ++life) {
    for (uint32_t id = 0; id < 10; ++id) {
      edge.Open(id);
      edge.Data(id, ConnectPacket("c" + std::to_string(id)) + SubscribePacket(1, "t", 0));
    }
    for (uint32_t id = 0; id < 10; ++id) {
      REQUIRE(edge.Next(id));
      REQUIRE(edge.Next(id));
      edge.Data(id, PublishPacket("t", "in flight", 0, 0));
    }
    edge.Turn();
    edge.Detach();
    edge.streams.clear();
    edge.said.clear();
    edge.Attach({});
  }
  CHECK(edge.Until([&] { return broker.engine().edge()->totals().conduits == 0; }));
  CHECK(broker.Count("connections_closed") == 200);
}

TEST_CASE("fifty halts with an edge that knows nothing of them") {
  for (int round = 0; round < 50; ++round) {
    auto broker = std::make_unique<Broker>(1 + round % 4, NextPort());
    broker->drain = round % 2 == 0;
    Edge edge(broker.get());
    std::atomic<bool> stop{false}, served{false};
    std::thread thread([&] {
      for (uint32_t id = 0; id < 6; ++id) {
        edge.Open(id);
        edge.Data(id, ConnectPacket("c" + std::to_string(id)) + SubscribePacket(1, "t", 0));
      }
      while (!stop.load()) {
        for (uint32_t id = 0; id < 6; ++id) {
          edge.Data(id, PublishPacket("t", "traffic", 0, 0));
          if (edge.streams[id].size() > 1000) {
            edge.streams[id].clear();
            served.store(true);
          }
        }
        edge.Turn();
      }
      edge.Detach();
    });
    const int64_t until = MonotonicMs() + 5000;
    while (!served.load() && MonotonicMs() < until) std::this_thread::yield();
    CHECK(served.load());
    CHECK(broker->Stop());
    stop.store(true);
    thread.join();
  }
}

}  // namespace causeway::transport
