#include "mqtt/delayed_topic.h"

#include <doctest/doctest.h>

#include <string>

namespace causeway::mqtt {

namespace {

constexpr int64_t kWallMs = 1'700'000'000'500;

struct Parsed {
  std::string topic;  // a copy: the name is gone
  int64_t delay_ms;
};

Parsed Parse(const std::string& behind) {
  const std::string name = std::string(kDelayedPrefix) + behind;
  const DelayedTopic delayed = ParseDelayedTopic(name, kWallMs);
  return {std::string(delayed.topic), delayed.delay_ms};
}

}  // namespace

TEST_CASE("a delay is seconds up to 4294967, beyond that a moment") {
  std::string name = "$delayed/15/x/y";
  const DelayedTopic delayed = ParseDelayedTopic(name, kWallMs);
  CHECK(delayed.topic == "x/y");
  CHECK(delayed.topic.data() == name.data() + 12);  // a view, not a copy
  CHECK(delayed.delay_ms == 15'000);
  CHECK(Parse("0/x").delay_ms == 0);
  CHECK(Parse("007/x").delay_ms == 7'000);
  CHECK(Parse("4294967/x").delay_ms == 4'294'967'000);
  CHECK(Parse("4294968/x").delay_ms == 0);  // in 1970
  CHECK(Parse("1700000060/x").delay_ms == 59'500);
  CHECK(Parse("1704294967/x").delay_ms == 4'294'966'500);
  CHECK(Parse("1//").topic == "/");
}

TEST_CASE("what is no delay has no topic") {
  for (const char* wrong : {"", "x", "/x", "15", "15/", "x/y", "-1/x", "+1/x", "1.5/x", " 1/x",
                            "1704294969/x", "999999999999999/x", "1000000000000000/x",
                            "99999999999999999999999999/x", "1/$delayed/1/x"}) {
    INFO(wrong);
    CHECK(Parse(wrong).topic.empty());
  }
}

}  // namespace causeway::mqtt
