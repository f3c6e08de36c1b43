// What a linked cluster's message client sent last: after a reconnect it sends again what we had
// not acknowledged, and we have published some of that already. Source: design.md §9 "Pool order";
// docs/protocol/cluster-link.md "Receiver".
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/hash.h"
#include "core/limits.h"

namespace causeway::link {

/// The last message ids of one sender, as keyed hashes of 64 bits: two ids of a full window are
/// taken for one once in 2^38 times. Grows by doubling up to `ids_max`, then the oldest go.
class RepeatWindow {
 public:
  explicit RepeatWindow(size_t ids_max) : ids_max_(ids_max) {}
  /// False when the id is among the last ones already.
  bool Insert(uint64_t id);
  size_t size() const { return count_; }

 private:
  size_t SlotOf(uint64_t id) const;  // where it is, or the free slot where it would be
  void Grow();
  void Forget(uint64_t id);

  const size_t ids_max_;
  std::vector<uint64_t> order_;  // a ring: the oldest at head_
  std::vector<uint64_t> slots_;  // open addressing, twice as large as the ring; 0: free
  size_t head_ = 0;
  size_t count_ = 0;
};

/// The windows of all senders of one loop, by (cluster, client id): a client id has one home, so no
/// other loop meets it. Thread: the loop's.
/// Bound: `clients_max` windows. Full: the one unused for longest goes; its sender's repetitions
/// pass once.
class RepeatWindows {
 public:
  RepeatWindows(HashSeed seed, size_t clients_max = limits::kRepeatClients,
                size_t ids_max = limits::kRepeatIds)
      : seed_(seed), clients_max_(clients_max), ids_max_(ids_max) {}
  /// Whether this message has been here before. An id of another length than EMQX's and ours names
  /// nothing and is never a repetition.
  bool IsRepeated(int link, std::string_view client_id, std::string_view message_id);
  size_t clients() const { return windows_.size(); }

 private:
  struct Entry {
    explicit Entry(size_t ids_max) : window(ids_max) {}
    RepeatWindow window;
    uint64_t used = 0;
  };
  void DropOldest();

  const HashSeed seed_;
  const size_t clients_max_;
  const size_t ids_max_;
  std::unordered_map<uint64_t, Entry> windows_;  // by hash of client id and link
  uint64_t uses_ = 0;
};

}  // namespace causeway::link
