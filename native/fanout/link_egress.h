// The pool slots of all links that live on this loop: what is forwarded, and over which connection.
// Source: design.md §9 "Pool order"; docs/protocol/cluster-link.md.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/counters.h"
#include "core/hash.h"
#include "core/limits.h"
#include "core/message.h"
#include "fanout/publication.h"
#include "fanout/retained_snapshot.h"
#include "link/intersection.h"
#include "link/link_metrics.h"
#include "link/message_term.h"
#include "link/outbox.h"
#include "link/term_compressor.h"
#include "retained/index.h"
#include "session/sender.h"

namespace causeway::fanout {

/// One link as the data plane knows it.
struct LinkSpec {
  /// Slots of one pool of a link; the other one's numbers begin here. See `former`.
  static constexpr uint32_t kSlotsMax = 1024;

  /// One slot after the other, from `first`: two pools of one link share none.
  struct SlotRange {
    uint32_t first = 0, count = 0;
    bool Has(uint32_t slot) const { return slot - first < count; }
  };

  int index = 0;
  std::string name;
  bool enabled = false;
  /// Whether what matches its routes goes there. False: the far end has no way to take it.
  bool forwards = true;
  link::LinkTopics topics;  // ours: what we accept from it
  SlotRange pool{0, 8};
  /// The pool before its size was changed: nothing is added, what is there leaves first. Control
  /// connects the slots of `pool` when it is empty, so order per topic holds.
  SlotRange former;
  uint16_t inflight_max = 32;
  size_t buffer_bytes_max = limits::kLinkOutboxBytes;  // per slot
  int64_t request_ttl_ms = 45000;
  bool transit = false;  // asked for; whether both sides carry it is the plan's `transit`
  /// Loops of the slots by their place in a pool, where the far end dials and its connections have
  /// a home already; empty: spread evenly.
  std::vector<uint8_t> homes;
  link::LinkTopics retained;  // `retained_sync`; whether both sides do is the plan's `sync`
  /// Number of the plan in which the two sides last agreed on it; 0: never. Another number asks
  /// for another snapshot.
  uint64_t sync_since = 0;
  /// RetainedIndex::Horizon() when another process than before agreed: what we have of the far end
  /// up to here it has lost, and gets back. 0: it has lost nothing.
  uint64_t sync_lost = 0;
  /// By loop; the engine makes them with the link and they end with its last slot.
  std::shared_ptr<link::LinkMetrics[]> metrics;

  /// The loop that a slot lives on.
  int LoopOf(uint32_t slot, int loops) const {
    const uint32_t place = slot % kSlotsMax;
    return place < homes.size() ? homes[place] : EvenLoopOf(index, slot, loops);
  }
  static int EvenLoopOf(int link, uint32_t slot, int loops) {
    return static_cast<int>((static_cast<uint32_t>(link) + slot) % static_cast<uint32_t>(loops));
  }
};

/// All links, by index. Immutable; one copy is shared by all loops and replaced as a whole.
struct LinkPlan {
  uint64_t number = 0;  // of the plan: grows
  std::string self;     // our cluster name
  std::vector<LinkSpec> links;
  uint64_t enabled = 0;  // bit by index
  uint64_t transit = 0;  // … both sides carry messages of others
  uint64_t shared = 0;   // … `retained_sync` is not empty, enabled or not
  uint64_t sync = 0;     // … both sides synchronise: changes of retained messages are marked
  uint64_t told = 0;     // … and the far end is there: it is told what is held, and every change

  /// Links that hold the retained message of this topic too, or should.
  uint64_t SharedBy(std::string_view topic) const {
    uint64_t by = 0;
    if (shared == 0) return by;
    for (const LinkSpec& spec : links) {
      if (spec.retained.Matches(topic)) by |= uint64_t{1} << spec.index;
    }
    return by;
  }
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

/// Single-threaded. Placement: LinkSpec::LoopOf.
class LinkEgress {
 public:
  using Box = link::Outbox<MessageRef>;
  static constexpr int kLinks = 64;

  LinkEgress(int loop, int loops, session::Sender* sender, Counters* counters, uint64_t node,
             HashSeed seed);
  ~LinkEgress();
  LinkEgress(const LinkEgress&) = delete;
  LinkEgress& operator=(const LinkEgress&) = delete;

