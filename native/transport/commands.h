// What control tells a loop, decoded; executed on the loop in the order posted.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "fanout/link_egress.h"
#include "fanout/shard.h"
#include "transport/listener.h"
#include "transport/ring_stream.h"
#include "transport/stream.h"
#include "transport/tls_context.h"

namespace causeway::transport {

/// The order of its parts is the contract: design.md §2. First executed where the socket is; sent
/// on with it when the home is elsewhere.
struct AttachCommand {
  int home = 0;
  uint32_t connection = 0, session = 0, generation = 0;
  uint8_t version = 4;
  uint32_t flags = 0;
  uint32_t old_session = 0, old_generation = 0;
  uint32_t keep_alive_ms = 0, window_max = 0, receive_max = 0, packet_bytes_max = 0,
           topic_alias_max = 0, client_topic_alias_max = 0, queue_length_max = 0;
  std::string client_id, username, mountpoint, connack;
  std::vector<std::string> publish_before;
  // In transit from the accepting loop to the home loop: the command owns the fd until a socket
  // takes it.
  bool transit = false;
  int fd = -1;
  std::unique_ptr<Stream> stream;
  Listener* listener = nullptr;
  std::string partial, peer;
};
struct RefuseCommand {
  uint32_t connection;
  std::string connack;
};
/// An AUTH while the CONNECT is with control; the client's answer is the only thing read of it.
struct ChallengeCommand {
  uint32_t connection;
  std::string packet;
};
struct SubscriptionChange {
  bool subscribe;
  router::Filter* filter;  // kept alive by the engine until the loop has executed the command
  uint32_t group;
  uint8_t options;
  uint32_t subscription_id;
  bool replay;
};
struct AnswerCommand {
  uint32_t session, generation, connection;
  bool close;
  std::string reply;
  std::vector<SubscriptionChange> changes;
};
struct CloseCommand {
  uint32_t connection;
  uint32_t reason;
  std::string last;
};
struct EndCommand {
  uint32_t session, generation;
};
struct PublishCommand {
  std::string packet, client_id;
};
struct DialCommand {
  uint32_t connection;
  uint16_t port;
  uint32_t timeout_ms, packet_bytes_max;
  uint32_t tls;  // number of the TLS context, 0: plain
  bool no_delay, keep_alive;
  uint32_t send_buffer_bytes, receive_buffer_bytes;  // 0: the kernel's choice
  std::string host, server_name, first;
};
struct SendCommand {
  uint32_t connection;
  std::string packet;
};
struct SlotCommand {
  uint32_t connection, link, slot, receive_maximum, packet_bytes_max;
};
/// Accepted: identifiers from limits::kLinkFirstPacketId on are the link's. Dialled: forwarded
/// messages of its cluster are taken in.
struct CarryCommand {
  uint32_t connection, link;
  std::string name;
};
struct ListenCommand {
  Listener* listener;
  int fd;
};
struct UnlistenCommand {
  uint32_t listener;
};
struct LinksCommand {
  std::shared_ptr<const fanout::LinkPlan> plan;
};
/// A WebSocket was opened on the edge thread; this loop reads its CONNECT.
struct EdgeOpenCommand {
  Listener* listener;
  uint32_t connection;
  std::unique_ptr<RingStream> stream;
  std::string peer;
};
/// Rings of these connections have changed: bytes, room or an end.
struct EdgeReadyCommand {
  std::vector<uint32_t> connections;
};
/// The context with this number from now on, for handshakes that begin later.
struct TlsCommand {
  uint32_t number;
  std::shared_ptr<const TlsContext> context;
};
/// DISCONNECT 0x8B to version 5 clients, flush, close everything.
struct DrainCommand {};
struct StopCommand {};

using Command =
    std::variant<AttachCommand, RefuseCommand, ChallengeCommand, AnswerCommand, CloseCommand,
                 EndCommand, PublishCommand, DialCommand, SendCommand, SlotCommand, CarryCommand,
                 ListenCommand, UnlistenCommand, LinksCommand, TlsCommand, EdgeOpenCommand,
                 EdgeReadyCommand, DrainCommand, StopCommand>;

}  // namespace causeway::transport
