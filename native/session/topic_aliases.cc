#include "session/topic_aliases.h"

#include <algorithm>

#include "core/limits.h"

namespace causeway::session {
namespace {

/// Shorter ones save nothing: the property takes three bytes.
constexpr size_t kTopicBytesMin = 4;

/// Entries the hand passes before a newcomer goes without.
constexpr size_t kHandSteps = 8;

constexpr size_t kFirstIndex = 16;

}  // namespace

TopicAliases::TopicAliases(uint16_t client_max)
    : max_(std::min<size_t>(client_max, limits::kOutAliasesMax)) {}

TopicAliases::Choice TopicAliases::Choose(std::string_view topic, uint64_t hash) {
  if (topic.size() < kTopicBytesMin) return {};
  const uint32_t short_hash = static_cast<uint32_t>(hash);
  if (const uint32_t at = Find(topic, short_hash); at < index_.size()) {
    entries_[index_[at] - 1u].used = true;
    return {index_[at], true};
  }
  uint32_t& recent = recent_[(hash >> 32) % kRecent];
  if (recent != short_hash) {
    recent = short_hash;
    return {};
  }
  const uint16_t alias = Place(topic);
  if (alias == 0) return {};
  Entry& entry = entries_[alias - 1u];
  entry.hash = short_hash;
  entry.used = true;
  Link(alias);
  return {alias, false};
}

void TopicAliases::Forget(uint16_t alias) {
  Unlink(alias);
  entries_[alias - 1u].topic.clear();
  entries_[alias - 1u].used = false;
}

/// Where `index_` names the topic's alias; index_.size() when it has none.
uint32_t TopicAliases::Find(std::string_view topic, uint32_t hash) const {
  const uint32_t none = static_cast<uint32_t>(index_.size());
  if (none == 0) return none;
  for (uint32_t at = hash & (none - 1); index_[at] != 0; at = (at + 1) & (none - 1)) {
    const Entry& entry = entries_[index_[at] - 1u];
    if (entry.hash == hash && entry.topic == topic) return at;
  }
  return none;
}

/// An alias that holds `topic` from now on, 0 when there is no room. Not linked yet.
uint16_t TopicAliases::Place(std::string_view topic) {
  if (entries_.size() < max_ &&
      bytes_ + sizeof(Entry) + topic.size() <= limits::kOutAliasBytesMax) {
    entries_.emplace_back().topic = topic;
    bytes_ += sizeof(Entry) + entries_.back().topic.capacity();
    return static_cast<uint16_t>(entries_.size());
  }
  // Once around at most: when all were used since last time, all stay.
  const size_t steps = std::min(kHandSteps, entries_.size());
  for (size_t step = 0; step < steps; ++step) {
    const size_t at = hand_;
    hand_ = hand_ + 1 == entries_.size() ? 0 : hand_ + 1;
    Entry& entry = entries_[at];
    if (entry.used) {
      entry.used = false;
      continue;
    }
    const size_t held = entry.topic.capacity();
    if (bytes_ - held + std::max(held, topic.size()) > limits::kOutAliasBytesMax) continue;
    const uint16_t alias = static_cast<uint16_t>(at + 1);
    if (!entry.topic.empty()) Unlink(alias);
    if (topic.size() > held || topic.size() < held / 4) {
      entry.topic = std::string(topic);  // as large as it must be; assign would double
    } else {
      entry.topic.assign(topic);
    }
    bytes_ = bytes_ - held + entry.topic.capacity();
    return alias;
  }
  return 0;
}

void TopicAliases::Link(uint16_t alias) {
  if (entries_.size() * 2 > index_.size()) {
    index_.assign(std::max(kFirstIndex, index_.size() * 2), 0);
    for (size_t other = 1; other <= entries_.size(); ++other) {
      if (other != alias && !entries_[other - 1].topic.empty()) Link(static_cast<uint16_t>(other));
    }
  }
  const size_t mask = index_.size() - 1;
  size_t at = entries_[alias - 1u].hash & mask;
  while (index_[at] != 0) at = (at + 1) & mask;
  index_[at] = alias;
}

/// Closes the gap, so that every search still ends at an empty place.
void TopicAliases::Unlink(uint16_t alias) {
  const size_t mask = index_.size() - 1;
  size_t gap = entries_[alias - 1u].hash & mask;
  while (index_[gap] != alias) gap = (gap + 1) & mask;
  for (size_t at = (gap + 1) & mask; index_[at] != 0; at = (at + 1) & mask) {
    const size_t home = entries_[index_[at] - 1u].hash & mask;
    if (((at - home) & mask) < ((at - gap) & mask)) continue;  // its search does not cross the gap
    index_[gap] = index_[at];
    gap = at;
  }
  index_[gap] = 0;
}

}  // namespace causeway::session
