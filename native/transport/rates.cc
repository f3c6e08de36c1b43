// Clients that are faster than they may be: not read until there are tokens. Nothing is dropped.
#include <algorithm>

#include "core/clock.h"
#include "core/limits.h"
#include "transport/io_loop.h"

namespace causeway::transport {

/// True when the client, or all of its listener together, have used up their rate: it is read again
/// when there are tokens.
bool IoLoop::PausedByRate(Socket* socket) {
  const int64_t own_ms = socket->rate->Wait(now_ms_);
  const int64_t wait_ms = std::max(own_ms, socket->rate->total->Wait(now_ms_));
  if (wait_ms == 0) return false;
  socket->rate_limited = true;
  rate_waiters_.Add(socket->number, now_ms_ + wait_ms);
  Bump(own_ms != 0 ? counters_.rate_limited_pauses : counters_.rate_total_pauses);
  ArmResume();
  return true;
}

/// Whoever finds no tokens after all, because others of its listener took them, waits again behind
/// those who have waited longer.
void IoLoop::ResumeRateLimited() {
  now_ms_ = MonotonicMs();
  for (size_t i = 0; i < limits::kTurnRateResumes; ++i) {
    const uint32_t number = rate_waiters_.TakeDue(now_ms_);
    if (number == 0) break;
    Socket* socket = FindSocket(number);
    if (socket == nullptr || !socket->rate_limited) continue;
    socket->rate_limited = false;
    if (!PausedByRate(socket)) Resume(socket);
  }
  ArmResume();
}

/// The timer rings for whoever is due first, a millisecond from now at the earliest.
void IoLoop::ArmResume() {
  const int64_t due_ms = std::max(rate_waiters_.next_due_ms(), now_ms_ + 1);
  if (rate_waiters_.empty() || due_ms >= resume_armed_ms_) return;
  resume_armed_ms_ = due_ms;
  uv_timer_start(
      &resume_timer_,
      [](uv_timer_t* timer) {
        auto* loop = static_cast<IoLoop*>(timer->data);
        loop->resume_armed_ms_ = RateWaiters::kNever;
        loop->ResumeRateLimited();
        loop->EndTurn();
      },
      static_cast<uint64_t>(due_ms - now_ms_), 0);
}

}  // namespace causeway::transport
