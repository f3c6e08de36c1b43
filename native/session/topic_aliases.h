// Outbound topic aliases of one connection: which topics go out as two bytes. MQTT 5.0 §3.3.2.3.4.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace causeway::session {

/// Ours to assign, within the client's Topic Alias Maximum [MQTT-3.1.2-26]; a client that states
/// none has no table [MQTT-3.1.2-27]. A topic gets an alias when it is sent for the second time
/// within a while, since the assignment itself costs three bytes; in a full table the topic that
/// was not used for longest makes room. Nothing is allocated while the same topics come again.
/// Owner: the connection, and it ends with it: no alias outlives its connection [MQTT-3.3.2-7].
/// Bounds: limits::kOutAliasesMax aliases, limits::kOutAliasBytesMax bytes. Full: topics without an
/// alias go out in full.
class TopicAliases {
 public:
  struct Choice {
    uint16_t alias = 0;  // 0: the topic in full, no alias [MQTT-3.3.2-8]
    bool known = false;  // false: topic and alias go together; true: the alias alone
  };

  /// `client_max`: the Topic Alias Maximum of CONNECT, > 0.
  explicit TopicAliases(uint16_t client_max);
  TopicAliases(const TopicAliases&) = delete;
  TopicAliases& operator=(const TopicAliases&) = delete;

  /// How the next PUBLISH names `topic`. The caller sends it so, or calls Forget(alias).
  /// `hash`: of the topic, the same seed every time.
  Choice Choose(std::string_view topic, uint64_t hash);
  /// The PUBLISH that was to assign `alias` is not sent.
  void Forget(uint16_t alias);

  size_t size() const { return entries_.size(); }
  size_t bytes() const { return bytes_; }

 private:
  struct Entry {
    std::string topic;  // empty: assigned to nothing
    uint32_t hash = 0;
    bool used = false;  // since the hand came by
  };
  static constexpr size_t kRecent = 64;

  uint32_t Find(std::string_view topic, uint32_t hash) const;
  uint16_t Place(std::string_view topic);
  void Link(uint16_t alias);
  void Unlink(uint16_t alias);

  const size_t max_;
  std::vector<Entry> entries_;  // by alias - 1
  /// Open addressing, at most half full: an alias, or 0. A power of two.
  std::vector<uint16_t> index_;
  size_t bytes_ = 0;  // of entries and their topics
  size_t hand_ = 0;   // second chance: the entry looked at next
  /// By hash: topics that went out in full lately.
  uint32_t recent_[kRecent] = {};
};

}  // namespace causeway::session
