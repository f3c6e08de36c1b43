// What stands at the head of every payload we publish, so that whoever receives it can tell whose
// it is, whether one is missing, and how long it took.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace causeway::loadgen {

/// In the byte order of this machine: written and read by the same process.
struct Stamp {
  uint32_t run;        // of this start of the generator: others' messages are foreign
  uint32_t publisher;  // number among the run's publishers
  uint64_t sequence;   // of that publisher, from 0
  int64_t sent_ns;     // MonotonicNs; open loop: when it was meant to be sent
};
static_assert(sizeof(Stamp) == 24, "no padding: it goes over the wire as it is");

/// Least payload: the stamp, and a byte that tells whether the rest arrived whole.
inline constexpr size_t kPayloadBytesMin = sizeof(Stamp) + 1;

/// Writes a payload of `bytes` ≥ kPayloadBytesMin; `filler` holds at least as many.
inline void WritePayload(const Stamp& stamp, const char* filler, size_t bytes, char* out) {
  std::memcpy(out, &stamp, sizeof stamp);
  std::memcpy(out + sizeof stamp, filler, bytes - sizeof stamp - 1);
  out[bytes - 1] = static_cast<char>(stamp.sequence);
}

/// False: not a payload of `bytes` as WritePayload makes them.
inline bool ReadPayload(std::string_view payload, size_t bytes, Stamp* stamp) {
  if (payload.size() != bytes || bytes < kPayloadBytesMin) return false;
  std::memcpy(stamp, payload.data(), sizeof *stamp);
  return payload.back() == static_cast<char>(stamp->sequence);
}

}  // namespace causeway::loadgen
