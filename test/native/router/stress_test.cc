// One writer, three matching and walking readers, three loops that show and hide: what
// ThreadSanitizer looks at. CAUSEWAY_STRESS_SECONDS sets the duration of the first case (2).
#include "router/route_cache.h"

#include <doctest/doctest.h>

#include <atomic>
#include <bit>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "../../oracle/router_words.h"
#include "../../oracle/topic_match.h"

namespace causeway::router {
namespace {

constexpr int kLoops = 3;
constexpr int kStable = 400;   // filters that are always there, with a member on loop 0
constexpr int kMoving = 3000;  // texts that come and go
constexpr size_t kRetiredMax =
    64 << 20;  // bytes; far above what a round trip of the readers leaves behind

std::chrono::seconds Duration() {
  const char* text = std::getenv("CAUSEWAY_STRESS_SECONDS");
  return std::chrono::seconds(text == nullptr ? 2 : std::atoi(text));
}

std::string StableFilter(int i) {
  const std::string n = std::to_string(i);
  switch (i % 4) {
    case 0:
      return "stable/" + n + "/+";
    case 1:
      return "stable/" + n + "/#";
    case 2:
      return "+/" + n + "/x";
    default:
      return "stable/" + n + "/x";
  }
}
std::string StableTopic(int i) { return "stable/" + std::to_string(i) + "/x"; }

/// Prefixes are shared with the stable ones, so that the same tables grow, shrink and are pruned.
std::string MovingFilter(uint64_t i) {
  const std::string n = std::to_string(i);
  switch (i % 5) {
    case 0:
      return "stable/" + n + "m/+/deep/" + n;
    case 1:
      return "moving/" + n;
    case 2:
      return "stable/" + std::to_string(i % kStable) + "/y/" + n + "/#";
    case 3:
      return "+/" + n + "m/z";
    default:
      return "stable/" + n + "m/x";
  }
}

/// Threads other than doctest's cannot assert.
[[noreturn]] void Fail(const char* what) {
  std::fprintf(stderr, "router stress: %s\n", what);
  std::abort();
}

/// What a text says while its filter is alive; a freed and reused block would not.
void CheckAlive(const Filter* filter) {
  const std::string_view text = filter->text;
  const bool known =
      text.starts_with("stable/") || text.starts_with("+/") || text.starts_with("moving/");
  if (!known || filter->ref.id == 0xFFFFFFFF) Fail("a filter was freed under a reader");
}

/// Control → loop: show or hide this filter; the answer is a count.
struct Commands {
  std::mutex mutex;
  std::deque<std::pair<Filter*, bool>> queue;
  std::atomic<uint64_t> done{0};
};

struct Shared {
  EpochDomain epochs;
  Index index{{17, 23}, &epochs};
  Commands commands[kLoops];
  SessionFlags flags[kLoops];
  std::atomic<bool> ready{false}, stop{false};
  std::atomic<uint64_t> matches{0}, walks{0}, hidden{0};
};

void Reader(Shared* shared, uint64_t seed) {
  oracle::RouterWords random(seed);
  const int slot = shared->epochs.Register();
  const SessionFlags* flags[kLoops];
  for (int i = 0; i < kLoops; ++i) flags[i] = &shared->flags[i];
  std::vector<Filter*> found;
  while (!shared->stop.load(std::memory_order_relaxed)) {
    {
      const EpochGuard guard(&shared->epochs, slot);
      for (int n = 0; n < 100; ++n) {
        const int which = static_cast<int>(random.Below(kStable));
        const std::string topic = StableTopic(which);
        found.clear();
        shared->index.Match(topic, &found);
        bool stable = false;
        for (const Filter* filter : found) {
          CheckAlive(filter);
          if (!oracle::TopicMatches(filter->text, topic))
            Fail("a filter that does not match was found");
          stable |= filter->text == StableFilter(which);
          for (Group* group = filter->groups.load(std::memory_order_acquire); group != nullptr;
               group = group->next.load(std::memory_order_acquire)) {
            GroupMember member;
            if (group->Pick({0, seed, seed, random.Below(~uint64_t{0}), flags}, nullptr, &member) &&
                member.generation != member.session * 7 + member.loop) {
              Fail("a torn member");
            }
          }
        }
        if (!stable) Fail("a filter that is always there was not found");
        found.clear();
        shared->index.Match("never/" + std::to_string(n), &found);
        if (!found.empty()) Fail("a filter that never was is found");
      }
      shared->matches.fetch_add(200, std::memory_order_relaxed);
    }
    std::map<std::string, int> visited;
    for (FilterId from = 0; from != Index::kWalkEnd;) {
      const EpochGuard guard(&shared->epochs, slot);
      from = shared->index.Walk(from, 500, [&](const Filter* filter) {
        CheckAlive(filter);
        ++visited[filter->text];
      });
    }
    for (int i = 0; i < kStable; ++i) {
      if (visited[StableFilter(i)] != 1)
        Fail("a walk missed or repeated a filter that is always there");
    }
    shared->walks.fetch_add(1, std::memory_order_relaxed);
  }
  shared->epochs.Unregister(slot);
}

/// An io loop: owns members, shows and hides as told, looks routes up through its cache between
/// commands.
void Loop(Shared* shared, int self) {
  oracle::RouterWords random(100 + static_cast<uint64_t>(self));
  const int slot = shared->epochs.Register();
  MemberTable members({5, 6});
  RouteCache cache(self, &shared->index, &members, {7, 8}, 200, 1 << 20);
  std::set<const Filter*> shown;
  Commands& commands = shared->commands[self];
  for (;;) {
    std::deque<std::pair<Filter*, bool>> batch;
    {
      const std::lock_guard lock(commands.mutex);
      batch.swap(commands.queue);
    }
    if (batch.empty() && shared->stop.load(std::memory_order_acquire)) break;
    for (const auto& [filter, show] : batch) {
      bool edge = false;
      if (show) {
        members.Add(filter->ref, {.session = 1}, &edge);
        if (edge) shared->index.ShowOnLoop(filter, self);
      } else {
        members.Remove(filter->ref, 1, &edge);
        if (edge) shared->index.HideOnLoop(filter, self);
        shared->hidden.fetch_add(1, std::memory_order_relaxed);
      }
      commands.done.fetch_add(1, std::memory_order_release);
    }
    if (!shared->ready.load(std::memory_order_acquire)) continue;
    const EpochGuard guard(&shared->epochs, slot);
    for (int n = 0; n < 10; ++n) {
      uint64_t hash = 0;
      const Route* route =
          cache.Lookup(StableTopic(static_cast<int>(random.Below(kStable))), &hash);
      // Loop 0 has a member on every stable filter, throughout.
      if (self == 0 ? route->local.empty() : (route->loops & 1) == 0) Fail("a route lost loop 0");
      for (MemberList* list : route->local) {
        if (list->size() == 0 || list->at(0).session != 1) Fail("a route holds a dead list");
      }
      for (const Route::Shared& group : route->groups) {
        if (group.group->name != "g") Fail("a route holds a dead group");
      }
    }
  }
  shared->epochs.Unregister(slot);
}

/// The control thread. Filters are released only when the loops have answered.
class Writer {
 public:
  explicit Writer(Shared* shared) : shared_(shared), random_(99), live_(kMoving) {}

