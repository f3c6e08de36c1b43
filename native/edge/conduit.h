// One WebSocket connection as the edge thread and its io loop share it: a pipe each way, and what
// each side says about its end.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "edge/byte_pipe.h"

namespace causeway::edge {

/// What all conduits of a process have together; gauges, relaxed.
struct Totals {
  std::atomic<int64_t> conduits{0};
  std::atomic<int64_t> bytes{0};
};

/// Owner: shared by the edge thread's table and the socket's RingStream; the last of them frees it,
/// with whatever bytes are left. Nobody waits for the other side to let go.
struct Conduit {
  Conduit(uint32_t edge_id, uint32_t edge_epoch, uint32_t number, int first_loop, bool pausable,
          Totals* all)
      : id(edge_id),
        epoch(edge_epoch),
        connection(number),
        may_pause(pausable),
        up(&all->bytes),
        down(&all->bytes),
        loop(first_loop),
        totals(all) {
    totals->conduits.fetch_add(1, std::memory_order_relaxed);
  }
  Conduit(const Conduit&) = delete;
  Conduit& operator=(const Conduit&) = delete;
  ~Conduit() { totals->conduits.fetch_sub(1, std::memory_order_relaxed); }

  const uint32_t id;          // the edge thread's name for it, while `epoch` lasts
  const uint32_t epoch;       // of the edge thread that opened it: a later one never sees it
  const uint32_t connection;  // its number in the engine
  const bool may_pause;       // its socket can be told not to read

  BytePipe up;    // from the client
  BytePipe down;  // to the client

  /// The loop that reads `up`. Written by that loop before it looks into the pipe, read by the edge
  /// after it pushed: seq_cst on both sides, so one of them sees the other's step.
  std::atomic<int> loop;
  /// Edge, once: nothing more comes. Release after the last push; the loop's acquire sees that
  /// push.
  std::atomic<bool> peer_gone{false};
  /// Edge, once: more came than may wait, or it waited too long. Release, as above.
  std::atomic<bool> overrun{false};
  /// Loop: it does not read `up` until something else has happened. Relaxed: the edge only decides
  /// by it whether waiting helps, and looks again soon.
  std::atomic<bool> unread{false};
  /// Loop, once: what is in `down` is all. Release after the last push, acquired by the edge.
  std::atomic<bool> output_ended{false};
  /// Loop, once: its socket is gone, nobody reads or writes here any more. Release, acquired by the
  /// edge.
  std::atomic<bool> released{false};

  // The edge thread's own.
  bool held = false;        // its socket has enough: `down` waits
  bool end_told = false;    // the script knows that the output has ended
  bool queued = false;      // in the list of those to look at
  bool paused = false;      // `up` is above its mark
  bool pause_told = false;  // the script knows
  int64_t paused_since_ms = 0;

 private:
  Totals* const totals;
};

}  // namespace causeway::edge
