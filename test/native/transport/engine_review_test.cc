// What happens at the edges of a connection's life: full cold lane, resets, aliases, exchanges.
#include "transport/engine.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "client.h"
#include "core/limits.h"
#include "hand.h"

namespace causeway::transport {
namespace {

using mqtt::PacketType;

uint16_t NextPort() {
  static uint16_t port = 23'700;
  return port++;
}

std::string PublishWithAlias(std::string_view topic, uint16_t alias, std::string_view payload,
                             uint8_t qos = 0) {
  std::string body = Field(topic);
  if (qos > 0) body += std::string{0, 1};
  body += std::string{3, 0x23, static_cast<char>(alias >> 8), static_cast<char>(alias)};
  return Framed(static_cast<uint8_t>(0x30 | qos << 1), body + std::string(payload));
}

/// AUTH 0x18 with a method.
std::string AuthPacket(std::string_view data) {
  const std::string properties = '\x15' + Field("M") + '\x16' + Field(data);
  return Framed(0xF0, std::string{0x18, static_cast<char>(properties.size())} + properties);
}

}  // namespace

TEST_CASE("a CONNECT that finds the cold lane full goes on when control has taken what waits") {
  const uint16_t port = NextPort();
  Hand hand(port);
  // CONNECTs as large as may be, with a will and a password, until one has to wait.
  std::string connect;
  {
    const std::string long_text(65'000, 'x');
    using namespace std::string_literals;
    connect = Framed(0x10, Field("MQTT") + "\x05\xC4\x00\x00\x00"s + Field("id") + "\0"s +
                               Field("t") + Field(long_text) + Field(long_text) + Field(long_text));
  }
  std::vector<std::unique_ptr<TestClient>> clients;
  const int64_t until = MonotonicMs() + 20'000;
  while (hand.Count("cold_lane_pauses") == 0 && MonotonicMs() < until) {
    clients.push_back(std::make_unique<TestClient>(port));
    REQUIRE(clients.back()->Send(connect));
    while (hand.Count("packets_connect_received") < clients.size() &&
           hand.Count("cold_lane_pauses") == 0 && MonotonicMs() < until) {
      std::this_thread::yield();
    }
  }
  REQUIRE(hand.Count("cold_lane_pauses") > 0);
  // All of them arrive, none is left to its deadline.
  size_t seen = 0;
  const int64_t deadline = MonotonicMs() + 5000;
  while (seen < clients.size() && MonotonicMs() < deadline) {
    for (const Seen& one : hand.Take()) seen += one.kind == EventKind::kConnect;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  CHECK(seen == clients.size());
}

TEST_CASE("what a client said before it reset the connection is read [MQTT-3.14.4-3]") {
  const uint16_t port = NextPort();
  Hand hand(port);
  constexpr int kRounds = 100;
  int goodbyes = 0;
  for (uint32_t round = 0; round < kRounds; ++round) {
    TestClient client(port);
    REQUIRE(client.Send(ConnectPacket("c") + SubscribePacket(1, "t", 0)));
    const auto connect = hand.Await(EventKind::kConnect);
    REQUIRE(connect);
    hand.Attach(connect->connection, round);
    const auto subscribe = hand.Await(EventKind::kPacket);
    REQUIRE(subscribe);
    hand.Answer(round, connect->connection, "t", std::string("\x90\x04\x00\x01\x00\x00", 6));
    for (int i = 0; i < 2; ++i) REQUIRE(client.Next());  // CONNACK, SUBACK
    // What comes back stays unread, so the close is a reset right behind the DISCONNECT.
    std::string flood;
    for (int i = 0; i < 200; ++i) flood += PublishPacket("t", "to oneself", 0, 0);
    REQUIRE(client.Send(flood));
    REQUIRE(client.Send(std::string("\xE0\x00", 2)));
    client.Close();
    // Whichever comes first; with the DISCONNECT unread there is only the end.
    for (bool ended = false; !ended;) {
      const int64_t until = MonotonicMs() + 5000;
      std::vector<Seen> events;
      while (events.empty() && MonotonicMs() < until) events = hand.Take();
      REQUIRE(!events.empty());
      for (const Seen& one : events) {
        if (one.connection != connect->connection) continue;  // the end of the round before
        if (one.kind == EventKind::kPacket) ++goodbyes;
        if (one.kind == EventKind::kPacket || one.kind == EventKind::kClosed) ended = true;
      }
    }
  }
  CHECK(goodbyes == kRounds);
}

TEST_CASE(
    "topics behind aliases are bounded in bytes: beyond, the connection is closed with 0x97") {
  const uint16_t port = NextPort();
  Hand hand(port);
  TestClient client(port);
  REQUIRE(client.Send(ConnectPacket("c")));
  const auto connect = hand.Await(EventKind::kConnect);
  REQUIRE(connect);
  hand.Attach(connect->connection, 0, 65535);
  REQUIRE(client.Next());
  const std::string topic(60'000, 'a');
  const size_t fit = limits::kAliasBytesMax / (topic.size() + 64);
  // The same alias again and again costs its topic once.
  for (size_t i = 0; i < 2 * fit; ++i) REQUIRE(client.Send(PublishWithAlias(topic, 1, "")));
  REQUIRE(client.Send(std::string("\xC0\x00", 2)));
  auto answer = client.Next();
  REQUIRE(answer);
  CHECK(answer->type == PacketType::kPingresp);
  for (size_t i = 0; i < 2 * fit; ++i) {
    if (!client.Send(PublishWithAlias(topic, static_cast<uint16_t>(i + 1), ""))) break;
  }
  answer = client.Next();
  REQUIRE(answer);
  CHECK(answer->type == PacketType::kDisconnect);
  const auto closed = hand.Await(EventKind::kClosed);
  REQUIRE(closed);
  CHECK(closed->cause == CloseCause::kProtocolError);
}

TEST_CASE("control gets the topic of a link's PUBLISH that says it by an alias") {
  const uint16_t port = NextPort();
  Hand hand(port);
  TestClient client(port);
  REQUIRE(client.Send(ConnectPacket("c")));
  const auto connect = hand.Await(EventKind::kConnect);
  REQUIRE(connect);
  hand.Attach(connect->connection, 0, 10);
  REQUIRE(client.Send(PublishWithAlias("$LINK/cluster/route/eu", 7, "first", 1)));
  auto event = hand.Await(EventKind::kLinkPublish);
  REQUIRE(event);
  hand.Answer(0, connect->connection, "x", "");
  REQUIRE(client.Send(PublishWithAlias("", 7, "second", 1)));
  event = hand.Await(EventKind::kLinkPublish);
  REQUIRE(event);
  CHECK(event->packet.find("$LINK/cluster/route/eu") != std::string::npos);
  CHECK(event->packet.ends_with("second"));
}

TEST_CASE("one read with a great fan-out is served over several turns, whole and in order") {
  const uint16_t port = NextPort();
  Hand hand(port);
  constexpr uint32_t kReceivers = 40;
  constexpr int kMessages = 5'000;  // of 11 bytes: one read
  std::vector<std::unique_ptr<TestClient>> clients;
  for (uint32_t i = 0; i < kReceivers; ++i) {
    clients.push_back(std::make_unique<TestClient>(port));
    TestClient& client = *clients.back();
    REQUIRE(client.Send(ConnectPacket("c") + SubscribePacket(1, "t", 0)));
    const auto connect = hand.Await(EventKind::kConnect);
    REQUIRE(connect);
    hand.Attach(connect->connection, i);
    REQUIRE(hand.Await(EventKind::kPacket));
    hand.Answer(i, connect->connection, "t", std::string("\x90\x04\x00\x01\x00\x00", 6));
    for (int n = 0; n < 2; ++n) REQUIRE(client.Next());  // CONNACK, SUBACK
  }
  // All of it waits in the kernel when the publisher is attached.
  clients.push_back(std::make_unique<TestClient>(port));
  std::string flood = ConnectPacket("publisher");
  for (int i = 0; i < kMessages; ++i) flood += PublishPacket("t", std::to_string(i), 0, 0);
  REQUIRE(clients.back()->Send(flood + std::string("\xC0\x00", 2)));
  const auto connect = hand.Await(EventKind::kConnect);
  REQUIRE(connect);
  hand.Attach(connect->connection, kReceivers);
  REQUIRE(clients.back()->Next());  // CONNACK
  const auto answer = clients.back()->Next();
  REQUIRE(answer);
  CHECK(answer->type == PacketType::kPingresp);
  CHECK(hand.Count("publish_yields") > 0);
  for (uint32_t i = 0; i < kReceivers; ++i) {
    for (int n = 0; n < kMessages; ++n) {
      const auto packet = clients[i]->Next();
      REQUIRE(packet);
      REQUIRE(packet->payload == std::to_string(n));
    }
  }
}

TEST_CASE("an exchange reads one AUTH for each challenge, and nothing ahead of its CONNACK") {
  const uint16_t port = NextPort();
  Hand hand(port);
  TestClient client(port);
  // Everything at once: what answers a challenge waits for it, and the PINGREQ for the CONNACK.
  REQUIRE(client.Send(ConnectPacket("x") + AuthPacket("one") + AuthPacket("two") + "\xC0" +
                      std::string(1, '\0')));
  const auto connect = hand.Await(EventKind::kConnect);
  REQUIRE(connect);
  CHECK(hand.Take().empty());
  for (const std::string data : {"one", "two"}) {
    hand.Say(CommandKind::kChallenge, connect->connection, AuthPacket("challenge"));
    const auto auth = client.Next();
    REQUIRE(auth);
    CHECK(auth->type == PacketType::kAuth);
    const auto exchange = hand.Await(EventKind::kExchange);
    REQUIRE(exchange);
    CHECK(exchange->connection == connect->connection);
    CHECK(exchange->packet == AuthPacket(data));
  }
  CHECK(hand.Count("packets_pingreq_received") == 0);
  hand.Attach(connect->connection, 0);
  const auto connack = client.Next(), pong = client.Next();
  REQUIRE(pong);
  CHECK(connack->type == PacketType::kConnack);
  CHECK(pong->type == PacketType::kPingresp);
  hand.Say(CommandKind::kChallenge, connect->connection, AuthPacket("late"));
  const int64_t until = MonotonicMs() + 5000;
  while (hand.Count("stale_numbers_dropped") == 0 && MonotonicMs() < until)
    std::this_thread::yield();
  CHECK(hand.Count("stale_numbers_dropped") == 1);
}

TEST_CASE("an exchange ends with a refusal, also while the client's answer is awaited") {
  const uint16_t port = NextPort();
  Hand hand(port);
  TestClient client(port);
  REQUIRE(client.Send(ConnectPacket("x")));
  const auto connect = hand.Await(EventKind::kConnect);
  REQUIRE(connect);
  hand.Say(CommandKind::kChallenge, connect->connection, AuthPacket("challenge"));
  REQUIRE(client.Next());
  hand.Say(CommandKind::kRefuse, connect->connection, std::string_view("\x20\x03\x00\x87\x00", 5));
  const auto connack = client.Next();
  REQUIRE(connack);
  CHECK(connack->type == PacketType::kConnack);
  const auto closed = hand.Await(EventKind::kClosed);
  REQUIRE(closed);
  CHECK(closed->cause == CloseCause::kClosedByControl);
}

TEST_CASE("any packet but AUTH and DISCONNECT ends an exchange with CONNACK 0x82") {
  const uint16_t port = NextPort();
  Hand hand(port);
  for (const auto& [packet, cause] :
       {std::pair{PublishPacket("a", "b", 0, 0), CloseCause::kProtocolError},
        std::pair{ConnectPacket("again"), CloseCause::kProtocolError},
        std::pair{std::string("\xE0\x00", 2), CloseCause::kClientDisconnect}}) {
    TestClient client(port);
    REQUIRE(client.Send(ConnectPacket("x")));
    const auto connect = hand.Await(EventKind::kConnect);
    REQUIRE(connect);
    hand.Say(CommandKind::kChallenge, connect->connection, AuthPacket("challenge"));
    REQUIRE(client.Next());
    REQUIRE(client.Send(packet));
    const auto last = client.Next();
    CHECK(last.has_value() == (cause == CloseCause::kProtocolError));
    if (last) CHECK(last->type == PacketType::kConnack);
    const auto closed = hand.Await(EventKind::kClosed);
    REQUIRE(closed);
    CHECK(closed->cause == cause);
  }
}

}  // namespace causeway::transport
