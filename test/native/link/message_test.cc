#include "link/etf.h"
#include "link/message_term.h"

#include <random>
#include <set>

#include "rows.h"
#include "term.h"

#include <doctest/doctest.h>

namespace causeway::link {
namespace {

const std::string kId = FromHex("00061eabcdef0123f442000009c40001");
constexpr int64_t kTimestampMs = 1754550000123;

const Term* Get(const Term& map, std::string_view key) {
  for (size_t i = 0; i + 1 < map.items.size(); i += 2) {
    if (map.items[i].kind == Term::Kind::kAtom && map.items[i].bytes == key)
      return &map.items[i + 1];
  }
  return nullptr;
}

ForwardedMessage LocalMessage() {
  ForwardedMessage message;
  message.id = kId;
  message.from = "client-a";
  message.qos = 1;
  message.topic = "t/42";
  message.payload = "hello";
  message.timestamp_ms = kTimestampMs;
  message.protocol_version = 5;
  message.peer = {PeerAddress::Family::kIpv4, {127, 0, 0, 1}, 50123};
  return message;
}

std::string Encode(const ForwardedMessage& message) {
  std::string out;
  EncodeMessage(message, &out);
  REQUIRE(out.size() == EncodedMessageSize(message));
  return out;
}

/// Atoms anywhere in a term.
void CollectAtoms(const Term& term, std::set<std::string>* atoms) {
  if (term.kind == Term::Kind::kAtom) atoms->insert(term.bytes);
  for (const Term& item : term.items) CollectAtoms(item, atoms);
}

std::string Property(char id, std::string_view value) {
  std::string out{id, static_cast<char>(value.size() >> 8), static_cast<char>(value.size())};
  return out + std::string(value);
}

std::string UserProperty(std::string_view name, std::string_view value) {
  return Property(0x26, name) + Property(0, value).substr(1);
}

bool SameMessage(const ForwardedMessage& a, const ForwardedMessage& b) {
  return a.id == b.id && a.qos == b.qos && a.from == b.from && a.retain == b.retain &&
         a.sys == b.sys && a.topic == b.topic && a.payload == b.payload &&
         a.timestamp_ms == b.timestamp_ms && a.message_expiry_seconds == b.message_expiry_seconds &&
         a.username == b.username && a.has_username == b.has_username &&
         a.protocol_version == b.protocol_version && a.peer.family == b.peer.family &&
         a.peer.port == b.peer.port && std::equal(a.peer.bytes, a.peer.bytes + 16, b.peer.bytes);
}

TEST_SUITE("link/message") {
  TEST_CASE("messages encode to EMQX's bytes") {
    ForwardedMessage message = LocalMessage();
    CHECK(ToHex(Encode(message)) == ToHex(VectorBytes("msg_qos1")));
    message.qos = 2;
    CHECK(ToHex(Encode(message)) == ToHex(VectorBytes("msg_qos2")));
    message.qos = 1;
    message.retain = true;
    message.topic = "state/door";
    message.payload = "open";
    CHECK(ToHex(Encode(message)) == ToHex(VectorBytes("msg_retained")));
  }

  TEST_CASE("an IPv6 peer is eight words, a will has neither client nor peer headers") {
    ForwardedMessage message = LocalMessage();
    message.qos = 0;
    message.from = "c6";
    message.protocol_version = 4;
    message.topic = "t/6";
    message.payload = std::string_view("\0\xff\x80", 3);
    message.peer = {PeerAddress::Family::kIpv6, {0x20, 1, 0x0d, 0xb8}, 50123};
    message.peer.bytes[15] = 1;
    CHECK(ToHex(Encode(message)) == ToHex(VectorBytes("msg_ipv6_peer")));

    ForwardedMessage will = LocalMessage();
    will.topic = "will/client-a";
    will.payload = "gone";
    will.protocol_version = 0;
    will.peer = {};
    CHECK(ToHex(Encode(will)) == ToHex(VectorBytes("msg_will")));
  }

  TEST_CASE("every message vector decodes to the fields its term names") {
    int checked = 0;
    for (const Row& row : EtfRows()) {
      const std::string& name = row.name;
      if (!name.starts_with("msg_")) continue;
      CAPTURE(name);
      std::string scratch;
      ForwardedMessage message;
      const std::string bytes = row.bytes;
      const std::optional<Term> term = DecodeTerm(bytes);
      REQUIRE(term.has_value());
      REQUIRE(DecodeMessage(bytes, &scratch, &message) == MessageStatus::kOk);
      CHECK(message.id == term->items[1].bytes);
      CHECK(message.qos == term->items[2].integer);
      CHECK(message.from == term->items[3].bytes);
      CHECK(message.topic == term->items[6].bytes);
      CHECK(message.timestamp_ms == kTimestampMs);
      if (name == "msg_iodata_payload") {
        CHECK(message.payload == "abcd");
      } else {
        CHECK(message.payload == term->items[7].bytes);
      }
      const Term* retain = Get(term->items[4], "retain");
      CHECK(message.retain == (retain != nullptr && retain->bytes == "true"));
      CHECK(message.sys == (name == "msg_sys_flag"));
      ++checked;
    }
    CHECK(checked == 16);
  }

  TEST_CASE("every forwarded message recorded from EMQX decodes to the fields recorded with it") {
    int checked = 0;
    for (const Row& row : CaptureRows()) {
      if (!row.has_term || !row.topic.starts_with("$LINK/cluster/msg/")) continue;
      CAPTURE(row.term);
      const std::optional<Term> term = ParseErlang(row.term);
      REQUIRE(term.has_value());
      if (term->kind != Term::Kind::kTuple) continue;
      std::string scratch;
      ForwardedMessage message;
      const std::string bytes = row.bytes;
      REQUIRE(DecodeMessage(bytes, &scratch, &message) == MessageStatus::kOk);
      const Term& headers = term->items[5];
      CHECK(message.id == term->items[1].bytes);
      CHECK(message.qos == term->items[2].integer);
      CHECK(message.from == term->items[3].bytes);
      CHECK(message.topic == term->items[6].bytes);
      CHECK(message.payload == term->items[7].bytes);
      CHECK(message.timestamp_ms == term->items[8].integer);
      const Term* version = Get(headers, "proto_ver");
      CHECK(message.protocol_version == (version == nullptr ? 0 : version->integer));
      const Term* peer = Get(headers, "peername");
      CHECK(message.peer.port == (peer == nullptr ? 0 : peer->items[1].integer));
      const Term* username = Get(headers, "username");
      CHECK(message.has_username == (username != nullptr && username->kind == Term::Kind::kBinary));
      const Term* properties = Get(headers, "properties");
      const Term* expiry =
          properties == nullptr ? nullptr : Get(*properties, "Message-Expiry-Interval");
      CHECK(message.message_expiry_seconds ==
            (expiry == nullptr ? kNoMessageExpiry : expiry->integer));
      ++checked;
    }
    CHECK(checked >= 60);
  }

  TEST_CASE("properties come out in wire form, user properties in order with duplicates") {
    std::string scratch;
    ForwardedMessage message;
    const std::string bytes = VectorBytes("msg_properties");
    REQUIRE(DecodeMessage(bytes, &scratch, &message) == MessageStatus::kOk);
    CHECK(message.message_expiry_seconds == 3600);
    CHECK(message.username == "bob");
    // A second trip through our own encoder gives the same wire form.
    std::string again_scratch;
    ForwardedMessage again;
    const std::string encoded = Encode(message);
    REQUIRE(DecodeMessage(encoded, &again_scratch, &again) == MessageStatus::kOk);
    CHECK(SameMessage(message, again));
    const std::optional<Term> term = DecodeTerm(bytes);
    const Term* user = Get(*Get(term->items[5], "properties"), "User-Property");
    REQUIRE(user != nullptr);
    std::string wire;
    for (const Term& pair : user->items)
      wire += UserProperty(pair.items[0].bytes, pair.items[1].bytes);
    CHECK(message.properties.find(wire) != std::string_view::npos);
    CHECK(again.properties.find(wire) != std::string_view::npos);
    CHECK(message.properties.size() == again.properties.size());
  }

  TEST_CASE("the decoded views of a compressed message with properties and iodata stay valid") {
    // Not compressible here; the plain form of the same shape exercises both appends to one
    // scratch.
    Term term = *DecodeTerm(VectorBytes("msg_properties"));
    Term iodata = *ParseErlang("[<<\"ab\">>, 99, [<<\"d\">>, [], [101 | <<\"f\">>]]]");
    term.items[7] = iodata;
    const std::string bytes = EncodeTerm(term);
    std::string scratch;
    ForwardedMessage message;
    REQUIRE(DecodeMessage(bytes, &scratch, &message) == MessageStatus::kOk);
    CHECK(message.payload == "abcdef");
    CHECK(message.properties.size() + message.payload.size() == scratch.size());
    CHECK(message.properties.data() == scratch.data());
  }

  TEST_CASE("random messages survive the round trip and only ever carry atoms of the closed list") {
    std::mt19937_64 random(20260805);
    std::set<std::string> atoms;
    const auto text = [&](size_t limit) {
      std::string out(random() % limit, 'x');
      for (char& c : out) c = static_cast<char>('a' + random() % 26);
      return out;
    };
    for (int round = 0; round < 3000; ++round) {
      CAPTURE(round);
      const std::string id = text(20), from = text(30), topic = "t/" + text(40),
                        payload = text(600), user = text(9);
      std::string properties;
      if (random() % 2) properties += std::string{1, static_cast<char>(random() % 2)};
      if (random() % 2) properties += Property(0x03, text(9));
      if (random() % 2) properties += Property(0x08, "r/" + text(9));
      if (random() % 2) properties += Property(0x09, text(9));
      for (uint64_t i = random() % 4; i > 0; --i) properties += UserProperty(text(5), text(9));
      ForwardedMessage message;
      message.id = id;
      message.from = from;
      message.qos = static_cast<uint8_t>(random() % 3);
      message.retain = random() % 2;
      message.sys = random() % 4 == 0;
      message.topic = topic;
      message.payload = payload;
      message.timestamp_ms = static_cast<int64_t>(random() >> (random() % 40 + 1));
      message.properties = properties;
      if (random() % 2) message.message_expiry_seconds = static_cast<uint32_t>(random() >> 33);
      message.has_username = random() % 2;
      if (message.has_username) message.username = user;
      message.protocol_version = static_cast<uint8_t>(random() % 4 == 0 ? 0 : 3 + random() % 3);
      message.peer.family = static_cast<PeerAddress::Family>(random() % 3);
      const size_t bytes = message.peer.family == PeerAddress::Family::kIpv6 ? 16 : 4;
      if (message.peer.family != PeerAddress::Family::kNone) {
        for (size_t i = 0; i < bytes; ++i) message.peer.bytes[i] = static_cast<uint8_t>(random());
        message.peer.port = static_cast<uint16_t>(random());
      }
      const std::string encoded = Encode(message);
      const std::optional<Term> term = DecodeTerm(encoded);
      REQUIRE(term.has_value());
      CHECK(EncodeTerm(*term) == encoded);  // canonical
      CollectAtoms(*term, &atoms);
      std::string scratch;
      ForwardedMessage decoded;
      REQUIRE(DecodeMessage(encoded, &scratch, &decoded) == MessageStatus::kOk);
      CHECK(SameMessage(message, decoded));
      CHECK(decoded.properties.size() == properties.size());
      std::string again_scratch;
      ForwardedMessage again;
      const std::string twice = Encode(decoded);
      REQUIRE(DecodeMessage(twice, &again_scratch, &again) == MessageStatus::kOk);
      CHECK(again.properties == decoded.properties);
    }
    for (const std::string& atom : atoms) CHECK(FindAtom(atom) != AtomId::kOpaque);
    CHECK(atoms.size() >= 20);
  }

  TEST_CASE("what is no message is told apart from what is no term") {
    std::string scratch;
    ForwardedMessage message;
    const auto decode = [&](const char* erlang) {
      const std::optional<Term> term = ParseErlang(erlang);
      REQUIRE(term.has_value());
      const std::string bytes = EncodeTerm(*term);
      return DecodeMessage(bytes, &scratch, &message);
    };
    CHECK(decode("{message, <<>>, 0, <<\"c\">>, #{}, #{}, <<\"t\">>, <<>>, 5, #{}}") ==
          MessageStatus::kOk);
    CHECK(decode("{message, undefined, 0, <<\"c\">>, #{}, #{}, <<\"t\">>, [], 5, #{}}") ==
          MessageStatus::kOk);
    for (const char* erlang : {
             "{message, <<>>, 3, <<\"c\">>, #{}, #{}, <<\"t\">>, <<>>, 5, #{}}",
             "{message, <<>>, 0, <<\"c\">>, #{}, #{}, t, <<>>, 5, #{}}",
             "{message, <<>>, 0, <<\"c\">>, #{}, #{}, <<\"t\">>, [300], 5, #{}}",
             "{message, <<>>, 0, <<\"c\">>, #{}, [], <<\"t\">>, <<>>, 5, #{}}",
             "{message, <<>>, 0, <<\"c\">>, #{}, #{}, <<\"t\">>, <<>>, now, #{}}",
             "{delivery, <<>>, 0, <<\"c\">>, #{}, #{}, <<\"t\">>, <<>>, 5, #{}}",
             "{message, <<>>, 0, <<\"c\">>, #{}, #{}, <<\"t\">>, <<>>, 5}",
             "message",
         }) {
      CAPTURE(erlang);
      CHECK(decode(erlang) == MessageStatus::kNotAMessage);
    }
    CHECK(DecodeMessage("garbage", &scratch, &message) == MessageStatus::kMalformed);
    const std::string whole = VectorBytes("msg_qos1");
    for (size_t length = 0; length < whole.size(); ++length) {
      CHECK(DecodeMessage(std::string(whole, 0, length), &scratch, &message) ==
            MessageStatus::kMalformed);
    }
  }

  TEST_CASE("topics and properties that no MQTT packet may carry are refused") {
    std::string scratch;
    ForwardedMessage message;
    const auto decode = [&](const std::string& topic, const std::string& properties) {
      const std::string bytes =
          EncodeTerm(*ParseErlang("{message, <<>>, 0, <<\"c\">>, #{}, #{properties => " +
                                  properties + "}, " + topic + ", <<>>, 5, #{}}"));
      return DecodeMessage(bytes, &scratch, &message);
    };
    for (const char* topic : {"<<>>", "<<\"a/#\">>", "<<\"a/+/b\">>", "<<0>>", "<<255>>"}) {
      CAPTURE(topic);
      CHECK(decode(topic, "#{}") == MessageStatus::kBadTopic);
    }
    for (const char* properties : {
             "#{'Payload-Format-Indicator' => 2}",
             "#{'Message-Expiry-Interval' => -1}",
             "#{'Content-Type' => <<255>>}",
             "#{'Response-Topic' => <<\"r/#\">>}",
             "#{'User-Property' => [{<<\"k\">>, 1}]}",
             "#{'User-Property' => [{<<\"k\">>, <<0>>}]}",
             "#{'Content-Type' => <<\"a\">>, 'Content-Type' => <<\"b\">>}",
         }) {
      CAPTURE(properties);
      CHECK(decode("<<\"t\">>", properties) == MessageStatus::kBadProperty);
    }
    CHECK(decode("<<\"t\">>", "#{'Topic-Alias' => 7, later => [x], 'Content-Type' => undefined}") ==
          MessageStatus::kOk);
    CHECK(message.properties.empty());
  }

  TEST_CASE("process-local terms are tolerated among headers and in extra, not as payload") {
    Term term = *DecodeTerm(VectorBytes("msg_minimal"));
    const Term pid = *DecodeTerm(VectorBytes("pid"));
    const Term key = *ParseErlang("shared_dispatch_ack");
    term.items[5].items = {key, pid};
    term.items[9].items = {key, pid};
    std::string scratch;
    ForwardedMessage message;
    const std::string tolerated = EncodeTerm(term);
    CHECK(DecodeMessage(tolerated, &scratch, &message) == MessageStatus::kOk);
    term.items[7] = pid;
    const std::string refused = EncodeTerm(term);
    CHECK(DecodeMessage(refused, &scratch, &message) == MessageStatus::kNotAMessage);
  }

  TEST_CASE("message ids sort by time and never repeat, also when the clock stands or goes back") {
    MessageIdSource source(0x1234567890abcdef);
    std::string last;
    int64_t now = 1754550000123456;
    for (int i = 0; i < 200000; ++i) {
      if (i == 100000) now -= 5000;
      if (i % 50000 == 0) ++now;
      char bytes[kMessageIdBytes];
      source.Next(now, bytes);
      const std::string id(bytes, sizeof bytes);
      REQUIRE(id > last);
      last = id;
    }
    CHECK(ToHex(last.substr(8, 6)) == "567890abcdef");
  }
}

}  // namespace
}  // namespace causeway::link
