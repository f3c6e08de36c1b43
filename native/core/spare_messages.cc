#include "core/spare_messages.h"

#include <cstdlib>
#include <new>
#include <utility>

#include "core/check.h"
#include "core/limits.h"

namespace causeway {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kWatched = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr bool kWatched = true;
#else
constexpr bool kWatched = false;
#endif
#else
constexpr bool kWatched = false;
#endif

thread_local SpareMessages* own = nullptr;

}  // namespace

const bool SpareMessages::kEnabled = !kWatched;

SpareMessages::SpareMessages() {
  CHECK(own == nullptr);
  if constexpr (!kWatched) own = this;
}

SpareMessages::~SpareMessages() {
  own = nullptr;
  for (Spare* spare : spares_) {
    while (spare != nullptr) std::free(std::exchange(spare, spare->next));
  }
}

void* SpareMessages::Take(size_t bytes) {
  if (kWatched || bytes > kLargest) return std::malloc(bytes);
  const size_t at = ClassOf(bytes);
  SpareMessages* const pool = own;
  if (pool == nullptr || pool->spares_[at] == nullptr) return std::malloc((at + 1) * kStep);
  Spare* const spare = pool->spares_[at];
  pool->spares_[at] = spare->next;
  pool->bytes_ -= (at + 1) * kStep;
  return spare;
}

void SpareMessages::Give(void* memory, size_t bytes) {
  SpareMessages* const pool = own;
  if (pool == nullptr || bytes > kLargest || pool->bytes_ >= limits::kSpareMessageBytes) {
    return std::free(memory);
  }
  const size_t at = ClassOf(bytes);
  Spare* const spare = new (memory) Spare{pool->spares_[at]};
  pool->spares_[at] = spare;
  pool->bytes_ += (at + 1) * kStep;
}

}  // namespace causeway
