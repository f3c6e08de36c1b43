// The outbound half of a session, against a connection that only collects bytes.
#include "session/sender.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "core/limits.h"
#include "wire.h"

namespace causeway::session {
namespace {

using mqtt::PacketType;
using mqtt::Reason;
using mqtt::Version;

constexpr uint32_t kWatermark = 4096;

/// One session, its loop's sender, and whatever connection it has at the moment.
struct Bench {
  Counters counters;
  SessionFlags flags;
  Sender sender{&counters, &flags, HashSeed{}};
  Session session;
  std::unique_ptr<Connection> connection;
  std::string stream;
  int64_t now_ms = 1000;

  explicit Bench(uint16_t window_max = 4) {
    session.index = 3;
    session.generation = 1;
    session.live = session.persistent = true;
    session.window_max = window_max;
    session.room = true;
    Connect();
  }
  ~Bench() { Disconnect(); }

  void Connect(Version version = Version::kMqtt5) {
    connection = std::make_unique<Connection>();
    connection->version = version;
    connection->session = &session;
    connection->high_watermark_bytes = kWatermark;
    session.connection = connection.get();
    session.version = version;
  }
  /// The bytes that had not left are lost, as with a socket.
  void Disconnect() {
    if (connection == nullptr) return;
    sender.dirty()->Forget(connection.get());
    connection->out.Clear(sender.pool());
    session.connection = nullptr;
    session.unsent.reset();
    connection.reset();
    stream.clear();
  }
  void Deliver(const std::string& payload, uint8_t qos, uint32_t expiry = mqtt::kNoExpiry,
               const char* topic = "t") {
    Message* message = Message::Create(topic, payload, "", "");
    message->qos = qos;
    message->received_ms = now_ms;
    message->message_expiry_seconds = expiry;
    Delivery delivery;
    delivery.message = MessageRef::Adopt(message);
    delivery.qos = qos;
    sender.Deliver(&session, std::move(delivery), nullptr, now_ms);
  }
  /// Everything that is in the out-buffer reaches the client.
  std::vector<Packet> Receive() {
    stream += TakeBytes(&connection->out, sender.pool());
    return ReadPackets(&stream, connection->version == Version::kMqtt5);
  }
  std::vector<std::string> Payloads() {
    std::vector<std::string> payloads;
    for (const Packet& packet : Receive()) payloads.push_back(packet.payload);
    return payloads;
  }
  uint64_t Count(const std::atomic<uint64_t>& counter) const {
    return counter.load(std::memory_order_relaxed);
  }
};

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("above the window QoS 1 and 2 wait, and each acknowledgement lets the next go") {
  Bench bench(2);
  for (int i = 1; i <= 5; ++i) bench.Deliver(std::to_string(i), i % 2 == 0 ? 2 : 1);
  std::vector<Packet> got = bench.Receive();
  REQUIRE(got.size() == 2);
  CHECK(bench.session.queue.size() == 3);
  CHECK(bench.sender.OnPuback(&bench.session, got[0].id, bench.now_ms));
  CHECK(bench.Payloads() == Texts{"3"});
  // QoS 2 holds its place in the window until PUBCOMP.
  CHECK(bench.sender.OnPubrec(&bench.session, got[1].id, Reason::kSuccess, bench.now_ms));
  std::vector<Packet> release = bench.Receive();
  REQUIRE(release.size() == 1);
  CHECK(release[0].type == PacketType::kPubrel);
  CHECK(release[0].id == got[1].id);
  CHECK(bench.session.window.size() == 2);
  CHECK(bench.sender.OnPubcomp(&bench.session, got[1].id, bench.now_ms));
  CHECK(bench.Payloads() == Texts{"4"});
  CHECK(bench.Count(bench.counters.messages_acked) == 2);
}

TEST_CASE("an acknowledgement that fits no phase is told to the caller and changes nothing") {
  Bench bench;
  bench.Deliver("one", 1);
  bench.Deliver("two", 2);
  const std::vector<Packet> got = bench.Receive();
  Session* session = &bench.session;
  CHECK(!bench.sender.OnPuback(session, 999, 0));
  CHECK(!bench.sender.OnPuback(session, got[1].id, 0));  // QoS 2
  CHECK(!bench.sender.OnPubrec(session, got[0].id, Reason::kSuccess, 0));
  CHECK(!bench.sender.OnPubcomp(session, got[1].id, 0));  // before PUBREC
  CHECK(bench.session.window.size() == 2);
  CHECK(bench.sender.OnPubrec(session, got[1].id, Reason::kSuccess, 0));
  CHECK(bench.sender.OnPubrec(session, got[1].id, Reason::kSuccess, 0));  // again: PUBREL again
  CHECK(bench.Receive().size() == 2);
  CHECK(!bench.sender.OnPuback(session, got[1].id, 0));
}

TEST_CASE("a PUBREC that refuses ends the exchange without PUBREL") {
  Bench bench(1);
  bench.Deliver("refused", 2);
  bench.Deliver("next", 2);
  const std::vector<Packet> got = bench.Receive();
  CHECK(bench.sender.OnPubrec(&bench.session, got[0].id, Reason::kQuotaExceeded, 0));
  CHECK(bench.Payloads() == Texts{"next"});
}

TEST_CASE(
    "a new connection gets what was in flight first, in order, with DUP and its identifiers "
    "[MQTT-4.4.0-1] [MQTT-4.6.0-1]") {
  Bench bench(3);
  for (int i = 1; i <= 5; ++i) bench.Deliver(std::to_string(i), i == 2 ? 2 : 1);
  const std::vector<Packet> first = bench.Receive();
  bench.sender.OnPubrec(&bench.session, first[1].id, Reason::kSuccess, 0);
  bench.Disconnect();
  bench.Deliver("6", 1);
  bench.Connect();
  bench.sender.Redeliver(&bench.session, bench.now_ms);
  const std::vector<Packet> again = bench.Receive();
  REQUIRE(again.size() == 3);
  CHECK(again[0].payload == "1");
  CHECK(again[0].dup);
  CHECK(again[0].id == first[0].id);
  CHECK(again[1].type == PacketType::kPubrel);  // never the message again [MQTT-4.3.3-6]
  CHECK(again[1].id == first[1].id);
  CHECK(again[2].payload == "3");
  CHECK(again[2].dup);
  bench.sender.OnPuback(&bench.session, again[0].id, 0);
  bench.sender.OnPubcomp(&bench.session, again[1].id, 0);
  bench.sender.OnPuback(&bench.session, again[2].id, 0);
  const std::vector<Packet> rest = bench.Receive();
  REQUIRE(rest.size() == 3);
  CHECK(rest[0].payload == "4");
  CHECK(!rest[0].dup);
  CHECK(rest[2].payload == "6");
}

TEST_CASE("a smaller Receive Maximum than before bounds the repeats too [MQTT-3.3.4-9]") {
  Bench bench(6);
  for (int i = 1; i <= 7; ++i) bench.Deliver(std::to_string(i), 1);
  CHECK(bench.Receive().size() == 6);
  bench.Disconnect();
  bench.session.window_max = 2;
  bench.Connect();
  bench.sender.Redeliver(&bench.session, bench.now_ms);
  Texts all;
  size_t open = 0;
  std::vector<uint16_t> ids;
  for (int round = 0; round < 20; ++round) {
    for (const Packet& packet : bench.Receive()) {
      all.push_back(packet.payload);
      ids.push_back(packet.id);
      ++open;
    }
    REQUIRE(open <= 2);
    if (ids.empty()) break;
    CHECK(bench.sender.OnPuback(&bench.session, ids.front(), 0));
    ids.erase(ids.begin());
    --open;
  }
  CHECK(all == Texts{"1", "2", "3", "4", "5", "6", "7"});
}

TEST_CASE("QoS 0 for a session without connection is kept when the configuration says so") {
  Bench bench;
  bench.Disconnect();
  bench.session.store_qos0 = true;
  bench.Deliver("kept", 0);
  bench.session.store_qos0 = false;
  bench.Deliver("lost", 0);
  bench.session.store_qos0 = true;
  bench.session.persistent = false;
  bench.Deliver("lost too", 0);
  CHECK(bench.Count(bench.counters.dropped_qos0_offline) == 2);
  bench.Connect();
  bench.sender.Redeliver(&bench.session, bench.now_ms);
  CHECK(bench.Payloads() == Texts{"kept"});
}

TEST_CASE("above the high watermark QoS 0 is dropped and counted, QoS 1 waits in the queue") {
  Bench bench(100);
  bench.Deliver(std::string(kWatermark, 'x'), 1);
  bench.Deliver("zero", 0);
  CHECK(bench.Count(bench.counters.dropped_qos0_slow) == 1);
  bench.Deliver("one", 1);
  CHECK(bench.session.queue.size() == 1);
  CHECK(bench.Receive().size() == 1);
  bench.sender.Pump(&bench.session, bench.now_ms);
  CHECK(bench.Payloads() == Texts{"one"});
}

TEST_CASE("QoS 0 does not overtake what waits in the queue") {
  Bench bench(1);
  bench.Deliver("1", 1);
  bench.Deliver("2", 1);
  bench.Deliver("3", 0);
  bench.Deliver("4", 1);
  const std::vector<Packet> first = bench.Receive();
  REQUIRE(first.size() == 1);
  bench.sender.OnPuback(&bench.session, first[0].id, 0);
  const std::vector<Packet> second = bench.Receive();
  REQUIRE(second.size() == 2);
  CHECK(second[0].payload == "2");
  CHECK(second[1].payload == "3");
}

TEST_CASE(
    "what waited longer than its expiry is dropped and counted; what is sent says how long "
    "is left [MQTT-3.3.2-5] [MQTT-3.3.2-6]") {
  Bench bench(1);
  bench.Deliver("1", 1);
  bench.Deliver("short", 1, 5);
  bench.Deliver("long", 1, 60);
  const std::vector<Packet> first = bench.Receive();
  bench.now_ms += 10'500;
  bench.sender.OnPuback(&bench.session, first[0].id, bench.now_ms);
  const std::vector<Packet> second = bench.Receive();
  REQUIRE(second.size() == 1);
  CHECK(second[0].payload == "long");
  CHECK(second[0].expiry_seconds == 50);
  CHECK(bench.Count(bench.counters.dropped_expired) == 1);
}

TEST_CASE("a message that was sent before it expired is repeated all the same [MQTT-4.3.3-7]") {
  Bench bench(1);
  bench.Deliver("in flight", 1, 5);
  bench.Deliver("waiting", 1, 5);
  bench.Deliver("next", 1);
  CHECK(bench.Receive().size() == 1);
  bench.Disconnect();
  bench.now_ms += 6000;
  bench.Connect();
  bench.sender.Redeliver(&bench.session, bench.now_ms);
  const std::vector<Packet> again = bench.Receive();
  REQUIRE(again.size() == 1);
  CHECK(again[0].payload == "in flight");
  CHECK(again[0].expiry_seconds == 0);
  bench.sender.OnPuback(&bench.session, again[0].id, bench.now_ms);
  CHECK(bench.Payloads() == Texts{"next"});
  CHECK(bench.Count(bench.counters.dropped_expired) == 1);
}

TEST_CASE(
    "a packet above the client's Maximum Packet Size is dropped, the window stays free "
    "[MQTT-3.1.2-24] [MQTT-3.1.2-25]") {
  Bench bench(1);
  bench.connection->Agree(40, 0, {});
  bench.Deliver(std::string(40, 'x'), 1);
  bench.Deliver(std::string(40, 'x'), 0);
  bench.Deliver("fits", 1);
  CHECK(bench.Payloads() == Texts{"fits"});
  CHECK(bench.Count(bench.counters.dropped_too_large) == 2);
  // Exactly as large as allowed: 2 header, 3 topic, 2 identifier, 1 properties.
  bench.connection->Agree(8 + 10, 0, {});
  bench.Deliver(std::string(10, 'y'), 0);
  CHECK(bench.Payloads() == Texts{std::string(10, 'y')});
}

TEST_CASE("the queue's bound drops the oldest and counts each") {
  Bench bench(1);
  bench.session.queue_length_max = 3;
  for (int i = 0; i < 10; ++i) bench.Deliver(std::to_string(i), 1);
  CHECK(bench.session.queue.size() == 3);
  CHECK(bench.Count(bench.counters.dropped_queue_full) == 6);
  const std::vector<Packet> first = bench.Receive();
  bench.sender.OnPuback(&bench.session, first[0].id, 0);
  CHECK(bench.Payloads() == Texts{"7"});
}

TEST_CASE("publishers of shared groups are told when there is room and when not") {
  Bench bench(1);
  constexpr uint8_t kBoth = SessionFlags::kConnected | SessionFlags::kHasRoom;
  bench.session.room = false;
  bench.sender.UpdateFlags(&bench.session);
  CHECK(bench.flags.Get(3) == kBoth);
  bench.Deliver("1", 1);
  CHECK(bench.flags.Get(3) == SessionFlags::kConnected);
  bench.Deliver("2", 1);
  const std::vector<Packet> first = bench.Receive();
  bench.sender.OnPuback(&bench.session, first[0].id, 0);  // the queued one takes the place
  CHECK(bench.flags.Get(3) == SessionFlags::kConnected);
  const std::vector<Packet> second = bench.Receive();
  bench.sender.OnPuback(&bench.session, second[0].id, 0);
  CHECK(bench.flags.Get(3) == kBoth);
}

TEST_CASE("owed QoS 0 waits where live QoS 0 is shed") {
  Bench bench;
  bench.Deliver(std::string(kWatermark, 'x'), 1);
  Delivery owed;
  owed.message = MessageRef::Adopt(Message::Create("t", "retained", "", ""));
  owed.retain = true;
  bench.sender.DeliverOrQueue(&bench.session, std::move(owed), bench.now_ms);
  bench.Receive();
  bench.sender.Pump(&bench.session, bench.now_ms);
  const std::vector<Packet> got = bench.Receive();
  REQUIRE(got.size() == 1);
  CHECK(got[0].retain);
}

TEST_CASE("an acknowledgement behind a pending one waits for it") {
  Bench bench;
  Connection* connection = bench.connection.get();
  bench.sender.Acknowledge(connection, PacketType::kPuback, 1, Reason::kSuccess);
  const uint64_t ticket = connection->acks.Add(PacketType::kPubrec, 2, Reason::kSuccess, true);
  bench.sender.Acknowledge(connection, PacketType::kPuback, 3, Reason::kNoMatchingSubscribers);
  bench.sender.FlushGate(connection);
  CHECK(bench.Receive().size() == 1);
  connection->acks.Settle(ticket, Reason::kSuccess);
  bench.sender.FlushGate(connection);
  const std::vector<Packet> got = bench.Receive();
  REQUIRE(got.size() == 2);
  CHECK(got[0].type == PacketType::kPubrec);
  CHECK(got[0].id == 2);
  CHECK(got[1].id == 3);
  CHECK(got[1].reason == 0x10);
}

TEST_CASE("a large payload is held once for all who wait for it, and let go with the last byte") {
  Bench bench;
  const MessageRef message = MessageRef::Adopt(
      Message::Create("t", std::string(limits::kPayloadByReferenceBytes, 'x'), "", ""));
  bench.connection->high_watermark_bytes = 1 << 20;
  for (int i = 0; i < 3; ++i) {
    Delivery delivery;
    delivery.message = message;
    delivery.qos = 1;
    bench.sender.Deliver(&bench.session, std::move(delivery), nullptr, bench.now_ms);
  }
  CHECK(message->references == 1 + 3 + 3);  // window and out-buffer
  const std::vector<Packet> got = bench.Receive();
  CHECK(got.size() == 3);
  CHECK(message->references == 1 + 3);
  for (const Packet& packet : got) bench.sender.OnPuback(&bench.session, packet.id, 0);
  CHECK(message->references == 1);
}

TEST_CASE(
    "a client that takes aliases gets a topic in full, then with its alias, then the alias alone") {
  for (const uint8_t qos : {uint8_t{0}, uint8_t{1}, uint8_t{2}}) {
    Bench bench(8);
    bench.connection->Agree(0, 5, {});
    for (int i = 0; i < 4; ++i) bench.Deliver("p", qos, mqtt::kNoExpiry, "a/topic");
    const std::vector<Packet> packets = bench.Receive();
    REQUIRE(packets.size() == 4);
    CHECK(packets[0].topic == "a/topic");
    CHECK(packets[0].topic_alias == 0);
    CHECK(packets[1].topic == "a/topic");
    CHECK(packets[1].topic_alias == 1);
    for (const size_t at : {size_t{2}, size_t{3}}) {
      CHECK(packets[at].topic.empty());
      CHECK(packets[at].topic_alias == 1);
    }
    CHECK(bench.Count(bench.counters.topic_aliases_assigned) == 1);
    CHECK(bench.Count(bench.counters.messages_aliased) == 2);
  }
}

TEST_CASE("what is queued or sent again on a new connection knows no alias of the old one") {
  Bench bench(4);
  bench.connection->Agree(0, 5, {});
  for (int i = 0; i < 8; ++i) bench.Deliver("p", 1, mqtt::kNoExpiry, "a/topic");  // 4 of them wait
  CHECK(bench.Receive().back().topic_alias == 1);
  bench.Disconnect();
  bench.Connect();  // states no Topic Alias Maximum [MQTT-3.1.2-27]
  bench.sender.Redeliver(&bench.session, bench.now_ms);
  std::vector<Packet> packets = bench.Receive();
  REQUIRE(packets.size() == 4);
  for (const Packet& packet : packets) {
    CHECK(packet.dup);
    CHECK(packet.topic == "a/topic");
    CHECK(packet.topic_alias == 0);
  }
  bench.Disconnect();
  bench.Connect();
  bench.connection->Agree(0, 5, {});
  bench.sender.Redeliver(&bench.session, bench.now_ms);
  packets = bench.Receive();
  REQUIRE(packets.size() == 4);
  CHECK(packets[0].topic == "a/topic");  // in full before an alias stands for it
  CHECK(packets[1].topic == "a/topic");
  CHECK(packets[1].topic_alias == 1);
  CHECK(packets[2].topic.empty());
  for (const Packet& packet : packets)
    bench.sender.OnPuback(&bench.session, packet.id, bench.now_ms);
  packets = bench.Receive();
  REQUIRE(packets.size() == 4);
  for (const Packet& packet : packets) CHECK(packet.topic_alias == 1);
}

TEST_CASE("an assignment that makes a packet too large is left out, the packet is not") {
  Bench bench;
  const size_t plain = 2 + 2 + 7 + 2 + 1 + 1;  // header, topic, packet id, properties, payload
  bench.connection->Agree(static_cast<uint32_t>(plain), 5, {});
  for (int i = 0; i < 3; ++i) bench.Deliver("p", 1, mqtt::kNoExpiry, "a/topic");
  for (const Packet& packet : bench.Receive()) {
    CHECK(packet.topic == "a/topic");
    CHECK(packet.topic_alias == 0);
    CHECK(packet.bytes.size() == plain);
  }
  CHECK(bench.Count(bench.counters.dropped_too_large) == 0);
  CHECK(bench.Count(bench.counters.topic_aliases_assigned) == 0);
}

TEST_CASE("what is not acknowledged in time goes again, in order, under its id and with DUP") {
  Bench bench(8);
  bench.Disconnect();
  bench.Connect(Version::kMqtt311);
  bench.Deliver("a", 1);
  bench.now_ms += 600;
  bench.Deliver("b", 2);
  const std::vector<Packet> first = bench.Receive();
  REQUIRE(first.size() == 2);
  bench.now_ms += 399;
  bench.sender.Retry(&bench.session, 1'000, bench.now_ms);
  CHECK(bench.Receive().empty());
  bench.now_ms += 1;
  bench.sender.Retry(&bench.session, 1'000, bench.now_ms);
  std::vector<Packet> again = bench.Receive();
  REQUIRE(again.size() == 1);
  CHECK(again[0].payload == "a");
  CHECK(again[0].dup);
  CHECK(again[0].id == first[0].id);
  bench.sender.OnPubrec(&bench.session, first[1].id, Reason::kSuccess, bench.now_ms);
  bench.Receive();
  bench.now_ms += 1'000;
  bench.sender.Retry(&bench.session, 1'000, bench.now_ms);
  again = bench.Receive();
  REQUIRE(again.size() == 2);
  CHECK(again[0].payload == "a");
  CHECK(again[1].type == PacketType::kPubrel);  // never PUBLISH again once PUBREC is in
  CHECK(again[1].id == first[1].id);
  bench.sender.OnPuback(&bench.session, first[0].id, bench.now_ms);
  bench.sender.OnPubcomp(&bench.session, first[1].id, bench.now_ms);
  bench.now_ms += 5'000;
  bench.sender.Retry(&bench.session, 1'000, bench.now_ms);
  CHECK(bench.Receive().empty());
}

}  // namespace causeway::session
