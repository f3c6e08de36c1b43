// Every row of test/vectors/malformed.json: the verdict of the decoders is the reaction the row
// demands of a server.
#include <doctest/doctest.h>

#include <map>
#include <set>
#include <string>

#include "mqtt/encode.h"
#include "packet_rows.h"

namespace causeway::mqtt {
namespace {

using vectors::Json;

/// The reaction on the socket, in the words of the rows: "close", "disconnect 129", "connack 1".
std::string Reaction(const Outcome& outcome, Version version, bool connected) {
  char out[8];
  if (connected) {
    const size_t size = WriteDisconnect(outcome.reason, version, out);
    return size == 0 ? "close" : "disconnect " + std::to_string(static_cast<uint8_t>(out[2]));
  }
  if (!outcome.is_connect) return "close";
  const size_t size = WriteConnackRefusal(outcome.reason, outcome.connect.version, out);
  return size == 0 ? "close" : "connack " + std::to_string(static_cast<uint8_t>(out[3]));
}

std::string WantedReaction(const Json& reaction) {
  const std::string& kind = reaction["kind"].AsText();
  if (kind == "disconnect") return kind + " " + std::to_string(reaction["reason"].AsInteger());
  if (kind == "connack") return kind + " " + std::to_string(reaction["code"].AsInteger());
  REQUIRE(kind == "close");
  return kind;
}

bool IsConnected(const Json& row) {
  const std::string& phase = row["phase"].AsText();
  REQUIRE((phase == "first" || phase == "connected"));
  return phase == "connected";
}

TEST_CASE("every malformed packet gets the reaction its row names [MQTT-4.13.1-1]") {
  for (const Json& row : vectors::Read("malformed.json").items) {
    INFO("row: ", row["name"].AsText());
    const std::string text = vectors::FromHex(row["hex"].AsText());
    const std::vector<char> bytes(text.begin(), text.end());
    const bool connected = IsConnected(row);
    const Outcome outcome =
        Judge({bytes.data(), bytes.size()}, VersionOf(row), Sender::kClient, connected);
    CHECK(outcome.reason != Reason::kSuccess);
    CHECK_EQ(Reaction(outcome, VersionOf(row), connected), WantedReaction(row["reaction"]));
    if (outcome.is_connect && row["reaction"]["kind"].AsText() == "connack") {
      CHECK_EQ(static_cast<int>(outcome.connect.version), static_cast<int>(VersionOf(row)));
    }
  }
}

TEST_CASE("a malformed packet arriving in two pieces gets the same verdict at every split") {
  for (const Json& row : vectors::Read("malformed.json").items) {
    const std::string bytes = vectors::FromHex(row["hex"].AsText());
    const bool connected = IsConnected(row);
    const Reason whole = Judge(bytes, VersionOf(row), Sender::kClient, connected).reason;
    for (size_t split = 1; split < bytes.size(); ++split) {
      INFO("row: ", row["name"].AsText(), " split at ", split);
      const std::vector<char> first(bytes.begin(), bytes.begin() + static_cast<long>(split));
      Frame frame;
      size_t need = 0;
      const FrameStatus status =
          NextFrame({first.data(), first.size()}, kPacketBytesMax, &frame, &need);
      if (status == FrameStatus::kNeedMore) {
        CHECK((need == 0 || (need > split && need <= bytes.size())));
        continue;  // the rest arrives, and the verdict is that of the whole
      }
      // Decided early: never against the verdict of the whole.
      if (status == FrameStatus::kMalformed) CHECK(whole == Reason::kMalformedPacket);
      if (status == FrameStatus::kTooLarge) CHECK(whole == Reason::kPacketTooLarge);
      if (status == FrameStatus::kFrame) {
        CHECK(Judge({first.data(), first.size()}, VersionOf(row), Sender::kClient, connected)
                  .reason == whole);
      }
    }
  }
}

TEST_CASE("the malformed rows cover every packet type a client can send, and those it cannot") {
  std::map<std::string, int> counts;
  std::set<std::string> names;
  for (const Json& row : vectors::Read("malformed.json").items) {
    counts[row["type"].AsText()] += 1;
    CHECK_MESSAGE(names.insert(row["name"].AsText()).second, row["name"].AsText());
    CHECK(row["spec"].AsText().starts_with("MQTT-"));
  }
  CHECK(names.size() >= 80);
  for (const char* type :
       {"CONNECT", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBSCRIBE", "UNSUBSCRIBE",
        "PINGREQ", "DISCONNECT", "AUTH", "FRAMING"}) {
    CHECK_MESSAGE(counts[type] >= 3, type);
  }
  for (const char* type : {"CONNACK", "SUBACK", "UNSUBACK", "PINGRESP"}) {
    CHECK_MESSAGE(counts[type] >= 1, type);
  }
}

}  // namespace
}  // namespace causeway::mqtt
