#include "loadgen/topic_space.h"

#include <numeric>
#include <utility>

#include "core/check.h"

namespace causeway::loadgen {

TopicSpace::TopicSpace(uint32_t regions, uint64_t seed) : regions_(regions), seed_(seed) {
  for (uint32_t region = 0; region < regions; ++region) {
    for (uint32_t device = 0; device < kDevices; ++device) {
      for (uint32_t metric = 0; metric < kMetrics; ++metric) {
        topics_.push_back("w/" + std::to_string(region) + "/" + std::to_string(device) + "/" +
                          std::to_string(metric));
      }
    }
  }
  receivers_.resize(topics_.size());
}

std::vector<std::string> TopicSpace::FiltersOf(uint32_t number, uint32_t count) {
  CHECK(count <= regions_);
  Random random(seed_ * 1'000'003 + number);
  std::vector<uint32_t> regions(regions_);
  std::iota(regions.begin(), regions.end(), 0);
  std::vector<std::string> filters;
  for (uint32_t drawn = 0; drawn < count; ++drawn) {
    std::swap(regions[drawn], regions[drawn + random.Below(regions_ - drawn)]);
    filters.push_back(Filter(regions[drawn], &random));
  }
  return filters;
}

std::string TopicSpace::Filter(uint32_t region, Random* random) {
  const uint32_t device = random->Below(kDevices), metric = random->Below(kMetrics);
  const uint32_t kind = random->Below(100);
  const std::string at = std::to_string(region), d = std::to_string(device),
                    m = std::to_string(metric);
  uint32_t* here = &receivers_[region * kDevices * kMetrics];
  const auto match = [&](uint32_t devices_from, uint32_t devices_to, uint32_t metrics_from,
                         uint32_t metrics_to) {
    for (uint32_t i = devices_from; i < devices_to; ++i)
      for (uint32_t j = metrics_from; j < metrics_to; ++j) ++here[i * kMetrics + j];
  };
  if (kind < 80 && (kind < 60 || kind >= 70)) {
    match(device, device + 1, metric, metric + 1);
    return (kind < 60 ? "w/" : "+/") + at + "/" + d + "/" + m;
  }
  if (kind < 70) {
    match(0, kDevices, metric, metric + 1);
    return "w/" + at + "/+/" + m;
  }
  if (kind < 95) {
    match(device, device + 1, 0, kMetrics);
    return "w/" + at + "/" + d + (kind < 90 ? "/#" : "/+");
  }
  match(0, kDevices, 0, kMetrics);
  return "w/" + at + "/#";
}

}  // namespace causeway::loadgen
