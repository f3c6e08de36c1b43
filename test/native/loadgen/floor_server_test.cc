// The floor's fan against the generator that reads it: what causeway bench fanout --floor does.
#include "loadgen/floor_server.h"

#include <sys/socket.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "core/clock.h"
#include "loadgen/generator.h"

#include <doctest/doctest.h>

namespace causeway::loadgen {
namespace {

constexpr uint16_t kPort = 21872;
constexpr uint32_t kReceivers = 3;

bool Until(Generator* generator, const std::function<bool(const Counts&)>& done) {
  const int64_t until_ms = MonotonicMs() + 10'000;
  while (MonotonicMs() < until_ms) {
    if (done(generator->Read().counts)) return true;
    std::this_thread::yield();
  }
  return false;
}

Plan ReadersOf(const FanPlan& fan, uint32_t subscribers) {
  Plan plan;
  plan.run = 7;
  plan.version = fan.version;
  plan.pattern = Pattern::kOneTopic;
  plan.subscribers = subscribers;
  plan.subscribe_to = {*TcpEndpoint("127.0.0.1", kPort)};
  plan.payload_bytes = fan.payload_bytes;
  return plan;
}

TEST_CASE("whoever subscribes to a floor with a fan gets whole messages, round after round") {
  struct Row {
    uint32_t batch, payload_bytes;
    mqtt::Version version;
  };
  for (const Row& row : {Row{20, 64, mqtt::Version::kMqtt311}, Row{1, 25, mqtt::Version::kMqtt5},
                         Row{2, 300'000, mqtt::Version::kMqtt31}}) {
    const FanPlan fan{kReceivers, row.batch, row.payload_bytes, row.version};
    FloorServer floor(*TcpEndpoint("127.0.0.1", kPort), fan);
    REQUIRE(floor.error() == 0);
    for (int run = 0; run < 2;
         ++run) {  // the second one's receivers come when the first one's left
      Generator generator(ReadersOf(fan, kReceivers));
      CHECK(Until(&generator, [](const Counts& now) { return now.subscribed == kReceivers; }));
      CHECK(Until(&generator, [](const Counts& now) { return now.delivered > 10 * kReceivers; }));
      const Counts counts = generator.Read().counts;
      CHECK(counts.corrupt == 0);
      CHECK(counts.protocolErrors == 0);
      CHECK(counts.disconnects == 0);
      CHECK(counts.unique == 0);  // of nobody's run
    }
  }
}

TEST_CASE("a floor ends while nobody reads what it sends") {
  const FanPlan fan{1, 1, 1'000'000, mqtt::Version::kMqtt311};
  auto floor = std::make_unique<FloorServer>(*TcpEndpoint("127.0.0.1", kPort), fan);
  REQUIRE(floor->error() == 0);
  const Endpoint endpoint = *TcpEndpoint("127.0.0.1", kPort);
  const Descriptor reader(socket(AF_INET, SOCK_STREAM, 0));
  REQUIRE(connect(reader.get(), reinterpret_cast<const sockaddr*>(&endpoint.address),
                  endpoint.length) == 0);
  const std::string subscribe(
      "\x82\x08\x00\x01\x00\x03"
      "b/t\x00",
      10);
  REQUIRE(send(reader.get(), subscribe.data(), subscribe.size(), 0) == 10);
  char suback[5];
  REQUIRE(recv(reader.get(), suback, sizeof suback, MSG_WAITALL) == 5);
  floor.reset();  // joins its thread, which may be waiting for room in the reader's socket
  CHECK(suback[0] == '\x90');
}

}  // namespace
}  // namespace causeway::loadgen
