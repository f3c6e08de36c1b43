#include "fanout/link_intake.h"

#include <algorithm>

#include "core/limits.h"
#include "link/origin_path.h"

namespace causeway::fanout {

using link::RetainedMark;

namespace {

constexpr std::string_view kSysPrefix = "$SYS/";

}  // namespace

Taken LinkIntake::Take(const Carrier& carrier, session::Connection* connection, int64_t now_ms,
                       int64_t wall_ms) {
  using Verdict = Taken::Verdict;
  const LinkSpec* spec = shard_->links()->plan()->ByName(carrier.cluster);
  if (spec == nullptr) {
    Bump(counters_->link_filtered);
    return {Verdict::kFiltered};
  }
  link::LinkMetrics& ingress = *shard_->links()->metrics(*spec);
  link::ForwardedMessage message;
  if (link::DecodeMessage(carrier.payload, &scratch_, &message) != link::MessageStatus::kOk) {
    Bump(counters_->link_undecodable);
    Bump(ingress.undecodable);
    return {Verdict::kUndecodable};
  }
  if (message.trailing) Bump(ingress.trailing);
  // The sender did not hear our acknowledgement and sends again, with another packet id. What was
  // filtered then is not published now, should our topics be others: it would come behind later
  // ones of its topic.
  if (carrier.qos != 0 && repeats_.IsRepeated(spec->index, carrier.client_id, message.id)) {
    Bump(counters_->link_repeated);
    Bump(ingress.duplicate);
    return {Verdict::kRepeated};
  }
  // What another broker says about itself stays there, whatever our topics ask for.
  const bool foreign_sys = message.topic.starts_with(kSysPrefix);
  if (!spec->enabled || foreign_sys || !spec->topics.Matches(message.topic)) {
    Bump(counters_->link_filtered);
    Bump(ingress.filtered);
    return {Verdict::kFiltered};
  }
  const RetainedMark mark = link::ReadRetainedMark(message.extra);
  const bool is_shared = mark != RetainedMark::kNone && message.retain &&
                         shard_->stores_retained() && spec->retained.Matches(message.topic);
  if (mark == RetainedMark::kState && !is_shared) {  // no message, and not our state
    Bump(counters_->link_filtered);
    Bump(ingress.filtered);
    return {Verdict::kFiltered};
  }
  Publication publication;
  const Transit way = spec->transit || is_shared ? Onward(*spec, message, is_shared, &publication)
                                                 : Transit::kGoesOn;
  if (!is_shared && way != Transit::kGoesOn) {
    Bump(way == Transit::kCircle ? counters_->link_looped : counters_->link_duplicated);
    Bump(ingress.duplicate);
    return {Verdict::kRepeated};
  }
  if (message.timestamp_ms > 0 && mark != RetainedMark::kState)
    ingress.latency.Record((wall_ms - message.timestamp_ms) * 1000);
  publication.topic = message.topic;
  publication.payload = message.payload;
  publication.properties = message.properties;
  publication.qos = message.qos;
  publication.retain = message.retain;
  publication.expiry_seconds = message.message_expiry_seconds;
  publication.origin = Origin::kLink;
  publication.link = static_cast<uint8_t>(spec->index);
  publication.protocol_version = message.protocol_version == 0 ? 4 : message.protocol_version;
  // A clock ahead of ours prolongs nothing, and a nonsense time before 1970 stays computable.
  publication.timestamp_ms = std::clamp<int64_t>(message.timestamp_ms, 0, wall_ms);
  publication.received_ms =
      now_ms - (wall_ms - publication.timestamp_ms);  // so that the time on the way counts
  publication.client_id = message.from;
  if (!is_shared) return Published(*spec, &publication, connection, now_ms);
  // The stamp is as it was given: only so do all who hold the message compare alike.
  publication.timestamp_ms = std::max<int64_t>(message.timestamp_ms, 0);
  return Merge(*spec, mark, way == Transit::kGoesOn, &publication, connection, now_ms, wall_ms);
}

Taken LinkIntake::Published(const LinkSpec& spec, Publication* publication,
                            session::Connection* connection, int64_t now_ms) {
  Bump(counters_->link_received);
  Bump(shard_->links()->metrics(spec)->received);
  return {Taken::Verdict::kPublished, shard_->Publish(publication, connection, now_ms)};
}

Taken LinkIntake::Merge(const LinkSpec& spec, RetainedMark mark, bool is_new,
                        Publication* publication, session::Connection* connection, int64_t now_ms,
                        int64_t wall_ms) {
  using retained::PutResult;
  link::LinkMetrics& ingress = *shard_->links()->metrics(spec);
  const bool is_believed = publication->timestamp_ms <= wall_ms + limits::kRetainedAheadMs;
  // A clock that is wrong by so much would win for as long.
  const PutResult result =
      is_believed ? shard_->MergeRetained(publication) : PutResult::kRefusedStamp;
  const bool is_live = mark == RetainedMark::kLive;
  bool is_stored = false, is_news = is_live;
  switch (result) {
    case PutResult::kStored:
    case PutResult::kDeleted:
      is_stored = is_news = true;
      break;
    case PutResult::kNothingToDelete:  // the deletion is new, and nobody here knows what is deleted
      is_stored = true;
      break;
    case PutResult::kSame:  // whoever stored it has published it
      is_news = false;
      break;
    case PutResult::kOlder:
      Bump(ingress.retained_older);
      break;
    case PutResult::kRefusedCount:
    case PutResult::kRefusedPayloadSize:
    case PutResult::kRefusedBytes:
    case PutResult::kRefusedStamp:
      Bump(ingress.retained_refused);
      break;
  }
  if (is_stored) {
    Bump(ingress.retained_stored);
  } else {
    publication->sync = publication->told = 0;  // what changes nothing goes no further: so it ends
  }
  if (is_new && is_news && !shard_->ClearsSilently(*publication)) {
    Taken taken = Published(spec, publication, connection, now_ms);
    if (is_stored && taken.outcome == Shard::Published::kNobody)
      taken.outcome = Shard::Published::kDone;  // somebody will subscribe
    return taken;
  }
  if (!is_stored && (is_live || result == PutResult::kSame)) Bump(ingress.duplicate);
  return {Taken::Verdict::kPublished, shard_->TellLinks(publication, connection, now_ms)};
}

LinkIntake::Transit LinkIntake::Onward(const LinkSpec& spec, const link::ForwardedMessage& message,
                                       bool is_shared, Publication* publication) {
  const LinkPlan& plan = *shard_->links()->plan();
  link::OriginPath path;
  const bool is_known = path.ParseExtra(message.extra);
  if (path.Contains(plan.self)) return Transit::kCircle;
  // A message without an id of the common length cannot be recognised: it stays here.
  if (message.id.size() != link::kMessageIdBytes) return Transit::kGoesOn;
  const bool is_new = shard_->transit_ids()->Insert(message.id);
  if (is_known && path.Append(spec.name)) {
    const auto unvisited = [&](uint64_t links) {
      uint64_t rest = 0;
      for (; links != 0; links &= links - 1) {
        const LinkSpec* other = plan.At(__builtin_ctzll(links));
        if (!path.Contains(other->name)) rest |= uint64_t{1} << other->index;
      }
      return rest;
    };
    if ((plan.transit >> spec.index & 1) != 0) publication->onward = unvisited(plan.transit);
    if (is_shared) publication->sync = unvisited(plan.SharedBy(message.topic) & plan.sync);
    publication->told = publication->sync & plan.told;
  }
  if (publication->onward != 0) publication->extra = extra_ = path.Extra();
  if (publication->sync != 0)
    publication->sync_extra = sync_extra_ = path.Extra(link::TextOf(RetainedMark::kState));
  if ((publication->onward | publication->sync) != 0) publication->message_id = message.id;
  return is_new ? Transit::kGoesOn : Transit::kDuplicate;
}

}  // namespace causeway::fanout
