// What has come of a connection and is not parsed yet.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace causeway::transport {

/// A packet that has not wholly come, or all that has come while the connection is blocked. No
/// memory before the first such bytes. Bound: the largest packet, and one read behind it.
class Unparsed {
 public:
  bool empty() const { return view().empty(); }
  std::string_view view() const {
    return held_ == nullptr ? std::string_view()
                            : std::string_view(held_->bytes).substr(held_->parsed);
  }

  /// `bytes` instead of what was there.
  void Assign(std::string_view bytes) {
    Make();
    held_->bytes.assign(bytes);
    held_->parsed = 0;
  }
  /// The same, without copying; the first `parsed` of them are done with, so that a pause moves a
  /// number and not the bytes.
  void Adopt(std::string bytes, size_t parsed = 0) {
    Make();
    held_->bytes = std::move(bytes);
    held_->parsed = parsed;
  }
  /// `more` behind what is there, which will be `whole` bytes.
  void Gather(std::string_view more, size_t whole) {
    Make();
    held_->bytes.erase(0, std::exchange(held_->parsed, 0));
    if (whole > held_->bytes.capacity()) held_->bytes.reserve(whole);
    held_->bytes.append(more);
  }
  /// All bytes and how many of them are done with; nothing is left here.
  std::pair<std::string, size_t> Take() {
    if (held_ == nullptr) return {};
    return {std::exchange(held_->bytes, {}), std::exchange(held_->parsed, 0)};
  }
  /// Memory of up to kKeptBytes stays, for a busy connection's next packet in two pieces.
  void Clear() {
    if (held_ == nullptr) return;
    if (held_->bytes.capacity() > kKeptBytes) return GiveBack();
    held_->bytes.clear();
    held_->parsed = 0;
  }
  void GiveBack() { held_.reset(); }

 private:
  struct Held {
    std::string bytes;
    size_t parsed = 0;
  };
  static constexpr size_t kKeptBytes = 4096;

  void Make() {
    if (held_ == nullptr) held_ = std::make_unique<Held>();
  }

  std::unique_ptr<Held> held_;
};

}  // namespace causeway::transport
