#include "fanout/shard.h"

#include <algorithm>

#include "core/limits.h"

namespace causeway::fanout {

using session::Connection;
using session::Delivery;
using session::Session;

Shard::Shard(int loop, Fabric* fabric, ShardHost* host, Counters* counters)
    : loop_(loop),
      fabric_(fabric),
      host_(host),
      counters_(counters),
      epoch_slot_(fabric->epochs->Register()),
      members_(fabric->seed),
      cache_(loop, fabric->index, &members_, fabric->seed, limits::kRouteCacheEntries,
             limits::kRouteCacheBytes),
      sender_(counters, fabric->flags[static_cast<size_t>(loop)].get(), fabric->seed,
              &fabric->policy.priorities),
      links_(loop, fabric->loops, &sender_, counters,
             fabric->message_id_node ^ static_cast<uint64_t>(loop), fabric->seed),
      pending_for_(static_cast<size_t>(fabric->loops)),
      expanding_(static_cast<size_t>(fabric->loops)),
      random_(fabric->seed.b ^ static_cast<uint64_t>(loop + 1)),
      headers_(fabric->seed) {}

Shard::~Shard() { fabric_->epochs->Unregister(epoch_slot_); }

Session* Shard::Find(uint32_t index, uint32_t generation) {
  if (index >= sessions_.size() || sessions_[index] == nullptr) return nullptr;
  Session* session = sessions_[index].get();
  return session->live && session->generation == generation ? session : nullptr;
}

Session* Shard::Open(uint32_t index, uint32_t generation) {
  if (Session* existing = Find(index, generation)) return existing;
  if (index >= sessions_.size())
    sessions_.resize(std::max<size_t>(index + 1, sessions_.size() * 2));
  sessions_[index] = std::make_unique<Session>();
  Session* session = sessions_[index].get();
  session->index = index;
  session->generation = generation;
  session->live = true;
  ++live_sessions_;
  return session;
}

void Shard::Attach(Session* session, Connection* connection, int64_t now_ms) {
  session->connection = connection;
  session->version = connection->version;
  connection->session = session;
  session->awaiting_release.Restart(now_ms);
  session->room = false;  // UpdateFlags, at the end of Redeliver, writes what is true
  fabric_->flags[static_cast<size_t>(loop_)]->Set(session->index, SessionFlags::kConnected);
  sender_.Redeliver(session, now_ms);
  if (session->replays != nullptr) QueueReplay(session);
}

void Shard::Detach(Connection* connection) {
  if (connection->fanout_pending) {
    // Its fan-out still ends, for nobody: it has one at most, and it may be acknowledged.
    const auto own = std::find_if(pending_.begin(), pending_.end(), [connection](const auto& one) {
      return one->connection == connection;
    });
    if (own != pending_.end()) (*own)->connection = nullptr;
  }
  sender_.dirty()->Forget(connection);
  Session* session = connection->session;
  connection->session = nullptr;
  if (session == nullptr || session->connection != connection) return;
  session->connection = nullptr;
  session->unsent.reset();
  session->room = true;
  fabric_->flags[static_cast<size_t>(loop_)]->Set(session->index, SessionFlags::kHasRoom);
}

void Shard::End(Session* session, int64_t now_ms) {
  if (session->connection != nullptr) Detach(session->connection);
  session->live = false;
  --live_sessions_;
  fabric_->flags[static_cast<size_t>(loop_)]->Set(session->index, 0);
  Bump(counters_->dropped_session_ended, session->window.size());
  // Messages of a shared group that were never sent belong to the group (design.md §4); what was
  // sent goes with the session [MQTT-4.8.2-5].
  const router::GroupMember gone{static_cast<uint8_t>(loop_), session->index, session->generation};
  while (!session->queue.empty()) {
    Delivery delivery = session->queue.Pop();
    if (delivery.group == 0 || delivery.qos == 0) {
      Bump(counters_->dropped_session_ended);
      continue;
    }
    orphans_.push_back({std::move(delivery.message), delivery.group, gone, false});
  }
  sessions_[session->index].reset();
  size_t budget = limits::kFanoutSliceMembers;
  RedispatchOrphans(now_ms, &budget);
}

void Shard::AddSubscription(Session* session, const Subscribe& subscribe) {
  router::Member member;
  member.session = session->index;
  member.subscription_id = subscribe.subscription_id;
  member.options = subscribe.options;
  if (subscribe.group != 0) {
    group_members_[GroupKey(subscribe.group, session->index)] = member;
    return;
  }
  // Visible first, horizon after: whatever is stored with a greater version finds this member
  // (design.md §5).
  bool first = false;
  if (const router::Member* replaced = members_.FindMember(subscribe.filter->ref, session->index)) {
    member.since = replaced->since;  // what was replayed to it stays replayed
    // The new replay brings everything: what an unfinished one still owes would come twice, and
    // SUBSCRIBE after SUBSCRIBE would pile them up.
    if (subscribe.replay) DropReplays(session, subscribe.filter->text);
  }
  router::Member* const added = members_.Add(subscribe.filter->ref, member, &first);
  if (first) fabric_->index->ShowOnLoop(subscribe.filter, loop_);
  if (!subscribe.replay) return;
  const uint64_t horizon = fabric_->retained->Horizon();
  added->since = horizon;
  if (!fabric_->retained->MayFind(subscribe.filter->text)) return;
  if (session->replays == nullptr) {
    session->replays = std::make_unique<std::deque<session::Replay>>();
  }
  QueueReplay(session);
  session->replays->push_back({subscribe.filter->text,
                               horizon,
                               {},
                               subscribe.subscription_id,
                               static_cast<uint8_t>(subscribe.options & router::kOptionQosMask)});
}

void Shard::RemoveSubscription(uint32_t session, router::Filter* filter, uint32_t group) {
  if (group != 0) {
    group_members_.erase(GroupKey(group, session));
    return;
  }
  bool last = false;
  if (members_.Remove(filter->ref, session, &last) && last)
    fabric_->index->HideOnLoop(filter, loop_);
  Session* subscriber = session < sessions_.size() ? sessions_[session].get() : nullptr;
  // What the replay still owes is not added any more [MQTT-3.10.4-2].
  if (subscriber != nullptr) DropReplays(subscriber, filter->text);
}

void Shard::DropReplays(Session* session, const std::string& filter) {
  if (session->replays == nullptr) return;
  std::erase_if(*session->replays,
                [&filter](const session::Replay& replay) { return replay.filter == filter; });
  if (session->replays->empty()) session->replays.reset();
}

// ---- between loops

bool Shard::TryPost(int loop, LaneEntry* entry) {
  if (!fabric_->LaneBetween(loop_, loop)->Post(entry)) return false;
  wake_mask_ |= uint64_t{1} << loop;
  Bump(counters_->lanes_pushed);
  return true;
}

void Shard::Post(int loop, LaneEntry&& entry, Entries* rest) {
  // Who waits already goes first: a newcomer does not overtake them in the lane.
  if (pending_for_[static_cast<size_t>(loop)] == 0 && TryPost(loop, &entry)) return;
  ++pending_for_[static_cast<size_t>(loop)];
  rest->emplace_back(loop, std::move(entry));
}

void Shard::FlushWakeups() {
  while (wake_mask_ != 0) {
    const int loop = __builtin_ctzll(wake_mask_);
    wake_mask_ &= wake_mask_ - 1;
    Bump(counters_->wakeups_sent);
    host_->Wake(loop);
  }
}

void Shard::DrainLanes(int64_t now_ms, Budget* budget) {
  first_lane_ = first_lane_ + 1 == fabric_->loops ? 0 : first_lane_ + 1;
  for (int i = 0; i < fabric_->loops; ++i) {
    const int from = (first_lane_ + i) % fabric_->loops;
    if (from == loop_) continue;
    std::unique_ptr<Pending>& slice = expanding_[static_cast<size_t>(from)];
    Lane* lane = fabric_->LaneBetween(from, loop_);
    bool drained = false;
    while (budget->deliveries > 0) {
      if (slice != nullptr) {
        Publication publication = Publication::Of(slice->message);
        if (!ServeLocal(slice.get(), &publication, now_ms, budget)) break;
        slice.reset();
        continue;
      }
      LaneEntry* entry = lane->Front();
      if (entry == nullptr) break;
      slice = Expand(entry, now_ms, budget);
      lane->Pop();
      Bump(counters_->lanes_drained);
      drained = true;
    }
    if (drained && lane->TakeWaiter()) host_->Wake(from);
    if (slice != nullptr || lane->Front() != nullptr) host_->WorkLeft();
  }
}

std::unique_ptr<Shard::Pending> Shard::Expand(LaneEntry* entry, int64_t now_ms, Budget* budget) {
  budget->deliveries -= 1;
  if (entry->kind == LaneEntry::Kind::kLink) {
    links_.Push(entry->link, entry->slot, entry->qos, entry->message, now_ms);
    return nullptr;
  }
  Publication publication = Publication::Of(entry->message);
  BeginHeaders(publication, now_ms);
  if (entry->kind == LaneEntry::Kind::kMember) {
    if (!ServeGroupMember(&publication, entry->group, entry->session, entry->session_generation,
                          now_ms)) {
      const router::GroupMember gone{static_cast<uint8_t>(loop_), entry->session,
                                     entry->session_generation};
      if (!entry->redispatched) {
        TakeStray(entry, gone, now_ms);
      } else {
        Bump(counters_->dropped_no_member);
      }
    }
    return nullptr;
  }
  lists_.clear();
  for (const router::FilterRef& filter : *entry) {
    if (router::MemberList* list = members_.Find(filter)) lists_.push_back(list);
  }
  return FanOutLocal(&publication, lists_, now_ms, budget);
}

void Shard::ResumePending(int64_t now_ms, Budget* budget) {
  if (pending_.empty()) return;
  uint64_t full = 0;  // lanes found full in this pass: who stands behind must not overtake
  for (size_t i = 0; i < pending_.size() && budget->deliveries > 0; ++i) {
    Pending* pending = pending_[i].get();
    size_t kept = 0;
    for (size_t at = 0; at < pending->entries.size(); ++at) {
      auto& [loop, entry] = pending->entries[at];
      const uint64_t bit = uint64_t{1} << loop;
      if ((full & bit) == 0 && TryPost(loop, &entry)) {
        --pending_for_[static_cast<size_t>(loop)];
        continue;
      }
      full |= bit;
      if (kept != at) pending->entries[kept] = std::move(pending->entries[at]);
      ++kept;
    }
    pending->entries.resize(kept);
    if (!pending->served()) {
      Publication publication = Publication::Of(pending->message);
      if (!ServeLocal(pending, &publication, now_ms, budget)) host_->WorkLeft();
    }
  }
  // Unpaused connections parse on and may publish, which appends to pending_: settle the list
  // first.
  std::vector<std::unique_ptr<Pending>> done;
  std::erase_if(pending_, [&done](std::unique_ptr<Pending>& pending) {
    if (!pending->done()) return false;
    done.push_back(std::move(pending));
    return true;
  });
  for (const auto& pending : done) {
    if (pending->connection == nullptr) continue;
    Connection* connection = pending->connection;
    connection->fanout_pending = false;
    if (pending->gate_ticket != 0)
      connection->acks.Settle(pending->gate_ticket, mqtt::Reason::kSuccess);
    sender_.FlushGate(connection);
    host_->Unpaused(connection);
  }
}

void Shard::Work(int64_t now_ms) {
  replay_budget_ = limits::kReplayTurnTopics;
  if (wide_cycle_ != sender_.dirty()->cycles()) {
    wide_cycle_ = sender_.dirty()->cycles();
    wide_cycle_left_ = limits::kWideCycleBytes;
  }
  // Half for each: neither busy neighbours nor our own fan-outs keep the others waiting.
  constexpr Budget kHalf = {limits::kWorkBudgetDeliveries / 2, limits::kFanoutSliceMembers};
  Budget lanes = kHalf, own = kHalf;
  DrainLanes(now_ms, &lanes);
  ResumePending(now_ms, &own);
  RedispatchOrphans(now_ms, &own.deliveries);
  ResumeReplays(now_ms);
  if (links_.snapshots_running() && links_.StepSnapshots(fabric_->retained, now_ms))
    host_->WorkLeft();
  publish_budget_ = {kPublishBudget, own.wide};
  if (lanes.deliveries == 0 || own.deliveries == 0) {
    Bump(counters_->drain_yields);
    host_->WorkLeft();
  }
}

void Shard::PublishGauges() {
  counters_->route_cache_hits.store(cache_.hits(), std::memory_order_relaxed);
  counters_->route_cache_misses.store(cache_.misses(), std::memory_order_relaxed);
  counters_->route_cache_evictions.store(cache_.evictions(), std::memory_order_relaxed);
}

// ---- retained replay

/// Once, however often its connection is taken over meanwhile.
void Shard::QueueReplay(Session* session) {
  if (session->replaying) return;
  session->replaying = true;
  replaying_.emplace_back(session->index, session->generation);
}

void Shard::ResumeReplays(int64_t now_ms) {
  for (size_t i = 0; i < replaying_.size();) {
    Session* session = Find(replaying_[i].first, replaying_[i].second);
    if (session != nullptr && session->connection != nullptr) Replay(session, now_ms);
    if (session == nullptr || session->replays == nullptr || session->connection == nullptr) {
      if (session != nullptr) session->replaying = false;
      replaying_[i] = replaying_.back();  // an offline session comes back through Attach
      replaying_.pop_back();
    } else {
      ++i;
    }
  }
}

/// Goes on while the client takes it: a replay never overflows the session's queue, it waits.
void Shard::Replay(Session* session, int64_t now_ms) {
  const auto can_take = [session] {
    return session->queue.empty() &&
           session->connection->out.size() <= session->connection->high_watermark_bytes / 4;
  };
  // What one step finds must fit the queue, however short mqtt.max_mqueue_len makes it.
  const size_t slice = session->queue_length_max == 0 ? limits::kReplaySliceTopics
                                                      : std::min<size_t>(limits::kReplaySliceTopics,
                                                                         session->queue_length_max);
  while (session->replays != nullptr && can_take()) {
    if (replay_budget_ == 0) return host_->WorkLeft();  // it is in replaying_: the next turn's
    replay_budget_ -= std::min(replay_budget_, slice);
    session::Replay& replay = session->replays->front();
    fabric_->retained->Scan(
        replay.filter, replay.horizon, now_ms, slice, &replay.cursor, [&](MessageRef message) {
          Delivery delivery;
          delivery.qos = session->upgrade_qos ? std::max(message->qos, replay.qos)
                                              : std::min(message->qos, replay.qos);
          delivery.retain = true;  // [MQTT-3.3.1-8]
          if (replay.subscription_id != 0) {
            delivery.subscription_ids = std::make_unique<session::SubscriptionIds>(
                session::SubscriptionIds{replay.subscription_id});
          }
          delivery.message = std::move(message);
          Bump(counters_->retained_replayed);
          sender_.DeliverOrQueue(session, std::move(delivery), now_ms);
        });
    if (replay.cursor.done) {
      session->replays->pop_front();
      if (session->replays->empty()) session->replays.reset();
    }
  }
}

void Shard::RoomInOutBuffer(Connection* connection, int64_t now_ms) {
  if (Session* session = connection->session) {
    sender_.Pump(session, now_ms);
    if (session->replays != nullptr) Replay(session, now_ms);
    if (connection->carried != nullptr) links_.Pump(connection, now_ms);
  } else {
    links_.Pump(connection, now_ms);
  }
}

}  // namespace causeway::fanout
