#include "core/spare_messages.h"

#include <cstring>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "core/limits.h"

namespace causeway {
namespace {

bool Kept(const SpareMessages& spares, size_t bytes) {
  return spares.bytes() == (SpareMessages::kEnabled ? bytes : 0);
}

TEST_CASE("what was given is taken again, by size, last first") {
  SpareMessages spares;
  void* small = SpareMessages::Take(100);
  void* large = SpareMessages::Take(200);
  std::memset(small, 1, 100);
  std::memset(large, 1, 200);
  SpareMessages::Give(small, 100);
  SpareMessages::Give(large, 200);
  CHECK(Kept(spares, 128 + 224));
  void* again = SpareMessages::Take(97);  // the class of 100
  if (SpareMessages::kEnabled) CHECK(again == small);
  CHECK(Kept(spares, 224));
  void* other = SpareMessages::Take(129);  // a class with nothing in it
  CHECK(other != large);
  SpareMessages::Give(again, 97);
  SpareMessages::Give(other, 129);
}

TEST_CASE("large ones and those beyond the bound go back to the heap") {
  SpareMessages spares;
  void* large = SpareMessages::Take(SpareMessages::kLargest + 1);
  SpareMessages::Give(large, SpareMessages::kLargest + 1);
  CHECK(spares.bytes() == 0);
  std::vector<void*> all(limits::kSpareMessageBytes / SpareMessages::kLargest + 10);
  for (void*& one : all) one = SpareMessages::Take(SpareMessages::kLargest);
  for (void* one : all) SpareMessages::Give(one, SpareMessages::kLargest);
  CHECK(Kept(spares, limits::kSpareMessageBytes));
}

TEST_CASE("memory may be taken with one and given without, and the other way round") {
  void* taken = nullptr;
  std::thread([&taken] {
    const SpareMessages spares;
    taken = SpareMessages::Take(64);
    SpareMessages::Give(SpareMessages::Take(64), 64);
  }).join();
  SpareMessages::Give(taken, 64);  // ASan: the thread's own spare has ended with it
  taken = SpareMessages::Take(64);
  std::thread([taken] {
    const SpareMessages spares;
    SpareMessages::Give(taken, 64);
    CHECK(Kept(spares, 64));
  }).join();
}

}  // namespace
}  // namespace causeway
