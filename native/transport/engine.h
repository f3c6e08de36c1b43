// The data plane as a whole, as control drives it: loops, listeners, router writes, links.
//
// Thread: control (the one writer of the router, design.md §1), except where a method says
// otherwise. One per process; never destroyed: leaving is Halt, then the process ends (design.md
// §12).
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/limits.h"
#include "fanout/shard.h"
#include "link/delta_batch.h"
#include "link/interest_digest.h"
#include "link/intersection.h"
#include "link/route_message.h"
#include "link/route_table.h"
#include "link/transit_routes.h"
#include "transport/edge_port.h"
#include "transport/io_loop.h"
#include "transport/unix_listener.h"

namespace causeway::transport {

struct EngineOptions {
  int loops = 1;
  size_t lane_slots = limits::kLaneSlots;
  size_t pending_connects = 0;  // of all loops together; 0: limits::kAdmissionsMax each
  retained::Limits retained;
  bool store_retained = true;
  bool delayed_enabled = true;
  size_t delayed_messages_max = 0;  // 0: bytes alone bound them
  size_t delayed_bytes_max = 0;
  fanout::MessagePolicy policy;
  router::Sharing sharing = router::Strategy::kRoundRobin;
};

/// What the task workers need for a bootstrap step. Any thread.
struct BootstrapRequest {
  std::vector<std::string> topics;
  std::string actor;
  int64_t incarnation = 0;
  uint32_t cursor = 0;
  size_t entries_max = limits::kRouteBatchEntries, bytes_max = limits::kRouteBatchBytes;
};
struct BootstrapBatch {
  std::string payload;  // empty: nothing matched in this stretch
  size_t entries = 0;
  uint32_t cursor = 0;
  bool done = false;
};

/// A histogram's buckets that are not empty, by the microseconds where they end, and the sum of
/// all.
struct LinkTimes {
  std::vector<std::pair<uint64_t, uint64_t>> buckets;
  uint64_t sum_micros = 0;
};

class Engine final : public LoopPeers, public link::RouteSink, public link::TransitSink {
 public:
  static constexpr int kLinks = 64;

  /// `notify` is called from any loop when events wait; it must be cheap and thread-safe.
  Engine(const EngineOptions& options, void (*notify)(void*), void* argument);

  void Start();
  /// Stops and joins the loops; false when one did not end within `timeout_ms`. Idempotent.
  bool Halt(int64_t timeout_ms);
  bool halted() const { return halted_; }
  int loops() const { return options_.loops; }

  /// 0, or errno with the failing step in `*what`. A listener of the edge opens no socket here;
  /// that its address is free is found out all the same.
  int Listen(const ListenerOptions& options, std::string* what);
  void Unlisten(uint32_t id);
  /// Of a listener that Listen has opened; null: there is none of this id.
  Listener* FindListener(uint32_t id);
  /// Makes or replaces the TLS context with this number (> 0), for listeners and dials that name
  /// it; handshakes under way keep the old one, session tickets stay good. False: refused, and
  /// nothing has changed.
  bool SetTls(uint32_t number, const TlsOptions& options, TlsRefusal* refusal);
  void Drain();
  /// Any thread, relaxed.
  uint32_t open_sockets() const;

  /// Executes a batch of command records (transport/records.h).
  void Submit(std::string_view batch);
  void TakeEvents(std::string* out);
  /// Counters of all loops, summed, in the order of kCounterInfos.
  std::vector<uint64_t> Counters() const;
  size_t filters() const { return index_.size(); }
  size_t retained_messages() const { return retained_.count(); }
  size_t retained_bytes() const { return retained_.bytes(); }
  size_t delayed_messages() const { return fabric_.delayed.messages(); }
  size_t delayed_bytes() const { return fabric_.delayed.bytes(); }
  uint64_t retained_expired() const { return retained_expired_; }
  const edge::Totals& edge_totals() const { return edge_.totals(); }
  size_t epoch_bytes() const { return epochs_.retired_bytes(); }
  /// Sweeps expired retained messages and lets go of what readers have left; for a timer of
  /// control.
  void Maintain();

  // ---- links

  void ConfigureLinks(std::string self, std::vector<fanout::LinkSpec> links);
  void OpenInterest(int link, const std::vector<std::string>& topics);
  void CloseInterest(int link);
  bool TakeInterest(int link, size_t entries_max, size_t bytes_max, std::string_view actor,
                    int64_t incarnation, link::DeltaBatch::Batch* out);
  void SettleInterest(int link, uint64_t token, bool delivered);
  /// Two bytes a link, read by control without a crossing: [2i] a live batch waits, [2i + 1] the
  /// capture overflowed.
  uint8_t* interest_flags() { return interest_flags_; }

  /// What the two sides of a link that asks for `retained_sync` have come to.
  enum class RetainedSync : uint8_t {
    kOff,        // the far end does not take part
    kHeld,       // its route channel is down: nothing more is told before it is back
    kBegins,     // both do: a snapshot, then what changes
    kBeginsAll,  // … and it is another process than last time: with what it told us itself
  };
  void SetRetainedSync(int link, RetainedSync state);

  // Transit: engine_transit.cc.
  /// Both sides of the link carry what is not theirs, or no more. What follows is announced by a
  /// walk.
  void SetTransit(int link, bool carries);
  /// Announces anew, for all links, what clusters behind us want; for a link that has begun anew.
  void StartTransitWalk() { transit_.StartWalk(); }
  /// A step of it, some 0.2 ms; true when nothing is left.
  bool StepTransitWalk() { return transit_.StepWalk(limits::kTransitWalkStep); }
  /// Routes of the link that there was no room to announce onward.
  uint64_t TransitRefused(int link) const { return transit_.refused(link); }

