#include "fanout/link_intake.h"

#include <algorithm>

#include "link/message_term.h"

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
  Bump(counters_->link_received);
  Bump(ingress.received);
  if (message.timestamp_ms > 0) ingress.latency.Record((wall_ms - message.timestamp_ms) * 1000);
  Publication publication;
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

}  // namespace causeway::fanout
