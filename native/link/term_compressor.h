// Makes terms smaller where that is worth its time: what crosses a region pays by the byte.
// Source: docs/protocol/cluster-link.md "Erlang External Term Format", tag 80.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/limits.h"
#include "link/deflate.h"
#include "link/etf_tag.h"

namespace causeway::link {

/// One per loop. Its buffers stay within limits::kLinkCompressBytesMax each.
/// Terms that do not become smaller by an eighth are followed by 1, 2, 4 … that are not tried.
class TermCompressor {
 public:
  /// Whether a term of that size is to be tried: then `Plain`, `Smallest`, in this order.
  bool Tries(size_t bytes) {
    if (bytes < limits::kLinkCompressBytesMin || bytes > limits::kLinkCompressBytesMax)
      return false;
    if (left_out_ == 0) return true;
    --left_out_;
    return false;
  }
  /// Where the term is to be written, version byte included.
  char* Plain(size_t bytes) {
    plain_.resize(bytes);
    return plain_.data();
  }
  /// The term compressed, or as it was written when that is no larger. Valid until `Plain`.
  std::string_view Smallest() {
    const size_t bytes = plain_.size();
    compressed_.resize(2 + sizeof(uint32_t));
    compressed_[0] = static_cast<char>(etf::kVersion);
    compressed_[1] = static_cast<char>(etf::kCompressed);
    etf::Store32(compressed_.data() + 2, static_cast<uint32_t>(bytes - 1));
    const bool smaller = Deflate(std::string_view(plain_).substr(1), &compressed_);
    if (!smaller || compressed_.size() > bytes - bytes / 8) {
      left_out_ = next_skip_;
      next_skip_ = std::min(2 * next_skip_, limits::kLinkCompressSkipMax);
      return plain_;
    }
    next_skip_ = 1;
    return compressed_;
  }

 private:
  std::string plain_, compressed_;
  uint32_t left_out_ = 0;
  uint32_t next_skip_ = 1;
};

}  // namespace causeway::link
