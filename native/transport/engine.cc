#include "transport/engine.h"

#include <unistd.h>

#include <algorithm>
#include <thread>

#include "core/check.h"
#include "core/clock.h"
#include "core/limits.h"

namespace causeway::transport {

namespace {

constexpr size_t kMaintainTopics = 4096;  // retained messages one Maintain looks at, about 1 ms

/// A loop's share, rounded up.
size_t AdmissionsMax(const EngineOptions& options) {
  if (options.pending_connects == 0) return limits::kAdmissionsMax;
  const size_t loops = static_cast<size_t>(options.loops);
  return (options.pending_connects + loops - 1) / loops;
}

}  // namespace

Engine::Engine(const EngineOptions& options, void (*notify)(void*), void* argument)
    : options_(options),
      notify_(notify),
      argument_(argument),
      seed_(HashSeed::Random()),
      index_(seed_, &epochs_),
      retained_(seed_, options.retained),
      edge_(this, options.loops),
      posted_(static_cast<size_t>(options.loops)),
      gathered_(static_cast<size_t>(options.loops)),
      routes_(seed_, this, limits::kExternalRoutesMax),
      route_epochs_(kLinks) {
  CHECK(options.loops >= 1 && options.loops <= static_cast<int>(limits::kLoopsMax));
  fabric_.epochs = &epochs_;
  fabric_.index = &index_;
  fabric_.retained = &retained_;
  fabric_.store_retained = options.store_retained;
  fabric_.delayed_enabled = options.delayed_enabled;
  fabric_.delayed.SetLimits(options.delayed_messages_max, options.delayed_bytes_max);
  fabric_.policy = options.policy;
  fabric_.seed = seed_;
  fabric_.loops = options.loops;
  for (int from = 0; from < options.loops; ++from) {
    for (int to = 0; to < options.loops; ++to) {
      fabric_.lanes.push_back(from == to ? nullptr
                                         : std::make_unique<fanout::Lane>(options.lane_slots));
    }
    fabric_.flags.push_back(std::make_unique<SessionFlags>());
    fabric_.flag_views.push_back(fabric_.flags.back().get());
  }
  for (int i = 0; i < options.loops; ++i)
    loops_.push_back(std::make_unique<IoLoop>(i, &fabric_, this, AdmissionsMax(options)));
}

void Engine::Start() {
  started_ = true;
  for (const auto& loop : loops_) loop->Start();
}

bool Engine::Halt(int64_t timeout_ms) {
  if (halted_ || !started_) return true;
  for (auto& [id, file] : unix_files_) file.RemoveFile();
  unix_files_.clear();
  edge_.Close();
  for (int i = 0; i < options_.loops; ++i) Post(i, StopCommand{});
  const int64_t deadline = MonotonicMs() + timeout_ms;
  bool joined = true;
  for (const auto& loop : loops_) {
    joined = loop->Join(std::max<int64_t>(deadline - MonotonicMs(), 1)) && joined;
  }
  if (!joined) return false;
  for (const auto& loop : loops_) loop->CloseHandles();
  halted_ = true;
  return true;
}

void Engine::PostTo(int loop, Command command) {
  // Relaxed: only control reads it, for commands that control itself posted before or after.
  posted_[static_cast<size_t>(loop)].fetch_add(1, std::memory_order_relaxed);
  loops_[static_cast<size_t>(loop)]->Post(std::move(command));
}

void Engine::Post(int loop, Command command) {
  CHECK(loop >= 0 && loop < options_.loops);
  if (halted_) return;
  PostTo(loop, std::move(command));
}

/// For the end of the batch that is being submitted, or earlier: one lock and one wake-up for many,
/// and the loop finds them together, so that their answers leave in one turn.
template <typename One>
void Engine::Gather(int loop, One&& command) {
  CHECK(loop >= 0 && loop < options_.loops);
  if (halted_) return;
  std::vector<Command>& gathered = gathered_[static_cast<size_t>(loop)];
  gathered.emplace_back(std::forward<One>(command));
  if (gathered.size() == limits::kCommandsTogether) PostGathered(loop);
}

void Engine::PostGathered(int loop) {
  std::vector<Command>& gathered = gathered_[static_cast<size_t>(loop)];
  if (gathered.empty()) return;
  // Relaxed, as in PostTo.
  posted_[static_cast<size_t>(loop)].fetch_add(gathered.size(), std::memory_order_relaxed);
  loops_[static_cast<size_t>(loop)]->Post(&gathered);
}

void Engine::Drain() {
  for (int i = 0; i < options_.loops; ++i) Post(i, DrainCommand{});
}

uint32_t Engine::open_sockets() const {
  uint32_t sum = 0;
  for (const auto& loop : loops_) sum += loop->open_sockets();
  return sum;
}

void Engine::TakeEvents(std::string* out) {
  for (const auto& loop : loops_) loop->TakeEvents(out);
}

std::vector<uint64_t> Engine::Counters() const {
  std::vector<uint64_t> sums(kCounterCount);
  for (const auto& loop : loops_) {
    const auto values = loop->counters().Read();
    for (size_t i = 0; i < kCounterCount; ++i) sums[i] += values[i];
  }
  const auto of_edge = edge_.counters().Read();
  for (size_t i = 0; i < kCounterCount; ++i) sums[i] += of_edge[i];
  return sums;
}

void Engine::Maintain() {
  retained_expired_ += retained_.Expire(MonotonicMs(), kMaintainTopics);
  ReleaseLimbo();
  epochs_.Collect();
}

// ---- commands

void Engine::Submit(std::string_view batch) {
  RecordReader reader(batch);
  while (reader.Next()) {
    const int loop = reader.loop();
    switch (static_cast<CommandKind>(reader.kind())) {
      case CommandKind::kAttach:
        SubmitAttach(&reader, loop);
        break;
      case CommandKind::kRefuse: {
        const uint32_t connection = reader.U32();
        Gather(loop, RefuseCommand{connection, std::string(reader.Bytes())});
        break;
      }
      case CommandKind::kChallenge: {
        const uint32_t connection = reader.U32();
        Gather(loop, ChallengeCommand{connection, std::string(reader.Bytes())});
        break;
      }
      case CommandKind::kAnswer:
        SubmitAnswer(&reader, loop);
        break;
      case CommandKind::kClose: {
        const uint32_t connection = reader.U32();
        const uint32_t reason = reader.U32();
        Gather(loop, CloseCommand{connection, reason, std::string(reader.Bytes())});
        break;
      }
      case CommandKind::kEnd: {
        const uint32_t session = reader.U32();
        Gather(loop, EndCommand{session, reader.U32()});
        break;
      }
      case CommandKind::kPublish: {
        const std::string_view packet = reader.Bytes();
        Gather(loop, PublishCommand{std::string(packet), std::string(reader.Bytes())});
        break;
      }
      case CommandKind::kDial: {
        DialCommand dial;
        dial.connection = reader.U32();
        dial.port = static_cast<uint16_t>(reader.U32());
        dial.timeout_ms = reader.U32();
        dial.packet_bytes_max = reader.U32();
        dial.tls = reader.U32();
        dial.no_delay = reader.U32() != 0;
        dial.keep_alive = reader.U32() != 0;
        dial.send_buffer_bytes = reader.U32();
        dial.receive_buffer_bytes = reader.U32();
        dial.host = reader.Bytes();
        dial.server_name = reader.Bytes();
        dial.first = reader.Bytes();
        Gather(loop, std::move(dial));
        break;
      }
      case CommandKind::kSend: {
        const uint32_t connection = reader.U32();
        Gather(loop, SendCommand{connection, std::string(reader.Bytes())});
        break;
      }
      case CommandKind::kSlot: {
        SlotCommand slot;
        slot.connection = reader.U32();
        slot.link = reader.U32();
        slot.slot = reader.U32();
        slot.receive_maximum = reader.U32();
        slot.packet_bytes_max = reader.U32();
        Gather(loop, slot);
        break;
      }
      case CommandKind::kCarry: {
        const uint32_t connection = reader.U32();
        const uint32_t link = reader.U32();
        Gather(loop, CarryCommand{connection, link, std::string(reader.Bytes())});
        break;
      }
    }
    CHECK(!reader.failed());
  }
  CHECK(!reader.failed());
  for (int loop = 0; loop < options_.loops; ++loop) PostGathered(loop);
  // The loops read these filters when they come to the commands: their references wait for that.
  for (const auto& [loop, filter] : released_) {
    const uint64_t executed = posted_[static_cast<size_t>(loop)].load(std::memory_order_relaxed);
    limbo_.push_back({loop, executed, filter});
  }
  released_.clear();
  ReleaseLimbo();
}

void Engine::SubmitAttach(RecordReader* reader, int home) {
  AttachCommand attach;
  attach.home = home;
  const int accepting = static_cast<int>(reader->U32());
  attach.connection = reader->U32();
  attach.session = reader->U32();
  attach.generation = reader->U32();
  attach.version = static_cast<uint8_t>(reader->U32());
  attach.flags = reader->U32();
  attach.old_session = reader->U32();
  attach.old_generation = reader->U32();
  attach.keep_alive_ms = reader->U32();
  attach.window_max = reader->U32();
  attach.receive_max = reader->U32();
  attach.packet_bytes_max = reader->U32();
  attach.topic_alias_max = reader->U32();
  attach.client_topic_alias_max = reader->U32();
  attach.queue_length_max = reader->U32();
  const uint32_t publishes = reader->U32();
  attach.client_id = reader->Bytes();
  attach.username = reader->Bytes();
  attach.mountpoint = reader->Bytes();
  attach.connack = reader->Bytes();
  for (uint32_t i = 0; i < publishes && !reader->failed(); ++i)
    attach.publish_before.emplace_back(reader->Bytes());
  CHECK(!reader->failed());
  Gather(accepting, std::move(attach));
}

void Engine::SubmitAnswer(RecordReader* reader, int loop) {
  AnswerCommand answer;
  answer.session = reader->U32();
  answer.generation = reader->U32();
  answer.connection = reader->U32();
  answer.close = reader->U32() == 1;
  const uint32_t ops = reader->U32();
  answer.reply = reader->Bytes();
  const router::GroupMember member{static_cast<uint8_t>(loop), answer.session, answer.generation};
  for (uint32_t i = 0; i < ops && !reader->failed(); ++i) {
    const uint32_t flags = reader->U32();
    const uint32_t subscription_id = reader->U32();
    const std::string_view filter = reader->Bytes();
    const std::string_view group = reader->Bytes();
    const SubscriptionChange change = Change(member, flags, subscription_id, filter, group);
    if (change.filter == nullptr)
      continue;  // unsubscribing what nobody has: control's table is the truth, nothing to undo
    if (!change.subscribe) released_.emplace_back(loop, change.filter);
    answer.changes.push_back(change);
  }
  CHECK(!reader->failed());
  Gather(loop, std::move(answer));
}

SubscriptionChange Engine::Change(const router::GroupMember& member, uint32_t flags,
                                  uint32_t subscription_id, std::string_view filter_text,
                                  std::string_view group_name) {
  SubscriptionChange change = {};
  change.subscribe = (flags & op_flags::kSubscribe) != 0;
  change.subscription_id = subscription_id;
  change.options = static_cast<uint8_t>(flags & router::kOptionQosMask);
  if ((flags & op_flags::kNoLocal) != 0) change.options |= router::kOptionNoLocal;
  if ((flags & op_flags::kRetainAsPublished) != 0)
    change.options |= router::kOptionRetainAsPublished;
  change.replay = (flags & op_flags::kReplay) != 0;
  const bool shared = (flags & op_flags::kShared) != 0;
  const bool existing = (flags & op_flags::kExisting) != 0;

  if (change.subscribe && !existing) {
    change.filter = index_.Acquire(filter_text);
    if (!shared) {
      if (index_.AddLocal(change.filter))
        Edge(link::RouteOperation::Kind::kAdd, *change.filter, {});
      return change;
    }
    bool first = false;
    change.group =
        index_.JoinGroup(change.filter, group_name, options_.sharing, member, &first)->id;
    if (first) Edge(link::RouteOperation::Kind::kAdd, *change.filter, group_name);
    return change;
  }

  change.filter = index_.Find(filter_text);
  if (change.filter == nullptr) return change;
  if (shared) {
    const router::Group* group = change.filter->groups.load(std::memory_order_relaxed);
    while (group != nullptr && group->name != group_name)
      group = group->next.load(std::memory_order_relaxed);
    if (group == nullptr) return {};
    change.group = group->id;
  }
  if (change.subscribe) return change;
  if (!shared) {
    if (index_.RemoveLocal(change.filter))
      Edge(link::RouteOperation::Kind::kDelete, *change.filter, {});
    return change;
  }
  bool last = false;
  index_.LeaveGroup(change.filter, group_name, member, &last);
  if (last) Edge(link::RouteOperation::Kind::kDelete, *change.filter, group_name);
  return change;
}

void Engine::ReleaseLimbo() {
  // Commands of one loop are executed in order, so the front of each loop's part goes first; loops
  // are looked at together.
  while (!limbo_.empty() &&
         loops_[static_cast<size_t>(limbo_.front().loop)]->executed() >= limbo_.front().executed) {
    index_.Release(limbo_.front().filter);
    limbo_.pop_front();
  }
  if (epochs_.retired_bytes() == 0) return;
  const int64_t until = MonotonicMs() + limits::kRetiredWaitMs;
  while (epochs_.Collect() > limits::kRetiredBytesMax && MonotonicMs() < until) usleep(200);
}

// ---- interest and routes

void Engine::Edge(link::RouteOperation::Kind kind, const router::Filter& edge,
                  std::string_view group) {
  const std::string_view filter = edge.text;
  std::string route_id;
  for (int link = 0; link < kLinks; ++link) {
    Interest& interest = interests_[link];
    if (!interest.open) continue;
    if (route_id.empty()) {
      // Source: docs/protocol/cluster-link.md "RouteId".
      route_id = group.empty() ? std::string(filter)
                               : "$s/" + std::string(group) + "/" + std::string(filter);
    }
    interest.topics.Cut(filter, &cuts_);
    for (const std::string& cut : cuts_) interest.batch->Push(kind, cut, route_id);
    UpdateInterestFlags(link);
    interest_digests_[link].OnChange(kind, edge.ref.id, filter, route_id);
  }
}

void Engine::UpdateInterestFlags(int link) {
  const Interest& interest = interests_[link];
  interest_flags_[2 * link] = interest.open && interest.batch->pending() > 0 ? 1 : 0;
  interest_flags_[2 * link + 1] = interest.open && interest.batch->overflowed() ? 1 : 0;
}

void Engine::OpenInterest(int link, const std::vector<std::string>& topics) {
  CHECK(link >= 0 && link < kLinks);
  Interest& interest = interests_[link];
  interest.open = true;
  interest.topics = link::LinkTopics(topics);
  interest.batch = std::make_unique<link::DeltaBatch>(
      link::DeltaBatch::Limits{limits::kInterestEntriesMax, limits::kInterestBytesMax}, seed_);
  UpdateInterestFlags(link);
}

void Engine::CloseInterest(int link) {
  CHECK(link >= 0 && link < kLinks);
  interests_[link] = Interest();
  interest_digests_[link].Stop();
  UpdateInterestFlags(link);
}

bool Engine::TakeInterest(int link, size_t entries_max, size_t bytes_max, std::string_view actor,
                          int64_t incarnation, link::DeltaBatch::Batch* out) {
  CHECK(link >= 0 && link < kLinks);
  Interest& interest = interests_[link];
  const bool taken =
      interest.open && interest.batch->Take(entries_max, bytes_max, actor, incarnation, out);
  UpdateInterestFlags(link);
  return taken;
}

void Engine::SettleInterest(int link, uint64_t token, bool delivered) {
  CHECK(link >= 0 && link < kLinks);
  Interest& interest = interests_[link];
  if (!interest.open) return;
  if (delivered) {
    interest.batch->Acknowledge(token);
  } else {
    interest.batch->Restore(token);
  }
  UpdateInterestFlags(link);
}

uint32_t& Engine::EpochOf(int link, int lane) {
  CHECK(link >= 0 && link < kLinks && lane >= 0 && lane < link::RouteTable::kLanesMax);
  std::vector<uint32_t>& lanes = route_epochs_[static_cast<size_t>(link)];
  if (lanes.size() <= static_cast<size_t>(lane)) lanes.resize(static_cast<size_t>(lane) + 1);
  return lanes[static_cast<size_t>(lane)];
}

link::RouteStatus Engine::ApplyRoutes(int link, int lane, std::string_view payload,
                                      link::ApplyResult* result) {
  link::RouteHeader header;
  std::string scratch;
  const link::RouteStatus status = link::DecodeRouteMessage(payload, &scratch, &header);
  if (status != link::RouteStatus::kOk || header.op != link::RouteOp::kRoute)
    return link::RouteStatus::kMalformed;
  link::RouteOperations operations(header);
  const uint32_t epoch = EpochOf(link, lane);
  while (!routes_.Apply(link, lane, epoch, &operations, limits::kApplyStretchRoutes, result))
    std::this_thread::yield();  // loops that wait for this processor: decision 0027
  return link::RouteStatus::kOk;
}

void Engine::MarkRoutes(int link, int lane) { ++EpochOf(link, lane); }

size_t Engine::SweepRoutes(int link, int lane, size_t budget) {
  return routes_.Sweep(link, lane, EpochOf(link, lane), budget);
}

void Engine::AddRoute(std::string_view filter, int link) {
  index_.AddLink(index_.Acquire(filter), link);
}

void Engine::RemoveRoute(std::string_view filter, int link) {
  router::Filter* found = index_.Find(filter);
  CHECK(found != nullptr);  // AddRoute's reference holds it
  index_.RemoveLink(found, link);
  index_.Release(found);
}

}  // namespace causeway::transport
