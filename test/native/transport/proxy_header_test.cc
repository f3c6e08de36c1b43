#include "transport/proxy_header.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "core/limits.h"

namespace causeway::transport {
namespace {

using std::string_view_literals::operator""sv;

constexpr std::string_view kSignature = "\r\n\r\n\0\r\nQUIT\n"sv;

std::string Word(size_t value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value & 0xFF)};
}

/// Version 2: command, family, what follows the length.
std::string V2(char command, char family, std::string_view rest) {
  return std::string(kSignature) + command + family + Word(rest.size()) + std::string(rest);
}

std::string Tlv(char type, std::string_view value) {
  return std::string(1, type) + Word(value.size()) + std::string(value);
}

constexpr std::string_view kInet = "\xC0\x00\x02\x01\x0A\x00\x00\x01\xDC\x04\x07\x5B"sv;

ProxyStatus Parse(std::string_view bytes, ProxyHeader* header) {
  return ParseProxyHeader(bytes, header);
}

/// The header is found whatever follows it, and every shorter part of it wants more.
void CheckWhole(const std::string& bytes, std::string_view peer) {
  ProxyHeader header;
  for (size_t size = 1; size < bytes.size(); ++size) {
    CAPTURE(size);
    REQUIRE(Parse(std::string_view(bytes).substr(0, size), &header) == ProxyStatus::kNeedMore);
  }
  for (const std::string& behind : {std::string(), std::string("\x10\x0C\x00\x04MQTT", 8)}) {
    REQUIRE(Parse(bytes + behind, &header) == ProxyStatus::kHeader);
    CHECK(header.bytes == bytes.size());
    CHECK(header.peer == peer);
  }
}

void CheckMalformed(std::string_view bytes) {
  CAPTURE(bytes);
  ProxyHeader header;
  CHECK(Parse(bytes, &header) == ProxyStatus::kMalformed);
}

TEST_CASE("a version 1 line names the peer, cut anywhere") {
  CheckWhole("PROXY TCP4 192.0.2.1 10.0.0.1 56324 1883\r\n", "192.0.2.1:56324");
  CheckWhole("PROXY TCP6 2001:db8::1 ::1 56324 1883\r\n", "[2001:db8::1]:56324");
  CheckWhole("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255:65535");
  CheckWhole("PROXY UNKNOWN\r\n", "");
  // The longest line there is: 107 bytes.
  const std::string longest =
      "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";
  REQUIRE(longest.size() == 107);
  CheckWhole(longest, "");
}

TEST_CASE("a version 1 line is read strictly") {
  for (const std::string_view line : {
           "PROXY  TCP4 192.0.2.1 10.0.0.1 1 2\r\n"sv,
           "PROXY TCP4 192.0.2.1 10.0.0.1 1\r\n"sv,
           "PROXY TCP4 192.0.2.1 10.0.0.1 1 2 3\r\n"sv,
           "PROXY TCP4 192.0.2.1 10.0.0.1 01 2\r\n"sv,
           "PROXY TCP4 192.0.2.1 10.0.0.1 65536 2\r\n"sv,
           "PROXY TCP4 192.0.2.1 10.0.0.1 1 -2\r\n"sv,
           "PROXY TCP4 192.0.2.1 10.0.0.1 1 \r\n"sv,
           "PROXY TCP4 192.0.2 10.0.0.1 1 2\r\n"sv,
           "PROXY TCP4 192.0.2.01 10.0.0.1 1 2\r\n"sv,
           "PROXY TCP4 ::1 10.0.0.1 1 2\r\n"sv,
           "PROXY TCP6 192.0.2.1 ::1 1 2\r\n"sv,
           "PROXY TCP5 192.0.2.1 10.0.0.1 1 2\r\n"sv,
           "PROXY TCP4\t192.0.2.1 10.0.0.1 1 2\r\n"sv,
           "PROXY TCP4 192.0.2.1 10.0.0.1 1 2\n"sv,
           "PROXY TCP4 192.0.2.1 10.0.0.1 1 2\rX"sv,
           "PROXY UNKNOWNX\r\n"sv,
           "PROXY \r\n"sv,
           "PROXY\r\n"sv,
           "proxy TCP4 192.0.2.1 10.0.0.1 1 2\r\n"sv,
           "GET / HTTP/1.1\r\n"sv,
           "PROXY TCP4 192.0.2.1\0 10.0.0.1 1 2\r\n"sv,
           "\x10\x0C\x00\x04MQTT"sv,
       }) {
    CheckMalformed(line);
  }
}

TEST_CASE("a version 1 line without end is not read beyond 107 bytes") {
  ProxyHeader header;
  const std::string line = "PROXY UNKNOWN " + std::string(200, 'x');
  CHECK(Parse(std::string_view(line).substr(0, 106), &header) == ProxyStatus::kNeedMore);
  CHECK(Parse(std::string_view(line).substr(0, 107), &header) == ProxyStatus::kMalformed);
  CheckMalformed(line.substr(0, 106) + "\r\n");
}

