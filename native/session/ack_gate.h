// Acknowledgements of inbound QoS >= 1 leave in the order their packets came (design.md §6).
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>

#include "mqtt/packet.h"

namespace causeway::session {

/// FIFO of acknowledgements; an entry leaves when it and all before it are settled. While nothing
/// is pending the FIFO is bypassed, so it owns no memory. Bound: one pending entry stops the
/// parsing of its connection, so it holds at most what one store commit or one paused fan-out keeps
/// back (<= the receive maximum).
class AckGate {
 public:
  struct Entry {
    uint64_t ticket;
    uint16_t packet_id;
    mqtt::PacketType type;
    mqtt::Reason reason;
    bool pending;
  };

  bool idle() const { return entries_ == nullptr || entries_->empty(); }
  /// Adds an entry; returns its ticket.
  uint64_t Add(mqtt::PacketType type, uint16_t packet_id, mqtt::Reason reason, bool pending) {
    if (entries_ == nullptr) entries_ = std::make_unique<std::deque<Entry>>();
    entries_->push_back({++last_ticket_, packet_id, type, reason, pending});
    return last_ticket_;
  }
  /// The work behind `ticket` is done; `reason` is now known.
  void Settle(uint64_t ticket, mqtt::Reason reason) {
    if (idle() || ticket < entries_->front().ticket) return;
    const size_t at =
        static_cast<size_t>(ticket - entries_->front().ticket);  // tickets are consecutive
    if (at >= entries_->size()) return;
    (*entries_)[at].pending = false;
    (*entries_)[at].reason = reason;
  }
  /// The next entry that may leave, or null.
  const Entry* Ready() const {
    return idle() || entries_->front().pending ? nullptr : &entries_->front();
  }
  void Pop() {
    entries_->pop_front();
    if (entries_->empty()) entries_.reset();
  }

 private:
  std::unique_ptr<std::deque<Entry>>
      entries_;  // null while idle: a deque costs 600 bytes even empty
  uint64_t last_ticket_ = 0;
};

}  // namespace causeway::session
