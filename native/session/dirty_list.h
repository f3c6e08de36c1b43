// Connections of one loop that have bytes to write, and in which order they are written.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/linked_list.h"
#include "session/connection.h"

namespace causeway::session {

/// Two rows. In the one stands who has an acknowledgement, an answer, or a message that few others
/// get; in the other, who got bytes from a wide fan-out and nothing else. So whoever wants little
/// never stands behind 20,000 receivers of one message. A connection stands in one row at most, and
/// has one out-buffer: what it is sent keeps its order whichever row it is in.
///
/// The wide row is written in cycles: who gets dirty while one is being written belongs to the
/// next. What wide fan-outs deliver from the end of one cycle to the end of the next is bounded
/// (limits::kWideCycleBytes), and with it what waits for us alone in the out-buffers.
///
///     Add ──▶ prompt ──────────────────────────────▶ TakePrompt
///     Add, wide ──▶ next ═ BeginCycle ═▶ cycle ────▶ TakeWide
///
/// Adding and forgetting cost the same however many there are. Single-threaded.
class DirtyList {
 public:
  /// At the end of its row, unless it is there already. From the wide row it moves to the prompt
  /// one, never back.
  void Add(Connection* connection) {
    if (connection->dirty >= adding_) return;
    if (connection->dirty != Dirty::kNo) LinkedList<Connection>::Remove(connection);
    connection->dirty = adding_;
    if (adding_ == Dirty::kPrompt) {
      ++prompt_count_;
      prompt_.Append(connection);
    } else {
      next_.Append(connection);
    }
  }
  void Forget(Connection* connection) {
    if (connection->dirty == Dirty::kNo) return;
    if (connection->dirty == Dirty::kPrompt) --prompt_count_;
    connection->dirty = Dirty::kNo;
    LinkedList<Connection>::Remove(connection);
  }

  /// While it lives, what is added stands in the wide row.
  class Wide {
   public:
    Wide(DirtyList* list, bool wide) : list_(list) {
      if (wide) list_->adding_ = Dirty::kWide;
    }
    ~Wide() { list_->adding_ = Dirty::kPrompt; }
    Wide(const Wide&) = delete;
    Wide& operator=(const Wide&) = delete;

   private:
    DirtyList* const list_;  // borrowed
  };

  bool empty() const { return prompt_.empty() && !wide(); }
  /// Somebody stands in the wide row.
  bool wide() const { return !cycle_.empty() || !next_.empty(); }
  /// After a turn: wide fan-outs have reached somebody again whom this cycle has written, or who is
  /// not in it. They come faster than cycles end.
  bool behind() const { return !next_.empty(); }
  size_t prompt_count() const { return prompt_count_; }
  /// Who is next, out of the row; null: nobody.
  Connection* TakePrompt() { return Take(&prompt_); }
  /// Unless one is being written: everybody in the wide row is what the next cycle writes.
  void BeginCycle() {
    if (cycle_.empty()) cycle_.AppendAll(&next_);
  }
  /// Who is next of the cycle, out of the row; null: it is written.
  Connection* TakeWide() { return Take(&cycle_); }
  /// If the cycle is written.
  void EndCycle() {
    if (cycle_.empty()) ++cycles_;
  }
  /// Cycles written so far, those of nobody included.
  uint64_t cycles() const { return cycles_; }

 private:
  Connection* Take(LinkedList<Connection>* row) {
    Connection* const connection = row->front();
    if (connection == nullptr) return nullptr;
    if (row == &prompt_) --prompt_count_;
    connection->dirty = Dirty::kNo;
    LinkedList<Connection>::Remove(connection);
    return connection;
  }

  Dirty adding_ = Dirty::kPrompt;
  size_t prompt_count_ = 0;
  uint64_t cycles_ = 0;
  LinkedList<Connection> prompt_, cycle_, next_;
};

}  // namespace causeway::session
