// Erlang terms as a value tree: decoded from bytes, parsed from Erlang text, encoded canonically.
// The obviously right counterpart of the pull parser, for tests and the fuzzer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "link/etf.h"

namespace causeway::link {

struct Term {
  /// In Erlang's term order, so that comparing kinds compares terms (integers and floats apart).
  enum class Kind { kInteger, kBig, kFloat, kAtom, kLocal, kTuple, kMap, kList, kBinary, kBits };
  Kind kind = Kind::kInteger;
  int64_t integer = 0;
  double real = 0;
  std::string bytes;        // atom text (UTF-8), binary, bit string, raw bytes of kBig and kLocal
  uint8_t last_bits = 8;    // kBits
  std::vector<Term> items;  // tuple, list; of an improper list without its tail; of a map key,
                            // value, key, value …
  std::vector<Term> tail;   // one element for an improper list
};

bool operator==(const Term& a, const Term& b);

/// Decodes a payload (version byte included); nothing when any part is malformed. Trailing bytes
/// are accepted.
std::optional<Term> DecodeTerm(std::string_view payload);
/// Parses the Erlang text of a literal; nothing for expressions (calls, comprehensions).
std::optional<Term> ParseErlang(std::string_view text);
/// Canonical bytes, version included.
std::string EncodeTerm(const Term& term);

}  // namespace causeway::link
