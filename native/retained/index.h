// Retained messages: native, sharded by topic hash, one mutex a shard; touched only by retained
// publishes and replays.
//
// Publisher: Put → seq_cst fence (inside Put) → match. Subscriber: insert into the router →
// Horizon() (a seq_cst fence and the current version) → Scan up to that version. A message
// published meanwhile has a greater version and comes live; a live copy whose version is <= the
// member's `since` was replayed and is dropped. So every subscriber gets each once.
//
// Between the insertion and Horizon() the member's `since` is UINT64_MAX: a stored message that its
// loop meets before it calls Horizon() has a version no greater than that horizon, so the replay
// brings it. (Version 0, not stored, is always delivered.)
//
// Messages that linked clusters hold too (`retained_sync`) have an order beside it: the last writer
// wins, by the stamp that a message carries (write_order.h), and deletions are remembered for a
// while. A local write is always the last one, so it gets a stamp above that of what it replaces.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/hash.h"
#include "core/message.h"

namespace causeway::retained {

class Shard;
struct Search;

/// Full: the message is refused (not stored; an older one of its topic stays) and still goes to
/// current subscribers; the caller counts it by its PutResult.
struct Limits {
  size_t max_messages = 0;                   // 0: no limit (retainer.backend.max_retained_messages)
  size_t max_payload_bytes = 1 << 20;        // 0: no limit (retainer.max_payload_size)
  size_t max_total_bytes = size_t{1} << 30;  // with what the index adds to each; 0: no limit
  /// Of messages without a Message Expiry Interval (retainer.msg_expiry_interval); 0: for ever.
  /// Only what the index is made with counts.
  int64_t lifetime_ms = 0;
};

enum class PutResult : uint8_t {
  kStored,
  kDeleted,
  kNothingToDelete,  // remembered all the same, unless by Order::kArrival
  kOlder,            // Order::kStamp: what is held, or its deletion, was written later
  kSame,             // … is this very one
  kRefusedCount,
  kRefusedPayloadSize,
  kRefusedBytes,
  kRefusedStamp  // by the caller: from too far in the future to be believed
};

inline bool IsRefused(PutResult result) { return result >= PutResult::kRefusedCount; }

/// What a message must be to take the place of what is held under its topic.
enum class Order : uint8_t {
  kArrival,  // the next one; a deletion leaves nothing
  kLocal,    // the next one, stamped above what it replaces; a deletion leaves a tombstone
  kStamp,    // the one written last; a deletion leaves a tombstone
};

/// Where a scan stands. Opaque; starts default-constructed. Small, so that a paused replay costs
/// little. Belongs to one filter and one horizon; holds no lock and no reference, so the index may
/// change in between.
struct Cursor {
  uint32_t shard = 0;
  bool done = false;
  std::string from;  // this shard is done up to here; empty: not begun
};

class RetainedIndex {
 public:
  RetainedIndex(HashSeed seed, Limits limits);
  ~RetainedIndex();
  RetainedIndex(const RetainedIndex&) = delete;
  RetainedIndex& operator=(const RetainedIndex&) = delete;

  /// Any loop. Stores a reference to `message` under its topic, or deletes when its payload is
  /// empty [MQTT-3.3.1-5] [MQTT-3.3.1-6] [MQTT-3.3.1-7]. Sets message->retain_version (under the
  /// shard's lock) when stored; other threads share the message from then on, so nothing else in it
  /// may change. Ends with a seq_cst fence.
  ///
  /// Order::kLocal raises message->timestamp_ms above the stamp of what is held, unless that is
  /// above `stamp_max`: then nobody believes it, and it is no measure.
  PutResult Put(Message* message, Order order = Order::kArrival, int64_t stamp_max = 0);
  /// Subscriber side: seq_cst fence, then the newest version handed out.
  uint64_t Horizon() const;
  /// Subscriber side, after Horizon(): false when a Scan up to it would find nothing. Most
  /// subscriptions end here: one lookup for an exact filter, one load while nothing is stored.
  bool MayFind(std::string_view filter) const;
  /// Visits stored, unexpired messages with version <= horizon whose topic matches `filter`, at
  /// most `max_visits` (>= 1) topics looked at per call (bounded time under each lock); sets
  /// cursor->done at the end. Exact filters cost one lookup, wildcard filters at least one a shard;
  /// runs of topics that cannot match are leapt over. `visit` runs outside the locks with a
  /// reference of its own. A topic present throughout is visited once; order: none across topics.
  void Scan(std::string_view filter, uint64_t horizon, int64_t now_ms, size_t max_visits,
            Cursor* cursor, const std::function<void(MessageRef)>& visit);
  /// The same with everything of now, tombstones too: for a linked cluster.
  void ScanWrites(std::string_view filter, int64_t now_ms, size_t max_visits, Cursor* cursor,
                  const std::function<void(MessageRef)>& visit);
  /// Drops expired messages and old tombstones, at most `max_visits` looked at; returns how many
  /// messages went. Any one thread (timer). Finds them without looking at the others.
  size_t Expire(int64_t now_ms, size_t max_visits);

  size_t count() const;  // relaxed gauges, of messages
  size_t bytes() const;
  size_t tombstones() const;
  /// Any one thread. What is stored already stays.
  void set_limits(Limits limits);

 private:
  // Two publishers of retained messages meet at one lock in 1 of 64 cases, for a microsecond.
  static constexpr uint32_t kShards = 64;

  Shard& ShardOf(std::string_view topic) const;
  PutResult Store(Message* message, Order order, int64_t stamp_max);
  PutResult Delete(Message* message, Order order, int64_t stamp_max);
  void Bury(Shard* shard, const Message& message, std::vector<MessageRef>* gone);
  /// Gives back what a message or tombstone that left `shard` had taken.
  void Account(Shard* shard, const Message& gone);
  void Walk(const Search& search, size_t max_visits, Cursor* cursor,
            const std::function<void(MessageRef)>& visit);

  const HashSeed seed_;
  const std::unique_ptr<Shard[]> shards_;
  uint32_t expire_shard_ = 0;  // where Expire goes on; its thread's own

  // Written by set_limits, read by every Put. Relaxed: a Put beside a change may use either value.
  std::atomic<size_t> max_messages_, max_payload_bytes_, max_total_bytes_;

  // Reserved before a message enters its shard and given back after it left: never less than what
  // is stored.
  alignas(64) std::atomic<size_t> count_{0};
  std::atomic<size_t> bytes_{0};
  std::atomic<size_t> tombstones_{0};  // exact; under a shard's lock
  // The newest version handed out, always under a shard's lock: versions of one topic only grow.
  std::atomic<uint64_t> version_{0};
};

}  // namespace causeway::retained
