#include "session/publish_headers.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "core/limits.h"
#include "wire.h"

namespace causeway::session {
namespace {

using mqtt::Version;

const std::string kProperties("\x01\x01\x03\x00\x01j\x26\x00\x01k\x00\x01v", 13);

/// The same packet straight from mqtt/encode.h.
std::string Encoded(const mqtt::PublishOut& publish, Version version) {
  size_t whole, packet_id_at;
  std::string bytes(mqtt::PublishHeaderSize(publish, version, &whole), '\0');
  CHECK(mqtt::WritePublishHeader(publish, version, bytes.data(), &packet_id_at) == bytes.size());
  return bytes + std::string(publish.payload);
}

}  // namespace

TEST_CASE("every layout, below and above the reference threshold, equals the encoder's packet") {
  const std::string small(64, 's'), large(limits::kPayloadByReferenceBytes, 'l');
  OutBlockPool pool;
  PublishHeaders headers{HashSeed{}};
  for (const std::string& payload : {std::string(), small, large}) {
    const MessageRef message =
        MessageRef::Adopt(Message::Create("a/topic", payload, kProperties, ""));
    for (const uint32_t expiry : {mqtt::kNoExpiry, 77u}) {
      headers.Begin(message->topic(), message->payload(), message->properties(), expiry);
      for (int twice = 0; twice < 2; ++twice)  // the second time out of the cache
        for (const Version version : {Version::kMqtt31, Version::kMqtt311, Version::kMqtt5})
          for (const uint8_t qos : {uint8_t{0}, uint8_t{1}, uint8_t{2}})
            for (const bool retain : {false, true})
              for (const bool dup : {false, true}) {
                if (dup && qos == 0) continue;
                mqtt::PublishOut publish;
                publish.topic = message->topic();
                publish.payload = message->payload();
                publish.qos = qos;
                publish.retain = retain;
                publish.dup = dup;
                publish.packet_id = qos == 0 ? 0 : 0xABCD;
                if (version == Version::kMqtt5) {
                  publish.properties = message->properties();
                  publish.message_expiry_seconds = expiry;
                }
                OutBuffer out;
                const PublishHeader& header = headers.Get(version, qos, retain);
                AppendPublish(&pool, header, {.packet_id = 0xABCD, .dup = dup}, message->payload(),
                              message, &out);
                const bool by_reference = payload.size() >= limits::kPayloadByReferenceBytes;
                REQUIRE(message->references == (by_reference ? 2 : 1));
                REQUIRE(header.whole_bytes == out.size());
                REQUIRE(TakeBytes(&out, &pool) == Encoded(publish, version));
                REQUIRE(message->references == 1);
              }
    }
  }
}

TEST_CASE("subscription identifiers get a layout of their own, the shared ones stay without") {
  PublishHeaders headers{HashSeed{}};
  headers.Begin("t", "p", kProperties, 9);
  const std::vector<uint32_t> ids = {1, 268'435'455};
  PublishHeader own;
  headers.Encode(Version::kMqtt5, 1, false, &ids, Naming::kTopic, &own);
  const Packet with = ReadPacket(own.bytes, true);
  CHECK(with.subscription_ids == ids);
  CHECK(with.expiry_seconds == 9);
  CHECK(with.payload == "p");
  CHECK(ReadPacket(headers.Get(Version::kMqtt5, 1, false).bytes, true).subscription_ids.empty());
  headers.Encode(Version::kMqtt311, 1, false, &ids, Naming::kTopic,
                 &own);  // older clients have no place for them
  CHECK(own.bytes == headers.Get(Version::kMqtt311, 1, false).bytes);
}

TEST_CASE("one layout serves every receiver's own topic alias [MQTT-3.3.2-8]") {
  OutBlockPool pool;
  PublishHeaders headers{HashSeed{}};
  headers.Begin("a/topic", "p", kProperties, 9);
  for (const uint8_t qos : {uint8_t{0}, uint8_t{1}, uint8_t{2}}) {
    for (const uint16_t alias : {uint16_t{1}, uint16_t{0x1234}, uint16_t{0xFFFF}}) {
      for (const Naming naming : {Naming::kAssigning, Naming::kAlias}) {
        const PublishHeader& header = headers.GetNamed(naming, qos, true);
        CHECK(&header == &headers.GetNamed(naming, qos, true));
        OutBuffer out;
        AppendPublish(&pool, header, {.packet_id = 7, .topic_alias = alias}, "p", MessageRef(),
                      &out);
        REQUIRE(header.whole_bytes == out.size());
        const Packet packet = ReadPacket(TakeBytes(&out, &pool), true);
        CHECK(packet.topic == (naming == Naming::kAlias ? "" : "a/topic"));
        CHECK(packet.topic_alias == alias);
        CHECK(packet.id == (qos == 0 ? 0 : 7));
        CHECK(packet.expiry_seconds == 9);
        CHECK(packet.payload == "p");
      }
    }
    CHECK(ReadPacket(headers.Get(Version::kMqtt5, qos, true).bytes, true).topic_alias == 0);
  }
}

TEST_CASE("the next message forgets the layouts of the last") {
  PublishHeaders headers{HashSeed{}};
  headers.Begin("first", "1", "", mqtt::kNoExpiry);
  headers.Get(Version::kMqtt5, 0, false);
  headers.Begin("second", "2", "", mqtt::kNoExpiry);
  CHECK(ReadPacket(headers.Get(Version::kMqtt5, 0, false).bytes, true).topic == "second");
}

}  // namespace causeway::session
