#include "link/route_message.h"

namespace causeway::link {
namespace {

constexpr int64_t kDeleteMark = 100;

enum Key : uint32_t {
  kActorKey = 10,
  kIncarnationKey = 11,
  kOperationsKey = 12,
  kTargetKey = 13,
  kVersionKey = 14,
  kResultKey = 15,
  kNeedBootstrapKey = 16,
};
constexpr uint32_t Bit(Key key) { return 1u << key; }

uint32_t RequiredKeys(RouteOp op) {
  switch (op) {
    case RouteOp::kActorInit:
      return Bit(kActorKey) | Bit(kIncarnationKey) | Bit(kTargetKey) | Bit(kVersionKey);
    case RouteOp::kActorInitAck:
      return Bit(kActorKey) | Bit(kVersionKey) | Bit(kResultKey) | Bit(kNeedBootstrapKey);
    case RouteOp::kRoute:
      return Bit(kActorKey) | Bit(kIncarnationKey) | Bit(kOperationsKey);
    case RouteOp::kHeartbeat:
      return Bit(kActorKey) | Bit(kIncarnationKey);
    case RouteOp::kUnknown:
      return 0;
  }
  return 0;
}

RouteOp OpNamed(std::string_view name) {
  if (name == "route") return RouteOp::kRoute;
  if (name == "heartbeat") return RouteOp::kHeartbeat;
  if (name == "actor_init") return RouteOp::kActorInit;
  if (name == "actor_init_ack") return RouteOp::kActorInitAck;
  return RouteOp::kUnknown;
}

/// `{Filter, RouteId}` or `{100, Filter, RouteId}`; the route id may be any term that means the
/// same in both clusters.
bool ReadOperation(EtfReader* reader, RouteOperation* out) {
  uint32_t arity;
  if (!reader->EnterTuple(&arity)) return false;
  if (arity == 3) {
    int64_t mark;
    if (!reader->ReadInteger(&mark) || mark != kDeleteMark) return false;
    out->kind = RouteOperation::Kind::kDelete;
  } else if (arity == 2) {
    out->kind = RouteOperation::Kind::kAdd;
  } else {
    return false;
  }
  return reader->ReadBinary(&out->filter) &&
         reader->ReadRaw(LocalTerms::kRefuse, &out->route_id, 3);
}

bool ReadOperations(EtfReader* reader, RouteHeader* out) {
  uint32_t count;
  bool has_tail;
  if (!reader->EnterList(&count, &has_tail)) return false;
  const char* from = reader->position();
  RouteOperation operation;
  for (uint32_t i = 0; i < count; ++i) {
    if (!ReadOperation(reader, &operation)) return false;
  }
  out->operations = {from, static_cast<size_t>(reader->position() - from)};
  out->operation_count = count;
  return !has_tail || reader->ReadNil();
}

/// `ok` or `{error, Reason}`.
bool ReadResult(EtfReader* reader, RouteHeader* out) {
  AtomId atom;
  uint32_t arity;
  if (reader->ReadAtom(&atom)) {
    out->accepted = atom == AtomId::kOk;
    return out->accepted;
  }
  out->accepted = false;
  if (!reader->EnterTuple(&arity) || arity != 2) return false;
  if (!reader->ReadAtom(&atom) || atom != AtomId::kError) return false;
  return reader->ReadBinary(&out->error_reason) || reader->ReadAtom(&atom, &out->error_reason);
}

bool ReadNeedBootstrap(EtfReader* reader, RouteHeader* out) {
  AtomId atom;
  if (!reader->ReadAtom(&atom)) return false;
  out->need_bootstrap = atom == AtomId::kTrue    ? NeedBootstrap::kTrue
                        : atom == AtomId::kFalse ? NeedBootstrap::kFalse
                                                 : NeedBootstrap::kUndefined;
  return true;
}

/// Reads the value of a known key; false when it is of another type (the cursor may then stand
/// anywhere inside it).
bool ReadValue(int64_t key, EtfReader* reader, RouteHeader* out) {
  switch (key) {
    case kActorKey:
      return reader->ReadBinary(&out->actor);
    case kIncarnationKey:
      return reader->ReadInteger(&out->incarnation);
    case kOperationsKey:
      return ReadOperations(reader, out);
    case kTargetKey:
      return reader->ReadBinary(&out->target);
    case kVersionKey:
      return reader->ReadInteger(&out->protocol_version);
    case kResultKey:
      return ReadResult(reader, out);
    case kNeedBootstrapKey:
      return ReadNeedBootstrap(reader, out);
    default:
      return false;
  }
}

}  // namespace

RouteStatus DecodeRouteMessage(std::string_view payload, std::string* scratch, RouteHeader* out) {
  *out = RouteHeader{};
  std::string_view term;
  if (!OpenEtf(payload, scratch, &term, 1, &out->trailing)) return RouteStatus::kMalformed;
  EtfReader reader(term);
  uint32_t pairs;
  if (!reader.EnterMap(&pairs)) return RouteStatus::kMalformed;
  uint32_t found = 0;
  bool bad_operations = false;
  for (uint32_t i = 0; i < pairs; ++i) {
    AtomId atom = AtomId::kOpaque;
    int64_t key = -1;
    if (!reader.ReadInteger(&key) && !reader.ReadAtom(&atom) &&
        !reader.Skip(LocalTerms::kSkip, 1)) {
      return RouteStatus::kMalformed;
    }
    if (atom == AtomId::kOp && reader.ReadBinary(&out->op_name)) continue;
    if (key == kCapabilityKey) {
      out->has_capabilities = reader.ReadRaw(LocalTerms::kRefuse, &out->capabilities, 1);
      if (out->has_capabilities) continue;
    }
    if (key == kDigestKey && reader.ReadBinary(&out->digest)) continue;
    EtfReader value = reader;
    if (ReadValue(key, &value, out)) {
      found |= 1u << key;
      reader = value;
      continue;
    }
    if (key == kOperationsKey) bad_operations = true;
    if (!reader.Skip(LocalTerms::kSkip, 1)) return RouteStatus::kMalformed;
  }
  out->trailing |= !reader.rest().empty();
  out->op = OpNamed(out->op_name);
  if (out->op == RouteOp::kRoute && bad_operations) return RouteStatus::kMalformed;
  const uint32_t required = RequiredKeys(out->op);
  out->missing_keys = out->op_name.empty() || (found & required) != required;
  return RouteStatus::kOk;
}

bool RouteOperations::Next(RouteOperation* out) {
  if (left_ == 0) return false;
  --left_;
  if (ReadOperation(&reader_, out)) return true;
  left_ = 0;  // cannot happen to what DecodeRouteMessage accepted
  return false;
}

bool HasCapability(std::string_view raw, std::string_view name) {
  EtfReader reader(raw);
  uint32_t pairs;
  if (!reader.EnterMap(&pairs)) return false;
  for (uint32_t i = 0; i < pairs; ++i) {
    std::string_view key;
    if (!reader.ReadBinary(&key) && !reader.Skip(LocalTerms::kRefuse, 1)) return false;
    uint32_t count;
    bool has_tail;
    EtfReader list = reader;
    if (key == "caps" && list.EnterList(&count, &has_tail)) {
      std::string_view found;
      for (uint32_t j = 0; j < count && list.ReadBinary(&found); ++j) {
        if (found == name) return true;
      }
    }
    if (!reader.Skip(LocalTerms::kRefuse, 1)) return false;
  }
  return false;
}

}  // namespace causeway::link
