// What is written is what the decoders read back, and its size is the size announced.
#include "mqtt/encode.h"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

#include "../vectors.h"
#include "mqtt/packet.h"

namespace causeway::mqtt {
namespace {

constexpr Version kVersions[] = {Version::kMqtt31, Version::kMqtt311, Version::kMqtt5};

Frame WholeFrame(std::string_view bytes) {
  Frame frame{};
  size_t need = 0;
  REQUIRE(NextFrame(bytes, 1u << 28, &frame, &need) == FrameStatus::kFrame);
  REQUIRE(frame.whole.size() == bytes.size());
  return frame;
}

/// Header and payload of `publish`, written into exactly as many bytes as were announced.
std::vector<char> Encode(const PublishOut& publish, Version version, size_t* packet_id_at) {
  size_t whole = 0;
  const size_t header = PublishHeaderSize(publish, version, &whole);
  REQUIRE(whole == header + publish.payload.size());
  std::vector<char> bytes(header);
  CHECK_EQ(WritePublishHeader(publish, version, bytes.data(), packet_id_at), header);
  bytes.insert(bytes.end(), publish.payload.begin(), publish.payload.end());
  return bytes;
}

std::string RandomText(std::mt19937* random, size_t most) {
  std::string text((*random)() % (most + 1), ' ');
  for (char& c : text) c = static_cast<char>('a' + (*random)() % 26);
  return text;
}

std::string RandomProperties(std::mt19937* random) {
  std::string out;
  const auto text = [&out](std::string_view value) {
    out.push_back(static_cast<char>(value.size() >> 8));
    out.push_back(static_cast<char>(value.size()));
    out.append(value);
  };
  if ((*random)() % 2) out.append("\x01\x01");
  if ((*random)() % 2) out.push_back(0x03), text("text/plain");
  for (auto left = (*random)() % 3; left > 0; --left) {
    out.push_back(0x26);
    text(RandomText(random, 100));
    text(RandomText(random, 100));
  }
  return out;
}

TEST_CASE("a random PUBLISH of every version is decoded to what was encoded") {
  std::mt19937 random(11);
  for (int round = 0; round < 20'000; ++round) {
    const Version version = kVersions[random() % 3];
    const bool mqtt5 = version == Version::kMqtt5;
    // Lengths around the steps of the variable byte integer: 127/128 and 16383/16384.
    const size_t most = random() % 50 == 0 ? 20'000 : 140;
    const std::string topic = "t" + RandomText(&random, 60), payload = RandomText(&random, most),
                      properties = RandomProperties(&random);
    const uint32_t ids[] = {static_cast<uint32_t>(1 + random() % 127),
                            static_cast<uint32_t>(128 + random() % 100'000), 268'435'455};
    PublishOut publish;
    publish.topic = topic;
    publish.payload = payload;
    publish.properties = properties;
    publish.qos = static_cast<uint8_t>(random() % 3);
    publish.packet_id = publish.qos == 0 ? 0 : static_cast<uint16_t>(1 + random() % 65535);
    publish.retain = random() % 2;
    publish.dup = publish.qos != 0 && random() % 2;
    if (random() % 2) publish.message_expiry_seconds = static_cast<uint32_t>(random() - 1);
    publish.subscription_ids = ids;
    publish.subscription_id_count = random() % 4;

    size_t packet_id_at = 0;
    const std::vector<char> bytes = Encode(publish, version, &packet_id_at);
    const Frame frame = WholeFrame({bytes.data(), bytes.size()});
    Publish back;
    REQUIRE(DecodePublish(frame, version, Sender::kServer, &back) == Reason::kSuccess);
    CHECK_EQ(back.topic, topic);
    CHECK_EQ(back.payload, payload);
    CHECK_EQ(back.qos, publish.qos);
    CHECK_EQ(back.retain, publish.retain);
    CHECK_EQ(back.dup, publish.dup);
    CHECK_EQ(back.packet_id, publish.packet_id);
    CHECK_EQ(back.properties, mqtt5 ? std::string_view(properties) : std::string_view());
    CHECK_FALSE(back.properties_need_filter);
    CHECK_EQ(back.message_expiry_seconds, mqtt5 ? publish.message_expiry_seconds : kNoExpiry);
    CHECK_EQ(back.subscription_identifier, mqtt5 && publish.subscription_id_count > 0 ? ids[0] : 0);
    if (publish.qos == 0) {
      CHECK_EQ(packet_id_at, 0);
    } else {
      CHECK_EQ(static_cast<uint8_t>(bytes[packet_id_at]) << 8 |
                   static_cast<uint8_t>(bytes[packet_id_at + 1]),
               publish.packet_id);
    }
  }
}

TEST_CASE(
    "every payload size around the steps of the remaining length is framed exactly "
    "[MQTT-1.5.5-1]") {
  for (const size_t step : {size_t{128}, size_t{16'384}, size_t{2'097'152}}) {
    for (size_t payload_bytes = step - 8; payload_bytes < step + 3; ++payload_bytes) {
      const std::string payload(payload_bytes, 'p');
      PublishOut publish;
      publish.topic = "t";
      publish.payload = payload;
      size_t packet_id_at = 0;
      const std::vector<char> bytes = Encode(publish, Version::kMqtt311, &packet_id_at);
      CHECK_EQ(WholeFrame({bytes.data(), bytes.size()}).body.size(), payload_bytes + 3);
    }
  }
}

TEST_CASE("a PUBLISH that no remaining length can express has no size") {
  PublishOut publish;
  publish.topic = "t";
  // Never read: only its size counts.
  publish.payload = {"", 268'435'455 - 3};
  size_t whole = 0;
  CHECK_EQ(PublishHeaderSize(publish, Version::kMqtt311, &whole), 1 + 4 + 3);
  CHECK_EQ(whole, 268'435'455 + 5);
  publish.payload = {"", 268'435'455 - 2};
  CHECK_EQ(PublishHeaderSize(publish, Version::kMqtt311, &whole), 0);
  CHECK_EQ(whole, 0);
}

TEST_CASE("DUP is never written with QoS 0 [MQTT-3.3.1-2]") {
  PublishOut publish;
  publish.topic = "t";
  publish.dup = true;
  size_t packet_id_at = 0;
  CHECK_EQ(static_cast<uint8_t>(Encode(publish, Version::kMqtt311, &packet_id_at)[0]), 0x30);
}

TEST_CASE("an acknowledgement is decoded to what was written, in the shortest form") {
  for (const Version version : kVersions) {
    for (const PacketType type :
         {PacketType::kPuback, PacketType::kPubrec, PacketType::kPubrel, PacketType::kPubcomp}) {
      const bool released = type == PacketType::kPubrel || type == PacketType::kPubcomp;
      const Reason failure = released ? Reason::kPacketIdentifierNotFound : Reason::kNotAuthorized;
      for (const Reason reason : {Reason::kSuccess, failure}) {
        for (const uint16_t packet_id : {1, 255, 256, 65535}) {
          char out[8];
          const size_t size = WriteAck(type, packet_id, reason, version, out);
          const bool with_reason = version == Version::kMqtt5 && reason != Reason::kSuccess;
          CHECK_EQ(size, with_reason ? 5 : 4);
          Ack ack;
          REQUIRE(DecodeAck(WholeFrame({out, size}), version, &ack) == Reason::kSuccess);
          CHECK_EQ(ack.packet_id, packet_id);
          CHECK(ack.reason == (with_reason ? reason : Reason::kSuccess));
        }
      }
    }
  }
}

TEST_CASE("a server's DISCONNECT exists on version 5 only, and is valid there") {
  char out[8];
  CHECK_EQ(WriteDisconnect(Reason::kProtocolError, Version::kMqtt31, out), 0);
  CHECK_EQ(WriteDisconnect(Reason::kProtocolError, Version::kMqtt311, out), 0);
  for (const Reason reason : {Reason::kSessionTakenOver, Reason::kMalformedPacket,
                              Reason::kKeepAliveTimeout, Reason::kServerShuttingDown}) {
    const size_t size = WriteDisconnect(reason, Version::kMqtt5, out);
    const Frame frame = WholeFrame({out, size});
    CHECK(ValidateDisconnect(frame, Version::kMqtt5, Sender::kServer) == Reason::kSuccess);
    CHECK_EQ(static_cast<uint8_t>(frame.body[0]), static_cast<uint8_t>(reason));
  }
}

TEST_CASE(
    "a refusing CONNACK is valid for every reason and version, or does not exist [MQTT-3.2.2-8]") {
  for (int code = 0x80; code <= 0xA2; ++code) {
    CAPTURE(code);
    for (const Version version : kVersions) {
      char out[8];
      const size_t size = WriteConnackRefusal(static_cast<Reason>(code), version, out);
      if (size == 0) {
        CHECK(version != Version::kMqtt5);
        continue;
      }
      const Frame frame = WholeFrame({out, size});
      CHECK(ValidateConnack(frame, version) == Reason::kSuccess);
      CHECK_EQ(frame.body[0], 0);
      CHECK_NE(frame.body[1], 0);
    }
  }
}

TEST_CASE("reasons become the return codes of 3.1.1 that say the same") {
  const auto code = [](Reason reason) -> int {
    char out[8];
    return WriteConnackRefusal(reason, Version::kMqtt311, out) == 0 ? 0 : out[3];
  };
  CHECK_EQ(code(Reason::kUnsupportedProtocolVersion), 1);
  CHECK_EQ(code(Reason::kClientIdentifierNotValid), 2);
  CHECK_EQ(code(Reason::kServerUnavailable), 3);
  CHECK_EQ(code(Reason::kServerBusy), 3);
  CHECK_EQ(code(Reason::kBadUserNameOrPassword), 4);
  CHECK_EQ(code(Reason::kNotAuthorized), 5);
  CHECK_EQ(code(Reason::kBanned), 5);
  CHECK_EQ(code(Reason::kMalformedPacket), 0);
  CHECK_EQ(code(Reason::kProtocolError), 0);
}

TEST_CASE("a reason CONNACK may not carry becomes the nearest that it may") {
  char out[8];
  REQUIRE(WriteConnackRefusal(Reason::kServerShuttingDown, Version::kMqtt5, out) == 5);
  CHECK_EQ(static_cast<uint8_t>(out[3]), static_cast<uint8_t>(Reason::kServerUnavailable));
  REQUIRE(WriteConnackRefusal(Reason::kSessionTakenOver, Version::kMqtt5, out) == 5);
  CHECK_EQ(static_cast<uint8_t>(out[3]), static_cast<uint8_t>(Reason::kUnspecified));
}

TEST_CASE("pings are two bytes") {
  char out[2];
  CHECK_EQ(WritePingreq(out), 2);
  CHECK_EQ(vectors::ToHex({out, 2}), "c000");
  CHECK_EQ(WritePingresp(out), 2);
  CHECK_EQ(vectors::ToHex({out, 2}), "d000");
}

}  // namespace
}  // namespace causeway::mqtt
