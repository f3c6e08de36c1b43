// The outbound half of a session: window, queue, redelivery. MQTT 5.0 §4.3, §4.4, §4.6, §4.9.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "core/counters.h"
#include "core/session_flags.h"
#include "session/dirty_list.h"
#include "session/publish_headers.h"
#include "session/session.h"

namespace causeway::session {

/// One per loop; single-threaded.
class Sender {
 public:
  /// `priorities`: borrowed for life; null: all messages are alike.
  Sender(Counters* counters, SessionFlags* flags, HashSeed seed,
         const QueuePriorities* priorities = nullptr)
      : counters_(counters),
        flags_(flags),
        priorities_(priorities),
        mounted_headers_(seed),
        own_headers_(seed) {}
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  OutBlockPool* pool() { return &pool_; }
  DirtyList* dirty() { return &dirty_; }

  /// Sends, or queues, or drops and counts. `headers` hold this message's layouts; null: encoded
  /// here. `now_ms`: monotonic.
  void Deliver(Session* session, Delivery&& delivery, PublishHeaders* headers, int64_t now_ms);

  /// As Deliver, but QoS 0 that finds no room waits in the queue: what is owed (retained messages)
  /// is not shed.
  void DeliverOrQueue(Session* session, Delivery&& delivery, int64_t now_ms);

  /// Acknowledgements of the client. False: the packet id is not in flight in that phase (counted;
  /// for MQTT 5 PUBREC the caller answers PUBREL 0x92).
  bool OnPuback(Session* session, uint16_t packet_id, int64_t now_ms);
  bool OnPubrec(Session* session, uint16_t packet_id, mqtt::Reason reason, int64_t now_ms);
  bool OnPubcomp(Session* session, uint16_t packet_id, int64_t now_ms);

  /// A connection took the session: what was in flight goes again, in its original order, then the
  /// queue.
  void Redeliver(Session* session, int64_t now_ms);
  /// What the connected client has left unacknowledged for `interval_ms` goes again
  /// (mqtt.retry_interval).
  void Retry(Session* session, uint32_t interval_ms, int64_t now_ms);
  /// Moves as much as fits from repeats and queue into the window and the out-buffer.
  void Pump(Session* session, int64_t now_ms);
  /// Tells publishers of shared groups: connected, has room.
  void UpdateFlags(Session* session);

  /// A QoS 0 copy into the out-buffer of a connection that is particular. `payload` is inside the
  /// layout.
  void SendParticular(Connection* connection, bool retain, PublishHeaders* headers);

  /// Appends an acknowledgement of the client's packet, in gate order.
  void Acknowledge(Connection* connection, mqtt::PacketType type, uint16_t packet_id,
                   mqtt::Reason reason);
  void FlushGate(Connection* connection);
  void WriteAck(Connection* connection, mqtt::PacketType type, uint16_t packet_id,
                mqtt::Reason reason);
  /// Ready-made bytes (CONNACK, SUBACK, DISCONNECT …).
  void Write(Connection* connection, std::string_view bytes);

  /// A PUBLISH went into an out-buffer for the first time.
  void CountSent(uint8_t qos) {
    Bump(counters_->messages_sent);
    Bump(qos == 0   ? counters_->messages_qos0_sent
         : qos == 1 ? counters_->messages_qos1_sent
                    : counters_->messages_qos2_sent);
  }

 private:
  bool CanSend(const Session& session) const {
    return session.connection != nullptr &&
           session.connection->out.size() < session.connection->high_watermark_bytes;
  }
  void Send(Session* session, Delivery&& delivery, PublishHeaders* headers, int64_t now_ms);
  void Repeat(Session* session, uint16_t packet_id, int64_t now_ms);
  void Queue(Session* session, Delivery&& delivery);
  /// One copy's layout and the alias to patch into it; it is sent whenever there is one.
  struct Form {
    const PublishHeader* header = nullptr;  // null: too large for the client, or expired (counted)
    uint16_t topic_alias = 0;
  };
  /// Encodes `delivery` for the session's connection.
  Form Layout(Session* session, const Delivery& delivery, PublishHeaders* headers, int64_t now_ms);
  const PublishHeader* Encoded(mqtt::Version version, const Delivery& delivery, Naming naming,
                               PublishHeaders* headers);
  /// For a connection with a Maximum Packet Size or topic aliases.
  Form Particular(Connection* connection, const Delivery& delivery, PublishHeaders* headers);

  Counters* const counters_;
  SessionFlags* const flags_;
  const QueuePriorities* const priorities_;
  OutBlockPool pool_;
  DirtyList dirty_;
  PublishHeaders mounted_headers_;  // of one copy for a client behind a mountpoint
  PublishHeaders own_headers_;
  PublishHeader own_header_;
};

}  // namespace causeway::session
