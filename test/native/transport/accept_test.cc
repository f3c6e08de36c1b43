// The pure parts of accepting: addresses, rates, strangers.
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>

#include <string_view>
#include <vector>

#include "transport/accept_rate.h"
#include "transport/access_rule.h"
#include "transport/stranger.h"

namespace causeway::transport {
namespace {

sockaddr_storage Peer(const char* text) {
  sockaddr_storage storage = {};
  auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
  if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
  } else {
    REQUIRE(inet_pton(AF_INET6, text, &v6->sin6_addr) == 1);
    v6->sin6_family = AF_INET6;
  }
  return storage;
}

std::vector<AccessRule> Rules(const std::vector<std::string_view>& texts) {
  std::vector<AccessRule> rules;
  for (const std::string_view text : texts) {
    CAPTURE(text);
    AccessRule rule;
    REQUIRE(ParseAccessRule(text, &rule));
    rules.push_back(rule);
  }
  return rules;
}

TEST_CASE("the first access rule that fits decides") {
  const auto rules = Rules({"allow 10.1.0.0/16", "deny 10.0.0.0/8", "deny 192.0.2.7",
                            "allow 2001:db8::/33", "deny 2001:db8::/32"});
  CHECK(Allowed(rules, Peer("10.1.2.3")));
  CHECK_FALSE(Allowed(rules, Peer("10.2.0.1")));
  CHECK_FALSE(Allowed(rules, Peer("192.0.2.7")));
  CHECK(Allowed(rules, Peer("192.0.2.6")));
  CHECK(Allowed(rules, Peer("2001:db8:7fff::1")));
  CHECK_FALSE(Allowed(rules, Peer("2001:db8:8000::1")));
  CHECK(Allowed(rules, Peer("2001:db9::1")));
}

TEST_CASE("an IPv4 rule holds for the mapped address that a dual-stack socket sees") {
  const auto rules = Rules({"deny 127.0.0.0/8"});
  CHECK_FALSE(Allowed(rules, Peer("127.0.0.1")));
  CHECK_FALSE(Allowed(rules, Peer("::ffff:127.0.0.1")));
  CHECK(Allowed(rules, Peer("::1")));
}

TEST_CASE("a rule for all is the last word, also for peers without an address") {
  const auto rules = Rules({"allow 127.0.0.1", "deny all"});
  CHECK(Allowed(rules, Peer("127.0.0.1")));
  CHECK_FALSE(Allowed(rules, Peer("127.0.0.2")));
  CHECK_FALSE(Allowed(rules, Peer("::1")));
  sockaddr_storage local = {};
  local.ss_family = AF_UNIX;
  CHECK_FALSE(Allowed(rules, local));
  CHECK(Allowed(Rules({"deny 0.0.0.0/0"}), Peer("::1")));
  CHECK(Allowed({}, local));
}

TEST_CASE("what is no access rule is told") {
  AccessRule rule;
  for (const std::string_view text :
       {"", "allow", "permit all", "allow  all", "deny 10.0.0.0/33", "deny 10.0.0/8",
        "deny ::1/129", "deny ::1/", "deny 10.0.0.0/8x", "deny host", "deny 10.0.0.0/-1"}) {
    CAPTURE(text);
    CHECK_FALSE(ParseAccessRule(text, &rule));
  }
}

TEST_CASE("a rate lets a burst through, then one each interval") {
  AcceptRate rate;
  CHECK_FALSE(rate.limited());
  rate.Configure(1000, 3);
  REQUIRE(rate.limited());
  int64_t now = 1'000'000;
  for (int i = 0; i < 3; ++i) CHECK(rate.Take(now) == 0);
  CHECK(rate.Take(now) == 1000);
  CHECK(rate.Take(now + 999) == 1);
  CHECK(rate.Take(now + 1000) == 0);
  CHECK(rate.Take(now + 1000) == 1000);
  rate.GiveBack();
  CHECK(rate.Take(now + 1000) == 0);
  now += 1'000'000;  // a pause fills it again, to the burst and no further
  for (int i = 0; i < 3; ++i) CHECK(rate.Take(now) == 0);
  CHECK(rate.Take(now) == 1000);
}

TEST_CASE("strangers are told by their first bytes") {
  CHECK(StrangerOf("\x16\x03\x01\x02") == Stranger::kTls);
  CHECK(StrangerOf("\x16\x03") == Stranger::kTls);
  CHECK(StrangerOf("GET / HTTP/1.1\r\n") == Stranger::kHttp);
  CHECK(StrangerOf("OPTIONS * HTTP/1.1\r\n") == Stranger::kHttp);
  CHECK(StrangerOf("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") == Stranger::kHttp);
  CHECK(StrangerOf("PROXY TCP4 ") == Stranger::kProxy);
  CHECK(StrangerOf({"\r\n\r\n\0\r\nQUIT\n", 12}) == Stranger::kProxy);
  CHECK(StrangerOf("GETTING") == Stranger::kOther);
  CHECK(StrangerOf("\x10\x0C") == Stranger::kOther);
  CHECK(StrangerOf("SSH-2.0-OpenSSH") == Stranger::kOther);
  CHECK(StrangerOf("") == Stranger::kOther);
}

}  // namespace
}  // namespace causeway::transport
