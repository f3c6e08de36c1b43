// Memory of ended messages for the next ones.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace causeway {

/// A loop that keeps messages (QoS 1 and 2) makes and ends thousands in a turn, of a few sizes: the
/// heap would join and split them each time. While one lives, Message::Create and Destroy of its
/// thread go through it first.
/// Owner and thread: the one that made it; at most one for each.
/// Bound: limits::kSpareMessageBytes. Full: back to the heap, as everything above kLargest.
class SpareMessages {
 public:
  static constexpr size_t kStep = 32;
  static constexpr size_t kLargest = 1024;
  /// Not under AddressSanitizer, which could not tell a message from the one before it.
  static const bool kEnabled;

  /// CHECKs that this thread has none.
  SpareMessages();
  ~SpareMessages();
  SpareMessages(const SpareMessages&) = delete;
  SpareMessages& operator=(const SpareMessages&) = delete;

  /// Memory for `bytes`, kept or new. Ended by Give with the same number, on any thread.
  static void* Take(size_t bytes);
  static void Give(void* memory, size_t bytes);

  /// Kept now.
  size_t bytes() const { return bytes_; }

 private:
  struct Spare {
    Spare* next;
  };
  static size_t ClassOf(size_t bytes) { return (bytes - 1) / kStep; }

  std::array<Spare*, kLargest / kStep> spares_{};
  size_t bytes_ = 0;
};

}  // namespace causeway
