// Drift checksums: what a far end should hold of our interest, counted beside the capture.
#include "core/check.h"
#include "transport/engine.h"

namespace causeway::transport {

void Engine::StartInterestDigest(int link, SipKey key) {
  CHECK(link >= 0 && link < kLinks);
  const Interest& interest = interests_[link];
  if (interest.open) interest_digests_[link].Start(key, interest.topics);
}

bool Engine::StepInterestDigest(int link) {
  CHECK(link >= 0 && link < kLinks);
  link::InterestDigest& digest = interest_digests_[link];
  if (!digest.running() || digest.complete()) return true;
  // Control is the one writer of the router: between two steps, and only then, does it change.
  const router::FilterId next =
      index_.Walk(digest.cursor(), limits::kInterestDigestStep, [&](const router::Filter* filter) {
        if (filter->local.load(std::memory_order_relaxed) > 0)
          digest.OnFound(filter->text, filter->text);
        for (const router::Group* group = filter->groups.load(std::memory_order_relaxed);
             group != nullptr; group = group->next.load(std::memory_order_relaxed)) {
          if (group->size() > 0)
            digest.OnFound(filter->text, "$s/" + group->name + "/" + filter->text);
        }
      });
  digest.MoveTo(next == router::Index::kWalkEnd ? link::InterestDigest::kEnd : next);
  return digest.complete();
}

bool Engine::ReadInterestDigest(int link, link::RouteDigest* out) const {
  CHECK(link >= 0 && link < kLinks);
  const Interest& interest = interests_[link];
  const link::InterestDigest& digest = interest_digests_[link];
  // entries(): pending and in flight.
  if (!digest.complete() || interest.batch->overflowed() || interest.batch->entries() > 0)
    return false;
  *out = digest.digest();
  return true;
}

}  // namespace causeway::transport
