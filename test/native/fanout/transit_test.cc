// Messages of links that carry transit: where they may go on to, and that each is taken once.
#include "world.h"

#include <memory>
#include <string>
#include <vector>

#include "fanout/link_intake.h"
#include "link/message_term.h"
#include "link/origin_path.h"

#include <doctest/doctest.h>

namespace causeway::fanout {
namespace {

constexpr std::string_view kTopic = "far/x";
constexpr std::string_view kId = "0123456789abcdef";

/// Links 0 to west, 1 to south, 2 to east, all of which want everything; 0 and 1 carry transit, 2
/// asks for it and its far end does not.
struct Hub {
  World world;
  std::vector<World::LinkConnection*> slots;
  router::Filter* filter;
  std::vector<std::unique_ptr<LinkIntake>> intakes;

  explicit Hub(int loops) : world(loops) {
    auto plan = std::make_shared<LinkPlan>();
    plan->self = "hub";
    const char* const names[] = {"west", "south", "east"};
    filter = world.index().Acquire("far/#");
    for (int link = 0; link < 3; ++link) {
      LinkSpec spec;
      spec.index = link;
      spec.name = names[link];
      spec.enabled = true;
      spec.transit = true;
      spec.topics = link::LinkTopics({"far/#"});
      spec.pool = {0, 1};
      spec.metrics = link::NewLinkMetrics(loops);
      plan->links.push_back(spec);
      plan->enabled |= uint64_t{1} << link;
      world.index().AddLink(filter, link);
    }
    plan->transit = 3;
    for (int loop = 0; loop < loops; ++loop) {
      world.shard(loop).links()->Configure(plan);
      intakes.push_back(std::make_unique<LinkIntake>(&world.shard(loop),
                                                     world.shard(loop).counters(), HashSeed{1, 2}));
    }
    for (int link = 0; link < 3; ++link) {
      const int loop = LinkSpec::EvenLoopOf(link, 0, loops);
      slots.push_back(world.DialLink(loop));
      CHECK(world.shard(loop).links()->Online(link, 0, slots.back(), 100, 0, world.now_ms));
    }
  }
  ~Hub() {
    for (World::LinkConnection* slot : slots) world.shard(slot->loop).links()->Offline(slot);
    for (int link = 0; link < 3; ++link) world.index().RemoveLink(filter, link);
    world.index().Release(filter);
  }

  Taken::Verdict Take(int loop, std::string_view from, const std::vector<std::string>& path,
                      std::string_view id = kId, std::string_view client = "msg") {
    link::OriginPath origin;
    for (const std::string& cluster : path) CHECK(origin.Append(cluster));
    const std::string extra = origin.Extra();
    link::ForwardedMessage message;
    message.id = id;
    message.topic = kTopic;
    message.payload = "p";
    message.timestamp_ms = 1;
    message.extra = extra;
    std::string payload;
    link::EncodeMessage(message, &payload);
    world.Wake(loop);
    const auto taken = intakes[static_cast<size_t>(loop)]->Take({from, client, payload, 0}, nullptr,
                                                                world.now_ms, 1);
    CHECK(world.Settle());
    return taken.verdict;
  }
  /// What has gone over a link since the last call, as "path" or "path/another".
  std::vector<std::string> Sent(int link) {
    world.CollectLinks();
    std::vector<Packet> inbox;
    inbox.swap(slots[static_cast<size_t>(link)]->inbox);
    std::vector<std::string> paths;
    for (const Packet& packet : inbox) {
      std::string scratch, text;
      link::ForwardedMessage message;
      CHECK(link::DecodeMessage(packet.payload, &scratch, &message) == link::MessageStatus::kOk);
      CHECK(message.id == kId);
      link::OriginPath path;
      CHECK(path.ParseExtra(message.extra));
      for (size_t i = 0; i < path.size(); ++i) text += (i > 0 ? "/" : "") + std::string(path[i]);
      paths.push_back(text);
    }
    return paths;
  }
};

using Verdict = Taken::Verdict;

TEST_SUITE("fanout/transit") {
  TEST_CASE("a message goes on over links that carry, with its id and where it has been") {
    Hub hub(2);
    CHECK(hub.Take(0, "west", {"far"}) == Verdict::kPublished);
    CHECK(hub.Sent(0).empty());
    CHECK(hub.Sent(1) == std::vector<std::string>{"far/west"});
    CHECK(hub.Sent(2).empty());
  }

  TEST_CASE("what has been there does not go there, and what comes over one hop stays") {
    Hub hub(2);
    CHECK(hub.Take(0, "west", {"south"}) == Verdict::kPublished);
    CHECK(hub.Take(1, "east", {}, "fedcba9876543210") == Verdict::kPublished);
    for (int link = 0; link < 3; ++link) CHECK(hub.Sent(link).empty());
  }

  TEST_CASE("a second copy is recognised on whichever loop and link it comes, and a circle") {
    Hub hub(2);
    CHECK(hub.Take(0, "west", {}) == Verdict::kPublished);
    CHECK(hub.Take(1, "south", {"west"}) == Verdict::kRepeated);
    CHECK(hub.Take(1, "east", {"west"}, kId, "other") == Verdict::kRepeated);
    CHECK(hub.world.Sum(&Counters::link_duplicated) == 2);
    CHECK(hub.Take(0, "west", {"far", "hub"}, "fedcba9876543210") == Verdict::kRepeated);
    CHECK(hub.world.Sum(&Counters::link_looped) == 1);
    CHECK(hub.Sent(1) == std::vector<std::string>{"west"});
    CHECK(hub.Sent(0).empty());
  }

  TEST_CASE("a path without room, and a message without a name to know it by, stay here") {
    Hub hub(1);
    const std::vector<std::string> full(limits::kTransitPathMax, "c");
    CHECK(hub.Take(0, "west", full) == Verdict::kPublished);
    CHECK(hub.Take(0, "west", {}, "short") == Verdict::kPublished);
    CHECK(hub.Sent(1).empty());
  }

  TEST_CASE("ids are remembered up to their bound, the oldest are forgotten") {
    TransitIds ids({1, 2});
    const auto id = [](size_t n) { return std::string(8, 'x') + std::to_string(10'000'000 + n); };
    for (size_t n = 0; n < limits::kTransitIds / 2; ++n) CHECK(ids.Insert(id(n)));
    CHECK_FALSE(ids.Insert(id(0)));
    for (size_t n = limits::kTransitIds / 2; n < 3 * limits::kTransitIds; ++n) ids.Insert(id(n));
    CHECK(ids.Insert(id(1)));
  }
}

}  // namespace
}  // namespace causeway::fanout
