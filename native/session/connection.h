// A connection as the session side sees it: what it speaks, what waits to be written, what holds it
// up.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/linked_list.h"
#include "mqtt/packet.h"
#include "session/ack_gate.h"
#include "session/out_buffer.h"
#include "session/topic_aliases.h"

namespace causeway::session {

struct Session;

/// Of a connection that carries a link both ways, though one side alone dials
/// (docs/protocol/cluster-link.md "Accepting only").
struct Carried {
  int link;
  /// By which repetitions of what it brings are told apart; empty where it brings nothing new.
  std::string name;
};

/// What makes packets to a client differ from those to all others.
struct Particulars {
  /// Every topic of this client begins with it here, and without it there; empty: with nothing.
  std::string mountpoint;
  /// Largest packet the client accepts (MQTT 5 Maximum Packet Size); 0: no limit.
  uint32_t packet_bytes_max = 0;
  /// Outbound topic aliases; null: the client takes none.
  std::unique_ptr<TopicAliases> out_aliases;
};

/// Inbound topic aliases.
struct InboundAliases {
  std::vector<std::string> topics;  // index alias - 1 [MQTT-3.3.2-8]
  size_t bytes = 0;                 // held by them; bound: limits::kAliasBytesMax
};

/// Where a connection stands among those to be written (session/dirty_list.h), least urgent first.
enum class Dirty : uint8_t { kNo, kWide, kPrompt };

/// Owner: its loop's transport, which derives from it. Touched by that loop only. Most stand idle,
/// so what only few of them need is allocated when one does.
struct Connection : Linked<Connection> {
  Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// What the listener and the client's CONNECT say of packets to it; 0 and empty: nothing.
  void Agree(uint32_t packet_bytes_max, uint16_t client_topic_alias_max, std::string mountpoint) {
    if (packet_bytes_max == 0 && client_topic_alias_max == 0 && mountpoint.empty()) return;
    particular = std::make_unique<Particulars>();
    particular->mountpoint = std::move(mountpoint);
    particular->packet_bytes_max = packet_bytes_max;
    if (client_topic_alias_max != 0)
      particular->out_aliases = std::make_unique<TopicAliases>(client_topic_alias_max);
  }

  uint32_t number = 0;
  /// Above this many bytes in `out`, QoS 0 is dropped, QoS >= 1 waits in the queue, and the socket
  /// is not read.
  uint32_t high_watermark_bytes = 0;
  OutBuffer out;
  /// Null, as mostly: one question a copy for all who have nothing particular.
  std::unique_ptr<Particulars> particular;
  uint16_t topic_alias_max = 0;  // inbound
  mqtt::Version version = mqtt::Version::kMqtt311;
  Dirty dirty = Dirty::kNo;     // DirtyList's
  bool barrier = false;         // a packet is with control: nothing more is parsed (design.md §3)
  bool fanout_pending = false;  // a PUBLISH has not reached all its lanes: the same
  bool closing = false;         // detached; only bytes already in `out` may still leave
  // So far, what a delivery touches: one cache line.
  Session* session = nullptr;  // borrowed; null while pending, when dialled, and once detached
  AckGate acks;
  /// Null: it carries no link, or one way only, as almost always.
  std::unique_ptr<const Carried> carried;
  /// Null until the first is set.
  std::unique_ptr<InboundAliases> aliases;
  std::string peer;  // 'address:port'
};

}  // namespace causeway::session
