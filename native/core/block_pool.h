// Output blocks of one loop: bytes on their way to sockets, in three sizes, with a bounded stock of
// free ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

#include "core/check.h"
#include "core/limits.h"

namespace causeway {

/// Bytes [begin, end) wait to be written; [end, capacity) is free. Owner: the out-buffer that took
/// it, which chains blocks through `next`; a block never leaves its loop.
struct Block {
  Block* next = nullptr;
  uint32_t begin = 0;
  uint32_t end = 0;
  uint32_t capacity = 0;
  uint32_t size_class = 0;  // the pool's own

  char* data() { return reinterpret_cast<char*>(this + 1); }
  const char* data() const { return reinterpret_cast<const char*>(this + 1); }
  uint32_t used() const { return end - begin; }
  uint32_t room() const { return capacity - end; }
};

/// Single-threaded. Bound: `free_bytes_max` of free blocks; full: blocks go back to malloc. What is
/// in use is bounded by its users (limits::kOutBytesMax a connection).
class BlockPool {
 public:
  /// Whole allocations, header included. The small one holds a round's acknowledgements or a few
  /// small messages, the large one a burst.
  static constexpr uint32_t kClassBytes[] = {2 * 1024, 16 * 1024, 64 * 1024};
  static constexpr uint32_t kClasses = 3;
  static constexpr uint32_t kCapacityMax = kClassBytes[kClasses - 1] - sizeof(Block);

  explicit BlockPool(size_t free_bytes_max = limits::kFreeBlockBytesMax)
      : free_bytes_max_(free_bytes_max) {}
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;
  /// CHECKs that every block has come back.
  ~BlockPool() {
    CHECK(used_bytes_ == 0);
    Trim();
  }

  /// An empty block of the smallest class with at least `bytes` of capacity, of the largest class
  /// when none has.
  Block* Take(size_t bytes) {
    uint32_t size_class = 0;
    while (size_class + 1 < kClasses && kClassBytes[size_class] - sizeof(Block) < bytes)
      ++size_class;
    used_bytes_ += kClassBytes[size_class];
    Block* block = free_[size_class];
    if (block != nullptr) {
      free_[size_class] = block->next;
      free_bytes_ -= kClassBytes[size_class];
      block->next = nullptr;
      block->begin = block->end = 0;
      return block;
    }
    void* memory = std::malloc(kClassBytes[size_class]);
    CHECK(memory != nullptr);
    block = new (memory) Block;
    block->size_class = size_class;
    block->capacity = kClassBytes[size_class] - sizeof(Block);
    return block;
  }

  /// Takes `block` back; its bytes are gone.
  void Give(Block* block) {
    const uint32_t bytes = kClassBytes[block->size_class];
    used_bytes_ -= bytes;
    if (free_bytes_ + bytes > free_bytes_max_) {
      std::free(block);
      return;
    }
    free_bytes_ += bytes;
    block->next = free_[block->size_class];  // last in, first out: its lines are warm
    free_[block->size_class] = block;
  }

  /// Returns the whole stock to malloc, for an idle loop.
  void Trim() {
    for (Block*& list : free_) {
      while (list != nullptr) {
        Block* block = list;
        list = block->next;
        std::free(block);
      }
    }
    free_bytes_ = 0;
  }

  size_t used_bytes() const { return used_bytes_; }
  size_t free_bytes() const { return free_bytes_; }

 private:
  size_t free_bytes_max_;
  size_t free_bytes_ = 0;
  size_t used_bytes_ = 0;
  Block* free_[kClasses] = {};
};

}  // namespace causeway
