// Terms of the route channel: actor_init and its answer, route batches, heartbeats.
// Source: docs/protocol/cluster-link.md "Route channel terms".
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "link/etf.h"

namespace causeway::link {

inline constexpr int64_t kLinkProtocolVersion = 1;
/// Integer key of the map by which two Causeways recognise each other; EMQX ignores keys it does
/// not know.
inline constexpr int64_t kCapabilityKey = 1000;
/// Integer key of a heartbeat's drift checksum, sent only to a peer that announced it.
inline constexpr int64_t kDigestKey = 1001;

enum class RouteOp : uint8_t { kActorInit, kActorInitAck, kRoute, kHeartbeat, kUnknown };
enum class NeedBootstrap : uint8_t { kUndefined, kFalse, kTrue };

/// A decoded route-channel term. Views point into the payload, or into the scratch when it was
/// compressed.
struct RouteHeader {
  RouteOp op = RouteOp::kUnknown;
  std::string_view op_name;  // as sent; empty when the key is missing
  std::string_view actor;
  int64_t incarnation = 0;
  std::string_view target;        // cluster name the sender gave the receiver
  int64_t protocol_version = 0;   // informative, never compared
  bool accepted = false;          // ack: result `ok`
  std::string_view error_reason;  // ack: why not, empty when accepted
  NeedBootstrap need_bootstrap = NeedBootstrap::kUndefined;
  bool missing_keys = false;  // a key this operation requires is absent or of another type
  bool trailing = false;      // bytes follow the term, as Erlang allows: ignored
  bool has_capabilities = false;
  std::string_view capabilities;  // raw term under kCapabilityKey, without version byte
  std::string_view digest;        // heartbeat: bytes under kDigestKey, empty when absent
  std::string_view operations;    // raw list elements of a route batch, checked
  uint32_t operation_count = 0;
};

enum class RouteStatus : uint8_t {
  kOk,
  kMalformed,  // not a term, truncated, too deep, oversized when unfolded, not a map, or a bad
               // operation list
};

/// Decodes a payload completely: after kOk, walking the operations cannot fail. Unknown keys are
/// skipped; a missing required key or unknown operation is kOk with the flag or op saying so (what
/// to do about it is the agent's choice).
RouteStatus DecodeRouteMessage(std::string_view payload, std::string* scratch, RouteHeader* out);

/// One change of one remote interest.
struct RouteOperation {
  enum class Kind : uint8_t { kAdd, kDelete };
  Kind kind = Kind::kAdd;
  std::string_view filter;
  std::string_view route_id;  // raw encoded term: compare bytes only, never parse
};

/// Walks the operations of a decoded batch, resumable. Borrows what the header borrowed.
class RouteOperations {
 public:
  explicit RouteOperations(const RouteHeader& header)
      : reader_(header.operations), left_(header.operation_count) {}
  bool Next(RouteOperation* out);
  uint32_t left() const { return left_; }

 private:
  EtfReader reader_;
  uint32_t left_;
};

/// `capabilities`: a raw term to put under kCapabilityKey, empty to stay byte-exact EMQX. All
/// append to `*out`.
void EncodeActorInit(std::string_view actor, int64_t incarnation, std::string_view target,
                     std::string_view capabilities, std::string* out);
void EncodeActorInitAckOk(std::string_view actor, bool need_bootstrap,
                          std::string_view capabilities, std::string* out);
/// `reason`: "unknown_cluster", "bad_remote_cluster_link_name" or "cluster_link_disabled".
void EncodeActorInitAckError(std::string_view actor, std::string_view reason, std::string* out);
/// `digest`: goes under kDigestKey, empty to stay byte-exact EMQX.
void EncodeHeartbeat(std::string_view actor, int64_t incarnation, std::string_view digest,
                     std::string* out);

/// What a Causeway says about itself: `#{<<"caps">> => [Names], <<"sw">> => Software}` as a raw
/// term.
struct Capabilities {
  std::string_view software;
  const std::string_view* names = nullptr;
  size_t name_count = 0;
};
void EncodeCapabilities(const Capabilities& capabilities, std::string* out);
/// True when `raw` is a capability map whose list holds `name`.
bool HasCapability(std::string_view raw, std::string_view name);

/// Builds one route batch, bounded by entries and by bytes of the whole payload.
class RouteBatchWriter {
 public:
  /// A first operation is always taken, however large: a batch that can hold nothing would never
  /// end.
  RouteBatchWriter(std::string_view actor, int64_t incarnation, size_t entries_max,
                   size_t bytes_max);
  /// False when the batch is full: nothing was written; Finish and open the next one.
  /// The route id is sent as a binary holding `route_id`.
  bool Append(RouteOperation::Kind kind, std::string_view filter, std::string_view route_id);
  size_t entries() const { return entries_; }
  /// Closes the batch and hands out the payload; the writer is spent.
  std::string Finish();

 private:
  std::string out_;
  size_t entries_max_;
  size_t bytes_max_;
  size_t list_at_ = 0;
  size_t entries_ = 0;
};

}  // namespace causeway::link
