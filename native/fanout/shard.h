// Everything one io loop owns of the broker: its sessions, members, lanes and link slots, and the
// life of a PUBLISH between decoding and out-buffers (design.md §3 steps 3–6). No socket and no
// clock in here: transport brings both.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/counters.h"
#include "core/epoch.h"
#include "core/limits.h"
#include "core/session_flags.h"
#include "fanout/delayed_queue.h"
#include "fanout/lane_entry.h"
#include "fanout/link_egress.h"
#include "fanout/message_policy.h"
#include "fanout/publication.h"
#include "fanout/transit_ids.h"
#include "retained/index.h"
#include "router/index.h"
#include "router/members.h"
#include "router/route_cache.h"
#include "session/sender.h"
#include "session/session.h"

namespace causeway::fanout {

/// What all loops share. Owner: the engine; outlives every shard.
struct Fabric {
  EpochDomain* epochs = nullptr;
  router::Index* index = nullptr;
  retained::RetainedIndex* retained = nullptr;
  bool store_retained = true;   // retainer.enable
  bool delayed_enabled = true;  // delayed.enable
  DelayedBudget delayed;
  MessagePolicy policy;
  HashSeed seed;
  TransitIds transit_ids{HashSeed::Random()};
  /// Tells our message ids from other brokers', the low 48 bits. Random by itself: peers see it,
  /// and nothing that they see may say anything of `seed`.
  uint64_t message_id_node = HashSeed::Random().a;
  int loops = 1;
  std::vector<std::unique_ptr<Lane>> lanes;          // [from * loops + to]; null on the diagonal
  std::vector<std::unique_ptr<SessionFlags>> flags;  // by loop
  std::vector<const SessionFlags*> flag_views;       // the same, as shared groups want them
  Lane* LaneBetween(int from, int to) const {
    return lanes[static_cast<size_t>(from * loops + to)].get();
  }
};

/// The shard's view of its transport.
class ShardHost {
 public:
  /// Wakes loop `loop` out of its poll (coalesced).
  virtual void Wake(int loop) = 0;
  /// This shard has work left that nobody else will announce: call Work again after the next poll
  /// round, without blocking.
  virtual void WorkLeft() = 0;
  /// A paused connection may be parsed on (its fan-out ended).
  virtual void Unpaused(session::Connection* connection) = 0;

 protected:
  ~ShardHost() = default;
};

/// A subscription as control decided it; filter and group are held alive by control until the
/// command is done.
struct Subscribe {
  router::Filter* filter;
  uint32_t group = 0;  // 0: plain; else the group's id
  uint8_t options = 0;
  uint32_t subscription_id = 0;
  bool replay = false;
};

class Shard {
 public:
  Shard(int loop, Fabric* fabric, ShardHost* host, Counters* counters);
  ~Shard();
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  // ---- sessions

  /// The session under (index, generation), or null when it is another's or over.
  session::Session* Find(uint32_t index, uint32_t generation);
  /// Makes it when it does not exist.
  session::Session* Open(uint32_t index, uint32_t generation);
  /// `connection` serves the session from now on; redelivers (after the CONNACK, which the caller
  /// has written).
  void Attach(session::Session* session, session::Connection* connection, int64_t now_ms);
  void Detach(session::Connection* connection);
  /// The session is over: queue and windows go; unsent messages of shared groups find another
  /// member.
  void End(session::Session* session, int64_t now_ms);

  void AddSubscription(session::Session* session, const Subscribe& subscribe);
  void RemoveSubscription(uint32_t session, router::Filter* filter, uint32_t group);

  // ---- traffic

  enum class Published : uint8_t {
    kNobody,   // no destination matched
    kDone,     // every destination has it
    kPending,  // the rest waits for lane room or for its next slice; `connection` was marked
               // fanout_pending
  };
  /// Stores if retained, matches, fans out. `connection`: paused when the fan-out cannot end now;
  /// null: it waits on its own.
  Published Publish(Publication* publication, session::Connection* connection, int64_t now_ms);

  /// Of a message that came over a link which synchronises retained messages: stores it if it is
  /// the last one written, before it is published.
  retained::PutResult MergeRetained(Publication* publication);
  /// To links that synchronise the topic, and to nobody here.
  Published TellLinks(Publication* publication, session::Connection* connection, int64_t now_ms);
  bool stores_retained() const { return fabric_->store_retained; }
  /// A deletion nobody here is to hear of (`retainer.stop_publish_clear_msg`).
  bool ClearsSilently(const Publication& publication) const {
    return fabric_->policy.clears_silently && publication.payload.empty();
  }

  /// Within a Reading, whose bytes they are views into: topics of the next PUBLISHes, at most
  /// kExpectedMax, in their order, not validated. To look for the destinations of many at once
  /// costs less. `wants_topics`: destinations had to be looked for lately.
  static constexpr size_t kExpectedMax = router::Index::kTogether;
  void Expect(const std::string_view* topics, size_t count) { cache_.Expect(topics, count); }
  bool wants_topics() const { return cache_.missing(); }

