// Several shards in one thread: control, the loops and the clients of a small broker without a
// socket. A loop runs only when somebody woke it, so a lost wake-up is a test that stands still.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "../session/wire.h"
#include "fanout/shard.h"
#include "session/flush_turn.h"

namespace causeway::fanout {

using session::Packet;

class World;

/// A client with its session number; `connection` is null while it is offline.
struct Client {
  int loop = 0;
  uint32_t index = 0, generation = 1;
  mqtt::Version version = mqtt::Version::kMqtt5;
  std::string id;
  std::unique_ptr<session::Connection> connection;
  std::string stream;
  std::vector<Packet> inbox;                  // PUBLISH, PUBREL and acknowledgements as they came
  size_t read_bytes_max = SIZE_MAX;           // what its socket takes each turn
  std::deque<std::function<void()>> blocked;  // what it sends once its PUBLISH has ended

  std::vector<std::string> Payloads() const {
    std::vector<std::string> payloads;
    for (const Packet& packet : inbox)
      if (packet.type == mqtt::PacketType::kPublish) payloads.push_back(packet.payload);
    return payloads;
  }
};

class World {
 public:
  explicit World(int loops, size_t lane_slots = 64, uint64_t seed = 1,
                 router::Strategy strategy = router::Strategy::kRoundRobin)
      : strategy_(strategy),
        seed_{seed, seed * 31 + 7},
        index_(seed_, &epochs_),
        retained_(seed_, {}) {
    fabric_.epochs = &epochs_;
    fabric_.index = &index_;
    fabric_.retained = &retained_;
    fabric_.seed = seed_;
    fabric_.loops = loops;
    for (int from = 0; from < loops; ++from) {
      for (int to = 0; to < loops; ++to)
        fabric_.lanes.push_back(from == to ? nullptr : std::make_unique<Lane>(lane_slots));
      fabric_.flags.push_back(std::make_unique<SessionFlags>());
      fabric_.flag_views.push_back(fabric_.flags.back().get());
    }
    for (int i = 0; i < loops; ++i) loops_.push_back(std::make_unique<Loop>(this, i));
  }
  ~World() {
    for (auto& client : clients_) Detach(client.get());
    for (auto& links : link_connections_) {
      shard(links->loop).sender()->dirty()->Forget(links.get());
      links->out.Clear(links->pool);
    }
    bool last = false;
    for (const auto& [filter, group, member] : groups_)
      index_.LeaveGroup(filter, group, member, &last);  // those who left already are not found
    for (router::Filter* filter : kept_) index_.Release(filter);
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  Shard& shard(int loop) { return loops_[static_cast<size_t>(loop)]->shard; }
  const Counters& counters(int loop) { return loops_[static_cast<size_t>(loop)]->counters; }
  uint64_t Sum(std::atomic<uint64_t> Counters::* counter) {
    uint64_t sum = 0;
    for (auto& loop : loops_) sum += (loop->counters.*counter).load(std::memory_order_relaxed);
    return sum;
  }
  Fabric& fabric() { return fabric_; }
  router::Index& index() { return index_; }

  // ---- clients

  Client* Add(int loop, mqtt::Version version = mqtt::Version::kMqtt5) {
    clients_.push_back(std::make_unique<Client>());
    Client* client = clients_.back().get();
    client->loop = loop;
    client->version = version;
    client->index = next_index_[loop]++;
    client->id = "c" + std::to_string(clients_.size());
    Attach(client);
    return client;
  }
  session::Session* SessionOf(const Client* client) {
    return shard(client->loop).Find(client->index, client->generation);
  }
  /// Opens the session if it is not there, and gives it a new connection.
  void Attach(Client* client) {
    session::Session* session = shard(client->loop).Open(client->index, client->generation);
    session->persistent = true;
    session->client_id = client->id;
    session->window_max = window_max;
    session->queue_length_max = queue_length_max;
    client->connection = std::make_unique<session::Connection>();
    client->connection->version = client->version;
    client->connection->high_watermark_bytes = high_watermark_bytes;
    client->connection->number = ++next_number_;
    owners_[client->connection.get()] = client;
    shard(client->loop).Attach(session, client->connection.get(), now_ms);
    Wake(client->loop);
  }
  /// The socket is gone, with the bytes that had not left.
  void Detach(Client* client) {
    if (client->connection == nullptr) return;
    shard(client->loop).Detach(client->connection.get());
    client->connection->out.Clear(shard(client->loop).sender()->pool());
    owners_.erase(client->connection.get());
    client->connection.reset();
    client->stream.clear();
    client->blocked.clear();
  }
  /// As transport does it for an end: the connection first.
  void End(Client* client) {
    session::Session* session = SessionOf(client);
    Detach(client);
    if (session != nullptr) shard(client->loop).End(session, now_ms);
    Wake(client->loop);
  }

  // ---- what control decides

  void Subscribe(Client* client, const std::string& text, uint8_t options = 1, uint32_t id = 0,
                 bool replay = false) {
    router::Filter* filter = index_.Acquire(text);
    kept_.push_back(filter);
    shard(client->loop).AddSubscription(SessionOf(client), {filter, 0, options, id, replay});
    Wake(client->loop);
  }
  void Unsubscribe(Client* client, const std::string& text) {
    shard(client->loop).RemoveSubscription(client->index, index_.Find(text), 0);
  }
  router::GroupMember MemberOf(const Client* client) {
    return {static_cast<uint8_t>(client->loop), client->index, client->generation};
  }
  void JoinGroup(Client* client, const std::string& group, const std::string& text,
                 uint8_t options = 1) {
    router::Filter* filter = index_.Acquire(text);
    kept_.push_back(filter);
    bool first = false;
    const router::Group* joined =
        index_.JoinGroup(filter, group, strategy_, MemberOf(client), &first);
    groups_.emplace_back(filter, group, MemberOf(client));
    shard(client->loop).AddSubscription(SessionOf(client), {filter, joined->id, options, 0, false});
  }
  void LeaveGroup(Client* client, const std::string& group, const std::string& text) {
    router::Filter* filter = index_.Find(text);
    router::Group* found = filter->groups.load();
    while (found->name != group) found = found->next.load();
    const uint32_t id = found->id;
    bool last = false;
    index_.LeaveGroup(filter, group, MemberOf(client), &last);
    shard(client->loop).RemoveSubscription(client->index, filter, id);
  }

  // ---- traffic

  /// A PUBLISH of the client, with its entry in the ack gate. Blocked: sent when the client is
  /// parsed on.
  void Publish(Client* client, const std::string& topic, const std::string& payload,
               uint8_t qos = 0, bool retain = false, uint32_t expiry = mqtt::kNoExpiry) {
    if (client->connection->fanout_pending || !client->blocked.empty()) {
      client->blocked.push_back(
          [=, this] { PublishNow(client, topic, payload, qos, retain, expiry); });
    } else {
      PublishNow(client, topic, payload, qos, retain, expiry);
    }
    Wake(client->loop);
  }
  /// As Publish, of a client that is not blocked; the caller wakes its loop.
  void PublishNow(Client* client, const std::string& topic, const std::string& payload, uint8_t qos,
                  bool retain, uint32_t expiry) {
    session::Session* session = SessionOf(client);
    Publication publication;
    publication.topic = topic;
    publication.payload = payload;
    publication.qos = qos;
    publication.retain = retain;
    publication.expiry_seconds = expiry;
    publication.protocol_version = static_cast<uint8_t>(client->version);
    publication.timestamp_ms = wall_ms;
    publication.received_ms = now_ms;
    publication.publisher = session;
    publication.publisher_loop = static_cast<uint16_t>(client->loop);
    publication.publisher_session = client->index;
    publication.publisher_generation = client->generation;
    publication.client_id = client->id;
    session::Connection* connection = client->connection.get();
    Shard& own = shard(client->loop);
    const Shard::Published outcome = own.Publish(&publication, connection, now_ms);
    if (outcome == Shard::Published::kPending) ++pauses;
    if (qos == 0) return;
    const uint16_t packet_id = ++next_packet_id_ == 0 ? ++next_packet_id_ : next_packet_id_;
    const auto type = qos == 1 ? mqtt::PacketType::kPuback : mqtt::PacketType::kPubrec;
    if (outcome == Shard::Published::kPending) {
      own.SettleWhenDone(connection,
                         connection->acks.Add(type, packet_id, mqtt::Reason::kSuccess, true));
    } else {
      own.sender()->Acknowledge(connection, type, packet_id, mqtt::Reason::kSuccess);
    }
  }
  /// A message without a connection of this broker: a will, or one of a link.
  Shard::Published PublishFrom(int loop, const std::string& topic, const std::string& payload,
                               uint8_t qos, Origin origin, const std::string& client_id = "") {
    Publication publication;
    publication.topic = topic;
    publication.payload = payload;
    publication.qos = qos;
    publication.origin = origin;
    publication.client_id = client_id;
    publication.received_ms = now_ms;
    Wake(loop);
    return shard(loop).Publish(&publication, nullptr, now_ms);
  }
  /// Acknowledges everything in the inbox that asks for it, as a well-behaved client.
  void Acknowledge(Client* client) {
    session::Sender* sender = shard(client->loop).sender();
    session::Session* session = SessionOf(client);
    for (Packet& packet : client->inbox) {
      if (packet.id == 0 || client->connection == nullptr) continue;
      if (packet.type == mqtt::PacketType::kPublish && packet.qos == 1)
        sender->OnPuback(session, packet.id, now_ms);
      if (packet.type == mqtt::PacketType::kPublish && packet.qos == 2)
        sender->OnPubrec(session, packet.id, mqtt::Reason::kSuccess, now_ms);
      if (packet.type == mqtt::PacketType::kPubrel) sender->OnPubcomp(session, packet.id, now_ms);
      packet.id = 0;
    }
    Wake(client->loop);
  }
  /// A link's connection of ours, client role, on `loop`.
  struct LinkConnection : session::Connection {
    int loop = 0;
    session::OutBlockPool* pool = nullptr;
    std::string stream;
    std::vector<Packet> inbox;
  };
  LinkConnection* DialLink(int loop) {
    link_connections_.push_back(std::make_unique<LinkConnection>());
    LinkConnection* connection = link_connections_.back().get();
    connection->version = mqtt::Version::kMqtt5;
    connection->high_watermark_bytes = 1 << 20;
    connection->loop = loop;
    connection->pool = shard(loop).sender()->pool();
    return connection;
  }
  void CollectLinks() {
    for (auto& connection : link_connections_) {
      shard(connection->loop).sender()->dirty()->Forget(connection.get());
      connection->stream += session::TakeBytes(&connection->out, connection->pool);
      for (Packet& packet : session::ReadPackets(&connection->stream, true))
        connection->inbox.push_back(std::move(packet));
    }
  }

  // ---- turns

  void Wake(int loop) { loops_[static_cast<size_t>(loop)]->woken = true; }
  /// One turn of one loop, in the order of transport's.
  void Turn(int loop) {
    Loop& running = *loops_[static_cast<size_t>(loop)];
    running.woken = false;
    running.shard.Work(now_ms);
    const auto flush = [this](session::Connection* connection) -> size_t {
      const auto owner = owners_.find(connection);
      if (owner != owners_.end()) Flush(owner->second);
      return 0;
    };
    if (session::FlushTurn(running.shard.sender()->dirty(), running.shard.WideWaits(), flush))
      running.woken = true;
    running.shard.FlushWakeups();
  }
  /// Runs woken loops until none is; false when that takes more than `turns_max` turns.
  bool Settle(int turns_max = 100'000) {
    while (turns_max-- > 0) {
      const auto woken =
          std::find_if(loops_.begin(), loops_.end(), [](const auto& loop) { return loop->woken; });
      if (woken == loops_.end()) return true;
      Turn((*woken)->index);
    }
    return false;
  }
  bool AnyWoken() const {
    return std::any_of(loops_.begin(), loops_.end(), [](const auto& loop) { return loop->woken; });
  }
  /// What one socket takes in one turn reaches its client.
  void Flush(Client* client) {
    session::Connection* connection = client->connection.get();
    Shard& own = shard(client->loop);
    client->stream +=
        session::TakeBytes(&connection->out, own.sender()->pool(), client->read_bytes_max);
    for (Packet& packet :
         session::ReadPackets(&client->stream, client->version == mqtt::Version::kMqtt5))
      client->inbox.push_back(std::move(packet));
    if (connection->out.size() < connection->high_watermark_bytes / 2)
      own.RoomInOutBuffer(connection, now_ms);
    if (!connection->out.empty()) {
      own.sender()->dirty()->Add(connection);
      Wake(client->loop);
    }
  }

  int64_t now_ms = 10'000;
  int64_t wall_ms = 0;  // of what clients publish; 0: the machine's
  uint16_t window_max = 1000;
  uint32_t queue_length_max = 1000;
  uint32_t high_watermark_bytes = 1 << 20;
  int pauses = 0;  // PUBLISHes that could not end at once

 private:
  struct Loop final : ShardHost {
    Loop(World* world, int index)
        : world(world), index(index), shard(index, &world->fabric_, this, &counters) {}
    void Wake(int loop) override { world->Wake(loop); }
    void WorkLeft() override { woken = true; }
    void Unpaused(session::Connection* connection) override {
      const auto owner = world->owners_.find(connection);
      if (owner == world->owners_.end()) std::abort();  // a connection that is gone
      Client* client = owner->second;
      while (!client->blocked.empty() && !client->connection->fanout_pending) {
        const auto next = std::move(client->blocked.front());
        client->blocked.pop_front();
        next();
      }
    }
    World* const world;
    const int index;
    Counters counters;
    Shard shard;
    bool woken = false;
  };

  const router::Strategy strategy_;
  const HashSeed seed_;
  EpochDomain epochs_;
  router::Index index_;
  retained::RetainedIndex retained_;
  Fabric fabric_;
  std::vector<std::unique_ptr<Loop>> loops_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<std::unique_ptr<LinkConnection>> link_connections_;
  std::map<const session::Connection*, Client*> owners_;
  std::map<int, uint32_t> next_index_;
  std::vector<router::Filter*> kept_;
  std::vector<std::tuple<router::Filter*, std::string, router::GroupMember>> groups_;
  uint32_t next_number_ = 0;
  uint16_t next_packet_id_ = 0;
};

}  // namespace causeway::fanout