  void MakeStable() {
    for (int i = 0; i < kStable; ++i) {
      Filter* filter = shared_->index.Acquire(StableFilter(i));
      shared_->index.AddLocal(filter);
      Send(0, filter, true);
      stable_.push_back(filter);
    }
    while (shared_->commands[0].done.load(std::memory_order_acquire) < sent_[0])
      std::this_thread::yield();
    shared_->ready.store(true, std::memory_order_release);
  }

  void Step() {
    const uint64_t which = random_.Below(kMoving);
    Moving& moving = live_[which];
    if (moving.filter == nullptr) {
      moving.filter = shared_->index.Acquire(MovingFilter(which));
      moving.loop = static_cast<int>(random_.Below(kLoops));
      Send(moving.loop, moving.filter, true);
    } else if (moving.waits_for == 0) {
      Act(&moving);
    } else if (shared_->commands[moving.loop].done.load(std::memory_order_acquire) >=
               moving.waits_for) {
      shared_->index.Release(moving.filter);
      moving = {};
    }
    Group(stable_[random_.Below(kStable)]);
    size_t retired = shared_->epochs.retired_bytes();
    if (retired > 1 << 20) retired = shared_->epochs.Collect();
    // Readers leave every few hundred microseconds: the writer yields to them, and the rest is
    // bounded.
    while (retired > kRetiredMax / 2) {
      std::this_thread::yield();
      retired = shared_->epochs.Collect();
    }
    retired_max_ = std::max(retired_max_, retired);
  }

