// Question: how many instructions, and how much time, does one delivery take in the core alone,
// without a kernel: bytes of a PUBLISH in, bytes to every subscriber out (design.md §3, steps 2 to
// 7)? Load: one thread, one shard, topics of a few dozen bytes, payloads of 64; subscribers
// acknowledge what they get. Saturated: the core it runs on. `wildcard` is the workload of that
// name: 200,000 topics in no order, more than the route cache holds, some seven receivers each.
// Build: g++ -std=gnu++20 -fno-exceptions -fno-rtti -O3 -g -pthread -Inative
//        bench/micro/delivery_bench.cc
//        native/{core,mqtt,session,router,retained,link,fanout}/*.cc native/loadgen/topic_space.cc
//        -o delivery_bench
// Time: ./delivery_bench WORK [DELIVERIES]
// Instructions, the same on every run:
//        valgrind --tool=callgrind --toggle-collect='*Measured*' ./delivery_bench WORK 200000
// WORK: fanout (1 -> 1,000, QoS 0) | pairs0 | pairs1 | pairs2 (100 pairs) | fanin0 | fanin1 (100 ->
// 1) | wildcard (10 -> 1,000 with 100 filters each)
#include <sys/uio.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include "core/check.h"
#include "core/spare_messages.h"
#include "fanout/shard.h"
#include "loadgen/topic_space.h"
#include "mqtt/encode.h"
#include "mqtt/packet.h"
#include "session/flush_turn.h"

namespace {

using namespace causeway;
using fanout::Shard;
using mqtt::PacketType;
using mqtt::Version;

constexpr int64_t kNowMs = 10'000;
constexpr size_t kPayloadBytes = 64;
constexpr uint32_t kPublishesPerTurn = 64;
constexpr uint32_t kFiltersEach = 100;  // of a subscriber of `wildcard`
constexpr uint32_t kRegions = 1000;     // of 200 topics each
constexpr Version kVersion = Version::kMqtt311;

struct Host final : fanout::ShardHost {
  void Wake(int) override {}
  void WorkLeft() override {}
  void Unpaused(session::Connection*) override {}
};

class Core {
 public:
  explicit Core(uint8_t qos)
      : qos_(qos),
        index_(seed_, &epochs_),
        retained_(seed_, {}),
        shard_(0, Prepare(), &host_, &counters_) {}
  ~Core() {
    for (auto& connection : connections_) {
      shard_.Detach(connection.get());
      connection->out.Clear(shard_.sender()->pool());
    }
    for (uint32_t i = 0; i < connections_.size(); ++i) shard_.End(shard_.Find(i, 1), kNowMs);
    for (router::Filter* filter : filters_) index_.Release(filter);
  }
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  session::Connection* Connect() {
    const auto number = static_cast<uint32_t>(connections_.size());
    session::Session* session = shard_.Open(number, 1);
    session->client_id = "client-" + std::to_string(number);
    session->window_max = 1000;
    connections_.push_back(std::make_unique<session::Connection>());
    session::Connection* connection = connections_.back().get();
    connection->version = kVersion;
    connection->number = number + 1;
    connection->high_watermark_bytes = 4 << 20;
    shard_.Attach(session, connection, kNowMs);
    return connection;
  }
  void Subscribe(session::Connection* connection, const std::string& text) {
    router::Filter* filter = index_.Acquire(text);
    filters_.push_back(filter);
    shard_.AddSubscription(connection->session, {filter, 0, qos_, 0, false});
  }

  /// A PUBLISH as it came from the socket.
  void Publish(session::Connection* from, std::string_view bytes) {
    mqtt::Frame frame;
    size_t need = 0;
    CHECK(mqtt::NextFrame(bytes, 1 << 20, &frame, &need) == mqtt::FrameStatus::kFrame);
    mqtt::Publish packet;
    CHECK(mqtt::DecodePublish(frame, kVersion, mqtt::Sender::kClient, &packet) ==
          mqtt::Reason::kSuccess);
    fanout::Publication publication;
    publication.topic = packet.topic;
    publication.payload = packet.payload;
    publication.qos = packet.qos;
    publication.expiry_seconds = packet.message_expiry_seconds;
    publication.protocol_version = static_cast<uint8_t>(kVersion);
    publication.received_ms = kNowMs;
    publication.publisher = from->session;
    publication.publisher_session = from->session->index;
    publication.publisher_generation = from->session->generation;
    publication.client_id = from->session->client_id;
    // A wide fan-out may have to wait for its next slice; more has been read behind it.
    if (shard_.Publish(&publication, from, kNowMs) == Shard::Published::kPending)
      while (from->fanout_pending) EndTurn(true);
    if (packet.qos != 0) {
      shard_.sender()->Acknowledge(from,
                                   packet.qos == 1 ? PacketType::kPuback : PacketType::kPubrec,
                                   packet.packet_id, mqtt::Reason::kSuccess);
    }
  }

