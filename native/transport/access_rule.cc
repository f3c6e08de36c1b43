#include "transport/access_rule.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <string>

namespace causeway::transport {

namespace {

using Address = std::array<uint8_t, 16>;

constexpr size_t kMappedBits = 96;  // of ::ffff:0:0/96 in front of an IPv4 address

Address Mapped(const void* v4) {
  Address address = {};
  address[10] = address[11] = 0xFF;
  std::memcpy(address.data() + 12, v4, 4);
  return address;
}

bool Within(const Address& address, const AccessRule& rule) {
  const size_t whole = rule.prefix_bits / 8, rest = rule.prefix_bits % 8;
  if (!std::equal(rule.network.begin(), rule.network.begin() + static_cast<std::ptrdiff_t>(whole),
                  address.begin())) {
    return false;
  }
  if (rest == 0) return true;
  const int mask = 0xFF << (8 - rest) & 0xFF;
  return (rule.network[whole] & mask) == (address[whole] & mask);
}

}  // namespace

bool ParseAccessRule(std::string_view text, AccessRule* rule) {
  const size_t space = text.find(' ');
  const std::string_view verdict = text.substr(0, space);
  if (space == std::string_view::npos || (verdict != "allow" && verdict != "deny")) return false;
  rule->allow = verdict == "allow";
  const std::string_view network = text.substr(space + 1);
  rule->network = {};
  rule->prefix_bits = 0;
  if (network == "all") return true;
  const size_t slash = network.find('/');
  const std::string address(network.substr(0, slash));
  const bool v4 = address.find(':') == std::string::npos;
  in_addr four;
  if (v4 && inet_pton(AF_INET, address.c_str(), &four) == 1) {
    rule->network = Mapped(&four);
  } else if (v4 || inet_pton(AF_INET6, address.c_str(), rule->network.data()) != 1) {
    return false;
  }
  const uint8_t most = v4 ? 32 : 128;
  uint8_t bits = most;
  if (slash != std::string_view::npos) {
    const std::string_view written = network.substr(slash + 1);
    const char* const end = written.data() + written.size();
    const auto [read, error] = std::from_chars(written.data(), end, bits);
    if (error != std::errc() || read != end || bits > most) return false;
  }
  rule->prefix_bits = static_cast<uint8_t>(v4 ? kMappedBits + bits : bits);
  return true;
}

bool Allowed(const std::vector<AccessRule>& rules, const sockaddr_storage& peer) {
  const bool v4 = peer.ss_family == AF_INET, v6 = peer.ss_family == AF_INET6;
  Address address = {};
  if (v4) address = Mapped(&reinterpret_cast<const sockaddr_in*>(&peer)->sin_addr);
  if (v6) std::memcpy(address.data(), &reinterpret_cast<const sockaddr_in6*>(&peer)->sin6_addr, 16);
  for (const AccessRule& rule : rules) {
    if (rule.prefix_bits == 0 || ((v4 || v6) && Within(address, rule))) return rule.allow;
  }
  return true;
}

}  // namespace causeway::transport
