// Clients that subscribe and unsubscribe without an end: one request outstanding each.
#include "core/clock.h"
#include "loadgen/packets.h"
#include "loadgen/worker.h"

namespace causeway::loadgen {

/// Starts the churners that wait: all of them, or as many as the schedule has made due, each with
/// the time it was due.
void Worker::ChurnAll(int64_t now_ns) {
  if (plan_.churners == 0) return;
  const uint64_t due = DueBy(now_ns);
  while (!idle_churners_.empty() && (plan_.rate == 0 || scheduled_ < due)) {
    Client* const client = idle_churners_.back();
    idle_churners_.pop_back();
    if (client->state != State::kReady) continue;
    ChurnSubscribe(client, plan_.rate == 0 ? now_ns : DueNs(scheduled_++));
  }
  if (plan_.rate > 0 && scheduled_ < due) ++counts_.late;
}

void Worker::ChurnSubscribe(Client* client, int64_t asked_ns) {
  client->filter = plan_.churn_one_filter ? "b/c/one"
                                          : "b/c/" + std::to_string(client->number) + "/" +
                                                std::to_string(client->turn++ % plan_.filters_each);
  client->asked_ns = asked_ns;
  client->out.Append(SubscribePacket(1, {&client->filter, 1}, plan_.subscribe_qos, plan_.version));
  ToFlush(client);
}

void Worker::OnChurnAnswer(Client* client, bool subscribed, int64_t now_ns) {
  if (subscribed) {
    ++counts_.subscriptions;
    if (client->asked_ns >= state_->measure_from_ns.load(std::memory_order_relaxed) &&
        client->asked_ns < state_->measure_until_ns.load(std::memory_order_relaxed)) {
      subscribe_latency_.Record(static_cast<uint64_t>(now_ns - client->asked_ns));
    }
    client->out.Append(UnsubscribePacket(2, client->filter, plan_.version));
    ToFlush(client);
    return;
  }
  ++counts_.unsubscriptions;
  // After the drain has begun nobody looks here any more, and all filters are gone.
  idle_churners_.push_back(client);
}

}  // namespace causeway::loadgen
