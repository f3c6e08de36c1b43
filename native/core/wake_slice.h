// How soon a thread runs after it wakes, where another one has the processor.
#pragma once

#include <cstdint>

namespace causeway {

/// Asks the kernel to give the calling thread the processor in stretches of `ns` (0.1 ms … 100 ms)
/// at a time. Linux 6.12 and later lets a thread that wakes go before one that runs in longer
/// stretches, if it has not had more than its fair share: who works for a moment at a time then
/// does not wait for the 3 ms and more of who computes. Its share stays what its nice value says,
/// and nobody needs a privilege. Threads that this one starts are as usual again.
///
/// Where that cannot be had (older kernels, other systems, a sandbox) nothing changes.
/// Source: Linux Documentation/scheduler/sched-eevdf.rst, sched_setattr(2).
void AskForWakeSlice(int64_t ns);

}  // namespace causeway
