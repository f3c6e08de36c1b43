#include "mqtt/topic.h"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

#include "mqtt/packet.h"

namespace causeway::mqtt {
namespace {

std::vector<std::string> Split(const std::string& text) {
  std::vector<std::string> levels(1);
  for (const char c : text) {
    if (c == '/') {
      levels.emplace_back();
    } else {
      levels.back().push_back(c);
    }
  }
  return levels;
}

bool NaiveValidFilter(const std::string& filter) {
  const std::vector<std::string> levels = Split(filter);
  for (size_t i = 0; i < levels.size(); ++i) {
    if (levels[i] == "#") {
      if (i + 1 != levels.size()) return false;
    } else if (levels[i] != "+" && levels[i].find_first_of("+#") != std::string::npos) {
      return false;
    }
  }
  return !filter.empty();
}

bool NaiveMatches(const std::string& filter, const std::string& topic) {
  const std::vector<std::string> wanted = Split(filter), levels = Split(topic);
  if (topic[0] == '$' && (wanted[0] == "+" || wanted[0] == "#")) return false;
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] == "#") return true;
    if (i >= levels.size()) return false;
    if (wanted[i] != "+" && wanted[i] != levels[i]) return false;
    if (i + 1 == levels.size() && i + 2 == wanted.size() && wanted[i + 1] == "#") return true;
  }
  return wanted.size() == levels.size();
}

TEST_CASE("ScanTopic tells plain, wild and ill-formed topics apart wherever the byte stands") {
  for (size_t size = 0; size < 40; ++size) {
    CHECK(ScanTopic(std::string(size, 'x')) == TopicScan::kPlain);
    for (size_t at = 0; at < size; ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::vector<char> topic(size, 'x');
        topic[at] = static_cast<char>(byte);
        const bool wild = byte == '+' || byte == '#';
        const TopicScan wanted = byte == 0 || byte >= 0x80 ? TopicScan::kMalformed
                                 : wild                    ? TopicScan::kWildcards
                                                           : TopicScan::kPlain;
        const TopicScan found = ScanTopic({topic.data(), topic.size()});
        if (found != wanted) FAIL_CHECK("size ", size, " at ", at, " byte ", byte);
      }
    }
  }
}

TEST_CASE("ScanTopic sees a wildcard beside characters above ASCII") {
  CHECK(ScanTopic("caf\xC3\xA9/table") == TopicScan::kPlain);
  CHECK(ScanTopic("caf\xC3\xA9/+/table") == TopicScan::kWildcards);
  CHECK(ScanTopic("caf\xC3/table/long/enough") == TopicScan::kMalformed);
}

TEST_CASE("a topic name has 1 to 65535 bytes and neither wildcards nor NUL [MQTT-4.7.3-1]") {
  CHECK(ValidTopicName("a"));
  CHECK(ValidTopicName("/"));
  CHECK(ValidTopicName(std::string(65535, 'a')));
  CHECK_FALSE(ValidTopicName(""));
  CHECK_FALSE(ValidTopicName(std::string(65536, 'a')));
  CHECK_FALSE(ValidTopicName("a/+"));
  CHECK_FALSE(ValidTopicName("#"));
  CHECK_FALSE(ValidTopicName(std::string_view("a\0", 2)));
}

TEST_CASE(
    "the filters of the specification's examples are judged as it says [MQTT-4.7.1-1] "
    "[MQTT-4.7.1-2]") {
  for (const char* filter : {"sport/tennis/player1/#", "#", "sport/tennis/#", "+", "+/tennis/#",
                             "sport/+/player1", "/+", "/", "//", "+/+"}) {
    CHECK_MESSAGE(ValidTopicFilter(filter), filter);
  }
  for (const char* filter : {"", "sport/tennis#", "sport/tennis/#/ranking", "sport+", "##", "+#",
                             "++", "#/", "/#/", "a/+b/c", "a/b+/c"}) {
    CHECK_MESSAGE(!ValidTopicFilter(filter), filter);
  }
  CHECK_FALSE(ValidTopicFilter(std::string_view("a\0b", 3)));
  CHECK_FALSE(ValidTopicFilter(std::string(65536, 'a')));
}

