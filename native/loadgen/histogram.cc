#include "loadgen/histogram.h"

#include <algorithm>
#include <cmath>

namespace causeway::loadgen {

void Histogram::Merge(const Histogram& other) {
  for (size_t index = 0; index < kBuckets; ++index) {
    Add(&buckets_[index], other.buckets_[index].load(std::memory_order_relaxed));
  }
  max_.store(std::max(max(), other.max()), std::memory_order_relaxed);
}

uint64_t Histogram::count() const {
  uint64_t sum = 0;
  for (const Counter& bucket : buckets_) sum += bucket.load(std::memory_order_relaxed);
  return sum;
}

uint64_t Histogram::Quantile(double share) const {
  const uint64_t all = count();
  const auto rank = std::max<uint64_t>(
      1, static_cast<uint64_t>(std::ceil(std::clamp(share, 0.0, 1.0) * static_cast<double>(all))));
  uint64_t passed = 0, value = 0;
  ForEach([&](const Bucket& bucket) {
    if (passed < rank) value = bucket.low + bucket.width / 2;
    passed += bucket.count;
  });
  return std::min(value, max());
}

}  // namespace causeway::loadgen
