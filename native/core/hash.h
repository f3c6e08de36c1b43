// Keyed hashing: every table that a client can fill takes a random seed, so nobody can aim at one
// bucket.
#pragma once

#include <cstdint>
#include <string_view>

namespace causeway {

struct HashSeed {
  uint64_t a = 0;
  uint64_t b = 0;
  /// From the operating system's random source.
  static HashSeed Random();
};

/// 64 well-mixed bits of `bytes` under `seed`. Not a MAC; not stable between processes.
uint64_t Hash(std::string_view bytes, HashSeed seed);

}  // namespace causeway
