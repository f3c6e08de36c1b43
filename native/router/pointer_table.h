// A hash set of pointers with one writer and lock-free readers: exact filters, words and trie
// children all live in one.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

#include "core/check.h"
#include "core/epoch.h"

namespace causeway::router {

/// Open addressing over 8-byte slots; a slot is a pointer with 16 bits of its hash in the unused
/// top of the address, so a probe rarely touches an item that is not the answer. T offers `uint64_t
/// table_hash() const`, immutable; the table borrows its items and never copies or moves them.
/// Eight bytes when empty or holding one item.
///
/// Growth does not stall the writer: a bigger array is put in front of the old one, every later
/// change carries a few slots over, and the old array is retired when it has been carried over
/// completely. The pauses left are one calloc and one free (for a million items 8–32 MiB: fresh
/// pages are zeroed as they are touched, not at once).
///
/// Writer: one thread. Readers: all, inside an epoch.
template <typename T>
class PointerTable {
 public:
  PointerTable() = default;
  PointerTable(const PointerTable&) = delete;
  PointerTable& operator=(const PointerTable&) = delete;
  ~PointerTable() {
    // No reader is left, so nothing has to wait for an epoch.
    const uintptr_t root = root_.load(std::memory_order_relaxed);
    if (root == 0 || IsItem(root)) return;
    Array* array = AsArray(root);
    std::free(array->older.load(std::memory_order_relaxed));
    std::free(array);
  }

  /// Reader. The item for which `equal` holds among those with this hash, or null. Finds every item
  /// whose Insert ended before the call and whose Remove did not begin.
  template <typename Equal>
  T* Find(uint64_t hash, Equal&& equal) const {
    // Acquire pairs with the release stores of root_: the array's slots, or the single item, are
    // visible.
    const uintptr_t root = root_.load(std::memory_order_acquire);
    if (root == 0) return nullptr;
    if (IsItem(root)) {
      if ((root ^ hash) >> kTagShift != 0) return nullptr;
      T* item = AsItem(root);
      return equal(*item) ? item : nullptr;
    }
    const Array* array = AsArray(root);
    __builtin_prefetch(
        &array->slots()[hash & MaskOf(root)]);  // without waiting for the array's own mask
    // Before the slots, and acquire: seeing null (stored with release when all was carried over)
    // means that every item of the old array is visible in this one. Read afterwards, an item
    // carried over in between would be missed in both.
    const Array* older = array->older.load(std::memory_order_acquire);
    T* found = Probe(array, hash, equal);
    if (found == nullptr && older != nullptr) found = Probe(older, hash, equal);
    return found;
  }

  /// Reader. The first item that 16 bits of the hash allow, without a look at it: not always the
  /// one that Find finds, but null only if Find would be.
  T* Guess(uint64_t hash) const {
    return Find(hash, [](const T&) { return true; });
  }

  /// Reader. Asks for the cache line in which Find will begin.
  void Prefetch(uint64_t hash) const {
    const uintptr_t root = root_.load(std::memory_order_acquire);
    if (root == 0) return;
    if (IsItem(root)) {
      if ((root ^ hash) >> kTagShift == 0) __builtin_prefetch(AsItem(root));
    } else {
      __builtin_prefetch(&AsArray(root)->slots()[hash & MaskOf(root)]);
    }
  }

  /// Writer. `item` is complete and not in the table.
  void Insert(T* item, EpochDomain* epochs) {
    const uintptr_t root = root_.load(std::memory_order_relaxed);
    if (root == 0) {
      root_.store(Tagged(item) | 1, std::memory_order_release);
      return;
    }
    Array* array = nullptr;
    if (IsItem(root)) {
      array = NewArray(kSmallest);
      Put(array, AsItem(root));
      array->live = 1;
      root_.store(AsRoot(array), std::memory_order_release);
    } else {
      array = CarryOver(AsArray(root), epochs);
      if (array->used + 1 > Fill(array->capacity())) array = Rebuild(array, epochs);
    }
    Put(array, item);
    ++array->live;
  }

  /// Writer. `item` is in the table; the caller retires it afterwards.
  void Remove(T* item, EpochDomain* epochs) {
    const uintptr_t root = root_.load(std::memory_order_relaxed);
    if (IsItem(root)) {
      CHECK(AsItem(root) == item);
      root_.store(0, std::memory_order_release);
      return;
    }
    Array* array = AsArray(root);
    Array* older = array->older.load(std::memory_order_relaxed);
    const bool here = Erase(array, item);
    const bool there = older != nullptr && Erase(older, item);
    CHECK(here || there);
    if (--array->live == 0) {
      root_.store(0, std::memory_order_release);
      if (older != nullptr) Retire(older, epochs);
      Retire(array, epochs);
      return;
    }
    array = CarryOver(array, epochs);
    const bool sparse = array->capacity() > kAtOnce && array->live * 16 < array->capacity();
    if (sparse && array->older.load(std::memory_order_relaxed) == nullptr) Rebuild(array, epochs);
  }