  /// Slots of links that stay keep what waits, those of disabled ones too: it goes when it is too
  /// old, or on when the link is enabled again. Slots of links that went are dropped with what
  /// waited there, counted; their connections are forgotten.
  void Configure(std::shared_ptr<const LinkPlan> plan);
  const LinkPlan* plan() const { return plan_.get(); }

  /// A topic's slot is fixed by its hash, so order per topic holds; a dead slot keeps its share.
  static uint32_t SlotOf(uint64_t topic_hash, const LinkSpec::SlotRange& pool) {
    return pool.first + static_cast<uint32_t>((topic_hash >> 32) % pool.count);
  }
  /// A new id, written to `out` of link::kMessageIdBytes.
  std::string_view MakeId(int64_t wall_ms, char* out);
  /// The payload of the link PUBLISH, encoded once for all links that get the same `extra`.
  MessageRef EncodeTerm(const Publication& publication, std::string_view id, std::string_view extra,
                        int64_t wall_ms);
  /// `extra` of a retained message that a client of this cluster has just published.
  std::string_view live_extra() const { return live_extra_; }

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
  /// Drops what waits too long; once a second. Appends the connections that owe an acknowledgement
  /// for too long to `*stuck`, which the caller closes.
  void Expire(int64_t now_ms, std::vector<session::Connection*>* stuck);
  bool Owns(const session::Connection* connection) const { return Of(connection) != nullptr; }

  // Snapshots of retained messages: link_snapshot.cc.
  bool snapshots_running() const { return snapshots_running_; }
  /// A turn's step of all that have room. True: there is more to look at, and the room for it.
  bool StepSnapshots(retained::RetainedIndex* retained, int64_t now_ms);

  /// Refreshes the gauges that are not counted as things happen; once a timer tick.
  void PublishGauges(int64_t now_ms);
  /// What this loop counts for a link of the plan.
  link::LinkMetrics* metrics(const LinkSpec& spec) const { return &spec.metrics[loop_]; }

 private:
  struct Slot {
    Slot(const LinkSpec& spec, uint32_t index, int loop, const Box::Config& config)
        : link(spec.index),
          index(index),
          name(spec.name),
          metrics(spec.metrics, &spec.metrics[loop]),
          box(config, metrics.get()) {}
    const int link;
    const uint32_t index;
    const std::string name;
    const std::shared_ptr<link::LinkMetrics> metrics;
    Box box;
    session::Connection* connection = nullptr;
    uint16_t timed_id = 0;  // the message whose PUBACK is timed; 0: none
    int64_t timed_since_ns = 0;
    RetainedSnapshot snapshot;
  };
  Box::Config BoxConfig(const LinkSpec& spec) const;
  void AddSlots(const LinkSpec& spec, const LinkSpec::SlotRange& range);
  Slot* At(int link, uint32_t slot);
  Slot* Of(const session::Connection* connection) const;
  void Push(Slot* slot, uint8_t qos, const MessageRef& term, int64_t now_ms);
  void Pump(Slot* slot, int64_t now_ms);
  /// After another plan: what was agreed anew begins, what ended ends.
  void AgreeOnSnapshot(Slot* slot);
  /// From the start, if both sides agree and there is a connection.
  void BeginSnapshot(Slot* slot, int64_t now_ms);
  bool StepSnapshot(Slot* slot, const LinkSpec& spec, retained::RetainedIndex* retained,
                    int64_t now_ms, size_t* budget);
  void RepairSnapshot(Slot* slot, int64_t now_ms);

  const int loop_;
  const int loops_;
  session::Sender* const sender_;
  Counters* const counters_;
  const HashSeed seed_;  // of the route cache, whose topic hashes choose slots
  const std::string live_extra_, state_extra_;
  link::MessageIdSource ids_;
  std::shared_ptr<const LinkPlan> plan_;
  std::string topic_;  // $LINK/cluster/msg/<self>
  std::vector<std::unique_ptr<Slot>> slots_;
  bool snapshots_running_ = false;
  size_t first_snapshot_ = 0;  // the slot that is first in this turn: a fair row
  link::TermCompressor compressor_;
};

}  // namespace causeway::fanout
