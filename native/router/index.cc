#include "router/index.h"

#include <array>

#include "core/check.h"
#include "router/topic_levels.h"

namespace causeway::router {
namespace {

void DestroyFilter(void* filter) { delete static_cast<Filter*>(filter); }
void DestroyGroup(void* group) { delete static_cast<Group*>(group); }

uint64_t Bit(int index) {
  CHECK(index >= 0 && index < 64);
  return uint64_t{1} << index;
}

size_t BytesOf(const Filter* filter) { return sizeof(Filter) + filter->text.capacity(); }

}  // namespace

Index::Index(HashSeed seed, EpochDomain* epochs)
    : seed_(seed), epochs_(epochs), trie_(seed, epochs), groups_(seed) {}

Index::~Index() {
  for (FilterId from = 0; from != kWalkEnd;) {
    from = Walk(from, kWalkStepMax, [](Filter* filter) {
      for (Group* group = filter->groups.load(std::memory_order_relaxed); group != nullptr;) {
        Group* next = group->next.load(std::memory_order_relaxed);
        delete group;
        group = next;
      }
    });
  }
}

Filter* Index::Find(std::string_view filter) const {
  if (HasWildcard(filter)) return trie_.Find(filter);
  const uint64_t hash = Hash(filter, seed_);
  return exact_.Find(hash, [&](const Filter& f) { return f.hash == hash && f.text == filter; });
}

Filter* Index::Acquire(std::string_view filter) {
  const bool wildcard = HasWildcard(filter);
  uint64_t hash = 0;
  TopicTrie::Place place{};
  Filter* found = nullptr;
  if (wildcard) {
    place = trie_.Make(filter);
    found = place.slot->load(std::memory_order_relaxed);  // our own
  } else {
    hash = Hash(filter, seed_);
    found = exact_.Find(hash, [&](const Filter& f) { return f.hash == hash && f.text == filter; });
  }
  if (found != nullptr) {
    ++found->references;
    return found;
  }
  Filter* made = new Filter;
  made->text = filter;
  made->hash = hash;
  made->references = 1;
  if (wildcard) made->node = place.node;
  table_.Add(made);  // gives it its name; from here walks see it
  if (wildcard) {
    trie_.Link(place, made);
  } else {
    exact_.Insert(made, epochs_);
  }
  filters_bytes_ += BytesOf(made);
  size_.store(size_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);  // one writer
  return made;
}

void Index::Release(Filter* filter) {
  CHECK(filter->references > 0);
  if (--filter->references > 0) return;
  CHECK(filter->groups.load(std::memory_order_relaxed) == nullptr);
  table_.Remove(filter);
  if (filter->node != nullptr) {
    trie_.Unlink(filter);
  } else {
    exact_.Remove(filter, epochs_);
  }
  MoveGeneration();  // cached routes forget the filter before its memory goes
  filters_bytes_ -= BytesOf(filter);
  size_.store(size_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
  epochs_->Retire(filter, DestroyFilter, BytesOf(filter));
}

bool Index::AddLocal(Filter* filter) {
  const uint32_t before = filter->local.load(std::memory_order_relaxed);  // one writer
  filter->local.store(before + 1, std::memory_order_relaxed);
  return before == 0;
}

bool Index::RemoveLocal(Filter* filter) {
  const uint32_t before = filter->local.load(std::memory_order_relaxed);
  CHECK(before > 0);
  filter->local.store(before - 1, std::memory_order_relaxed);
  return before == 1;
}

bool Index::AddLink(Filter* filter, int link) {
  const uint64_t before = filter->links.load(std::memory_order_relaxed);  // one writer
  if ((before & Bit(link)) != 0) return false;
  filter->links.store(before | Bit(link), std::memory_order_relaxed);  // ordered by the generation
  MoveGeneration();
  return true;
}

bool Index::RemoveLink(Filter* filter, int link) {
  const uint64_t before = filter->links.load(std::memory_order_relaxed);
  if ((before & Bit(link)) == 0) return false;
  filter->links.store(before & ~Bit(link), std::memory_order_relaxed);
  MoveGeneration();
  return true;
}

void Index::ShowOnLoop(Filter* filter, int loop) {
  // Relaxed: other loops write other bits at the same time, hence a read-modify-write; the
  // generation orders it.
  const uint64_t before = filter->loops.fetch_or(Bit(loop), std::memory_order_relaxed);
  if ((before & Bit(loop)) == 0) MoveGeneration();
}

void Index::HideOnLoop(Filter* filter, int loop) {
  const uint64_t before = filter->loops.fetch_and(~Bit(loop), std::memory_order_relaxed);
  if ((before & Bit(loop)) != 0) MoveGeneration();
}

uint64_t Index::GroupKey(const Filter* filter, std::string_view name) const {
  const uint64_t key = Hash(name, seed_) ^ (uint64_t{filter->ref.id} * 0x9E3779B97F4A7C15);
  return key < FlatMap<Group*>::kKeyEnd ? key : 0;
}

Group* Index::JoinGroup(Filter* filter, std::string_view name, Sharing sharing, GroupMember member,
                        bool* first) {
  *first = false;
  const uint64_t key = GroupKey(filter, name);
  Group** chain = groups_.Find(key);
  for (Group* group = chain == nullptr ? nullptr : *chain; group != nullptr;
       group = group->same_key_) {
    if (group->filter_ != filter || group->name != name) continue;
    group->Join(member);
    return group;
  }
  Group* made = new Group(name, sharing, next_group_++, filter, seed_);
  made->Join(member);
  if (chain == nullptr) {
    groups_.Insert(key, made);
  } else {
    made->same_key_ = *chain;
    *chain = made;
  }
  Group* head = filter->groups.load(std::memory_order_relaxed);
  made->next.store(head, std::memory_order_relaxed);  // published by the next store
  if (head != nullptr) head->previous_ = made;
  filter->groups.store(made, std::memory_order_release);  // the group and its member are complete
  MoveGeneration();
  *first = true;
  return made;
}

bool Index::LeaveGroup(Filter* filter, std::string_view name, GroupMember member, bool* last) {
  *last = false;
  const uint64_t key = GroupKey(filter, name);
  Group** chain = groups_.Find(key);
  for (Group* group = chain == nullptr ? nullptr : *chain; group != nullptr;
       group = group->same_key_) {
    if (group->filter_ != filter || group->name != name) continue;
    if (!group->Leave(member)) return false;
    *last = group->size() == 0;
    if (*last) UnlinkGroup(filter, group, key);
    return true;
  }
  return false;
}

void Index::UnlinkGroup(Filter* filter, Group* group, uint64_t key) {
  Group** chain = groups_.Find(key);
  while (*chain != group) chain = &(*chain)->same_key_;
  *chain = group->same_key_;
  if (Group** head = groups_.Find(key); *head == nullptr) groups_.Erase(key);

  // A reader standing on the group goes on by its `next`, which stays: what that leads to was
  // retired no earlier.
  Group* next = group->next.load(std::memory_order_relaxed);
  std::atomic<Group*>& link = group->previous_ == nullptr ? filter->groups : group->previous_->next;
  link.store(next, std::memory_order_release);  // `next` was published before; release keeps that
                                                // true for late readers
  if (next != nullptr) next->previous_ = group->previous_;
  MoveGeneration();
  epochs_->Retire(group, DestroyGroup, group->memory_bytes());
}

void Index::Match(std::string_view topic, std::vector<Filter*>* out) const {
  const uint64_t hash = Hash(topic, seed_);
  exact_.Prefetch(hash);
  trie_.Match({topic, out});
  Filter* exact =
      exact_.Find(hash, [&](const Filter& f) { return f.hash == hash && f.text == topic; });
  if (exact != nullptr) out->push_back(exact);
}

void Index::Match(const Query* queries, size_t count) const {
  CHECK(count <= kTogether);
  std::array<uint64_t, kTogether> hashes;
  for (size_t i = 0; i < count; ++i) {
    hashes[i] = Hash(queries[i].topic, seed_);
    exact_.Prefetch(hashes[i]);
  }
  trie_.Match(queries, count);
  // The exact one step by step, as the others: its filter, then the filter's text.
  std::array<const Filter*, kTogether> likely;
  for (size_t i = 0; i < count; ++i) {
    likely[i] = exact_.Guess(hashes[i]);
    if (likely[i] == nullptr) continue;
    __builtin_prefetch(&likely[i]->text);
    __builtin_prefetch(&likely[i]->hash);
  }
  for (size_t i = 0; i < count; ++i) {
    if (likely[i] != nullptr) __builtin_prefetch(likely[i]->text.data());
  }
  for (size_t i = 0; i < count; ++i) {
    if (likely[i] == nullptr) continue;
    Filter* exact = exact_.Find(hashes[i], [&](const Filter& f) {
      return f.hash == hashes[i] && f.text == queries[i].topic;
    });
    if (exact != nullptr) queries[i].found->push_back(exact);
  }
}

size_t Index::memory_bytes() const {
  return sizeof(*this) + filters_bytes_ + table_.memory_bytes() + exact_.memory_bytes() +
         trie_.memory_bytes() + groups_.memory_bytes();
}

}  // namespace causeway::router
