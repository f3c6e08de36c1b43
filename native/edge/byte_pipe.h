// Bytes from one thread to one other, in chunks.
//
//   producer ──▶ arrived (newest first, one atomic word) ──▶ taken (oldest first) ──▶ consumer
//
// An empty pipe owns no memory, so that tens of thousands of idle connections cost their two words
// each and nothing else.
#pragma once

#include <sys/uio.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace causeway::edge {

/// Exactly one producer and one consumer thread. Bound: the producer's, who asks size() before it
/// pushes; what it may not push it keeps. Wake-up: once for all that was pushed since the consumer
/// took everything, never once a push.
class BytePipe {
 public:
  /// `total` is shared by many pipes: the bytes in all of them, a gauge.
  explicit BytePipe(std::atomic<int64_t>* total) : total_(total) {}
  BytePipe(const BytePipe&) = delete;
  BytePipe& operator=(const BytePipe&) = delete;
  /// Both threads are done with it.
  ~BytePipe();

  /// Producer. Copies `bytes` from the vectors, beginning `skip` bytes into them; they hold that
  /// many. True: nothing was waiting, so the consumer must be told that something is now.
  bool Push(const iovec* vectors, size_t skip, size_t bytes);
  bool Push(std::string_view bytes) {
    const iovec vector = {const_cast<char*>(bytes.data()), bytes.size()};
    return Push(&vector, 0, bytes.size());
  }
  /// Producer. Asks to be told when no more than `bytes` are left. False: they are that few
  /// already, and nobody will tell.
  bool AwaitRoom(size_t bytes);

  /// Consumer. Moves at most `bytes` to `into`; 0: empty. `*tell_producer` becomes true when the
  /// producer awaits the room that this made; it is told once.
  size_t Read(char* into, size_t bytes, bool* tell_producer);
  /// Consumer.
  bool empty() const {
    return taken_ == nullptr && arrived_.load(std::memory_order_seq_cst) == nullptr;
  }
  /// Either side: bytes pushed and not read. Exact for the producer as an upper bound, for the
  /// consumer as a lower one.
  size_t size() const { return size_.load(std::memory_order_seq_cst); }

 private:
  struct Chunk {
    Chunk* next;
    uint32_t begin, end;
    char* bytes() { return reinterpret_cast<char*>(this + 1); }
  };
  void TakeArrived();
  static void FreeAll(Chunk* chunk);

  // All of these are sequentially consistent: a push is followed by a look at who reads now, a take
  // by nothing, a move of the reader to another thread by a take (ring_stream.h); and a read is
  // followed by a look at `awaited_`, which is followed by a look at `size_`. Weaker orders would
  // let both sides miss the other's step. They are paid per chunk, not per message.
  std::atomic<Chunk*> arrived_{nullptr};
  std::atomic<size_t> size_{0};
  std::atomic<size_t> awaited_{kNobody};  // the size the producer waits for
  static constexpr size_t kNobody = SIZE_MAX;

  Chunk* taken_ = nullptr;  // the consumer's
  std::atomic<int64_t>* const total_;
};

}  // namespace causeway::edge
