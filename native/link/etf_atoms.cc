#include <array>

#include "link/etf.h"

namespace causeway::link {
namespace {

constexpr std::array<std::string_view, kAtomCount> kTexts = {
    "",
    "message",
    "$op",
    "ok",
    "error",
    "true",
    "false",
    "undefined",
    "dup",
    "retain",
    "sys",
    "properties",
    "username",
    "proto_ver",
    "protocol",
    "mqtt",
    "peername",
    "peerhost",
    "client_attrs",
    "retained",
    "Payload-Format-Indicator",
    "Message-Expiry-Interval",
    "Content-Type",
    "Response-Topic",
    "Correlation-Data",
    "User-Property",
    "Topic-Alias",
    "Subscription-Identifier",
};
static_assert(kTexts[static_cast<size_t>(AtomId::kSubscriptionIdentifier)] ==
              "Subscription-Identifier");

constexpr size_t kTextBytesMax = 24;

/// Which table entries have a text of each length, as a bit set: a lookup compares one to four texts.
constexpr auto kOfLength = [] {
  std::array<uint32_t, kTextBytesMax + 1> sets{};
  for (size_t atom = 1; atom < kAtomCount; ++atom) sets[kTexts[atom].size()] |= 1u << atom;
  return sets;
}();

}  // namespace

AtomId FindAtom(std::string_view text) {
  if (text.size() > kTextBytesMax) return AtomId::kOpaque;
  for (uint32_t set = kOfLength[text.size()]; set != 0; set &= set - 1) {
    const int atom = __builtin_ctz(set);
    if (kTexts[atom] == text) return static_cast<AtomId>(atom);
  }
  return AtomId::kOpaque;
}

std::string_view AtomText(AtomId atom) { return kTexts[static_cast<size_t>(atom)]; }

}  // namespace causeway::link
