// Whether the numbered messages of one publisher came all, once, and in order.
#pragma once

#include <cstdint>
#include <vector>

namespace causeway::loadgen {

/// What one more message says about its publisher's numbers.
struct Arrival {
  enum class Kind : uint8_t { kInOrder, kLate, kRepeated };
  Kind kind;
  uint64_t skipped;  // kInOrder: numbers passed over since the highest so far
};

/// What one receiver has seen of one publisher. 16 bytes.
/// Bound: it remembers the 64 numbers up to the highest. What comes from further behind cannot be
/// told from a repetition and counts as late: the run is not clean either way.
class SequenceTrack {
 public:
  Arrival Note(uint64_t number) {
    if (number >= next_) {
      const uint64_t ahead = number - next_ + 1;
      seen_ = ahead < 64 ? seen_ << ahead | 1 : 1;
      next_ = number + 1;
      return {Arrival::Kind::kInOrder, ahead - 1};
    }
    const uint64_t behind = next_ - 1 - number;
    if (behind >= 64) return {Arrival::Kind::kLate, 0};
    const uint64_t bit = uint64_t{1} << behind;
    if (seen_ & bit) return {Arrival::Kind::kRepeated, 0};
    seen_ |= bit;
    return {Arrival::Kind::kLate, 0};
  }

 private:
  uint64_t next_ = 0;  // one more than the highest number seen
  uint64_t seen_ = 0;  // bit i: number next_ - 1 - i has been seen
};

/// What a shared group as a whole has seen of one publisher: each number goes to one member only,
/// so no member alone can tell a repetition.
/// Bound: the 65,536 numbers up to the highest, three windows of messages in flight; what comes
/// from further behind counts as repeated.
class GroupTrack {
 public:
  GroupTrack() : seen_(kNumbers / 64) {}

  /// False: the group had it already.
  bool Note(uint64_t number) {
    if (number >= next_) {
      if (number - next_ >= kNumbers) {
        seen_.assign(seen_.size(), 0);
      } else {
        for (uint64_t passed = next_; passed <= number; ++passed) WordOf(passed) &= ~BitOf(passed);
      }
      next_ = number + 1;
    } else if (next_ - number > kNumbers) {
      return false;
    }
    if (WordOf(number) & BitOf(number)) return false;
    WordOf(number) |= BitOf(number);
    return true;
  }

 private:
  static constexpr uint64_t kNumbers = 65'536;
  uint64_t& WordOf(uint64_t number) { return seen_[number % kNumbers / 64]; }
  static uint64_t BitOf(uint64_t number) { return uint64_t{1} << number % 64; }

  uint64_t next_ = 0;
  std::vector<uint64_t> seen_;  // a ring: bit n % kNumbers
};

}  // namespace causeway::loadgen
