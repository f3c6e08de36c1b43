// The naive broker: who is owed which message, by string splitting and lists.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "topic_match.h"

namespace causeway::oracle {

/// One session as its user understands it: filters with their QoS, and what was published to them.
struct ModelSession {
  bool live = false, connected = false;
  std::map<std::string, uint8_t> filters;
  struct Owed {
    std::string topic, payload;
    uint8_t qos;
    bool sure;  // QoS >= 1, or QoS 0 that nothing may have shed
  };
  std::vector<Owed> owed;
};

/// What one PUBLISH owes to each session at the moment it enters the broker.
inline void PublishTo(std::vector<ModelSession>* sessions, std::string_view topic,
                      std::string_view payload, uint8_t qos) {
  for (ModelSession& session : *sessions) {
    if (!session.live) continue;
    int granted = -1;
    for (const auto& [filter, filter_qos] : session.filters)
      if (TopicMatches(filter, topic)) granted = std::max<int>(granted, filter_qos);
    if (granted < 0) continue;
    const uint8_t copy = std::min<uint8_t>(qos, static_cast<uint8_t>(granted));
    session.owed.push_back({std::string(topic), std::string(payload), copy, copy > 0});
  }
}

}  // namespace causeway::oracle
