// A batch of a link's bootstrap: what clients here have subscribed to, cut by the link's topics. On
// a task thread, while loops and control go on.
#include <string>
#include <thread>
#include <vector>

#include "core/limits.h"
#include "link/intersection.h"
#include "link/route_message.h"
#include "transport/engine.h"

namespace causeway::transport {

BootstrapBatch Engine::MakeBootstrap(const BootstrapRequest& request) {
  const link::LinkTopics topics(request.topics);
  link::RouteBatchWriter writer(request.actor, request.incarnation, request.entries_max,
                                request.bytes_max);
  BootstrapBatch batch;
  batch.cursor = request.cursor;
  std::vector<std::string> cuts;
  bool full = false;
  const int slot = epochs_.Register();
  // Between two steps readers' memory may be freed, and a loop that waits for this processor goes
  // first (decision 0027).
  while (!full && !batch.done) {
    std::this_thread::yield();
    const EpochGuard guard(&epochs_, slot);
    router::FilterId stopped_at = router::Index::kWalkEnd;
    const router::FilterId next = index_.Walk(
        batch.cursor, limits::kBootstrapStretchFilters, [&](const router::Filter* filter) {
          if (full) return;
          const bool plain = filter->local.load(std::memory_order_acquire) > 0;
          const router::Group* group = filter->groups.load(std::memory_order_acquire);
          if (!plain && group == nullptr) return;
          topics.Cut(filter->text, &cuts);
          const auto append = [&](const std::string& route_id) {
            for (const std::string& cut : cuts) {
              if (full) return;
              // A filter that did not fit whole is repeated in the next batch: adds are idempotent.
              full = !writer.Append(link::RouteOperation::Kind::kAdd, cut, route_id);
            }
          };
          if (plain) append(filter->text);
          for (; group != nullptr; group = group->next.load(std::memory_order_acquire)) {
            if (group->size() > 0) append("$s/" + group->name + "/" + filter->text);
          }
          if (full) stopped_at = filter->ref.id;
        });
    if (full) {
      batch.cursor = stopped_at;
    } else if (next == router::Index::kWalkEnd) {
      batch.done = true;
    } else {
      batch.cursor = next;
    }
  }
  epochs_.Unregister(slot);
  batch.entries = writer.entries();
  if (batch.entries > 0) batch.payload = writer.Finish();
  return batch;
}

}  // namespace causeway::transport
