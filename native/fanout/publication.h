// A message while it is being published: views first, a Message only when somebody has to keep it.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/message.h"
#include "mqtt/packet.h"
#include "session/session.h"

namespace causeway::fanout {

/// Whether a message of this origin may go beyond local sessions and groups (design.md §4).
inline bool MayCrossLinks(Origin origin) {
  return origin == Origin::kClient || origin == Origin::kBroker;
}

/// Lives for one publication on one loop; the views are the caller's (a read buffer, a decoded
/// term, a lane's message).
struct Publication {
  // Not defaulted, thus not constexpr: of a constant GCC clears the whole with `rep stos` before it
  // sets the members, which costs more than all the rest of them.
  Publication() {}
  std::string_view topic, payload;
  std::string_view properties;  // forwardable, wire form
  uint8_t qos = 0;
  bool retain = false;
  uint32_t expiry_seconds = mqtt::kNoExpiry;
  Origin origin = Origin::kClient;
  uint8_t link = 0xFF;
  uint8_t protocol_version = 4;
  int64_t timestamp_ms = 0;  // wall clock at the origin; 0: now, asked for when needed
  int64_t received_ms = 0;   // monotonic
  const session::Session* publisher = nullptr;  // of this loop, null when it came otherwise
  uint16_t publisher_loop = 0xFFFF;
  uint32_t publisher_session = 0xFFFFFFFF, publisher_generation = 0;
  std::string_view client_id;  // the original publisher's
  uint64_t retain_version = 0;
  // Of a message that came over a link and goes on over others (`transit`).
  uint64_t onward = 0;  // links it may still take, by bit; 0: none
  std::string_view message_id, extra;
  // Of a change of the retained messages that linked clusters hold too (`retained_sync`).
  uint64_t sync = 0;  // links over which it goes with `sync_extra`, if it goes; by bit
  uint64_t told = 0;  // … of them those that it takes whoever wants it there
  std::string_view sync_extra;
  MessageRef message;

  /// The shared form, made once.
  const MessageRef& Share();
  /// A message of its own to be published later, with the publisher's client id for links.
  /// `wall_ms`: its time, should it have none.
  MessageRef Keep(int64_t wall_ms) const;
  /// The publication of a message that arrived over a lane, or waits for lane room.
  static Publication Of(const MessageRef& message);

 private:
  Message* Make(std::string_view kept_client_id) const;
};

}  // namespace causeway::fanout
