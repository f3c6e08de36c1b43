// The generator against a whole engine, over real sockets: what it says of a broker that does its
// work, and of brokers that do not. The engine's stand-in for control speaks MQTT 5 and takes one
// filter a SUBSCRIBE and no groups; the rest is test/integration/cli/bench.test.ts.
#include "loadgen/generator.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "../transport/broker.h"

#include <doctest/doctest.h>

namespace causeway::loadgen {
namespace {

constexpr uint16_t kPort = 21871;

Plan PlanOf(Pattern pattern, uint32_t publishers, uint32_t subscribers) {
  Plan plan;
  plan.run = 0xBE7C4;
  plan.version = mqtt::Version::kMqtt5;
  plan.pattern = pattern;
  plan.publishers = publishers;
  plan.subscribers = subscribers;
  plan.publish_to = plan.subscribe_to = {*TcpEndpoint("127.0.0.1", kPort)};
  plan.window = 200;
  return plan;
}

/// Reads until `done`; false: not within ten seconds.
bool Until(Generator* generator, const std::function<bool(const Reading&)>& done) {
  const int64_t until_ms = MonotonicMs() + 10'000;
  while (MonotonicMs() < until_ms) {
    if (done(generator->Read())) return true;
    std::this_thread::yield();
  }
  return false;
}

/// A run from connecting to the last delivery of `messages` published, or some more.
Reading Drive(Generator* generator, const Plan& plan, uint64_t messages) {
  REQUIRE(Until(generator,
                [&](const Reading& now) { return now.counts.subscribed == plan.subscribers; }));
  generator->Enter(Phase::kConnectPublishers);
  REQUIRE(Until(generator,
                [&](const Reading& now) { return now.counts.publishersReady == plan.publishers; }));
  generator->Measure(0, INT64_MAX);
  generator->Enter(Phase::kRun);
  REQUIRE(Until(generator, [&](const Reading& now) { return now.counts.published >= messages; }));
  generator->Enter(Phase::kDrain);
  REQUIRE(Until(generator, [&](const Reading& now) {
    return now.drained && now.counts.unique >= now.counts.expected &&
           (plan.publish_qos == 0 || now.counts.acknowledged >= now.counts.published);
  }));
  return generator->Read();
}

void CheckClean(const Counts& counts) {
  CHECK(counts.unique == counts.expected);
  CHECK(counts.delivered == counts.expected);
  CHECK(counts.gaps == 0);
  CHECK(counts.repeated == 0);
  CHECK(counts.reordered == 0);
  CHECK(counts.corrupt == 0);
  CHECK(counts.foreign == 0);
  CHECK(counts.protocolErrors == 0);
  CHECK(counts.disconnects == 0);
  CHECK(counts.stalls == 0);
}

TEST_CASE("every pattern arrives once and in order at a broker that does its work") {
  struct Row {
    Pattern pattern;
    uint32_t publishers, subscribers;
    uint8_t qos;
    uint32_t threads;
  };
  for (const Row& row : {Row{Pattern::kOneTopic, 2, 10, 0, 1}, Row{Pattern::kOneTopic, 2, 10, 1, 2},
                         Row{Pattern::kOwnTopic, 5, 5, 2, 1}, Row{Pattern::kOwnTopic, 5, 5, 2, 2},
                         Row{Pattern::kFanIn, 8, 2, 1, 1}, Row{Pattern::kSpace, 3, 30, 0, 1}}) {
    transport::Broker broker(2, kPort);
    REQUIRE(broker.listen_error() == 0);
    Plan plan = PlanOf(row.pattern, row.publishers, row.subscribers);
    plan.publish_qos = plan.subscribe_qos = row.qos;
    plan.threads = row.threads;
    plan.regions = 2;
    Generator generator(plan);
    const Reading end = Drive(&generator, plan, 2'000);
    CheckClean(end.counts);
    CHECK(end.counts.connected == row.subscribers);
    Histogram latency;
    generator.ReadLatency(&latency);
    CHECK(latency.count() == end.counts.unique);
    CHECK(generator.failures().empty());
  }
}

TEST_CASE("a schedule publishes what is due and no more, and latency counts from then") {
  transport::Broker broker(1, kPort);
  REQUIRE(broker.listen_error() == 0);
  Plan plan = PlanOf(Pattern::kOwnTopic, 4, 4);
  plan.rate = 2'000;
  plan.publish_qos = plan.subscribe_qos = 1;
  Generator generator(plan);
  const int64_t started_ns = MonotonicNs();
  const Reading end = Drive(&generator, plan, 500);
  CheckClean(end.counts);
  const double seconds = static_cast<double>(end.at_ns - started_ns) / 1e9;
  CHECK(static_cast<double>(end.counts.published) <= 2'000 * seconds + 1);
  Histogram latency;
  generator.ReadLatency(&latency);
  CHECK(latency.count() == end.counts.unique);
}

TEST_CASE("held subscriptions go together, and their time is told") {
  transport::Broker broker(1, kPort);
  REQUIRE(broker.listen_error() == 0);
  Plan plan = PlanOf(Pattern::kOneTopic, 1, 50);
  plan.hold_subscriptions = true;
  plan.messages_each = 3;
  plan.source_addresses = 4;
  Generator generator(plan);
  REQUIRE(Until(&generator, [](const Reading& now) { return now.counts.connected == 50; }));
  CHECK(generator.Read().counts.subscribed == 0);
  CHECK(generator.Read().first_subscribe_ns == 0);
  generator.Enter(Phase::kSubscribe);
  const Reading end = Drive(&generator, plan, 3);
  CHECK(end.counts.published == 3);
  CHECK(end.counts.unique == 150);
  CHECK(end.first_subscribe_ns > 0);
  CHECK(end.last_suback_ns > end.first_subscribe_ns);
}

/// Accepts connections and answers the first bytes of each with `answer`, then closes when asked
/// to.
class RudeServer {
 public:
  RudeServer(std::string answer, bool close_then) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    const int one = 1;
    setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    const Endpoint here = *TcpEndpoint("127.0.0.1", kPort);
    REQUIRE(bind(fd_, reinterpret_cast<const sockaddr*>(&here.address), here.length) == 0);
    REQUIRE(listen(fd_, 16) == 0);
    thread_ = std::thread([this, answer, close_then] {
      const int client = accept(fd_, nullptr, nullptr);
      char bytes[256];
      if (read(client, bytes, sizeof bytes) > 0) {
        [[maybe_unused]] const ssize_t sent = write(client, answer.data(), answer.size());
      }
      while (!close_then && read(client, bytes, sizeof bytes) > 0) continue;
      close(client);
    });
  }
  ~RudeServer() {
    thread_.join();
    close(fd_);
  }

 private:
  int fd_;
  std::thread thread_;
};

std::string FailureOf(const std::string& answer, bool close_then,
                      mqtt::Version version = mqtt::Version::kMqtt311) {
  RudeServer server(answer, close_then);
  Plan plan = PlanOf(Pattern::kOneTopic, 0, 1);
  plan.version = version;
  Generator generator(plan);
  REQUIRE(Until(&generator, [](const Reading& now) {
    return now.counts.connectFailures + now.counts.disconnects == 1;
  }));
  const auto failures = generator.failures();
  return failures.size() == 1 ? failures[0] : std::to_string(failures.size()) + " failures";
}

TEST_CASE("what a broker does wrong is told in words") {
  using namespace std::string_literals;
  CHECK(FailureOf("\x20\x02\x00\x05"s, true) == "subscriber 0: refused, CONNACK 0x05");
  CHECK(FailureOf("", true) == "subscriber 0: closed by the broker");
  CHECK(FailureOf("HTTP/1.1 400 Bad Request\r\nContent-Type: text/html; charset=utf-8\r\n"
                  "Connection: close\r\nContent-Length: 0\r\n\r\n"s,
                  false) == "subscriber 0: the broker sent what it may not");
  CHECK(FailureOf("\x20\x02\x00\x00\x90\x03\x00\x01\x80"s, false) ==
        "subscriber 0: refused, SUBACK 0x80");
  CHECK(FailureOf("\x20\x03\x00\x00\x00\xE0\x01\x97"s, false, mqtt::Version::kMqtt5) ==
        "subscriber 0: DISCONNECT 0x97");
}

TEST_CASE("a port nobody listens on is a failure, not a wait") {
  Plan plan = PlanOf(Pattern::kOneTopic, 0, 3);
  plan.subscribe_to = {*TcpEndpoint("127.0.0.1", kPort)};
  Generator generator(plan);
  REQUIRE(Until(&generator, [](const Reading& now) { return now.counts.connectFailures == 3; }));
  const auto failures = generator.failures();
  CHECK(failures == std::vector<std::string>{"subscriber 0: Connection refused",
                                             "subscriber 1: Connection refused",
                                             "subscriber 2: Connection refused"});
}

TEST_CASE("addresses: IPv4, IPv6, Unix sockets, and what is none of them") {
  CHECK(TcpEndpoint("127.0.3.4", 1883)->is_loopback4());
  CHECK_FALSE(TcpEndpoint("128.0.0.1", 1883)->is_loopback4());
  CHECK(TcpEndpoint("::1", 1883)->is_tcp());
  CHECK_FALSE(TcpEndpoint("localhost", 1883).has_value());
  CHECK_FALSE(UnixEndpoint("/run/broker.sock")->is_tcp());
  CHECK_FALSE(UnixEndpoint(std::string(108, 'x')).has_value());
}

}  // namespace
}  // namespace causeway::loadgen