  // Drift checksums: engine_digest.cc.
  /// Counts this cluster's interest for `link`, cut by the topics of its capture, under a key that
  /// the far end chose.
  void StartInterestDigest(int link, SipKey key);
  /// A step of the walk, some 2 ms at most; true when nothing is left to walk, or nothing began.
  bool StepInterestDigest(int link);
  /// False while the walk goes on, and while changes wait or are not acknowledged: then the far end
  /// cannot agree yet.
  bool ReadInterestDigest(int link, link::RouteDigest* out) const;
  /// What a lane of the route table holds, under our own key.
  link::RouteDigest LaneDigest(int link, int lane) const { return routes_.digest(link, lane); }
  SipKey digest_key() const { return routes_.digest_key(); }

  /// Applies a `route` term; kMalformed when it is none.
  link::RouteStatus ApplyRoutes(int link, int lane, std::string_view payload,
                                link::ApplyResult* result);
  void MarkRoutes(int link, int lane);
  size_t SweepRoutes(int link, int lane, size_t budget);
  size_t ClearRoutes(int link, int lane, size_t budget) {
    return routes_.Clear(link, lane, budget);
  }
  size_t RouteCount(int link) const { return routes_.holdings(link); }
  /// A page of them from `from` on, see RouteTable::Page.
  template <typename Visit>
  uint32_t ReadRoutes(int link, uint32_t from, Visit&& visit) const {
    return routes_.Page(link, from, limits::kRoutesPageMax, limits::kRoutesPagePlaces,
                        std::forward<Visit>(visit));
  }
  /// Sums over loops, by name.
  std::vector<std::pair<std::string_view, uint64_t>> LinkCounters(int link) const;
  LinkTimes LinkHistogram(int link, link::LogHistogram link::LinkMetrics::* which) const;
  /// Every loop works by what ConfigureLinks said last.
  bool LinksConfigured() const;

  /// Any thread: the next stretch of this cluster's interest, cut by a link's topics, as a route
  /// term.
  BootstrapBatch MakeBootstrap(const BootstrapRequest& request);

  // LoopPeers: every thread
  void WakeLoop(int loop) override { loops_[static_cast<size_t>(loop)]->WakeUp(); }
  void PostTo(int loop, Command command) override;
  void EventsWaiting() override { notify_(argument_); }
  EdgePort* edge() override { return &edge_; }

  // link::RouteSink
  void AddRoute(std::string_view filter, int link) override;
  void RemoveRoute(std::string_view filter, int link) override;
  void AddHolding(std::string_view filter, int link, std::string_view route_id) override;
  void RemoveHolding(std::string_view filter, int link, std::string_view route_id) override;

  // link::TransitSink
  void Announce(link::RouteOperation::Kind kind, int link, std::string_view filter,
                std::string_view route_id) override;

 private:
  struct Interest {
    bool open = false;
    link::LinkTopics topics;
    std::unique_ptr<link::DeltaBatch> batch;
  };
  /// A filter whose reference may go once loop `loop` has executed `executed` commands.
  struct Limbo {
    int loop;
    uint64_t executed;
    router::Filter* filter;
  };

  void Post(int loop, Command command);
  template <typename One>
  void Gather(int loop, One&& command);
  void PostGathered(int loop);
  void SubmitAttach(RecordReader* reader, int loop);
  void SubmitAnswer(RecordReader* reader, int loop);
  SubscriptionChange Change(const router::GroupMember& member, uint32_t flags,
                            uint32_t subscription_id, std::string_view filter,
                            std::string_view group);
  void Edge(link::RouteOperation::Kind kind, const router::Filter& edge, std::string_view group);
  void ReleaseLimbo();
  void UpdateInterestFlags(int link);
  void ConfigureTransit(const fanout::LinkPlan& plan);
  uint32_t& EpochOf(int link, int lane);

  const EngineOptions options_;
  void (*const notify_)(void*);
  void* const argument_;
  EpochDomain epochs_;
  const HashSeed seed_;
  router::Index index_;
  retained::RetainedIndex retained_;
  fanout::Fabric fabric_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::vector<std::pair<uint32_t, UnixListener>> unix_files_;  // by listener, while it is open
  EdgePort edge_;
  std::map<uint32_t, std::shared_ptr<TicketKeys>> tickets_;  // by number of the context
  std::vector<std::unique_ptr<IoLoop>> loops_;
  std::vector<std::atomic<uint64_t>> posted_;  // commands posted, by loop
  /// Of the batch that is being submitted, by loop; bound: limits::kCommandsTogether each.
  std::vector<std::vector<Command>> gathered_;
  /// By its commands, with their loops; as many as that batch has unsubscribes.
  std::vector<std::pair<int, router::Filter*>> released_;
  std::deque<Limbo> limbo_;
  Interest interests_[kLinks];
  uint8_t interest_flags_[2 * kLinks] = {};
  link::InterestDigest interest_digests_[kLinks];
  link::RouteTable routes_;
  link::TransitRoutes transit_{this, limits::kTransitRoutesMax};
  uint64_t transit_asked_ = 0;  // links whose configuration asks for transit
  std::shared_ptr<const fanout::LinkPlan> plan_ = std::make_shared<fanout::LinkPlan>();
  uint64_t plan_number_ = 0;
  std::vector<std::vector<uint32_t>> route_epochs_;  // by link, lane
  std::vector<std::string> cuts_;
  uint64_t retained_expired_ = 0;
  bool started_ = false;
  bool halted_ = false;
};

}  // namespace causeway::transport
