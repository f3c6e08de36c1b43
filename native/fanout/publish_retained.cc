// What a PUBLISH with RETAIN does to the retained messages, here and in clusters that hold them too
// (`retained_sync`): stored before it is matched, under a stamp that orders it everywhere.
#include "core/clock.h"
#include "core/limits.h"
#include "fanout/shard.h"

namespace causeway::fanout {

using session::Connection;

Shard::Published Shard::TellLinks(Publication* publication, Connection* connection,
                                  int64_t now_ms) {
  if (publication->told == 0) return Published::kDone;
  Entries rest;
  ToLinks(publication, publication->told, Hash(publication->topic, fabric_->seed), now_ms, &rest);
  if (rest.empty()) return Published::kDone;
  return Suspend(publication, nullptr, &rest, connection);
}

void Shard::StoreRetained(Publication* publication) {
  using retained::Order;
  const LinkPlan& plan = *links_.plan();
  const uint64_t shared =
      MayCrossLinks(publication->origin) ? plan.SharedBy(publication->topic) : 0;
  const int64_t wall_ms = WallClockMs();
  if (publication->timestamp_ms == 0) publication->timestamp_ms = wall_ms;
  Message* message = publication->Share().get();
  const retained::PutResult result = fabric_->retained->Put(
      message, shared == 0 ? Order::kArrival : Order::kLocal, wall_ms + limits::kRetainedAheadMs);
  CountRetained(result);
  publication->retain_version = message->retain_version;
  publication->timestamp_ms = message->timestamp_ms;
  // What we could not store ourselves is no state of ours.
  if (retained::IsRefused(result)) return;
  publication->sync = shared & plan.sync;
  publication->told = publication->sync & plan.told;
  publication->sync_extra = links_.live_extra();
}

retained::PutResult Shard::MergeRetained(Publication* publication) {
  Message* message = publication->Share().get();
  const retained::PutResult result = fabric_->retained->Put(message, retained::Order::kStamp);
  CountRetained(result);
  publication->retain_version = message->retain_version;
  return result;
}

void Shard::CountRetained(retained::PutResult result) {
  switch (result) {
    case retained::PutResult::kStored:
      return Bump(counters_->retained_stored);
    case retained::PutResult::kDeleted:
      return Bump(counters_->retained_deleted);
    case retained::PutResult::kNothingToDelete:
    case retained::PutResult::kOlder:
    case retained::PutResult::kSame:
    case retained::PutResult::kRefusedStamp:
      return;
    case retained::PutResult::kRefusedCount:
      return Bump(counters_->retained_refused_count);
    case retained::PutResult::kRefusedPayloadSize:
      return Bump(counters_->retained_refused_payload);
    case retained::PutResult::kRefusedBytes:
      return Bump(counters_->retained_refused_bytes);
  }
}

}  // namespace causeway::fanout
