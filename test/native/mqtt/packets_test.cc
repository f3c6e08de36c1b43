// Every row of test/vectors/packets.json gets its verdict and, where well-formed, its decoded
// fields.
#include <doctest/doctest.h>

#include <map>
#include <string>

#include "packet_rows.h"

namespace causeway::mqtt {
namespace {

using vectors::Json;
using vectors::ToHex;

Reason ReasonNamed(const std::string& name) {
  static const std::map<std::string, Reason> kNames = {
      {"ok", Reason::kSuccess},
      {"malformed-packet", Reason::kMalformedPacket},
      {"protocol-error", Reason::kProtocolError},
      {"client-identifier-not-valid", Reason::kClientIdentifierNotValid},
  };
  const auto found = kNames.find(name);
  REQUIRE(found != kNames.end());
  return found->second;
}

/// What a packet decoded to, by the names the rows use; texts and bytes as the row writes them.
class Decoded {
 public:
  void Number(const char* name, int64_t value) { numbers_[name] = value; }
  void Flag(const char* name, bool value) { flags_[name] = value; }
  void Text(const char* name, std::string_view value) { texts_[name] = value; }

  /// Compares one field of a row; a field no decoder gives fails.
  void Compare(const std::string& name, const Json& wanted) const {
    INFO("field ", name);
    if (wanted.kind == Json::Kind::kNumber) {
      REQUIRE(numbers_.count(name) == 1);
      CHECK_EQ(numbers_.at(name), wanted.AsInteger());
    } else if (wanted.kind == Json::Kind::kBool) {
      REQUIRE(flags_.count(name) == 1);
      CHECK_EQ(flags_.at(name), wanted.AsBool());
    } else {
      REQUIRE(texts_.count(name) == 1);
      CHECK_EQ(texts_.at(name), wanted.AsText());
    }
  }

