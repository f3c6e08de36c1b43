// The fan-out of one PUBLISH: retained store, match, mask by origin, local members, lanes, groups,
// links.
#include <algorithm>

#include "core/clock.h"
#include "core/limits.h"
#include "fanout/shard.h"

namespace causeway::fanout {

using session::Connection;
using session::Delivery;
using session::Session;

namespace {

/// What one more receiver counts against limits::kWideCycleBytes.
size_t WideBytes(const Publication& publication) {
  const size_t payload = publication.payload.size();
  return limits::kWideDeliveryBytes + publication.topic.size() +
         (payload < limits::kPayloadByReferenceBytes ? payload : 0);
}

}  // namespace

uint64_t Shard::NextRandom() {  // splitmix64: spreads shared-group choices, nothing secret
  uint64_t z = random_ += 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

Shard::Published Shard::Publish(Publication* publication, Connection* connection, int64_t now_ms) {
  const Visit visit(this);
  Bump(counters_->messages_published);
  // A message from a link never touches the local retained store (docs/protocol/cluster-link.md),
  // but when both sides synchronise theirs, and then LinkIntake has stored it.
  if (publication->retain && publication->origin != Origin::kLink && fabric_->store_retained) {
    StoreRetained(publication);
    if (ClearsSilently(*publication)) return TellLinks(publication, connection, now_ms);
  }

  uint64_t topic_hash = 0;
  const router::Route* route = cache_.Lookup(publication->topic, &topic_hash);
  const uint64_t links =
      (route->links &
       (MayCrossLinks(publication->origin) ? links_.plan()->enabled : publication->onward)) |
      publication->told;
  if (route->local.empty() && route->loops == 0 && route->groups.empty() && links == 0) {
    if (publication->origin != Origin::kSys) Bump(counters_->dropped_no_subscribers);
    return Published::kNobody;
  }

  Entries rest;
  for (uint64_t loops = route->loops; loops != 0; loops &= loops - 1) {
    const int loop = __builtin_ctzll(loops);
    LaneEntry entry;
    entry.kind = LaneEntry::Kind::kFilters;
    entry.message = publication->Share();
    for (const router::Route::Remote& remote : route->remote) {
      if ((remote.loops >> loop & 1) != 0) entry.AddFilter(remote.filter);
    }
    Post(loop, std::move(entry), &rest);
  }
  if (links != 0) ToLinks(publication, links, topic_hash, now_ms, &rest);
  std::unique_ptr<Pending> slices;
  if (!route->local.empty() || !route->groups.empty()) BeginHeaders(*publication, now_ms);
  for (const router::Route::Shared& shared : route->groups) {
    ToGroup(publication, *shared.group, nullptr, false, topic_hash, now_ms, &rest);
  }
  if (!route->local.empty()) {
    slices = FanOutLocal(publication, route->local, now_ms, &publish_budget_);
  }
  if (slices == nullptr && rest.empty()) return Published::kDone;
  return Suspend(publication, std::move(slices), &rest, connection);
}

Shard::Published Shard::Suspend(Publication* publication, std::unique_ptr<Pending> slices,
                                Entries* rest, Connection* connection) {
  if (slices == nullptr) slices = std::make_unique<Pending>();
  slices->message = publication->Share();
  slices->entries = std::move(*rest);
  if (slices->served()) Bump(counters_->lane_full_pauses);
  if (!slices->served()) host_->WorkLeft();
  if (connection != nullptr) {
    connection->fanout_pending = true;
    slices->connection = connection;
  }
  pending_.push_back(std::move(slices));
  return Published::kPending;
}

void Shard::SettleWhenDone(Connection* connection, uint64_t ticket) {
  for (auto pending = pending_.rbegin(); pending != pending_.rend(); ++pending) {
    if ((*pending)->connection == connection) {
      (*pending)->gate_ticket = ticket;
      return;
    }
  }
}

void Shard::BeginHeaders(const Publication& publication, int64_t now_ms) {
  uint32_t expiry = publication.expiry_seconds;
  expired_ = false;
  if (expiry != mqtt::kNoExpiry) {
    const int64_t left =
        int64_t{expiry} - (now_ms - publication.received_ms) / 1000;  // [MQTT-3.3.2-6]
    expired_ = left <= 0 && expiry != 0;
    expiry = left <= 0 ? 0 : static_cast<uint32_t>(left);
  }
  headers_.Begin(publication.topic, publication.payload, publication.properties, expiry);
}

// ---- members of this loop

size_t Shard::Room(const Publication& publication, const Budget& budget, size_t members) {
  if (members <= limits::kWideFanoutMembers) return budget.deliveries;
  const size_t cycle = wide_cycle_left_ / WideBytes(publication);
  // What is left for nobody is nothing: the wide row must not wait for this fan-out (WideWaits).
  if (cycle == 0) wide_cycle_left_ = 0;
  return std::min({budget.deliveries, budget.wide, cycle});
}

void Shard::Charge(const Publication& publication, size_t served, bool wide, Budget* budget) {
  budget->deliveries -= served;
  if (!wide) return;
  budget->wide -= served;
  wide_cycle_left_ -= served * WideBytes(publication);
}

std::unique_ptr<Shard::Pending> Shard::FanOutLocal(Publication* publication,
                                                   const std::vector<router::MemberList*>& lists,
                                                   int64_t now_ms, Budget* budget) {
  if (lists.empty()) return nullptr;
  router::MemberList* const only = lists.size() == 1 ? lists[0] : nullptr;
  if (only != nullptr && only->end() <= limits::kWideFanoutMembers &&
      only->end() <= budget->deliveries && !expired_) {  // as almost always
    ServeMembers(publication, only, 0, only->end(), now_ms);
    budget->deliveries -= only->end();
    return nullptr;
  }
  if (only == nullptr) Merge(*publication, lists);
  if (expired_) {  // on its way here: counted for each that it was for
    Bump(counters_->dropped_expired, only != nullptr ? only->size() : merged_.size());
    return nullptr;
  }
  const size_t end = only != nullptr ? only->end() : merged_.size();
  if (end <= Room(*publication, *budget, end)) {
    const bool wide = end > limits::kWideFanoutMembers;
    const session::DirtyList::Wide row(sender_.dirty(), wide);
    if (only != nullptr) {
      ServeMembers(publication, only, 0, end, now_ms);
    } else {
      for (Merged& merged : merged_) ServeMerged(publication, &merged, now_ms);
    }
    Charge(*publication, end, wide, budget);
    return nullptr;
  }
  auto pending = std::make_unique<Pending>();
  pending->message = publication->Share();
  pending->end = end;
  if (only != nullptr) {
    pending->pinned = only;
    only->Pin();
  } else {
    pending->merged = std::move(merged_);
    merged_.clear();
  }
  if (pending->wide()) ++wide_unserved_;
  Bump(counters_->fanout_yields);
  ServeLocal(pending.get(), publication, now_ms, budget);
  return pending;
}

bool Shard::ServeLocal(Pending* pending, Publication* publication, int64_t now_ms, Budget* budget) {
  BeginHeaders(*publication, now_ms);
  if (expired_) {  // since the last slice: nobody else gets it [MQTT-3.3.2-5]
    Bump(counters_->dropped_expired, pending->end - pending->position);
    pending->position = pending->end;
  }
  const bool wide = pending->wide();
  const session::DirtyList::Wide row(sender_.dirty(), wide);
  const size_t slice =
      std::min(pending->end - pending->position, Room(*publication, *budget, pending->end));
  const size_t from = pending->position, to = from + slice;
  if (pending->pinned != nullptr) {
    ServeMembers(publication, pending->pinned, from, to, now_ms);
  } else {
    for (size_t at = from; at < to; ++at) ServeMerged(publication, &pending->merged[at], now_ms);
  }
  pending->position = to;
  Charge(*publication, slice, wide, budget);
  if (!pending->served()) return false;
  if (wide) --wide_unserved_;
  if (pending->pinned != nullptr) std::exchange(pending->pinned, nullptr)->Unpin();
  return true;
}

bool Shard::Wanted(const Publication& publication, const Session& session,
                   const router::Member& member) const {
  if ((member.options & router::kOptionGone) != 0) return false;
  // Replayed at subscribe time already: this is the live copy of it (design.md §5).
  if (publication.retain_version != 0 && publication.retain_version <= member.since) {
    Bump(counters_->dropped_replayed);
    return false;
  }
  if ((member.options & router::kOptionNoLocal) == 0 && !session.ignore_loop) return true;
  const bool own = publication.origin == Origin::kLink || publication.origin == Origin::kBroker
                       ? publication.client_id == session.client_id
                       : publication.publisher_loop == loop_ &&
                             publication.publisher_session == session.index &&
                             publication.publisher_generation == session.generation;
  if (own) Bump(counters_->dropped_no_local);  // [MQTT-3.8.3-3]
  return !own;
}

void Shard::ServeMembers(Publication* publication, router::MemberList* members, size_t from,
                         size_t to, int64_t now_ms) {
  for (size_t at = from; at < to; ++at) ServeMember(publication, members->at(at), now_ms);
}

/// QoS 0, without subscription identifiers, to somebody who is there and waits for nothing: the
/// layout is copied, and no message is made to be kept. False: it has to go the long way.
[[gnu::always_inline]] inline bool Shard::SendAtOnce(const Publication& publication,
                                                     Session* session, bool retain) {
  Connection* connection = session->connection;
  if (connection == nullptr || !session->queue.empty() ||
      publication.payload.size() >= limits::kPayloadByReferenceBytes) {
    return false;
  }
  if (connection->out.size() >= connection->high_watermark_bytes) {
    Bump(counters_->dropped_qos0_slow);
  } else if (connection->particular != nullptr) {
    sender_.SendParticular(connection, retain, &headers_);
  } else {
    const session::PublishHeader& header = headers_.Get(connection->version, 0, retain);
    connection->out.Append(sender_.pool(), header.bytes);
    sender_.CountSent(0);
    sender_.dirty()->Add(connection);
  }
  return true;
}

void Shard::ServeMember(Publication* publication, const router::Member& member, int64_t now_ms) {
  Session* session = sessions_[member.session].get();
  if (session == nullptr || !Wanted(*publication, *session, member)) return;
  const uint8_t granted = member.options & router::kOptionQosMask;
  const uint8_t qos = session->upgrade_qos ? std::max(publication->qos, granted)
                                           : std::min(publication->qos, granted);  // [MQTT-3.8.4-8]
  const bool retain = publication->retain && (member.options & router::kOptionRetainAsPublished) !=
                                                 0;  // [MQTT-3.3.1-12] [MQTT-3.3.1-13]
  Bump(counters_->deliveries);
  if (qos == 0 && member.subscription_id == 0 && SendAtOnce(*publication, session, retain)) return;
  Delivery delivery;
  delivery.message = publication->Share();
  delivery.qos = qos;
  delivery.retain = retain;
  if (member.subscription_id != 0) {
    delivery.subscription_ids = std::make_unique<session::SubscriptionIds>(
        session::SubscriptionIds{member.subscription_id});
  }
  sender_.Deliver(session, std::move(delivery), &headers_, now_ms);
}

/// One copy per session: highest granted QoS, every subscription identifier (design.md §3)
/// [MQTT-3.3.4-2] [MQTT-3.3.4-3] [MQTT-3.3.4-4].
void Shard::Merge(const Publication& publication, const std::vector<router::MemberList*>& lists) {
  merged_.clear();
  ++stamp_;
  for (router::MemberList* list : lists) {
    for (size_t at = 0; at < list->end(); ++at) {
      const router::Member& member = list->at(at);
      Session* session = sessions_[member.session].get();
      if (session == nullptr || !Wanted(publication, *session, member)) continue;
      if (session->stamp != stamp_) {
        session->stamp = stamp_;
        session->merge_at = static_cast<uint32_t>(merged_.size());
        merged_.push_back({session->index, session->generation, 0, false, {}});
      }
      Merged& merged = merged_[session->merge_at];
      const uint8_t granted = member.options & router::kOptionQosMask;
      merged.qos = std::max(merged.qos, session->upgrade_qos ? std::max(publication.qos, granted)
                                                             : std::min(publication.qos, granted));
      merged.retain |=
          publication.retain && (member.options & router::kOptionRetainAsPublished) != 0;
      if (member.subscription_id != 0) merged.ids.push_back(member.subscription_id);
    }
  }
}

void Shard::ServeMerged(Publication* publication, Merged* merged, int64_t now_ms) {
  Session* session = Find(merged->session, merged->generation);
  if (session == nullptr) return;
  Bump(counters_->deliveries);
  if (merged->qos == 0 && merged->ids.empty() &&
      SendAtOnce(*publication, session, merged->retain)) {
    return;
  }
  Delivery delivery;
  delivery.message = publication->Share();
  delivery.qos = merged->qos;
  delivery.retain = merged->retain;
  if (!merged->ids.empty()) {
    delivery.subscription_ids = std::make_unique<session::SubscriptionIds>(std::move(merged->ids));
  }
  sender_.Deliver(session, std::move(delivery), &headers_, now_ms);
}

// ---- shared groups

void Shard::ToGroup(Publication* publication, const router::Group& group,
                    const router::GroupMember* skip, bool redispatched, uint64_t topic_hash,
                    int64_t now_ms, Entries* rest) {
  router::Choice choice;
  choice.loop = loop_;
  choice.client_hash = Hash(publication->client_id, fabric_->seed);
  choice.topic_hash = topic_hash;
  choice.random = NextRandom();
  choice.flags = fabric_->flag_views.data();
  router::GroupMember member;
  if (!group.Pick(choice, skip, &member)) {
    Bump(counters_->dropped_no_member);
    return;
  }
  if (member.loop == loop_) {
    if (ServeGroupMember(publication, group.id, member.session, member.generation, now_ms)) return;
    if (!redispatched) {  // left since its flags were read: choose once more
      ToGroup(publication, group, &member, true, topic_hash, now_ms, rest);
    } else {
      Bump(counters_->dropped_no_member);
    }
    return;
  }
  LaneEntry entry;
  entry.kind = LaneEntry::Kind::kMember;
  entry.message = publication->Share();
  entry.group = group.id;
  entry.session = member.session;
  entry.session_generation = member.generation;
  entry.redispatched = redispatched;
  Post(member.loop, std::move(entry), rest);
}

bool Shard::ServeGroupMember(Publication* publication, uint32_t group, uint32_t index,
                             uint32_t generation, int64_t now_ms) {
  Session* session = Find(index, generation);
  const auto found = group_members_.find(GroupKey(group, index));
  if (session == nullptr || found == group_members_.end()) return false;
  if (expired_) {
    Bump(counters_->dropped_expired);
    return true;
  }
  const router::Member& member = found->second;
  const uint8_t granted = member.options & router::kOptionQosMask;
  Bump(counters_->deliveries);
  Delivery delivery;
  delivery.message = publication->Share();
  delivery.group = group;
  delivery.qos = session->upgrade_qos ? std::max(publication->qos, granted)
                                      : std::min(publication->qos, granted);  // [MQTT-4.8.2-3]
  delivery.retain = publication->retain && (member.options & router::kOptionRetainAsPublished) != 0;
  if (member.subscription_id != 0) {
    delivery.subscription_ids = std::make_unique<session::SubscriptionIds>(
        session::SubscriptionIds{member.subscription_id});
  }
  sender_.Deliver(session, std::move(delivery), &headers_, now_ms);
  return true;
}

void Shard::TakeStray(LaneEntry* entry, const router::GroupMember& gone, int64_t now_ms) {
  if (strays_ >= limits::kSpillMax) {
    Bump(counters_->shared_spill_overflows);
    return;
  }
  ++strays_;
  orphans_.push_back({entry->message, entry->group, gone, true});
  size_t budget = 1;
  RedispatchOrphans(now_ms, &budget);
}

/// Oldest first, while the list of fan-outs that wait for lanes has room: so a lane that is being
/// drained never waits for another, and nothing is lost for a neighbour's full one.
void Shard::RedispatchOrphans(int64_t now_ms, size_t* budget) {
  while (!orphans_.empty() && pending_.size() < limits::kSpillMax) {
    if (*budget == 0) return host_->WorkLeft();
    --*budget;
    const Orphan orphan = std::move(orphans_.front());
    orphans_.pop_front();
    if (orphan.stray) --strays_;
    Publication publication = Publication::Of(orphan.message);
    Redispatch(&publication, orphan.group, orphan.gone, now_ms);
  }
}

/// The chosen member is gone: once more, without it. What finds a full lane waits in the bounded
/// list of pending fan-outs, never in front of a lane that is being drained.
void Shard::Redispatch(Publication* publication, uint32_t group, const router::GroupMember& gone,
                       int64_t now_ms) {
  const Visit visit(this);
  uint64_t topic_hash = 0;
  const router::Route* route = cache_.Lookup(publication->topic, &topic_hash);
  const auto shared =
      std::find_if(route->groups.begin(), route->groups.end(),
                   [group](const router::Route::Shared& one) { return one.group->id == group; });
  if (shared == route->groups.end()) {
    Bump(counters_->dropped_no_member);
    return;
  }
  Bump(counters_->shared_redispatched);
  BeginHeaders(*publication, now_ms);
  Entries rest;
  ToGroup(publication, *shared->group, &gone, true, topic_hash, now_ms, &rest);
  if (rest.empty()) return;
  auto pending = std::make_unique<Pending>();
  pending->message = publication->Share();
  pending->entries = std::move(rest);
  pending_.push_back(std::move(pending));
}

// ---- links

void Shard::ToLinks(Publication* publication, uint64_t links, uint64_t topic_hash, int64_t now_ms,
                    Entries* rest) {
  const int64_t wall_ms = WallClockMs();
  char made[link::kMessageIdBytes];
  const std::string_view id =
      publication->message_id.empty() ? links_.MakeId(wall_ms, made) : publication->message_id;
  const uint64_t marked = links & publication->sync;
  if (marked != links) {
    const MessageRef term = links_.EncodeTerm(*publication, id, publication->extra, wall_ms);
    Queue(term, links & ~marked, publication->qos, topic_hash, now_ms, rest);
  }
  if (marked != 0) {
    const MessageRef term = links_.EncodeTerm(*publication, id, publication->sync_extra, wall_ms);
    Queue(term, marked, publication->qos, topic_hash, now_ms, rest);
  }
}

void Shard::Queue(const MessageRef& term, uint64_t links, uint8_t qos, uint64_t topic_hash,
                  int64_t now_ms, Entries* rest) {
  for (; links != 0; links &= links - 1) {
    const int link = __builtin_ctzll(links);
    const LinkSpec* spec = links_.plan()->At(link);
    const uint32_t slot = LinkEgress::SlotOf(topic_hash, spec->pool);
    const int loop = spec->LoopOf(slot, fabric_->loops);
    if (loop == loop_) {
      links_.Push(link, slot, qos, term, now_ms);
      continue;
    }
    LaneEntry entry;
    entry.kind = LaneEntry::Kind::kLink;
    entry.message = term;
    entry.link = static_cast<uint8_t>(link);
    entry.slot = static_cast<uint16_t>(slot);
    entry.qos = qos;
    Post(loop, std::move(entry), rest);
  }
}

}  // namespace causeway::fanout
