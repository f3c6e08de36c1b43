// What one loop turn writes: enough that nobody waits long for it, so little that nobody waits long
// behind it.
#pragma once

#include <algorithm>
#include <cstddef>

#include "core/limits.h"
#include "session/dirty_list.h"

namespace causeway::session {

/// How often one turn goes through the prompt row: a flush that makes room may dirty its connection
/// again, and a reader as fast as we are would keep the turn going until its queue is empty.
inline constexpr size_t kFlushPasses = 4;

/// Writes the prompt row, up to limits::kTurnWrites, then some of the wide row:
/// limits::kWideWrites, or half as many as of the prompt row where that is more, so that neither
/// starves the other. While `fanouts_wait` the wide row waits too: what is still to be added to the
/// same out-buffers leaves in the same writes. Whoever waits bounds how long (Shard::WideWaits).
///
/// `flush` writes one connection and returns the bytes that left; it may add and forget others.
/// True: somebody is left whom the budget did not reach.
template <typename Flush>
bool FlushTurn(DirtyList* dirty, bool fanouts_wait, Flush&& flush) {
  const auto cost = [](size_t bytes) { return 1 + bytes / limits::kWriteCostBytes; };
  size_t spent = 0;
  for (size_t visits = kFlushPasses * dirty->prompt_count();
       visits > 0 && spent < limits::kTurnWrites; --visits) {
    Connection* const connection = dirty->TakePrompt();
    if (connection == nullptr) break;
    spent += cost(flush(connection));
  }
  if (!fanouts_wait) {
    dirty->BeginCycle();
    for (size_t left = std::max(limits::kWideWrites, spent / 2); left > 0;) {
      Connection* const connection = dirty->TakeWide();
      if (connection == nullptr) break;
      left -= std::min(left, cost(flush(connection)));
    }
    dirty->EndCycle();
  }
  return !dirty->empty();
}

}  // namespace causeway::session
