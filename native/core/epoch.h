// Epoch-based reclamation: what readers may still see is freed only after every reader has moved
// on.
#pragma once

#include <atomic>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>

namespace causeway {

/// Readers: registered threads, by slot. Writer: one thread retires and collects.
/// A reader holds an epoch for 1 ms or so (design.md §4): walks are cut into steps, and a loop
/// stays in one for the packets of one read, whose deliveries limits::kTurnDeliveries bounds.
/// Longer means only that freeing waits.
///
///   writer   unlink X ── Retire(X) tagged e=7 ── Collect: epoch := 8, fence, scan slots ── 7 <
///   oldest? free X reader   Enter: slot := epoch, fence ── follow links ── Leave: slot := 0
///
/// A reader whose slot shows 8 read the epoch after X was unlinked and cannot reach it; one that
/// shows 7 or less may.
class EpochDomain {
 public:
  static constexpr int kSlots = 192;

  EpochDomain() = default;
  EpochDomain(const EpochDomain&) = delete;
  EpochDomain& operator=(const EpochDomain&) = delete;
  /// Frees everything still retired. CHECKs that no reader is inside.
  ~EpochDomain();

  /// A slot for the calling reader; cold, takes a lock. CHECKs when kSlots are in use.
  int Register();
  void Unregister(int slot);

  /// Hot. Between Enter and Leave, nothing reachable at Enter or later is freed. Not re-entrant.
  void Enter(int slot);
  void Leave(int slot);

  /// Writer. `object` is already unreachable for readers that enter from now on.
  void Retire(void* object, void (*destroy)(void*), size_t bytes);
  /// Writer. Frees what no reader can hold; returns the bytes still waiting. Cost: the slots ever
  /// used, plus what it frees. `destroy` may Retire more.
  size_t Collect();
  /// Any thread: gauge of bytes retired and not yet freed.
  size_t retired_bytes() const;

 private:
  static constexpr uint64_t kIdle = 0;

  /// A line each: Enter and Leave of one reader never disturb another's.
  struct alignas(64) Slot {
    std::atomic<uint64_t> epoch{kIdle};  // written by the slot's reader only
  };
  struct Retired {
    void* object;
    void (*destroy)(void*);
    size_t bytes;
    uint64_t epoch;  // the global epoch when it was retired
  };

  uint64_t OldestReader() const;

  Slot slots_[kSlots];
  alignas(64) std::atomic<uint64_t> epoch_{1};  // written by the writer only
  std::atomic<int> slots_ever_used_{0};         // how far Collect has to look; only grows

  alignas(64) std::deque<Retired> retired_;  // writer's own, oldest first
  std::atomic<size_t> retired_bytes_{0};     // written by the writer, a gauge for everybody

  std::mutex registration_;
  std::bitset<kSlots> in_use_;  // under registration_
};

/// Enter/Leave as a scope.
class EpochGuard {
 public:
  EpochGuard(EpochDomain* domain, int slot) : domain_(domain), slot_(slot) {
    domain_->Enter(slot_);
  }
  ~EpochGuard() { domain_->Leave(slot_); }
  EpochGuard(const EpochGuard&) = delete;
  EpochGuard& operator=(const EpochGuard&) = delete;

 private:
  EpochDomain* domain_;
  int slot_;
};

}  // namespace causeway
