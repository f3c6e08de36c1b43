// One of the index's shards: the retained messages whose topics hash here, and the lock around
// them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/message.h"
#include "retained/topic_order.h"
#include "retained/write_order.h"

namespace causeway::retained {

inline constexpr int64_t kNever = INT64_MAX;

/// When `message` is stored no longer, on the clock of Message::received_ms. Without a Message
/// Expiry Interval it has `lifetime_ms`; 0: kNever. A tombstone has limits::kTombstoneMs.
int64_t ExpiresAt(const Message& message, int64_t lifetime_ms);

/// What a replay asks for.
struct Search {
  std::string_view filter;
  uint64_t horizon;  // versions above it come live
  int64_t now_ms;
  bool tombstones = false;  // these too
};

/// Not synchronised: whoever calls holds `mutex`. The mutex is a leaf: nothing else is locked under
/// it. Cost of every method: O(log n) comparisons of topics, n being this shard's messages.
class alignas(64) Shard {
 public:
  /// What one entry costs beside its message: two tree nodes with a malloc header each, rounded up.
  static constexpr size_t kEntryBytes = 160;

  /// The message or tombstone under exactly this topic, or null; borrowed until the mutex is let
  /// go.
  const MessageRef* Find(std::string_view topic) const;
  /// Takes references to what `search` wants, from `*from` on, while `*visits` lasts (one a topic
  /// looked at). True: this shard is done; false: to be continued at `*from`.
  bool Collect(const Search& search, std::string* from, size_t* visits,
               std::vector<MessageRef>* found) const;
  /// Adds, or replaces what is under the same topic; returns what was replaced, for the caller to
  /// end outside the lock.
  MessageRef Put(MessageRef message);
  /// Takes what is under this topic out; null when there is nothing.
  MessageRef Take(std::string_view topic);
  /// Takes out a message or tombstone that has expired by `now_ms`, the first one of its kind.
  MessageRef TakeExpired(int64_t now_ms);
  /// Takes out the oldest tombstone; null when there is none.
  MessageRef TakeOldestTombstone();

  /// Whether `search` asks for this message, which is one of ours and matches.
  bool Wanted(const Search& search, const Message& message) const {
    return (search.tombstones || !IsTombstone(message)) &&
           message.retain_version <= search.horizon &&
           search.now_ms < ExpiresAt(message, lifetime_ms);  // [MQTT-3.3.2-5]
  }

  std::mutex mutex;
  int64_t lifetime_ms = 0;     // Limits::lifetime_ms; never changes once there are messages
  size_t tombstone_bytes = 0;  // kept by the index

 private:
  /// Its key lives in the message, so replacing a message replaces the key's bytes too, never their
  /// value.
  struct Entry {
    mutable MessageRef message;
  };
  struct ByTopic {
    using is_transparent = void;
    bool operator()(const Entry& a, const Entry& b) const {
      return LevelLess(a.message->topic(), b.message->topic());
    }
    bool operator()(const Entry& a, std::string_view b) const {
      return LevelLess(a.message->topic(), b);
    }
    bool operator()(std::string_view a, const Entry& b) const {
      return LevelLess(a, b.message->topic());
    }
  };

  void Schedule(const Message& message);
  void Unschedule(const Message& message);

  /// When, and the topic: a view into the message.
  using Schedules = std::set<std::pair<int64_t, std::string_view>>;
  Schedules& ScheduleOf(const Message& message) {
    return IsTombstone(message) ? graves_ : by_expiry_;
  }

  std::set<Entry, ByTopic> by_topic_;
  Schedules by_expiry_;  // messages that expire
  Schedules graves_;     // tombstones
};

}  // namespace causeway::retained
