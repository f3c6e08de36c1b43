// `$delayed/…` and the other names that are the broker's own: what they ask for, and publishing
// when the time has come. Source: docs/protocol/dollar-topics.md.
#include <algorithm>

#include "core/clock.h"
#include "core/limits.h"
#include "mqtt/delayed_topic.h"
#include "transport/io_loop.h"

namespace causeway::transport {

using fanout::DelayedQueue;
using fanout::Publication;
using mqtt::Reason;

namespace {

constexpr std::string_view kSysPrefix = "$SYS/";
constexpr std::string_view kLinkPrefix = "$LINK/";

}  // namespace

/// Reads what a `$` in front of `*topic` asks for: a delay is taken off the name and noted in
/// `*due_ms`. kSuccess, or why nobody may publish there.
Reason IoLoop::ReadReservedTopic(std::string_view* topic, int64_t* due_ms) const {
  if (fabric_->delayed_enabled && topic->starts_with(mqtt::kDelayedPrefix)) {
    const mqtt::DelayedTopic delayed = mqtt::ParseDelayedTopic(*topic, WallClockMs());
    if (delayed.topic.empty()) return Reason::kTopicNameInvalid;
    // A delay is no way around the door of links.
    if (delayed.topic.starts_with(kLinkPrefix)) return Reason::kNotAuthorized;
    *topic = delayed.topic;
    // Not now_ms_, which is of the last turn: an idle loop may have slept since.
    *due_ms = MonotonicMs() + delayed.delay_ms;
  }
  return topic->starts_with(kSysPrefix) ? Reason::kNotAuthorized : Reason::kSuccess;
}

void IoLoop::CountReservedRefusal(Reason reason) {
  Bump(reason == Reason::kTopicNameInvalid ? counters_.delayed_invalid : counters_.messages_denied);
}

/// False when there is no room for it.
bool IoLoop::Delay(const Publication& publication, int64_t due_ms) {
  if (!delayed_.Put(publication.Keep(WallClockMs()), due_ms)) {
    Bump(counters_.delayed_refused);
    return false;
  }
  Bump(counters_.messages_delayed);
  ArmDelayed();
  return true;
}

/// Publishes what is due, as much as this turn may still deliver; the rest is for the next turns.
void IoLoop::PublishDelayed() {
  while (shard_.turn_deliveries() < limits::kTurnDeliveries &&
         shard_.pending_fanouts() < limits::kDelayedFanoutsMax) {
    const MessageRef message = delayed_.TakeDue(now_ms_);
    if (!message) break;
    const uint32_t expiry = message->message_expiry_seconds;
    if (expiry != mqtt::kNoExpiry && now_ms_ - message->received_ms >= int64_t{expiry} * 1000) {
      Bump(counters_.delayed_expired);  // it counts from the PUBLISH [MQTT-3.3.2-5]
      continue;
    }
    Bump(counters_.delayed_published);
    Publication publication = Publication::Of(message);
    shard_.Publish(&publication, nullptr, now_ms_);
  }
  if (delayed_.next_due_ms() > now_ms_) {
    ArmDelayed();
  } else if (shard_.pending_fanouts() < limits::kDelayedFanoutsMax) {
    work_left_ = true;  // otherwise a fan-out that ends brings the next turn
  }
}

/// The timer rings for the message that is due first. Exact to a millisecond, and the turn.
void IoLoop::ArmDelayed() {
  const int64_t due_ms = delayed_.next_due_ms();
  if (due_ms == delayed_armed_ms_) return;
  delayed_armed_ms_ = due_ms;
  if (due_ms == DelayedQueue::kNever) {
    uv_timer_stop(&delayed_timer_);
    return;
  }
  uv_update_time(&loop_);
  uv_timer_start(
      &delayed_timer_,
      [](uv_timer_t* handle) {
        auto* self = static_cast<IoLoop*>(handle->data);
        self->delayed_armed_ms_ = DelayedQueue::kNever;
        self->EndTurn();
        self->ArmDelayed();  // libuv's clock may be a little ahead of ours
      },
      static_cast<uint64_t>(std::max<int64_t>(due_ms - MonotonicMs(), 1)), 0);
}

}  // namespace causeway::transport
