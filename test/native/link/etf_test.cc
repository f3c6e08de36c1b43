#include "link/etf.h"

#include <functional>
#include <map>

#include "link/message_term.h"
#include "link/route_message.h"
#include "rows.h"
#include "term.h"

#include <doctest/doctest.h>

namespace causeway::link {
namespace {

Term Atom(std::string_view text) {
  Term term;
  term.kind = Term::Kind::kAtom;
  term.bytes = text;
  return term;
}

Term Binary(std::string_view bytes) {
  Term term;
  term.kind = Term::Kind::kBinary;
  term.bytes = bytes;
  return term;
}

Term Integer(int64_t value) {
  Term term;
  term.integer = value;
  return term;
}

Term Collection(Term::Kind kind, int from, int to, const std::function<void(int, Term*)>& fill) {
  Term term;
  term.kind = kind;
  for (int i = from; i <= to; ++i) fill(i, &term);
  return term;
}

std::string Repeat(std::string_view text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

/// What the expressions among the vectors' terms evaluate to.
std::map<std::string, Term> Expressions() {
  Term large_big;
  large_big.kind = Term::Kind::kBig;
  large_big.bytes = FromHex("6f0000010100") + std::string(256, '\0') + "\1";
  Term pid;
  pid.kind = Term::Kind::kLocal;
  pid.bytes = FromHex("58770d") + "nonode@nohost" + FromHex("0000002a0000000000000000");
  Term fun;
  fun.kind = Term::Kind::kLocal;
  fun.bytes = FromHex("717705") + "lists" + FromHex("7703") + "map" + FromHex("6102");
  Term routes = *ParseErlang(
      "#{'$op' => <<\"route\">>, 10 => <<\"node1@10.0.0.1\">>, 11 => 1754550000123, 12 => []}");
  for (Term& item : routes.items) {
    if (item.kind != Term::Kind::kList) continue;
    item = Collection(Term::Kind::kList, 1, 40, [](int i, Term* list) {
      Term pair;
      pair.kind = Term::Kind::kTuple;
      pair.items = {Binary("dev/" + std::to_string(i) + "/up"),
                    Binary("dev/" + std::to_string(i) + "/up")};
      list->items.push_back(pair);
    });
  }
  Term big_message = *ParseErlang(
      "{message, <<0,6,30,171,205,239,1,35,244,66,0,0,9,196,0,1>>, 1, <<\"client-a\">>, "
      "#{dup => false, retain => false}, #{client_attrs => #{}, peername => {{127,0,0,1},50123}, "
      "proto_ver => 5, protocol => mqtt, username => undefined, peerhost => {127,0,0,1}, "
      "properties => #{}}, <<\"t/big\">>, <<>>, 1754550000123, #{}}");
  big_message.items[7] = Binary(Repeat("0123456789abcdef", 128));
  const auto push = [](int i, Term* out) { out->items.push_back(Integer(i % 256)); };
  return {
      {"link_routes_compressed", routes},
      {"msg_compressed", big_message},
      {"large_big", large_big},
      {"atom_utf8", Atom("αβ")},
      {"atom_latin1_e9", Atom("é")},
      {"atom_long_utf8", Atom(Repeat("α", 200))},
      {"list_string_300", Collection(Term::Kind::kList, 1, 300, push)},
      {"tuple_300", Collection(Term::Kind::kTuple, 1, 300,
                               [](int, Term* tuple) { tuple->items.push_back(Integer(0)); })},
      {"map_40", Collection(Term::Kind::kMap, 1, 40,
                            [](int i, Term* map) {
                              map->items.insert(map->items.end(), {Integer(i), Integer(i)});
                            })},
      {"pid", pid},
      {"fun_export", fun},
      {"compressed_binary", Binary(std::string(1000, '\0'))},
  };
}

/// Forms we only decode: other encodings, and tags the table marks "never".
bool IsCanonical(const Row& row) {
  static const char* kDecodeOnly[] = {"list_string", "list_string_300", "tuple_300", "map_40",
                                      "atom_long_utf8"};
  for (const char* name : kDecodeOnly) {
    if (row.name == name) return false;
  }
  return row.encoding == "utf8";
}

TEST_SUITE("link/etf") {
  TEST_CASE("every vector decodes to its term, and canonical ones encode back to the same bytes") {
    const std::vector<Row> rows = EtfRows();
    const std::map<std::string, Term> expressions = Expressions();
    int decoded = 0;
    int encoded = 0;
    for (const Row& row : rows) {
      const std::string& name = row.name;
      CAPTURE(name);
      const std::optional<Term> term = DecodeTerm(row.bytes);
      if (row.invalid) {
        CHECK_FALSE(term.has_value());
        continue;
      }
      REQUIRE(term.has_value());
      const auto expression = expressions.find(name);
      const std::optional<Term> expected =
          expression == expressions.end() ? ParseErlang(row.term) : expression->second;
      REQUIRE(expected.has_value());
      CHECK(*term == *expected);
      ++decoded;
      if (!IsCanonical(row)) continue;
      CHECK(ToHex(EncodeTerm(*expected)) == ToHex(row.bytes));
      ++encoded;
    }
    CHECK(decoded == 86);
    CHECK(encoded == 71);
  }

  TEST_CASE("every payload recorded from live EMQX nodes decodes to the term recorded with it") {
    int checked = 0;
    for (const Row& row : CaptureRows()) {
      if (!row.has_term) continue;
      CAPTURE(row.term);
      const std::optional<Term> expected = ParseErlang(row.term);
      const std::optional<Term> term = DecodeTerm(row.bytes);
      REQUIRE(expected.has_value());
      REQUIRE(term.has_value());
      CHECK(*term == *expected);
      ++checked;
    }
    CHECK(checked == 338);
  }

  TEST_CASE("every proper prefix of a valid plain term is refused") {
    for (const Row& row : EtfRows()) {
      if (row.invalid || row.encoding == "compressed") continue;
      if (row.name == "edge_trailing_bytes") continue;
      const std::string bytes = row.bytes;
      if (bytes.size() > 1000) continue;
      for (size_t length = 0; length < bytes.size(); ++length) {
        CAPTURE(row.name);
        CAPTURE(length);
        // A copy of exactly that size, so that a read past the end is a sanitizer's finding.
        CHECK_FALSE(DecodeTerm(std::string(bytes, 0, length)).has_value());
      }
    }
  }

  TEST_CASE("nesting deeper than the limit is refused, at the limit it is not") {
    const auto nested = [](int depth) {
      std::string term;
      for (int i = 0; i < depth; ++i) term += FromHex("6801");
      return term + FromHex("6a");
    };
    CHECK(EtfReader(nested(kEtfDepthMax)).Skip(LocalTerms::kRefuse));
    CHECK_FALSE(EtfReader(nested(kEtfDepthMax + 1)).Skip(LocalTerms::kRefuse));
    CHECK_FALSE(EtfReader(nested(kEtfDepthMax)).Skip(LocalTerms::kRefuse, 1));
  }

  TEST_CASE("an announced length beyond the remaining bytes is refused for every sized tag") {
    for (const char* hex :
         {"69ffffffff", "6cffffffff6a", "74ffffffff", "6dffffffff61", "6fffffffff00", "6bffff01",
          "4dffffffff0801", "76ffff61", "64ffff61", "77ff61", "73ff61", "6eff0001"}) {
      CAPTURE(hex);
      const std::string bytes = FromHex(hex);
      EtfReader reader(bytes);
      CHECK_FALSE(reader.Skip(LocalTerms::kSkip));
      CHECK(reader.rest().size() == bytes.size());
    }
  }

  TEST_CASE("integers beyond 64 bits are refused as values and skipped as terms") {
    int64_t value = 0;
    const std::string minimum = FromHex("6e08010000000000000080");
    CHECK(EtfReader(minimum).ReadInteger(&value));
    CHECK(value == INT64_MIN);
    const std::string above = FromHex("6e08000000000000000080");
    EtfReader reader(above);
    CHECK_FALSE(reader.ReadInteger(&value));
    CHECK(reader.Skip(LocalTerms::kRefuse));
    const std::string padded = FromHex("6e0a0007000000000000000000");
    CHECK(EtfReader(padded).ReadInteger(&value));
    CHECK(value == 7);
  }

  TEST_CASE("process-local terms of every tag are skipped where allowed and refused elsewhere") {
    for (const char* hex : {
             "5877016100000001000000000000000a",  // NEW_PID
             "67640001610000000100000000"
             "01",                        // PID
             "597701610000000100000001",  // NEW_PORT
             "6677016100000001"
             "01",  // PORT
             "787701610000000000000001"
             "00000001",  // V4_PORT
             "5a0002770161"
             "00000001"
             "0000000200000003",  // NEWER_REFERENCE
             "720001770161"
             "01"
             "00000002",  // NEW_REFERENCE
             "6577016100000001"
             "01",  // REFERENCE
             "71770161770162"
             "6102",  // EXPORT
             "7000000006"
             "0102",  // NEW_FUN
         }) {
      CAPTURE(hex);
      const std::string bytes = FromHex(hex);
      EtfReader reader(bytes);
      CHECK(reader.Peek() == EtfKind::kLocal);
      CHECK_FALSE(reader.Skip(LocalTerms::kRefuse));
      CHECK(reader.Skip(LocalTerms::kSkip));
      CHECK(reader.rest().empty());
      for (size_t length = 0; length < bytes.size(); ++length) {
        const std::string cut(bytes, 0, length);
        CHECK_FALSE(EtfReader(cut).Skip(LocalTerms::kSkip));
      }
    }
  }

  TEST_CASE("the atom table maps texts to entries and back, and nothing else") {
    for (size_t i = 1; i < kAtomCount; ++i) {
      const auto atom = static_cast<AtomId>(i);
      CHECK(FindAtom(AtomText(atom)) == atom);
    }
    for (const char* text :
         {"", "Message", "mess", "ok ", "link_origin", "a-text-longer-than-every-entry-there-is"}) {
      CHECK(FindAtom(text) == AtomId::kOpaque);
    }
  }

  TEST_CASE(
      "a compressed payload that announces more than its size could justify is refused before "
      "unfolding") {
    std::string scratch;
    std::string_view term;
    const std::string tiny = FromHex("835002000001789c0300");
    CHECK_FALSE(OpenEtf(tiny, &scratch, &term));
    CHECK(scratch.capacity() < 1024);
  }

  TEST_CASE("bytes behind a term are told apart from the term, plain and compressed") {
    int checked = 0;
    for (const Row& row : EtfRows()) {
      const bool is_message = row.name.starts_with("msg_");
      if (!is_message && !row.name.starts_with("link_")) continue;
      CAPTURE(row.name);
      for (const std::string_view behind : {"", "\x6a"}) {
        const std::string bytes = std::string(row.bytes) + std::string(behind);
        std::string scratch;
        if (is_message) {
          ForwardedMessage message;
          REQUIRE(DecodeMessage(bytes, &scratch, &message) == MessageStatus::kOk);
          CHECK(message.trailing == !behind.empty());
        } else {
          RouteHeader header;
          REQUIRE(DecodeRouteMessage(bytes, &scratch, &header) == RouteStatus::kOk);
          CHECK(header.trailing == !behind.empty());
        }
      }
      ++checked;
    }
    CHECK(checked == 38);
  }
}

}  // namespace
}  // namespace causeway::link
