// How long things took, in buckets that grow with the time: bounded, and cheap enough for messages.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "core/counters.h"

namespace causeway::link {

/// Four buckets an octave, so a reading is at most a fifth too large; from 16 µs to two minutes,
/// what is shorter or longer in the first and the last. Written by one thread, read by any
/// (relaxed: a reading may miss what is being recorded).
class LogHistogram {
 public:
  static constexpr uint32_t kFirstOctave = 4;
  static constexpr uint32_t kOctaves = 23;
  static constexpr size_t kBuckets = 2 + 4 * kOctaves;

  void Record(int64_t micros) {
    const uint64_t value = micros < 0 ? 0 : static_cast<uint64_t>(micros);
    Bump(buckets_[BucketOf(value)]);
    Bump(sum_micros_, value);
  }
  uint64_t At(size_t bucket) const { return buckets_[bucket].load(std::memory_order_relaxed); }
  uint64_t sum_micros() const { return sum_micros_.load(std::memory_order_relaxed); }

  static size_t BucketOf(uint64_t micros) {
    if (micros < (1u << kFirstOctave)) return 0;
    const uint32_t octave = static_cast<uint32_t>(std::bit_width(micros)) - 1;
    if (octave >= kFirstOctave + kOctaves) return kBuckets - 1;
    return 1 + (octave - kFirstOctave) * 4 + ((micros >> (octave - 2)) & 3);
  }
  /// Where the bucket ends, exclusive; of the last one, which has no end, where it begins.
  static uint64_t EndOf(size_t bucket) {
    if (bucket == 0) return 1u << kFirstOctave;
    if (bucket == kBuckets - 1) return uint64_t{1} << (kFirstOctave + kOctaves);
    const size_t octave = kFirstOctave + (bucket - 1) / 4;
    return (uint64_t{5} + (bucket - 1) % 4) << (octave - 2);
  }

 private:
  std::atomic<uint64_t> buckets_[kBuckets] = {};
  std::atomic<uint64_t> sum_micros_{0};
};

}  // namespace causeway::link
