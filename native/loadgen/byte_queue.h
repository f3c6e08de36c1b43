// Bytes on their way to one socket: appended at the end, sent from the front.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

namespace causeway::loadgen {

/// Grows as needed and never shrinks; whoever appends bounds it.
class ByteQueue {
 public:
  size_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }
  const char* data() const { return bytes_.get() + begin_; }

  /// Room for `bytes` more; written bytes count once Extend has said so.
  char* Reserve(size_t bytes) {
    if (empty()) begin_ = end_ = 0;
    if (end_ + bytes > capacity_) MakeRoom(bytes);
    return bytes_.get() + end_;
  }
  void Extend(size_t bytes) { end_ += bytes; }
  void Append(std::string_view bytes) {
    std::memcpy(Reserve(bytes.size()), bytes.data(), bytes.size());
    Extend(bytes.size());
  }
  void Consume(size_t bytes) { begin_ += bytes; }

 private:
  void MakeRoom(size_t bytes) {
    const size_t held = size();
    if (held + bytes > capacity_) {
      capacity_ = std::max(held + bytes, capacity_ * 2);
      std::unique_ptr<char[]> larger(new char[capacity_]);
      if (held > 0) std::memcpy(larger.get(), data(), held);
      bytes_ = std::move(larger);
    } else {
      std::memmove(bytes_.get(), data(), held);
    }
    begin_ = 0;
    end_ = held;
  }

  std::unique_ptr<char[]> bytes_;
  size_t begin_ = 0, end_ = 0, capacity_ = 0;
};

}  // namespace causeway::loadgen
