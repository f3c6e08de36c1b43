// Distribution of durations in log-linear buckets, as HdrHistogram does it: bounded error, bounded
// memory, one increment a value.
//
//   0 … 63 ns        one bucket a nanosecond
//   64 ns and above  64 buckets an octave, so a value is known to 1/64, 1.6 %
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace causeway::loadgen {

/// Thread: one writer; any thread may read meanwhile and sees some recent state.
class Histogram {
 public:
  static constexpr int kOctaveBits = 6;
  static constexpr uint64_t kPerOctave = uint64_t{1} << kOctaveBits;
  static constexpr size_t kBuckets = (64 - kOctaveBits + 1) * kPerOctave;

  struct Bucket {
    uint64_t low;    // nanoseconds, the least value in it
    uint64_t width;  // nanoseconds
    uint64_t count;
  };

  /// Some 2 ns.
  void Record(uint64_t ns) {
    Add(&buckets_[IndexOf(ns)], 1);
    if (ns > max_.load(std::memory_order_relaxed)) max_.store(ns, std::memory_order_relaxed);
  }
  /// Adds what `other` holds; the caller is the writer of this one.
  void Merge(const Histogram& other);

  uint64_t count() const;
  /// The largest value as it was, not its bucket; 0 when empty.
  uint64_t max() const { return max_.load(std::memory_order_relaxed); }
  /// The value that `share` (0 … 1) of all values do not exceed: the middle of its bucket, never
  /// above max(); 0 when empty.
  uint64_t Quantile(double share) const;

  /// Calls `visit` with each bucket that is not empty, ascending.
  template <typename Visit>
  void ForEach(Visit visit) const {
    for (size_t index = 0; index < kBuckets; ++index) {
      const uint64_t count = buckets_[index].load(std::memory_order_relaxed);
      if (count > 0) visit(Bucket{LowOf(index), WidthOf(index), count});
    }
  }

 private:
  // Relaxed, one writer: a load and a store do, and cost no more than plain ones. Readers want
  // figures, not an order.
  using Counter = std::atomic<uint64_t>;
  static void Add(Counter* counter, uint64_t more) {
    counter->store(counter->load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
  }

  static size_t IndexOf(uint64_t ns) {
    if (ns < kPerOctave) return ns;
    const int shift = std::bit_width(ns) - 1 - kOctaveBits;
    return static_cast<size_t>(shift) * kPerOctave + (ns >> shift);
  }
  static uint64_t LowOf(size_t index) {
    return index < kPerOctave ? index : (kPerOctave + index % kPerOctave) << ShiftOf(index);
  }
  static uint64_t WidthOf(size_t index) {
    return index < kPerOctave ? 1 : uint64_t{1} << ShiftOf(index);
  }
  static int ShiftOf(size_t index) { return static_cast<int>(index / kPerOctave) - 1; }

  std::array<Counter, kBuckets> buckets_{};
  Counter max_{0};
};

}  // namespace causeway::loadgen
