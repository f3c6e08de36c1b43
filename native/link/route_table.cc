#include "link/route_table.h"

#include <cstdlib>
#include <cstring>
#include <utility>

#include "core/check.h"
#include "link/etf_tag.h"
#include "link/origin_path.h"
#include "mqtt/packet.h"
#include "mqtt/topic.h"

namespace causeway::link {
namespace {

constexpr size_t kLengthBytes = 4;
/// What the heap adds to a small allocation, rounding included.
constexpr size_t kHeapOverheadBytes = 16;

/// splitmix64's finisher: every input bit reaches every output bit.
uint64_t Mix(uint64_t value) {
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9u;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EBu;
  return value ^ (value >> 31);
}

/// Whether a raw term is the binary that equals `text`: the route id of every plain subscription
/// that was not cut.
bool IsBinaryOf(std::string_view raw, std::string_view text) {
  return raw.size() == 5 + text.size() && static_cast<uint8_t>(raw[0]) == etf::kBinary &&
         raw.substr(5) == text;
}

/// A filter the router may take: well-formed, and no shared subscription, which a peer never
/// announces as such.
bool IsRoutable(std::string_view filter) {
  return mqtt::ValidUtf8(filter) && mqtt::ValidTopicFilter(filter) &&
         !mqtt::IsShared(filter, nullptr, nullptr);
}

}  // namespace

std::string_view RouteTable::Holding::own_route_id() const {
  if (route_id == nullptr) return {};
  uint32_t bytes;
  std::memcpy(&bytes, route_id, kLengthBytes);
  return {route_id + kLengthBytes, bytes};
}

RouteTable::RouteTable(HashSeed seed, RouteSink* sink, size_t holdings_max)
    : seed_(seed), sink_(sink), holdings_max_(holdings_max) {}

RouteTable::~RouteTable() {
  for (const Lane& lane : lanes_) {
    for (uint32_t at = lane.head; at != kNone; at = holding_pool_[at].next) {
      Holding& holding = holding_pool_[at];
      Filter& filter = filter_pool_[holding.filter];
      std::free(holding.route_id);
      if (--filter.holdings == 0) std::free(filter.text);
    }
  }
}

bool RouteTable::Apply(int link, int lane, uint32_t epoch, RouteOperations* operations,
                       size_t budget, ApplyResult* result) {
  const uint32_t lane_at = LaneFor(link, lane);
  RouteOperation operation;
  for (; budget > 0 && operations->Next(&operation); --budget) {
    if (operation.kind == RouteOperation::Kind::kAdd) {
      Add(link, lane_at, epoch, operation, result);
    } else {
      Delete(link, lane_at, operation, result);
    }
  }
  return operations->left() == 0;
}

void RouteTable::Add(int link, uint32_t lane, uint32_t epoch, const RouteOperation& operation,
                     ApplyResult* result) {
  const auto link_number = static_cast<uint32_t>(link);
  const std::string_view own =
      IsBinaryOf(operation.route_id, operation.filter) ? std::string_view() : operation.route_id;
  const uint64_t filter_hash = FilterHash(operation.filter, link_number);
  uint32_t filter = FindFilter(filter_hash, operation.filter, link_number);
  if (filter != kNone) {
    const uint32_t held = FindHolding(HoldingHash(filter, lane, own), filter, lane, own);
    if (held != kNone) {
      ++result->repeats;
      if (holding_pool_[held].epoch == epoch) return;
      Unlink(&lanes_[lane], held);
      holding_pool_[held].epoch = epoch;
      Append(&lanes_[lane], held);
      return;
    }
  } else if (!IsRoutable(operation.filter)) {
    ++result->invalid;
    return;
  }
  if (holdings() >= holdings_max_) {
    ++result->refused;
    return;
  }
  const bool first = filter == kNone;
  if (first) filter = CreateFilter(filter_hash, operation.filter, link_number);
  const uint32_t position = holding_pool_.Take();
  Holding& holding = holding_pool_[position];
  holding.filter = filter;
  holding.lane = lane;
  holding.epoch = epoch;
  if (!own.empty()) {
    holding.route_id = CopyText(own, kLengthBytes);
    const auto bytes = static_cast<uint32_t>(own.size());
    std::memcpy(holding.route_id, &bytes, kLengthBytes);
  }
  holding_index_.Insert(HoldingHash(filter, lane, own), position);
  Append(&lanes_[lane], position);
  if (!IsTransitRouteId(own)) lanes_[lane].digest.Add(DigestHash(holding));
  ++filter_pool_[filter].holdings;
  ++result->adds;
  if (first) sink_->AddRoute(filter_pool_[filter].view(), link);
  sink_->AddHolding(filter_pool_[filter].view(), link, own);
}

void RouteTable::Delete(int link, uint32_t lane, const RouteOperation& operation,
                        ApplyResult* result) {
  const auto link_number = static_cast<uint32_t>(link);
  const std::string_view own =
      IsBinaryOf(operation.route_id, operation.filter) ? std::string_view() : operation.route_id;
  const uint64_t filter_hash = FilterHash(operation.filter, link_number);
  const uint32_t filter = FindFilter(filter_hash, operation.filter, link_number);
  const uint32_t held =
      filter == kNone ? kNone : FindHolding(HoldingHash(filter, lane, own), filter, lane, own);
  if (held == kNone) {
    ++result->repeats;
    return;
  }
  Remove(held);
  ++result->deletes;
}

size_t RouteTable::Sweep(int link, int lane, uint32_t epoch, size_t budget) {
  const Lane* at = FindLane(link, lane);
  size_t removed = 0;
  while (at != nullptr && removed < budget && at->head != kNone &&
         holding_pool_[at->head].epoch != epoch) {
    Remove(at->head);
    ++removed;
  }
  return removed;
}

size_t RouteTable::Clear(int link, int lane, size_t budget) {
  const Lane* at = FindLane(link, lane);
  size_t removed = 0;
  while (at != nullptr && removed < budget && at->head != kNone) {
    Remove(at->head);
    ++removed;
  }
  return removed;
}

size_t RouteTable::holdings(int link) const {
  if (static_cast<size_t>(link) >= lanes_of_link_.size()) return 0;
  size_t sum = 0;
  for (const uint32_t lane : lanes_of_link_[static_cast<size_t>(link)]) {
    if (lane != kNone) sum += lanes_[lane].holdings;
  }
  return sum;
}

size_t RouteTable::holdings(int link, int lane) const {
  const Lane* at = FindLane(link, lane);
  return at == nullptr ? 0 : at->holdings;
}

RouteDigest RouteTable::digest(int link, int lane) const {
  const Lane* at = FindLane(link, lane);
  return at == nullptr ? RouteDigest() : at->digest;
}

bool RouteTable::Wants(int link, std::string_view filter) const {
  const auto link_number = static_cast<uint32_t>(link);
  return FindFilter(FilterHash(filter, link_number), filter, link_number) != kNone;
}

size_t RouteTable::bytes() const {
  return filter_pool_.bytes() + holding_pool_.bytes() + filter_index_.bytes() +
         holding_index_.bytes() + heap_bytes_;
}

const RouteTable::Lane* RouteTable::FindLane(int link, int lane) const {
  CHECK(link >= 0 && link < kLinksMax && lane >= 0 && lane < kLanesMax);
  const auto link_at = static_cast<size_t>(link);
  const auto lane_at = static_cast<size_t>(lane);
  if (link_at >= lanes_of_link_.size() || lane_at >= lanes_of_link_[link_at].size()) return nullptr;
  const uint32_t position = lanes_of_link_[link_at][lane_at];
  return position == kNone ? nullptr : &lanes_[position];
}

uint32_t RouteTable::LaneFor(int link, int lane) {
  const Lane* found = FindLane(link, lane);
  if (found != nullptr) return static_cast<uint32_t>(found - lanes_.data());
  const auto link_at = static_cast<size_t>(link);
  const auto lane_at = static_cast<size_t>(lane);
  if (link_at >= lanes_of_link_.size()) lanes_of_link_.resize(link_at + 1);
  if (lane_at >= lanes_of_link_[link_at].size()) lanes_of_link_[link_at].resize(lane_at + 1, kNone);
  lanes_.push_back(Lane{});
  return lanes_of_link_[link_at][lane_at] = static_cast<uint32_t>(lanes_.size() - 1);
}

std::vector<int> RouteTable::LanesByPosition(int link) const {
  CHECK(link >= 0 && link < kLinksMax);
  std::vector<int> lane_of(lanes_.size(), -1);
  if (static_cast<size_t>(link) >= lanes_of_link_.size()) return lane_of;
  const std::vector<uint32_t>& positions = lanes_of_link_[static_cast<size_t>(link)];
  for (size_t lane = 0; lane < positions.size(); ++lane) {
    if (positions[lane] != kNone) lane_of[positions[lane]] = static_cast<int>(lane);
  }
  return lane_of;
}

uint64_t RouteTable::FilterHash(std::string_view filter, uint32_t link) const {
  return Mix(Hash(filter, seed_) ^ link);
}

uint64_t RouteTable::HoldingHash(uint32_t filter, uint32_t lane,
                                 std::string_view own_route_id) const {
  const uint64_t place = Mix((uint64_t{filter} << 32 | lane) ^ seed_.a);
  return own_route_id.empty() ? place : Mix(place ^ Hash(own_route_id, seed_));
}

uint32_t RouteTable::FindFilter(uint64_t hash, std::string_view filter, uint32_t link) const {
  return filter_index_.Find(hash, [&](uint32_t position) {
    const Filter& candidate = filter_pool_[position];
    return candidate.link == link && candidate.view() == filter;
  });
}

uint32_t RouteTable::FindHolding(uint64_t hash, uint32_t filter, uint32_t lane,
                                 std::string_view own_route_id) const {
  return holding_index_.Find(hash, [&](uint32_t position) {
    const Holding& candidate = holding_pool_[position];
    return candidate.filter == filter && candidate.lane == lane &&
           candidate.own_route_id() == own_route_id;
  });
}

uint32_t RouteTable::CreateFilter(uint64_t hash, std::string_view filter, uint32_t link) {
  const uint32_t position = filter_pool_.Take();
  Filter& created = filter_pool_[position];
  created.text = CopyText(filter, 0);
  created.bytes = static_cast<uint32_t>(filter.size());
  created.link = link;
  filter_index_.Insert(hash, position);
  return position;
}

uint64_t RouteTable::DigestHash(const Holding& holding) const {
  const std::string_view filter = filter_pool_[holding.filter].view();
  return holding.route_id == nullptr ? RouteHashOfText(digest_key_, filter, filter)
                                     : RouteHash(digest_key_, filter, holding.own_route_id());
}

void RouteTable::Append(Lane* lane, uint32_t position) {
  Holding& holding = holding_pool_[position];
  holding.previous = lane->tail;
  holding.next = kNone;
  (lane->tail == kNone ? lane->head : holding_pool_[lane->tail].next) = position;
  lane->tail = position;
  ++lane->holdings;
}

void RouteTable::Unlink(Lane* lane, uint32_t position) {
  const Holding& holding = holding_pool_[position];
  (holding.previous == kNone ? lane->head : holding_pool_[holding.previous].next) = holding.next;
  (holding.next == kNone ? lane->tail : holding_pool_[holding.next].previous) = holding.previous;
  --lane->holdings;
}

void RouteTable::Remove(uint32_t position) {
  const Holding holding = holding_pool_[position];
  const std::string_view own = holding.own_route_id();
  const Filter& filter = filter_pool_[holding.filter];
  sink_->RemoveHolding(filter.view(), static_cast<int>(filter.link), own);
  holding_index_.Erase(HoldingHash(holding.filter, holding.lane, own), position);
  Unlink(&lanes_[holding.lane], position);
  if (!IsTransitRouteId(own)) lanes_[holding.lane].digest.Remove(DigestHash(holding));
  if (holding.route_id != nullptr) FreeText(holding.route_id, kLengthBytes + own.size());
  holding_pool_.Give(position);
  if (--filter_pool_[holding.filter].holdings == 0) ReleaseFilter(holding.filter);
}

void RouteTable::ReleaseFilter(uint32_t position) {
  const Filter filter = filter_pool_[position];
  filter_index_.Erase(FilterHash(filter.view(), filter.link), position);
  filter_pool_.Give(position);
  sink_->RemoveRoute(filter.view(), static_cast<int>(filter.link));
  FreeText(filter.text, filter.bytes);
}

char* RouteTable::CopyText(std::string_view text, size_t prefix_bytes) {
  auto* copy = static_cast<char*>(std::malloc(prefix_bytes + text.size()));
  CHECK(copy != nullptr);
  std::memcpy(copy + prefix_bytes, text.data(), text.size());
  heap_bytes_ += prefix_bytes + text.size() + kHeapOverheadBytes;
  return copy;
}

void RouteTable::FreeText(char* text, size_t bytes) {
  heap_bytes_ -= bytes + kHeapOverheadBytes;
  std::free(text);
}

}  // namespace causeway::link
