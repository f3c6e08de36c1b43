#include "link/origin_path.h"

#include <string>

#include "core/limits.h"
#include "link/etf.h"
#include "link/message_term.h"

#include <doctest/doctest.h>

namespace causeway::link {
namespace {

TEST_SUITE("link/origin_path") {
  TEST_CASE("extra: an empty path is EMQX's empty map, a path survives the way there and back") {
    OriginPath path;
    CHECK(path.Extra() == std::string("\x74\0\0\0\0", 5));
    REQUIRE(path.Append("us"));
    REQUIRE(path.Append("eu-west"));
    OriginPath read;
    const std::string extra = path.Extra();
    REQUIRE(read.ParseExtra(extra));
    CHECK(read.size() == 2);
    CHECK(read[0] == "us");
    CHECK(read.Contains("eu-west"));
    CHECK_FALSE(read.Contains("eu"));
  }

  TEST_CASE("extra: other keys are skipped, anything that is no path is refused") {
    OriginPath path;
    std::string extra;
    {
      EtfWriter writer(&extra);
      writer.Map(2);
      writer.Atom(AtomId::kOk);
      writer.Integer(1);
      writer.Binary("other");
      writer.Nil();
    }
    CHECK(path.ParseExtra(extra));
    CHECK(path.size() == 0);
    for (const bool binary : {true, false}) {
      extra.clear();
      EtfWriter writer(&extra);
      writer.Map(1);
      writer.Binary("path");
      if (binary) {
        writer.Binary("us");
      } else {
        writer.List(1);
        writer.Integer(7);
        writer.Nil();
      }
      CHECK_FALSE(path.ParseExtra(extra));
    }
    CHECK_FALSE(path.ParseExtra(""));
    CHECK_FALSE(path.ParseExtra("\x6a"));
  }

  TEST_CASE("route ids: the names, then the filter; a filter never looks like one") {
    OriginPath path;
    REQUIRE(path.Append("us"));
    REQUIRE(path.Append("eu"));
    const std::string text = path.RouteId("a/+/b");
    CHECK(text == std::string("\0us+eu/a/+/b", 12));
    OriginPath read;
    std::string_view filter;
    REQUIRE(read.ParseRouteId(text, &filter));
    CHECK(filter == "a/+/b");
    CHECK(read.size() == 2);
    CHECK(read[1] == "eu");
    for (const std::string_view wrong :
         {std::string_view("us/a"), std::string_view("$t/us/a"), std::string_view("\0us", 3),
          std::string_view("\0us/", 4), std::string_view("\0/a", 3), std::string_view("\0us+/a", 6),
          std::string_view("\0+us/a", 6), std::string_view()}) {
      CHECK_FALSE(read.ParseRouteId(wrong, &filter));
    }
    std::string raw;
    EtfWriter(&raw).Binary(text);
    CHECK(IsTransitRouteId(raw));
    raw.clear();
    EtfWriter(&raw).Binary("us/a");
    CHECK_FALSE(IsTransitRouteId(raw));
    raw.clear();
    EtfWriter(&raw).Binary("");
    CHECK_FALSE(IsTransitRouteId(raw));
  }

  TEST_CASE("a path has room for so many names, and is refused beyond") {
    OriginPath path;
    for (size_t i = 0; i < limits::kTransitPathMax; ++i) CHECK(path.Append("c"));
    CHECK_FALSE(path.Append("c"));
    std::string extra;
    EtfWriter writer(&extra);
    writer.Map(1);
    writer.Binary("path");
    writer.List(static_cast<uint32_t>(limits::kTransitPathMax) + 1);
    for (size_t i = 0; i <= limits::kTransitPathMax; ++i) writer.Binary("c");
    writer.Nil();
    CHECK_FALSE(path.ParseExtra(extra));
  }

  TEST_CASE("a forwarded message carries it as its tenth element, byte for byte EMQX's without") {
    ForwardedMessage message;
    message.id = "0123456789abcdef";
    message.topic = "t";
    message.timestamp_ms = 1;
    std::string plain, with, scratch;
    EncodeMessage(message, &plain);
    OriginPath path;
    REQUIRE(path.Append("us"));
    const std::string extra = path.Extra();
    message.extra = extra;
    EncodeMessage(message, &with);
    CHECK(with == plain.substr(0, plain.size() - 5) + extra);
    ForwardedMessage read;
    REQUIRE(DecodeMessage(with, &scratch, &read) == MessageStatus::kOk);
    CHECK(read.extra == extra);
    REQUIRE(DecodeMessage(plain, &scratch, &read) == MessageStatus::kOk);
    CHECK(read.extra == std::string("\x74\0\0\0\0", 5));
  }
}

}  // namespace
}  // namespace causeway::link
