// One payload, read as everything it could claim to be: a bare term, a forwarded message, a
// route-channel term. Nothing may crash, read past the end, or allocate out of proportion; and what
// was accepted must survive our own encoder: message → bytes → message, operations → batch →
// operations.
#include <cstdint>
#include <string>
#include <string_view>

#include "core/check.h"
#include "link/etf.h"
#include "link/message_term.h"
#include "link/route_message.h"

namespace causeway::link {
namespace {

/// Enough for the largest legal unfolding of an input this small, twice over.
void CheckBounded(const std::string& scratch, std::string_view payload) {
  CHECK(scratch.capacity() <=
        2 * (kEtfInflateRatioMax * payload.size() + kEtfInflateSlackBytes) + 64);
}

void ReadAsTerm(std::string_view payload) {
  std::string scratch;
  std::string_view term;
  if (!OpenEtf(payload, &scratch, &term)) return;
  EtfReader strict(term);
  EtfReader tolerant(term);
  const bool strictly = strict.Skip(LocalTerms::kRefuse);
  const bool tolerantly = tolerant.Skip(LocalTerms::kSkip);
  CHECK(!strictly || (tolerantly && strict.position() == tolerant.position()));
  HasCapability(term, "retained");
}

void ReadAsMessage(std::string_view payload) {
  std::string scratch;
  ForwardedMessage message;
  const MessageStatus status = DecodeMessage(payload, &scratch, &message);
  CheckBounded(scratch, payload);
  if (status != MessageStatus::kOk) return;
  std::string encoded;
  EncodeMessage(message, &encoded);
  std::string again_scratch;
  ForwardedMessage again;
  CHECK(DecodeMessage(encoded, &again_scratch, &again) == MessageStatus::kOk);
  CHECK(again.topic == message.topic && again.payload == message.payload &&
        again.qos == message.qos);
  CHECK(again.id == message.id && again.from == message.from && again.retain == message.retain);
  CHECK(again.timestamp_ms == message.timestamp_ms &&
        again.properties.size() == message.properties.size());
  CHECK(again.message_expiry_seconds == message.message_expiry_seconds);
}

void ReadAsRoutes(std::string_view payload) {
  std::string scratch;
  RouteHeader header;
  const RouteStatus status = DecodeRouteMessage(payload, &scratch, &header);
  CheckBounded(scratch, payload);
  if (status != RouteStatus::kOk) return;
  RouteBatchWriter writer(header.actor, header.incarnation, SIZE_MAX, SIZE_MAX);
  RouteOperations walk(header);
  uint32_t count = 0;
  for (RouteOperation operation; walk.Next(&operation); ++count) {
    CHECK(writer.Append(operation.kind, operation.filter, operation.route_id));
  }
  CHECK(count == header.operation_count);
  const std::string batch = writer.Finish();
  std::string again_scratch;
  RouteHeader again;
  CHECK(DecodeRouteMessage(batch, &again_scratch, &again) == RouteStatus::kOk);
  CHECK(again.op == RouteOp::kRoute && again.operation_count == count && !again.missing_keys);
  CHECK(again.actor == header.actor && again.incarnation == header.incarnation);
}

}  // namespace
}  // namespace causeway::link

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view payload(reinterpret_cast<const char*>(data), size);
  causeway::link::ReadAsTerm(payload);
  causeway::link::ReadAsMessage(payload);
  causeway::link::ReadAsRoutes(payload);
  return 0;
}
