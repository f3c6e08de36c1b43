#include "session/sender.h"

#include "core/limits.h"

namespace causeway::session {

namespace {

/// What is left of the message's expiry, as subscribers are told [MQTT-3.3.2-6]; 0 when it is over.
uint32_t SecondsLeft(const Message& message, int64_t now_ms) {
  const uint32_t expiry = message.message_expiry_seconds;
  if (expiry == mqtt::kNoExpiry) return expiry;
  const int64_t waited = (now_ms - message.received_ms) / 1000;
  return static_cast<uint32_t>(std::max<int64_t>(expiry - waited, 0));
}

}  // namespace

inline const PublishHeader* Sender::Encoded(mqtt::Version version, const Delivery& delivery,
                                            Naming naming, PublishHeaders* headers) {
  if (delivery.subscription_ids != nullptr && version == mqtt::Version::kMqtt5) {
    headers->Encode(version, delivery.qos, delivery.retain, delivery.subscription_ids.get(), naming,
                    &own_header_);
    return &own_header_;
  }
  return naming == Naming::kTopic ? &headers->Get(version, delivery.qos, delivery.retain)
                                  : &headers->GetNamed(naming, delivery.qos, delivery.retain);
}

Sender::Form Sender::Layout(Session* session, const Delivery& delivery, PublishHeaders* headers,
                            int64_t now_ms) {
  const Message& message = *delivery.message;
  if (headers == nullptr) {
    const uint32_t left = SecondsLeft(message, now_ms);
    if (left == 0) {
      Bump(counters_->dropped_expired);  // [MQTT-3.3.2-5]
      return {};
    }
    own_headers_.Begin(message.topic(), message.payload(), message.properties(), left);
    headers = &own_headers_;
  }
  if (session->connection->particular != nullptr)
    return Particular(session->connection, delivery, headers);
  return {Encoded(session->connection->version, delivery, Naming::kTopic, headers)};
}

Sender::Form Sender::Particular(Connection* connection, const Delivery& delivery,
                                PublishHeaders* headers) {
  const Particulars& particular = *connection->particular;
  const auto fits = [bytes_max = particular.packet_bytes_max](const PublishHeader* header) {
    return bytes_max == 0 || header->whole_bytes <= bytes_max;
  };
  const std::string& mountpoint = particular.mountpoint;
  if (!mountpoint.empty() && headers->topic().starts_with(mountpoint) &&
      headers->topic().size() > mountpoint.size()) {
    mounted_headers_.BeginBehind(*headers, mountpoint.size());
    headers = &mounted_headers_;
  }
  if (TopicAliases* aliases = particular.out_aliases.get()) {
    const TopicAliases::Choice choice = aliases->Choose(headers->topic(), headers->topic_hash());
    if (choice.alias != 0) {
      const Naming naming = choice.known ? Naming::kAlias : Naming::kAssigning;
      const PublishHeader* header = Encoded(connection->version, delivery, naming, headers);
      if (fits(header)) {
        Bump(choice.known ? counters_->messages_aliased : counters_->topic_aliases_assigned);
        return {header, choice.alias};
      }
      if (!choice.known) aliases->Forget(choice.alias);
    }
  }
  const PublishHeader* header = Encoded(connection->version, delivery, Naming::kTopic, headers);
  if (fits(header)) return {header};
  Bump(counters_->dropped_too_large);  // [MQTT-3.1.2-24] [MQTT-3.1.2-25]
  return {};
}

void Sender::SendParticular(Connection* connection, bool retain, PublishHeaders* headers) {
  Delivery delivery;  // of no message: the layouts hold what goes out
  delivery.retain = retain;
  const Form form = Particular(connection, delivery, headers);
  if (form.header == nullptr) return;
  CountSent(0);
  AppendPublish(&pool_, *form.header, {.topic_alias = form.topic_alias}, headers->payload(),
                MessageRef(), &connection->out);
  dirty_.Add(connection);
}

void Sender::Deliver(Session* session, Delivery&& delivery, PublishHeaders* headers,
                     int64_t now_ms) {
  if (delivery.qos == 0) {
    if (session->connection == nullptr) {
      if (session->persistent && session->store_qos0) {
        Queue(session, std::move(delivery));
      } else {
        Bump(counters_->dropped_qos0_offline);
      }
    } else if (!CanSend(*session)) {
      Bump(counters_->dropped_qos0_slow);
    } else if (session->queue.empty()) {
      Send(session, std::move(delivery), headers, now_ms);
    } else {
      Queue(session, std::move(delivery));  // behind what waits: order per topic holds across QoS
    }
    return;
  }
  // What finds no room waits; nothing but PUBLISH does [MQTT-3.3.4-10] [MQTT-4.9.0-2]
  // [MQTT-4.9.0-3].
  if (CanSend(*session) && session->queue.empty() && session->unsent == nullptr &&
      session->window.size() < session->window_max) {
    Send(session, std::move(delivery), headers, now_ms);
  } else {
    Queue(session, std::move(delivery));
  }
  UpdateFlags(session);
}

void Sender::DeliverOrQueue(Session* session, Delivery&& delivery, int64_t now_ms) {
  if (delivery.qos == 0 && !CanSend(*session)) {
    Queue(session, std::move(delivery));
  } else {
    Deliver(session, std::move(delivery), nullptr, now_ms);
  }
}

void Sender::Queue(Session* session, Delivery&& delivery) {
  const uint16_t priority =
      priorities_ == nullptr ? kLowestPriority : priorities_->Of(delivery.message->topic());
  const QueueBounds bounds{session->queue_length_max, limits::kQueueBytesMax};
  if (const uint32_t dropped = session->queue.Push(std::move(delivery), bounds, priority))
    Bump(counters_->dropped_queue_full, dropped);
}

void Sender::Send(Session* session, Delivery&& delivery, PublishHeaders* headers, int64_t now_ms) {
  const Form form = Layout(session, delivery, headers, now_ms);
  if (form.header == nullptr) return;
  Connection* connection = session->connection;
  CountSent(delivery.qos);
  if (delivery.qos == 0) {
    AppendPublish(&pool_, *form.header, {.topic_alias = form.topic_alias},
                  delivery.message->payload(), delivery.message, &connection->out);
  } else {
    const Inflight& slot = session->window.Add(std::move(delivery), now_ms);
    AppendPublish(&pool_, *form.header,
                  {.packet_id = slot.packet_id, .topic_alias = form.topic_alias},
                  slot.delivery.message->payload(), slot.delivery.message, &connection->out);
  }
  dirty_.Add(connection);
}

void Sender::Redeliver(Session* session, int64_t now_ms) {
  session->unsent.reset();
  const std::vector<uint16_t> ids = session->window.IdsInOrder();
  if (!ids.empty())
    session->unsent = std::make_unique<std::deque<uint16_t>>(ids.begin(), ids.end());
  Pump(session, now_ms);
}

// [MQTT-4.4.0-1]: only at reconnection, with the original packet identifiers; [MQTT-4.6.0-1]: in
// the original order.
void Sender::Repeat(Session* session, uint16_t packet_id, int64_t now_ms) {
  Inflight* slot = session->window.Find(packet_id);
  if (slot == nullptr) return;
  slot->sent_ms = static_cast<uint32_t>(now_ms);
  if (slot->phase == Phase::kReleased) {
    WriteAck(session->connection, mqtt::PacketType::kPubrel, packet_id, mqtt::Reason::kSuccess);
    return;
  }
  // What was sent once does not expire [MQTT-4.3.3-7].
  const Message& message = *slot->delivery.message;
  own_headers_.Begin(message.topic(), message.payload(), message.properties(),
                     SecondsLeft(message, now_ms));
  const Form form = Layout(session, slot->delivery, &own_headers_, now_ms);
  if (form.header == nullptr) {
    session->window.Remove(slot);  // too large for this connection [MQTT-3.1.2-25]
    return;
  }
  Bump(counters_->messages_resent);
  AppendPublish(
      &pool_, *form.header, {.packet_id = packet_id, .topic_alias = form.topic_alias, .dup = true},
      slot->delivery.message->payload(), slot->delivery.message, &session->connection->out);
  dirty_.Add(session->connection);
}

// MQTT 3.1.1 §4.4 leaves it to the server; MQTT 5 forbids it [MQTT-4.4.0-1].
void Sender::Retry(Session* session, uint32_t interval_ms, int64_t now_ms) {
  if (session->unsent != nullptr || session->window.size() == 0 || !CanSend(*session)) return;
  for (const uint16_t packet_id : session->window.IdsInOrder()) {
    const Inflight* slot = session->window.Find(packet_id);
    if (static_cast<uint32_t>(now_ms) - slot->sent_ms < interval_ms) continue;
    if (!CanSend(*session)) break;
    Repeat(session, packet_id, now_ms);
  }
  Pump(session, now_ms);  // what had expired has left the window
}

void Sender::Pump(Session* session, int64_t now_ms) {
  while (session->unsent != nullptr && CanSend(*session)) {
    // A smaller Receive Maximum than last time: what was repeated and not yet acknowledged stays
    // within it [MQTT-3.3.4-9]. (An early acknowledgement may leave identifiers in `unsent` that
    // the window no longer knows.)
    const size_t unsent = session->unsent->size();
    if (session->window.size() >= unsent + session->window_max) break;
    const uint16_t packet_id = session->unsent->front();
    session->unsent->pop_front();
    if (session->unsent->empty()) session->unsent.reset();
    Repeat(session, packet_id, now_ms);
  }
  while (session->unsent == nullptr && !session->queue.empty() && CanSend(*session) &&
         (session->queue.Front()->qos == 0 || session->window.size() < session->window_max)) {
    Send(session, session->queue.Pop(), nullptr, now_ms);
  }
  UpdateFlags(session);
}

bool Sender::OnPuback(Session* session, uint16_t packet_id, int64_t now_ms) {
  Inflight* slot = session->window.Find(packet_id);
  if (slot == nullptr || slot->phase != Phase::kPublished || slot->delivery.qos != 1) return false;
  session->window.Remove(slot);  // whatever its reason code [MQTT-4.3.2-3] [MQTT-4.4.0-2]
  Bump(counters_->messages_acked);
  Pump(session, now_ms);
  return true;
}

bool Sender::OnPubrec(Session* session, uint16_t packet_id, mqtt::Reason reason, int64_t now_ms) {
  Inflight* slot = session->window.Find(packet_id);
  if (slot == nullptr || slot->delivery.qos != 2) return false;
  if (static_cast<uint8_t>(reason) >= 0x80) {
    // The receiver refuses it: the exchange ends here [MQTT-4.4.0-2] [MQTT-4.8.2-6].
    session->window.Remove(slot);
    Pump(session, now_ms);
    return true;
  }
  slot->delivery.message.reset();  // [MQTT-4.3.3-6]: never sent again once PUBREC is in
  slot->delivery.subscription_ids.reset();
  slot->phase = Phase::kReleased;
  WriteAck(session->connection, mqtt::PacketType::kPubrel, packet_id,
           mqtt::Reason::kSuccess);  // [MQTT-4.3.3-4]
  return true;
}

bool Sender::OnPubcomp(Session* session, uint16_t packet_id, int64_t now_ms) {
  Inflight* slot = session->window.Find(packet_id);
  if (slot == nullptr || slot->phase != Phase::kReleased) return false;
  session->window.Remove(slot);  // [MQTT-4.3.3-5]
  Bump(counters_->messages_acked);
  Pump(session, now_ms);
  return true;
}

void Sender::UpdateFlags(Session* session) {
  const bool room = session->queue.empty() && session->window.size() < session->window_max;
  if (room == session->room) return;
  session->room = room;
  flags_->Set(session->index,
              static_cast<uint8_t>((session->connection != nullptr ? SessionFlags::kConnected : 0) |
                                   (room ? SessionFlags::kHasRoom : 0)));
}

void Sender::WriteAck(Connection* connection, mqtt::PacketType type, uint16_t packet_id,
                      mqtt::Reason reason) {
  switch (type) {
    case mqtt::PacketType::kPuback:
      Bump(counters_->packets_puback_sent);
      break;
    case mqtt::PacketType::kPubrec:
      Bump(counters_->packets_pubrec_sent);
      break;
    case mqtt::PacketType::kPubrel:
      Bump(counters_->packets_pubrel_sent);
      break;
    default:
      Bump(counters_->packets_pubcomp_sent);
      break;
  }
  char bytes[8];
  const size_t size = mqtt::WriteAck(type, packet_id, reason, connection->version, bytes);
  Write(connection, {bytes, size});
}

void Sender::Write(Connection* connection, std::string_view bytes) {
  if (bytes.empty()) return;
  connection->out.Append(&pool_, bytes);
  dirty_.Add(connection);
}

void Sender::Acknowledge(Connection* connection, mqtt::PacketType type, uint16_t packet_id,
                         mqtt::Reason reason) {
  if (connection->acks.idle()) {
    WriteAck(connection, type, packet_id, reason);
  } else {
    connection->acks.Add(type, packet_id, reason, false);
  }
}

void Sender::FlushGate(Connection* connection) {
  while (const AckGate::Entry* entry = connection->acks.Ready()) {
    WriteAck(connection, entry->type, entry->packet_id, entry->reason);
    connection->acks.Pop();
  }
}

}  // namespace causeway::session
