// The topics and filters of the wildcard workload: `w/REGION/DEVICE/METRIC`, and a seeded mixture
// of filters over them whose matches are known beforehand.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace causeway::loadgen {

/// xorshift64*: the same numbers on every machine, so that a seed names a workload.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15u + 0x1234567) {}
  /// 0 … bound - 1.
  uint32_t Below(uint32_t bound) {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return static_cast<uint32_t>(((state_ * 0x2545F4914F6CDD1Du) >> 32) * bound >> 32);
  }

 private:
  uint64_t state_;
};

/// A subscriber has at most one filter a region. So its own filters never overlap, and every broker
/// owes it each message exactly once, whatever it does where filters overlap.
class TopicSpace {
 public:
  static constexpr uint32_t kDevices = 20;
  static constexpr uint32_t kMetrics = 10;

  /// @param regions at least as many as filters of one subscriber
  TopicSpace(uint32_t regions, uint64_t seed);

  /// The filters of subscriber `number`: 60 % exact, 40 % of five kinds of wildcards. Adds what
  /// they match to `receivers`.
  std::vector<std::string> FiltersOf(uint32_t number, uint32_t count);

  uint32_t size() const { return static_cast<uint32_t>(topics_.size()); }
  const std::string& topic(uint32_t index) const { return topics_[index]; }
  /// Subscribers that a message to this topic is for.
  uint32_t receivers(uint32_t index) const { return receivers_[index]; }

 private:
  std::string Filter(uint32_t region, Random* random);

  uint32_t regions_;
  uint64_t seed_;
  std::vector<std::string> topics_;
  std::vector<uint32_t> receivers_;
};

}  // namespace causeway::loadgen
