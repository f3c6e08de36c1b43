// The engine over real sockets, with 1, 2 and 4 loops.
#include "transport/engine.h"

#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "broker.h"
#include "client.h"
#include "core/limits.h"

namespace causeway::transport {
namespace {

using mqtt::PacketType;

/// Ports of this file; each test takes the next, so that nothing waits for TIME_WAIT.
uint16_t NextPort() {
  static uint16_t port = 23'100;
  return port++;
}

}  // namespace

TEST_CASE(
    "CONNECT, SUBSCRIBE and PUBLISH in one segment reach oneself, whichever loop accepts and "
    "whichever is home") {
  for (const int loops : {1, 2, 4}) {
    const uint16_t port = NextPort();
    Broker broker(loops, port);
    REQUIRE(broker.listen_error() == 0);
    for (int i = 0; i < 12; ++i) {
      TestClient client(port);
      REQUIRE(client.connected());
      const std::string n = std::to_string(i);
      CHECK(client.Send(ConnectPacket("c" + n + "@" + std::to_string(i % 4)) +
                        SubscribePacket(1, "own/" + n, 1) +
                        PublishPacket("own/" + n, "hello", 1, 7)));
      const auto connack = client.Next(), suback = client.Next();
      REQUIRE(suback);
      CHECK(connack->type == PacketType::kConnack);
      CHECK(suback->type == PacketType::kSuback);
      // The copy to oneself and the acknowledgement, in either order.
      bool copy = false, acknowledged = false;
      for (int packets = 0; packets < 2; ++packets) {
        const auto packet = client.Next();
        REQUIRE(packet);
        copy = copy || (packet->type == PacketType::kPublish && packet->payload == "hello");
        acknowledged = acknowledged || (packet->type == PacketType::kPuback && packet->id == 7);
      }
      CHECK(copy);
      CHECK(acknowledged);
    }
  }
}

TEST_CASE("behind a refused CONNECT nothing is processed") {
  const uint16_t port = NextPort();
  Broker broker(2, port);
  TestClient witness(port);
  witness.Send(ConnectPacket("witness") + SubscribePacket(1, "#", 0));
  witness.Next();
  REQUIRE(witness.Next());
  TestClient client(port);
  client.Send(ConnectPacket("refused") + PublishPacket("t", "never", 0, 0));
  const auto connack = client.Next();
  REQUIRE(connack);
  CHECK(connack->reason == 0x87);
  CHECK(!client.Next());
  CHECK(client.ended());
  CHECK(!witness.Next(200));
  CHECK(broker.Count("messages_received") == 0);
}

TEST_CASE("a takeover: acknowledgements, DISCONNECT 0x8E, then CONNACK on the new connection") {
  for (const int loops : {1, 2, 4}) {
    const uint16_t port = NextPort();
    Broker broker(loops, port);
    auto current = std::make_unique<TestClient>(port);
    current->Send(ConnectPacket("same") + SubscribePacket(1, "in", 1));
    current->Next();
    REQUIRE(current->Next());
    for (int round = 0; round < 10; ++round) {
      current->Send(PublishPacket("out", "x", 1, 9));
      auto next = std::make_unique<TestClient>(port);
      // Only once the PUBLISH is in: the takeover must not overtake it.
      const auto puback = current->Next();
      REQUIRE(puback);
      CHECK(puback->type == PacketType::kPuback);
      next->Send(ConnectPacket("same") + PublishPacket("in", std::to_string(round), 1, 3));
      const auto connack = next->Next();
      REQUIRE(connack);
      CHECK(connack->type == PacketType::kConnack);
      const auto disconnect = current->Next();
      REQUIRE(disconnect);
      CHECK(disconnect->type == PacketType::kDisconnect);
      CHECK(disconnect->reason == 0x8E);
      CHECK(!current->Next());
      CHECK(!current->reset());
      for (int packets = 0; packets < 2;) {  // repeats of earlier rounds are not acknowledged
        const auto packet = next->Next();
        REQUIRE(packet);
        if (!packet->dup) ++packets;
      }
      current = std::move(next);
    }
    CHECK(broker.Count("takeovers") == 10);
  }
}

TEST_CASE("the last DISCONNECT reaches a client that keeps sending") {
  const uint16_t port = NextPort();
  Broker broker(2, port);
  for (int round = 0; round < 5; ++round) {
    TestClient client(port);
    client.Send(ConnectPacket("busy" + std::to_string(round)));
    REQUIRE(client.Next());
    // A second CONNECT is a protocol error; behind it half a megabyte nobody will read.
    std::string flood = ConnectPacket("busy");
    while (flood.size() < 500'000) flood += PublishPacket("t", std::string(1000, 'x'), 0, 0);
    client.Send(flood);
    const auto disconnect = client.Next();
    REQUIRE(disconnect);
    CHECK(disconnect->type == PacketType::kDisconnect);
    CHECK(disconnect->reason == 0x82);
    CHECK(!client.Next());
    CHECK(!client.reset());
  }
}

TEST_CASE("a batch of commands is executed in its order, however many they are") {
  const uint16_t port = NextPort();
  Broker broker(2, port);
  TestClient receiver(port);
  receiver.Send(ConnectPacket("receiver@1") + SubscribePacket(1, "t", 0));
  receiver.Next();
  REQUIRE(receiver.Next());
  constexpr int kMany = 2 * static_cast<int>(limits::kCommandsTogether) + 1;
  std::string commands;
  RecordWriter writer(&commands);
  for (int n = 0; n < kMany; ++n) {
    writer.Begin(static_cast<uint8_t>(CommandKind::kPublish), 1)
        .Bytes(PublishPacket("t", std::to_string(n), 0, 0))
        .Bytes("")
        .End();
  }
  {
    const std::lock_guard<std::mutex> as_control(broker.decisions);
    broker.engine().Submit(commands);
  }
  for (int n = 0; n < kMany; ++n) {
    const auto packet = receiver.Next();
    REQUIRE(packet);
    CHECK(packet->payload == std::to_string(n));
  }
}

TEST_CASE("messages cross loops in order over lanes of two entries") {
  const uint16_t port = NextPort();
  Broker broker(4, port, 2);
  TestClient receiver(port);
  receiver.Send(ConnectPacket("receiver@3") + SubscribePacket(1, "t/#", 0));
  receiver.Next();
  REQUIRE(receiver.Next());
  constexpr int kEach = 2000;
  std::vector<std::thread> publishers;
  for (int i = 0; i < 3; ++i) {
    publishers.emplace_back([port, i] {
      TestClient client(port);
      std::string bytes = ConnectPacket("publisher@" + std::to_string(i));
      for (int n = 0; n < kEach; ++n)
        bytes += PublishPacket("t/" + std::to_string(i), std::to_string(n), 0, 0);
      client.Send(bytes);
      client.Send(PublishPacket("done", "", 1, 1));
      while (const auto packet = client.Next())
        if (packet->type == PacketType::kPuback) break;
    });
  }
  int next[3] = {};
  for (int i = 0; i < 3 * kEach; ++i) {
    const auto packet = receiver.Next();
    REQUIRE(packet);
    CHECK(std::stoi(packet->payload) == next[packet->topic[2] - '0']++);
  }
  for (std::thread& publisher : publishers) publisher.join();
  CHECK(broker.Count("lane_full_pauses") > 0);
}

TEST_CASE("a message to many is written in several turns, one to few in one") {
  const uint16_t port = NextPort();
  Broker broker(1, port);
  // In turns of kWideWrites, all of which but the last leave somebody to write.
  constexpr size_t kMany = 3 * limits::kWideWrites;
  static_assert(kMany > limits::kWideFanoutMembers);
  std::vector<std::unique_ptr<TestClient>> readers;
  for (size_t i = 0; i < kMany; ++i) {
    readers.push_back(std::make_unique<TestClient>(port));
    const std::string filter = i < 4 ? "few/+" : "many";
    readers.back()->Send(ConnectPacket("r" + std::to_string(i)) + SubscribePacket(1, "many", 0) +
                         SubscribePacket(2, filter, 0));
    for (int packets = 0; packets < 3; ++packets) REQUIRE(readers.back()->Next());
  }
  TestClient publisher(port);
  publisher.Send(ConnectPacket("publisher") + PublishPacket("few/1", "few", 0, 0));
  for (size_t i = 0; i < 4; ++i) {
    const auto packet = readers[i]->Next();
    REQUIRE(packet);
    CHECK(packet->payload == "few");
  }
  CHECK(broker.Count("flush_yields") == 0);
  publisher.Send(PublishPacket("many", "many", 0, 0));
  for (const auto& reader : readers) {
    const auto packet = reader->Next();
    REQUIRE(packet);
    CHECK(packet->payload == "many");
  }
  constexpr uint64_t kLeft = kMany / limits::kWideWrites - 1;
  const int64_t until = MonotonicMs() + 5000;
  while (broker.Count("flush_yields") < kLeft && MonotonicMs() < until) std::this_thread::yield();
  CHECK(broker.Count("flush_yields") == kLeft);
}

TEST_CASE("draining says 0x8B; fifty halts under traffic end every thread") {
  for (int round = 0; round < 50; ++round) {
    const uint16_t port = NextPort();
    auto broker = std::make_unique<Broker>(1 + round % 4, port, 2);
    REQUIRE(broker->listen_error() == 0);
    broker->drain = round % 2 == 0;
    std::atomic<int> farewells{0}, served{0};
    std::vector<std::thread> clients;
    for (int i = 0; i < 4; ++i) {
      clients.emplace_back([&, i] {
        TestClient client(port);
        client.Send(ConnectPacket("c@" + std::to_string(i)) + SubscribePacket(1, "t", 0));
        const std::string burst = [] {
          std::string bytes;
          for (int n = 0; n < 20; ++n) bytes += PublishPacket("t", "traffic", 0, 0);
          return bytes;
        }();
        bool sending = true;
        while (const auto packet = client.Next()) {
          if (packet->type == PacketType::kSuback) served.fetch_add(1);
          if (packet->type == PacketType::kDisconnect && packet->reason == 0x8B)
            farewells.fetch_add(1);
          if (packet->type == PacketType::kSuback || packet->payload == "traffic")
            sending = sending && client.Send(burst.substr(0, burst.size() / 20));
        }
      });
    }
    const int64_t until = MonotonicMs() + 5000;
    while (served.load() < 4 && MonotonicMs() < until) std::this_thread::yield();
    CHECK(served.load() == 4);
    const bool drained = broker->drain;
    broker.reset();
    for (std::thread& client : clients) client.join();
    // A halt alone cuts off what clients still send, and a reset may overtake the last words.
    if (drained) CHECK(farewells.load() == 4);
  }
}

TEST_CASE("a port in use is refused, also where the other one allows sharing") {
  const uint16_t port = NextPort();
  Broker first(2, port);
  REQUIRE(first.listen_error() == 0);
  Broker second(2, port);
  CHECK(second.listen_error() == EADDRINUSE);
  Broker third(1, port);
  CHECK(third.listen_error() == EADDRINUSE);
}

}  // namespace causeway::transport
