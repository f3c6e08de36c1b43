#include "edge/byte_pipe.h"

#include <doctest/doctest.h>

#include <atomic>
#include <string>
#include <thread>

#include "../core/meeting.h"

namespace causeway::edge {
namespace {

std::string ReadAll(BytePipe* pipe, size_t at_once, bool* told) {
  std::string all;
  char buffer[64];
  while (const size_t got = pipe->Read(buffer, at_once, told)) all.append(buffer, got);
  return all;
}

/// The byte that stands at this place of the stream.
char ByteAt(size_t place) { return static_cast<char>(place * 31 % 251); }

}  // namespace

TEST_CASE("bytes come out in order, however they are cut on either side") {
  std::atomic<int64_t> total{0};
  BytePipe pipe(&total);
  bool told = false;
  CHECK(pipe.empty());
  CHECK(pipe.Push("one "));
  CHECK(!pipe.Push("two "));  // the consumer was told already
  const iovec vectors[] = {{const_cast<char*>("..thr"), 5}, {const_cast<char*>("ee four"), 7}};
  CHECK(!pipe.Push(vectors, 2, 6));
  CHECK(total == 14);
  CHECK(pipe.size() == 14);
  CHECK(ReadAll(&pipe, 3, &told) == "one two three ");
  CHECK(pipe.empty());
  CHECK(total == 0);
  CHECK(pipe.Push("x"));  // it took everything, so it must be told again
  CHECK(!told);
}

TEST_CASE("what is left when a pipe ends is not counted any more") {
  std::atomic<int64_t> total{0};
  {
    BytePipe pipe(&total);
    bool told = false;
    char buffer[2];
    pipe.Push("abc");
    pipe.Push("def");
    CHECK(pipe.Read(buffer, 2, &told) == 2);
    CHECK(total == 4);
  }
  CHECK(total == 0);
}

TEST_CASE("the producer is told of room once, and only when it asked") {
  std::atomic<int64_t> total{0};
  BytePipe pipe(&total);
  bool told = false;
  char buffer[8];
  pipe.Push("12345678");
  CHECK(!pipe.AwaitRoom(8));  // there is that much room already
  CHECK(pipe.AwaitRoom(4));
  CHECK(pipe.Read(buffer, 3, &told) == 3);
  CHECK(!told);
  CHECK(pipe.Read(buffer, 1, &told) == 1);
  CHECK(told);
  told = false;
  CHECK(pipe.Read(buffer, 4, &told) == 4);
  CHECK(!told);
}

TEST_CASE("two threads pass a stream on through a bounded pipe, and neither sleeps for ever") {
  constexpr size_t kBytes = 4'000'000, kBound = 10'000;
  std::atomic<int64_t> total{0};
  BytePipe pipe(&total);
  // What the wake-ups of loops and edge are here: a count that the other side waits for.
  std::atomic<uint32_t> something{0}, room{0};
  std::thread producer([&] {
    std::string chunk;
    for (size_t sent = 0; sent < kBytes;) {
      const uint32_t before = room.load(std::memory_order_acquire);
      if (pipe.size() >= kBound) {
        if (pipe.AwaitRoom(kBound / 2)) {
          while (room.load(std::memory_order_acquire) == before) std::this_thread::yield();
        }
        continue;
      }
      const size_t size = 1 + sent * 7919 % 3000;
      chunk.clear();
      for (size_t i = 0; i < size && sent < kBytes; ++i) chunk += ByteAt(sent++);
      if (pipe.Push(chunk)) something.fetch_add(1, std::memory_order_acq_rel);
    }
  });
  size_t got = 0, wrong = 0;
  char buffer[700];
  while (got < kBytes) {
    const uint32_t before = something.load(std::memory_order_acquire);
    bool told = false;
    const size_t now = pipe.Read(buffer, 1 + got % sizeof buffer, &told);
    if (told) room.fetch_add(1, std::memory_order_acq_rel);
    for (size_t i = 0; i < now; ++i) wrong += buffer[i] != ByteAt(got + i);
    got += now;
    if (now > 0 || got == kBytes) continue;
    // Empty: whatever comes now is announced, by `something` moving.
    if (!pipe.empty()) continue;
    while (something.load(std::memory_order_acquire) == before && pipe.empty())
      std::this_thread::yield();
  }
  producer.join();
  CHECK(wrong == 0);
  CHECK(total == 0);
}

TEST_CASE("a push while the reader moves to another thread is told to one of them") {
  // As IoLoop::Adopt and EdgePort::TellLoop do it: the reader says where it is, then looks; the
  // producer pushes, then asks where it is.
  constexpr size_t kRounds = 100'000;
  std::atomic<int64_t> total{0};
  Meeting meeting;
  BytePipe pipe(&total);
  std::atomic<int> reader{0};
  std::atomic<int> told{-1};
  size_t lost = 0;
  std::thread mover([&] {
    Aim aim(Aim::kLeft);
    char buffer[4];
    for (size_t round = 0; round < kRounds; ++round) {
      meeting.Arrive();
      aim.Wait(round);
      bool unused = false;
      reader.store(1, std::memory_order_seq_cst);
      const bool seen = pipe.Read(buffer, sizeof buffer, &unused) == 1;
      meeting.Arrive();
      lost += !seen && told.load(std::memory_order_relaxed) != 1;
      aim.Learn(!seen);
      if (!seen) pipe.Read(buffer, sizeof buffer, &unused);
      reader.store(0, std::memory_order_relaxed);
    }
  });
  Aim aim(Aim::kRight);
  for (size_t round = 0; round < kRounds; ++round) {
    meeting.Arrive();
    aim.Wait(round);
    pipe.Push("x");
    told.store(reader.load(std::memory_order_seq_cst), std::memory_order_relaxed);
    meeting.Arrive();
    aim.Learn(told.load(std::memory_order_relaxed) == 1);
  }
  mover.join();
  CHECK(lost == 0);
}

}  // namespace causeway::edge