  /// The end of a turn: dirty connections are written, and what is owed for them is acknowledged.
  /// True: some are left. `fanouts_wait`: beside those that the shard knows of.
  bool EndTurn(bool fanouts_wait = false) {
    shard_.Work(kNowMs);
    const auto flush = [this](session::Connection* connection) {
      const uint64_t before = bytes_out_;
      Flush(connection);
      return static_cast<size_t>(bytes_out_ - before);
    };
    const bool wait = fanouts_wait || shard_.WideWaits();
    const bool more = session::FlushTurn(shard_.sender()->dirty(), wait, flush);
    shard_.FlushWakeups();
    return more;
  }
  uint64_t bytes_out() const { return bytes_out_; }

 private:
  fanout::Fabric* Prepare() {
    fabric_.epochs = &epochs_;
    fabric_.index = &index_;
    fabric_.retained = &retained_;
    fabric_.seed = seed_;
    fabric_.loops = 1;
    fabric_.lanes.push_back(nullptr);
    fabric_.flags.push_back(std::make_unique<SessionFlags>());
    fabric_.flag_views.push_back(fabric_.flags.back().get());
    return &fabric_;
  }
  void Flush(session::Connection* connection) {
    written_.clear();
    iovec vectors[64];
    while (!connection->out.empty()) {
      size_t bytes = 0;
      const int count = connection->out.Peek(vectors, 64);
      for (int i = 0; i < count; ++i) {
        bytes += vectors[i].iov_len;
        if (qos_ != 0)
          written_.append(static_cast<const char*>(vectors[i].iov_base), vectors[i].iov_len);
      }
      bytes_out_ += bytes;
      connection->out.Consume(shard_.sender()->pool(), bytes);
    }
    if (qos_ != 0) Answer(connection->session);
  }
  /// The subscriber's side of QoS 1 and 2, on the bytes just written to it.
  void Answer(session::Session* session) {
    std::string_view rest = written_;
    mqtt::Frame frame;
    size_t need = 0;
    while (!rest.empty()) {
      CHECK(mqtt::NextFrame(rest, 1 << 20, &frame, &need) == mqtt::FrameStatus::kFrame);
      rest.remove_prefix(frame.whole.size());
      session::Sender* sender = shard_.sender();
      if (frame.type == PacketType::kPublish) {
        mqtt::Publish packet;
        CHECK(mqtt::DecodePublish(frame, kVersion, mqtt::Sender::kServer, &packet) ==
              mqtt::Reason::kSuccess);
        if (packet.qos == 1) sender->OnPuback(session, packet.packet_id, kNowMs);
        if (packet.qos == 2)
          sender->OnPubrec(session, packet.packet_id, mqtt::Reason::kSuccess, kNowMs);
      } else if (frame.type == PacketType::kPubrel) {
        mqtt::Ack ack;
        CHECK(mqtt::DecodeAck(frame, kVersion, &ack) == mqtt::Reason::kSuccess);
        sender->OnPubcomp(session, ack.packet_id, kNowMs);
      }
    }
  }

