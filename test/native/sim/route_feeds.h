// How each broker's interest becomes routes at the others: the real delta batches, route terms and
// route tables over a connection that fails. When to bootstrap and when to sweep is decided by
// src/link, which test/sim/link.test.ts drives; here it is the least that keeps the contract.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "link/delta_batch.h"
#include "link/intersection.h"
#include "link/route_message.h"
#include "network.h"

namespace causeway::sim {

class RouteFeeds {
 public:
  explicit RouteFeeds(Network* network) : network_(network) {}

  /// The broker has started.
  void Start(int broker) {
    for (const LinkEntry& entry : network_->At(broker).links) {
      feeds_.push_back(std::make_unique<Feed>());
      Feed* feed = feeds_.back().get();
      feed->from = broker;
      feed->to = entry.remote;
      feed->life = network_->At(broker).life;
      Renew(feed);
      Tick(feed);
    }
  }
  /// Local interest in `filter` began or ended.
  void Change(int broker, const std::string& filter, bool begins) {
    std::vector<std::string> cut;
    for (const auto& feed : feeds_) {
      if (feed->from != broker || !Speaks(feed.get())) continue;
      feed->topics.Cut(filter, &cut);
      for (const std::string& part : cut) {
        feed->capture->Push(
            begins ? link::RouteOperation::Kind::kAdd : link::RouteOperation::Kind::kDelete, part,
            filter);
      }
      if (feed->capture->overflowed()) Renew(feed.get());
    }
  }
  /// The broker's `topics` for one link are others now: a new incarnation, as for any such edit.
  void Recut(int broker, int remote) {
    for (const auto& feed : feeds_)
      if (feed->from == broker && feed->to == remote && Speaks(feed.get())) Renew(feed.get());
  }
  /// The connection of one feed ends. `told`: at once, else after a silence.
  void Break(bool told) {
    Feed* feed = network_->chance.Pick(feeds_).get();
    if (told) {
      Down(feed);
    } else {
      feed->silent = true;
    }
  }
  /// What `holder` knows of `speaker`'s interest is true.
  void Judge(int speaker, int holder) {
    const Broker& far = network_->At(holder);
    const int link = far.LinkTo(speaker);
    const Broker& near = network_->At(speaker);
    const link::LinkTopics topics(near.links[static_cast<size_t>(near.LinkTo(holder))].topics);
    std::set<std::pair<int, std::string>> wanted;
    size_t holdings = 0;
    std::vector<std::string> cut;
    for (const std::string& filter : near.interest) {
      topics.Cut(filter, &cut);
      holdings += cut.size();
      for (const std::string& part : cut) wanted.emplace(link, part);
    }
    std::set<std::pair<int, std::string>> held;
    for (const auto& route : far.process->filters)
      if (route.first == link) held.insert(route);
    if (held != wanted || far.process->routes.holdings(link) != holdings)
      network_->ledger.Violated(NameOf(holder) + " holds other routes of " + NameOf(speaker) +
                                " than it should: " + std::to_string(held.size()) + ", not " +
                                std::to_string(wanted.size()));
  }

 private:
  static constexpr int kLane = 0;
  static constexpr int64_t kTtlMs = 30'000, kQuietMs = 2'000;
  static constexpr size_t kBatch = 3, kWindow = 2, kCaptureEntries = 12;

  struct Feed {
    int from = 0, to = 0, life = 0;
    link::LinkTopics topics;
    std::unique_ptr<link::DeltaBatch> capture;
    int64_t incarnation = 0;
    uint64_t attempt = 0;  // what belongs to an earlier one is dropped
    bool up = false, silent = false, walking = false;
    std::string cursor;
    size_t unacknowledged = 0;
    int64_t there_ms = 0, back_ms = 0, silent_since_ms = 0;
    // At the far end.
    int far_life = -1;  // the life that knows this actor
    int64_t far_incarnation = 0, heard_ms = 0;
    uint32_t epoch = 0;
    bool sweeping = false;
  };

