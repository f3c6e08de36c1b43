// Reason codes per packet, restated from the tables of each packet's own section and compared code
// by code.
#include "mqtt/reason_table.h"

#include <doctest/doctest.h>

#include <string>

#include "../vectors.h"

namespace causeway::mqtt {
namespace {

struct Row {
  PacketType type;
  Sender sender;
  const char* codes;  // every allowed one, in hex
};

constexpr Row kTable[] = {
    // §3.2.2.2
    {PacketType::kConnack, Sender::kServer, "00808182838485868788898a8c909597999a9b9c9d9f"},
    // §3.4.2.1, §3.5.2.1
    {PacketType::kPuback, Sender::kServer, "001080838790919799"},
    {PacketType::kPubrec, Sender::kServer, "001080838790919799"},
    // §3.6.2.1, §3.7.2.1
    {PacketType::kPubrel, Sender::kServer, "0092"},
    {PacketType::kPubcomp, Sender::kServer, "0092"},
    // §3.9.3
    {PacketType::kSuback, Sender::kServer, "0001028083878f91979ea1a2"},
    // §3.11.3
    {PacketType::kUnsuback, Sender::kServer, "00118083878f91"},
    // §3.14.2.1; 0x8C of a server is table 2-6's
    {PacketType::kDisconnect, Sender::kClient, "0004808182839093949596979899"},
    {PacketType::kDisconnect, Sender::kServer,
     "008081828387898b8c8d8e8f90939495969798999a9b9c9d9e9fa0a1a2"},
    // §3.15.2.1
    {PacketType::kAuth, Sender::kClient, "1819"},
    {PacketType::kAuth, Sender::kServer, "0018"},
};

TEST_CASE("every packet carries the reason codes of its own table and no other") {
  for (const Row& row : kTable) {
    const std::string allowed = vectors::FromHex(row.codes);
    for (int code = 0; code < 256; ++code) {
      INFO("packet type ", static_cast<int>(row.type), " sender ", static_cast<int>(row.sender),
           " code ", code);
      const bool wanted = allowed.find(static_cast<char>(code)) != std::string::npos;
      CHECK_EQ(ReasonAllowed(row.type, row.sender, static_cast<Reason>(code)), wanted);
    }
  }
}

TEST_CASE("packets without a reason code allow none") {
  for (const PacketType type :
       {PacketType::kConnect, PacketType::kPublish, PacketType::kSubscribe,
        PacketType::kUnsubscribe, PacketType::kPingreq, PacketType::kPingresp}) {
    for (int code = 0; code < 256; ++code) {
      CHECK_FALSE(ReasonAllowed(type, Sender::kClient, static_cast<Reason>(code)));
    }
  }
}

}  // namespace
}  // namespace causeway::mqtt
