#include "retained/index.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "core/check.h"
#include "core/fence.h"
#include "retained/shard.h"
#include "retained/topic_order.h"

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

Shard& RetainedIndex::ShardOf(std::string_view topic) const {
  return shards_[Hash(topic, seed_) % kShards];
}

PutResult RetainedIndex::Put(Message* message) {
  const PutResult result = message->payload_bytes == 0 ? Delete(message->topic()) : Store(message);
  // StoreLoad, meets the fence in Horizon: either the publisher's match, which follows, sees the
  // subscriber's insertion, or the subscriber's horizon and scan see what was stored. Without it
  // both may miss, and the subscriber never hears.
  FullFence();
  return result;
}

PutResult RetainedIndex::Store(Message* message) {
  const size_t max_payload = max_payload_bytes_.load(std::memory_order_relaxed);
  if (max_payload != 0 && message->payload_bytes > max_payload)
    return PutResult::kRefusedPayloadSize;
  // Relaxed: made from the caller's reference, as in MessageRef's copy.
  message->references.fetch_add(1, std::memory_order_relaxed);
  MessageRef ours = MessageRef::Adopt(message);

  MessageRef replaced;  // ends after the lock
  Shard& shard = ShardOf(message->topic());
  const std::lock_guard lock(shard.mutex);
  const MessageRef* old = shard.Find(message->topic());
  const size_t cost = CostOf(*message), old_cost = old == nullptr ? 0 : CostOf(**old);
  if (cost > old_cost &&
      !Reserve(&bytes_, cost - old_cost, max_total_bytes_.load(std::memory_order_relaxed))) {
    return PutResult::kRefusedBytes;
  }
  if (old == nullptr && !Reserve(&count_, 1, max_messages_.load(std::memory_order_relaxed))) {
    GiveBack(&bytes_, cost);
    return PutResult::kRefusedCount;
  }
  // seq_cst, under the lock: who reads this version as its horizon and then takes the lock finds
  // the message behind it.
  message->retain_version = version_.fetch_add(1, std::memory_order_seq_cst) + 1;
  replaced = shard.Put(std::move(ours));
  if (old_cost > cost) GiveBack(&bytes_, old_cost - cost);
  return PutResult::kStored;
}

PutResult RetainedIndex::Delete(std::string_view topic) {
  MessageRef taken;  // ends after the lock
  Shard& shard = ShardOf(topic);
  {
    const std::lock_guard lock(shard.mutex);
    taken = shard.Take(topic);
  }
  if (!taken) return PutResult::kNothingToDelete;
  GiveBack(&count_, 1);
  GiveBack(&bytes_, CostOf(*taken));
  return PutResult::kDeleted;
}

uint64_t RetainedIndex::Horizon() const {
  FullFence();  // meets the one in Put, see there
  return version_.load(std::memory_order_seq_cst);
}

void RetainedIndex::Scan(std::string_view filter, uint64_t horizon, int64_t now_ms,
                         size_t max_visits, Cursor* cursor,
                         const std::function<void(MessageRef)>& visit) {
  CHECK(max_visits > 0);
  if (cursor->done) return;
  // Nothing stored since the caller's Horizon(), whose fence orders this load against a Put that
  // did not see the caller.
  if (count() == 0) {
    cursor->done = true;
    return;
  }
  const Search search{filter, horizon, now_ms};
  std::vector<MessageRef> found;
  if (!IsWildcard(filter)) {
    Shard& shard = ShardOf(filter);
    const std::lock_guard lock(shard.mutex);
    const MessageRef* message = shard.Find(filter);
    if (message != nullptr && shard.Wanted(search, **message)) found.push_back(*message);
    cursor->shard = kShards;
  }
  for (size_t visits = max_visits; cursor->shard < kShards && visits > 0;) {
    Shard& shard = shards_[cursor->shard];
    const std::lock_guard lock(shard.mutex);
    if (cursor->from.empty()) cursor->from = LiteralPrefix(filter);
    if (!shard.Collect(search, &cursor->from, &visits, &found)) break;
    cursor->from.clear();
    ++cursor->shard;
  }
  cursor->done = cursor->shard == kShards;
  for (MessageRef& message : found) visit(std::move(message));
}

size_t RetainedIndex::Expire(int64_t now_ms, size_t max_visits) {
  std::vector<MessageRef> gone;  // end after the locks
  size_t visits = 0;
  for (uint32_t shards = 0; shards < kShards; ++shards) {
    Shard& shard = shards_[expire_shard_];
    const std::lock_guard lock(shard.mutex);
    for (;;) {
      if (visits++ == max_visits) return gone.size();
      MessageRef message = shard.TakeExpired(now_ms);
      if (!message) break;
      GiveBack(&count_, 1);
      GiveBack(&bytes_, CostOf(*message));
      gone.push_back(std::move(message));
    }
    expire_shard_ = (expire_shard_ + 1) % kShards;
  }
  return gone.size();
}

}  // namespace causeway::retained
