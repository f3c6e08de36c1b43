// Objects of one size, packed side by side in the order they are made.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

#include "core/check.h"

namespace causeway::router {

/// Objects made together lie together, which a walk over them uses; a slab whose last object goes
/// is freed, except one. Thread: one, the writer's; retired objects come back through
/// EpochDomain::Collect on that same thread. Destroy finds the slab by the object's address. It may
/// therefore come after the end of the pool, as a retired object's does: what the slabs share lives
/// until the last of them.
template <typename T>
class SlabPool {
 public:
  SlabPool() : shared_(new Shared) {}
  ~SlabPool() {
    shared_->closed = true;
    for (Slab* slab = shared_->open; slab != nullptr;) {
      Slab* next = slab->next;
      if (slab->live == 0) Free(slab);
      slab = next;
    }
    if (shared_->slabs == 0) delete shared_;
  }
  SlabPool(const SlabPool&) = delete;
  SlabPool& operator=(const SlabPool&) = delete;

  T* New() {
    if (shared_->open == nullptr) AddSlab(shared_);
    Slab* slab = shared_->open;
    void* place = slab->vacant;
    if (place != nullptr) {
      slab->vacant = slab->vacant->next;
    } else {
      place = slab->objects() + slab->made++;
    }
    if (++slab->live == kObjects) Unlist(slab);
    return new (place) T;
  }
  static void Destroy(void* object) {
    static_cast<T*>(object)->~T();
    auto* slab =
        reinterpret_cast<Slab*>(reinterpret_cast<uintptr_t>(object) & ~uintptr_t{kSlabBytes - 1});
    slab->vacant = new (object) Vacant{slab->vacant};
    if (slab->live-- == kObjects) List(slab);
    if (slab->live > 0) return;
    Shared* shared = slab->shared;
    if (shared->closed || shared->open->next != nullptr) Free(slab);
    if (shared->closed && shared->slabs == 0) delete shared;
  }

 private:
  static constexpr size_t kSlabBytes = 64 * 1024;  // also its alignment

  struct Slab;
  struct Vacant {
    Vacant* next;
  };
  struct Shared {
    Slab* open = nullptr;  // slabs with room
    size_t slabs = 0;
    bool closed = false;
  };
  struct alignas(64) Slab {
    Shared* shared;
    Slab* next = nullptr;  // among the open ones
    Slab* previous = nullptr;
    Vacant* vacant = nullptr;
    uint32_t made = 0;  // places ever used; those behind are untouched memory
    uint32_t live = 0;
    T* objects() { return reinterpret_cast<T*>(this + 1); }
  };
  static_assert(alignof(T) <= alignof(Slab) && sizeof(T) >= sizeof(Vacant));
  static constexpr uint32_t kObjects = (kSlabBytes - sizeof(Slab)) / sizeof(T);

  static void AddSlab(Shared* shared) {
    void* memory = std::aligned_alloc(kSlabBytes, kSlabBytes);
    CHECK(memory != nullptr);
    ++shared->slabs;
    List(new (memory) Slab{.shared = shared});
  }
  static void Free(Slab* slab) {
    Unlist(slab);
    --slab->shared->slabs;
    std::free(slab);
  }
  static void List(Slab* slab) {
    slab->previous = nullptr;
    slab->next = slab->shared->open;
    if (slab->next != nullptr) slab->next->previous = slab;
    slab->shared->open = slab;
  }
  static void Unlist(Slab* slab) {
    (slab->previous == nullptr ? slab->shared->open : slab->previous->next) = slab->next;
    if (slab->next != nullptr) slab->next->previous = slab->previous;
  }

  Shared* const shared_;
};

}  // namespace causeway::router
