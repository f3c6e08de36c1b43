// Bytes on their way to one socket: a chain of pooled blocks, large payloads by reference.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "core/message.h"

namespace causeway::session {

/// A run of bytes. Owned bytes stand behind the header; a reference block points into a message it
/// keeps alive.
struct OutBlock {
  OutBlock* next;
  const char* bytes;  // what goes on the wire: [begin, end)
  uint32_t begin, end;
  uint32_t capacity;  // 0: a reference block
  uint8_t size_class;
  Message* message;  // reference blocks only: one counted reference
  char* own() { return reinterpret_cast<char*>(this + 1); }
};

/// Blocks of one loop. Single-threaded. Bound: limits::kFreeBlockBytesMax kept free; what exceeds
/// it goes back to malloc.
class OutBlockPool {
 public:
  OutBlockPool() = default;
  OutBlockPool(const OutBlockPool&) = delete;
  OutBlockPool& operator=(const OutBlockPool&) = delete;
  ~OutBlockPool();

  /// A block with room for at least `bytes`, of the smallest class that holds it, or exactly as
  /// large above all classes.
  OutBlock* Take(size_t bytes);
  OutBlock* TakeReference();
  void Give(OutBlock* block);
  size_t free_bytes() const { return free_bytes_; }

 private:
  static constexpr int kClasses = 4;  // reference header, 1 KiB, 8 KiB, 64 KiB
  OutBlock* free_[kClasses] = {};
  size_t free_bytes_ = 0;
};

/// The out-buffer of one connection. An idle connection owns no block. Single-threaded.
/// Bound: the caller's (tcp_options.high_watermark), asked through size() before appending.
class OutBuffer {
 public:
  OutBuffer() = default;
  OutBuffer(const OutBuffer&) = delete;
  OutBuffer& operator=(const OutBuffer&) = delete;

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  /// Room for `bytes` contiguous bytes; the caller writes all of them before the next call.
  char* Reserve(OutBlockPool* pool, size_t bytes) {
    size_ += bytes;
    if (tail_ != nullptr && tail_->capacity - tail_->end >= bytes && tail_->capacity != 0) {
      char* at = tail_->own() + tail_->end;
      tail_->end += static_cast<uint32_t>(bytes);
      return at;
    }
    return Grow(pool, bytes);
  }
  void Append(OutBlockPool* pool, std::string_view bytes) {
    std::memcpy(Reserve(pool, bytes.size()), bytes.data(), bytes.size());
  }
  /// `bytes` lie inside `message`, which is kept until they are on the wire.
  void AppendReference(OutBlockPool* pool, const MessageRef& message, std::string_view bytes);

  /// Fills at most `max` vectors with what is next to go.
  int Peek(iovec* vectors, int max) const;
  /// The kernel took `bytes`.
  void Consume(OutBlockPool* pool, size_t bytes);
  void Clear(OutBlockPool* pool) { Consume(pool, size_); }

 private:
  char* Grow(OutBlockPool* pool, size_t bytes);
  void Link(OutBlock* block);

  OutBlock* head_ = nullptr;
  OutBlock* tail_ = nullptr;
  size_t size_ = 0;
};

}  // namespace causeway::session
