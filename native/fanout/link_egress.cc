#include "fanout/link_egress.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "core/clock.h"
#include "core/limits.h"
#include "link/origin_path.h"
#include "link/retained_mark.h"

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
                       uint64_t node, HashSeed seed)
    : loop_(loop),
      loops_(loops),
      sender_(sender),
      counters_(counters),
      seed_(seed),
      live_extra_(link::OriginPath().Extra(link::TextOf(link::RetainedMark::kLive))),
      state_extra_(link::OriginPath().Extra(link::TextOf(link::RetainedMark::kState))),
      ids_(node),
      plan_(std::make_shared<LinkPlan>()) {}

LinkEgress::~LinkEgress() = default;

void LinkEgress::Configure(std::shared_ptr<const LinkPlan> plan) {
  plan_ = std::move(plan);
  topic_ = "$LINK/cluster/msg/" + plan_->self;
  std::erase_if(slots_, [this](const std::unique_ptr<Slot>& slot) {
    const LinkSpec* spec = plan_->At(slot->link);
    if (spec != nullptr && spec->name == slot->name &&
        (spec->pool.Has(slot->index) || spec->former.Has(slot->index)) &&
        spec->LoopOf(slot->index, loops_) == loop_) {
      slot->box.Configure(BoxConfig(*spec));
      return false;
    }
    Bump(counters_->link_dropped_removed, slot->box.Drop());
    return true;
  });
  for (const LinkSpec& spec : plan_->links) {
    AddSlots(spec, spec.former);
    AddSlots(spec, spec.pool);
    metrics(spec)->plan.store(plan_->number, std::memory_order_release);
  }
  for (const auto& slot : slots_) AgreeOnSnapshot(slot.get());
}

LinkEgress::Box::Config LinkEgress::BoxConfig(const LinkSpec& spec) const {
  Box::Config config;
  config.bytes_max = spec.buffer_bytes_max;
  config.request_ttl_ms = spec.request_ttl_ms == 0 ? link::kNeverExpires : spec.request_ttl_ms;
  config.inflight_max = spec.inflight_max;
  config.packet_overhead_bytes = kCarrierOverheadBytes + static_cast<uint32_t>(topic_.size());
  return config;
}

void LinkEgress::AddSlots(const LinkSpec& spec, const LinkSpec::SlotRange& range) {
  for (uint32_t slot = range.first; slot < range.first + range.count; ++slot) {
    if (spec.LoopOf(slot, loops_) != loop_ || At(spec.index, slot) != nullptr) continue;
    slots_.push_back(std::make_unique<Slot>(spec, slot, loop_, BoxConfig(spec)));
  }
}

std::string_view LinkEgress::MakeId(int64_t wall_ms, char* out) {
  ids_.Next(wall_ms * 1000, out);
  return {out, link::kMessageIdBytes};
}

MessageRef LinkEgress::EncodeTerm(const Publication& publication, std::string_view id,
                                  std::string_view extra, int64_t wall_ms) {
  link::ForwardedMessage message;
  message.id = id;
  message.extra = extra;
  message.qos = publication.qos;
  message.from = publication.client_id;
  message.retain = publication.retain;
  message.topic = publication.topic;
  message.payload = publication.payload;
  message.timestamp_ms = publication.timestamp_ms != 0 ? publication.timestamp_ms : wall_ms;
  message.properties = publication.properties;
  message.message_expiry_seconds = publication.expiry_seconds;
  message.protocol_version = publication.protocol_version;
  if (const session::Session* publisher = publication.publisher) {
    message.has_username = publisher->username != nullptr;
    if (message.has_username) message.username = *publisher->username;
    if (publisher->connection != nullptr) message.peer = ParsePeer(publisher->connection->peer);
  }
  Message* term = nullptr;
  const size_t bytes = link::EncodedMessageSize(message);
  if (compressor_.Tries(bytes)) {
    char* plain = compressor_.Plain(bytes);
    link::WriteMessage(message, plain);
    const std::string_view smallest = compressor_.Smallest();
    if (smallest.size() < bytes) Bump(counters_->link_compressed);
    term = Message::CreateUninitialized(smallest.size());
    std::copy(smallest.begin(), smallest.end(), term->data());
  } else {
    term = Message::CreateUninitialized(bytes);
    link::WriteMessage(message, term->data());
  }
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
  if (slot == nullptr) {  // the link was removed while the message crossed a lane
    Bump(counters_->link_dropped_no_slot);
    return;
  }
  Push(slot, qos, term, now_ms);
}

void LinkEgress::Push(Slot* slot, uint8_t qos, const MessageRef& term, int64_t now_ms) {
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
    if (send->packet_id != 0 && slot->timed_id == 0) {
      slot->timed_id = send->packet_id;
      slot->timed_since_ns = MonotonicNs();
    }
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
  slot->timed_id = 0;
  // A session numbers its own packets on the same connection.
  const uint16_t first_id = connection->session == nullptr ? 1 : limits::kLinkFirstPacketId;
  slot->box.OnConnect(receive_maximum, packet_bytes_max, first_id);
  BeginSnapshot(slot, now_ms);
  Pump(slot, now_ms);
  return true;
}

void LinkEgress::Offline(const session::Connection* connection) {
  if (Slot* slot = Of(connection)) {
    slot->connection = nullptr;
    slot->snapshot.running = false;  // the next connection begins anew
    slot->box.OnDisconnect();
  }
}

bool LinkEgress::OnPuback(const session::Connection* connection, uint16_t packet_id, uint8_t reason,
                          int64_t now_ms) {
  Slot* slot = Of(connection);
  if (slot == nullptr) return false;
  slot->box.OnAck(packet_id, reason);
  if (packet_id == slot->timed_id && packet_id != 0) {
    slot->metrics->rtt.Record((MonotonicNs() - slot->timed_since_ns) / 1000);
    slot->timed_id = 0;
  }
  Pump(slot, now_ms);
  return true;
}

void LinkEgress::Pump(const session::Connection* connection, int64_t now_ms) {
  if (Slot* slot = Of(connection)) Pump(slot, now_ms);
}

void LinkEgress::Expire(int64_t now_ms, std::vector<session::Connection*>* stuck) {
  for (const auto& slot : slots_) {
    slot->box.ExpireWaiting(now_ms);
    RepairSnapshot(slot.get(), now_ms);
    const auto since = slot->box.oldest_sent_at_ms();
    if (slot->connection == nullptr || !since || now_ms - *since < limits::kLinkAckTimeoutMs)
      continue;
    Bump(slot->metrics->ack_timeouts);
    stuck->push_back(slot->connection);
  }
}

void LinkEgress::PublishGauges(int64_t now_ms) {
  for (const LinkSpec& spec : plan_->links) {
    uint64_t oldest_ms = 0, online = 0, draining = 0;
    for (const auto& slot : slots_) {
      if (slot->link != spec.index) continue;
      if (const auto since = slot->box.oldest_waiting_since_ms())
        oldest_ms = std::max(oldest_ms, static_cast<uint64_t>(now_ms - *since));
      if (slot->connection != nullptr) ++online;
      if (!spec.pool.Has(slot->index)) draining += slot->box.waiting() + slot->box.unacknowledged();
    }
    link::LinkMetrics* of = metrics(spec);
    of->oldest_ms.store(oldest_ms, std::memory_order_relaxed);
    of->slots_online.store(online, std::memory_order_relaxed);
    of->draining.store(draining, std::memory_order_relaxed);
  }
}

}  // namespace causeway::fanout
