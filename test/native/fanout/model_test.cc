// Random operations on several shards against the naive broker: every QoS >= 1 message arrives at
// every live session that subscribes, in order per topic and publisher, and nowhere else.
#include "world.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "../../oracle/broker_model.h"

namespace causeway::fanout {
namespace {

const char* const kFilters[] = {"a/b", "a/+", "a/#", "#", "+/b", "c", "c/#", "a/b/c", "+", "x/+/z"};
const char* const kTopics[] = {"a/b", "a/c", "c", "a/b/c", "x/y/z", "b/b", "nobody/at/all/z"};

/// What one client has received so far: a packet repeated with DUP counts once.
struct Received {
  std::multiset<std::string> payloads;
  std::map<std::string, int> last_of;  // topic + publisher → last number, QoS >= 1 and 0 apart
};

class Story {
 public:
  Story(uint32_t seed, int loops, size_t lane_slots)
      : random_(seed), world_(loops, lane_slots, seed + 1) {
    world_.window_max = static_cast<uint16_t>(1 + seed % 7);
    world_.queue_length_max = 100'000;
    world_.high_watermark_bytes = seed % 3 == 0 ? 2000 : 1 << 20;
    for (int i = 0; i < 9; ++i) {
      Client* client = world_.Add(i % loops);
      client->read_bytes_max = seed % 2 == 0 ? SIZE_MAX : 150;
      clients_.push_back(client);
    }
    model_.resize(clients_.size());
    received_.resize(clients_.size());
    numbers_.resize(clients_.size());
    for (oracle::ModelSession& session : model_) session.live = session.connected = true;
  }

  void Run(int steps) {
    for (int step = 0; step < steps; ++step) Step();
    for (size_t i = 0; i < clients_.size(); ++i)
      if (!model_[i].connected) Attach(i);
    for (int round = 0; round < 5000; ++round) {
      REQUIRE(world_.Settle());
      if (!Read()) break;
    }
    for (size_t i = 0; i < clients_.size(); ++i) Compare(i);
    uint64_t delivered = 0;
    for (const Received& received : received_) delivered += received.payloads.size();
    CHECK(delivered > 0);
    CHECK(world_.Sum(&Counters::dropped_queue_full) == 0);
  }
  int pauses() const { return world_.pauses; }

 private:
  unsigned Roll(size_t sides) { return static_cast<unsigned>(random_() % sides); }

  void Step() {
    const size_t i = Roll(clients_.size());
    Client* client = clients_[i];
    oracle::ModelSession& model = model_[i];
    switch (Roll(12)) {
      case 0: {  // subscriptions change between messages: what is under way may go either way, so
                 // it is let arrive first
        Quiet();
        const char* filter = kFilters[Roll(std::size(kFilters))];
        const uint8_t qos = static_cast<uint8_t>(Roll(3));
        if (!model.live) break;
        world_.Subscribe(client, filter, qos);
        model.filters[filter] = qos;
        break;
      }
      case 1: {
        Quiet();
        if (model.filters.empty()) break;
        auto gone = model.filters.begin();
        std::advance(gone, Roll(model.filters.size()));
        world_.Unsubscribe(client, gone->first);
        model.filters.erase(gone);
        break;
      }
      case 2:
        if (model.connected) Detach(i);
        break;
      case 3:
        if (!model.connected) Attach(i);
        break;
      case 4:
        if (Roll(6) == 0) CleanStart(i);
        break;
      case 5:
      case 6:
        world_.Turn(static_cast<int>(Roll(static_cast<size_t>(world_.fabric().loops))));
        break;
      case 7:
        Read();
        break;
      default:
        // Published only when it enters the broker now: what waits in a paused client's socket is
        // lost with its connection, and nobody is owed that.
        if (!model.connected || client->connection->fanout_pending || !client->blocked.empty())
          break;
        Publish(i);
    }
  }

