#include "core/wake_slice.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <thread>

#include <doctest/doctest.h>

namespace causeway {
namespace {

/// As the kernel tells of the calling thread; sched_getattr(2), version 0. Nanoseconds; 0: this
/// kernel knows no stretches.
uint64_t OwnSlice() {
  std::array<uint64_t, 6> attr{};
  if (syscall(SYS_sched_getattr, 0, attr.data(), sizeof attr, 0) != 0) return 0;
  return attr[3];
}

TEST_CASE("who asks for short stretches has them, at the same priority; its threads are as usual") {
  uint64_t usual = 0, asked = 0, of_child = 0;
  int priority = -1;
  std::thread([&] {
    usual = OwnSlice();
    const int before = getpriority(PRIO_PROCESS, 0);
    AskForWakeSlice(200'000);
    priority = getpriority(PRIO_PROCESS, 0) - before;
    asked = OwnSlice();
    std::thread([&] { of_child = OwnSlice(); }).join();
  }).join();
  CHECK(priority == 0);
  CHECK(of_child == usual);
  if (usual == 0) {
    MESSAGE("this kernel knows no stretches");
  } else {
    CHECK(asked == 200'000);
  }
}

}  // namespace
}  // namespace causeway
