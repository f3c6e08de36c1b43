#include "router/route_cache.h"

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
  const uint64_t key = hash >> 1;  // below FlatMap::kKeyEnd
  // Before the match: what is found is labelled with a generation that is not newer than it (proof
  // at Index).
  const uint64_t generation = index_->generation();
  Entry** found = entries_.Find(key);
  Entry* entry = found == nullptr ? nullptr : *found;
  if (entry != nullptr && entry->topic == topic) {
    entry->used = true;
    if (entry->route.generation == generation && entry->version == members_->version()) {
      ++hits_;
      return &entry->route;
    }
  } else if (entry != nullptr) {
    entry->topic = topic;
  } else {
    clock_.push_back(std::make_unique<Entry>());
    entry = clock_.back().get();
    entry->key = key;
    entry->topic = topic;
    entries_.Insert(key, entry);
  }
  ++misses_;
  entry->route.generation = generation;
  entry->version = members_->version();
  Fill(&entry->route, topic);
  Account(entry);
  if (entry->bytes > max_bytes_) {
    SetAside(entry);
  } else if (clock_.size() > max_entries_ || bytes_ > max_bytes_) {
    MakeRoom(entry);
  }
  return &entry->route;
}

void RouteCache::Fill(Route* route, std::string_view topic) {
  route->loops = 0;
  route->links = 0;
  route->local.clear();
  route->remote.clear();
  route->groups.clear();
  matched_.clear();
  index_->Match(topic, &matched_);
  const uint64_t own = uint64_t{1} << loop_;
  for (const Filter* filter : matched_) {
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
