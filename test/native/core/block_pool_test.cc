#include "core/block_pool.h"

#include <cstring>
#include <vector>

#include <doctest/doctest.h>

namespace causeway {
namespace {

TEST_CASE("a block is of the smallest class that fits, of the largest when none does") {
  BlockPool pool;
  for (const size_t bytes : {size_t{0}, size_t{1}, size_t{2'000}, size_t{2'048}, size_t{16'000},
                             size_t{16'384}, size_t{60'000}, size_t{1'000'000}}) {
    Block* block = pool.Take(bytes);
    CAPTURE(bytes);
    CHECK((block->capacity >= bytes || block->capacity == BlockPool::kCapacityMax));
    CHECK(block->used() == 0);
    CHECK(block->room() == block->capacity);
    CHECK(block->next == nullptr);
    std::memset(block->data(), 'x', block->capacity);  // ASan: all of it is ours
    pool.Give(block);
  }
}

TEST_CASE("a block given back is taken again, empty") {
  BlockPool pool;
  Block* block = pool.Take(100);
  block->begin = 5;
  block->end = 50;
  block->next = block;
  pool.Give(block);
  CHECK(pool.used_bytes() == 0);
  CHECK(pool.free_bytes() == 2'048);
  Block* again = pool.Take(1);
  CHECK(again == block);
  CHECK(again->used() == 0);
  CHECK(again->next == nullptr);
  CHECK(pool.free_bytes() == 0);
  pool.Give(again);
}

TEST_CASE("the stock of free blocks ends at its bound; beyond it blocks go back to malloc") {
  BlockPool pool(40 * 1024);
  std::vector<Block*> blocks;
  for (int i = 0; i < 10; ++i) blocks.push_back(pool.Take(10'000));  // 16 KiB each
  CHECK(pool.used_bytes() == 10 * 16 * 1024);
  for (Block* block : blocks) pool.Give(block);
  CHECK(pool.used_bytes() == 0);
  CHECK(pool.free_bytes() == 2 * 16 * 1024);
  pool.Trim();
  CHECK(pool.free_bytes() == 0);
}

}  // namespace
}  // namespace causeway
