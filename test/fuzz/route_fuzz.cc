// Interest on its way to another cluster: changes are pushed into a delta batch, taken, applied at
// the far end, acknowledged, refused, lost with the connection; the far end's table must come to
// hold what the near end wants, and nothing else. Two bytes an operation: what, and on which route.
// One byte before them sets the bound, so that overflows and bootstraps happen.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <set>
#include <string>
#include <utility>

#include "link/delta_batch.h"
#include "link/route_table.h"

namespace causeway::link {
namespace {

using Kind = RouteOperation::Kind;
using Key = std::pair<std::string, std::string>;  // filter, route id

constexpr size_t kOperationsMax = 2000;
constexpr size_t kBatchBytesMax = 512;
constexpr int kLink = 3;
constexpr int kLane = 1;

void Expect(bool condition) {
  if (!condition) std::abort();
}

/// Route number n: eight filters, each plain or under one of three route ids.
Key Route(uint8_t n) {
  const std::string filter = std::string(1 + n % 8, 'f') + (n % 2 == 0 ? "/+" : "/#");
  const uint8_t id = n / 8 % 4;
  return {filter, id == 0 ? filter : "$s/" + std::to_string(id) + "/" + filter};
}

class Story final : public RouteSink {
 public:
  explicit Story(size_t entries_max)
      : queue_({entries_max, 4096}, {1, 2}), table_({3, 4}, this, 1 << 10) {}

  void AddRoute(std::string_view filter, int link) override {
    Expect(link == kLink && routed_.insert(std::string(filter)).second);
  }
  void RemoveRoute(std::string_view filter, int link) override {
    Expect(link == kLink && routed_.erase(std::string(filter)) == 1);
  }

  void Step(uint8_t operation, uint8_t argument) {
    switch (operation % 12) {
      case 0:
      case 1:
      case 2:
      case 3:
        Push(Kind::kAdd, Route(argument));
        break;
      case 4:
      case 5:
      case 6:
        Push(Kind::kDelete, Route(argument));
        break;
      case 7:
        Take(1 + argument % 8);
        break;
      case 8:
        if (in_flight_.empty()) break;
        Apply(in_flight_.front().payload, 1 + argument % 3);
        queue_.Acknowledge(in_flight_.front().token);
        in_flight_.pop_front();
        break;
      case 9:  // refused; or applied, and the answer says otherwise
        if (in_flight_.empty()) break;
        if (argument % 2 == 0) Apply(in_flight_.front().payload, 1 + argument % 3);
        queue_.Restore(in_flight_.front().token);
        in_flight_.pop_front();
        break;
      case 10:  // the connection is gone, some of what was in flight arrived
        for (size_t arrived = argument % 4; arrived > 0 && !in_flight_.empty(); --arrived) {
          Apply(in_flight_.front().payload, SIZE_MAX);
          in_flight_.pop_front();
        }
        in_flight_.clear();
        queue_.RestoreAll();
        break;
      default:
        queue_.Acknowledge(uint64_t{argument} << 32);  // a token of nobody
        queue_.Restore(uint64_t{argument} << 32);
        if (argument % 16 == 0) Bootstrap();
    }
    Expect(queue_.pending() <= queue_.entries());
    Expect(queue_.batches_in_flight() == in_flight_.size());
    Expect(table_.filters() == routed_.size());
  }

  void Finish() {
    if (queue_.overflowed()) Bootstrap();
    queue_.RestoreAll();
    in_flight_.clear();
    while (Take(7)) {
      Apply(in_flight_.front().payload, SIZE_MAX);
      queue_.Acknowledge(in_flight_.front().token);
      in_flight_.pop_front();
    }
    Expect(queue_.entries() == 0 && queue_.bytes() == 0);
    std::set<std::string> filters;
    for (const Key& key : wanted_) filters.insert(key.first);
    Expect(filters == routed_);
    Expect(table_.holdings() == wanted_.size());
    Expect(table_.Clear(kLink, kLane, SIZE_MAX) == wanted_.size());
    Expect(routed_.empty());
  }

 private:
  void Push(Kind kind, const Key& key) {
    if (kind == Kind::kAdd) {
      wanted_.insert(key);
    } else {
      wanted_.erase(key);
    }
    if (!queue_.Push(kind, key.first, key.second)) {
      Expect(queue_.overflowed() && queue_.entries() == 0);
      in_flight_.clear();
    }
  }
  bool Take(size_t entries_max) {
    DeltaBatch::Batch batch;
    if (!queue_.Take(entries_max, kBatchBytesMax, "actor", 1, &batch)) return false;
    Expect(batch.entries > 0 && batch.entries <= entries_max);
    in_flight_.push_back(std::move(batch));
    return true;
  }
  void Apply(const std::string& payload, size_t budget) {
    std::string scratch;
    RouteHeader header;
    Expect(DecodeRouteMessage(payload, &scratch, &header) == RouteStatus::kOk);
    RouteOperations operations(header);
    ApplyResult result;
    while (!table_.Apply(kLink, kLane, epoch_, &operations, budget, &result)) {
    }
    Expect(result.invalid == 0 && result.refused == 0);
    Expect(result.adds + result.deletes + result.repeats == header.operation_count);
  }
  /// All that is wanted under a new epoch, then the sweep of what was not said again.
  void Bootstrap() {
    queue_.Reset();
    in_flight_.clear();
    ++epoch_;
    RouteBatchWriter writer("actor", 1, SIZE_MAX, SIZE_MAX);
    for (const auto& [filter, route_id] : wanted_)
      Expect(writer.Append(Kind::kAdd, filter, route_id));
    Apply(writer.Finish(), SIZE_MAX);
    while (table_.Sweep(kLink, kLane, epoch_, 2) == 2) {
    }
  }

  DeltaBatch queue_;
  std::set<std::string> routed_;  // before the table, which tells it of its end
  RouteTable table_;
  std::set<Key> wanted_;
  std::deque<DeltaBatch::Batch> in_flight_;
  uint32_t epoch_ = 1;
};

}  // namespace
}  // namespace causeway::link

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  causeway::link::Story story(4 + data[0] % 64);
  const size_t end = std::min(size, 1 + 2 * causeway::link::kOperationsMax);
  for (size_t at = 1; at + 1 < end; at += 2) story.Step(data[at], data[at + 1]);
  story.Finish();
  return 0;
}