  /// After Publish returned kPending for `connection`: the gate entry that is settled when its
  /// fan-out ends.
  void SettleWhenDone(session::Connection* connection, uint64_t ticket);

  /// Drains lanes, resumes waiting fan-outs, replays and link slots; bounded by a budget per call.
  void Work(int64_t now_ms);
  /// What Publish has delivered on this loop since Work last began; above limits::kTurnDeliveries a
  /// publisher should wait for the next turn.
  size_t turn_deliveries() const { return kPublishBudget - publish_budget_.deliveries; }
  /// Slices of wide fan-outs wait that the next turns will serve before all they reached is
  /// written: the wide row of the dirty list had better wait for them. At most kWideCycleBytes
  /// long.
  bool WideWaits() const { return wide_unserved_ > 0 && wide_cycle_left_ > 0; }
  /// After `connection`'s out-buffer shrank: queue and replay go on.
  void RoomInOutBuffer(session::Connection* connection, int64_t now_ms);
  /// Wakes the loops that got lane entries since the last call. Once per loop turn.
  void FlushWakeups();

  /// Brings counters that others keep up to date; once a second.
  void PublishGauges();

  session::Sender* sender() { return &sender_; }
  LinkEgress* links() { return &links_; }
  Counters* counters() { return counters_; }
  TransitIds* transit_ids() { return &fabric_->transit_ids; }
  int loop() const { return loop_; }
  /// While one lives the index can be read. Inside another it costs nothing: the loop holds one
  /// over the packets of a read, since the fence it begins with costs as much as a cached lookup.
  /// Bound: one read of one connection, limits::kTurnDeliveries.
  class Visit {
   public:
    explicit Visit(Shard* shard) : shard_(shard) {
      if (shard_->visits_++ == 0) shard_->fabric_->epochs->Enter(shard_->epoch_slot_);
    }
    ~Visit() {
      if (--shard_->visits_ == 0) shard_->fabric_->epochs->Leave(shard_->epoch_slot_);
    }
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;

   private:
    Shard* const shard_;
  };
  /// The Visit of one read: what was expected of its bytes is forgotten with them.
  class Reading {
   public:
    explicit Reading(Shard* shard) : visit_(shard), shard_(shard) {}
    ~Reading() { shard_->cache_.Forget(); }
    Reading(const Reading&) = delete;
    Reading& operator=(const Reading&) = delete;

   private:
    const Visit visit_;
    Shard* const shard_;
  };
  size_t session_count() const { return live_sessions_; }
  size_t pending_fanouts() const { return pending_.size(); }

 private:
  /// A session that matched through several filters, and what it gets.
  struct Merged {
    uint32_t session, generation;
    uint8_t qos;
    bool retain;
    std::vector<uint32_t> ids;
  };
  /// What one part of a turn may still deliver.
  struct Budget {
    size_t deliveries;  // and lane entries
    size_t wide;        // of them, by wide fan-outs
  };

  /// One more narrow fan-out, when a publisher has just not reached limits::kTurnDeliveries.
  static constexpr size_t kPublishBudget = limits::kTurnDeliveries + limits::kWideFanoutMembers;

  /// For lanes without room, by loop, in order.
  using Entries = std::vector<std::pair<int, LaneEntry>>;
  /// A fan-out that could not end: lane entries without room, and local members not yet served.
  struct Pending {
    MessageRef message;
    Entries entries;
    router::MemberList* pinned = nullptr;  // walked from `position`, up to `end`
    size_t position = 0, end = 0;
    std::vector<Merged> merged;                 // served from `position`, up to `end`
    session::Connection* connection = nullptr;  // paused by it; null: nobody, or gone
    uint64_t gate_ticket = 0;
    bool served() const { return position == end; }
    bool wide() const { return end > limits::kWideFanoutMembers; }
    bool done() const { return entries.empty() && served(); }
  };

  /// A message of a shared group whose member is gone: another gets it when there is room.
  struct Orphan {
    MessageRef message;
    uint32_t group;
    router::GroupMember gone;
    bool stray;  // came over a lane; else out of the queue of a session that ended
  };

