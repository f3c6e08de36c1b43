#include "link/route_message.h"

#include "rows.h"
#include "term.h"

#include <doctest/doctest.h>

namespace causeway::link {
namespace {

using Kind = RouteOperation::Kind;

constexpr std::string_view kActor = "node1@10.0.0.1";
constexpr int64_t kIncarnation = 1754550000123;

std::string VectorHex(std::string_view name) { return ToHex(VectorBytes(name)); }

const Term* Get(const Term& map, int64_t key) {
  for (size_t i = 0; i + 1 < map.items.size(); i += 2) {
    if (map.items[i].kind == Term::Kind::kInteger && map.items[i].integer == key)
      return &map.items[i + 1];
  }
  return nullptr;
}

/// Everything a header says must be what the term says.
void CheckAgainstTerm(const std::string& bytes, const Term& term) {
  std::string scratch;
  RouteHeader header;
  REQUIRE(DecodeRouteMessage(bytes, &scratch, &header) == RouteStatus::kOk);
  std::string op;
  for (size_t i = 0; i + 1 < term.items.size(); i += 2) {
    if (term.items[i].bytes == "$op") op = term.items[i + 1].bytes;
  }
  CHECK(header.op_name == op);
  CHECK((header.op == RouteOp::kUnknown) == (op == "future_op"));
  if (const Term* actor = Get(term, 10)) CHECK(header.actor == actor->bytes);
  if (const Term* incarnation = Get(term, 11)) CHECK(header.incarnation == incarnation->integer);
  if (const Term* target = Get(term, 13)) CHECK(header.target == target->bytes);
  if (const Term* version = Get(term, 14)) CHECK(header.protocol_version == version->integer);
  if (const Term* result = Get(term, 15)) {
    CHECK(header.accepted == (result->kind == Term::Kind::kAtom));
    if (!header.accepted) CHECK(header.error_reason == result->items[1].bytes);
  }
  if (const Term* need = Get(term, 16)) {
    CHECK((header.need_bootstrap == NeedBootstrap::kTrue) == (need->bytes == "true"));
    CHECK((header.need_bootstrap == NeedBootstrap::kFalse) == (need->bytes == "false"));
  }
  const Term* operations = Get(term, 12);
  const size_t count = operations == nullptr ? 0 : operations->items.size();
  CHECK(header.operation_count == count);
  RouteOperations walk(header);
  RouteOperation operation;
  for (size_t i = 0; i < count; ++i) {
    const std::vector<Term>& parts = operations->items[i].items;
    REQUIRE(walk.Next(&operation));
    CHECK((operation.kind == Kind::kDelete) == (parts.size() == 3));
    CHECK(operation.filter == parts[parts.size() - 2].bytes);
    CHECK(operation.route_id == EncodeTerm(parts[parts.size() - 1]).substr(1));
  }
  CHECK_FALSE(walk.Next(&operation));
  CHECK_FALSE(header.missing_keys);
}

std::string Batch(
    std::initializer_list<std::pair<Kind, std::pair<const char*, const char*>>> operations,
    std::string_view actor = kActor, int64_t incarnation = kIncarnation) {
  RouteBatchWriter writer(actor, incarnation, 4000, 512 << 10);
  for (const auto& [kind, texts] : operations)
    REQUIRE(writer.Append(kind, texts.first, texts.second));
  return writer.Finish();
}

TEST_SUITE("link/route_message") {
  TEST_CASE("every route-channel vector decodes to what its term says") {
    int checked = 0;
    for (const Row& row : EtfRows()) {
      if (!row.name.starts_with("link_")) continue;
      CAPTURE(row.name);
      const std::string bytes = row.bytes;
      CheckAgainstTerm(bytes, *DecodeTerm(bytes));
      ++checked;
    }
    CHECK(checked == 22);
  }

  TEST_CASE("every route-channel payload recorded from EMQX decodes to what was recorded with it") {
    int checked = 0;
    for (const Row& row : CaptureRows()) {
      if (!row.has_term || row.topic.starts_with("$LINK/cluster/msg/")) continue;
      CAPTURE(row.term);
      const std::optional<Term> term = ParseErlang(row.term);
      REQUIRE(term.has_value());
      if (term->kind != Term::Kind::kMap) continue;
      CheckAgainstTerm(row.bytes, *term);
      ++checked;
    }
    CHECK(checked >= 260);
  }

  TEST_CASE("foreign garbage is refused") {
    int refused = 0;
    for (const Row& row : CaptureRows()) {
      if (row.packet_type != "PUBLISH" || row.has_term) continue;
      std::string scratch;
      RouteHeader header;
      const std::string bytes = row.bytes;
      CHECK(DecodeRouteMessage(bytes, &scratch, &header) == RouteStatus::kMalformed);
      ++refused;
    }
    CHECK(refused == 3);
  }

  TEST_CASE("messages encode to EMQX's bytes") {
    std::string out;
    EncodeActorInit(kActor, kIncarnation, "cluster-eu-west", {}, &out);
    CHECK(ToHex(out) == VectorHex("link_actor_init"));
    out.clear();
    EncodeActorInit("ps-routes-v1", 0, "cluster-eu-west", {}, &out);
    CHECK(ToHex(out) == VectorHex("link_actor_init_ps"));
    out.clear();
    EncodeActorInitAckOk(kActor, true, {}, &out);
    CHECK(ToHex(out) == VectorHex("link_ack_ok_bootstrap"));
    out.clear();
    EncodeActorInitAckOk(kActor, false, {}, &out);
    CHECK(ToHex(out) == VectorHex("link_ack_ok_no_bootstrap"));
    out.clear();
    EncodeActorInitAckError(kActor, "unknown_cluster", &out);
    CHECK(ToHex(out) == VectorHex("link_ack_err_unknown"));
    out.clear();
    EncodeActorInitAckError(kActor, "bad_remote_cluster_link_name", &out);
    CHECK(ToHex(out) == VectorHex("link_ack_err_bad_name"));
    out.clear();
    EncodeActorInitAckError(kActor, "cluster_link_disabled", &out);
    CHECK(ToHex(out) == VectorHex("link_ack_err_disabled"));
    out.clear();
    EncodeHeartbeat(kActor, kIncarnation, {}, &out);
    CHECK(ToHex(out) == VectorHex("link_heartbeat"));
  }

  TEST_CASE("route batches encode to EMQX's bytes") {
    CHECK(ToHex(Batch({})) == VectorHex("link_routes_empty"));
    CHECK(ToHex(Batch({{Kind::kAdd, {"t/1", "t/1"}}})) == VectorHex("link_routes_add"));
    CHECK(ToHex(Batch({{Kind::kDelete, {"t/1", "t/1"}}})) == VectorHex("link_routes_delete"));
    CHECK(ToHex(Batch({{Kind::kAdd, {"t/1/+", "t/+/+"}}, {Kind::kAdd, {"t/+/1", "t/+/+"}}})) ==
          VectorHex("link_routes_intersection"));
    CHECK(ToHex(Batch({{Kind::kAdd, {"s/#", "$s/grp/s/#"}}})) == VectorHex("link_routes_shared"));
    CHECK(ToHex(Batch({{Kind::kAdd, {"p/+", "$p/client42/p/+"}}}, "ps-routes-v1", 3)) ==
          VectorHex("link_routes_persistent"));
    CHECK(ToHex(Batch({{Kind::kAdd, {"a/#", "a/#"}},
                       {Kind::kDelete, {"b", "b"}},
                       {Kind::kAdd, {"c/+", "$s/g1/c/+"}},
                       {Kind::kDelete, {"c/+", "$s/g2/c/+"}}})) == VectorHex("link_routes_mixed"));
    CHECK(ToHex(Batch({{Kind::kAdd, {"caf\xc3\xa9/#", "caf\xc3\xa9/#"}}})) ==
          VectorHex("link_routes_utf8_topic"));
  }

  TEST_CASE("a batch stays within its entries and bytes, except that the first entry always fits") {
    RouteBatchWriter by_count(kActor, 1, 2, 1 << 20);
    CHECK(by_count.Append(Kind::kAdd, "a", "a"));
    CHECK(by_count.Append(Kind::kAdd, "b", "b"));
    CHECK_FALSE(by_count.Append(Kind::kAdd, "c", "c"));
    CHECK(by_count.entries() == 2);
    for (const size_t bytes_max : {100u, 101u, 110u, 119u, 120u, 400u}) {
      RouteBatchWriter by_bytes(kActor, 1, 4000, bytes_max);
      while (by_bytes.Append(Kind::kDelete, "some/filter", "some/filter")) {
      }
      const size_t entries = by_bytes.entries();
      CHECK(entries >= 1);
      const std::string payload = by_bytes.Finish();
      if (entries > 1) CHECK(payload.size() <= bytes_max);
      CHECK(payload.size() + 36 > bytes_max);  // one more would not have fitted
    }
    RouteBatchWriter tiny(kActor, 1, 4000, 1);
    CHECK(tiny.Append(Kind::kAdd, "a", "a"));
    CHECK_FALSE(tiny.Append(Kind::kAdd, "b", "b"));
  }

  TEST_CASE("capabilities travel under their key and everything else stays as it was") {
    const std::string_view names[] = {"retained", "transit"};
    std::string capabilities;
    EncodeCapabilities(Capabilities{"causeway 1", names, 2}, &capabilities);
    CHECK(HasCapability(capabilities, "transit"));
    CHECK_FALSE(HasCapability(capabilities, "trans"));
    CHECK_FALSE(HasCapability("garbage", "transit"));
    for (const bool ack : {false, true}) {
      std::string out;
      if (ack) {
        EncodeActorInitAckOk(kActor, true, capabilities, &out);
      } else {
        EncodeActorInit(kActor, 7, "b", capabilities, &out);
      }
      std::string scratch;
      RouteHeader header;
      REQUIRE(DecodeRouteMessage(out, &scratch, &header) == RouteStatus::kOk);
      CHECK(header.has_capabilities);
      CHECK(header.capabilities == capabilities);
      CHECK_FALSE(header.missing_keys);
      CHECK(EncodeTerm(*DecodeTerm(out)) == out);  // canonical order holds with the key in it
    }
  }

  TEST_CASE("missing or mistyped keys are reported, unknown ones ignored, bad operations refused") {
    std::string scratch;
    RouteHeader header;
    const auto decode = [&](const char* erlang) {
      const std::string bytes = EncodeTerm(*ParseErlang(erlang));
      const RouteStatus status = DecodeRouteMessage(bytes, &scratch, &header);
      return status;
    };
    for (const char* erlang : {
             "#{'$op' => <<\"heartbeat\">>, 10 => <<\"n\">>}",
             "#{'$op' => <<\"heartbeat\">>, 10 => n, 11 => 1}",
             "#{'$op' => <<\"actor_init\">>, 10 => <<\"n\">>, 11 => 1, 14 => 1}",
             "#{'$op' => <<\"actor_init_ack\">>, 10 => <<\"n\">>, 14 => 1, 15 => ok}",
             "#{'$op' => <<\"actor_init_ack\">>, 10 => <<\"n\">>, 14 => 1, 15 => maybe, 16 => "
             "true}",
             "#{10 => <<\"n\">>, 11 => 1}",
             "#{'$op' => <<\"route\">>, 10 => <<\"n\">>, 11 => 1}",
             "#{}",
         }) {
      CAPTURE(erlang);
      CHECK(decode(erlang) == RouteStatus::kOk);
      CHECK(header.missing_keys);
    }
    for (const char* erlang : {
             "#{'$op' => <<\"route\">>, 10 => <<\"n\">>, 11 => 1, 12 => x}",
             "#{'$op' => <<\"route\">>, 10 => <<\"n\">>, 11 => 1, 12 => [{<<\"t\">>}]}",
             "#{'$op' => <<\"route\">>, 10 => <<\"n\">>, 11 => 1, 12 => [{101, <<\"t\">>, "
             "<<\"t\">>}]}",
             "#{'$op' => <<\"route\">>, 10 => <<\"n\">>, 11 => 1, 12 => [{t, <<\"t\">>}]}",
             "#{'$op' => <<\"route\">>, 10 => <<\"n\">>, 11 => 1, 12 => [{<<\"t\">>, <<\"t\">>} | "
             "x]}",
             "[]",
         }) {
      CAPTURE(erlang);
      CHECK(decode(erlang) == RouteStatus::kMalformed);
    }
    CHECK(decode("#{'$op' => <<\"heartbeat\">>, 10 => <<\"n\">>, 11 => 1, 12 => x, {a} => [b], c "
                 "=> 2.5}") == RouteStatus::kOk);
    CHECK_FALSE(header.missing_keys);
  }

  TEST_CASE("route ids of any shape are kept as raw terms") {
    const std::string bytes =
        EncodeTerm(*ParseErlang("#{'$op' => <<\"route\">>, 10 => <<\"n\">>, 11 => 1, 12 => "
                                "[{<<\"t\">>, id}, {100, <<\"t\">>, {a, 1}}]}"));
    std::string scratch;
    RouteHeader header;
    REQUIRE(DecodeRouteMessage(bytes, &scratch, &header) == RouteStatus::kOk);
    RouteOperations walk(header);
    RouteOperation operation;
    REQUIRE(walk.Next(&operation));
    CHECK(ToHex(operation.route_id) == "77026964");
    REQUIRE(walk.Next(&operation));
    CHECK(operation.kind == Kind::kDelete);
    CHECK(ToHex(operation.route_id) ==
          "6802"
          "770161"
          "6101");
  }
}

}  // namespace
}  // namespace causeway::link