  bool Speaks(const Feed* feed) { return network_->Alive(feed->from, feed->life) != nullptr; }
  Process* FarOf(const Feed* feed) { return network_->Alive(feed->to, feed->far_life); }
  int LinkAtFar(const Feed* feed) { return network_->At(feed->to).LinkTo(feed->from); }

  /// A new incarnation: capture is open before anything is walked.
  void Renew(Feed* feed) {
    const Broker& self = network_->At(feed->from);
    feed->topics = link::LinkTopics(self.links[static_cast<size_t>(self.LinkTo(feed->to))].topics);
    feed->incarnation = ++incarnations_;
    feed->capture = std::make_unique<link::DeltaBatch>(
        link::DeltaBatch::Limits{kCaptureEntries, 1 << 20}, HashSeed{1, 2});
    Down(feed);
  }
  void Down(Feed* feed) {
    const uint64_t attempt = ++feed->attempt;
    feed->up = feed->silent = false;
    feed->silent_since_ms = 0;
    feed->unacknowledged = 0;
    feed->capture->RestoreAll();
    network_->clock.After(10 + network_->chance.Below(network_->calm ? 500 : 3000),
                          [this, feed, attempt] { Connect(feed, attempt); });
  }
  void Connect(Feed* feed, uint64_t attempt) {
    if (feed->attempt != attempt || !Speaks(feed)) return;
    if (!network_->Reaches(feed->from, feed->to)) return Down(feed);
    feed->up = true;
    feed->there_ms = feed->back_ms = network_->clock.now_ms;
    Introduce(feed);
    feed->walking = true;
    feed->cursor.clear();
    Walk(feed, attempt);
  }
  /// actor_init at the far end.
  void Introduce(Feed* feed) {
    const int life = network_->At(feed->to).life;
    if (feed->far_life != life) {
      feed->far_life = life;
      feed->far_incarnation = feed->incarnation;
      feed->epoch = feed_epochs_++;
      feed->sweeping = true;  // of an earlier feed of that broker, when it was restarted
    } else if (feed->incarnation > feed->far_incarnation) {
      feed->far_incarnation = feed->incarnation;
      feed->epoch = feed_epochs_++;
      feed->sweeping = true;
    }
    feed->heard_ms = network_->clock.now_ms;
  }
  void Walk(Feed* feed, uint64_t attempt) {
    network_->clock.After(1 + network_->chance.Below(20), [this, feed, attempt] {
      if (feed->attempt != attempt || !Speaks(feed)) return;
      link::RouteBatchWriter batch("actor", feed->incarnation, 1000, 1 << 16);
      const std::set<std::string>& interest = network_->At(feed->from).interest;
      std::vector<std::string> cut;
      auto at = interest.upper_bound(feed->cursor);
      for (size_t n = 0; n < kBatch && at != interest.end(); ++n, ++at) {
        feed->topics.Cut(*at, &cut);
        for (const std::string& part : cut)
          batch.Append(link::RouteOperation::Kind::kAdd, part, *at);
        feed->cursor = *at;
      }
      if (batch.entries() > 0) Send(feed, batch.Finish(), 0);
      if (at != interest.end()) return Walk(feed, attempt);
      feed->walking = false;
      if (feed->unacknowledged == 0) SendLive(feed);
    });
  }
  /// After the bootstrap was acknowledged, so that no withdrawal is overtaken by it.
  void SendLive(Feed* feed) {
    link::DeltaBatch::Batch batch;
    while (feed->unacknowledged < kWindow &&
           feed->capture->Take(kBatch, 1 << 16, "actor", feed->incarnation, &batch)) {
      Send(feed, batch.payload, batch.token);
      batch = {};
    }
  }
  void Send(Feed* feed, std::string payload, uint64_t token) {
    ++feed->unacknowledged;
    const uint64_t attempt = feed->attempt;
    Clock& clock = network_->clock;
    feed->there_ms = std::max(feed->there_ms, clock.now_ms + network_->Delay());
    clock.After(feed->there_ms - clock.now_ms, [this, feed, attempt, payload, token] {
      if (feed->attempt != attempt) return;
      feed->silent = feed->silent || !network_->Reaches(feed->from, feed->to);
      if (feed->silent) return;  // what is lost once makes the rest of the connection useless
      if (!Apply(feed, payload)) return Down(feed);
      feed->back_ms = std::max(feed->back_ms, network_->clock.now_ms + network_->Delay());
      network_->clock.After(feed->back_ms - network_->clock.now_ms, [this, feed, attempt, token] {
        if (feed->attempt != attempt || feed->silent || !Speaks(feed)) return;
        --feed->unacknowledged;
        if (token != 0) feed->capture->Acknowledge(token);
        if (!feed->walking && (token != 0 || feed->unacknowledged == 0)) SendLive(feed);
      });
    });
  }
  bool Apply(Feed* feed, const std::string& payload) {
    Process* far = FarOf(feed);
    if (far == nullptr || IsFollowed(feed)) return false;
    link::RouteHeader header;
    std::string scratch;
    if (link::DecodeRouteMessage(payload, &scratch, &header) != link::RouteStatus::kOk)
      return false;
    link::RouteOperations operations(header);
    link::ApplyResult result;
    while (!far->routes.Apply(LinkAtFar(feed), kLane, feed->epoch, &operations, 2, &result)) {
    }
    if (result.invalid + result.refused > 0) network_->ledger.Violated("routes were left out");
    feed->heard_ms = network_->clock.now_ms;
    return true;
  }
  /// Heartbeats, sweeps, expiry, and changes that wait.
  void Tick(Feed* feed) {
    network_->clock.After(400 + network_->chance.Below(200), [this, feed] {
      const int64_t now_ms = network_->clock.now_ms;
      const bool heard =
          feed->up && !feed->silent && Speaks(feed) && network_->Reaches(feed->from, feed->to);
      if (Process* far = FarOf(feed)) Tend(feed, far, heard);
      if (!Speaks(feed)) {
        if (FarOf(feed) == nullptr || feed->far_life < 0) return;  // nothing is left of it
      } else if (feed->up && !heard) {
        if (feed->silent_since_ms == 0) feed->silent_since_ms = now_ms;
        if (now_ms - feed->silent_since_ms > 1'000 + network_->chance.Below(60'000)) Down(feed);
      } else if (feed->up) {
        feed->silent_since_ms = 0;
        if (FarOf(feed) == nullptr) Down(feed);  // a heartbeat of an unknown actor
        if (feed->up && !feed->walking && feed->unacknowledged == 0) SendLive(feed);
      }
      Tick(feed);
    });
  }
  void Tend(Feed* feed, Process* far, bool heard) {
    if (IsFollowed(feed)) {
      feed->far_life = -1;
      return;
    }
    const int64_t quiet_ms = network_->clock.now_ms - feed->heard_ms;
    if (feed->sweeping && heard && quiet_ms >= kQuietMs) {
      feed->sweeping = far->routes.Sweep(LinkAtFar(feed), kLane, feed->epoch, 2) == 2;
    }
    if (heard && !feed->sweeping) feed->heard_ms = network_->clock.now_ms;
    if (quiet_ms <= kTtlMs) return;
    while (far->routes.Clear(LinkAtFar(feed), kLane, 2) == 2) {
    }
    feed->far_life = -1;
  }
  /// A later life of the same broker has introduced itself at the far end: the lane is its.
  bool IsFollowed(const Feed* feed) const {
    return std::any_of(feeds_.begin(), feeds_.end(), [feed](const auto& other) {
      return other.get() != feed && other->from == feed->from && other->to == feed->to &&
             other->far_life == feed->far_life && other->epoch > feed->epoch;
    });
  }

  Network* const network_;
  std::vector<std::unique_ptr<Feed>> feeds_;
  int64_t incarnations_ = 0;
  uint32_t feed_epochs_ = 1;
};

}  // namespace causeway::sim