  static uint64_t GroupKey(uint32_t group, uint32_t session) {
    return uint64_t{group} << 32 | session;
  }
  uint64_t NextRandom();
  void StoreRetained(Publication* publication);
  void CountRetained(retained::PutResult result);
  /// What could not end waits; `slices` may be null.
  Published Suspend(Publication* publication, std::unique_ptr<Pending> slices, Entries* rest,
                    session::Connection* connection);
  void BeginHeaders(const Publication& publication, int64_t now_ms);
  bool Wanted(const Publication& publication, const session::Session& session,
              const router::Member& member) const;
  bool SendAtOnce(const Publication& publication, session::Session* session, bool retain);
  void ServeMembers(Publication* publication, router::MemberList* members, size_t from, size_t to,
                    int64_t now_ms);
  void ServeMember(Publication* publication, const router::Member& member, int64_t now_ms);
  void ServeMerged(Publication* publication, Merged* merged, int64_t now_ms);
  bool ServeGroupMember(Publication* publication, uint32_t group, uint32_t session,
                        uint32_t generation, int64_t now_ms);
  /// Fills merged_ with one entry per session.
  void Merge(const Publication& publication, const std::vector<router::MemberList*>& lists);
  /// Serves this loop's members. Null: all served; else what is left, to be continued by
  /// ServeLocal.
  std::unique_ptr<Pending> FanOutLocal(Publication* publication,
                                       const std::vector<router::MemberList*>& lists,
                                       int64_t now_ms, Budget* budget);
  /// Goes on with a sliced fan-out; true when it is served.
  bool ServeLocal(Pending* pending, Publication* publication, int64_t now_ms, Budget* budget);
  /// How many of `members` may be served now, and that so many were.
  size_t Room(const Publication& publication, const Budget& budget, size_t members);
  void Charge(const Publication& publication, size_t served, bool wide, Budget* budget);
  void ToGroup(Publication* publication, const router::Group& group,
               const router::GroupMember* skip, bool redispatched, uint64_t topic_hash,
               int64_t now_ms, Entries* rest);
  void ToLinks(Publication* publication, uint64_t links, uint64_t topic_hash, int64_t now_ms,
               Entries* rest);
  /// One term for several links.
  void Queue(const MessageRef& term, uint64_t links, uint8_t qos, uint64_t topic_hash,
             int64_t now_ms, Entries* rest);
  void Redispatch(Publication* publication, uint32_t group, const router::GroupMember& gone,
                  int64_t now_ms);
  /// The member that `entry` was for is gone.
  void TakeStray(LaneEntry* entry, const router::GroupMember& gone, int64_t now_ms);
  void RedispatchOrphans(int64_t now_ms, size_t* budget);
  bool TryPost(int loop, LaneEntry* entry);
  /// Posts, or keeps the entry in `rest` when the lane is full.
  void Post(int loop, LaneEntry&& entry, Entries* rest);
  std::unique_ptr<Pending> Expand(LaneEntry* entry, int64_t now_ms, Budget* budget);
  void DrainLanes(int64_t now_ms, Budget* budget);
  void ResumePending(int64_t now_ms, Budget* budget);
  void QueueReplay(session::Session* session);
  void DropReplays(session::Session* session, const std::string& filter);
  void ResumeReplays(int64_t now_ms);
  void Replay(session::Session* session, int64_t now_ms);

  const int loop_;
  Fabric* const fabric_;
  ShardHost* const host_;
  Counters* const counters_;
  const int epoch_slot_;
  int visits_ = 0;  // one inside another
  router::MemberTable members_;
  router::RouteCache cache_;
  session::Sender sender_;
  LinkEgress links_;
  std::vector<std::unique_ptr<session::Session>> sessions_;  // by index
  size_t live_sessions_ = 0;
  std::unordered_map<uint64_t, router::Member>
      group_members_;                              // by GroupKey: options of shared subscriptions
  std::vector<std::unique_ptr<Pending>> pending_;  // FIFO of fan-outs that wait
  /// FIFO. Bound: what the queues of ended sessions held, and limits::kSpillMax strays.
  std::deque<Orphan> orphans_;
  size_t strays_ = 0;                  // of them
  std::vector<uint32_t> pending_for_;  // by loop: entries in pending_ that wait for that lane
  std::vector<std::unique_ptr<Pending>>
      expanding_;  // by source loop: the lane entry being served in slices
  std::vector<std::pair<uint32_t, uint32_t>>
      replaying_;           // (session, generation) with retained messages owed
  uint64_t wake_mask_ = 0;  // loops that got lane entries since FlushWakeups
  uint64_t stamp_ = 0;      // of the last Merge
  uint64_t random_;
  Budget publish_budget_ = {kPublishBudget, limits::kFanoutSliceMembers};  // until Work begins
  size_t wide_cycle_left_ = limits::kWideCycleBytes;  // until the dirty list ends a cycle
  uint64_t wide_cycle_ = 0;                           // DirtyList::cycles() when it was filled
  size_t wide_unserved_ = 0;                          // fan-outs with members left
  size_t replay_budget_ = limits::kReplayTurnTopics;  // retained topics left to look at
  int first_lane_ = 0;                                // drained first in this turn: a fair row
  std::vector<Merged> merged_;
  std::vector<router::MemberList*> lists_;
  session::PublishHeaders headers_;
  bool expired_ = false;  // the message of headers_ is past its expiry
};

}  // namespace causeway::fanout
