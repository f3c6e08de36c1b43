#include "session/out_buffer.h"

#include <algorithm>
#include <cstdlib>
#include <new>

#include "core/check.h"
#include "core/limits.h"

namespace causeway::session {

namespace {

// The first block of a quiet connection is small (an acknowledgement, one message); a busy one
// moves to 8 and 64 KiB, so a flush of many messages still is one or two vectors.
constexpr uint32_t kClassBytes[] = {0, 1024, 8192, 65536};
constexpr uint8_t kReferenceClass = 0;
constexpr uint8_t kUnpooled = 0xFF;

OutBlock* Allocate(uint32_t capacity, uint8_t size_class) {
  void* memory = std::malloc(sizeof(OutBlock) + capacity);
  CHECK(memory != nullptr);
  auto* block = new (memory) OutBlock{};
  block->capacity = capacity;
  block->size_class = size_class;
  return block;
}

}  // namespace

OutBlockPool::~OutBlockPool() {
  for (OutBlock*& head : free_) {
    while (head != nullptr) std::free(std::exchange(head, head->next));
  }
}

OutBlock* OutBlockPool::Take(size_t bytes) {
  CHECK(bytes <= UINT32_MAX);
  uint8_t size_class = 1;
  while (size_class < kClasses && kClassBytes[size_class] < bytes) ++size_class;
  OutBlock* block;
  if (size_class == kClasses) {
    block = Allocate(static_cast<uint32_t>(bytes), kUnpooled);
  } else if (free_[size_class] != nullptr) {
    block = std::exchange(free_[size_class], free_[size_class]->next);
    free_bytes_ -= block->capacity;
  } else {
    block = Allocate(kClassBytes[size_class], size_class);
  }
  block->next = nullptr;
  block->bytes = block->own();
  block->begin = block->end = 0;
  block->message = nullptr;
  return block;
}

OutBlock* OutBlockPool::TakeReference() {
  OutBlock* block = free_[kReferenceClass];
  if (block != nullptr) {
    free_[kReferenceClass] = block->next;
    free_bytes_ -= sizeof(OutBlock);
  } else {
    block = Allocate(0, kReferenceClass);
  }
  block->next = nullptr;
  return block;
}

void OutBlockPool::Give(OutBlock* block) {
  if (block->size_class == kUnpooled || free_bytes_ >= limits::kFreeBlockBytesMax) {
    std::free(block);
    return;
  }
  free_bytes_ += block->size_class == kReferenceClass ? sizeof(OutBlock) : block->capacity;
  block->next = free_[block->size_class];
  free_[block->size_class] = block;
}

void OutBuffer::Link(OutBlock* block) {
  if (tail_ == nullptr) {
    head_ = block;
  } else {
    tail_->next = block;
  }
  tail_ = block;
}

char* OutBuffer::Grow(OutBlockPool* pool, size_t bytes) {
  // The next block is larger than the last, so a busy connection's chain stays short.
  const size_t wish =
      head_ == nullptr ? bytes : std::max<size_t>(bytes, tail_->capacity < 8192 ? 8192 : 65536);
  OutBlock* block = pool->Take(wish);
  Link(block);
  block->end = static_cast<uint32_t>(bytes);
  return block->own();
}

void OutBuffer::AppendReference(OutBlockPool* pool, const MessageRef& message,
                                std::string_view bytes) {
  OutBlock* block = pool->TakeReference();
  block->bytes = bytes.data();
  block->begin = 0;
  block->end = static_cast<uint32_t>(bytes.size());
  block->message = MessageRef(message).release();
  Link(block);
  size_ += bytes.size();
}

int OutBuffer::Peek(iovec* vectors, int max) const {
  int count = 0;
  for (OutBlock* block = head_; block != nullptr && count < max; block = block->next) {
    if (block->begin == block->end) continue;
    vectors[count].iov_base = const_cast<char*>(block->bytes + block->begin);
    vectors[count].iov_len = block->end - block->begin;
    ++count;
  }
  return count;
}

void OutBuffer::Consume(OutBlockPool* pool, size_t bytes) {
  CHECK(bytes <= size_);
  size_ -= bytes;
  while (head_ != nullptr) {
    const size_t here = std::min<size_t>(bytes, head_->end - head_->begin);
    head_->begin += static_cast<uint32_t>(here);
    bytes -= here;
    if (head_->begin != head_->end) return;
    OutBlock* done = std::exchange(head_, head_->next);
    if (done->message != nullptr) MessageRef::Adopt(std::exchange(done->message, nullptr)).reset();
    pool->Give(done);
  }
  tail_ = nullptr;
}

}  // namespace causeway::session
