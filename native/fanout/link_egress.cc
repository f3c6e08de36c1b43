#include "fanout/link_egress.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "core/limits.h"

namespace causeway::fanout {

namespace {

// Everything of the carrier PUBLISH but topic and payload: fixed header 5, topic length 2, packet
// id 2, no properties 1.
constexpr uint32_t kCarrierOverheadBytes = 10;

/// 'address:port' or '[v6]:port' as the transport writes it.
link::PeerAddress ParsePeer(std::string_view text) {
  link::PeerAddress peer;
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return peer;
  std::string host(text.substr(0, colon));
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  std::from_chars(text.data() + colon + 1, text.data() + text.size(), peer.port);
  if (inet_pton(AF_INET, host.c_str(), peer.bytes) == 1) {
    peer.family = link::PeerAddress::Family::kIpv4;
  } else if (inet_pton(AF_INET6, host.c_str(), peer.bytes) == 1) {
    peer.family = link::PeerAddress::Family::kIpv6;
  }
  return peer;
}

}  // namespace

LinkEgress::LinkEgress(int loop, int loops, session::Sender* sender, Counters* counters,
                       uint64_t node)
    : loop_(loop),
      loops_(loops),
      sender_(sender),
      counters_(counters),
      ids_(node),
      plan_(std::make_shared<LinkPlan>()) {}

LinkEgress::~LinkEgress() = default;

void LinkEgress::Configure(std::shared_ptr<const LinkPlan> plan) {
  plan_ = std::move(plan);
  topic_ = "$LINK/cluster/msg/" + plan_->self;
  std::erase_if(slots_, [this](const std::unique_ptr<Slot>& slot) {
    const LinkSpec* spec = plan_->At(slot->link);
    return spec == nullptr || !spec->enabled || slot->index >= spec->pool_size;
  });
  for (const LinkSpec& spec : plan_->links) {
    if (!spec.enabled) continue;
    for (uint32_t slot = 0; slot < spec.pool_size; ++slot) {
      if (LoopOf(spec.index, slot, loops_) != loop_ || At(spec.index, slot) != nullptr) continue;
      Box::Config config;
      config.bytes_max = spec.buffer_bytes_max;
      config.request_ttl_ms = spec.request_ttl_ms == 0 ? link::kNeverExpires : spec.request_ttl_ms;
      config.inflight_max = spec.inflight_max;
      config.packet_overhead_bytes = kCarrierOverheadBytes + static_cast<uint32_t>(topic_.size());
      slots_.push_back(std::make_unique<Slot>(spec.index, slot, config));
    }
  }
}

MessageRef LinkEgress::EncodeTerm(const Publication& publication, int64_t wall_ms) {
  char id[link::kMessageIdBytes];
  ids_.Next(wall_ms * 1000, id);
  link::ForwardedMessage message;
  message.id = {id, sizeof id};
  message.qos = publication.qos;
  message.from = publication.client_id;
  message.retain = publication.retain;
  message.topic = publication.topic;
  message.payload = publication.payload;
  message.timestamp_ms = publication.timestamp_ms != 0 ? publication.timestamp_ms : wall_ms;
  message.properties = publication.properties;
  message.message_expiry_seconds = publication.expiry_seconds;
  message.protocol_version = publication.protocol_version;
  if (publication.publisher != nullptr) {
    message.username = publication.publisher->username;
    message.has_username = publication.publisher->has_username;
    message.peer = ParsePeer(publication.publisher->peer);
  }
  const size_t bytes = link::EncodedMessageSize(message);
  Message* term = Message::CreateUninitialized(bytes);
  link::WriteMessage(message, term->data());
  term->message_expiry_seconds = publication.expiry_seconds;
  term->received_ms = publication.received_ms;
  return MessageRef::Adopt(term);
}

LinkEgress::Slot* LinkEgress::At(int link, uint32_t slot) {
  for (const auto& candidate : slots_) {
    if (candidate->link == link && candidate->index == slot) return candidate.get();
  }
  return nullptr;
}

LinkEgress::Slot* LinkEgress::Of(const session::Connection* connection) const {
  for (const auto& candidate : slots_) {
    if (candidate->connection == connection) return candidate.get();
  }
  return nullptr;
}

void LinkEgress::Push(int link, uint32_t slot_index, uint8_t qos, const MessageRef& term,
                      int64_t now_ms) {
  Slot* slot = At(link, slot_index);
  if (slot == nullptr) {  // the link was disabled or shrunk while the message crossed a lane
    Bump(counters_->link_dropped_no_slot);
    return;
  }
  Box::Item item;
  item.ref = term;
  item.qos = std::min<uint8_t>(qos, 1);
  item.bytes = term->payload_bytes;
  if (term->message_expiry_seconds != mqtt::kNoExpiry) {
    item.expires_at_ms = term->received_ms + int64_t{term->message_expiry_seconds} * 1000;
  }
  slot->box.Push(std::move(item), now_ms);
  Pump(slot, now_ms);
}

void LinkEgress::Pump(Slot* slot, int64_t now_ms) {
  if (slot->connection == nullptr) return;
  session::Connection* connection = slot->connection;
  while (connection->out.size() < connection->high_watermark_bytes) {
    const auto send = slot->box.Next(now_ms);
    if (!send) break;
    const MessageRef& term = *send->ref;
    mqtt::PublishOut publish;
    publish.topic = topic_;
    publish.payload = term->payload();
    publish.packet_id = send->packet_id;
    publish.qos = send->qos;
    size_t whole, packet_id_at;
    const size_t header_bytes = mqtt::PublishHeaderSize(publish, mqtt::Version::kMqtt5, &whole);
    char* at = connection->out.Reserve(sender_->pool(), header_bytes);
    mqtt::WritePublishHeader(publish, mqtt::Version::kMqtt5, at, &packet_id_at);
    if (term->payload_bytes < limits::kPayloadByReferenceBytes) {
      connection->out.Append(sender_->pool(), term->payload());
    } else {
      connection->out.AppendReference(sender_->pool(), term, term->payload());
    }
    sender_->dirty()->Add(connection);
  }
}

bool LinkEgress::Online(int link, uint32_t slot_index, session::Connection* connection,
                        uint16_t receive_maximum, uint32_t packet_bytes_max, int64_t now_ms) {
  Slot* slot = At(link, slot_index);
  if (slot == nullptr) return false;
  if (slot->connection != nullptr) slot->box.OnDisconnect();
  slot->connection = connection;
  slot->box.OnConnect(receive_maximum, packet_bytes_max);
  Pump(slot, now_ms);
  return true;
}

void LinkEgress::Offline(const session::Connection* connection) {
  if (Slot* slot = Of(connection)) {
    slot->connection = nullptr;
    slot->box.OnDisconnect();
  }
}

bool LinkEgress::OnPuback(const session::Connection* connection, uint16_t packet_id, uint8_t reason,
                          int64_t now_ms) {
  Slot* slot = Of(connection);
  if (slot == nullptr) return false;
  slot->box.OnAck(packet_id, reason);
  Pump(slot, now_ms);
  return true;
}

void LinkEgress::Pump(const session::Connection* connection, int64_t now_ms) {
  if (Slot* slot = Of(connection)) Pump(slot, now_ms);
}

void LinkEgress::Expire(int64_t now_ms) {
  for (const auto& slot : slots_) slot->box.ExpireWaiting(now_ms);
}

void LinkEgress::PublishGauges() {
  for (int link = 0; link < kLinks; ++link) {
    uint64_t sums[13] = {};
    for (const auto& slot : slots_) {
      if (slot->link != link) continue;
      const link::OutboxCounters& counted = slot->box.counters();
      const uint64_t values[13] = {counted.matched,
                                   counted.sent,
                                   counted.sent_qos0,
                                   counted.retried,
                                   counted.acked,
                                   counted.rejected,
                                   counted.expired,
                                   counted.overflowed,
                                   counted.oversize,
                                   slot->box.waiting(),
                                   slot->box.unacknowledged(),
                                   slot->box.bytes(),
                                   slot->connection != nullptr ? uint64_t{1} : 0};
      for (int i = 0; i < 13; ++i) sums[i] += values[i];
    }
    Gauges& gauges = gauges_[link];
    std::atomic<uint64_t>* const targets[13] = {
        &gauges.matched,  &gauges.sent,    &gauges.sent_qos0,  &gauges.retried,  &gauges.acked,
        &gauges.rejected, &gauges.expired, &gauges.overflowed, &gauges.oversize, &gauges.waiting,
        &gauges.inflight, &gauges.bytes,   &gauges.online};
    for (int i = 0; i < 13; ++i) targets[i]->store(sums[i], std::memory_order_relaxed);
  }
}

}  // namespace causeway::fanout
