// The two clocks: monotonic for durations, wall for what crosses to other machines.
#pragma once

#include <cstdint>
#include <ctime>

namespace causeway {

/// Milliseconds since an arbitrary start; never goes back.
inline int64_t MonotonicMs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

/// Nanoseconds since an arbitrary start; never goes back.
inline int64_t MonotonicNs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

/// Milliseconds since the Unix epoch.
inline int64_t WallClockMs() {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

}  // namespace causeway