  /// Writer, or no reader left: visits every item once.
  template <typename Visit>
  void ForEach(Visit&& visit) const {
    const uintptr_t root = root_.load(std::memory_order_relaxed);
    if (root == 0) return;
    if (IsItem(root)) return visit(AsItem(root));
    const Array* array = AsArray(root);
    VisitSlots(array, 0, visit);
    const Array* older = array->older.load(std::memory_order_relaxed);
    if (older != nullptr) VisitSlots(older, array->carried, visit);
  }

  /// Writer. Heap bytes of the arrays.
  size_t memory_bytes() const {
    const uintptr_t root = root_.load(std::memory_order_relaxed);
    if (root == 0 || IsItem(root)) return 0;
    const Array* older = AsArray(root)->older.load(std::memory_order_relaxed);
    return AsArray(root)->bytes() + (older == nullptr ? 0 : older->bytes());
  }

 private:
  static constexpr size_t kSmallest = 4;  // slots; header and slots fill one cache line
  static constexpr size_t kAtOnce = 64;   // arrays up to this many slots are carried over in one go
  static constexpr size_t kCarryStep = 4;  // slots a change, see Step
  static constexpr uint64_t kEmpty = 0;
  static constexpr uint64_t kTombstone = 1;
  static constexpr int kTagShift = 48;

  struct Array {
    size_t mask;
    std::atomic<Array*> older;  // being carried over; null when done
    uint32_t live;              // writer: items in this array and in what is left of the older one
    uint32_t used;              // writer: slots that are not empty
    size_t carried;             // writer: slots of `older` already carried over

    size_t capacity() const { return mask + 1; }
    size_t bytes() const { return sizeof(Array) + capacity() * sizeof(std::atomic<uint64_t>); }
    std::atomic<uint64_t>* slots() { return reinterpret_cast<std::atomic<uint64_t>*>(this + 1); }
    const std::atomic<uint64_t>* slots() const {
      return reinterpret_cast<const std::atomic<uint64_t>*>(this + 1);
    }
  };

  static bool IsItem(uintptr_t root) { return (root & 1) != 0; }
  static T* AsItem(uintptr_t root) { return Pointer(root & ~uintptr_t{1}); }
  static Array* AsArray(uintptr_t root) { return reinterpret_cast<Array*>(Pointer(root)); }
  static size_t MaskOf(uintptr_t root) { return (size_t{1} << (root >> kTagShift)) - 1; }
  static uintptr_t AsRoot(Array* array) {
    const auto address = reinterpret_cast<uintptr_t>(array);
    CHECK(address >> kTagShift == 0);
    return address | uintptr_t(std::countr_zero(array->capacity())) << kTagShift;
  }
  static T* Pointer(uint64_t slot) {
    return reinterpret_cast<T*>(slot & ((uint64_t{1} << kTagShift) - 1));
  }
  static uint64_t Tagged(const T* item) {
    const auto address = reinterpret_cast<uintptr_t>(item);
    CHECK(address >> kTagShift == 0);
    return (item->table_hash() & (~uint64_t{0} << kTagShift)) | address;
  }
  /// Slots that may be in use: 5/8, and always one empty, on which every probe ends.
  static size_t Fill(size_t capacity) { return capacity == kSmallest ? 3 : capacity / 8 * 5; }

  /// Items a fresh array may start with: half of a small one, 5/16 of one that is filled while it
  /// is carried over.
  static size_t StartFill(size_t capacity) {
    return capacity <= kAtOnce ? capacity / 2 : capacity / 16 * 5;
  }

  template <typename Equal>
  static T* Probe(const Array* array, uint64_t hash, Equal&& equal) {
    const std::atomic<uint64_t>* slots = array->slots();
    for (size_t i = hash & array->mask;; i = (i + 1) & array->mask) {
      // Acquire pairs with the release in Put: what the pointer leads to is visible.
      const uint64_t slot = slots[i].load(std::memory_order_acquire);
      if (slot == kEmpty) return nullptr;
      if ((slot ^ hash) >> kTagShift != 0 || slot == kTombstone) continue;
      T* item = Pointer(slot);
      if (equal(*item)) return item;
    }
  }

