// Inbound QoS 2: which packet ids wait for their PUBREL, and for how long. MQTT 5.0 §4.3.3.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "session/packet_id_set.h"

namespace causeway::session {

/// Three generations of packet ids: the oldest is forgotten as a whole, so a time costs no memory
/// of its own. An id stays for `timeout_ms` at least and for half as much longer at most; time
/// without a connection does not count, for then nobody could send a PUBREL. Single-threaded.
/// Bound: the caller's receive maximum, asked through size().
class AwaitingRelease {
 public:
  /// False: it was there already.
  bool Insert(uint16_t id) {
    if (ids_ == nullptr) ids_ = std::make_unique<Generations>();
    return !ids_->older.Contains(id) && !ids_->oldest.Contains(id) && ids_->youngest.Insert(id);
  }
  /// False: it was not there.
  bool Erase(uint16_t id) {
    return ids_ != nullptr &&
           (ids_->youngest.Erase(id) || ids_->older.Erase(id) || ids_->oldest.Erase(id));
  }
  uint32_t size() const {
    return ids_ == nullptr ? 0 : ids_->youngest.size() + ids_->older.size() + ids_->oldest.size();
  }

  /// A connection begins: what is there gets the whole time again.
  void Restart(int64_t now_ms) { turned_ms_ = now_ms; }
  /// Forgets what is too old; returns how many that were.
  uint32_t Forget(int64_t now_ms, uint32_t timeout_ms) {
    const int64_t turn_ms = (int64_t{timeout_ms} + 1) / 2;
    uint32_t forgotten = 0;
    for (int turn = 0; ids_ != nullptr && turn < 3 && now_ms - turned_ms_ >= turn_ms; ++turn) {
      forgotten += ids_->oldest.size();
      ids_->oldest = std::move(ids_->older);
      ids_->older = std::move(ids_->youngest);
      ids_->youngest.Clear();
      turned_ms_ += turn_ms;
    }
    if (now_ms - turned_ms_ >= turn_ms) turned_ms_ = now_ms;  // nothing is left to age
    return forgotten;
  }

 private:
  struct Generations {
    PacketIdSet youngest, older, oldest;
  };

  std::unique_ptr<Generations> ids_;  // null until the first
  int64_t turned_ms_ = 0;
};

}  // namespace causeway::session
