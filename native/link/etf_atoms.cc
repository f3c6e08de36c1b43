#include <array>

#include "link/etf.h"

namespace causeway::link {
namespace {

constexpr size_t kTextBytesMax = 24;

/// Which table entries have a text of each length, as a bit set: a lookup compares one to four
/// texts.
constexpr auto kOfLength = [] {
  std::array<uint32_t, kTextBytesMax + 1> sets{};
  for (size_t atom = 1; atom < kAtomCount; ++atom) sets[kAtomTexts[atom].size()] |= 1u << atom;
  return sets;
}();

}  // namespace

AtomId FindAtom(std::string_view text) {
  if (text.size() > kTextBytesMax) return AtomId::kOpaque;
  for (uint32_t set = kOfLength[text.size()]; set != 0; set &= set - 1) {
    const int atom = __builtin_ctz(set);
    if (kAtomTexts[atom] == text) return static_cast<AtomId>(atom);
  }
  return AtomId::kOpaque;
}

}  // namespace causeway::link
