// Sessions on one to three shards under an alphabet of operations: subscribe, publish, acknowledge
// (rightly, wrongly, not at all), lose the connection, be taken over, end, join and leave shared
// groups, let time pass. Two bytes an operation: what, and on whom. Four bytes before them set the
// bounds. After every operation windows and queues hold their bounds; every packet that reaches a
// client is one it may get now; at the end nothing of QoS 1 or 2 is missing that is not counted.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>
#include <source_location>
#include <string>
#include <vector>

#include "../native/fanout/world.h"
#include "../oracle/topic_match.h"

namespace causeway::fanout {
namespace {

using mqtt::PacketType;

constexpr size_t kClients = 5;
constexpr size_t kOperationsMax = 400;
constexpr uint32_t kExpirySeconds = 3;
constexpr std::array<const char*, 8> kFilters = {"a/b", "a/+", "a/#", "#", "+/b", "c", "+", "c/#"};
constexpr std::array<const char*, 4> kTopics = {"a/b", "a/c", "c", "b/b"};

/// Says where, for the stack of an optimised build does not.
void Expect(bool condition, std::source_location at = std::source_location::current()) {
  if (condition) return;
  std::fprintf(stderr, "session_fuzz.cc:%u does not hold\n", at.line());
  std::abort();
}

/// What one client knows of its session: what a receiver that keeps to the specification remembers.
struct Receiver {
  Client* client = nullptr;
  std::map<std::string, uint8_t> filters;  // granted now
  std::set<std::string> ever;              // filters and those of groups, since the session began
  bool in_group = false;                   // was, once: copies may come from other members
  std::map<uint16_t, std::string> open;    // QoS 1 and 2 received and not acknowledged in full
  std::set<uint16_t> released;             // of those, PUBREC sent
  std::set<uint16_t> here;                 // of those, received on this connection
  bool saboteur = false;                   // acknowledged what it had not received
  std::set<std::string> seen;              // payloads of QoS 1 and 2
  std::set<std::string> owed;              // the same, that the session is to get
  std::map<std::string, uint32_t> last;    // topic and publisher → last number, QoS 1 and 2
};

class Story {
 public:
  explicit Story(const uint8_t* bounds)
      : world_(1 + bounds[0] % 3, size_t{2} << bounds[0] / 3 % 5, bounds[0]) {
    world_.window_max = static_cast<uint16_t>(1 + bounds[1] % 6);
    world_.queue_length_max = bounds[2] % 12;  // 0: no count
    world_.high_watermark_bytes = bounds[3] % 4 == 0 ? 150 : 1 << 20;
    for (size_t i = 0; i < kClients; ++i) {
      receivers_[i].client =
          world_.Add(static_cast<int>(i) % world_.fabric().loops,
                     i % 2 == 0 ? mqtt::Version::kMqtt5 : mqtt::Version::kMqtt311);
      receivers_[i].client->read_bytes_max = bounds[3] % 3 == 0 ? 64 : SIZE_MAX;
    }
  }

  void Step(uint8_t operation, uint8_t argument) {
    const size_t who = argument % kClients;
    const uint8_t what = argument / kClients;
    Receiver& receiver = receivers_[who];
    switch (operation % 16) {
      case 0:
      case 1:
        Subscribe(&receiver, kFilters[what % kFilters.size()], operation / 16 % 3);
        break;
      case 2:
        Unsubscribe(&receiver, what);
        break;
      case 3:
        Disconnect(&receiver);
        break;
      case 4:  // after a close, and as a takeover
        Disconnect(&receiver);
        world_.Attach(receiver.client);
        break;
      case 5:
        if (what % 4 == 0) End(&receiver);
        break;
      case 6:
        world_.Turn(what % world_.fabric().loops);
        break;
      case 7:
        Read(&receiver);
        break;
      case 8:
        Read(&receiver);
        Acknowledge(&receiver, what % 3);
        break;
      case 9:
        Sabotage(&receiver, operation / 16, what);
        break;
      case 10:
        Group(&receiver, what);
        break;
      case 11:
        world_.now_ms += what * 100;
        break;
      default:
        Publish(&receiver, who, kTopics[what % kTopics.size()], operation / 16, what / 4);
    }
    for (const Receiver& each : receivers_) CheckBounds(each);
  }

  void Finish() {
    for (Receiver& receiver : receivers_)
      if (receiver.client->connection == nullptr) world_.Attach(receiver.client);
    for (int round = 0; round < 100'000; ++round) {
      Expect(world_.Settle());
      bool any = false;
      for (Receiver& receiver : receivers_) any = Read(&receiver) || any;
      for (Receiver& receiver : receivers_) any = Acknowledge(&receiver, SIZE_MAX) || any;
      if (any) continue;
      CheckNothingMissing();
      return;
    }
    std::abort();  // never quiet
  }