  void Finish() {
    for (Moving& moving : live_) {
      if (moving.filter == nullptr) continue;
      if (moving.waits_for == 0) Hide(&moving);
    }
    for (Moving& moving : live_) {
      if (moving.filter == nullptr) continue;
      while (shared_->commands[moving.loop].done.load(std::memory_order_acquire) <
             moving.waits_for) {
        std::this_thread::yield();
      }
      shared_->index.Release(moving.filter);
    }
  }
  size_t retired_max() const { return retired_max_; }

 private:
  struct Moving {
    Filter* filter = nullptr;
    int loop = 0;
    uint64_t waits_for = 0;  // count of the loop's answers after which it has been hidden
  };

  void Send(int loop, Filter* filter, bool show) {
    const std::lock_guard lock(shared_->commands[loop].mutex);
    shared_->commands[loop].queue.emplace_back(filter, show);
    ++sent_[loop];
  }
  void Hide(Moving* moving) {
    for (int link = 0; link < 3; ++link) shared_->index.RemoveLink(moving->filter, link);
    Send(moving->loop, moving->filter, false);
    moving->waits_for = sent_[moving->loop];
  }
  void Act(Moving* moving) {
    switch (random_.Below(4)) {
      case 0:
        shared_->index.AddLink(moving->filter, static_cast<int>(random_.Below(3)));
        break;
      case 1:
        shared_->index.RemoveLink(moving->filter, static_cast<int>(random_.Below(3)));
        break;
      default:
        Hide(moving);
    }
  }
  void Group(Filter* filter) {
    const auto session = static_cast<uint32_t>(random_.Below(30));
    const auto loop = static_cast<uint8_t>(random_.Below(kLoops));
    const GroupMember member{loop, session, session * 7 + loop};
    const auto strategy = static_cast<Strategy>(filter->ref.id % 6);
    bool edge = false;
    if (random_.Below(2) == 0) {
      shared_->index.JoinGroup(filter, "g", strategy, member, &edge);
    } else {
      shared_->index.LeaveGroup(filter, "g", member, &edge);
    }
  }

