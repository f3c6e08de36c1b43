#include "loadgen/packets.h"

#include "loadgen/client.h"
#include "mqtt/reason.h"

#include <doctest/doctest.h>

namespace causeway::loadgen {
namespace {

using mqtt::Version;

mqtt::Frame FrameOf(std::string_view bytes) {
  mqtt::Frame frame{};
  size_t need;
  REQUIRE(mqtt::NextFrame(bytes, 1 << 20, &frame, &need) == mqtt::FrameStatus::kFrame);
  REQUIRE(frame.whole.size() == bytes.size());
  return frame;
}

TEST_CASE("a CONNECT is what the broker's own decoder takes for one, in every version") {
  for (const Version version : {Version::kMqtt31, Version::kMqtt311, Version::kMqtt5}) {
    const std::string packet = ConnectPacket({"bench-1"}, {60}, version);
    mqtt::Connect connect;
    CHECK(mqtt::DecodeConnect(FrameOf(packet), &connect) == mqtt::Reason::kSuccess);
    CHECK(connect.version == version);
    CHECK(connect.clean_start);
    CHECK(connect.client_id == "bench-1");
    CHECK(connect.keep_alive_seconds == 60);
    CHECK(connect.session_expiry_seconds == 0);
    CHECK_FALSE(connect.has_username);
    CHECK_FALSE(connect.has_password);
  }
}

TEST_CASE("a CONNECT carries a user and a password where there are some") {
  for (const Version version : {Version::kMqtt31, Version::kMqtt311, Version::kMqtt5}) {
    const std::string packet = ConnectPacket({"bench-1", "alice", "wonder"}, {60}, version);
    mqtt::Connect connect;
    CHECK(mqtt::DecodeConnect(FrameOf(packet), &connect) == mqtt::Reason::kSuccess);
    CHECK(connect.username == "alice");
    CHECK(connect.password == "wonder");
  }
}

TEST_CASE("a CONNECT for a session that is to last says so, in every version") {
  for (const Version version : {Version::kMqtt31, Version::kMqtt311, Version::kMqtt5}) {
    const std::string packet = ConnectPacket({"bench-1"}, {60, 70'000}, version);
    mqtt::Connect connect;
    CHECK(mqtt::DecodeConnect(FrameOf(packet), &connect) == mqtt::Reason::kSuccess);
    CHECK_FALSE(connect.clean_start);
    CHECK(connect.session_expiry_seconds == (version == Version::kMqtt5 ? 70'000 : 0));
    CHECK(connect.receive_maximum == 65'535);
  }
}

TEST_CASE("SUBSCRIBE and UNSUBSCRIBE are valid and carry their filters") {
  const std::vector<std::string> filters(40, "building/+/" + std::string(100, 'f'));
  for (const Version version : {Version::kMqtt311, Version::kMqtt5}) {
    const std::string subscribe =
        SubscribePacket(9, filters, 2, version);  // 4 KiB: two-byte length
    CHECK(mqtt::ValidateSubscribe(FrameOf(subscribe), version) == mqtt::Reason::kSuccess);
    mqtt::FilterReader reader(FrameOf(subscribe), version);
    CHECK(reader.packet_id() == 9);
    std::string_view filter;
    uint8_t options;
    size_t count = 0;
    while (reader.Next(&filter, &options)) {
      CHECK(filter == filters[count++]);
      CHECK(options == 2);
    }
    CHECK(count == filters.size());
    const std::string unsubscribe = UnsubscribePacket(10, "a/#", version);
    CHECK(mqtt::ValidateUnsubscribe(FrameOf(unsubscribe), version) == mqtt::Reason::kSuccess);
  }
}

TEST_CASE("a CONNACK tells the broker's limits") {
  const std::string plain = {0x20, 2, 0, 5};
  CHECK(ReadConnack(FrameOf(plain), Version::kMqtt311).code == 5);
  const std::string limited = {0x20, 13, 0, 0, 10, 0x21, 0, 20, 0x24, 1, 0x27, 0, 0, 4, 0};
  REQUIRE(mqtt::ValidateConnack(FrameOf(limited), Version::kMqtt5) == mqtt::Reason::kSuccess);
  const Connack connack = ReadConnack(FrameOf(limited), Version::kMqtt5);
  CHECK(connack.code == 0);
  CHECK(connack.receive_maximum == 20);
  CHECK(connack.qos_max == 1);
  CHECK(connack.packet_bytes_max == 1024);
}

TEST_CASE("packet identifiers are taken in turn, and only as many as may be out") {
  PacketIds ids(2);
  CHECK(ids.Take() == 1);
  CHECK(ids.Take() == 2);
  CHECK(ids.Take() == 0);
  CHECK(ids.IsOut(2));
  CHECK_FALSE(ids.IsOut(3));
  CHECK_FALSE(ids.IsOut(0));
  CHECK_FALSE(ids.IsOut(60'000));
  ids.Give(2);
  CHECK_FALSE(ids.IsOut(2));
  CHECK(ids.Take() == 3);  // not the one that was just used
  ids.Limit(1);
  ids.Give(3);
  CHECK(ids.Take() == 0);
  ids.Give(1);
  CHECK(ids.Take() == 4);
}

TEST_CASE("an identifier that is still out stops the ones after it") {
  PacketIds ids(2);  // a ring of eight
  CHECK(ids.Take() == 1);
  for (uint16_t id = 2; id <= 8; ++id) {
    CHECK(ids.Take() == id);
    ids.Give(id);
  }
  CHECK(ids.Take() == 0);
  ids.Give(1);
  CHECK(ids.Take() == 1);
}

}  // namespace
}  // namespace causeway::loadgen
