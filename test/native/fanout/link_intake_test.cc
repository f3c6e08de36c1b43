// What linked clusters forward: filtered, recognised when it comes again, published with its
// origin.
#include "fanout/link_intake.h"

#include "world.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "link/message_term.h"

namespace causeway::fanout {
namespace {

using Verdict = Taken::Verdict;

struct Taking {
  World world{1};
  LinkIntake intake{&world.shard(0), world.shard(0).counters(), HashSeed{1, 2}};
  Client* far = world.Add(0);
  Client* subscriber = world.Add(0);
  std::shared_ptr<link::LinkMetrics[]> metrics = link::NewLinkMetrics(1);

  Taking() {
    world.Subscribe(subscriber, "#", 1);
    Configure("#", true);
  }
  void Configure(const std::string& topic, bool enabled) {
    auto plan = std::make_shared<LinkPlan>();
    plan->self = "here";
    LinkSpec spec;
    spec.name = "there";
    spec.enabled = enabled;
    spec.topics = link::LinkTopics({topic});
    spec.metrics = metrics;
    plan->links.push_back(spec);
    world.shard(0).links()->Configure(plan);
  }
  static std::string Term(const std::string& topic, const std::string& text, char id) {
    const std::string message_id(link::kMessageIdBytes, id);
    link::ForwardedMessage message;
    message.id = message_id;
    message.qos = 1;
    message.topic = topic;
    message.payload = text;
    message.timestamp_ms = 1'000;
    std::string term;
    link::EncodeMessage(message, &term);
    return term;
  }
  Verdict Take(const std::string& term, uint8_t qos = 1, const char* cluster = "there",
               const char* client_id = "there:msg:00000000:1") {
    const Taken taken =
        intake.Take({cluster, client_id, term, qos}, far->connection.get(), world.now_ms, 2'000);
    world.Wake(0);
    CHECK(world.Settle());
    return taken.verdict;
  }
};

}  // namespace

TEST_CASE("a forwarded message is published once, however often its sender repeats it") {
  Taking taking;
  const std::string term = Taking::Term("a", "x", '1');
  CHECK(taking.Take(term) == Verdict::kPublished);
  CHECK(taking.Take(term) == Verdict::kRepeated);
  CHECK(taking.Take(Taking::Term("a", "y", '2')) == Verdict::kPublished);
  CHECK(taking.Take(term) == Verdict::kRepeated);
  CHECK(taking.Take(term, 1, "there", "there:msg:00000000:2") == Verdict::kPublished);
  CHECK(taking.subscriber->Payloads() == std::vector<std::string>{"x", "y", "x"});
  CHECK(taking.metrics[0].duplicate == 2);
  CHECK(taking.metrics[0].received == 3);
}

TEST_CASE("QoS 0 is never repeated, so it is never taken for a repetition") {
  Taking taking;
  const std::string term = Taking::Term("a", "x", '1');
  CHECK(taking.Take(term, 0) == Verdict::kPublished);
  CHECK(taking.Take(term, 0) == Verdict::kPublished);
}

TEST_CASE("what was filtered stays so when it comes again, whatever our topics are by then") {
  Taking taking;
  taking.Configure("b", true);
  const std::string first = Taking::Term("a", "first", '1');
  CHECK(taking.Take(first) == Verdict::kFiltered);
  taking.Configure("#", true);
  CHECK(taking.Take(Taking::Term("a", "second", '2')) == Verdict::kPublished);
  CHECK(taking.Take(first) == Verdict::kRepeated);  // behind the second it would be out of order
  taking.Configure("#", false);
  const std::string third = Taking::Term("a", "third", '3');
  CHECK(taking.Take(third) == Verdict::kFiltered);
  taking.Configure("#", true);
  CHECK(taking.Take(third) == Verdict::kRepeated);
  CHECK(taking.subscriber->Payloads() == std::vector<std::string>{"second"});
  CHECK(taking.metrics[0].filtered == 2);
}

TEST_CASE("unknown clusters, what is no message and foreign $SYS topics are not published") {
  Taking taking;
  CHECK(taking.Take(Taking::Term("a", "x", '1'), 1, "stranger") == Verdict::kFiltered);
  CHECK(taking.Take("no term") == Verdict::kUndecodable);
  taking.Configure("$SYS/#", true);
  CHECK(taking.Take(Taking::Term("$SYS/a", "x", '1')) == Verdict::kFiltered);
  CHECK(taking.subscriber->Payloads().empty());
  CHECK(taking.metrics[0].undecodable == 1);
}

}  // namespace causeway::fanout
