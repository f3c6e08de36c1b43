// SipHash-2-4: a keyed hash that two processes can compute alike, unlike core/hash.h.
// Source: J.-P. Aumasson, D. J. Bernstein, "SipHash: a fast short-input PRF", 2012.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace causeway {

/// The 16 bytes of a key, as two little-endian words.
struct SipKey {
  uint64_t low = 0;
  uint64_t high = 0;
  static constexpr size_t kBytes = 16;

  /// From the operating system's random source.
  static SipKey Random();
  /// `bytes`: exactly kBytes.
  static SipKey Of(std::string_view bytes);
  /// Writes kBytes at `out`.
  void Write(char* out) const;
};

/// Hashes the concatenation of what it is given. A value: copying forks the state.
class SipHash {
 public:
  explicit SipHash(SipKey key);
  void Update(std::string_view bytes);
  /// The 64 bits; the hasher is spent.
  uint64_t Finish();

 private:
  void Round();
  void Absorb(uint64_t word);

  uint64_t v0_, v1_, v2_, v3_;
  uint64_t tail_ = 0;    // bytes that do not fill a word yet, the first lowest
  uint64_t length_ = 0;  // of everything so far
};

}  // namespace causeway
