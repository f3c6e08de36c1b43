// The sender's half of a drift checksum: what a far end should hold of our interest.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "link/intersection.h"
#include "link/route_digest.h"
#include "link/route_message.h"

namespace causeway::link {

/// Built by one walk over the router in steps, while the interest changes: the walk counts what
/// lies behind its cursor as it finds it, and from then on every change of it is counted where it
/// happens. Changes ahead of the cursor are left to the walk.
///
///   ids   0 ░░░░░░░░ cursor ▁▁▁▁▁▁▁▁▁▁     ░ followed by OnChange, ▁ still to be walked
///
/// Thread: its owner's.
class InterestDigest {
 public:
  static constexpr uint32_t kEnd = 0xFFFFFFFF;

  /// Begins anew, from the first filter.
  void Start(SipKey key, LinkTopics topics);
  void Stop() { running_ = false; }
  bool running() const { return running_; }
  bool complete() const { return running_ && cursor_ == kEnd; }
  uint32_t cursor() const { return cursor_; }
  /// Everything before `cursor` has been counted with OnFound; kEnd: all of it.
  void MoveTo(uint32_t cursor) { cursor_ = cursor; }

  /// The walk has found a filter, whose subscription is called `route_id`.
  void OnFound(std::string_view filter, std::string_view route_id);
  /// The subscription `route_id` of the filter with this id came or went.
  void OnChange(RouteOperation::Kind kind, uint32_t id, std::string_view filter,
                std::string_view route_id);

  const RouteDigest& digest() const { return digest_; }

 private:
  bool running_ = false;
  SipKey key_;
  LinkTopics topics_;
  uint32_t cursor_ = 0;
  RouteDigest digest_;
  std::vector<std::string> cuts_;
};

}  // namespace causeway::link
