// What one link met on one loop, both directions: every message that matched has a name for what
// became of it. Shown by `causeway ctl links`; docs/operating/links.md.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "core/counters.h"
#include "link/log_histogram.h"

namespace causeway::link {

/// X(name, unit, meaning). Every message that matched is in exactly one place:
///   matched = acked + rejected + sent_qos0 + expired + overflowed + oversize + undeliverable +
///   dropped + queued + inflight
/// The codes of `rejected` are those that MQTT 5.0 §3.4.2.1 gives a PUBACK.
#define CAUSEWAY_LINK_COUNTERS(X)                                                  \
  X(matched, "messages", "matched a route of the linked cluster")                  \
  X(sent, "packets", "PUBLISHes written, repeats included")                        \
  X(sent_qos0, "messages", "of them QoS 0, which nobody acknowledges")             \
  X(retried, "packets", "of them repeats after a reconnect; no losses")            \
  X(acked, "messages", "acknowledged, 0x00 or 0x10")                               \
  X(unmatched, "messages", "of them 0x10: nobody there, or its filter")            \
  X(rejected, "messages", "refused for good by the far end, all codes")            \
  X(rejected_0x80, "messages", "of them unspecified error")                        \
  X(rejected_0x83, "messages", "of them implementation specific error")            \
  X(rejected_0x87, "messages", "of them not authorized")                           \
  X(rejected_0x90, "messages", "of them topic name invalid")                       \
  X(rejected_0x91, "messages", "of them packet identifier in use")                 \
  X(rejected_0x97, "messages", "of them quota exceeded")                           \
  X(rejected_0x99, "messages", "of them payload format invalid")                   \
  X(rejected_other, "messages", "of them any other code")                          \
  X(expired, "messages", "older than request_ttl, or past their own expiry")       \
  X(overflowed, "messages", "oldest dropped: max_buffer_bytes")                    \
  X(oversize, "messages", "larger than the far end's Maximum Packet Size")         \
  X(undeliverable, "messages", "sent alone, and the far end hung up each time")    \
  X(dropped, "messages", "waiting when the link was removed")                      \
  X(ack_timeouts, "connections", "closed because a PUBACK did not come")           \
  X(received, "messages", "arrived and published here")                            \
  X(duplicate, "messages", "arrived again, not published again")                   \
  X(filtered, "messages", "arrived, outside our own topics or while disabled")     \
  X(undecodable, "messages", "arrived, no forwarded message: 0x99")                \
  X(trailing, "messages", "arrived with bytes behind the term: ignored")           \
  X(retained_sent, "messages", "of matched, parts of a snapshot: `retained_sync`") \
  X(retained_stored, "messages", "arrived, changed our retained messages")         \
  X(retained_older, "messages", "arrived, what we hold was written later")         \
  X(retained_refused, "messages", "arrived, not stored: a limit, or their clock")

/// X(name, unit, meaning): what is now. `oldest_ms`, `slots_online` and `draining` are looked at
/// once a timer tick, the others are exact.
#define CAUSEWAY_LINK_GAUGES(X)                                                        \
  X(queued, "messages", "waiting")                                                     \
  X(queued_bytes, "bytes", "waiting and unacknowledged, with what keeping each costs") \
  X(inflight, "messages", "sent and unacknowledged")                                   \
  X(oldest_ms, "milliseconds", "for how long the oldest message waits")                \
  X(slots_online, "connections", "message connections in use")                         \
  X(draining, "messages", "in the connections of a former pool_size")

/// One link on one loop. Written by that loop, read by any thread.
struct alignas(64) LinkMetrics {
#define CAUSEWAY_LINK_METRIC(name, unit, meaning) std::atomic<uint64_t> name{0};
  CAUSEWAY_LINK_COUNTERS(CAUSEWAY_LINK_METRIC)
  CAUSEWAY_LINK_GAUGES(CAUSEWAY_LINK_METRIC)
#undef CAUSEWAY_LINK_METRIC
  /// The number of the LinkPlan that the loop works by. Release: who reads it (acquire) finds in
  /// the retained index what this loop stored by an earlier plan.
  std::atomic<uint64_t> plan{0};
  /// From a PUBLISH to its PUBACK; of each connection one message at a time is timed.
  LogHistogram rtt;
  /// From the publisher's broker to ours, by both brokers' clocks, milliseconds precise.
  LogHistogram latency;
};

/// One for each loop, all zero.
inline std::shared_ptr<LinkMetrics[]> NewLinkMetrics(int loops) {
  return std::shared_ptr<LinkMetrics[]>(new LinkMetrics[static_cast<size_t>(loops)]);
}

struct LinkMetricInfo {
  std::string_view name, unit, meaning;
  std::atomic<uint64_t> LinkMetrics::* value;
};
#define CAUSEWAY_LINK_METRIC(name, unit, meaning) \
  LinkMetricInfo{#name, unit, meaning, &LinkMetrics::name},
inline constexpr LinkMetricInfo kLinkCounters[] = {CAUSEWAY_LINK_COUNTERS(CAUSEWAY_LINK_METRIC)};
inline constexpr LinkMetricInfo kLinkGauges[] = {CAUSEWAY_LINK_GAUGES(CAUSEWAY_LINK_METRIC)};
#undef CAUSEWAY_LINK_METRIC

/// The counter of a PUBACK reason that refuses a message.
inline std::atomic<uint64_t>& RejectedBy(LinkMetrics* metrics, uint8_t reason) {
  switch (reason) {
    case 0x80:
      return metrics->rejected_0x80;
    case 0x83:
      return metrics->rejected_0x83;
    case 0x87:
      return metrics->rejected_0x87;
    case 0x90:
      return metrics->rejected_0x90;
    case 0x91:
      return metrics->rejected_0x91;
    case 0x97:
      return metrics->rejected_0x97;
    case 0x99:
      return metrics->rejected_0x99;
    default:
      return metrics->rejected_other;
  }
}

}  // namespace causeway::link