TEST_CASE(
    "a shared filter has a share name without wildcards and a filter [MQTT-4.8.2-1] "
    "[MQTT-4.8.2-2]") {
  for (const char* filter :
       {"$share/g/a", "$share/g/#", "$share/g//", "$share/g/+/a", "$share", "$shared/+"}) {
    CHECK_MESSAGE(ValidTopicFilter(filter), filter);
  }
  for (const char* filter : {"$share/", "$share//a", "$share/g", "$share/g/", "$share/+/a",
                             "$share/#", "$share/a#/b", "$share/g/a#", "$share/g/#/a"}) {
    CHECK_MESSAGE(!ValidTopicFilter(filter), filter);
  }
}

TEST_CASE("IsShared cuts a shared filter in two and leaves others alone") {
  std::string_view group = "untouched", rest = "untouched";
  CHECK(IsShared("$share/consumers/a/#", &group, &rest));
  CHECK_EQ(group, "consumers");
  CHECK_EQ(rest, "a/#");
  CHECK(IsShared("$share/g//a", &group, &rest));
  CHECK_EQ(rest, "/a");
  CHECK(IsShared("$share/g/a", nullptr, nullptr));
  CHECK_FALSE(IsShared("$share", &group, &rest));
  CHECK_FALSE(IsShared("$Share/g/a", &group, &rest));
}

TEST_CASE("the matches of the specification's examples hold") {
  CHECK(TopicMatches("sport/tennis/player1/#", "sport/tennis/player1"));
  CHECK(TopicMatches("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon"));
  CHECK(TopicMatches("sport/#", "sport"));
  CHECK(TopicMatches("#", "/finance"));
  CHECK(TopicMatches("+/+", "/finance"));
  CHECK(TopicMatches("/+", "/finance"));
  CHECK_FALSE(TopicMatches("+", "/finance"));
  CHECK(TopicMatches("sport/tennis/+", "sport/tennis/player1"));
  CHECK_FALSE(TopicMatches("sport/tennis/+", "sport/tennis/player1/ranking"));
  CHECK_FALSE(TopicMatches("sport/+", "sport"));
  CHECK(TopicMatches("sport/+", "sport/"));
  CHECK_FALSE(TopicMatches("ACCOUNTS", "Accounts"));
}

TEST_CASE(
    "a wildcard in the first level does not match a topic that starts with $ [MQTT-4.7.2-1]") {
  CHECK_FALSE(TopicMatches("#", "$SYS/uptime"));
  CHECK_FALSE(TopicMatches("+/uptime", "$SYS/uptime"));
  CHECK(TopicMatches("$SYS/#", "$SYS/uptime"));
  CHECK(TopicMatches("$SYS/+", "$SYS/uptime"));
  CHECK(TopicMatches("a/+", "a/$b"));
}

TEST_CASE("random filters and topics are judged as by splitting them into levels") {
  std::mt19937 random(7);
  int matches = 0, valid = 0;
  for (int round = 0; round < 200'000; ++round) {
    const auto text = [&random](std::string_view alphabet) {
      std::string out;
      for (auto left = 1 + random() % 7; left > 0; --left)
        out.push_back(alphabet[random() % alphabet.size()]);
      return out;
    };
    const std::string filter = text("ab/+#/$"), topic = text("ab//$");
    const bool filter_is_valid = NaiveValidFilter(filter);
    CHECK_EQ(ValidTopicFilter(filter), filter_is_valid);
    if (!filter_is_valid) continue;
    valid += 1;
    CAPTURE(filter);
    CAPTURE(topic);
    const bool wanted = NaiveMatches(filter, topic);
    CHECK_EQ(TopicMatches(filter, topic), wanted);
    matches += wanted;
  }
  CHECK(valid > 10'000);
  CHECK(matches > 500);
}

}  // namespace
}  // namespace causeway::mqtt
