// What goes to the broker: as fast as a window allows, or by a schedule that does not wait for it.
#include <sys/timerfd.h>

#include <algorithm>
#include <cmath>

#include "core/clock.h"
#include "core/limits.h"
#include "loadgen/stamp.h"
#include "loadgen/worker.h"
#include "mqtt/encode.h"

namespace causeway::loadgen {
namespace {

/// Between two looks at whether windows move at all, and how long one stands still before what is
/// in it is given up.
constexpr int64_t kStallLookNs = 100'000'000;
constexpr int64_t kStallNs = 1'000'000'000;
/// A schedule that is denser than this is kept in steps of this.
constexpr int64_t kTickNsMin = 50'000;

}  // namespace

void Worker::StartSchedule() {
  const size_t here = plan_.churners == 0 ? publishers_.size() : first_.size();
  const uint32_t all = plan_.churners == 0 ? plan_.publishers : plan_.churners;
  rate_here_ = here == 0 ? 0 : plan_.rate * static_cast<double>(here) / all;
  schedule_start_ns_ = MonotonicNs();
}

int64_t Worker::DueNs(uint64_t number) const {
  return schedule_start_ns_ + static_cast<int64_t>(static_cast<double>(number) * 1e9 / rate_here_);
}

uint64_t Worker::DueBy(int64_t now_ns) const {
  if (rate_here_ == 0) return 0;
  const auto elapsed_ns = static_cast<double>(now_ns - schedule_start_ns_);
  return static_cast<uint64_t>(elapsed_ns * rate_here_ / 1e9) + 1;  // the first at the start
}

void Worker::AwaitNextDue(int64_t now_ns) {
  if (rate_here_ == 0) return;
  const int64_t at_ns = std::max(DueNs(scheduled_), now_ns + kTickNsMin);
  itimerspec once{};
  once.it_value = {.tv_sec = at_ns / 1'000'000'000, .tv_nsec = at_ns % 1'000'000'000};
  timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &once, nullptr);
}

/// Sends what is due. Every message carries the time it was due, whenever it really goes: a broker
/// or a generator that falls behind shows in the latency instead of hiding there.
void Worker::Pace(int64_t now_ns) {
  const uint64_t due = DueBy(now_ns);
  size_t skipped = 0;
  while (scheduled_ < due) {
    Client* const client = publishers_[next_in_turn_];
    next_in_turn_ = next_in_turn_ + 1 == publishers_.size() ? 0 : next_in_turn_ + 1;
    const int64_t due_ns = DueNs(scheduled_);
    if (client->state == State::kReady &&
        client->out.size() < limits::kLoadOutBytesMax + plan_.payload_bytes &&
        PublishOne(client, due_ns)) {
      ++scheduled_;
      skipped = 0;
      ToFlush(client);
    } else if (++skipped >= publishers_.size()) {
      ++counts_.late;
      return;
    }
  }
}

void Worker::PumpAll(int64_t now_ns) {
  if (!alone_) {
    for (Client* client : publishers_) ToPump(client);
  }
  // Pump puts back who could send more at once; those wait for the next turn.
  std::vector<Client*> these;
  these.swap(to_pump_);
  for (Client* client : these) {
    client->pumping = false;
    if (Pump(client, now_ns)) ToPump(client);
  }
  if (to_pump_.empty()) {  // keep the capacity
    these.clear();
    to_pump_.swap(these);
  }
}

/// Fills a publisher's window; true when it could have sent more.
bool Worker::Pump(Client* client, int64_t now_ns) {
  const size_t chunk = std::max<size_t>(limits::kLoadChunkBytes, plan_.payload_bytes);
  if (client->state != State::kReady || client->out.size() >= chunk) return false;
  const uint64_t gone =
      state_->credits[client->number].load(std::memory_order_relaxed) + client->given_up;
  while (client->expected < gone + window_each_) {
    if (client->out.size() >= chunk) {
      ToFlush(client);
      return true;
    }
    if (!PublishOne(client, now_ns)) break;
  }
  if (!client->out.empty()) ToFlush(client);
  return false;
}

/// Appends one message; false when the client may not send one now.
bool Worker::PublishOne(Client* client, int64_t sent_ns) {
  if (plan_.messages_each > 0 && client->sequence >= plan_.messages_each) return false;
  mqtt::PublishOut publish;
  if (plan_.publish_qos > 0) {
    publish.packet_id = client->ids.Take();
    if (publish.packet_id == 0) return false;
  }
  uint64_t receivers = plan_.pattern == Pattern::kNone ? 0 : plan_.subscribers;
  publish.topic = client->topic;
  std::string topic;
  if (plan_.pattern == Pattern::kSpace) {
    const uint32_t index = random_.Below(state_->space->size());
    publish.topic = state_->space->topic(index);
    receivers = state_->space->receivers(index);
  } else if (plan_.pattern == Pattern::kRetained) {
    topic = client->topic + std::to_string(client->sequence);
    publish.topic = topic;
    publish.retain = true;
  } else if (plan_.pattern == Pattern::kOwnTopic || plan_.pattern == Pattern::kShared) {
    receivers = std::min(receivers, uint64_t{1});
  }
  publish.qos = plan_.publish_qos;
  const Stamp stamp{plan_.run, client->number, client->sequence++, sent_ns};
  publish.payload = plan_.clear ? std::string_view() : std::string_view(state_->filler);

  size_t whole;
  mqtt::PublishHeaderSize(publish, plan_.version, &whole);
  char* const out = client->out.Reserve(whole);
  size_t packet_id_at;
  const size_t header = mqtt::WritePublishHeader(publish, plan_.version, out, &packet_id_at);
  if (!plan_.clear) WritePayload(stamp, state_->filler.data(), plan_.payload_bytes, out + header);
  client->out.Extend(whole);
  client->expected += receivers;
  counts_.expected += receivers;
  ++counts_.published;
  return true;
}

/// A broker that sheds messages without a later one to show the gap would leave a window closed.
void Worker::LookForStalls(int64_t now_ns) {
  if (now_ns - stalls_looked_ns_ < kStallLookNs) return;
  stalls_looked_ns_ = now_ns;
  for (Client* client : publishers_) {
    const uint64_t credit = state_->credits[client->number].load(std::memory_order_relaxed);
    const uint64_t gone = credit + client->given_up;
    if (client->progress_ns == 0 || credit != client->credit_seen ||
        client->expected < gone + window_each_) {
      client->credit_seen = credit;
      client->progress_ns = now_ns;
    } else if (now_ns - client->progress_ns > kStallNs) {
      ++counts_.stalls;
      client->given_up = client->expected - credit;
      client->progress_ns = now_ns;
      ToPump(client);
    }
  }
}

}  // namespace causeway::loadgen
