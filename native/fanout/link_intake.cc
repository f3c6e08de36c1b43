#include "fanout/link_intake.h"

#include <algorithm>

#include "link/origin_path.h"

namespace causeway::fanout {

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
  Publication publication;
  if (spec->transit) {
    switch (Onward(*spec, message, &publication)) {
      case Transit::kGoesOn:
        break;
      case Transit::kDuplicate:
        Bump(counters_->link_duplicated);
        Bump(ingress.duplicate);
        return {Verdict::kRepeated};
      case Transit::kCircle:
        Bump(counters_->link_looped);
        Bump(ingress.duplicate);
        return {Verdict::kRepeated};
    }
  }
  Bump(counters_->link_received);
  Bump(ingress.received);
  if (message.timestamp_ms > 0) ingress.latency.Record((wall_ms - message.timestamp_ms) * 1000);
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
  return {Verdict::kPublished, shard_->Publish(&publication, connection, now_ms)};
}

LinkIntake::Transit LinkIntake::Onward(const LinkSpec& spec, const link::ForwardedMessage& message,
                                       Publication* publication) {
  const LinkPlan& plan = *shard_->links()->plan();
  link::OriginPath path;
  const bool known = path.ParseExtra(message.extra);
  if (path.Contains(plan.self)) return Transit::kCircle;
  // A message without an id of the common length cannot be recognised: it stays here.
  if (message.id.size() != link::kMessageIdBytes) return Transit::kGoesOn;
  if (!shard_->transit_ids()->Insert(message.id)) return Transit::kDuplicate;
  const bool carries = (plan.transit >> spec.index & 1) != 0;
  if (!known || !carries || !path.Append(spec.name)) return Transit::kGoesOn;
  for (uint64_t links = plan.transit; links != 0; links &= links - 1) {
    const LinkSpec* other = plan.At(__builtin_ctzll(links));
    if (!path.Contains(other->name)) publication->onward |= uint64_t{1} << other->index;
  }
  if (publication->onward == 0) return Transit::kGoesOn;
  extra_ = path.Extra();
  publication->extra = extra_;
  publication->message_id = message.id;
  return Transit::kGoesOn;
}

}  // namespace causeway::fanout