  void Publish(size_t i) {
    const char* topic = kTopics[Roll(std::size(kTopics))];
    const uint8_t qos = static_cast<uint8_t>(Roll(3));
    const std::string payload = std::to_string(i) + ":" + std::to_string(++numbers_[i]);
    oracle::PublishTo(&model_, topic, payload, qos);
    world_.Publish(clients_[i], topic, payload, qos);
  }
  void Detach(size_t i) {
    Collect(i);
    world_.Detach(clients_[i]);
    model_[i].connected = false;
    // Of what was lost with the socket QoS 1 and 2 comes again; QoS 0 need not.
    clients_[i]->inbox.clear();
  }
  void Attach(size_t i) {
    world_.Attach(clients_[i]);
    model_[i].connected = true;
  }
  void CleanStart(size_t i) {
    Quiet();
    Compare(i);
    for (const auto& [filter, qos] : model_[i].filters) world_.Unsubscribe(clients_[i], filter);
    world_.End(clients_[i]);
    ++clients_[i]->generation;
    clients_[i]->inbox.clear();
    model_[i] = {};
    model_[i].live = true;
    received_[i] = {};
    Attach(i);
  }
  void Quiet() {
    REQUIRE(world_.Settle());
    while (Read()) REQUIRE(world_.Settle());
  }
  /// Everybody reads and acknowledges; false when there was nothing.
  bool Read() {
    bool any = false;
    for (size_t i = 0; i < clients_.size(); ++i) any = Collect(i) || any;
    return any;
  }
  bool Collect(size_t i) {
    Client* client = clients_[i];
    const bool any = !client->inbox.empty();
    for (const Packet& packet : client->inbox) {
      if (packet.type != mqtt::PacketType::kPublish) continue;
      // A repeat whose first copy was read before the connection went.
      if (packet.dup && received_[i].payloads.count(packet.payload) != 0) continue;
      received_[i].payloads.insert(packet.payload);
      const size_t colon = packet.payload.find(':');
      const std::string key = packet.topic + " " + packet.payload.substr(0, colon);
      const int number = std::stoi(packet.payload.substr(colon + 1));
      int& last = received_[i].last_of[key + (packet.qos == 0 ? " 0" : " 1")];
      REQUIRE(number > last);
      last = number;
    }
    world_.Acknowledge(client);
    client->inbox.clear();
    return any;
  }
  /// Offline clients are compared at the end, when they are back.
  void Compare(size_t i) {
    if (!model_[i].connected) return;
    std::map<std::string, bool> owed;
    for (const auto& one : model_[i].owed) owed[one.payload] = one.sure;
    for (const std::string& payload : received_[i].payloads) {
      CAPTURE(payload);
      REQUIRE(owed.count(payload) == 1);
      REQUIRE(received_[i].payloads.count(payload) == 1);
    }
    for (const auto& [payload, sure] : owed) {
      CAPTURE(payload);
      if (sure) REQUIRE(received_[i].payloads.count(payload) == 1);
    }
  }

  std::mt19937 random_;
  World world_;
  std::vector<Client*> clients_;
  std::vector<oracle::ModelSession> model_;
  std::vector<Received> received_;
  std::vector<int> numbers_;
};

}  // namespace

TEST_CASE("random sessions, filters and messages on 1 to 4 shards equal the naive broker") {
  const char* given = std::getenv("CAUSEWAY_SEED");
  const uint32_t first = given == nullptr ? 1 : static_cast<uint32_t>(std::atoi(given));
  const uint32_t stories = given == nullptr ? 60 : 1;
  int pauses = 0;
  for (uint32_t seed = first; seed < first + stories; ++seed) {
    CAPTURE(seed);
    Story story(seed, 1 + static_cast<int>(seed % 4), seed % 5 == 0 ? 64 : 2);
    story.Run(900);
    pauses += story.pauses();
  }
  if (given == nullptr) CHECK(pauses > 0);
}

}  // namespace causeway::fanout
