// The pool slots of all links that live on this loop: what is forwarded, and over which connection.
// Source: design.md §9 "Pool order"; docs/protocol/cluster-link.md.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/counters.h"
#include "core/limits.h"
#include "core/message.h"
#include "fanout/publication.h"
#include "link/intersection.h"
#include "link/message_term.h"
#include "link/outbox.h"
#include "session/sender.h"

namespace causeway::fanout {

/// One link as the data plane knows it.
struct LinkSpec {
  int index = 0;
  std::string name;
  bool enabled = false;
  link::LinkTopics topics;  // ours: what we accept from it
  uint32_t pool_size = 8;
  uint16_t inflight_max = 32;
  size_t buffer_bytes_max = limits::kLinkOutboxBytes;  // per slot
  int64_t request_ttl_ms = 45000;
};

/// All links, by index. Immutable; one copy is shared by all loops and replaced as a whole.
struct LinkPlan {
  std::string self;  // our cluster name
  std::vector<LinkSpec> links;
  uint64_t enabled = 0;  // bit by index

  const LinkSpec* ByName(std::string_view name) const {
    for (const LinkSpec& spec : links) {
      if (spec.name == name) return &spec;
    }
    return nullptr;
  }
  const LinkSpec* At(int index) const {
    for (const LinkSpec& spec : links) {
      if (spec.index == index) return &spec;
    }
    return nullptr;
  }
};

/// What one link's receiving side met on this loop. Written by the loop, read by control (relaxed).
struct LinkIngressCounters {
  std::atomic<uint64_t> received{0}, filtered{0}, undecodable{0}, repeated{0};
};

/// Single-threaded. Placement: slot s of link i lives on loop (i + s) mod loops.
class LinkEgress {
 public:
  using Box = link::Outbox<MessageRef>;
  static constexpr int kLinks = 64;

  LinkEgress(int loop, int loops, session::Sender* sender, Counters* counters, uint64_t node);
  ~LinkEgress();
  LinkEgress(const LinkEgress&) = delete;
  LinkEgress& operator=(const LinkEgress&) = delete;

  /// Slots of links that stay keep their buffers. Slots of links that went are dropped, their
  /// connections forgotten.
  void Configure(std::shared_ptr<const LinkPlan> plan);
  const LinkPlan* plan() const { return plan_.get(); }

  static int LoopOf(int link, uint32_t slot, int loops) {
    return static_cast<int>((link + slot) % static_cast<uint32_t>(loops));
  }
  /// A topic's slot is fixed by its hash, so order per topic holds; a dead slot keeps its share.
  static uint32_t SlotOf(uint64_t topic_hash, uint32_t pool_size) {
    return static_cast<uint32_t>((topic_hash >> 32) % pool_size);
  }
  /// The payload of the link PUBLISH, encoded once for all links.
  MessageRef EncodeTerm(const Publication& publication, int64_t wall_ms);

  /// Queues on a slot of this loop and sends what its window allows.
  void Push(int link, uint32_t slot, uint8_t qos, const MessageRef& term, int64_t now_ms);
  /// False: no such slot here.
  bool Online(int link, uint32_t slot, session::Connection* connection, uint16_t receive_maximum,
              uint32_t packet_bytes_max, int64_t now_ms);
  /// The connection is gone: what it had not acknowledged waits again, in order.
  void Offline(const session::Connection* connection);
  /// PUBACK on a slot's connection. False: not a slot's connection.
  bool OnPuback(const session::Connection* connection, uint16_t packet_id, uint8_t reason,
                int64_t now_ms);
  /// The connection's out-buffer has room again.
  void Pump(const session::Connection* connection, int64_t now_ms);
  /// Drops what waits too long on slots that are offline; once a second.
  void Expire(int64_t now_ms);
  bool Owns(const session::Connection* connection) const { return Of(connection) != nullptr; }

  /// A copy of a slot's counters and gauges for control; taken on the loop (see Publish).
  struct Gauges {
    std::atomic<uint64_t> matched{0}, sent{0}, sent_qos0{0}, retried{0}, acked{0}, rejected{0},
        expired{0}, overflowed{0}, oversize{0}, waiting{0}, inflight{0}, bytes{0}, online{0};
  };
  /// By link; sums over this loop's slots. Any thread, relaxed; refreshed by PublishGauges.
  const Gauges& gauges(int link) const { return gauges_[link]; }
  void PublishGauges();
  LinkIngressCounters& ingress(int link) { return ingress_[link]; }

 private:
  struct Slot {
    Slot(int link, uint32_t index, const Box::Config& config)
        : link(link), index(index), box(config) {}
    const int link;
    const uint32_t index;
    Box box;
    session::Connection* connection = nullptr;
    int64_t pushed_last_ms = 0;
  };
  Slot* At(int link, uint32_t slot);
  Slot* Of(const session::Connection* connection) const;
  void Pump(Slot* slot, int64_t now_ms);

  const int loop_;
  const int loops_;
  session::Sender* const sender_;
  Counters* const counters_;
  link::MessageIdSource ids_;
  std::shared_ptr<const LinkPlan> plan_;
  std::string topic_;  // $LINK/cluster/msg/<self>
  std::vector<std::unique_ptr<Slot>> slots_;
  Gauges gauges_[kLinks];
  LinkIngressCounters ingress_[kLinks];
};

}  // namespace causeway::fanout
