// CHECK: programmer errors stop the process with file and line; a malformed packet is never one.
//
// Tests include doctest behind our headers: its CHECK then replaces this one
// in the test, and only there.
#pragma once

#include <cstdio>
#include <cstdlib>

#define CHECK(condition)                                                                 \
  do {                                                                                   \
    if (!(condition)) [[unlikely]] {                                                     \
      std::fprintf(stderr, "%s:%d: CHECK failed: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                      \
    }                                                                                    \
  } while (0)
