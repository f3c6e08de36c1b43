// Who may connect to a listener, by address: EMQX's `access_rules`.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace causeway::transport {

/// A network, as an IPv6 one: IPv4 addresses are their mapped form, ::ffff:a.b.c.d.
struct AccessRule {
  bool allow = true;
  uint8_t prefix_bits = 0;  // of the mapped address; 0: everybody
  std::array<uint8_t, 16> network = {};
};

/// "allow all", "deny 10.0.0.0/8", "allow 2001:db8::1". False: it is none.
bool ParseAccessRule(std::string_view text, AccessRule* rule);

/// The first rule that `peer` falls under decides; under none it is allowed, as in EMQX. Peers
/// without an IP address fall under rules for all only.
bool Allowed(const std::vector<AccessRule>& rules, const sockaddr_storage& peer);

}  // namespace causeway::transport