  const uint8_t qos_;
  const HashSeed seed_{1, 2};
  EpochDomain epochs_;
  router::Index index_;
  retained::RetainedIndex retained_;
  fanout::Fabric fabric_;
  Host host_;
  Counters counters_;
  Shard shard_;
  std::vector<std::unique_ptr<session::Connection>> connections_;
  std::vector<router::Filter*> filters_;
  std::string written_;
  uint64_t bytes_out_ = 0;
};

std::string PublishBytes(const std::string& topic, uint8_t qos, uint16_t packet_id) {
  const std::string payload(kPayloadBytes, 'x');
  mqtt::PublishOut out;
  out.topic = topic;
  out.payload = payload;
  out.packet_id = packet_id;
  out.qos = qos;
  size_t whole = 0;
  std::string bytes(mqtt::PublishHeaderSize(out, kVersion, &whole), '\0');
  size_t packet_id_at = 0;
  mqtt::WritePublishHeader(out, kVersion, bytes.data(), &packet_id_at);
  return bytes + payload;
}

struct Sender {
  session::Connection* connection;
  std::string bytes;
  size_t receivers;
};

/// What is counted; by itself, so that callgrind can be told to collect in here only. Returns how
/// many deliveries it made, at least as many as asked for.
__attribute__((noinline)) size_t Measured(Core* core, const std::vector<Sender>& senders,
                                          size_t deliveries) {
  size_t done = 0;
  for (size_t i = 0; done < deliveries; ++i) {
    const Sender& sender = senders[i % senders.size()];
    core->Publish(sender.connection, sender.bytes);
    done += sender.receivers;
    if (i % kPublishesPerTurn == kPublishesPerTurn - 1) {
      while (core->EndTurn()) {
      }
    }
  }
  while (core->EndTurn()) {
  }
  return done;
}

struct Work {
  const char* name;
  size_t publishers, subscribers;  // of each publisher
  uint8_t qos;
  enum class Kind : uint8_t {
    kOwnTopics,
    kOneSubscriber,  // the same one of all publishers, by a wildcard
    kSpace,          // loadgen::TopicSpace
  } kind = Kind::kOwnTopics;
};
constexpr Work kWorks[] = {
    {"fanout", 1, 1000, 0},
    {"pairs0", 100, 1, 0},
    {"pairs1", 100, 1, 1},
    {"pairs2", 100, 1, 2},
    {"fanin0", 100, 1, 0, Work::Kind::kOneSubscriber},
    {"fanin1", 100, 1, 1, Work::Kind::kOneSubscriber},
    {"wildcard", 10, 1000, 0, Work::Kind::kSpace},
};

std::vector<Sender> SpaceOf(Core* core, const Work& work) {
  loadgen::TopicSpace space(kRegions, 1);
  for (uint32_t i = 0; i < work.subscribers; ++i) {
    session::Connection* const connection = core->Connect();
    for (const std::string& filter : space.FiltersOf(i, kFiltersEach))
      core->Subscribe(connection, filter);
  }
  std::vector<session::Connection*> publishers(work.publishers);
  for (session::Connection*& publisher : publishers) publisher = core->Connect();
  std::vector<uint32_t> order(space.size());
  std::iota(order.begin(), order.end(), 0);
  loadgen::Random random(1);
  for (uint32_t left = space.size(); left > 1; --left)
    std::swap(order[left - 1], order[random.Below(left)]);
  std::vector<Sender> senders;
  for (const uint32_t topic : order) {
    senders.push_back({publishers[senders.size() % publishers.size()],
                       PublishBytes(space.topic(topic), work.qos, work.qos == 0 ? 0 : 1),
                       space.receivers(topic)});
  }
  return senders;
}

std::vector<Sender> SendersOf(Core* core, const Work& work) {
  if (work.kind == Work::Kind::kSpace) return SpaceOf(core, work);
  const bool own = work.kind == Work::Kind::kOwnTopics;
  std::vector<Sender> senders;
  if (!own) core->Subscribe(core->Connect(), "bench/delivery/+");
  for (size_t publisher = 0; publisher < work.publishers; ++publisher) {
    const std::string topic = "bench/delivery/" + std::to_string(publisher);
    // One packet id for all: the bench acknowledges at once, so it is free again.
    senders.push_back({core->Connect(), PublishBytes(topic, work.qos, work.qos == 0 ? 0 : 1),
                       own ? work.subscribers : 1});
    for (size_t i = 0; own && i < work.subscribers; ++i) core->Subscribe(core->Connect(), topic);
  }
  return senders;
}

}  // namespace

int main(int argc, char** argv) {
  const Work* work = nullptr;
  for (const Work& each : kWorks)
    if (argc > 1 && std::strcmp(each.name, argv[1]) == 0) work = &each;
  const size_t deliveries = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 20'000'000;
  if (work == nullptr || deliveries == 0) {
    std::fprintf(stderr,
                 "delivery_bench fanout|pairs0|pairs1|pairs2|fanin0|fanin1|wildcard"
                 " [DELIVERIES]\n");
    return 2;
  }
  const SpareMessages spares;  // as a loop has them
  Core core(work->qos);
  const std::vector<Sender> senders = SendersOf(&core, *work);
  Measured(&core, senders, deliveries / 10 + 1);  // warm: blocks, tables and the route cache
  const uint64_t bytes_before = core.bytes_out();
  const auto begin = std::chrono::steady_clock::now();
  const auto done = static_cast<double>(Measured(&core, senders, deliveries));
  const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
  std::printf("%s: %.0f deliveries, %.1f ns and %.0f bytes out each\n", work->name, done,
              took.count() / done, static_cast<double>(core.bytes_out() - bytes_before) / done);
  return core.bytes_out() > bytes_before ? 0 : 1;
}
