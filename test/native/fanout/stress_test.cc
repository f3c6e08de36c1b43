// Router writer, three shard threads, full lanes, takeover: what ThreadSanitizer looks at, with the
// promises checked on the way. CAUSEWAY_STRESS_MS sets the duration (1,000).
#include "fanout/shard.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "../session/wire.h"
#include "../stress.h"
#include "session/flush_turn.h"

namespace causeway::fanout {
namespace {

constexpr int kLoops = 3;
constexpr int kLink = 5;
constexpr uint32_t kSteady = 6;   // sessions a loop that stay and subscribe to everything
constexpr uint32_t kMoving = 20;  // sessions a loop that come, go and are taken over

/// Threads other than doctest's cannot assert.
[[noreturn]] void Fail(const char* what) {
  std::fprintf(stderr, "fanout stress: %s\n", what);
  std::abort();
}

std::string TopicOf(unsigned n) {
  if (n % 5 == 0) return "g/" + std::to_string(n % 8);
  return n % 3 == 0 ? "s/" + std::to_string(n % 7) : "m/" + std::to_string(n % 40) + "/x";
}

/// A session's user: reads everything, acknowledges, and knows what may come.
struct User {
  uint32_t generation = 0;
  bool steady = false;
  std::unique_ptr<session::Connection> connection;
  std::string stream;
  std::map<std::string, uint32_t> last_of;  // topic + publisher → number
};

std::shared_ptr<LinkPlan> Plan(uint32_t pool) {
  static const auto metrics = link::NewLinkMetrics(8);
  auto plan = std::make_shared<LinkPlan>();
  plan->self = "here";
  LinkSpec spec;
  spec.index = kLink;
  spec.name = "there";
  spec.enabled = pool > 0;
  spec.topics = link::LinkTopics({"#"});
  spec.pool = {0, std::max(pool, 1u)};
  spec.metrics = metrics;
  spec.buffer_bytes_max = 1 << 16;
  plan->links.push_back(spec);
  plan->enabled = pool > 0 ? uint64_t{1} << kLink : 0;
  return plan;
}

class Stress;

/// One thread with its shard, as transport's loop without sockets.
class Loop final : public ShardHost {
 public:
  Loop(Stress* stress, int index, Fabric* fabric)
      : stress_(stress),
        index_(index),
        shard_(index, fabric, this, &counters_),
        random_(index + 1) {}

  void Post(std::function<void(Loop*)> command) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      commands_.push_back(std::move(command));
      ++posted_;
    }
    WakeUp();
  }
  void WakeUp() {
    const std::lock_guard<std::mutex> lock(sleep_mutex_);
    woken_ = true;
    sleep_.notify_one();
  }
  uint64_t executed() const { return executed_.load(std::memory_order_acquire); }
  uint64_t posted() const { return posted_; }
  /// Any thread: nothing waits here.
  bool quiet() const { return quiet_.load(std::memory_order_acquire); }
  uint64_t received() const { return received_.load(std::memory_order_relaxed); }
  uint64_t pauses() const { return counters_.lane_full_pauses.load(std::memory_order_relaxed); }
  Counters& counters() { return counters_; }
  Shard& shard() { return shard_; }

  void Run();

  // Commands, on the loop.
  void Attach(uint32_t session, uint32_t generation, bool steady);
  void Detach(uint32_t session);
  void End(uint32_t session, uint32_t generation);

  // ShardHost
  void Wake(int loop) override;
  void WorkLeft() override { work_left_ = true; }
  void Unpaused(session::Connection* connection) override {
    if (connection != &publisher_) Fail("a connection that never paused was resumed");
  }

 private:
  void Publish();
  void Flush();
  void Read(uint32_t session, User* user);

  Stress* const stress_;
  const int index_;
  Counters counters_;
  Shard shard_;
  std::mt19937 random_;
  std::mutex mutex_;
  std::vector<std::function<void(Loop*)>> commands_;
  uint64_t posted_ = 0;  // control's
  std::atomic<uint64_t> executed_{0}, received_{0};
  std::atomic<bool> quiet_{false};
  std::mutex sleep_mutex_;
  std::condition_variable sleep_;
  bool woken_ = false, work_left_ = false;
  std::map<uint32_t, User> users_;
  session::Connection publisher_;
  uint32_t published_ = 0;
};

