#include "retained/index.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <utility>

#include "core/check.h"
#include "core/fence.h"
#include "core/limits.h"
#include "retained/shard.h"
#include "retained/topic_order.h"
#include "retained/write_order.h"

namespace causeway::retained {
namespace {

size_t CostOf(const Message& message) { return message.bytes() + Shard::kEntryBytes; }

/// Adds `amount` unless that takes `total` past `limit` (0: none). Relaxed: an account orders
/// nothing by itself; where its order matters (Scan), fences give it.
bool Reserve(std::atomic<size_t>* total, size_t amount, size_t limit) {
  size_t now = total->load(std::memory_order_relaxed);
  do {
    if (limit != 0 && (amount > limit || now > limit - amount)) return false;
  } while (!total->compare_exchange_weak(now, now + amount, std::memory_order_relaxed));
  return true;
}

void GiveBack(std::atomic<size_t>* total, size_t amount) {
  total->fetch_sub(amount, std::memory_order_relaxed);
}

/// Why `message` must not take the place of what is held; nothing when it may.
std::optional<PutResult> Loses(const Message& message, const MessageRef* held, Order order) {
  if (order != Order::kStamp || held == nullptr) return std::nullopt;
  const int compared = CompareWrites(message, **held);
  if (compared > 0) return std::nullopt;
  return compared == 0 ? PutResult::kSame : PutResult::kOlder;
}

void Stamp(Message* message, const MessageRef* held, int64_t stamp_max) {
  if (held == nullptr || (*held)->timestamp_ms > stamp_max) return;
  message->timestamp_ms = std::max(message->timestamp_ms, (*held)->timestamp_ms + 1);
}

}  // namespace

RetainedIndex::RetainedIndex(HashSeed seed, Limits limits)
    : seed_(seed), shards_(std::make_unique<Shard[]>(kShards)) {
  set_limits(limits);
  for (uint32_t i = 0; i < kShards; ++i) shards_[i].lifetime_ms = limits.lifetime_ms;
}

RetainedIndex::~RetainedIndex() = default;

void RetainedIndex::set_limits(Limits limits) {
  max_messages_.store(limits.max_messages, std::memory_order_relaxed);
  max_payload_bytes_.store(limits.max_payload_bytes, std::memory_order_relaxed);
  max_total_bytes_.store(limits.max_total_bytes, std::memory_order_relaxed);
}

size_t RetainedIndex::count() const { return count_.load(std::memory_order_relaxed); }
size_t RetainedIndex::bytes() const { return bytes_.load(std::memory_order_relaxed); }
size_t RetainedIndex::tombstones() const { return tombstones_.load(std::memory_order_relaxed); }

Shard& RetainedIndex::ShardOf(std::string_view topic) const {
  return shards_[Hash(topic, seed_) % kShards];
}

PutResult RetainedIndex::Put(Message* message, Order order, int64_t stamp_max) {
  const PutResult result = message->payload_bytes == 0 ? Delete(message, order, stamp_max)
                                                       : Store(message, order, stamp_max);
  // StoreLoad, meets the fence in Horizon: either the publisher's match, which follows, sees the
  // subscriber's insertion, or the subscriber's horizon and scan see what was stored. Without it
  // both may miss, and the subscriber never hears.
  FullFence();
  return result;
}

PutResult RetainedIndex::Store(Message* message, Order order, int64_t stamp_max) {
  const size_t max_payload = max_payload_bytes_.load(std::memory_order_relaxed);
  if (max_payload != 0 && message->payload_bytes > max_payload)
    return PutResult::kRefusedPayloadSize;
  // Relaxed: made from the caller's reference, as in MessageRef's copy.
  message->references.fetch_add(1, std::memory_order_relaxed);
  MessageRef ours = MessageRef::Adopt(message);

  MessageRef replaced;  // ends after the lock
  Shard& shard = ShardOf(message->topic());
  const std::lock_guard lock(shard.mutex);
  const MessageRef* held = shard.Find(message->topic());
  if (const auto lost = Loses(*message, held, order)) return *lost;
  const bool is_new = held == nullptr || IsTombstone(**held);
  const size_t cost = CostOf(*message), old_cost = is_new ? 0 : CostOf(**held);
  if (cost > old_cost &&
      !Reserve(&bytes_, cost - old_cost, max_total_bytes_.load(std::memory_order_relaxed))) {
    return PutResult::kRefusedBytes;
  }
  if (is_new && !Reserve(&count_, 1, max_messages_.load(std::memory_order_relaxed))) {
    GiveBack(&bytes_, cost);
    return PutResult::kRefusedCount;
  }
  if (order == Order::kLocal) Stamp(message, held, stamp_max);
  if (is_new && held != nullptr) Account(&shard, **held);
  // seq_cst, under the lock: who reads this version as its horizon and then takes the lock finds
  // the message behind it.
  message->retain_version = version_.fetch_add(1, std::memory_order_seq_cst) + 1;
  replaced = shard.Put(std::move(ours));
  if (old_cost > cost) GiveBack(&bytes_, old_cost - cost);
  return PutResult::kStored;
}

PutResult RetainedIndex::Delete(Message* message, Order order, int64_t stamp_max) {
  std::vector<MessageRef> gone;  // end after the lock
  Shard& shard = ShardOf(message->topic());
  const std::lock_guard lock(shard.mutex);
  const MessageRef* held = shard.Find(message->topic());
  if (const auto lost = Loses(*message, held, order)) return *lost;
  if (order == Order::kLocal) Stamp(message, held, stamp_max);
  if (held != nullptr) {
    gone.push_back(shard.Take(message->topic()));
    Account(&shard, *gone.front());
  }
  const bool deleted = !gone.empty() && !IsTombstone(*gone.front());
  if (order != Order::kArrival) Bury(&shard, *message, &gone);
  return deleted ? PutResult::kDeleted : PutResult::kNothingToDelete;
}

/// A tombstone of its own: what is kept has no properties, so that the bound means many.
void RetainedIndex::Bury(Shard* shard, const Message& message, std::vector<MessageRef>* gone) {
  MessageRef tombstone = MessageRef::Adopt(Message::Create(message.topic(), {}, {}, {}));
  tombstone->retain = true;
  tombstone->qos = message.qos;
  tombstone->origin = message.origin;
  tombstone->link = message.link;
  tombstone->protocol_version = message.protocol_version;
  tombstone->timestamp_ms = message.timestamp_ms;
  tombstone->received_ms = message.received_ms;
  tombstone->retain_version = version_.fetch_add(1, std::memory_order_seq_cst) + 1;
  const size_t cost = CostOf(*tombstone);
  while (shard->tombstone_bytes + cost > limits::kTombstoneBytesMax / kShards) {
    MessageRef oldest = shard->TakeOldestTombstone();
    if (!oldest) return;  // a topic that is larger than the bound
    Account(shard, *oldest);
    gone->push_back(std::move(oldest));
  }
  shard->tombstone_bytes += cost;
  tombstones_.fetch_add(1, std::memory_order_relaxed);
  shard->Put(std::move(tombstone));
}

void RetainedIndex::Account(Shard* shard, const Message& gone) {
  if (IsTombstone(gone)) {
    shard->tombstone_bytes -= CostOf(gone);
    tombstones_.fetch_sub(1, std::memory_order_relaxed);
    return;
  }
  GiveBack(&count_, 1);
  GiveBack(&bytes_, CostOf(gone));
}

uint64_t RetainedIndex::Horizon() const {
  FullFence();  // meets the one in Put, see there
  return version_.load(std::memory_order_seq_cst);
}

bool RetainedIndex::MayFind(std::string_view filter) const {
  if (count() == 0) return false;  // the caller's Horizon() orders this load, see Walk
  if (IsWildcard(filter)) return true;
  Shard& shard = ShardOf(filter);
  const std::lock_guard lock(shard.mutex);
  const MessageRef* held = shard.Find(filter);
  return held != nullptr && !IsTombstone(**held);
}

void RetainedIndex::Scan(std::string_view filter, uint64_t horizon, int64_t now_ms,
                         size_t max_visits, Cursor* cursor,
                         const std::function<void(MessageRef)>& visit) {
  Walk({filter, horizon, now_ms, false}, max_visits, cursor, visit);
}

void RetainedIndex::ScanWrites(std::string_view filter, int64_t now_ms, size_t max_visits,
                               Cursor* cursor, const std::function<void(MessageRef)>& visit) {
  Walk({filter, UINT64_MAX, now_ms, true}, max_visits, cursor, visit);
}

void RetainedIndex::Walk(const Search& search, size_t max_visits, Cursor* cursor,
                         const std::function<void(MessageRef)>& visit) {
  CHECK(max_visits > 0);
  if (cursor->done) return;
  // Nothing stored since the caller's Horizon(), whose fence orders this load against a Put that
  // did not see the caller.
  if (count() == 0 && (!search.tombstones || tombstones() == 0)) {
    cursor->done = true;
    return;
  }
  std::vector<MessageRef> found;
  if (!IsWildcard(search.filter)) {
    Shard& shard = ShardOf(search.filter);
    const std::lock_guard lock(shard.mutex);
    const MessageRef* message = shard.Find(search.filter);
    if (message != nullptr && shard.Wanted(search, **message)) found.push_back(*message);
    cursor->shard = kShards;
  }
  for (size_t visits = max_visits; cursor->shard < kShards && visits > 0;) {
    Shard& shard = shards_[cursor->shard];
    const std::lock_guard lock(shard.mutex);
    if (cursor->from.empty()) cursor->from = LiteralPrefix(search.filter);
    if (!shard.Collect(search, &cursor->from, &visits, &found)) break;
    cursor->from.clear();
    ++cursor->shard;
  }
  cursor->done = cursor->shard == kShards;
  for (MessageRef& message : found) visit(std::move(message));
}

size_t RetainedIndex::Expire(int64_t now_ms, size_t max_visits) {
  std::vector<MessageRef> gone;  // end after the locks
  size_t visits = 0, expired = 0;
  for (uint32_t shards = 0; shards < kShards; ++shards) {
    Shard& shard = shards_[expire_shard_];
    const std::lock_guard lock(shard.mutex);
    for (;;) {
      if (visits++ == max_visits) return expired;
      MessageRef message = shard.TakeExpired(now_ms);
      if (!message) break;
      Account(&shard, *message);
      if (!IsTombstone(*message)) ++expired;
      gone.push_back(std::move(message));
    }
    expire_shard_ = (expire_shard_ + 1) % kShards;
  }
  return expired;
}

}  // namespace causeway::retained