 private:
  std::map<std::string, int64_t> numbers_;
  std::map<std::string, bool> flags_;
  std::map<std::string, std::string> texts_;
};

void Describe(const Connect& connect, Decoded* out) {
  out->Text("client_id", connect.client_id);
  out->Text("username", connect.username);
  out->Text("password_hex", ToHex(connect.password));
  out->Flag("clean_start", connect.clean_start);
  out->Flag("bridge", connect.bridge);
  out->Flag("has_will", connect.has_will);
  out->Flag("has_username", connect.has_username);
  out->Flag("has_password", connect.has_password);
  out->Number("keep_alive_seconds", connect.keep_alive_seconds);
  out->Text("will_topic", connect.will.topic);
  out->Text("will_payload_hex", ToHex(connect.will.payload));
  out->Number("will_qos", connect.will.qos);
  out->Flag("will_retain", connect.will.retain);
  out->Number("will_delay_seconds", connect.will.delay_seconds);
  out->Number("session_expiry_seconds", connect.session_expiry_seconds);
  out->Number("receive_maximum", connect.receive_maximum);
  out->Number("maximum_packet_bytes", connect.maximum_packet_bytes);
  out->Number("topic_alias_maximum", connect.topic_alias_maximum);
  out->Flag("request_response_information", connect.request_response_information);
  out->Flag("request_problem_information", connect.request_problem_information);
  out->Text("authentication_method", connect.authentication_method);
  out->Text("authentication_data_hex", ToHex(connect.authentication_data));
}

void Describe(const Publish& publish, Decoded* out) {
  out->Text("topic", publish.topic);
  out->Text("payload_hex", ToHex(publish.payload));
  out->Text("properties_hex", ToHex(publish.properties));
  out->Flag("properties_need_filter", publish.properties_need_filter);
  out->Number("packet_id", publish.packet_id);
  out->Number("topic_alias", publish.topic_alias);
  out->Number("message_expiry_seconds", publish.message_expiry_seconds);
  out->Number("subscription_identifier", publish.subscription_identifier);
  out->Text("response_topic", publish.response_topic);
  out->Text("correlation_data_hex", ToHex(publish.correlation_data));
  out->Number("qos", publish.qos);
  out->Flag("retain", publish.retain);
  out->Flag("dup", publish.dup);
}

void DescribeFilters(const Frame& frame, Version version, Decoded* out) {
  FilterReader reader(frame, version);
  std::string filters, options;
  std::string_view filter;
  uint8_t option;
  while (reader.Next(&filter, &option)) {
    filters.append(filters.empty() ? "" : ",").append(filter);
    options.append(options.empty() ? "" : ",").append(std::to_string(option));
  }
  out->Text("filters", filters);
  out->Text("options", options);
  out->Number("packet_id", reader.packet_id());
}

Decoded Decode(const Outcome& outcome, Version version, Sender sender) {
  Decoded decoded;
  const Frame& frame = outcome.frame;
  switch (frame.type) {
    case PacketType::kConnect:
      CHECK_EQ(static_cast<int>(outcome.connect.version), static_cast<int>(version));
      Describe(outcome.connect, &decoded);
      break;
    case PacketType::kPublish: {
      Publish publish;
      CHECK(DecodePublish(frame, version, sender, &publish) == Reason::kSuccess);
      Describe(publish, &decoded);
      break;
    }
    case PacketType::kPuback:
    case PacketType::kPubrec:
    case PacketType::kPubrel:
    case PacketType::kPubcomp: {
      Ack ack;
      CHECK(DecodeAck(frame, version, &ack) == Reason::kSuccess);
      decoded.Number("packet_id", ack.packet_id);
      decoded.Number("reason", static_cast<uint8_t>(ack.reason));
      break;
    }
    case PacketType::kSubscribe:
    case PacketType::kUnsubscribe:
      DescribeFilters(frame, version, &decoded);
      break;
    default:
      break;
  }
  return decoded;
}

TEST_CASE("every packet row gets its verdict and its decoded fields") {
  const Json rows = vectors::Read("packets.json");
  REQUIRE(rows.items.size() > 100);
  for (const Json& row : rows.items) {
    INFO("row: ", row["name"].AsText());
    const Version version = VersionOf(row);
    const Sender sender = row["sender"].AsText() == "client" ? Sender::kClient : Sender::kServer;
    // An exact heap copy, so that AddressSanitizer sees a read behind the packet.
    const std::string text = vectors::FromHex(row["hex"].AsText());
    const std::vector<char> bytes(text.begin(), text.end());
    const bool connected = static_cast<uint8_t>(text[0]) >> 4 != 1;
    const Outcome outcome = Judge({bytes.data(), bytes.size()}, version, sender, connected);
    const Reason wanted = ReasonNamed(row["verdict"].AsText());
    CHECK_EQ(static_cast<int>(outcome.reason), static_cast<int>(wanted));
    CHECK_EQ(outcome.frame.whole.size(), bytes.size());
    if (outcome.reason != Reason::kSuccess || wanted != Reason::kSuccess) continue;

    const Decoded decoded = Decode(outcome, version, sender);
    for (const auto& [name, value] : row.members) {
      if (name == "name" || name == "version" || name == "sender" || name == "hex" ||
          name == "verdict") {
        continue;
      }
      decoded.Compare(name, value);
    }
  }
}

TEST_CASE(
    "a well-formed packet that loses its last byte is never well-formed with its length put "
    "right") {
  // Only where the last byte belongs to a field that cannot end earlier: that is every row but
  // payloads and code lists.
  const Json rows = vectors::Read("packets.json");
  int judged = 0;
  for (const Json& row : rows.items) {
    const std::string text = vectors::FromHex(row["hex"].AsText());
    const auto type = static_cast<PacketType>(static_cast<uint8_t>(text[0]) >> 4);
    const bool strict = type == PacketType::kConnect || type == PacketType::kSubscribe ||
                        type == PacketType::kUnsubscribe || type == PacketType::kConnack;
    if (!strict || row["verdict"].AsText() != "ok" || static_cast<uint8_t>(text[1]) >= 0x80)
      continue;
    // MQTT 3.1 lets CONNECT end before its user name.
    if (VersionOf(row) == Version::kMqtt31 && type == PacketType::kConnect) continue;
    const Sender sender = row["sender"].AsText() == "client" ? Sender::kClient : Sender::kServer;
    for (size_t body = text.size() - 3; body > 0; --body) {
      // Of several filters, a prefix may be whole.
      if (type != PacketType::kConnect && type != PacketType::kConnack && body + 3 != text.size())
        break;
      std::string cut = text.substr(0, 2 + body);
      cut[1] = static_cast<char>(body);
      INFO("row: ", row["name"].AsText(), " cut to ", body);
      const Outcome outcome = Judge(cut, VersionOf(row), sender, type != PacketType::kConnect);
      CHECK(outcome.reason != Reason::kSuccess);
      ++judged;
    }
  }
  CHECK(judged > 200);
}

}  // namespace
}  // namespace causeway::mqtt
