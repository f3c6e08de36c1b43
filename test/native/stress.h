// How long the long tests run.
#pragma once

#include <chrono>
#include <cstdlib>

namespace causeway {

/// CAUSEWAY_STRESS_MS, else `default_ms`.
inline std::chrono::milliseconds StressTime(int default_ms) {
  const char* given = std::getenv("CAUSEWAY_STRESS_MS");
  return std::chrono::milliseconds(given == nullptr ? default_ms : std::atoi(given));
}

}  // namespace causeway
