#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "../vectors.h"
#include "mqtt/packet.h"

namespace causeway::mqtt {
namespace {

using vectors::FromHex;

/// NextFrame over an exact heap copy, so that AddressSanitizer sees a read behind the bytes that
/// arrived.
FrameStatus Next(std::string_view bytes, uint32_t most, size_t* need) {
  const std::vector<char> copy(bytes.begin(), bytes.end());
  Frame frame;
  return NextFrame({copy.data(), copy.size()}, most, &frame, need);
}

TEST_CASE("every well-formed packet is framed once whole, at every split into two pieces") {
  for (const vectors::Json& row : vectors::Read("packets.json").items) {
    INFO("row: ", row["name"].AsText());
    const std::string bytes = FromHex(row["hex"].AsText());
    for (size_t split = 0; split < bytes.size(); ++split) {
      size_t need = 1;
      CHECK(Next(bytes.substr(0, split), 1 << 20, &need) == FrameStatus::kNeedMore);
      const bool length_known =
          split >= 2 && !(static_cast<uint8_t>(bytes[split - 1]) >= 0x80 && split < 5 &&
                          static_cast<uint8_t>(bytes[1]) >= 0x80);
      if (length_known) CHECK_EQ(need, bytes.size());
      if (split < 2) CHECK_EQ(need, 0);
    }
    Frame frame;
    size_t need = 1;
    const std::string with_more = bytes + "\xC0";
    REQUIRE(NextFrame(with_more, 1 << 20, &frame, &need) == FrameStatus::kFrame);
    CHECK_EQ(need, 0);
    CHECK_EQ(frame.whole, bytes);
    CHECK_EQ(frame.flags, static_cast<uint8_t>(bytes[0]) & 0xF);
    CHECK(bytes.ends_with(frame.body));
  }
}

TEST_CASE("type 0 is refused at its first byte") {
  size_t need;
  for (int first = 0; first < 0x10; ++first) {
    CHECK(Next(std::string(1, static_cast<char>(first)), 100, &need) == FrameStatus::kMalformed);
  }
}

TEST_CASE("a remaining length is one to four bytes and as short as can be [MQTT-1.5.5-1]") {
  size_t need;
  CHECK(Next(FromHex("30ffffff"), UINT32_MAX, &need) == FrameStatus::kNeedMore);
  CHECK_EQ(need, 0);
  CHECK(Next(FromHex("30ffffff7f"), UINT32_MAX, &need) == FrameStatus::kNeedMore);
  CHECK_EQ(need, 268'435'455 + 5);
  // The fourth length byte announces a fifth: no need to see it.
  CHECK(Next(FromHex("30ffffffff"), UINT32_MAX, &need) == FrameStatus::kMalformed);
  for (const char* longer : {"308000", "30808000", "3080808000", "30ff00", "30ffff00"}) {
    CHECK_MESSAGE(Next(FromHex(longer), UINT32_MAX, &need) == FrameStatus::kMalformed, longer);
  }
}

TEST_CASE("a packet one byte over the limit is refused from its header alone [MQTT-3.2.2-15]") {
  size_t need;
  CHECK(Next(FromHex("3062"), 100, &need) == FrameStatus::kNeedMore);
  CHECK_EQ(need, 100);
  CHECK(Next(FromHex("3063"), 100, &need) == FrameStatus::kTooLarge);
  CHECK(Next(FromHex("308001"), 130, &need) == FrameStatus::kTooLarge);
  CHECK(Next(FromHex("308001"), 131, &need) == FrameStatus::kNeedMore);
}

TEST_CASE("who may send what depends on the side and the version") {
  int client = 0, server = 0;
  for (int type = 1; type <= 15; ++type) {
    client += ClientMaySend(static_cast<PacketType>(type), Version::kMqtt311);
    server += ServerMaySend(static_cast<PacketType>(type), Version::kMqtt311);
  }
  CHECK_EQ(client, 10);
  CHECK_EQ(server, 9);
  CHECK_FALSE(ClientMaySend(PacketType::kAuth, Version::kMqtt31));
  CHECK(ClientMaySend(PacketType::kAuth, Version::kMqtt5));
  CHECK_FALSE(ClientMaySend(PacketType::kConnack, Version::kMqtt5));
  CHECK_FALSE(ServerMaySend(PacketType::kDisconnect, Version::kMqtt311));
  CHECK(ServerMaySend(PacketType::kDisconnect, Version::kMqtt5));
}

}  // namespace
}  // namespace causeway::mqtt
