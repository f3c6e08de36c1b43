#include "retained/shard.h"

#include "core/limits.h"

namespace causeway::retained {
namespace {

constexpr uint32_t kNoExpirySeconds = 0xFFFFFFFF;  // Message::message_expiry_seconds

}  // namespace

int64_t ExpiresAt(const Message& message, int64_t lifetime_ms) {
  if (IsTombstone(message)) return message.received_ms + limits::kTombstoneMs;
  if (message.message_expiry_seconds == kNoExpirySeconds)
    return lifetime_ms == 0 ? kNever : message.received_ms + lifetime_ms;
  return message.received_ms + int64_t{message.message_expiry_seconds} * 1000;
}

const MessageRef* Shard::Find(std::string_view topic) const {
  const auto found = by_topic_.find(topic);
  return found == by_topic_.end() ? nullptr : &found->message;
}

bool Shard::Collect(const Search& search, std::string* from, size_t* visits,
                    std::vector<MessageRef>* found) const {
  auto at = by_topic_.lower_bound(*from);
  for (; at != by_topic_.end(); --*visits) {
    if (*visits == 0) {
      *from = at->message->topic();
      return false;
    }
    if (MatchOrLeap(search.filter, at->message->topic(), from)) {
      if (Wanted(search, *at->message)) found->push_back(at->message);
      ++at;
      continue;
    }
    if (from->empty()) break;
    // The neighbour is often where the leap ends, and costs no descent.
    if (++at != by_topic_.end() && LevelLess(at->message->topic(), *from)) {
      at = by_topic_.lower_bound(*from);
    }
  }
  if (*visits > 0) --*visits;  // a shard costs one even when it has nothing
  return true;
}

MessageRef Shard::Put(MessageRef message) {
  const auto place = by_topic_.lower_bound(message->topic());
  if (place == by_topic_.end() || place->message->topic() != message->topic()) {
    Schedule(*message);
    by_topic_.insert(place, Entry{std::move(message)});
    return MessageRef();
  }
  Unschedule(*place->message);  // first: with equal expiries both would be one entry, over the
                                // leaver's bytes
  Schedule(*message);
  return std::exchange(place->message, std::move(message));
}

MessageRef Shard::Take(std::string_view topic) {
  const auto found = by_topic_.find(topic);
  if (found == by_topic_.end()) return MessageRef();
  Unschedule(*found->message);
  MessageRef message = std::move(found->message);
  by_topic_.erase(found);
  return message;
}

MessageRef Shard::TakeExpired(int64_t now_ms) {
  for (const Schedules* schedule : {&by_expiry_, &graves_}) {
    if (!schedule->empty() && schedule->begin()->first <= now_ms)
      return Take(schedule->begin()->second);
  }
  return MessageRef();
}

MessageRef Shard::TakeOldestTombstone() {
  return graves_.empty() ? MessageRef() : Take(graves_.begin()->second);
}

void Shard::Schedule(const Message& message) {
  const int64_t expires = ExpiresAt(message, lifetime_ms);
  if (expires != kNever) ScheduleOf(message).emplace(expires, message.topic());
}

void Shard::Unschedule(const Message& message) {
  const int64_t expires = ExpiresAt(message, lifetime_ms);
  if (expires != kNever) ScheduleOf(message).erase({expires, message.topic()});
}

}  // namespace causeway::retained
