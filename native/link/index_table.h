// A hash index from keys kept elsewhere to 32-bit positions: open addressing, cut into shards so
// that growing never moves more than a small part of it at once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace causeway::link {

/// Maps a 64-bit hash to candidate positions; the owner compares keys. Linear probing,
/// backward-shift deletion. A slot is 8 bytes and a shard is at most 4/5 full: 10 to 20 bytes an
/// entry. Thread: its owner's.
class IndexTable {
 public:
  static constexpr uint32_t kNone = 0xFFFFFFFF;

  IndexTable() = default;
  IndexTable(const IndexTable&) = delete;
  IndexTable& operator=(const IndexTable&) = delete;

  /// The position whose hash agrees and for which `equal(position)` holds, else kNone.
  template <typename Equal>
  uint32_t Find(uint64_t hash, Equal&& equal) const {
    const Shard& shard = shards_[ShardOf(hash)];
    if (shard.count == 0) return kNone;
    const uint32_t mask = shard.capacity - 1;
    for (uint32_t at = Tag(hash) & mask;; at = (at + 1) & mask) {
      const Slot& slot = shard.slots[at];
      if (slot.position == kNone) return kNone;
      if (slot.tag == Tag(hash) && equal(slot.position)) return slot.position;
    }
  }
  /// Adds a position whose key is not in the table.
  void Insert(uint64_t hash, uint32_t position);
  /// Removes a position that is in the table under that hash.
  void Erase(uint64_t hash, uint32_t position);
  /// Points an entry at another position with an equal key.
  void Replace(uint64_t hash, uint32_t from, uint32_t to);
  void Clear();
  size_t size() const { return size_; }
  size_t bytes() const;

 private:
  static constexpr size_t kShards = 256;
  struct Slot {
    uint32_t tag;
    uint32_t position;
  };
  struct Shard {
    std::unique_ptr<Slot[]> slots;
    uint32_t capacity = 0;  // a power of two, or 0
    uint32_t count = 0;
  };

  static size_t ShardOf(uint64_t hash) { return hash >> 56; }
  static uint32_t Tag(uint64_t hash) { return static_cast<uint32_t>(hash); }
  static void Resize(Shard* shard, uint32_t capacity);
  static uint32_t Locate(const Shard& shard, uint64_t hash, uint32_t position);

  std::array<Shard, kShards> shards_;
  size_t size_ = 0;
};

}  // namespace causeway::link
