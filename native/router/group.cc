#include "router/group.h"

#include <bit>

#include "core/check.h"

namespace causeway::router {
namespace {

constexpr uint64_t kVacant = ~uint64_t{0};
constexpr uint32_t kSessionBits = 24;
/// Groups up to this size are searched by position; bigger ones get a map.
constexpr uint32_t kSearched = 16;

/// loop:8 | session:24 | generation:32. Loops end at 63, so kVacant is nobody.
uint64_t Pack(GroupMember member) {
  CHECK(member.loop < Group::kLoops && member.session < 1u << kSessionBits);
  return uint64_t{member.loop} << 56 | uint64_t{member.session} << 32 | member.generation;
}
GroupMember Unpack(uint64_t packed) {
  return {static_cast<uint8_t>(packed >> 56),
          static_cast<uint32_t>(packed >> 32) & ((1u << kSessionBits) - 1),
          static_cast<uint32_t>(packed)};
}

/// How good a member is now, best first. A skipped one is better than nobody.
enum Rank : int { kNobody, kSkipped, kAway, kConnected, kReady, kReadyHere };

Rank RankOf(GroupMember member, const Choice& choice, const GroupMember* skip, bool prefer_local) {
  if (skip != nullptr && member == *skip) return kSkipped;
  const uint8_t flags = choice.flags[member.loop]->Get(member.session);
  if ((flags & SessionFlags::kConnected) == 0) return kAway;
  if ((flags & SessionFlags::kHasRoom) == 0) return kConnected;
  return prefer_local && member.loop == choice.loop ? kReadyHere : kReady;
}

/// 0 ≤ result < count, spread evenly by the high bits of `value`.
uint32_t Scale(uint64_t value, uint32_t count) {
  return static_cast<uint32_t>((value >> 32) * count >> 32);
}

std::unique_ptr<std::atomic<uint32_t>[]> PerLoop(bool wanted, uint32_t value) {
  if (!wanted) return nullptr;
  auto made = std::make_unique<std::atomic<uint32_t>[]>(Group::kLoops);
  for (int i = 0; i < Group::kLoops; ++i) made[i].store(value, std::memory_order_relaxed);
  return made;
}

}  // namespace

Group::Group(std::string_view group_name, Sharing group_sharing, uint32_t group_id,
             const Filter* filter, HashSeed seed)
    : name(group_name),
      sharing(group_sharing),
      id(group_id),
      filter_(filter),
      positions_(seed),
      sticky_(PerLoop(sharing.strategy == Strategy::kSticky, kNone)),
      by_loop_(
          PerLoop(sharing.strategy == Strategy::kLocal ||
                      (sharing.strategy == Strategy::kSticky && sharing.first == Strategy::kLocal),
                  0)) {}

Group::~Group() {
  for (auto& segment : segments_) delete[] segment.load(std::memory_order_relaxed);
}

/// Segment 0 holds positions [0, 4), segment i holds [2 << i, 4 << i).
std::atomic<uint64_t>* Group::Slot(uint32_t position) const {
  const int segment = position < kFirstSegment ? 0 : std::bit_width(position) - 2;
  const uint32_t begin = segment == 0 ? 0 : uint32_t{2} << segment;
  // Acquire pairs with Join: the segment's vacant slots are visible.
  std::atomic<uint64_t>* slots = segments_[segment].load(std::memory_order_acquire);
  return slots == nullptr ? nullptr : slots + (position - begin);
}

uint32_t Group::Find(uint64_t packed) {
  const uint32_t count = count_.load(std::memory_order_relaxed);
  if (positions_.size() > 0) {
    const uint32_t* position = positions_.Find(packed);
    return position == nullptr ? kNone : *position;
  }
  for (uint32_t i = 0; i < count; ++i) {
    if (Slot(i)->load(std::memory_order_relaxed) == packed) return i;
  }
  return kNone;
}

bool Group::Join(GroupMember member) {
  const uint64_t packed = Pack(member);
  if (Find(packed) != kNone) return false;
  const uint32_t position = count_.load(std::memory_order_relaxed);
  CHECK(position < kFirstSegment << (kSegments - 1));
  std::atomic<uint64_t>* slot = Slot(position);
  if (slot == nullptr) {
    const int segment = position < kFirstSegment ? 0 : std::bit_width(position) - 2;
    const uint32_t slots = segment == 0 ? kFirstSegment : uint32_t{2} << segment;
    auto* made = new std::atomic<uint64_t>[slots];
    for (uint32_t i = 0; i < slots; ++i) made[i].store(kVacant, std::memory_order_relaxed);
    segments_[segment].store(made, std::memory_order_release);  // publishes the vacant slots
    slot = Slot(position);
  }
  if (positions_.size() > 0) {
    positions_.Insert(packed, position);
  } else if (position == kSearched) {
    for (uint32_t i = 0; i < position; ++i)
      positions_.Insert(Slot(i)->load(std::memory_order_relaxed), i);
    positions_.Insert(packed, position);
  }
  if (by_loop_ != nullptr) by_loop_[member.loop].fetch_add(1, std::memory_order_relaxed);
  slot->store(packed, std::memory_order_relaxed);  // the word is the member: nothing behind it
  count_.store(position + 1, std::memory_order_release);  // who sees the count sees the slot
  return true;
}

bool Group::Leave(GroupMember member) {
  const uint64_t packed = Pack(member);
  const uint32_t position = Find(packed);
  if (position == kNone) return false;
  const uint32_t last = count_.load(std::memory_order_relaxed) - 1;
  const uint64_t moved = Slot(last)->load(std::memory_order_relaxed);
  if (positions_.size() > 0) {
    if (position != last) *positions_.Find(moved) = position;
    positions_.Erase(packed);
  }
  if (by_loop_ != nullptr) by_loop_[member.loop].fetch_sub(1, std::memory_order_relaxed);
  // The last member stands in both places for a moment, so that a scan may see it twice rather than
  // not at all.
  Slot(position)->store(moved, std::memory_order_relaxed);
  count_.store(last,
               std::memory_order_release);  // the copy is visible before its source disappears
  Slot(last)->store(kVacant, std::memory_order_relaxed);
  if (sticky_ != nullptr) {
    MoveSticky(position, kNone);
    if (position != last) MoveSticky(last, position);
  }
  return true;
}

/// Loops that stick to the member in slot `from` follow it to `to`. A loop may choose anew
/// meanwhile: its choice stands.
void Group::MoveSticky(uint32_t from, uint32_t to) {
  for (int loop = 0; loop < kLoops; ++loop) {
    uint32_t expected = from;
    sticky_[loop].compare_exchange_strong(expected, to, std::memory_order_relaxed);
  }
}

uint32_t Group::Start(Strategy by, const Choice& choice, uint32_t count) const {
  switch (by) {
    case Strategy::kRoundRobin:
      return turn_.fetch_add(1, std::memory_order_relaxed) % count;
    case Strategy::kHashClientId:
      return Scale(choice.client_hash, count);
    case Strategy::kHashTopic:
      return Scale(choice.topic_hash, count);
    case Strategy::kSticky:
    case Strategy::kRandom:
    case Strategy::kLocal:
      return Scale(choice.random, count);
  }
  return 0;
}

bool Group::Pick(const Choice& choice, const GroupMember* skip, GroupMember* out) const {
  const uint32_t count = count_.load(std::memory_order_acquire);  // pairs with Join
  if (count == 0) return false;
  const uint32_t chosen = sharing.strategy == Strategy::kSticky
                              ? sticky_[choice.loop].load(std::memory_order_relaxed)
                              : kNone;
  const bool sticks = chosen < count;
  const bool prefer_local =
      !sticks && by_loop_ != nullptr && by_loop_[choice.loop].load(std::memory_order_relaxed) > 0;
  const Rank best_possible = prefer_local ? kReadyHere : kReady;
  const Strategy by = sharing.strategy == Strategy::kSticky ? sharing.first : sharing.strategy;
  const uint32_t start = sticks ? chosen : Start(by, choice, count);
  Rank best = kNobody;
  uint32_t best_position = 0, best_distance = 0;
  for (uint32_t distance = 0; distance < count && best < best_possible; ++distance) {
    const uint32_t position =
        start + distance < count ? start + distance : start + distance - count;
    const uint64_t packed = Slot(position)->load(std::memory_order_relaxed);
    if (packed == kVacant) continue;  // in change: take the next
    const GroupMember member = Unpack(packed);
    const Rank rank = RankOf(member, choice, skip, prefer_local);
    if (rank <= best) continue;
    best = rank;
    best_position = position;
    best_distance = distance;
    *out = member;
  }
  if (best == kNobody) return false;
  if (sharing.strategy == Strategy::kSticky) {
    sticky_[choice.loop].store(best_position, std::memory_order_relaxed);
  } else if (sharing.strategy == Strategy::kRoundRobin && best_distance > 0) {
    // Whom we passed over had their turn: otherwise the member behind a run of absent ones would
    // get theirs as well.
    turn_.fetch_add(best_distance, std::memory_order_relaxed);
  }
  return true;
}

size_t Group::memory_bytes() const {
  size_t bytes = sizeof(*this) + name.capacity() + positions_.memory_bytes();
  for (int i = 0; i < kSegments; ++i) {
    if (segments_[i].load(std::memory_order_relaxed) == nullptr) break;
    bytes += (i == 0 ? kFirstSegment : uint32_t{2} << i) * sizeof(uint64_t);
  }
  if (sticky_ != nullptr || by_loop_ != nullptr) bytes += kLoops * sizeof(uint32_t);
  return bytes;
}

}  // namespace causeway::router
