#include "session/window.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace causeway::session {
namespace {

Delivery Of(const std::string& payload) {
  Delivery delivery;
  delivery.message = MessageRef::Adopt(Message::Create("t", payload, "", ""));
  delivery.qos = 1;
  return delivery;
}

}  // namespace

TEST_CASE("identifiers begin at 1, run to 65,535 and never become 0 [MQTT-2.2.1-3]") {
  Window window;
  for (uint32_t i = 0; i < 140'000; ++i) {
    Inflight& slot = window.Add({}, 0);
    REQUIRE(slot.packet_id == i % 65'535 + 1);
    window.Remove(&slot);
  }
  CHECK(window.size() == 0);
}

TEST_CASE("an identifier in flight is passed over, also after the wrap") {
  Window window;
  const uint16_t stuck = window.Add({}, 0).packet_id;
  CHECK(stuck == 1);
  for (uint32_t i = 0; i < 140'000; ++i) {
    Inflight& slot = window.Add({}, 0);
    REQUIRE(slot.packet_id != stuck);
    REQUIRE(slot.packet_id != 0);
    window.Remove(&slot);
  }
  CHECK(window.Find(stuck) != nullptr);
}

TEST_CASE("65,535 deliveries are in flight at once, each under an identifier of its own") {
  Window window;
  std::set<uint16_t> ids;
  for (uint32_t i = 0; i < 65'535; ++i) ids.insert(window.Add({}, 0).packet_id);
  CHECK(ids.size() == 65'535);
  CHECK(ids.count(0) == 0);
  CHECK(window.size() == 65'535);
  CHECK(window.IdsInOrder().size() == 65'535);
  // The one that is given back is the one that is given out.
  window.Remove(window.Find(30'000));
  CHECK(window.Add({}, 0).packet_id == 30'000);
}

TEST_CASE(
    "identifiers that are left to somebody else are not given out, and not taken while used") {
  Window window;
  for (uint32_t i = 0; i < 40'000; ++i) window.Remove(&window.Add({}, 0));
  Inflight* high = &window.Add({}, 0);
  REQUIRE(high->packet_id == 40'001);
  CHECK_FALSE(window.Leave(32'767));
  window.Remove(high);
  REQUIRE(window.Leave(32'767));
  for (uint32_t i = 0; i < 70'000; ++i) {
    Inflight& slot = window.Add({}, 0);
    REQUIRE(slot.packet_id == i % 32'767 + 1);
    window.Remove(&slot);
  }
}

TEST_CASE("Find knows exactly what is in flight") {
  Window window;
  CHECK(window.Find(1) == nullptr);
  for (int i = 0; i < 5; ++i) window.Add({}, 0);
  CHECK(window.Find(0) == nullptr);
  CHECK(window.Find(5) != nullptr);
  CHECK(window.Find(6) == nullptr);
  CHECK(window.Find(8 + 5) == nullptr);  // the same slot
  window.Remove(window.Find(5));
  CHECK(window.Find(5) == nullptr);
}

TEST_CASE("growing keeps every delivery under its identifier and in order of sending") {
  std::mt19937 random(7);
  Window window;
  std::deque<std::pair<uint16_t, std::string>> model;
  for (int step = 0; step < 30'000; ++step) {
    if (model.size() < 900 && random() % 100 < 55) {
      const std::string payload = std::to_string(step);
      model.emplace_back(window.Add(Of(payload), 0).packet_id, payload);
    } else if (!model.empty()) {
      const auto gone = model.begin() + static_cast<ptrdiff_t>(random() % model.size());
      Inflight* slot = window.Find(gone->first);
      REQUIRE(slot != nullptr);
      REQUIRE(slot->delivery.message->payload() == gone->second);
      window.Remove(slot);
      model.erase(gone);
    }
    REQUIRE(window.size() == model.size());
    if (step % 500 == 0) {
      std::vector<uint16_t> ids;
      for (const auto& [id, payload] : model) ids.push_back(id);
      REQUIRE(window.IdsInOrder() == ids);
    }
  }
}

TEST_CASE("removing lets the message go at once") {
  Window window;
  const MessageRef message = MessageRef::Adopt(Message::Create("t", "p", "", ""));
  for (int i = 0; i < 200; ++i) {
    Delivery delivery;
    delivery.message = message;
    window.Add(std::move(delivery), 0);
  }
  CHECK(message->references == 201);
  for (uint16_t id = 1; id <= 200; ++id) window.Remove(window.Find(id));
  CHECK(message->references == 1);
}

}  // namespace causeway::session
