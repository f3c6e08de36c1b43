#include "session/ack_gate.h"

#include <doctest/doctest.h>

#include <vector>

namespace causeway::session {
namespace {

using mqtt::PacketType;
using mqtt::Reason;

std::vector<uint16_t> Leave(AckGate* gate) {
  std::vector<uint16_t> ids;
  while (const AckGate::Entry* entry = gate->Ready()) {
    ids.push_back(entry->packet_id);
    gate->Pop();
  }
  return ids;
}

}  // namespace

TEST_CASE("acknowledgements leave in the order their packets came, held by the first pending one") {
  AckGate gate;
  CHECK(gate.idle());
  gate.Add(PacketType::kPuback, 1, Reason::kSuccess, false);
  const uint64_t second = gate.Add(PacketType::kPubrec, 2, Reason::kSuccess, true);
  gate.Add(PacketType::kPuback, 3, Reason::kSuccess, false);
  const uint64_t fourth = gate.Add(PacketType::kPuback, 4, Reason::kSuccess, true);
  CHECK(Leave(&gate) == std::vector<uint16_t>{1});
  gate.Settle(fourth, Reason::kSuccess);
  CHECK(Leave(&gate).empty());
  gate.Settle(second, Reason::kQuotaExceeded);
  REQUIRE(gate.Ready() != nullptr);
  CHECK(gate.Ready()->type == PacketType::kPubrec);
  CHECK(gate.Ready()->reason == Reason::kQuotaExceeded);
  CHECK(Leave(&gate) == std::vector<uint16_t>{2, 3, 4});
  CHECK(gate.idle());
}

TEST_CASE("a ticket that has left, or was never given, settles nothing") {
  AckGate gate;
  const uint64_t gone = gate.Add(PacketType::kPuback, 1, Reason::kSuccess, true);
  gate.Settle(gone, Reason::kSuccess);
  CHECK(Leave(&gate) == std::vector<uint16_t>{1});
  gate.Settle(gone, Reason::kSuccess);
  gate.Add(PacketType::kPuback, 2, Reason::kSuccess, true);
  const uint64_t third = gate.Add(PacketType::kPuback, 3, Reason::kSuccess, true);
  gate.Settle(gone, Reason::kSuccess);
  gate.Settle(third + 1, Reason::kSuccess);
  gate.Settle(0, Reason::kSuccess);
  CHECK(gate.Ready() == nullptr);
  gate.Settle(third, Reason::kSuccess);
  CHECK(gate.Ready() == nullptr);
  gate.Settle(third - 1, Reason::kSuccess);
  CHECK(Leave(&gate) == std::vector<uint16_t>{2, 3});
}

}  // namespace causeway::session
