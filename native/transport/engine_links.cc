// What the loops know of links, and what control reads of what they count.
#include <algorithm>

#include "core/check.h"
#include "transport/engine.h"

namespace causeway::transport {

void Engine::ConfigureLinks(std::string self, std::vector<fanout::LinkSpec> links) {
  auto plan = std::make_shared<fanout::LinkPlan>();
  plan->number = ++plan_number_;
  plan->self = std::move(self);
  plan->links = std::move(links);
  for (fanout::LinkSpec& spec : plan->links) {
    CHECK(spec.index >= 0 && spec.index < kLinks && spec.pool.count > 0);
    if (spec.enabled && spec.forwards) plan->enabled |= uint64_t{1} << spec.index;
    const fanout::LinkSpec* known = plan_->At(spec.index);
    const bool is_same = known != nullptr && known->name == spec.name;
    spec.metrics = is_same ? known->metrics : link::NewLinkMetrics(options_.loops);
    const uint64_t bit = uint64_t{1} << spec.index;
    if (spec.retained.filters().empty()) continue;
    plan->shared |= bit;
    if (!is_same || (plan->enabled & bit) == 0) continue;
    plan->sync |= plan_->sync & bit;
    plan->told |= plan_->told & bit;
    spec.sync_since = known->sync_since;
    spec.sync_lost = known->sync_lost;
  }
  ConfigureTransit(*plan);
  plan->transit = transit_.active();
  plan_ = plan;
  for (int i = 0; i < options_.loops; ++i) Post(i, LinksCommand{plan});
}

void Engine::SetRetainedSync(int link, RetainedSync state) {
  CHECK(link >= 0 && link < kLinks);
  const uint64_t bit = uint64_t{1} << link;
  auto plan = std::make_shared<fanout::LinkPlan>(*plan_);
  const bool goes_on = state != RetainedSync::kOff && (plan->shared & plan->enabled & bit) != 0;
  const bool begins = goes_on && state != RetainedSync::kHeld;
  // Held: what waits for subscribers there has its mark, so that they hear it once when the far end
  // is back and is told what is held.
  plan->sync = begins ? plan->sync | bit : goes_on ? plan->sync : plan->sync & ~bit;
  plan->told = begins ? plan->told | bit : plan->told & ~bit;
  if (!begins && plan->sync == plan_->sync && plan->told == plan_->told) return;
  plan->number = ++plan_number_;
  for (fanout::LinkSpec& spec : plan->links) {
    if (!begins || spec.index != link) continue;
    spec.sync_since = plan->number;
    spec.sync_lost = state == RetainedSync::kBeginsAll ? retained_.Horizon() : 0;
  }
  plan_ = plan;
  for (int i = 0; i < options_.loops; ++i) Post(i, LinksCommand{plan_});
}

std::vector<std::pair<std::string_view, uint64_t>> Engine::LinkCounters(int link) const {
  std::vector<std::pair<std::string_view, uint64_t>> values;
  const fanout::LinkSpec* spec = plan_->At(link);
  if (spec == nullptr) return values;
  const size_t loops = static_cast<size_t>(options_.loops);
  const auto add = [&](const link::LinkMetricInfo& metric) {
    uint64_t value = 0;
    for (size_t loop = 0; loop < loops; ++loop) {
      const uint64_t one = (spec->metrics[loop].*metric.value).load(std::memory_order_relaxed);
      value = metric.value == &link::LinkMetrics::oldest_ms ? std::max(value, one) : value + one;
    }
    values.emplace_back(metric.name, value);
  };
  for (const link::LinkMetricInfo& metric : link::kLinkCounters) add(metric);
  for (const link::LinkMetricInfo& metric : link::kLinkGauges) add(metric);
  return values;
}

LinkTimes Engine::LinkHistogram(int link, link::LogHistogram link::LinkMetrics::* which) const {
  LinkTimes times;
  const fanout::LinkSpec* spec = plan_->At(link);
  if (spec == nullptr) return times;
  for (size_t bucket = 0; bucket < link::LogHistogram::kBuckets; ++bucket) {
    uint64_t count = 0;
    for (int loop = 0; loop < options_.loops; ++loop)
      count += (spec->metrics[static_cast<size_t>(loop)].*which).At(bucket);
    if (count > 0) times.buckets.emplace_back(link::LogHistogram::EndOf(bucket), count);
  }
  for (int loop = 0; loop < options_.loops; ++loop)
    times.sum_micros += (spec->metrics[static_cast<size_t>(loop)].*which).sum_micros();
  return times;
}

bool Engine::LinksConfigured() const {
  for (const fanout::LinkSpec& spec : plan_->links) {
    for (int loop = 0; loop < options_.loops; ++loop) {
      if (spec.metrics[static_cast<size_t>(loop)].plan.load(std::memory_order_relaxed) !=
          plan_->number)
        return false;
    }
  }
  return true;
}

}  // namespace causeway::transport