  static Array* NewArray(size_t capacity) {
    void* memory = std::calloc(1, sizeof(Array) + capacity * sizeof(std::atomic<uint64_t>));
    CHECK(memory != nullptr);
    Array* array = new (memory) Array{};  // slots stay calloc's zeros, that is kEmpty, untouched
    array->mask = capacity - 1;
    return array;
  }
  static void Retire(Array* array, EpochDomain* epochs) {
    epochs->Retire(array, [](void* memory) { std::free(memory); }, array->bytes());
  }

  static void Put(Array* array, T* item) {
    std::atomic<uint64_t>* slots = array->slots();
    for (size_t i = item->table_hash() & array->mask;; i = (i + 1) & array->mask) {
      const uint64_t slot = slots[i].load(std::memory_order_relaxed);  // only this thread writes
      if (slot != kEmpty && slot != kTombstone) continue;
      if (slot == kEmpty) ++array->used;
      slots[i].store(Tagged(item), std::memory_order_release);  // publishes the item to Probe
      return;
    }
  }
  static bool Erase(Array* array, const T* item) {
    std::atomic<uint64_t>* slots = array->slots();
    for (size_t i = item->table_hash() & array->mask;; i = (i + 1) & array->mask) {
      const uint64_t slot = slots[i].load(std::memory_order_relaxed);
      if (slot == kEmpty) return false;
      if (slot == kTombstone || Pointer(slot) != item) continue;
      // An empty neighbour ends every probe that would pass here, so the slot may become empty as
      // well. Relaxed: a reader that still sees the item holds an epoch in which it is not freed.
      const bool last = slots[(i + 1) & array->mask].load(std::memory_order_relaxed) == kEmpty;
      slots[i].store(last ? kEmpty : kTombstone, std::memory_order_relaxed);
      if (last) --array->used;
      return true;
    }
  }

  /// Slots to carry over with one change, so that it ends after at most a quarter of the new
  /// capacity in changes: the new array starts at most 5/16 full and is then at most 9/16 full,
  /// below Fill.
  static size_t Step(const Array* array, const Array* older) {
    const size_t ratio = older->capacity() / array->capacity();
    return kCarryStep * (ratio == 0 ? 1 : ratio);
  }

  /// Moves on with a growth under way. Returns the array to insert into.
  Array* CarryOver(Array* array, EpochDomain* epochs) {
    Array* older = array->older.load(std::memory_order_relaxed);
    if (older != nullptr) CarrySlots(array, older, Step(array, older), epochs);
    return array;
  }
  void CarrySlots(Array* array, Array* older, size_t slots, EpochDomain* epochs) {
    const size_t end =
        slots < older->capacity() - array->carried ? array->carried + slots : older->capacity();
    for (size_t i = array->carried; i < end; ++i) {
      const uint64_t ahead =
          older->slots()[(i + 2 * kCarryStep) & older->mask].load(std::memory_order_relaxed);
      if (ahead != kEmpty) __builtin_prefetch(Pointer(ahead));
      const uint64_t slot = older->slots()[i].load(std::memory_order_relaxed);
      if (slot != kEmpty && slot != kTombstone) Put(array, Pointer(slot));
    }
    array->carried = end;
    if (end < older->capacity()) return;
    array->older.store(nullptr, std::memory_order_release);  // see Find
    Retire(older, epochs);
  }

  /// Starts over in an array of the right size: bigger, the same (to be rid of tombstones) or
  /// smaller.
  Array* Rebuild(Array* array, EpochDomain* epochs) {
    Array* older = array->older.load(std::memory_order_relaxed);
    if (older != nullptr) CarrySlots(array, older, older->capacity(), epochs);
    size_t capacity = kSmallest;
    while (array->live > StartFill(capacity)) capacity *= 2;
    Array* fresh = NewArray(capacity);
    fresh->live = array->live;
    if (array->capacity() <= kAtOnce) {
      VisitSlots(array, 0, [fresh](T* item) { Put(fresh, item); });
      root_.store(AsRoot(fresh), std::memory_order_release);
      Retire(array, epochs);
    } else {
      fresh->older.store(array, std::memory_order_relaxed);  // published by the next store
      root_.store(AsRoot(fresh), std::memory_order_release);
    }
    return fresh;
  }

  template <typename Visit>
  static void VisitSlots(const Array* array, size_t from, Visit&& visit) {
    for (size_t i = from; i < array->capacity(); ++i) {
      const uint64_t slot = array->slots()[i].load(std::memory_order_relaxed);
      if (slot != kEmpty && slot != kTombstone) visit(Pointer(slot));
    }
  }

  /// Null, one item (bit 0 set) with its tag, or an Array with the binary logarithm of its capacity
  /// in the tag bits, so that a reader can ask for the slot and the array's header at once. Writer
  /// stores with release, see Find.
  std::atomic<uintptr_t> root_{0};
};

}  // namespace causeway::router
