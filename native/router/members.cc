#include "router/members.h"

#include <algorithm>
#include <functional>

#include "core/check.h"

namespace causeway::router {

MemberList::~MemberList() {
  if (first_ != &only_) delete[] first_;
}

Member& MemberList::Append(const Member& member) {
  if (end_ == first_capacity_ && end_ < kChunk) {
    const uint16_t bigger = static_cast<uint16_t>(first_capacity_ * 4);
    Member* grown = new Member[bigger];
    std::copy(first_, first_ + end_, grown);
    if (first_ != &only_) delete[] first_;
    table_->list_bytes_ += (bigger - (first_ == &only_ ? 0 : first_capacity_)) * sizeof(Member);
    first_ = grown;
    first_capacity_ = bigger;
  } else if (end_ >= kChunk && end_ / kChunk > more_.size()) {
    more_.push_back(std::make_unique<Member[]>(kChunk));
    table_->list_bytes_ += kChunk * sizeof(Member);
  }
  Member& place = at(end_++);
  place = member;
  return place;
}

void MemberList::Unpin() {
  CHECK(pins_ > 0);
  if (--pins_ > 0) return;
  if (!gone_.empty()) table_->Compact(this);
  if (end_ > 0) return;
  if (!detached_) table_->Drop(this);
  table_->Free(this);
}

MemberTable::~MemberTable() {
  lists_.ForEach([](uint64_t, MemberList* list) {
    CHECK(list->pins_ == 0);
    delete list;
  });
}

Member* MemberTable::Add(FilterRef filter, const Member& member, bool* first) {
  *first = false;
  MemberList** found = lists_.Find(filter.id);
  MemberList* list = found == nullptr ? nullptr : *found;
  if (list != nullptr && list->filter_.generation != filter.generation) {
    // Serial arithmetic: generations of one id wrap, but never by half the range while a command is
    // under way.
    if (static_cast<int32_t>(filter.generation - list->filter_.generation) < 0) return nullptr;
    for (uint32_t position = list->end_; position-- > 0;) {  // from the end: nothing has to move
      if ((list->at(position).options & kOptionGone) == 0) RemoveAt(list, position);
    }
    Drop(list);
    if (list->pins_ == 0) Free(list);
    list = nullptr;
  }
  if (list == nullptr) {
    list = new MemberList(this, filter);
    list_bytes_ += sizeof(MemberList);
    lists_.Insert(filter.id, list);
  }
  Member clean = member;
  clean.options &= static_cast<uint8_t>(~kOptionGone);
  const uint32_t position = PositionOf(list, member.session);
  if (position != kNone) {
    list->at(position) = clean;
    return &list->at(position);
  }
  *first = list->size() == 0;
  if (*first) ++version_;
  Member& added = list->Append(clean);
  if (list->indexed_) {
    positions_.Insert(PositionKey(filter.id, member.session), list->end_ - 1);
  } else if (list->end_ > kSearched) {
    list->indexed_ = true;
    for (uint32_t i = 0; i < list->end_; ++i) {
      const Member& each = list->at(i);
      if ((each.options & kOptionGone) == 0)
        positions_.Insert(PositionKey(filter.id, each.session), i);
    }
  }
  return &added;
}

bool MemberTable::Remove(FilterRef filter, uint32_t session, bool* last) {
  *last = false;
  MemberList* list = Find(filter);
  if (list == nullptr) return false;
  const uint32_t position = PositionOf(list, session);
  if (position == kNone) return false;
  RemoveAt(list, position);
  *last = list->size() == 0;
  if (*last) {
    ++version_;
    if (list->pins_ == 0) {
      Drop(list);
      Free(list);
    }
  }
  return true;
}

MemberList* MemberTable::Find(FilterRef filter) {
  MemberList** found = lists_.Find(filter.id);
  if (found == nullptr || (*found)->filter_.generation != filter.generation) return nullptr;
  return (*found)->size() == 0 ? nullptr : *found;
}

Member* MemberTable::FindMember(FilterRef filter, uint32_t session) {
  MemberList* list = Find(filter);
  if (list == nullptr) return nullptr;
  const uint32_t position = PositionOf(list, session);
  return position == kNone ? nullptr : &list->at(position);
}

uint32_t MemberTable::PositionOf(MemberList* list, uint32_t session) {
  if (list->indexed_) {
    const uint32_t* position = positions_.Find(PositionKey(list->filter_.id, session));
    return position == nullptr ? kNone : *position;
  }
  for (uint32_t i = 0; i < list->end_; ++i) {
    const Member& member = list->at(i);
    if (member.session == session && (member.options & kOptionGone) == 0) return i;
  }
  return kNone;
}

void MemberTable::RemoveAt(MemberList* list, uint32_t position) {
  if (list->indexed_) positions_.Erase(PositionKey(list->filter_.id, list->at(position).session));
  if (list->pins_ > 0) {
    list->at(position).options |= kOptionGone;
    list->gone_.push_back(position);
    return;
  }
  FillHole(list, position);
  Shrink(list);
}

/// The member at the end, which is not a hole itself, moves to `hole`.
void MemberTable::FillHole(MemberList* list, uint32_t hole) {
  const uint32_t last = --list->end_;
  if (hole == last) return;
  list->at(hole) = list->at(last);
  if (list->indexed_)
    *positions_.Find(PositionKey(list->filter_.id, list->at(hole).session)) = hole;
}

void MemberTable::Compact(MemberList* list) {
  // Highest hole first, so that the end is never a hole.
  std::sort(list->gone_.begin(), list->gone_.end(), std::greater<>());
  for (const uint32_t hole : list->gone_) FillHole(list, hole);
  list->gone_ = {};
  Shrink(list);
}

void MemberTable::Shrink(MemberList* list) {
  // One chunk stays in reserve, so that a list swinging around a boundary does not allocate each
  // time.
  while (list->more_.size() * MemberList::kChunk > list->end_ + MemberList::kChunk) {
    list->more_.pop_back();
    list_bytes_ -= MemberList::kChunk * sizeof(Member);
  }
}

/// The table forgets an empty list.
void MemberTable::Drop(MemberList* list) {
  CHECK(list->size() == 0);
  lists_.Erase(list->filter_.id);
  list->detached_ = true;
  ++version_;
}

void MemberTable::Free(MemberList* list) {
  list_bytes_ -= sizeof(MemberList) + list->more_.size() * MemberList::kChunk * sizeof(Member) +
                 (list->first_ == &list->only_ ? 0 : list->first_capacity_ * sizeof(Member));
  delete list;
}

size_t MemberTable::memory_bytes() const {
  return sizeof(*this) + list_bytes_ + lists_.memory_bytes() + positions_.memory_bytes();
}

}  // namespace causeway::router
