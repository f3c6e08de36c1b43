#include "core/wake_slice.h"

#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace causeway {

#ifdef __linux__

namespace {

/// The first version of the kernel's struct, which every kernel takes: glibc before 2.41 has none,
/// and where it has one the kernel's header contradicts it.
struct SchedAttr {
  uint32_t size;
  uint32_t policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime;  // nanoseconds; of an ordinary thread: its stretch
  uint64_t deadline;
  uint64_t period;
};
static_assert(sizeof(SchedAttr) == 48);

constexpr uint32_t kOrdinary = 0;     // SCHED_OTHER
constexpr uint64_t kResetOnFork = 1;  // SCHED_FLAG_RESET_ON_FORK

}  // namespace

void AskForWakeSlice(int64_t ns) {
  SchedAttr attr = {};
  const auto itself = 0;
  if (syscall(SYS_sched_getattr, itself, &attr, sizeof attr, 0) != 0) return;
  if (attr.policy != kOrdinary) return;  // somebody has decided otherwise
  attr.size = sizeof attr;
  attr.flags = kResetOnFork;
  attr.runtime = static_cast<uint64_t>(ns);
  // Refused: the thread runs as it did.
  [[maybe_unused]] const auto refused = syscall(SYS_sched_setattr, itself, &attr, 0);
}

#else

void AskForWakeSlice(int64_t) {}

#endif

}  // namespace causeway
