// Telling linked Causeways what we hold (`retained_sync`): each slot walks the retained index for
// its own topics, as fast as its far end acknowledges. What is published meanwhile goes the way of
// every message, so nothing is missed: a walk begins when every loop knows that it does.
#include <algorithm>

#include "core/clock.h"
#include "core/limits.h"
#include "fanout/link_egress.h"

namespace causeway::fanout {
namespace {

/// Messages that the far end should have had and did not get.
uint64_t LossesOf(const link::LinkMetrics& metrics) {
  return metrics.overflowed.load(std::memory_order_relaxed) +
         metrics.expired.load(std::memory_order_relaxed);
}

/// Every loop works by the plan in which the two sides agreed, or by a later one: what one of them
/// has stored before that is in the index (acquire, see LinkMetrics::plan), what it stores later
/// goes to the link itself.
bool IsKnown(const LinkSpec& spec, int loops) {
  for (int loop = 0; loop < loops; ++loop) {
    if (spec.metrics[static_cast<size_t>(loop)].plan.load(std::memory_order_acquire) <
        spec.sync_since)
      return false;
  }
  return true;
}

}  // namespace

void LinkEgress::AgreeOnSnapshot(Slot* slot) {
  const LinkSpec* spec = plan_->At(slot->link);
  if ((plan_->told >> slot->link & 1) == 0) {
    slot->snapshot.running = false;
    return;
  }
  if (slot->snapshot.since == spec->sync_since) return;
  slot->snapshot.since = spec->sync_since;
  slot->snapshot.lost = std::max(slot->snapshot.lost, spec->sync_lost);
  BeginSnapshot(slot, 0);
}

void LinkEgress::BeginSnapshot(Slot* slot, int64_t now_ms) {
  const LinkSpec* spec = plan_->At(slot->link);
  if (slot->connection == nullptr || (plan_->told >> slot->link & 1) == 0 ||
      !spec->pool.Has(slot->index))
    return;
  RetainedSnapshot& snapshot = slot->snapshot;
  snapshot.running = true;
  snapshot.filter = 0;
  snapshot.cursor = {};
  snapshot.began_ms = now_ms;
  snapshot.losses = LossesOf(*slot->metrics);
  snapshots_running_ = true;
}

bool LinkEgress::StepSnapshots(retained::RetainedIndex* retained, int64_t now_ms) {
  size_t budget = limits::kSnapshotTurnTopics;
  bool has_room = false;
  snapshots_running_ = false;
  for (size_t i = 0; i < slots_.size(); ++i) {
    Slot* slot = slots_[(first_snapshot_ + i) % slots_.size()].get();
    if (!slot->snapshot.running) continue;
    const LinkSpec& spec = *plan_->At(slot->link);
    if (slot->connection != nullptr && IsKnown(spec, loops_))
      has_room |= StepSnapshot(slot, spec, retained, now_ms, &budget);
    snapshots_running_ |= slot->snapshot.running;
  }
  ++first_snapshot_;
  return has_room;
}

/// Goes on while the far end takes it. True: it would take more, and the turn's budget is used up.
bool LinkEgress::StepSnapshot(Slot* slot, const LinkSpec& spec, retained::RetainedIndex* retained,
                              int64_t now_ms, size_t* budget) {
  RetainedSnapshot& snapshot = slot->snapshot;
  const std::vector<std::string>& filters = spec.retained.filters();
  const int64_t wall_ms = WallClockMs();
  const auto tell = [&](const MessageRef& message) {
    if (SlotOf(Hash(message->topic(), seed_), spec.pool) != slot->index) return;
    // What they told us they know, unless they have lost it.
    const bool is_theirs = message->origin == Origin::kLink && message->link == slot->link;
    if (is_theirs && message->retain_version > snapshot.lost) return;
    if (message->origin == Origin::kSys) return;
    char id[link::kMessageIdBytes];
    const Publication publication = Publication::Of(message);
    Bump(slot->metrics->retained_sent);
    // QoS 1 whatever the message has: the acknowledgements are what keeps the pace.
    Push(slot, 1, EncodeTerm(publication, MakeId(wall_ms, id), state_extra_, wall_ms), now_ms);
  };
  const size_t step =
      spec.buffer_bytes_max < limits::kSnapshotBufferBytes ? 1 : limits::kReplaySliceTopics;
  while (snapshot.filter < filters.size()) {
    if (slot->box.waiting() >= limits::kSnapshotWaitingMax ||
        slot->box.bytes() > spec.buffer_bytes_max / 2)
      return false;
    if (*budget == 0) return true;
    const size_t slice = std::min(*budget, step);
    *budget -= slice;
    retained->ScanWrites(filters[snapshot.filter], now_ms, slice, &snapshot.cursor, tell);
    if (!snapshot.cursor.done) continue;
    ++snapshot.filter;
    snapshot.cursor = {};
  }
  snapshot.running = false;
  snapshot.lost = 0;
  return false;
}

/// What a connection lost while it was up no later message makes good: all is told again.
void LinkEgress::RepairSnapshot(Slot* slot, int64_t now_ms) {
  const RetainedSnapshot& snapshot = slot->snapshot;
  if (snapshot.since == 0 || snapshot.running || snapshot.losses == LossesOf(*slot->metrics) ||
      now_ms - snapshot.began_ms < limits::kSnapshotAgainMs)
    return;
  BeginSnapshot(slot, now_ms);
}

}  // namespace causeway::fanout