  Shared* shared_;
  oracle::RouterWords random_;
  std::vector<Moving> live_;
  std::vector<Filter*> stable_;
  uint64_t sent_[kLoops] = {};
  size_t retired_max_ = 0;
};

TEST_CASE("readers always find what is always there, never what never was, and nothing freed") {
  auto shared = std::make_unique<Shared>();
  Writer writer(shared.get());
  std::vector<std::thread> threads;
  for (int i = 0; i < kLoops; ++i) threads.emplace_back(Loop, shared.get(), i);
  writer.MakeStable();
  for (uint64_t i = 0; i < 3; ++i) threads.emplace_back(Reader, shared.get(), i + 1);

  uint64_t steps = 0;
  const auto end = std::chrono::steady_clock::now() + Duration();
  for (; steps % 64 != 0 || std::chrono::steady_clock::now() < end; ++steps) writer.Step();
  writer.Finish();
  shared->stop.store(true, std::memory_order_release);
  for (std::thread& thread : threads) thread.join();

  CHECK(shared->epochs.Collect() == 0);
  CHECK(shared->epochs.retired_bytes() == 0);
  CHECK(writer.retired_max() < kRetiredMax);
  CHECK(shared->index.size() == kStable);
  CHECK(shared->matches > 0);
  CHECK(shared->walks > 0);
  CHECK(shared->hidden > 0);
  MESSAGE("writer steps " << steps << ", matches " << shared->matches.load() << ", walks "
                          << shared->walks.load() << ", hides " << shared->hidden.load()
                          << ", retired at most " << writer.retired_max() << " B");
}

TEST_CASE("what a reader finds right after entering is not freed under it") {
  // The writer unlinks and collects without a pause, the reader enters, matches, dawdles and only
  // then reads: a collector that overlooks a reader frees the filter in between. A sanitizer says
  // so.
  EpochDomain epochs;
  Index index({1, 2}, &epochs);
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> found_any{0};
  std::thread reader([&] {
    const int slot = epochs.Register();
    std::vector<Filter*> found;
    while (!stop.load(std::memory_order_relaxed)) {
      found.clear();
      const EpochGuard guard(&epochs, slot);
      index.Match("x", &found);
      if (found.empty()) continue;
      for (int i = 0; i < 100; ++i) (void)stop.load(std::memory_order_relaxed);
      if (found[0]->text != "x" || found[0]->ref.id != 0) Fail("a filter was freed under a reader");
      found_any.fetch_add(1, std::memory_order_relaxed);
    }
    epochs.Unregister(slot);
  });
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  for (uint64_t n = 0; n % 64 != 0 || std::chrono::steady_clock::now() < end; ++n) {
    Filter* filter = index.Acquire("x");
    for (uint64_t i = 0; i < n % 97; ++i) (void)found_any.load(std::memory_order_relaxed);
    index.Release(filter);
    epochs.Collect();
  }
  stop.store(true);
  reader.join();
  CHECK(epochs.Collect() == 0);
  CHECK(found_any > 0);
}

TEST_CASE("a change that has been announced is seen through the cache by another thread") {
  // In each round the writer adds link after link to one filter and announces (round, links added).
  // Who has read the announcement must find at least that many. This is the order mask → generation
  // of Index: the other way round the reader now and then keeps the old mask under the new
  // generation, so the writer waits after each change until it has looked again.
  constexpr uint64_t kLinks = 64, kRoundsMax = 3000;
  EpochDomain epochs;
  Index index({1, 2}, &epochs);
  Filter* filters[2] = {index.Acquire("a/0/+"), index.Acquire("a/1/+")};
  std::atomic<uint64_t> announced{0};  // round << 8 | links
  std::atomic<uint64_t> stale{0}, looked{0};
  std::atomic<bool> stop{false};
  std::thread reader([&] {
    const int slot = epochs.Register();
    MemberTable members({3, 4});
    RouteCache cache(63, &index, &members, {5, 6}, 10, 1 << 16);
    for (uint64_t n = 1; !stop.load(std::memory_order_relaxed); ++n) {
      const EpochGuard guard(&epochs, slot);
      const uint64_t before = announced.load(std::memory_order_acquire);
      uint64_t hash = 0;
      const Route* route = cache.Lookup((before >> 8) % 2 == 0 ? "a/0/x" : "a/1/x", &hash);
      const auto links = static_cast<uint64_t>(std::popcount(route->links));
      // A round later the filter is being emptied; then nothing can be said.
      if (announced.load(std::memory_order_acquire) >> 8 == before >> 8 &&
          links < (before & 0xFF)) {
        stale.fetch_add(1, std::memory_order_relaxed);
      }
      looked.store(n, std::memory_order_release);
    }
    epochs.Unregister(slot);
  });
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  uint64_t round = 1;
  for (; round <= kRoundsMax && std::chrono::steady_clock::now() < end; ++round) {
    announced.store(round << 8, std::memory_order_release);
    for (uint64_t link = 0; link < kLinks; ++link) {
      index.AddLink(filters[round % 2], static_cast<int>(link));
      announced.store(round << 8 | (link + 1), std::memory_order_release);
      const uint64_t enough = looked.load(std::memory_order_acquire) + 3;
      for (int spins = 0; looked.load(std::memory_order_acquire) < enough; ++spins) {
        if (spins > 2000) std::this_thread::yield();  // the reader may share our core
      }
    }
    for (uint64_t link = 0; link < kLinks; ++link)
      index.RemoveLink(filters[(round + 1) % 2], static_cast<int>(link));
  }
  stop.store(true);
  reader.join();
  CHECK(round > 1);
  CHECK(stale == 0);
}

}  // namespace
}  // namespace causeway::router
