#include "link/index_table.h"

#include "core/check.h"

namespace causeway::link {
namespace {

constexpr uint32_t kFirstCapacity = 8;
/// A shard emptier than this share of its capacity is halved.
constexpr uint32_t kSparse = 8;

bool IsFull(uint32_t count, uint32_t capacity) {
  return uint64_t{count} * 5 >= uint64_t{capacity} * 4;
}

}  // namespace

void IndexTable::Resize(Shard* shard, uint32_t capacity) {
  auto slots = std::make_unique_for_overwrite<Slot[]>(capacity);
  for (uint32_t i = 0; i < capacity; ++i) slots[i] = {0, kNone};
  const uint32_t mask = capacity - 1;
  for (uint32_t i = 0; i < shard->capacity; ++i) {
    const Slot& slot = shard->slots[i];
    if (slot.position == kNone) continue;
    uint32_t at = slot.tag & mask;
    while (slots[at].position != kNone) at = (at + 1) & mask;
    slots[at] = slot;
  }
  shard->slots = std::move(slots);
  shard->capacity = capacity;
}

void IndexTable::Insert(uint64_t hash, uint32_t position) {
  CHECK(position != kNone);
  Shard& shard = shards_[ShardOf(hash)];
  if (IsFull(shard.count, shard.capacity)) {
    Resize(&shard, shard.capacity == 0 ? kFirstCapacity : shard.capacity * 2);
  }
  const uint32_t mask = shard.capacity - 1;
  uint32_t at = Tag(hash) & mask;
  while (shard.slots[at].position != kNone) at = (at + 1) & mask;
  shard.slots[at] = {Tag(hash), position};
  ++shard.count;
  ++size_;
}

uint32_t IndexTable::Locate(const Shard& shard, uint64_t hash, uint32_t position) {
  CHECK(shard.count > 0);
  const uint32_t mask = shard.capacity - 1;
  uint32_t at = Tag(hash) & mask;
  while (shard.slots[at].position != position) {
    CHECK(shard.slots[at].position != kNone);
    at = (at + 1) & mask;
  }
  return at;
}

void IndexTable::Erase(uint64_t hash, uint32_t position) {
  Shard& shard = shards_[ShardOf(hash)];
  const uint32_t mask = shard.capacity - 1;
  uint32_t hole = Locate(shard, hash, position);
  // Whatever probed past the hole to reach its place moves back into it.
  for (uint32_t at = (hole + 1) & mask; shard.slots[at].position != kNone; at = (at + 1) & mask) {
    const uint32_t home = shard.slots[at].tag & mask;
    if (((at - home) & mask) < ((at - hole) & mask)) continue;
    shard.slots[hole] = shard.slots[at];
    hole = at;
  }
  shard.slots[hole].position = kNone;
  --size_;
  if (--shard.count == 0) {
    shard = Shard{};
  } else if (shard.capacity > kFirstCapacity && shard.count < shard.capacity / kSparse) {
    Resize(&shard, shard.capacity / 2);
  }
}

void IndexTable::Replace(uint64_t hash, uint32_t from, uint32_t to) {
  Shard& shard = shards_[ShardOf(hash)];
  shard.slots[Locate(shard, hash, from)].position = to;
}

void IndexTable::Clear() {
  for (Shard& shard : shards_) shard = Shard{};
  size_ = 0;
}

size_t IndexTable::bytes() const {
  size_t slots = 0;
  for (const Shard& shard : shards_) slots += shard.capacity;
  return slots * sizeof(Slot);
}

}  // namespace causeway::link
