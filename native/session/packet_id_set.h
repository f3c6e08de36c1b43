// A set of packet identifiers, for inbound QoS 2: which PUBLISHes wait for their PUBREL.
#pragma once

#include <cstdint>
#include <memory>

namespace causeway::session {

/// 65,536 bits in pages of 1,024, made when touched: a session without QoS 2 pays 16 bytes.
/// Single-threaded. Bound: the caller's receive maximum, asked through size().
class PacketIdSet {
 public:
  /// False: it was there already.
  bool Insert(uint16_t id) {
    if (pages_ == nullptr) pages_ = std::make_unique<Page[]>(kPages);
    Page& page = pages_[id / kPageBits];
    if (page == nullptr) page = std::make_unique<uint64_t[]>(kPageBits / 64);
    uint64_t& word = page[id % kPageBits / 64];
    const uint64_t bit = uint64_t{1} << (id % 64);
    if ((word & bit) != 0) return false;
    word |= bit;
    ++size_;
    return true;
  }
  bool Contains(uint16_t id) const {
    if (pages_ == nullptr || pages_[id / kPageBits] == nullptr) return false;
    return (pages_[id / kPageBits][id % kPageBits / 64] >> (id % 64) & 1) != 0;
  }
  /// False: it was not there.
  bool Erase(uint16_t id) {
    if (!Contains(id)) return false;
    pages_[id / kPageBits][id % kPageBits / 64] &= ~(uint64_t{1} << (id % 64));
    --size_;
    return true;
  }
  uint32_t size() const { return size_; }
  void Clear() {
    pages_.reset();
    size_ = 0;
  }

 private:
  static constexpr uint32_t kPageBits = 1024;
  static constexpr uint32_t kPages = 65536 / kPageBits;
  using Page = std::unique_ptr<uint64_t[]>;
  std::unique_ptr<Page[]> pages_;
  uint32_t size_ = 0;
};

}  // namespace causeway::session
