// The property table of MQTT 5.0 §2.2.2.2, restated row by row from the standard and compared cell
// by cell.
#include "mqtt/properties.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "../vectors.h"

namespace causeway::mqtt {
namespace {

using vectors::FromHex;

/// One row: identifier, one valid value in hex, and where it may stand: W(ill) C(ONNECT) c(ONNACK)
/// P(UBLISH) A(cks of messages) S(UBSCRIBE) s(UBACK) U(NSUBSCRIBE) u(NSUBACK) D(ISCONNECT) a(uth).
struct Row {
  const char* id;
  const char* value;
  const char* places;
};

constexpr Row kTable[] = {
    {"01", "01", "PW"},        {"02", "00000001", "PW"},    {"03", "000161", "PW"},
    {"08", "000161", "PW"},    {"09", "0001ff", "PW"},      {"0b", "01", "PS"},
    {"11", "00000001", "CcD"}, {"12", "000161", "c"},       {"13", "0001", "c"},
    {"15", "000161", "Cca"},   {"16", "0001ff", "Cca"},     {"17", "01", "C"},
    {"18", "00000001", "W"},   {"19", "01", "C"},           {"1a", "000161", "c"},
    {"1c", "000161", "cD"},    {"1f", "000161", "cAsuDa"},  {"21", "0001", "Cc"},
    {"22", "0001", "Cc"},      {"23", "0001", "P"},         {"24", "01", "c"},
    {"25", "01", "c"},         {"26", "0001610001ff", "-"}, {"27", "00000001", "Cc"},
    {"28", "01", "c"},         {"29", "01", "c"},           {"2a", "01", "c"},
};

struct Place {
  PropertyPlace place;
  char letter;
};

constexpr Place kPlaces[] = {
    {PropertyPlace::kWill, 'W'},        {PropertyPlace::kConnect, 'C'},
    {PropertyPlace::kConnack, 'c'},     {PropertyPlace::kPublish, 'P'},
    {PropertyPlace::kPuback, 'A'},      {PropertyPlace::kPubrec, 'A'},
    {PropertyPlace::kPubrel, 'A'},      {PropertyPlace::kPubcomp, 'A'},
    {PropertyPlace::kSubscribe, 'S'},   {PropertyPlace::kSuback, 's'},
    {PropertyPlace::kUnsubscribe, 'U'}, {PropertyPlace::kUnsuback, 'u'},
    {PropertyPlace::kDisconnect, 'D'},  {PropertyPlace::kAuth, 'a'},
};

TEST_CASE("every property stands exactly where the standard's table lets it, and once") {
  for (const Row& row : kTable) {
    if (std::string_view(row.id) == "26")
      continue;  // below: allowed everywhere, any number of times
    const std::string one = FromHex(row.id) + FromHex(row.value);
    for (const Place& place : kPlaces) {
      INFO("property 0x", row.id, " at ", place.letter);
      const bool allowed =
          std::string_view(row.places).find(place.letter) != std::string_view::npos;
      CHECK(ValidateProperties(one, place.place) ==
            (allowed ? Reason::kSuccess : Reason::kMalformedPacket));
      if (!allowed) continue;
      const bool repeatable = std::string_view(row.id) == "0b" && place.letter == 'P';
      CHECK(ValidateProperties(one + one, place.place) ==
            (repeatable ? Reason::kSuccess : Reason::kProtocolError));
      for (size_t size = 1; size < one.size(); ++size) {
        CHECK(ValidateProperties(one.substr(0, size), place.place) == Reason::kMalformedPacket);
      }
    }
  }
}

TEST_CASE("user properties repeat everywhere, in order, and are two UTF-8 strings [MQTT-1.5.7-1]") {
  const std::string one = FromHex("260001610001c3"), good = FromHex(
                                                         "260001610001622600016100016226000000"
                                                         "00");
  for (const Place& place : kPlaces) {
    CHECK(ValidateProperties(good, place.place) == Reason::kSuccess);
    CHECK(ValidateProperties(one, place.place) == Reason::kMalformedPacket);
  }
}

TEST_CASE("identifiers the standard does not define are malformed in every place") {
  for (int id = 0; id < 256; ++id) {
    bool known = false;
    for (const Row& row : kTable) known |= static_cast<uint8_t>(FromHex(row.id)[0]) == id;
    if (known) continue;
    const std::string block = std::string(1, static_cast<char>(id)) + FromHex("0001610001610001");
    for (const Place& place : kPlaces) {
      CHECK(ValidateProperties(block, place.place) == Reason::kMalformedPacket);
    }
  }
}

TEST_CASE("values out of range are protocol errors, and alias 0 has its own code [MQTT-3.3.2-8]") {
  struct Case {
    PropertyPlace place;
    const char* hex;
    Reason reason;
  };
  constexpr Case kCases[] = {
      {PropertyPlace::kPublish, "0102", Reason::kProtocolError},
      {PropertyPlace::kWill, "01ff", Reason::kProtocolError},
      {PropertyPlace::kPublish, "0b00", Reason::kProtocolError},
      {PropertyPlace::kSubscribe, "0bffffff7f", Reason::kSuccess},
      {PropertyPlace::kSubscribe, "0bffffffff01", Reason::kMalformedPacket},
      {PropertyPlace::kConnect, "1702", Reason::kProtocolError},
      {PropertyPlace::kConnect, "1902", Reason::kProtocolError},
      {PropertyPlace::kConnect, "210000", Reason::kProtocolError},
      {PropertyPlace::kConnect, "220000", Reason::kSuccess},
      {PropertyPlace::kPublish, "230000", Reason::kTopicAliasInvalid},
      {PropertyPlace::kConnack, "2402", Reason::kProtocolError},
      {PropertyPlace::kConnack, "2502", Reason::kProtocolError},
      {PropertyPlace::kConnect, "2700000000", Reason::kProtocolError},
      {PropertyPlace::kConnack, "2802", Reason::kProtocolError},
      {PropertyPlace::kConnack, "2902", Reason::kProtocolError},
      {PropertyPlace::kConnack, "2a02", Reason::kProtocolError},
      {PropertyPlace::kConnect, "11ffffffff", Reason::kSuccess},
  };
  for (const Case& one : kCases) {
    CHECK_MESSAGE(ValidateProperties(FromHex(one.hex), one.place) == one.reason, one.hex);
  }
}

TEST_CASE("FilterForwardable keeps what travels and drops what belongs to one hop") {
  const std::string user = FromHex("260001610001ff").replace(6, 1, "b"), type = FromHex("03000161");
  const std::string hop = FromHex("0200000009") + FromHex("230001") + FromHex("0b05");
  const auto filter = [](const std::string& properties) {
    std::string out(properties.size(), '\0');
    out.resize(FilterForwardable(properties, out.data()));
    return out;
  };
  CHECK_EQ(filter(user + hop + type + user), user + type + user);
  CHECK_EQ(filter(hop), "");
  CHECK_EQ(filter(""), "");
  CHECK_EQ(filter(FromHex("1800000005") + user), user);  // a will's delay stays behind too
}

}  // namespace
}  // namespace causeway::mqtt
