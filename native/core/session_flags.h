// What publishers on any loop may know of a session on another: connected, has room.
#pragma once

#include <atomic>
#include <cstdint>

namespace causeway {

/// One table per loop. Written by that loop, read relaxed by any publisher choosing a member of a
/// shared group; a stale answer costs a queued message, never a lost one. Chunks are never moved or
/// freed while the engine lives.
class SessionFlags {
 public:
  static constexpr uint8_t kConnected = 1;
  static constexpr uint8_t kHasRoom = 2;

  SessionFlags() = default;
  SessionFlags(const SessionFlags&) = delete;
  SessionFlags& operator=(const SessionFlags&) = delete;
  ~SessionFlags() {
    for (auto& chunk : chunks_) delete[] chunk.load(std::memory_order_relaxed);
  }

  /// The owning loop.
  void Set(uint32_t session, uint8_t flags) {
    std::atomic<uint8_t>*& own = own_[session / kChunk % kChunks];
    if (own == nullptr) {
      own = new std::atomic<uint8_t>[kChunk]();
      // Release pairs with Get's acquire: zeros are visible before the chunk is.
      chunks_[session / kChunk % kChunks].store(own, std::memory_order_release);
    }
    own[session % kChunk].store(flags, std::memory_order_relaxed);
  }
  /// Any thread.
  uint8_t Get(uint32_t session) const {
    const std::atomic<uint8_t>* chunk =
        chunks_[session / kChunk % kChunks].load(std::memory_order_acquire);
    return chunk == nullptr ? 0 : chunk[session % kChunk].load(std::memory_order_relaxed);
  }

 private:
  static constexpr uint32_t kChunk = 8192;
  static constexpr uint32_t kChunks =
      2048;  // 16 Mi sessions a loop; above, indexes would share flags (harmless)
  std::atomic<std::atomic<uint8_t>*> chunks_[kChunks] = {};
  std::atomic<uint8_t>* own_[kChunks] = {};
};

}  // namespace causeway
