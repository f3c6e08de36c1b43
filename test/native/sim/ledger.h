// What was published, what the links owed because of it, and what arrived: the judge of a story.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "broker.h"

namespace causeway::sim {

class Ledger {
 public:
  struct Published {
    int origin = 0, life = 0;
    std::string topic;
    uint8_t qos = 0;
    bool expires = false;
    std::vector<int> owed_to;  // brokers whose interest the origin knew of at that moment
  };

  /// The payload of a message begins with the number that this returns.
  size_t Publish(Published message) {
    messages_.push_back(std::move(message));
    return messages_.size() - 1;
  }
  static std::string Payload(size_t number, size_t bytes) {
    std::string text = std::to_string(number) + ':';
    return text + std::string(bytes, '.');
  }
  static size_t NumberOf(const std::string& payload) { return std::stoul(payload); }

  /// `to` answered a message forwarded by `slot`; `published`: it went to the local subscribers.
  void Taken(const Broker& to, size_t number, uint32_t slot, bool published) {
    if (!Known(to, number)) return;
    const Published& message = messages_[number];
    if (message.origin == to.index) return Violated(to, number, "came back to its origin");
    if (std::count(message.owed_to.begin(), message.owed_to.end(), to.index) == 0)
      return Violated(to, number, "was not for this cluster");
    taken_.insert({number, to.index});
    if (!published) return;
    if (!published_.insert({number, to.index, to.life}).second)
      return Violated(to, number, "was published twice");
    // One that was refused, and comes again because the refusal got lost, has lost its place.
    if (refused_.count({number, to.index}) > 0) return;
    // Nobody acknowledges QoS 0: a pool that is given up may have some under way while its
    // successor sends.
    const std::string lane = message.qos == 0 ? " 0 " + std::to_string(slot) : "";
    size_t& last = last_taken_[{to.index, to.life, message.origin, message.topic + lane}];
    if (last > number + 1) Violated(to, number, "came behind a later one of its topic");
    last = number + 1;
  }
  /// Its sender will not send it again.
  void Refused(const Broker& to, size_t number) { refused_.insert({number, to.index}); }

  /// A subscriber of everything got it.
  void Heard(const Broker& by, const session::Packet& packet) {
    const size_t number = NumberOf(packet.payload);
    if (!Known(by, number)) return;
    const Published& message = messages_[number];
    if (packet.topic != message.topic) Violated(by, number, "has another topic");
    if (message.origin != by.index && published_.count({number, by.index, by.life}) == 0)
      Violated(by, number, "reached a subscriber and was not published");
    if (!heard_.insert({number, by.index, by.life}).second)
      Violated(by, number, "reached a subscriber twice");
    if (message.qos == 0 || refused_.count({number, by.index}) > 0) return;
    size_t& last = last_heard_[{by.index, by.life, message.origin, message.topic}];
    if (last > number + 1) Violated(by, number, "reached a subscriber behind a later one");
    last = number + 1;
  }

  /// The end of a broker's life or of the story. `quiet`: everything that could leave has left.
  void Settle(Broker* from, bool quiet) {
    uint64_t owed = 0, matched = 0;
    for (size_t link = 0; link < from->links.size(); ++link) {
      const LinkAccount account = from->process->Account(static_cast<int>(link));
      owed += SettleLink(*from, from->links[link].remote, account, quiet);
      matched += account.matched;
      retried += account.retried;
      lost += account.lost();
    }
    matched += from->process->world.Sum(&Counters::link_dropped_no_slot);
    if (quiet && matched != owed)
      Violated(NameOf(from->index) + " owed " + std::to_string(owed) +
               " to its links, and counts " + std::to_string(matched));
    if (quiet) SettleLocal(*from);
  }

  void Violated(std::string what) {
    if (violations.size() < 8) violations.push_back(std::move(what));
  }

  std::vector<std::string> violations;
  uint64_t retried = 0, lost = 0, repeated = 0;  // that the story had them shows what it tried
  size_t published() const { return messages_.size(); }
  size_t crossed() const { return taken_.size(); }

 private:
  bool Known(const Broker& at, size_t number) {
    if (number < messages_.size()) return true;
    Violated(NameOf(at.index) + " got a message that nobody published");
    return false;
  }
  void Violated(const Broker& at, size_t number, const std::string& what) {
    const Published& message = messages_[number];
    Violated("at " + NameOf(at.index) + ": message " + std::to_string(number) + " of " +
             NameOf(message.origin) + " on " + message.topic + ", QoS " +
             std::to_string(message.qos) + ", " + what);
  }

  /// Every message of QoS >= 1 that was owed has arrived, or the sender counts it as lost.
  uint64_t SettleLink(const Broker& from, int remote, const LinkAccount& account, bool quiet) {
    uint64_t owed0 = 0, owed1 = 0, missing1 = 0;
    for (size_t number = 0; number < messages_.size(); ++number) {
      const Published& message = messages_[number];
      if (message.origin != from.index || message.life != from.life) continue;
      if (std::count(message.owed_to.begin(), message.owed_to.end(), remote) == 0) continue;
      ++(message.qos == 0 ? owed0 : owed1);
      const std::pair<size_t, int> key{number, remote};
      if (message.qos > 0 && taken_.count(key) == 0 && refused_.count(key) == 0) ++missing1;
    }
    const std::string link = NameOf(from.index) + " to " + NameOf(remote);
    if (account.acked + account.rejected + missing1 > owed1)
      Violated(link + ": acknowledged " + std::to_string(account.acked + account.rejected) +
               " of " + std::to_string(owed1) + ", " + std::to_string(missing1) + " never arrived");
    if (!quiet) return owed0 + owed1;
    if (account.queued + account.inflight != 0)
      Violated(link + ": " + std::to_string(account.queued) + " wait and " +
               std::to_string(account.inflight) + " are unacknowledged at the end");
    const uint64_t accounted = account.acked + account.sent_qos0 + account.lost();
    if (accounted != account.matched)
      Violated(link + ": " + std::to_string(account.matched) + " matched, " +
               std::to_string(accounted) + " accounted for");
    const uint64_t gone0 = owed0 - std::min(owed0, account.sent_qos0);
    if (missing1 + gone0 > account.lost())
      Violated(link + ": " + std::to_string(missing1) + " never arrived, " +
               std::to_string(account.lost() - gone0) + " counted as lost");
    return owed0 + owed1;
  }

  /// What was published in this life, here or through a link, has reached the local subscriber.
  void SettleLocal(const Broker& at) {
    for (const auto& [number, broker, life] : published_) {
      const Published& message = messages_[number];
      if (broker != at.index || life != at.life || message.qos == 0 || message.expires) continue;
      if (heard_.count({number, broker, life}) == 0)
        Violated(at, number, "was published and reached nobody");
    }
    for (size_t number = 0; number < messages_.size(); ++number) {
      const Published& message = messages_[number];
      if (message.origin != at.index || message.life != at.life || message.qos == 0) continue;
      if (!message.expires && heard_.count({number, at.index, at.life}) == 0)
        Violated(at, number, "reached nobody at home");
    }
  }

  std::vector<Published> messages_;
  std::set<std::pair<size_t, int>> taken_, refused_;          // number, broker
  std::set<std::tuple<size_t, int, int>> published_, heard_;  // number, broker, its life
  std::map<std::tuple<int, int, int, std::string>, size_t> last_taken_, last_heard_;
};

}  // namespace causeway::sim
