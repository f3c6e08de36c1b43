// Transit between Causeways: what linked clusters want is announced to others, as our own interest
// is, and the loops are told over which links messages may go on.
#include "core/check.h"
#include "transport/engine.h"

namespace causeway::transport {

void Engine::ConfigureTransit(const fanout::LinkPlan& plan) {
  uint64_t asked = 0;
  std::vector<std::string> clusters(kLinks);
  for (const fanout::LinkSpec& spec : plan.links) {
    clusters[static_cast<size_t>(spec.index)] = spec.name;
    if (spec.transit && spec.enabled) asked |= uint64_t{1} << spec.index;
  }
  if (asked == transit_asked_ && transit_.IsFor(plan.self, clusters)) return;
  transit_asked_ = asked;
  // Masks of links are part of what is kept: all of it is made anew, and a link's capture merges
  // what was said twice.
  transit_.Reset(plan.self, std::move(clusters), asked);
  for (uint64_t links = asked; links != 0; links &= links - 1) {
    const int link = __builtin_ctzll(links);
    routes_.ForEach(link, [&](std::string_view filter, std::string_view route_id) {
      transit_.Add(link, filter, route_id);
    });
  }
}

void Engine::SetTransit(int link, bool carries) {
  CHECK(link >= 0 && link < kLinks);
  const uint64_t bit = uint64_t{1} << link;
  const uint64_t active = (carries ? transit_.active() | bit : transit_.active() & ~bit);
  if ((active & transit_asked_) == transit_.active()) return;
  transit_.SetActive(active & transit_asked_);
  auto plan = std::make_shared<fanout::LinkPlan>(*plan_);
  plan->number = ++plan_number_;
  plan->transit = transit_.active();
  plan_ = plan;
  for (int i = 0; i < options_.loops; ++i) Post(i, LinksCommand{plan_});
}

void Engine::AddHolding(std::string_view filter, int link, std::string_view route_id) {
  if ((transit_asked_ >> link & 1) != 0) transit_.Add(link, filter, route_id);
}

void Engine::RemoveHolding(std::string_view filter, int link, std::string_view route_id) {
  if ((transit_asked_ >> link & 1) != 0) transit_.Remove(link, filter, route_id);
}

void Engine::Announce(link::RouteOperation::Kind kind, int link, std::string_view filter,
                      std::string_view route_id) {
  Interest& interest = interests_[link];
  if (!interest.open) return;
  interest.topics.Cut(filter, &cuts_);
  for (const std::string& cut : cuts_) interest.batch->Push(kind, cut, route_id);
  UpdateInterestFlags(link);
}

}  // namespace causeway::transport
