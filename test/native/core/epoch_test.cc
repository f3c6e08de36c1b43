#include "core/epoch.h"

#include <atomic>
#include <thread>
#include <vector>

#include "meeting.h"

#include <doctest/doctest.h>

namespace causeway {
namespace {

struct Tracked {
  int* freed;
};

void RetireTracked(EpochDomain* epochs, int* freed, size_t bytes = 100) {
  epochs->Retire(
      new Tracked{freed},
      [](void* object) {
        auto* tracked = static_cast<Tracked*>(object);
        ++*tracked->freed;
        delete tracked;
      },
      bytes);
}

TEST_CASE("what was retired is freed at once when nobody reads") {
  EpochDomain epochs;
  const int slot = epochs.Register();
  int freed = 0;
  RetireTracked(&epochs, &freed);
  RetireTracked(&epochs, &freed);
  CHECK(freed == 0);
  CHECK(epochs.retired_bytes() == 200);
  CHECK(epochs.Collect() == 0);
  CHECK(freed == 2);
  CHECK(epochs.retired_bytes() == 0);
  epochs.Unregister(slot);
}

TEST_CASE("a stuck reader keeps everything retired since it entered, and the gauge says how much") {
  EpochDomain epochs;
  const int stuck = epochs.Register();
  const int lively = epochs.Register();
  int before = 0, after = 0;

  RetireTracked(&epochs, &before);
  epochs.Collect();
  CHECK(before == 1);

  epochs.Enter(stuck);
  for (int round = 0; round < 1000; ++round) {
    const EpochGuard guard(&epochs, lively);
    RetireTracked(&epochs, &after);
    CHECK(epochs.Collect() == 100u * (round + 1));
  }
  CHECK(after == 0);
  CHECK(epochs.retired_bytes() == 100'000);

  epochs.Leave(stuck);
  CHECK(epochs.Collect() == 0);
  CHECK(after == 1000);
  epochs.Unregister(stuck);
  epochs.Unregister(lively);
}

TEST_CASE("a reader that enters later does not keep what was retired before") {
  EpochDomain epochs;
  const int first = epochs.Register();
  const int second = epochs.Register();
  int old_one = 0, new_one = 0;
  epochs.Enter(first);
  RetireTracked(&epochs, &old_one);
  epochs.Collect();  // the epoch moves on, `first` holds the object
  CHECK(old_one == 0);

  epochs.Enter(second);
  RetireTracked(&epochs, &new_one);
  epochs.Leave(first);
  CHECK(epochs.Collect() == 100);
  CHECK(old_one == 1);
  CHECK(new_one == 0);

  epochs.Leave(second);
  CHECK(epochs.Collect() == 0);
  CHECK(new_one == 1);
  epochs.Unregister(first);
  epochs.Unregister(second);
}

TEST_CASE("what a destroy callback retires waits for the next collection") {
  EpochDomain epochs;
  struct Nested {
    EpochDomain* epochs;
    int* freed;
  };
  int freed = 0;
  epochs.Retire(
      new Nested{&epochs, &freed},
      [](void* object) {
        auto* nested = static_cast<Nested*>(object);
        RetireTracked(nested->epochs, nested->freed, 7);
        delete nested;
      },
      1);
  CHECK(epochs.Collect() == 7);
  CHECK(freed == 0);
  CHECK(epochs.Collect() == 0);
  CHECK(freed == 1);
}

TEST_CASE("slots are handed out again, all of them") {
  EpochDomain epochs;
  for (int round = 0; round < 2; ++round) {
    std::vector<int> slots;
    for (int i = 0; i < EpochDomain::kSlots; ++i) slots.push_back(epochs.Register());
    int freed = 0;
    epochs.Enter(slots.back());
    RetireTracked(&epochs, &freed);
    epochs.Collect();
    CHECK(freed == 0);  // the scan reaches the last slot
    epochs.Leave(slots.back());
    epochs.Collect();
    CHECK(freed == 1);
    for (const int slot : slots) epochs.Unregister(slot);
  }
}

TEST_CASE("the domain frees what is left when it goes") {
  int freed = 0;
  {
    EpochDomain epochs;
    RetireTracked(&epochs, &freed);
  }
  CHECK(freed == 1);
}

struct Entry {
  std::atomic<bool> linked{true};    // stands for the pointer that leads to the object
  bool freed = false;                // writer's, by the destroy callback
  bool reader_saw = false;           // reader's
  bool freed_beside_reader = false;  // writer's
};

// Store → load on both sides: a reader marks its slot and then looks, the writer unlinks and then
// looks at the slots. The reader stays inside until the writer has collected, so every violation
// counts, not only one that lasts.
TEST_CASE("a reader that still found an object is seen by the collection, 200,000 times") {
  constexpr size_t kRounds = 200'000;
  EpochDomain epochs;
  std::vector<Entry> entries(kRounds);
  Meeting meeting;
  std::thread reader([&] {
    const int slot = epochs.Register();
    Aim aim(Aim::kLeft);
    for (size_t i = 0; i < kRounds; ++i) {
      meeting.Arrive();
      aim.Wait(i);
      epochs.Enter(slot);
      // Relaxed: what orders this load behind the mark in the slot is the fence in Enter, and
      // nothing else.
      entries[i].reader_saw = entries[i].linked.load(std::memory_order_relaxed);
      meeting.Arrive();
      aim.Learn(entries[i].reader_saw);
      epochs.Leave(slot);
    }
    epochs.Unregister(slot);
  });
  Aim aim(Aim::kRight);
  for (Entry& entry : entries) {
    meeting.Arrive();
    aim.Wait(static_cast<size_t>(&entry - entries.data()));
    entry.linked.store(false, std::memory_order_relaxed);  // ordered by the fence in Collect
    epochs.Retire(&entry, [](void* object) { static_cast<Entry*>(object)->freed = true; }, 1);
    epochs.Collect();
    entry.freed_beside_reader = entry.freed;
    meeting.Arrive();
    aim.Learn(entry.reader_saw);
  }
  reader.join();
  CHECK(epochs.Collect() == 0);
  size_t saw = 0, freed_too_early = 0, freed = 0;
  for (const Entry& entry : entries) {
    saw += entry.reader_saw;
    freed += entry.freed;
    freed_too_early += entry.reader_saw && entry.freed_beside_reader;
  }
  CHECK(freed_too_early == 0);
  CHECK(freed == kRounds);
  CHECK(saw > 0);  // else they never met
  CHECK(saw < kRounds);
}

// The object is overwritten before it is freed, so a reader that still sees it fails in every
// build, not only under ASan.
TEST_CASE("readers never see freed memory while the writer replaces what they read") {
  constexpr uint64_t kAlive = 0xA11FE, kDead = 0xDEAD;
  constexpr int kReplacements = 100'000;
  struct Box {
    uint64_t first = kAlive, last = kAlive;
  };
  EpochDomain epochs;
  std::atomic<Box*> current{new Box};
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> dead_seen{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      const int slot = epochs.Register();
      while (!stop.load(std::memory_order_relaxed)) {
        for (int visit = 0; visit < 64; ++visit) {
          const EpochGuard guard(&epochs, slot);
          const Box* box = current.load(std::memory_order_acquire);
          if (box->first != kAlive || box->last != kAlive) {
            dead_seen.fetch_add(1, std::memory_order_relaxed);
          }
        }
      }
      epochs.Unregister(slot);
    });
  }
  for (int i = 0; i < kReplacements; ++i) {
    Box* old_box = current.exchange(new Box, std::memory_order_acq_rel);
    epochs.Retire(
        old_box,
        [](void* object) {
          auto* box = static_cast<Box*>(object);
          box->first = box->last = kDead;
          delete box;
        },
        sizeof(Box));
    epochs.Collect();
  }
  stop.store(true, std::memory_order_relaxed);
  for (std::thread& reader : readers) reader.join();
  CHECK(epochs.Collect() == 0);
  CHECK(dead_seen.load() == 0);
  delete current.load();
}

}  // namespace
}  // namespace causeway
