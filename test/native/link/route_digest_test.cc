// Both halves of a drift checksum: what the sender counts of its interest, what the receiver's
// table counts of a lane.
#include "link/route_digest.h"

#include <random>
#include <set>
#include <string>
#include <vector>

#include "link/interest_digest.h"
#include "link/route_table.h"

#include <doctest/doctest.h>

namespace causeway::link {
namespace {

using Kind = RouteOperation::Kind;

class Deaf : public RouteSink {
 public:
  void AddRoute(std::string_view, int) override {}
  void RemoveRoute(std::string_view, int) override {}
};

struct Operation {
  Kind kind;
  std::string filter;
  std::string route_id;
};

void Apply(RouteTable* table, int lane, uint32_t epoch, const std::vector<Operation>& operations) {
  RouteBatchWriter writer("n", 1, 4000, 512 << 10);
  for (const Operation& each : operations)
    REQUIRE(writer.Append(each.kind, each.filter, each.route_id));
  const std::string payload = writer.Finish();
  std::string scratch;
  RouteHeader header;
  REQUIRE(DecodeRouteMessage(payload, &scratch, &header) == RouteStatus::kOk);
  RouteOperations walk(header);
  ApplyResult result;
  CHECK(table->Apply(0, lane, epoch, &walk, SIZE_MAX, &result));
}

TEST_SUITE("link/route_digest") {
  TEST_CASE("a lane that holds what was announced has the sender's digest, in whatever order") {
    Deaf sink;
    RouteTable table({1, 2}, &sink, 1000);
    InterestDigest interest;
    interest.Start(table.digest_key(), LinkTopics({"a/#", "+/x"}));
    interest.MoveTo(InterestDigest::kEnd);
    interest.OnFound("a/1", "a/1");
    interest.OnFound("a/1", "$s/g/a/1");
    interest.OnFound("+/+", "+/+");  // cut in two
    interest.OnFound("b", "b");      // not for this link
    CHECK(interest.digest().count == 4);
    CHECK(table.digest(0, 0) == RouteDigest());
    Apply(&table, 0, 1, {{Kind::kAdd, "+/x", "+/+"}, {Kind::kAdd, "a/1", "$s/g/a/1"}});
    CHECK_FALSE(table.digest(0, 0) == interest.digest());
    Apply(&table, 0, 1, {{Kind::kAdd, "a/+", "+/+"}, {Kind::kAdd, "a/1", "a/1"}});
    CHECK(table.digest(0, 0) == interest.digest());
    Apply(&table, 1, 1, {{Kind::kAdd, "a/1", "a/1"}});  // another actor's lane
    CHECK(table.digest(0, 0) == interest.digest());
  }

  TEST_CASE("a route more, a route less and a route for another show; sweeping repairs") {
    Deaf sink;
    RouteTable table({1, 2}, &sink, 1000);
    Apply(&table, 0, 1, {{Kind::kAdd, "a", "a"}, {Kind::kAdd, "b", "b"}});
    const RouteDigest right = table.digest(0, 0);
    Apply(&table, 0, 1, {{Kind::kAdd, "stray", "stray"}});
    CHECK_FALSE(table.digest(0, 0) == right);
    Apply(&table, 0, 1, {{Kind::kDelete, "a", "a"}});
    CHECK(table.digest(0, 0).count == right.count);
    CHECK_FALSE(table.digest(0, 0) == right);
    Apply(&table, 0, 2, {{Kind::kAdd, "b", "b"}, {Kind::kAdd, "a", "a"}});
    CHECK(table.Sweep(0, 0, 2, 100) == 1);
    CHECK(table.digest(0, 0) == right);
    CHECK(table.Clear(0, 0, 100) == 2);
    CHECK(table.digest(0, 0) == RouteDigest());
  }

  TEST_CASE("a filter and a route id that share their bytes in another way hash differently") {
    const SipKey key = SipKey::Random();
    CHECK(RouteHashOfText(key, "ab", "c") != RouteHashOfText(key, "a", "bc"));
    CHECK(RouteHashOfText(key, "a", "b") != RouteHashOfText(key, "b", "a"));
    CHECK(RouteHashOfText({1, 2}, "a", "b") != RouteHashOfText({1, 3}, "a", "b"));
  }

  TEST_CASE("a walk in steps and changes beside it count each subscription once") {
    std::mt19937 random(7);
    for (int round = 0; round < 200; ++round) {
      constexpr uint32_t kFilters = 40;
      const auto name = [](uint32_t id) { return "f/" + std::to_string(id); };
      const SipKey key = SipKey::Random();
      InterestDigest digest;
      digest.Start(key, LinkTopics({"#"}));
      std::set<uint32_t> subscribed;
      while (!digest.complete()) {
        for (int change = 0; change < 5; ++change) {
          const uint32_t id = random() % kFilters;
          const bool add = subscribed.insert(id).second;
          if (!add) subscribed.erase(id);
          digest.OnChange(add ? Kind::kAdd : Kind::kDelete, id, name(id), name(id));
        }
        const uint32_t from = digest.cursor(), to = from + 1 + random() % 7;
        for (const uint32_t id : subscribed) {
          if (id >= from && id < to) digest.OnFound(name(id), name(id));
        }
        digest.MoveTo(to >= kFilters ? InterestDigest::kEnd : to);
      }
      RouteDigest expected;
      for (const uint32_t id : subscribed) expected.Add(RouteHashOfText(key, name(id), name(id)));
      CHECK(digest.digest() == expected);
    }
  }

  TEST_CASE("on the wire: count and sum, big endian, in a heartbeat that is EMQX's otherwise") {
    std::string bytes;
    RouteDigest{0x0102, 0x0304050607080910}.Append(&bytes);
    CHECK(bytes == std::string("\0\0\0\0\0\0\1\2\3\4\5\6\7\x08\x09\x10", 16));
    std::string with, without, scratch;
    EncodeHeartbeat("n", 1, bytes, &with);
    EncodeHeartbeat("n", 1, {}, &without);
    RouteHeader header;
    REQUIRE(DecodeRouteMessage(with, &scratch, &header) == RouteStatus::kOk);
    CHECK(header.op == RouteOp::kHeartbeat);
    CHECK_FALSE(header.missing_keys);
    CHECK(header.digest == bytes);
    CHECK(with.size() == without.size() + 5 + 5 + 16);
    REQUIRE(DecodeRouteMessage(without, &scratch, &header) == RouteStatus::kOk);
    CHECK(header.digest.empty());
  }
}

}  // namespace
}  // namespace causeway::link
