#include <utility>

#include "core/check.h"
#include "link/etf_tag.h"
#include "link/route_message.h"

namespace causeway::link {
namespace {

// Keys of the maps, in canonical order: integers ascending, then the atom.
constexpr int64_t kActorKey = 10;
constexpr int64_t kIncarnationKey = 11;
constexpr int64_t kOperationsKey = 12;
constexpr int64_t kTargetKey = 13;
constexpr int64_t kVersionKey = 14;
constexpr int64_t kResultKey = 15;
constexpr int64_t kNeedBootstrapKey = 16;
constexpr int64_t kDeleteMark = 100;

constexpr std::string_view kRouteName = "route";
/// What closes a batch: NIL, `'$op' => <<"route">>`.
constexpr size_t kBatchTailBytes = 1 + (2 + 3) + (5 + kRouteName.size());

void PutActor(EtfWriter* writer, std::string_view actor) {
  writer->Integer(kActorKey);
  writer->Binary(actor);
}

void PutOp(EtfWriter* writer, std::string_view name) {
  writer->Atom(AtomId::kOp);
  writer->Binary(name);
}

void PutCapabilities(EtfWriter* writer, std::string_view capabilities) {
  if (capabilities.empty()) return;
  writer->Integer(kCapabilityKey);
  writer->Raw(capabilities);
}

}  // namespace

void EncodeActorInit(std::string_view actor, int64_t incarnation, std::string_view target,
                     std::string_view capabilities, std::string* out) {
  EtfWriter writer(out);
  writer.Version();
  writer.Map(capabilities.empty() ? 5 : 6);
  PutActor(&writer, actor);
  writer.Integer(kIncarnationKey);
  writer.Integer(incarnation);
  writer.Integer(kTargetKey);
  writer.Binary(target);
  writer.Integer(kVersionKey);
  writer.Integer(kLinkProtocolVersion);
  PutCapabilities(&writer, capabilities);
  PutOp(&writer, "actor_init");
}

void EncodeActorInitAckOk(std::string_view actor, bool need_bootstrap,
                          std::string_view capabilities, std::string* out) {
  EtfWriter writer(out);
  writer.Version();
  writer.Map(capabilities.empty() ? 5 : 6);
  PutActor(&writer, actor);
  writer.Integer(kVersionKey);
  writer.Integer(kLinkProtocolVersion);
  writer.Integer(kResultKey);
  writer.Atom(AtomId::kOk);
  writer.Integer(kNeedBootstrapKey);
  writer.Atom(need_bootstrap ? AtomId::kTrue : AtomId::kFalse);
  PutCapabilities(&writer, capabilities);
  PutOp(&writer, "actor_init_ack");
}

void EncodeActorInitAckError(std::string_view actor, std::string_view reason, std::string* out) {
  EtfWriter writer(out);
  writer.Version();
  writer.Map(5);
  PutActor(&writer, actor);
  writer.Integer(kVersionKey);
  writer.Integer(kLinkProtocolVersion);
  writer.Integer(kResultKey);
  writer.Tuple(2);
  writer.Atom(AtomId::kError);
  writer.Binary(reason);
  writer.Integer(kNeedBootstrapKey);
  writer.Atom(AtomId::kUndefined);
  PutOp(&writer, "actor_init_ack");
}

void EncodeHeartbeat(std::string_view actor, int64_t incarnation, std::string_view digest,
                     std::string* out) {
  EtfWriter writer(out);
  writer.Version();
  writer.Map(digest.empty() ? 3 : 4);
  PutActor(&writer, actor);
  writer.Integer(kIncarnationKey);
  writer.Integer(incarnation);
  if (!digest.empty()) {
    writer.Integer(kDigestKey);
    writer.Binary(digest);
  }
  PutOp(&writer, "heartbeat");
}

void EncodeCapabilities(const Capabilities& capabilities, std::string* out) {
  EtfWriter writer(out);
  writer.Map(2);
  writer.Binary("caps");
  if (capabilities.name_count > 0) writer.List(static_cast<uint32_t>(capabilities.name_count));
  for (size_t i = 0; i < capabilities.name_count; ++i) writer.Binary(capabilities.names[i]);
  writer.Nil();
  writer.Binary("sw");
  writer.Binary(capabilities.software);
}

RouteBatchWriter::RouteBatchWriter(std::string_view actor, int64_t incarnation, size_t entries_max,
                                   size_t bytes_max)
    : entries_max_(entries_max), bytes_max_(bytes_max) {
  EtfWriter writer(&out_);
  writer.Version();
  writer.Map(4);
  PutActor(&writer, actor);
  writer.Integer(kIncarnationKey);
  writer.Integer(incarnation);
  writer.Integer(kOperationsKey);
  list_at_ = out_.size();
  writer.List(0);
}

bool RouteBatchWriter::Append(RouteOperation::Kind kind, std::string_view filter,
                              std::string_view route_id) {
  const bool is_delete = kind == RouteOperation::Kind::kDelete;
  if (entries_ > 0) {
    const size_t bytes =
        2 + (is_delete ? 2 : 0) + EtfBinarySize(filter.size()) + EtfBinarySize(route_id.size());
    if (entries_ >= entries_max_ || out_.size() + bytes + kBatchTailBytes > bytes_max_)
      return false;
  }
  EtfWriter writer(&out_);
  writer.Tuple(is_delete ? 3 : 2);
  if (is_delete) writer.Integer(kDeleteMark);
  writer.Binary(filter);
  writer.Binary(route_id);
  ++entries_;
  return true;
}

std::string RouteBatchWriter::Finish() {
  EtfWriter writer(&out_);
  if (entries_ == 0) {
    out_.resize(list_at_);  // an empty list is NIL alone
  } else {
    CHECK(entries_ <= UINT32_MAX);
    etf::Store32(out_.data() + list_at_ + 1, static_cast<uint32_t>(entries_));
  }
  writer.Nil();
  PutOp(&writer, kRouteName);
  return std::move(out_);
}

}  // namespace causeway::link