 private:
  void Subscribe(Receiver* receiver, const char* filter, int qos) {
    Expect(world_.Settle());  // what is under way may go either way
    world_.Subscribe(receiver->client, filter, static_cast<uint8_t>(qos));
    receiver->filters[filter] = static_cast<uint8_t>(qos);
    receiver->ever.insert(filter);
  }
  void Unsubscribe(Receiver* receiver, size_t which) {
    if (receiver->filters.empty()) return;
    Expect(world_.Settle());
    auto gone = receiver->filters.begin();
    std::advance(gone, which % receiver->filters.size());
    world_.Unsubscribe(receiver->client, gone->first);
    receiver->filters.erase(gone);
  }
  void Disconnect(Receiver* receiver) {
    if (receiver->client->connection == nullptr) return;
    Read(receiver);
    receiver->here.clear();
    world_.Detach(receiver->client);
  }
  void End(Receiver* receiver) {
    Expect(world_.Settle());
    Client* client = receiver->client;
    LeaveGroups(receiver);
    for (const auto& [filter, qos] : receiver->filters) world_.Unsubscribe(client, filter);
    world_.End(client);
    ++client->generation;
    client->inbox.clear();
    *receiver = Receiver();
    receiver->client = client;
    world_.Attach(client);
  }
  void Group(Receiver* receiver, size_t which) {
    Expect(world_.Settle());
    const std::string name = which % 2 == 0 ? "g" : "h";
    const std::string filter = kFilters[which / 2 % kFilters.size()];
    const auto key = std::make_pair(name, filter);
    auto& joined = groups_[receiver];
    if (joined.erase(key) != 0) {
      world_.LeaveGroup(receiver->client, name, filter);
      return;
    }
    world_.JoinGroup(receiver->client, name, filter, 1);
    joined.insert(key);
    receiver->ever.insert(filter);
    receiver->in_group = true;
  }
  void LeaveGroups(Receiver* receiver) {
    for (const auto& [name, filter] : groups_[receiver])
      world_.LeaveGroup(receiver->client, name, filter);
    groups_.erase(receiver);
  }

  /// What waits in a paused client's socket is lost with it: published only when it enters now.
  void Publish(Receiver* receiver, size_t who, const std::string& topic, int qos, int kind) {
    Client* client = receiver->client;
    if (client->connection == nullptr || client->connection->fanout_pending) return;
    const uint8_t published = static_cast<uint8_t>(qos % 3);
    // Some large enough to go by reference, some that expire.
    std::string payload = std::to_string(who) + ":" + std::to_string(++number_) + ":";
    if (kind % 5 == 1) payload.append(limits::kPayloadByReferenceBytes, 'x');
    for (Receiver& each : receivers_) {
      int granted = -1;
      for (const auto& [filter, own] : each.filters)
        if (oracle::TopicMatches(filter, topic)) granted = std::max<int>(granted, own);
      if (std::min<int>(published, granted) > 0) each.owed.insert(payload);
    }
    world_.Publish(client, topic, payload, published, false,
                   kind % 5 == 2 ? kExpirySeconds : mqtt::kNoExpiry);
  }

  /// Everything that has reached the client since it last looked; false when there was nothing.
  bool Read(Receiver* receiver) {
    std::vector<Packet> packets;
    packets.swap(receiver->client->inbox);
    for (const Packet& packet : packets) {
      switch (packet.type) {
        case PacketType::kPublish:
          ReadPublish(receiver, packet);
          break;
        case PacketType::kPubrel:
          // Of a message whose PUBREC it has sent, or of an answer to one without sense.
          Expect(packet.id != 0);
          Forget(receiver, packet.id);
          Answer(receiver, PacketType::kPubcomp, packet.id);
          break;
        default:
          break;  // acknowledgements of what it published itself
      }
    }
    return !packets.empty();
  }
  void ReadPublish(Receiver* receiver, const Packet& packet) {
    Expect(std::any_of(receiver->ever.begin(), receiver->ever.end(), [&](const auto& filter) {
      return oracle::TopicMatches(filter, packet.topic);
    }));
    if (packet.qos == 0) {
      Expect(packet.id == 0 && !packet.dup);  // [MQTT-3.3.1-2]
      return;
    }
    Expect(packet.id != 0);  // [MQTT-2.2.1-3]
    receiver->here.insert(packet.id);
    Expect(receiver->saboteur || receiver->here.size() <= world_.window_max);  // [MQTT-3.3.4-9]
    const auto open = receiver->open.find(packet.id);
    if (open != receiver->open.end()) {
      // The identifier is in use: only the same message may come under it [MQTT-2.2.1-4].
      Expect(packet.dup && open->second == packet.payload);
      return;
    }
    receiver->open[packet.id] = packet.payload;
    const bool first = receiver->seen.insert(packet.payload).second;
    if (receiver->in_group) return;  // a copy of each subscription, and redispatched ones
    Expect(first || (packet.dup && packet.qos == 1));  // QoS 2 never twice
    if (!first) return;
    const size_t colon = packet.payload.find(':');
    const auto number = static_cast<uint32_t>(std::stoul(packet.payload.substr(colon + 1)));
    uint32_t& last = receiver->last[packet.topic + packet.payload.substr(0, colon)];
    Expect(number > last);  // [MQTT-4.6.0-6]
    last = number;
  }

