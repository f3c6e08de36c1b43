#include "session/out_buffer.h"

#include <doctest/doctest.h>

#include <random>
#include <string>

#include "core/limits.h"
#include "wire.h"

namespace causeway::session {
namespace {

std::string Pattern(size_t bytes, unsigned from) {
  std::string text(bytes, '\0');
  for (size_t i = 0; i < bytes; ++i) text[i] = static_cast<char>('a' + (from + i) % 26);
  return text;
}

MessageRef WithPayload(std::string_view payload) {
  return MessageRef::Adopt(Message::Create("t", payload, "", ""));
}

}  // namespace

TEST_CASE("what was appended and referenced leaves in order, whatever each write takes") {
  const MessageRef large = WithPayload(Pattern(300, 5));
  const std::string expected =
      Pattern(700, 0) + Pattern(300, 5) + Pattern(900, 1) + Pattern(300, 5) + Pattern(20'000, 2);
  for (size_t take : {size_t{1}, size_t{7}, size_t{299}, size_t{1024}, size_t{5000}, SIZE_MAX}) {
    OutBlockPool pool;
    OutBuffer out;
    out.Append(&pool, Pattern(700, 0));
    out.AppendReference(&pool, large, large->payload());
    out.Append(&pool, Pattern(900, 1));
    out.AppendReference(&pool, large, large->payload());
    out.Append(&pool, Pattern(20'000, 2));
    CHECK(out.size() == expected.size());
    CHECK(large->references == 3);
    std::string got;
    while (!out.empty()) got += TakeBytes(&out, &pool, take);
    CHECK(got == expected);
    CHECK(large->references == 1);
  }
}

TEST_CASE("a consume may end at every byte, and appending goes on behind it") {
  const MessageRef large = WithPayload(Pattern(5, 9));
  const std::string text = Pattern(6, 0) + Pattern(5, 9) + Pattern(6, 3);
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    CAPTURE(cut);
    OutBlockPool pool;
    OutBuffer out;
    out.Append(&pool, Pattern(6, 0));
    out.AppendReference(&pool, large, large->payload());
    out.Append(&pool, Pattern(6, 3));
    std::string got = TakeBytes(&out, &pool, cut);
    CHECK(got.size() == cut);
    CHECK(out.size() == text.size() - cut);
    out.Append(&pool, "tail");
    got += TakeBytes(&out, &pool);
    CHECK(got == text + "tail");
    CHECK(large->references == 1);
  }
}

TEST_CASE("a referenced message lives until its last byte has left") {
  OutBlockPool pool;
  OutBuffer out;
  MessageRef message = WithPayload("0123456789");
  Message* const raw = message.get();
  out.AppendReference(&pool, message, message->payload());
  out.AppendReference(&pool, message, message->payload().substr(3, 2));
  message.reset();
  CHECK(raw->references == 2);
  CHECK(TakeBytes(&out, &pool, 9) == "012345678");
  CHECK(raw->references == 2);
  CHECK(TakeBytes(&out, &pool, 1) == "9");
  CHECK(raw->references == 1);
  out.Clear(&pool);  // the last reference: AddressSanitizer says whether it was freed, once
  CHECK(out.empty());
}

TEST_CASE("Peek fills no more vectors than asked for and skips nothing") {
  OutBlockPool pool;
  OutBuffer out;
  const MessageRef message = WithPayload("xyz");
  for (int i = 0; i < 10; ++i) out.AppendReference(&pool, message, message->payload());
  iovec vectors[16];
  CHECK(out.Peek(vectors, 4) == 4);
  CHECK(out.Peek(vectors, 16) == 10);
  out.Consume(&pool, 4);  // one and a third
  CHECK(out.Peek(vectors, 16) == 9);
  CHECK(std::string(static_cast<char*>(vectors[0].iov_base), vectors[0].iov_len) == "yz");
  out.Clear(&pool);
}

TEST_CASE("blocks go back to the pool and are used again, up to its bound") {
  OutBlockPool pool;
  OutBuffer out;
  out.Append(&pool, Pattern(10, 0));
  CHECK(pool.free_bytes() == 0);
  out.Clear(&pool);
  CHECK(pool.free_bytes() == 1024);
  out.Append(&pool, Pattern(10, 0));
  CHECK(pool.free_bytes() == 0);  // the same block
  out.Clear(&pool);

  const MessageRef message = WithPayload("abc");
  out.AppendReference(&pool, message, message->payload());
  out.Clear(&pool);
  CHECK(pool.free_bytes() == 1024 + sizeof(OutBlock));
  out.AppendReference(&pool, message, message->payload());
  CHECK(pool.free_bytes() == 1024);
  out.Clear(&pool);

  // More than the bound, held at once: what exceeds it goes back to malloc.
  for (size_t bytes = 0; bytes < 2 * limits::kFreeBlockBytesMax; bytes += 60'000)
    out.Append(&pool, Pattern(60'000, 0));
  out.Clear(&pool);
  CHECK(pool.free_bytes() >= limits::kFreeBlockBytesMax - 65536);
  CHECK(pool.free_bytes() < limits::kFreeBlockBytesMax + 65536);
}

TEST_CASE("a packet above all size classes gets a block of its own and is contiguous") {
  OutBlockPool pool;
  OutBuffer out;
  const std::string text = Pattern(200'000, 4);
  out.Append(&pool, text);
  iovec vectors[2];
  CHECK(out.Peek(vectors, 2) == 1);
  CHECK(vectors[0].iov_len == text.size());
  CHECK(TakeBytes(&out, &pool) == text);
  CHECK(pool.free_bytes() == 0);
}

TEST_CASE("random appends, references and consumes equal a string") {
  std::mt19937 random(20'240'601);
  OutBlockPool pool;
  OutBuffer out;
  std::string model;
  for (int step = 0; step < 20'000; ++step) {
    const unsigned roll = random() % 8;
    if (roll < 3) {
      const std::string text = Pattern(random() % (random() % 20 == 0 ? 70'000 : 90), random());
      if (text.empty()) continue;
      out.Append(&pool, text);
      model += text;
    } else if (roll < 5) {
      const MessageRef message = WithPayload(Pattern(1 + random() % 5000, random()));
      out.AppendReference(&pool, message, message->payload());
      model += message->payload();
    } else {
      const size_t max = 1 + random() % (random() % 4 == 0 ? 100'000 : 3000);
      const std::string got = TakeBytes(&out, &pool, max);
      REQUIRE(got == model.substr(0, got.size()));
      CHECK(got.size() == std::min(max, model.size()));
      model.erase(0, got.size());
    }
    REQUIRE(out.size() == model.size());
  }
  CHECK(TakeBytes(&out, &pool) == model);
}

}  // namespace causeway::session
