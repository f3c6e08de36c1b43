// The world between brokers: time, chance, who cannot hear whom.
#pragma once

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "broker.h"
#include "clock.h"
#include "ledger.h"

namespace causeway::sim {

struct Network {
  explicit Network(uint32_t seed) : chance(seed) {}

  Clock clock;
  Chance chance;
  Ledger ledger;
  std::vector<Broker> brokers;
  bool calm = false;  // the trouble is over
  std::set<std::pair<int, int>> parted;

  /// One way, milliseconds. Seldom long, so that connections overtake each other.
  int64_t Delay() { return 1 + chance.Below(chance.Percent(90) ? 15 : 400); }
  bool Reaches(int from, int to) const {
    return brokers[static_cast<size_t>(to)].process != nullptr &&
           parted.count({std::min(from, to), std::max(from, to)}) == 0;
  }
  Broker& At(int broker) { return brokers[static_cast<size_t>(broker)]; }
  /// The process of that life, or null when it is over.
  Process* Alive(int broker, int life) {
    Broker& found = At(broker);
    return found.life == life ? found.process.get() : nullptr;
  }
  int64_t WallMs(const Broker& broker) const { return broker.wall_offset_ms + clock.now_ms; }
};

}  // namespace causeway::sim