  /// Answers at most `count` of what is open. False: there was nothing.
  bool Acknowledge(Receiver* receiver, size_t count) {
    if (receiver->client->connection == nullptr) return false;
    bool any = false;
    session::Session* session = world_.SessionOf(receiver->client);
    const std::map<uint16_t, std::string> open = receiver->open;
    for (const auto& [id, payload] : open) {
      if (count-- == 0) break;
      const session::Inflight* slot = session->window.Find(id);
      // Sabotage or expiry took it out of the window: the receiver knows nothing of that, and may
      // see the identifier again.
      if (slot == nullptr) {
        Forget(receiver, id);
        any = true;
        continue;
      }
      // Waits for PUBREL, or for the repeat: what came on a connection is answered on that one.
      if (receiver->released.count(id) != 0 || receiver->here.count(id) == 0) continue;
      any = true;
      if (slot->delivery.qos == 1) {
        Forget(receiver, id);
        Answer(receiver, PacketType::kPuback, id);
      } else {
        receiver->released.insert(id);
        Answer(receiver, PacketType::kPubrec, id);
      }
    }
    return any;
  }
  static void Forget(Receiver* receiver, uint16_t id) {
    receiver->open.erase(id);
    receiver->released.erase(id);
    receiver->here.erase(id);
  }
  bool Answer(Receiver* receiver, PacketType type, uint16_t id,
              mqtt::Reason reason = mqtt::Reason::kSuccess) {
    Client* client = receiver->client;
    if (client->connection == nullptr) return false;
    session::Session* session = world_.SessionOf(client);
    session::Sender* sender = world_.shard(client->loop).sender();
    world_.Wake(client->loop);
    switch (type) {
      case PacketType::kPuback:
        return sender->OnPuback(session, id, world_.now_ms);
      case PacketType::kPubrec:
        return sender->OnPubrec(session, id, reason, world_.now_ms);
      default:
        return sender->OnPubcomp(session, id, world_.now_ms);
    }
  }
  /// Acknowledges what it has not received, refuses it, or speaks of identifiers that are none.
  void Sabotage(Receiver* receiver, int kind, uint8_t id) {
    static constexpr PacketType kTypes[] = {PacketType::kPuback, PacketType::kPubrec,
                                            PacketType::kPubcomp, PacketType::kPubrec};
    Read(receiver);
    const bool refuses = kind % 4 == 3;
    if (!Answer(receiver, kTypes[kind % 4], id,
                refuses ? mqtt::Reason::kQuotaExceeded : mqtt::Reason::kSuccess))
      return;
    ++sabotaged_;
    receiver->saboteur = true;
    const session::Inflight* slot = world_.SessionOf(receiver->client)->window.Find(id);
    if (slot == nullptr) {
      Forget(receiver, id);
    } else {
      receiver->released.insert(id);  // it said PUBREC, and gets PUBREL
    }
  }

  void CheckBounds(const Receiver& receiver) {
    session::Session* session = world_.SessionOf(receiver.client);
    Expect(session != nullptr && session->live);
    Expect(session->window.size() <= world_.window_max);
    Expect(world_.queue_length_max == 0 || session->queue.size() <= world_.queue_length_max);
    const std::vector<uint16_t> ids = session->window.IdsInOrder();
    Expect(ids.size() == session->window.size());
    const std::set<uint16_t> unique(ids.begin(), ids.end());
    Expect(unique.size() == ids.size() && unique.count(0) == 0);
    Expect((session->connection == nullptr) == (receiver.client->connection == nullptr));
  }

  void CheckNothingMissing() {
    uint64_t missing = 0;
    for (const Receiver& receiver : receivers_) {
      const session::Session* session = world_.SessionOf(receiver.client);
      Expect(session->window.size() == 0 && session->queue.empty());
      Expect(receiver.client->connection->out.empty());
      for (const std::string& payload : receiver.owed) missing += 1 - receiver.seen.count(payload);
    }
    const uint64_t counted =
        world_.Sum(&Counters::dropped_queue_full) + world_.Sum(&Counters::dropped_expired);
    Expect(missing <= counted + sabotaged_);
  }

  World world_;
  std::array<Receiver, kClients> receivers_;
  std::map<const Receiver*, std::set<std::pair<std::string, std::string>>> groups_;
  uint32_t number_ = 0;
  uint64_t sabotaged_ = 0;
};

}  // namespace
}  // namespace causeway::fanout

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kBounds = 4;
  if (size < kBounds) return 0;
  causeway::fanout::Story story(data);
  const size_t end = std::min(size, kBounds + 2 * causeway::fanout::kOperationsMax);
  for (size_t at = kBounds; at + 1 < end; at += 2) story.Step(data[at], data[at + 1]);
  story.Finish();
  return 0;
}
