// Retained messages that several clusters hold: whatever happens to them, all hold the same in the
// end, and subscribers hear what is news to them.
#include "retained_mesh.h"

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "core/limits.h"
#include "link/message_term.h"
#include "link/origin_path.h"
#include "link/retained_mark.h"

#include <doctest/doctest.h>

namespace causeway::fanout {
namespace {

constexpr int kLoops = SyncNames::kLoops;

using Texts = std::vector<std::string>;

/// One seeded story of writes, deletions, cuts and restarts; at its end everybody holds the same.
void Play(uint32_t seed, int count, bool is_chain) {
  INFO("seed ", seed, ", clusters ", count, is_chain ? ", a chain" : "");
  std::mt19937 random(seed);
  const auto roll = [&](uint32_t sides) { return static_cast<int>(random() % sides); };
  const auto may_link = [&](int a, int b) { return !is_chain || a - b == 1 || b - a == 1; };
  SyncMesh mesh(count);
  for (int64_t& skew : mesh.skew_ms) skew = roll(3) == 0 ? roll(600'000) - 300'000 : 0;
  for (int step = 0; step < 120; ++step) {
    const int a = roll(static_cast<uint32_t>(count)), b = roll(static_cast<uint32_t>(count));
    mesh.Tick(roll(3));  // often the same millisecond
    const std::string topic = "t/" + std::to_string(roll(6));
    switch (roll(12)) {
      case 0:
        mesh.Cut(a, b);
        break;
      case 1:
      case 2:
        if (may_link(a, b)) mesh.Link(a, b);
        break;
      case 3:
      case 4:
        mesh[a].Write(roll(kLoops), topic, "");
        break;
      case 5:
        if (roll(4) == 0) mesh.Restart(a);
        break;
      case 6:
      case 7:
        mesh.Carry(static_cast<size_t>(1 + roll(5)), roll(2) == 0);
        break;
      default:
        mesh[a].Write(roll(kLoops), topic, std::to_string(roll(3)));
    }
    if (roll(3) == 0) CHECK(mesh[a].world.Settle());
  }
  for (auto& node : mesh.nodes) CHECK(node->world.Settle());
  for (int a = 0; a < count; ++a) {
    for (int b = 0; b < a; ++b)
      if (may_link(a, b)) mesh.Link(a, b);
  }
  mesh.Settle();
  for (int other = 1; other < count; ++other) CHECK(mesh[other].Held() == mesh[0].Held());
  // And there it stays: one more connection brings nothing new.
  const auto held = mesh[0].Held();
  mesh.Cut(0, 1);
  mesh.Link(0, 1);
  mesh.Settle();
  for (int other = 0; other < count; ++other) CHECK(mesh[other].Held() == held);
}

}  // namespace

TEST_CASE("whatever was written, deleted, cut and restarted, all hold the same in the end") {
  for (uint32_t seed = 1; seed <= 150; ++seed) {
    Play(seed, 2, false);
    Play(seed, 3, false);
    Play(seed, 3, true);
  }
}

TEST_CASE("two clusters that differ when they meet agree on what was written last, told once") {
  SyncMesh mesh(2);
  mesh[0].Write(0, "both", "earlier");
  mesh[0].Write(1, "ours", "1");
  mesh.Tick(10);
  mesh[1].Write(1, "both", "later");
  mesh[1].Write(0, "theirs", "2");
  for (auto& node : mesh.nodes) CHECK(node->world.Settle());
  for (auto& node : mesh.nodes) node->subscriber->inbox.clear();
  mesh.Link(0, 1);
  mesh.Settle();
  CHECK(mesh[0].Held() == mesh[1].Held());
  CHECK(mesh[0].Held().at("both").starts_with("later@"));
  CHECK(mesh[0].Held().size() == 3);
  Texts at_first = mesh[0].subscriber->Payloads();
  std::sort(at_first.begin(), at_first.end());
  CHECK(at_first == Texts{"2", "later"});  // what was news, and nothing else
  CHECK(mesh[1].subscriber->Payloads() == Texts{"1"});
  CHECK(mesh[1].Sum(0, &link::LinkMetrics::retained_older) == 1);
  CHECK(mesh[0].Sum(1, &link::LinkMetrics::retained_stored) == 2);

  // Nothing that came over the link goes back over it, at a new connection either.
  const uint64_t before = mesh[0].Sum(1, &link::LinkMetrics::retained_sent);
  mesh.Cut(0, 1);
  mesh.Link(0, 1);
  mesh.Settle();
  CHECK(mesh[0].Sum(1, &link::LinkMetrics::retained_sent) - before == 1);  // "ours"
  CHECK(mesh[1].subscriber->Payloads() == Texts{"1"});
}

TEST_CASE("a change reaches every cluster and subscriber once, by whichever ways it comes") {
  SyncMesh mesh(3);
  mesh.LinkAll();
  mesh.Settle();
  for (int n = 0; n < 20; ++n) {
    mesh.Tick(1);
    mesh[n % 3].Write(n % kLoops, "t", std::to_string(n));
    mesh.Settle();
  }
  Texts all;
  for (int n = 0; n < 20; ++n) all.push_back(std::to_string(n));
  for (auto& node : mesh.nodes) CHECK(node->subscriber->Payloads() == all);
  CHECK(mesh[0].Held() == mesh[1].Held());
  CHECK(mesh[0].Held() == mesh[2].Held());
  CHECK(mesh.carried <= 20 * 4);  // two straight, and each of the two tells the other at most
}

TEST_CASE("what changes nothing where it arrives goes no further") {
  SyncMesh mesh(3);
  mesh[0].Write(0, "older", "1");
  mesh[0].Write(0, "same", "1");
  mesh[1].Write(0, "same", "1");  // in the same millisecond
  mesh.Tick(10);
  mesh[1].Write(0, "older", "2");
  mesh.Link(1, 2);
  mesh.Settle();
  CHECK(mesh[2].Sum(1, &link::LinkMetrics::retained_stored) == 2);
  const size_t carried = mesh.carried;
  mesh.Link(0, 1);
  mesh.Settle();
  CHECK(mesh[1].Sum(0, &link::LinkMetrics::retained_older) == 1);
  CHECK(mesh[1].Sum(0, &link::LinkMetrics::retained_stored) == 0);
  CHECK(mesh[2].Sum(1, &link::LinkMetrics::retained_older) == 0);
  CHECK(mesh.carried - carried == 4);  // between the two that have met
  CHECK(mesh[0].Held() == mesh[2].Held());
}

TEST_CASE("what is deleted while the line is cut is gone on both sides when it is back") {
  SyncMesh mesh(2);
  mesh.Link(0, 1);
  mesh[0].Write(0, "x", "1");
  mesh[1].Write(0, "y", "1");
  mesh.Settle();
  CHECK(mesh[1].Held().size() == 2);
  mesh.Cut(0, 1);
  mesh.Tick(5);
  mesh[0].Write(0, "x", "");
  mesh[0].Write(0, "y", "");
  for (auto& node : mesh.nodes) CHECK(node->world.Settle());
  CHECK(mesh[0].Sum(1, &link::LinkMetrics::queued) ==
        0);  // nobody there wants it: no buffer is used
  mesh[1].subscriber->inbox.clear();
  mesh.Link(0, 1);
  mesh.Settle();
  CHECK(mesh[0].Held().empty());
  CHECK(mesh[1].Held().empty());
  CHECK(mesh[1].subscriber->Payloads() == Texts{"", ""});  // as a live deletion is heard
}

TEST_CASE("what waited for the line is heard once, though a snapshot tells of it too") {
  SyncMesh mesh(2);
  router::Filter* filter = mesh[0].world.index().Acquire("t");
  mesh[0].world.index().AddLink(filter, 1);
  mesh.Link(0, 1);
  mesh.Settle();
  mesh.Cut(0, 1);
  for (const char* payload : {"1", "2", "3"}) mesh[0].Write(0, "t", payload);
  CHECK(mesh[0].world.Settle());
  CHECK(mesh[0].Sum(1, &link::LinkMetrics::queued) == 3);
  mesh.Link(0, 1);
  mesh.Settle();
  CHECK(mesh[1].subscriber->Payloads() == Texts{"1", "2", "3"});
  CHECK(mesh[0].Sum(1, &link::LinkMetrics::retained_sent) == 1);
  CHECK(mesh[1].Held() == mesh[0].Held());
  mesh[0].world.index().RemoveLink(filter, 1);
  mesh[0].world.index().Release(filter);
}

TEST_CASE("a cluster that has lost everything gets it back, its own messages too") {
  SyncMesh mesh(2);
  mesh.Link(0, 1);
  mesh[0].Write(0, "x", "1");
  mesh[1].Write(0, "y", "2");
  mesh.Settle();
  const auto held = mesh[1].Held();
  mesh.Restart(0);
  CHECK(mesh[0].Held().empty());
  mesh.Link(0, 1);
  mesh.Settle();
  CHECK(mesh[0].Held() == held);
  CHECK(held.size() == 2);
}

TEST_CASE("only what matches the filters is told, and only marked messages are taken") {
  SyncMesh mesh(2, {"state/#"});
  mesh.Link(0, 1);
  mesh[0].Write(0, "state/x", "1");
  mesh[0].Write(0, "other/x", "1");
  mesh.Settle();
  CHECK(mesh[1].Held().size() == 1);
  CHECK(mesh[1].Held().contains("state/x"));
  CHECK(mesh[1].subscriber->Payloads() == Texts{"1"});

  // As EMQX forwards a retained message: published, not stored.
  link::ForwardedMessage message;
  message.id = "0123456789abcdef";
  message.retain = true;
  message.topic = "state/y";
  message.payload = "from EMQX";
  message.timestamp_ms = mesh[1].world.wall_ms;
  Packet packet;
  link::EncodeMessage(message, &packet.payload);
  mesh.Arrive(0, 1, 0, packet);
  CHECK(mesh[1].world.Settle());
  CHECK(mesh[1].subscriber->Payloads() == Texts{"1", "from EMQX"});
  CHECK(mesh[1].Held().size() == 1);

  // What somebody holds whom we do not synchronise with on this topic is no message.
  const std::string extra = link::OriginPath().Extra(link::TextOf(link::RetainedMark::kState));
  message.id = "0123456789abcdeg";
  message.topic = "other/y";
  message.extra = extra;
  packet.payload.clear();
  link::EncodeMessage(message, &packet.payload);
  mesh.Arrive(0, 1, 0, packet);
  CHECK(mesh[1].world.Settle());
  CHECK(mesh[1].subscriber->Payloads() == Texts{"1", "from EMQX"});
  CHECK(mesh[1].Sum(0, &link::LinkMetrics::filtered) == 1);
}

TEST_CASE("a clock that is far ahead wins nothing, its live messages are heard") {
  SyncMesh mesh(2);
  mesh.skew_ms[0] = 2 * limits::kRetainedAheadMs;
  mesh.Tick(0);
  mesh.Link(0, 1);
  mesh.Settle();
  mesh[0].Write(0, "t", "from the future");
  mesh.Settle();
  CHECK(mesh[1].subscriber->Payloads() == Texts{"from the future"});
  CHECK(mesh[1].Held().empty());
  CHECK(mesh[1].Sum(0, &link::LinkMetrics::retained_refused) == 1);
  mesh[1].Write(0, "t", "now");
  mesh.Settle();
  CHECK(mesh[1].Held().at("t").starts_with("now@"));
}

TEST_CASE("a receiver without room counts what it does not store, and passes nothing on") {
  SyncMesh mesh(2);
  mesh[1].world.fabric().retained->set_limits({1, 1 << 20, size_t{1} << 30, 0});
  mesh.Link(0, 1);
  mesh.Settle();
  mesh[0].Write(0, "t/1", "1");
  mesh[0].Write(0, "t/2", "2");
  mesh.Settle();
  CHECK(mesh[1].Held().size() == 1);
  CHECK(mesh[1].Sum(0, &link::LinkMetrics::retained_refused) == 1);
  CHECK(mesh[1].subscriber->Payloads().size() == 2);  // both were published there and then
  // A snapshot tells it again; as long as there is no room it stays untold to subscribers.
  mesh.Cut(0, 1);
  mesh.Link(0, 1);
  mesh.Settle();
  CHECK(mesh[1].subscriber->Payloads().size() == 2);
  mesh[1].world.fabric().retained->set_limits({});
  mesh.Cut(0, 1);
  mesh.Link(0, 1);
  mesh.Settle();
  CHECK(mesh[1].Held() == mesh[0].Held());
}

TEST_CASE("a large snapshot waits for the far end's acknowledgements and holds up no message") {
  constexpr int kTopics = 3000;
  SyncMesh mesh(2);
  for (int n = 0; n < kTopics; ++n) mesh[0].Write(n % kLoops, "t/" + std::to_string(n), "x");
  CHECK(mesh[0].world.Settle());
  mesh.Link(0, 1);
  CHECK(mesh[0].world.Settle());
  const uint64_t queued = mesh[0].Sum(1, &link::LinkMetrics::queued);
  CHECK(queued > 0);
  CHECK(queued <= SyncNames::kPool * (limits::kSnapshotWaitingMax + limits::kReplaySliceTopics));
  mesh[0].Write(0, "live", "between");
  mesh.Carry(100);
  mesh.Carry(100);
  CHECK(mesh[1].Held().size() < kTopics);
  mesh.Settle();
  CHECK(mesh[1].Held().size() == kTopics + 1);
  CHECK(mesh[1].Held() == mesh[0].Held());
  CHECK(mesh[0].Sum(1, &link::LinkMetrics::retained_sent) >= kTopics);
}

TEST_CASE("what an overflowing buffer lost is told by another snapshot, a minute later") {
  SyncMesh mesh(2);
  mesh.Link(0, 1);
  mesh.Settle();
  auto small = std::make_shared<LinkPlan>(*mesh[0].plan);
  ++small->number;
  for (LinkSpec& spec : small->links) spec.buffer_bytes_max = 2000;
  mesh[0].Configure(small);
  for (int n = 0; n < 100; ++n) mesh[0].Write(0, "t/" + std::to_string(n), "x");
  mesh.Settle();
  CHECK(mesh[0].Sum(1, &link::LinkMetrics::overflowed) > 0);
  CHECK(mesh[1].Held().size() < 100);
  mesh.Tick(limits::kSnapshotAgainMs);
  for (int loop = 0; loop < kLoops; ++loop) {
    std::vector<session::Connection*> stuck;
    mesh[0].world.shard(loop).links()->Expire(mesh[0].world.now_ms, &stuck);
    mesh[0].world.Wake(loop);
  }
  mesh.Settle();
  CHECK(mesh[1].Held() == mesh[0].Held());
}

TEST_CASE("an expiry counts from the first publication, however late the message is told") {
  SyncMesh mesh(2);
  mesh[0].Write(0, "t", "short", 10);
  CHECK(mesh[0].world.Settle());
  mesh.Tick(4'000);
  mesh.Link(0, 1);
  mesh.Settle();
  CHECK(mesh[1].Held() == mesh[0].Held());
  CHECK(mesh[1].Held().size() == 1);
  mesh.Tick(6'000);
  CHECK(mesh[1].Held().empty());
  CHECK(mesh[0].Held().empty());
}

}  // namespace causeway::fanout
