// A message in flight: one allocation, shared by every receiver that has to keep it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace causeway {

/// Where a message entered this node; decides where it may go (design.md §4). kSys: what this
/// broker says about itself under `$SYS/`, which concerns nobody elsewhere.
enum class Origin : uint8_t { kClient, kPeer, kLink, kBroker, kSys };

/// Immutable after publication (the publisher's loop may still set `retain_version`
/// before it hands the first reference to another thread). Owner: shared, counted. Thread: every
/// one. Never holds a napi reference.
struct Message {
  std::atomic<uint32_t> references{1};
  uint8_t qos = 0;
  bool retain = false;  // the publisher's RETAIN flag
  Origin origin = Origin::kClient;
  uint8_t link = 0xFF;           // index of the link it came through, when origin is kLink
  uint8_t protocol_version = 4;  // the publisher's
  uint16_t publisher_loop = 0;   // with publisher_session/generation: No Local
  uint32_t publisher_session = 0xFFFFFFFF;
  uint32_t publisher_generation = 0;
  uint32_t message_expiry_seconds = 0xFFFFFFFF;  // as it arrived; 0xFFFFFFFF: none
  int64_t timestamp_ms = 0;                      // wall clock at the origin, ms since epoch
  int64_t received_ms = 0;                       // monotonic clock of this process
  uint64_t retain_version = 0;                   // set by RetainedIndex::Put, 0: not stored
  uint32_t topic_bytes = 0, payload_bytes = 0, properties_bytes = 0, client_id_bytes = 0;

  std::string_view topic() const { return {data(), topic_bytes}; }
  std::string_view payload() const { return {data() + topic_bytes, payload_bytes}; }
  /// Forwardable MQTT 5 properties in wire form, without the length.
  std::string_view properties() const {
    return {data() + topic_bytes + payload_bytes, properties_bytes};
  }
  /// The original publisher's client id; kept only where No Local has to compare text (link
  /// origin).
  std::string_view client_id() const {
    return {data() + topic_bytes + payload_bytes + properties_bytes, client_id_bytes};
  }
  /// What it costs in memory, for bounds.
  size_t bytes() const {
    return sizeof(Message) + topic_bytes + payload_bytes + properties_bytes + client_id_bytes;
  }
  char* data() { return reinterpret_cast<char*>(this + 1); }
  const char* data() const { return reinterpret_cast<const char*>(this + 1); }

  /// One allocation; the four texts are copied. References: 1, the caller's. Their sizes stay as
  /// they are: by them the memory is given back.
  static Message* Create(std::string_view topic, std::string_view payload,
                         std::string_view properties, std::string_view client_id);
  /// A message of payload only, for the caller to fill at data() before anybody else sees it.
  static Message* CreateUninitialized(size_t payload_bytes);
  /// Ends the last reference. Thread: every one.
  static void Destroy(Message* message);
};

/// A counted reference. Copy costs one relaxed increment; the last one frees.
class MessageRef {
 public:
  MessageRef() = default;
  /// Takes over the caller's reference.
  static MessageRef Adopt(Message* message) {
    MessageRef ref;
    ref.message_ = message;
    return ref;
  }
  MessageRef(const MessageRef& other) : message_(other.message_) {
    // Relaxed: a new reference is made from an existing one, which already orders everything.
    if (message_ != nullptr) message_->references.fetch_add(1, std::memory_order_relaxed);
  }
  MessageRef(MessageRef&& other) noexcept : message_(std::exchange(other.message_, nullptr)) {}
  MessageRef& operator=(MessageRef other) noexcept {
    std::swap(message_, other.message_);
    return *this;
  }
  ~MessageRef() { reset(); }

  void reset() {
    // Release on the way down, acquire for the one who frees: its reads of the bytes happen after
    // all others'.
    if (message_ != nullptr && message_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      Message::Destroy(message_);
    }
    message_ = nullptr;
  }
  Message* get() const { return message_; }
  Message* operator->() const { return message_; }
  Message& operator*() const { return *message_; }
  explicit operator bool() const { return message_ != nullptr; }
  /// Gives the reference up without ending it.
  Message* release() { return std::exchange(message_, nullptr); }

 private:
  Message* message_ = nullptr;
};

}  // namespace causeway
