// What linked clusters forward to us: decoded, filtered by our own topics, published here once. No
// socket and no clock in here: transport brings both.
// Source: docs/protocol/cluster-link.md "Receiver filtering".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/counters.h"
#include "fanout/shard.h"
#include "link/message_term.h"
#include "link/repeat_window.h"
#include "link/retained_mark.h"

namespace causeway::fanout {

/// What became of a forwarded message, and what its PUBACK or PUBREC says.
struct Taken {
  enum class Verdict : uint8_t {
    kPublished,    // see `outcome`; kDone also when it is no news to anybody here
    kFiltered,     // no such link, disabled, or outside our topics: 0x10
    kRepeated,     // taken or filtered already: sent again, or come by another way: 0x00
    kUndecodable,  // 0x99
  };
  Verdict verdict = Verdict::kPublished;
  Shard::Published outcome = Shard::Published::kNobody;
};

/// Single-threaded: one for each loop, beside its shard.
class LinkIntake {
 public:
  /// A PUBLISH on `$LINK/cluster/msg/<cluster>`.
  struct Carrier {
    std::string_view cluster;
    std::string_view client_id;  // of the connection that brought it
    std::string_view payload;
    uint8_t qos = 0;
  };

  LinkIntake(Shard* shard, Counters* counters, HashSeed seed)
      : shard_(shard), counters_(counters), repeats_(seed) {}
  LinkIntake(const LinkIntake&) = delete;
  LinkIntake& operator=(const LinkIntake&) = delete;

  /// `connection`: paused when the fan-out cannot end now. `now_ms` is monotonic, `wall_ms` since
  /// the epoch.
  Taken Take(const Carrier& carrier, session::Connection* connection, int64_t now_ms,
             int64_t wall_ms);

 private:
  enum class Transit : uint8_t { kGoesOn, kDuplicate, kCircle };
  /// A message of a link that carries transit or synchronises its topic: whether it is new here,
  /// and where it may go on to.
  Transit Onward(const LinkSpec& spec, const link::ForwardedMessage& message, bool is_shared,
                 Publication* publication);
  /// A change of retained messages: stored if it is the last one written, and told to whom it is
  /// news.
  Taken Merge(const LinkSpec& spec, link::RetainedMark mark, bool is_new, Publication* publication,
              session::Connection* connection, int64_t now_ms, int64_t wall_ms);
  Taken Published(const LinkSpec& spec, Publication* publication, session::Connection* connection,
                  int64_t now_ms);

  Shard* const shard_;
  Counters* const counters_;
  link::RepeatWindows repeats_;  // of the linked clusters' message clients that live here
  std::string scratch_;          // of the decoder
  std::string extra_;            // of what goes on
  std::string sync_extra_;       // … to clusters that synchronise its topic
};

}  // namespace causeway::fanout
