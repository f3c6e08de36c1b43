// Shared subscription groups: which one of several members gets a message (MQTT 5.0 §4.8.2).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/hash.h"
#include "core/session_flags.h"
#include "router/flat_map.h"

namespace causeway::router {

struct Filter;

/// EMQX's names. Source: mqtt.shared_subscription_strategy.
enum class Strategy : uint8_t { kRandom, kRoundRobin, kSticky, kHashClientId, kHashTopic, kLocal };

/// How a group shares its messages. `first`: how a sticky group chooses the member it will stick
/// to: kRandom, kLocal, kHashTopic or kHashClientId (mqtt.shared_subscription_initial_sticky_pick).
struct Sharing {
  Sharing(Strategy by, Strategy first_by = Strategy::kRandom) : strategy(by), first(first_by) {}
  Strategy strategy;
  Strategy first;
};

/// A member, named so that a stale choice is recognised on its loop. `options`: see
/// router/members.h.
struct GroupMember {
  uint8_t loop = 0;         // 0…63
  uint32_t session = 0;     // 24 bits used
  uint32_t generation = 0;  // 32 bits
  bool operator==(const GroupMember&) const = default;
};

/// What the choice depends on, apart from the group itself.
struct Choice {
  int loop;  // the publisher's
  uint64_t client_hash, topic_hash;
  uint64_t random;
  const SessionFlags* const* flags;  // by loop
};

/// One (group name, filter). Writer: control, through the Index. Readers: all loops, inside an
/// epoch, without locks: member slots live in segments that never move, a slot is one atomic word
/// holding a whole member, a reader that meets a slot in change takes the next. Members fill slots
/// [0, size); a leaver's slot is taken by the last member. Join and leave are O(1).
class Group {
 public:
  static constexpr int kLoops = 64;

  Group(std::string_view name, Sharing sharing, uint32_t id, const Filter* filter, HashSeed seed);
  ~Group();
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  const std::string name;
  std::atomic<Group*> next{nullptr};  // in Filter::groups
  const Sharing sharing;
  const uint32_t id;  // process-wide, names the group in lane entries

  /// A member that is connected and has room, by strategy; else a connected one; else any (to
  /// queue). False: no member. `skip` is not chosen if another exists (redispatch). Cost: O(1)
  /// while members are ready, else one look at each until a ready one is found; kLocal looks for
  /// one on the publisher's loop first. A member that stays may be overlooked while another leaves,
  /// never at other times.
  bool Pick(const Choice& choice, const GroupMember* skip, GroupMember* out) const;
  /// Members; any thread.
  size_t size() const { return count_.load(std::memory_order_acquire); }
  size_t memory_bytes() const;

 private:
  friend class Index;

  static constexpr uint32_t kFirstSegment = 4;  // slots; each further segment doubles the total
  static constexpr int kSegments = 23;          // 16 Mi members; above, Join CHECKs
  static constexpr uint32_t kNone = 0xFFFFFFFF;

  /// Writer. False: already in.
  bool Join(GroupMember member);
  /// Writer. False: not in.
  bool Leave(GroupMember member);

  std::atomic<uint64_t>* Slot(uint32_t position) const;
  uint32_t Find(uint64_t packed);
  /// The member that `by` begins its search with.
  uint32_t Start(Strategy by, const Choice& choice, uint32_t count) const;
  void MoveSticky(uint32_t from, uint32_t to);

  const Filter* const filter_;   // never followed, an identity
  Group* previous_ = nullptr;    // writer: in Filter::groups
  Group* same_key_ = nullptr;    // writer: in Index::groups_
  FlatMap<uint32_t> positions_;  // writer: packed member → slot, once there are more than kSearched
  std::atomic<std::atomic<uint64_t>*> segments_[kSegments] = {};
  /// kSticky: by publisher's loop, the slot chosen last; kNone before. Written by that loop,
  /// corrected by the writer.
  const std::unique_ptr<std::atomic<uint32_t>[]> sticky_;
  /// kLocal, also as a sticky group's first choice: members by loop. Writer; readers relaxed, a
  /// hint.
  const std::unique_ptr<std::atomic<uint32_t>[]> by_loop_;
  std::atomic<uint32_t> count_{0};
  /// kRoundRobin. Relaxed: a counter that orders nothing. Its own line, every publisher writes it.
  alignas(64) mutable std::atomic<uint32_t> turn_{0};
};

}  // namespace causeway::router