class Stress {
 public:
  explicit Stress(size_t lane_slots) : index_({1, 2}, &epochs_), retained_({3, 4}, {}) {
    fabric_.epochs = &epochs_;
    fabric_.index = &index_;
    fabric_.retained = &retained_;
    fabric_.seed = {5, 6};
    fabric_.loops = kLoops;
    for (int i = 0; i < kLoops * kLoops; ++i)
      fabric_.lanes.push_back(i % (kLoops + 1) == 0 ? nullptr : std::make_unique<Lane>(lane_slots));
    for (int i = 0; i < kLoops; ++i) {
      fabric_.flags.push_back(std::make_unique<SessionFlags>());
      fabric_.flag_views.push_back(fabric_.flags.back().get());
    }
    for (int i = 0; i < kLoops; ++i) loops_.push_back(std::make_unique<Loop>(this, i, &fabric_));
  }

  /// Control for `time`, then silence: everything that waits must end by itself.
  void Run(std::chrono::milliseconds time) {
    std::mt19937 random(99);
    for (auto& loop : loops_)
      for (uint32_t session = 0; session < kSteady; ++session) {
        loop->Post([session](Loop* own) { own->Attach(session, 1, true); });
        Subscribe(loop.get(), session, "s/#", 1);
      }
    std::vector<std::thread> threads;
    for (auto& loop : loops_) threads.emplace_back([&loop] { loop->Run(); });
    const auto until = std::chrono::steady_clock::now() + time;
    while (std::chrono::steady_clock::now() < until) {
      for (int i = 0; i < 50; ++i) Operate(&random);
      Collect();
      std::this_thread::yield();
    }
    publishing.store(false, std::memory_order_relaxed);
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    const auto all_quiet = [this] {
      uint64_t pushed = 0, drained = 0;
      for (auto& loop : loops_) {
        drained += loop->counters().lanes_drained.load(std::memory_order_relaxed);
        if (!loop->quiet() || loop->executed() != loop->posted()) return false;
      }
      for (auto& loop : loops_)
        pushed += loop->counters().lanes_pushed.load(std::memory_order_relaxed);
      return pushed == drained;
    };
    for (auto& loop : loops_) loop->WakeUp();
    while (!all_quiet()) {
      if (std::chrono::steady_clock::now() > patience) Fail("something waits for ever");
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    stopping.store(true, std::memory_order_relaxed);
    for (auto& loop : loops_) loop->WakeUp();
    for (std::thread& thread : threads) thread.join();
  }
  ~Stress() {
    // The loops are gone: what is left is given back in control's order.
    for (auto& [key, filter] : subscribed_) index_.RemoveLocal(filter), index_.Release(filter);
    for (auto& member : members_) {
      bool last = false;
      index_.LeaveGroup(member.filter, "g", member.member, &last);
      index_.Release(member.filter);
    }
    for (router::Filter* filter : routed_) index_.RemoveLink(filter, kLink), index_.Release(filter);
    for (const Limbo& limbo : limbo_) index_.Release(limbo.filter);
    loops_.clear();
  }
  Loop& loop(int i) { return *loops_[static_cast<size_t>(i)]; }

  std::atomic<bool> publishing{true}, stopping{false};

 private:
  struct Limbo {
    Loop* loop;
    uint64_t executed;
    router::Filter* filter;
  };
  struct InGroup {
    Loop* loop;
    router::Filter* filter;
    uint32_t group;
    router::GroupMember member;
  };
  struct Number {
    uint32_t generation = 0;
    bool live = false;
  };
  using Key = std::tuple<Loop*, uint32_t, std::string>;

  void Subscribe(Loop* loop, uint32_t session, const std::string& text, uint32_t generation) {
    const Key key{loop, session, text};
    if (subscribed_.count(key) != 0) return;
    router::Filter* filter = index_.Acquire(text);
    index_.AddLocal(filter);
    subscribed_[key] = filter;
    loop->Post([=](Loop* own) {
      if (session::Session* found = own->shard().Find(session, generation))
        own->shard().AddSubscription(found, {filter, 0, 2, 0, true});
    });
  }
  void Unsubscribe(const Key& key) {
    Loop* loop = std::get<0>(key);
    const uint32_t session = std::get<1>(key);
    router::Filter* filter = subscribed_[key];
    index_.RemoveLocal(filter);
    loop->Post([=](Loop* own) { own->shard().RemoveSubscription(session, filter, 0); });
    limbo_.push_back({loop, loop->posted(), filter});
    subscribed_.erase(key);
  }
  void LeaveGroup(size_t at) {
    const InGroup in = members_[at];
    bool last = false;
    index_.LeaveGroup(in.filter, "g", in.member, &last);
    in.loop->Post([in](Loop* own) {
      own->shard().RemoveSubscription(in.member.session, in.filter, in.group);
    });
    limbo_.push_back({in.loop, in.loop->posted(), in.filter});
    members_[at] = members_.back();
    members_.pop_back();
  }
  void Operate(std::mt19937* random) {
    const int at = static_cast<int>((*random)() % kLoops);
    Loop* loop = loops_[static_cast<size_t>(at)].get();
    const uint32_t session = kSteady + (*random)() % kMoving;
    Number& number = numbers_[{at, session}];
    switch ((*random)() % 9) {
      case 0:  // attach, or take over
        if (!number.live) ++number.generation;
        number.live = true;
        loop->Post([session, generation = number.generation](Loop* own) {
          own->Attach(session, generation, false);
        });
        break;
      case 1:
        if (number.live) loop->Post([session](Loop* own) { own->Detach(session); });
        break;
      case 2: {
        if (!number.live) break;
        number.live = false;
        loop->Post([session, generation = number.generation](Loop* own) {
          own->End(session, generation);
        });
        for (auto it = subscribed_.begin(); it != subscribed_.end();) {
          const Key key = (it++)->first;
          if (std::get<0>(key) == loop && std::get<1>(key) == session) Unsubscribe(key);
        }
        for (size_t i = members_.size(); i-- > 0;)
          if (members_[i].loop == loop && members_[i].member.session == session) LeaveGroup(i);
        break;
      }
      case 3:
      case 4:
        if (number.live)
          Subscribe(loop, session, (*random)() % 4 == 0 ? "m/+/x" : TopicOf((*random)()),
                    number.generation);
        break;
      case 5:
        if (!subscribed_.empty()) {
          auto it = subscribed_.begin();
          std::advance(it, (*random)() % subscribed_.size());
          if (std::get<1>(it->first) >= kSteady) Unsubscribe(Key(it->first));
        }
        break;
      case 6: {
        if (!number.live || members_.size() > 30) break;
        const router::GroupMember member{static_cast<uint8_t>(at), session, number.generation};
        router::Filter* filter = index_.Acquire("g/" + std::to_string((*random)() % 8));
        for (const InGroup& in : members_)
          if (in.filter == filter && in.member == member) return index_.Release(filter);
        bool first = false;
        const uint32_t group =
            index_.JoinGroup(filter, "g", router::Strategy::kRandom, member, &first)->id;
        members_.push_back({loop, filter, group, member});
        loop->Post([=](Loop* own) {
          if (session::Session* found = own->shard().Find(session, member.generation))
            own->shard().AddSubscription(found, {filter, group, 1, 0, false});
        });
        break;
      }
      case 7:
        if (!members_.empty()) LeaveGroup((*random)() % members_.size());
        break;
      default:
        if (routed_.size() < 10) {
          router::Filter* filter = index_.Acquire("m/" + std::to_string(routed_.size()) + "/#");
          index_.AddLink(filter, kLink);
          routed_.push_back(filter);
        } else {
          index_.RemoveLink(routed_.back(), kLink);
          index_.Release(routed_.back());
          routed_.pop_back();
          const auto plan = Plan((*random)() % 4);
          for (auto& one : loops_)
            one->Post([plan](Loop* own) { own->shard().links()->Configure(plan); });
        }
    }
  }
  /// As Engine::ReleaseLimbo.
  void Collect() {
    while (!limbo_.empty() && limbo_.front().loop->executed() >= limbo_.front().executed) {
      index_.Release(limbo_.front().filter);
      limbo_.pop_front();
    }
    epochs_.Collect();
  }

  EpochDomain epochs_;
  router::Index index_;
  retained::RetainedIndex retained_;
  Fabric fabric_;
  std::vector<std::unique_ptr<Loop>> loops_;
  std::map<Key, router::Filter*> subscribed_;
  std::vector<InGroup> members_;
  std::vector<router::Filter*> routed_;
  std::map<std::pair<int, uint32_t>, Number> numbers_;
  std::deque<Limbo> limbo_;
};

void Loop::Wake(int loop) { stress_->loop(loop).WakeUp(); }

void Loop::Attach(uint32_t session, uint32_t generation, bool steady) {
  User& user = users_[session];
  if (user.connection != nullptr) Detach(session);
  if (user.generation != generation) user.last_of.clear();
  user.generation = generation;
  user.steady = steady;
  user.connection = std::make_unique<session::Connection>();
  user.connection->version = mqtt::Version::kMqtt5;
  user.connection->high_watermark_bytes = 1 << 16;
  session::Session* opened = shard_.Open(session, generation);
  opened->persistent = true;
  opened->queue_length_max = steady ? 0 : 50;
  shard_.Attach(opened, user.connection.get(), 0);
}

void Loop::Detach(uint32_t session) {
  User& user = users_[session];
  if (user.connection == nullptr) return;
  // What had left reaches the client; the session remembers the rest.
  Read(session, &user);
  shard_.Detach(user.connection.get());
  user.connection->out.Clear(shard_.sender()->pool());
  user.connection.reset();
  user.stream.clear();
}

void Loop::End(uint32_t session, uint32_t generation) {
  Detach(session);
  if (session::Session* found = shard_.Find(session, generation)) shard_.End(found, 0);
}

void Loop::Publish() {
  const unsigned roll = random_();
  const std::string topic = TopicOf(roll / 16);
  const std::string payload = std::to_string(index_) + ":" + std::to_string(++published_);
  Publication publication;
  publication.topic = topic;
  publication.payload = payload;
  publication.qos = 1;
  publication.retain = roll % 16 == 0;
  publication.client_id = "publisher";
  publication.publisher_loop = static_cast<uint16_t>(index_);
  shard_.Publish(&publication, &publisher_, 0);
}

void Loop::Read(uint32_t session, User* user) {
  user->stream += session::TakeBytes(&user->connection->out, shard_.sender()->pool());
  session::Session* own = shard_.Find(session, user->generation);
  if (own == nullptr || own->connection != user->connection.get())
    Fail("a connection is served by a session that is not its own");
  for (const session::Packet& packet : session::ReadPackets(&user->stream, true)) {
    if (packet.type != mqtt::PacketType::kPublish) continue;
    received_.fetch_add(1, std::memory_order_relaxed);
    // A retained message may be older than a live one of another topic, never of its own.
    const size_t colon = packet.payload.find(':');
    const auto number = static_cast<uint32_t>(std::stoul(packet.payload.substr(colon + 1)));
    // What a group passed on may come behind newer messages; everything else is in order.
    if (!packet.retain && !packet.dup && !packet.topic.starts_with("g/")) {
      uint32_t& last = user->last_of[packet.topic + " " + packet.payload.substr(0, colon)];
      if (number <= last) Fail("out of order, or twice");
      last = number;
    }
    if (packet.id != 0) shard_.sender()->OnPuback(own, packet.id, 0);
  }
  shard_.RoomInOutBuffer(user->connection.get(), 0);
}

void Loop::Flush() {
  const auto flush = [this](session::Connection* connection) -> size_t {
    for (auto& [session, user] : users_)
      if (user.connection.get() == connection) Read(session, &user);
    return 0;
  };
  while (session::FlushTurn(shard_.sender()->dirty(), false, flush)) {
  }
}

void Loop::Run() {
  publisher_.number = 1;
  std::vector<std::function<void(Loop*)>> running;
  while (!stress_->stopping.load(std::memory_order_relaxed)) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      running.swap(commands_);
    }
    for (const auto& command : running) {
      command(this);
      executed_.fetch_add(1, std::memory_order_release);  // pairs with executed()
    }
    running.clear();
    work_left_ = false;
    const bool publishing = stress_->publishing.load(std::memory_order_relaxed);
    for (int i = 0; publishing && i < 8 && !publisher_.fanout_pending; ++i) Publish();
    shard_.Work(0);
    Flush();
    shard_.FlushWakeups();
    shard_.PublishGauges();
    quiet_.store(!work_left_ && shard_.pending_fanouts() == 0, std::memory_order_release);
    std::unique_lock<std::mutex> lock(sleep_mutex_);
    // While it publishes it needs no waking, unless it is paused: then only a wake-up resumes it.
    const bool may_go_on = work_left_ || (publishing && !publisher_.fanout_pending);
    if (!may_go_on && !sleep_.wait_for(lock, std::chrono::seconds(15), [this] { return woken_; }) &&
        publisher_.fanout_pending)
      Fail("a paused publisher was not woken");
    woken_ = false;
  }
  for (auto& [session, user] : users_) Detach(session);
}

}  // namespace

TEST_CASE(
    "a router in motion, full lanes, takeovers: in order, to the living only, nothing waits for "
    "ever") {
  const auto time = StressTime(1200) / 3;
  uint64_t received = 0, pauses = 0;
  for (const size_t lane_slots : {2, 8, 64}) {
    Stress stress(lane_slots);
    stress.Run(time);
    for (int i = 0; i < kLoops; ++i) {
      received += stress.loop(i).received();
      pauses += stress.loop(i).pauses();
    }
  }
  CHECK(received > 0);
  CHECK(pauses > 0);
}

}  // namespace causeway::fanout
