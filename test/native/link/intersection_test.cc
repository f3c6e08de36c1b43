#include "link/intersection.h"

#include <optional>

#include "mqtt/topic.h"

#include <doctest/doctest.h>

namespace causeway::link {
namespace {

using Strings = std::vector<std::string>;

Strings Split(const std::string& filter) {
  Strings levels;
  size_t from = 0;
  for (size_t at; (at = filter.find('/', from)) != std::string::npos; from = at + 1) {
    levels.push_back(filter.substr(from, at - from));
  }
  levels.push_back(filter.substr(from));
  return levels;
}

/// The rules, word by word, recursively over split levels; nothing shared with the code under test.
std::optional<Strings> NaiveRest(const Strings& a, size_t i, const Strings& b, size_t j) {
  const auto rest = [](const Strings& levels, size_t from) {
    return Strings(levels.begin() + static_cast<std::ptrdiff_t>(from), levels.end());
  };
  if (i < a.size() && a[i] == "#") return rest(b, j);
  if (j < b.size() && b[j] == "#") return rest(a, i);
  if (i == a.size() && j == b.size()) return Strings{};
  if (i == a.size() || j == b.size()) return std::nullopt;
  std::string level = a[i];
  if (a[i] == "+")
    level = b[j];
  else if (b[j] != "+" && b[j] != a[i])
    return std::nullopt;
  std::optional<Strings> tail = NaiveRest(a, i + 1, b, j + 1);
  if (tail) tail->insert(tail->begin(), level);
  return tail;
}

std::string Join(const Strings& levels) {
  std::string out;
  for (size_t i = 0; i < levels.size(); ++i) out += (i == 0 ? "" : "/") + levels[i];
  return out;
}

std::string NaiveIntersect(const std::string& a, const std::string& b) {
  const Strings x = Split(a);
  const Strings y = Split(b);
  const auto wild = [](const std::string& level) { return level == "+" || level == "#"; };
  if ((wild(x[0]) && y[0].starts_with("$")) || (wild(y[0]) && x[0].starts_with("$"))) return "none";
  const std::optional<Strings> rest = NaiveRest(x, 0, y, 0);
  return rest ? Join(*rest) : "none";
}

std::string Cross(const std::string& a, const std::string& b) {
  std::string out;
  return Intersect(a, b, &out) ? out : "none";
}

/// Every sequence of up to `depth` levels over an alphabet.
Strings Enumerate(const Strings& alphabet, size_t depth) {
  Strings all;
  Strings longest = {""};
  for (size_t length = 1; length <= depth; ++length) {
    Strings next;
    for (const std::string& prefix : longest) {
      if (prefix == "#" || prefix.ends_with("/#")) continue;
      for (const std::string& level : alphabet)
        next.push_back(length == 1 ? level : prefix + "/" + level);
    }
    all.insert(all.end(), next.begin(), next.end());
    longest = next;
  }
  return all;
}

TEST_SUITE("link/intersection") {
  TEST_CASE("the table of intersections holds, both ways round") {
    const char* rows[][3] = {
        {"t/1", "t/+", "t/1"},
        {"#", "$SYS/x", "none"},
        {"t/+", "t/+/1/#", "none"},
        {"$SYS/#", "#", "none"},
        {"t/+/+", "t/+/1/#", "t/+/1"},
        {"$SYS/#", "$SYS/brokers", "$SYS/brokers"},
        {"t/+/+", "t/1/+", "t/1/+"},
        {"+/x", "$SYS/x", "none"},
        {"t/global/#", "t/+/1/+", "t/global/1/+"},
        {"+/a", "b/+", "b/a"},
        {"a", "a/#", "a"},
        {"a//b", "a/+/b", "a//b"},
        {"a/+", "a/#", "a/+"},
        {"a/", "a/+", "a/"},
        {"+", "#", "+"},
        {"/a", "+/a", "/a"},
        {"t/+/#", "t/1", "t/1"},
        {"t/+/#", "t", "none"},
        {"a/+/+", "a/#", "a/+/+"},
        {"t/1/#", "t/1/2/+", "t/1/2/+"},
        {"a/b/#", "a/+/c", "a/b/c"},
        {"a/+/c", "a/b/+", "a/b/c"},
    };
    for (const auto& [a, b, expected] : rows) {
      CAPTURE(a);
      CAPTURE(b);
      CHECK(Cross(a, b) == expected);
      CHECK(Cross(b, a) == expected);
    }
  }

  TEST_CASE("the table of route cuts holds, order included") {
    const auto cut = [](const std::string& filter, const Strings& topics) {
      Strings out = {"left over from before"};
      LinkTopics(topics).Cut(filter, &out);
      return out;
    };
    const Strings three = {"t/+/1/#", "t/z", "t/1/+"};
    CHECK(cut("t/+", three) == Strings{"t/z"});
    CHECK(cut("t/+/+", three) == Strings{"t/1/+", "t/+/1"});
    CHECK(cut("t/+/#", {"t/1", "t/2", "t/3"}) == Strings{"t/3", "t/2", "t/1"});
    CHECK(cut("t/+/#", {"t/1", "t/2", "t/3", "t/+"}) == Strings{"t/+"});
    CHECK(cut("t/+/2/3/#", {"t/1/+/3/#", "t/z", "t/1/2/+"}) == Strings{"t/1/2/3/#"});
    CHECK(cut("#", {"#"}) == Strings{"#"});
    CHECK(cut("#", {"a/#", "$SYS/#"}) == Strings{"a/#"});
    CHECK(cut("$SYS/brokers", {"#"}).empty());
    CHECK(cut("a", {}).empty());
  }

  TEST_CASE("a union drops what another element covers and keeps the order") {
    CHECK(LinkTopics({"t/1", "t/2", "t/3", "t/+", "t/#", "t/+/+"}).filters() == Strings{"t/#"});
    CHECK(LinkTopics({"t", "t"}).filters() == Strings{"t"});
    CHECK(LinkTopics({"#", "$SYS/#"}).filters() == Strings{"#", "$SYS/#"});
    CHECK(LinkTopics(Strings{}).filters().empty());
    CHECK(LinkTopics({"b", "a/1", "c", "a/+"}).filters() == Strings{"b", "c", "a/+"});
  }

  TEST_CASE(
      "intersections of all small filters agree with the rules taken literally and with matching") {
    const Strings filters = Enumerate({"", "a", "b", "$x", "+", "#"}, 3);
    const Strings topics = Enumerate({"", "a", "b", "$x"}, 4);
    std::string out;
    for (size_t i = 0; i < filters.size(); ++i) {
      for (size_t j = i % 3; j < filters.size();
           j += 3) {  // a third of all pairs, every filter on both sides
        const std::string crossed = Cross(filters[i], filters[j]);
        if (crossed != NaiveIntersect(filters[i], filters[j]))
          FAIL(filters[i], " ∩ ", filters[j], " = ", crossed);
        const bool subset = crossed == filters[i];
        if (IsSubset(filters[i], filters[j]) != subset) FAIL(filters[i], " ⊆ ", filters[j]);
      }
    }
    // `t/#` matches `t`, which the protocol's rules cut away from `t/+/…`: elsewhere they agree
    // with matching exactly.
    const Strings few = Enumerate({"a", "b", "$x", "+", "#"}, 2);
    for (const std::string& a : few) {
      for (const std::string& b : few) {
        const bool crosses = Intersect(a, b, &out);
        for (const std::string& topic : topics) {
          const bool both = mqtt::TopicMatches(a, topic) && mqtt::TopicMatches(b, topic);
          const bool crossed = crosses && mqtt::TopicMatches(out, topic);
          if (both != crossed) FAIL(a, " ∩ ", b, " on ", topic);
        }
      }
    }
  }

  TEST_CASE("a link's topics match exactly the topics their filters match") {
    const Strings filters = Enumerate({"a", "", "$x", "+", "#"}, 3);
    const Strings topics = Enumerate({"", "a", "b", "$x"}, 4);
    for (const std::string& filter : filters) {
      const LinkTopics link({filter});
      for (const std::string& topic : topics) {
        if (link.Matches(topic) != mqtt::TopicMatches(filter, topic)) FAIL(filter, " on ", topic);
      }
    }
  }
}

}  // namespace
}  // namespace causeway::link
