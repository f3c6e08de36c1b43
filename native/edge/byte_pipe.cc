#include "edge/byte_pipe.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "core/check.h"

namespace causeway::edge {

BytePipe::~BytePipe() {
  FreeAll(taken_);
  FreeAll(arrived_.load(std::memory_order_acquire));
  total_->fetch_sub(static_cast<int64_t>(size()), std::memory_order_relaxed);
}

void BytePipe::FreeAll(Chunk* chunk) {
  while (chunk != nullptr) std::free(std::exchange(chunk, chunk->next));
}

bool BytePipe::Push(const iovec* vectors, size_t skip, size_t bytes) {
  CHECK(bytes > 0 && bytes <= UINT32_MAX);
  void* memory = std::malloc(sizeof(Chunk) + bytes);
  CHECK(memory != nullptr);
  auto* chunk = new (memory) Chunk{nullptr, 0, static_cast<uint32_t>(bytes)};
  char* into = chunk->bytes();
  for (size_t left = bytes; left > 0; ++vectors) {
    if (skip >= vectors->iov_len) {
      skip -= vectors->iov_len;
      continue;
    }
    const size_t here = std::min(left, vectors->iov_len - skip);
    std::memcpy(into, static_cast<const char*>(vectors->iov_base) + skip, here);
    into += here;
    left -= here;
    skip = 0;
  }
  total_->fetch_add(static_cast<int64_t>(bytes), std::memory_order_relaxed);
  size_.fetch_add(bytes, std::memory_order_seq_cst);
  // Only we push, so the head we saw is either still there or was taken: never an impostor.
  Chunk* head = arrived_.load(std::memory_order_relaxed);
  do {
    chunk->next = head;
  } while (!arrived_.compare_exchange_weak(head, chunk, std::memory_order_seq_cst,
                                           std::memory_order_relaxed));
  return head == nullptr;
}

bool BytePipe::AwaitRoom(size_t bytes) {
  awaited_.store(bytes, std::memory_order_seq_cst);
  if (size_.load(std::memory_order_seq_cst) > bytes) return true;
  // There is room already. Whoever takes the wish back first decides whether we are told.
  return awaited_.exchange(kNobody, std::memory_order_seq_cst) == kNobody;
}

void BytePipe::TakeArrived() {
  Chunk* newest = arrived_.exchange(nullptr, std::memory_order_seq_cst);
  while (newest != nullptr) {
    Chunk* const chunk = std::exchange(newest, newest->next);
    chunk->next = std::exchange(taken_, chunk);
  }
}

size_t BytePipe::Read(char* into, size_t bytes, bool* tell_producer) {
  size_t got = 0;
  while (got < bytes) {
    if (taken_ == nullptr) TakeArrived();
    if (taken_ == nullptr) break;
    const size_t here = std::min<size_t>(bytes - got, taken_->end - taken_->begin);
    std::memcpy(into + got, taken_->bytes() + taken_->begin, here);
    got += here;
    taken_->begin += static_cast<uint32_t>(here);
    if (taken_->begin == taken_->end) std::free(std::exchange(taken_, taken_->next));
  }
  if (got == 0) return 0;
  total_->fetch_sub(static_cast<int64_t>(got), std::memory_order_relaxed);
  const size_t left = size_.fetch_sub(got, std::memory_order_seq_cst) - got;
  size_t awaited = awaited_.load(std::memory_order_seq_cst);
  if (awaited != kNobody && left <= awaited &&
      awaited_.compare_exchange_strong(awaited, kNobody, std::memory_order_seq_cst)) {
    *tell_producer = true;
  }
  return got;
}

}  // namespace causeway::edge
