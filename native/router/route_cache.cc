#include "router/route_cache.h"

#include <bit>
#include <utility>

#include "core/check.h"

namespace causeway::router {

RouteCache::RouteCache(int loop, const Index* index, MemberTable* members, HashSeed seed,
                       size_t max_entries, size_t max_bytes)
    : loop_(loop),
      index_(index),
      members_(members),
      seed_(seed),
      max_entries_(max_entries),
      max_bytes_(max_bytes),
      entries_(seed) {
  CHECK(max_entries > 0);
}

RouteCache::~RouteCache() = default;

const Route* RouteCache::Lookup(std::string_view topic, uint64_t* topic_hash) {
  const uint64_t hash = Hash(topic, seed_);
  *topic_hash = hash;
  // Before the match: what is found is labelled with a generation that is not newer than it (proof
  // at Index).
  const uint64_t generation = index_->generation();
  Entry** found = entries_.Find(KeyOf(hash));
  Entry* entry = found == nullptr ? nullptr : *found;
  if (entry != nullptr && entry->topic == topic) {
    entry->used = true;
    if (Stands(entry->route, entry->version, generation)) {
      ++hits_;
      missed_ = 0;
      return &entry->route;
    }
  }
  ++misses_;
  ++missed_;
  Expected* const expected = TakeExpected(hash, topic, generation);
  if (entry == nullptr && full() && !AskedBefore(hash)) {
    if (expected != nullptr) return &expected->route;
    Fill(&passing_, topic, generation);
    return &passing_;
  }
  if (entry == nullptr) {
    clock_.push_back(std::make_unique<Entry>());
    entry = clock_.back().get();
    entry->key = KeyOf(hash);
    entries_.Insert(entry->key, entry);
  }
  entry->topic = topic;
  entry->version = members_->version();
  if (expected != nullptr) {
    std::swap(entry->route, expected->route);
  } else {
    Fill(&entry->route, topic, generation);
  }
  Account(entry);
  if (entry->bytes > max_bytes_) {
    SetAside(entry);
  } else if (clock_.size() > max_entries_ || bytes_ > max_bytes_) {
    MakeRoom(entry);
  }
  return &entry->route;
}

void RouteCache::Expect(const std::string_view* topics, size_t count) {
  CHECK(count <= expected_.size());
  std::array<uint64_t, Index::kTogether> hashes;
  for (size_t i = 0; i < count; ++i) {
    hashes[i] = Hash(topics[i], seed_);
    entries_.Prefetch(KeyOf(hashes[i]));
  }
  const uint64_t generation = index_->generation();  // before the match, as in Lookup
  std::array<Index::Query, Index::kTogether> queries;
  Forget();
  for (size_t i = 0; i < count; ++i) {
    Entry** found = entries_.Find(KeyOf(hashes[i]));
    if (found != nullptr && (*found)->topic == topics[i] &&
        Stands((*found)->route, (*found)->version, generation)) {
      continue;
    }
    Expected& expected = expected_[expected_count_];
    expected.topic = topics[i];
    expected.hash = hashes[i];
    expected.version = members_->version();
    expected.matched.clear();
    queries[expected_count_++] = {topics[i], &expected.matched};
  }
  index_->Match(queries.data(), expected_count_);
  // What each step reads the one before has asked for, of all topics.
  ForEachExpected([this](const Filter* filter) { members_->PrefetchPlace(filter->ref); });
  ForEachExpected([this](const Filter* filter) { members_->PrefetchList(filter->ref); });
  for (size_t i = 0; i < expected_count_; ++i) {
    Expected& expected = expected_[i];
    Resolve(expected.matched, generation, &expected.route);
    for (const MemberList* list : expected.route.local) list->PrefetchMembers();
  }
}

/// Null: it was not expected, or something has changed since.
RouteCache::Expected* RouteCache::TakeExpected(uint64_t hash, std::string_view topic,
                                               uint64_t generation) {
  for (size_t i = expected_next_; i < expected_count_; ++i) {
    Expected& expected = expected_[i];
    if (expected.hash != hash || expected.topic != topic) continue;
    expected_next_ = i + 1;
    return Stands(expected.route, expected.version, generation) ? &expected : nullptr;
  }
  return nullptr;
}

/// Whether the topic of this hash was the last one not kept in its place; now it is. Another topic
/// passes for it once in 65,536 times, and is kept at first sight.
bool RouteCache::AskedBefore(uint64_t hash) {
  if (asked_.empty()) asked_.resize(std::bit_ceil(max_entries_));
  uint16_t& place = asked_[hash & (asked_.size() - 1)];
  const auto tag = static_cast<uint16_t>(hash >> 48);
  return std::exchange(place, tag) == tag;
}

void RouteCache::Fill(Route* route, std::string_view topic, uint64_t generation) {
  matched_.clear();
  index_->Match(topic, &matched_);
  Resolve(matched_, generation, route);
}

void RouteCache::Resolve(const std::vector<Filter*>& matched, uint64_t generation, Route* route) {
  route->generation = generation;
  route->loops = 0;
  route->links = 0;
  route->local.clear();
  route->remote.clear();
  route->groups.clear();
  const uint64_t own = uint64_t{1} << loop_;
  for (const Filter* filter : matched) {
    // Relaxed: ordered by the generation that was read before the match.
    const uint64_t others = filter->loops.load(std::memory_order_relaxed) & ~own;
    route->loops |= others;
    route->links |= filter->links.load(std::memory_order_relaxed);
    if (others != 0) route->remote.push_back({filter->ref, others});
    // Not by our bit in the mask: the table is ours and always current.
    if (MemberList* list = members_->Find(filter->ref); list != nullptr)
      route->local.push_back(list);
    for (Group* group = filter->groups.load(std::memory_order_acquire); group != nullptr;
         group = group->next.load(std::memory_order_acquire)) {
      route->groups.push_back({group, filter->ref});
    }
  }
}

void RouteCache::Account(Entry* entry) {
  const Route& route = entry->route;
  bytes_ -= entry->bytes;
  entry->bytes = sizeof(Entry) + entry->topic.capacity() +
                 route.local.capacity() * sizeof(route.local[0]) +
                 route.remote.capacity() * sizeof(route.remote[0]) +
                 route.groups.capacity() * sizeof(route.groups[0]);
  bytes_ += entry->bytes;
}

/// Second chance: the hand passes entries used since its last round and takes the others. `keep` is
/// being returned.
void RouteCache::MakeRoom(const Entry* keep) {
  while (clock_.size() > max_entries_ || bytes_ > max_bytes_) {
    if (hand_ >= clock_.size()) hand_ = 0;
    Entry* entry = clock_[hand_].get();
    if (entry == keep || entry->used) {
      entry->used = false;
      ++hand_;
      continue;
    }
    Erase(hand_);
    ++evictions_;
  }
}

/// The caller uses it, the next lookup does not find it; the other entries stay.
void RouteCache::SetAside(Entry* entry) {
  size_t position =
      clock_.size() - 1;  // where a new entry is; an old one that grew is searched for
  while (clock_[position].get() != entry) --position;
  too_big_ = std::move(clock_[position]);
  if (position + 1 != clock_.size()) clock_[position] = std::move(clock_.back());
  clock_.pop_back();
  entries_.Erase(too_big_->key);
  bytes_ -= too_big_->bytes;
  ++evictions_;
}

void RouteCache::Erase(size_t position) {
  bytes_ -= clock_[position]->bytes;
  entries_.Erase(clock_[position]->key);
  if (position + 1 != clock_.size()) clock_[position] = std::move(clock_.back());
  clock_.pop_back();
}

}  // namespace causeway::router