TEST_CASE("a version 2 header names the peer by family, cut anywhere") {
  CheckWhole(V2('\x21', '\x11', kInet), "192.0.2.1:56324");
  std::string inet6(36, '\0');
  inet6[0] = '\x20', inet6[1] = '\x01', inet6[15] = '\x07', inet6[32] = '\x1F', inet6[33] = '\x90';
  CheckWhole(V2('\x21', '\x21', inet6), "[2001::7]:8080");
  std::string local(216, '\0');
  local.replace(0, 9, "/run/a\x1b b");
  CheckWhole(V2('\x21', '\x31', local), "unix:/run/a??b");
  local.replace(0, 9, "\0abstract"sv);
  CheckWhole(V2('\x21', '\x31', local), "unix:@abstract");
  CheckWhole(V2('\x21', '\x00', ""), "");
}

TEST_CASE("LOCAL is the proxy itself, and what else it says is skipped") {
  CheckWhole(V2('\x20', '\x00', ""), "");
  CheckWhole(V2('\x20', '\x11', kInet), "");
  CheckWhole(V2('\x20', '\x7F', "anything"), "");
}

TEST_CASE("what version 2 does not have is malformed") {
  CheckMalformed(V2('\x11', '\x11', kInet));                        // version 1 in binary
  CheckMalformed(V2('\x22', '\x11', kInet));                        // a command of the future
  CheckMalformed(V2('\x21', '\x12', kInet));                        // a datagram
  CheckMalformed(V2('\x21', '\x41', kInet));                        // a family of the future
  CheckMalformed(V2('\x21', '\x11', kInet.substr(0, 11)));          // addresses that do not fit
  CheckMalformed(V2('\x21', '\x21', kInet));                        // likewise
  CheckMalformed(V2('\x21', '\x11', std::string(kInet) + "\x04"));  // a TLV without length
  CheckMalformed(V2('\x21', '\x11', std::string(kInet) + "\x04" + Word(1)));  // and without value
  std::string wrong = V2('\x21', '\x11', kInet);
  wrong[5] = 'X';
  CheckMalformed(wrong);
}

TEST_CASE("a version 2 header has a bound, told before it has come") {
  ProxyHeader header;
  const size_t most = limits::kProxyHeaderBytesMax - 16;
  const std::string noop = Tlv('\x04', std::string(most - kInet.size() - 3, 'x'));
  const std::string fits = V2('\x21', '\x11', std::string(kInet) + noop);
  REQUIRE(fits.size() == limits::kProxyHeaderBytesMax);
  CHECK(Parse(fits, &header) == ProxyStatus::kHeader);
  CheckMalformed(std::string(kSignature) + "\x21\x11" + Word(most + 1));
}

TEST_CASE("a CRC32c is compared, with its own bytes as zero") {
  CHECK(Crc32c("123456789") == 0xE3069283);  // the check value of the catalogue
  std::string bytes =
      V2('\x21', '\x11', std::string(kInet) + Tlv('\x03', "\0\0\0\0"sv) + Tlv('\x01', "mqtt"));
  const uint32_t crc = Crc32c(bytes);
  const size_t at = 16 + kInet.size() + 3;
  for (int i = 0; i < 4; ++i)
    bytes[at + static_cast<size_t>(i)] = static_cast<char>(crc >> (24 - 8 * i));
  CheckWhole(bytes, "192.0.2.1:56324");
  for (size_t i = 16; i < bytes.size(); ++i) {
    std::string flipped = bytes;
    flipped[i] = static_cast<char>(flipped[i] ^ 1);
    CAPTURE(i);
    ProxyHeader header;
    // A flipped type of the CRC's own TLV leaves nothing to compare.
    if (i == 16 + kInet.size()) continue;
    CHECK(Parse(flipped, &header) == ProxyStatus::kMalformed);
  }
  CheckMalformed(V2('\x21', '\x11', std::string(kInet) + Tlv('\x03', "abc")));
}

TEST_CASE("the TLVs of a load balancer that ended TLS are passed over") {
  // As HAProxy's send-proxy-v2-ssl-cn writes them: PP2_TYPE_SSL holds a client byte, four of
  // verify, and TLVs of its own.
  const std::string ssl = std::string("\x07\0\0\0\0", 5) + Tlv('\x21', "TLSv1.3") +
                          Tlv('\x23', "TLS_AES_256_GCM_SHA384") + Tlv('\x22', "device-7");
  CheckWhole(V2('\x21', '\x11',
                std::string(kInet) + Tlv('\x02', "broker.example") + Tlv('\x05', "0123456789") +
                    Tlv('\x20', ssl)),
             "192.0.2.1:56324");
}

}  // namespace
}  // namespace causeway::transport
