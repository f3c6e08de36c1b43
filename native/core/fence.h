// The one full fence, spelled so that every compiler and sanitizer we build with accepts it.
#pragma once

#include <atomic>

namespace causeway {

/// Orders every access before it against every access after it, stores against later loads included
/// (StoreLoad), which no acquire/release pair does. Always used in pairs; each caller says which
/// other fence it meets.
inline void FullFence() {
#if defined(__GNUC__) && !defined(__clang__)
  // GCC warns that ThreadSanitizer derives no happens-before edge from a fence. The instruction is
  // still emitted, and no caller relies on a fence for happens-before: data is published by release
  // stores and read by acquire loads.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wtsan"
#endif
  std::atomic_thread_fence(std::memory_order_seq_cst);
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
}

}  // namespace causeway
