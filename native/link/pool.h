// Objects addressed by 32-bit positions, in chunks that never move: growing copies nothing, freeing
// is O(1).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/check.h"

namespace causeway::link {

/// Hands out positions of default-constructed T. `kFree`: a member of T that chains free places
/// while T is not in use. All chunks are given back when the last object is.
template <typename T, uint32_t T::* kFree>
class Pool {
 public:
  static constexpr uint32_t kNone = 0xFFFFFFFF;

  T& operator[](uint32_t position) {
    return chunks_[position >> kChunkBits][position & kChunkMask];
  }
  const T& operator[](uint32_t position) const {
    return chunks_[position >> kChunkBits][position & kChunkMask];
  }

  uint32_t Take() {
    ++live_;
    if (free_ != kNone) {
      const uint32_t position = free_;
      free_ = (*this)[position].*kFree;
      (*this)[position] = T{};
      return position;
    }
    CHECK(used_ != kNone);
    if ((used_ & kChunkMask) == 0)
      chunks_.push_back(std::make_unique<T[]>(size_t{1} << kChunkBits));
    return used_++;
  }

  /// The object must have let go of what it owns or do so by assignment of T{}.
  void Give(uint32_t position) {
    (*this)[position] = T{};
    (*this)[position].*kFree = free_;
    free_ = position;
    if (--live_ == 0) Clear();
  }

  void Clear() {
    chunks_.clear();
    used_ = 0;
    live_ = 0;
    free_ = kNone;
  }

  size_t live() const { return live_; }
  /// Positions handed out so far lie below; the free ones among them hold T{}.
  uint32_t used() const { return used_; }
  size_t bytes() const { return chunks_.size() * (sizeof(T) << kChunkBits); }

 private:
  static constexpr uint32_t kChunkBits = 10;
  static constexpr uint32_t kChunkMask = (1u << kChunkBits) - 1;

  std::vector<std::unique_ptr<T[]>> chunks_;
  uint32_t used_ = 0;
  uint32_t free_ = kNone;
  size_t live_ = 0;
};

}  // namespace causeway::link
