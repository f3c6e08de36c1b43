// The message connections between brokers: dialled for every slot, accepted with takeover, cut,
// silenced and slow. What is written and acknowledged on them is up to the real link slots, intakes
// and ack gates.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "core/hash.h"
#include "link/message_term.h"
#include "network.h"

namespace causeway::sim {

class MessagePipes {
 public:
  explicit MessagePipes(Network* network) : network_(network) {}

  /// Dials every slot that should have a connection and neither has nor seeks one; hangs up those
  /// that should not have theirs. After a start and after every change of the links.
  void Configure(int broker) {
    Broker& self = network_->At(broker);
    for (size_t link = 0; link < self.links.size(); ++link) {
      const LinkEntry::Slots slots = self.links[link].dialled();
      for (uint32_t slot = slots.first; slot < slots.first + slots.count; ++slot) {
        const Seeker seeker{broker, self.life, static_cast<int>(link), slot};
        if (seekers_.insert(seeker).second) Dial(seeker, network_->chance.Below(500));
      }
    }
    ForEach([&](Pipe* pipe) {
      if (pipe->from == broker && pipe->from_life == self.life && pipe->near_open &&
          !self.links[static_cast<size_t>(pipe->link)].dialled().Has(pipe->slot))
        HangUp(pipe);
    });
  }
  /// The broker ends one of its connections.
  void HangUp(const session::Connection* near) {
    ForEach([&](Pipe* pipe) {
      if (pipe->near == near && pipe->near_open) HangUp(pipe);
    });
  }
  /// The broker is gone. `machine`: nobody resets its connections.
  void Stopped(int broker, int life, bool machine) {
    ForEach([&](Pipe* pipe) {
      const bool dialled = pipe->from == broker && pipe->from_life == life;
      const bool accepted = pipe->to == broker && pipe->to_life == life;
      if (!dialled && !accepted) return;
      if (dialled) pipe->near_open = false;
      if (accepted) pipe->far_open = false;
      // What a killed process has written already may still arrive.
      if (accepted || machine || network_->chance.Percent(50)) pipe->lost = true;
      EndNear(pipe, machine ? Silence() : network_->Delay());
      EndFar(pipe, machine ? 90'000 : LastTo(pipe));
    });
  }
  /// Something happens to one connection.
  void Trouble() {
    std::vector<Pipe*> open;
    ForEach([&](Pipe* pipe) {
      if (pipe->near_open && pipe->near != nullptr && !pipe->lost) open.push_back(pipe);
    });
    if (open.empty()) return;
    Pipe* pipe = network_->chance.Pick(open);
    switch (network_->chance.Below(5)) {
      case 0:  // reset: what is under way is lost in both directions
        pipe->lost = true;
        EndNear(pipe, network_->Delay());
        EndFar(pipe, network_->Delay());
        return;
      case 1:  // half open: bytes vanish, the far end waits for ever or for a takeover
        pipe->lost = true;
        EndNear(pipe, Silence());
        EndFar(pipe, 90'000);
        return;
      case 2:  // acknowledgements vanish, messages arrive
        pipe->deaf = true;
        EndNear(pipe, Silence());
        EndFar(pipe, 90'000);
        return;
      case 3:  // we hang up; what was written arrives, and is acknowledged when another one is up
        pipe->back_ms += network_->chance.Below(5'000);
        return HangUp(pipe);
      default:  // the link stalls
        pipe->there_ms += network_->chance.Below(5'000);
        pipe->back_ms += network_->chance.Below(5'000);
    }
  }
  void Parted(int a, int b) {
    ForEach([&](Pipe* pipe) {
      if (std::minmax(pipe->from, pipe->to) != std::minmax(a, b) || pipe->lost) return;
      pipe->lost = true;
      EndNear(pipe, Silence());
      EndFar(pipe, 90'000);
    });
  }

  /// Lets the broker work, and carries what it wrote. Sometimes not all of it at once: then lanes
  /// are full and publishers wait when the next thing happens.
  void Work(int broker) {
    Broker& self = network_->At(broker);
    if (self.process == nullptr) return;
    fanout::World& world = self.process->world;
    world.now_ms = network_->clock.now_ms;
    const bool whole = network_->calm || network_->chance.Percent(80);
    for (bool moved = true; moved;) {
      if (!whole && network_->chance.Percent(50)) break;
      if (!world.Settle(whole ? 100'000 : 1) && whole)
        network_->ledger.Violated(NameOf(broker) + " does not come to rest");
      moved = Carry(self);
    }
    if (world.AnyWoken() || !whole) WorkSoon(broker);
  }

 private:
  /// One connection of one slot, from dialling until both ends are closed.
  struct Pipe {
    int from = 0, from_life = 0, to = 0, to_life = 0;
    int link = 0;
    uint32_t slot = 0;
    uint16_t receive_maximum = 1, unacknowledged = 0;
    fanout::World::LinkConnection* near = nullptr;  // of the dialler's world; null until CONNACK
    fanout::Client* far = nullptr;                  // of the acceptor's world
    bool near_open = true, far_open = false;
    bool lost = false;                  // nothing arrives any more, at either end
    bool deaf = false;                  // nothing arrives at the dialler
    int64_t there_ms = 0, back_ms = 0;  // when the last of what is under way arrives
    size_t read_bytes_max = SIZE_MAX;   // what its socket takes at once
    bool done() const { return !near_open && !far_open; }
  };
  using PipeRef = std::shared_ptr<Pipe>;
  /// A slot that has a connection or seeks one: broker, life, link, slot.
  using Seeker = std::tuple<int, int, int, uint32_t>;

  void ForEach(const std::function<void(Pipe*)>& visit) {
    std::erase_if(pipes_, [](const PipeRef& pipe) { return pipe->done(); });
    const std::vector<PipeRef> now = pipes_;
    for (const PipeRef& pipe : now) visit(pipe.get());
  }
  /// Ping and its answer, or a PUBACK, at the latest.
  int64_t Silence() { return 1'000 + network_->chance.Below(29'000); }
  int64_t LastTo(const Pipe* pipe) {
    return std::max(pipe->there_ms - network_->clock.now_ms, int64_t{0}) + network_->Delay();
  }
  void WorkSoon(int broker) {
    if (!soon_.insert(broker).second) return;
    network_->clock.After(1, [this, broker] {
      soon_.erase(broker);
      Work(broker);
    });
  }
  PipeRef Shared(Pipe* pipe) {
    return *std::find_if(pipes_.begin(), pipes_.end(),
                         [pipe](const PipeRef& one) { return one.get() == pipe; });
  }
  void EndNear(Pipe* pipe, int64_t delay_ms) {
    network_->clock.After(delay_ms, [this, kept = Shared(pipe)] { NearClosed(kept.get()); });
  }
  void EndFar(Pipe* pipe, int64_t delay_ms) {
    network_->clock.After(delay_ms, [this, kept = Shared(pipe)] { FarClosed(kept.get()); });
  }

  // ---- the ends

  void HangUp(Pipe* pipe) {
    const int64_t last_ms = LastTo(pipe);
    NearClosed(pipe);
    EndFar(pipe, last_ms);
  }
  void Dial(const Seeker& seeker, int64_t delay_ms) {
    network_->clock.After(delay_ms, [this, seeker] {
      const auto [from, life, link, slot] = seeker;
      const LinkEntry& entry = network_->At(from).links[static_cast<size_t>(link)];
      if (network_->Alive(from, life) == nullptr || !entry.dialled().Has(slot)) {
        seekers_.erase(seeker);
        return;
      }
      if (!network_->Reaches(from, entry.remote)) return Redial(seeker);
      auto pipe = std::make_shared<Pipe>();
      pipe->from = from;
      pipe->from_life = life;
      pipe->to = entry.remote;
      pipe->to_life = network_->At(entry.remote).life;
      pipe->link = link;
      pipe->slot = slot;
      pipe->there_ms = pipe->back_ms = network_->clock.now_ms;
      pipe->receive_maximum = static_cast<uint16_t>(1 + network_->chance.Below(6));
      if (network_->chance.Percent(30)) pipe->read_bytes_max = 200;
      pipes_.push_back(pipe);
      network_->clock.After(network_->Delay(), [this, pipe] { Accept(pipe); });
    });
  }
  void Redial(const Seeker& seeker) {
    Dial(seeker, 20 + network_->chance.Below(network_->calm ? 500 : 2'500));
  }
  /// CONNECT at the far end. A client id has one connection: an older one is taken over.
  void Accept(const PipeRef& pipe) {
    Process* process = network_->Alive(pipe->to, pipe->to_life);
    if (pipe->done()) return;
    if (process == nullptr || !pipe->near_open || !network_->Reaches(pipe->from, pipe->to))
      return EndNear(pipe.get(), network_->Delay());
    ForEach([&](Pipe* other) {
      if (other == pipe.get() || !other->far_open || other->to != pipe->to ||
          other->from != pipe->from || other->link != pipe->link || other->slot != pipe->slot)
        return;
      FarClosed(other);
      if (!other->lost) EndNear(other, network_->Delay());
    });
    process->world.now_ms = network_->clock.now_ms;
    fanout::Client*& client = process->peers[ClientId(*pipe)];
    if (client == nullptr) {
      const uint64_t home = Hash(ClientId(*pipe), HashSeed{3, 4});
      client = process->world.Add(static_cast<int>(home % static_cast<uint64_t>(process->loops())));
    } else {
      process->world.End(client);  // Clean Start
      ++client->generation;
      client->inbox.clear();
      process->world.Attach(client);
    }
    pipe->far = client;
    pipe->far_open = true;
    Back(pipe, [this, pipe] { NearUp(pipe); });
    Work(pipe->to);
  }
  void NearUp(const PipeRef& pipe) {
    Process* process = network_->Alive(pipe->from, pipe->from_life);
    if (process == nullptr || !pipe->near_open) return;
    fanout::World& world = process->world;
    world.now_ms = network_->clock.now_ms;
    const int loop = fanout::LinkSpec::EvenLoopOf(pipe->link, pipe->slot, process->loops());
    fanout::World::LinkConnection* connection = world.DialLink(loop);
    connection->high_watermark_bytes = pipe->read_bytes_max == SIZE_MAX ? 1 << 20 : 600;
    if (!world.shard(loop).links()->Online(pipe->link, pipe->slot, connection,
                                           pipe->receive_maximum, packet_bytes_max, world.now_ms)) {
      network_->ledger.Violated("a slot that should have a connection is not there");
      return HangUp(pipe.get());
    }
    pipe->near = connection;
    Work(pipe->from);
  }
  void NearClosed(Pipe* pipe) {
    if (!pipe->near_open) return;
    pipe->near_open = false;
    Process* process = network_->Alive(pipe->from, pipe->from_life);
    if (process == nullptr) return;
    if (pipe->near != nullptr) {
      fanout::Shard& shard = process->world.shard(pipe->near->loop);
      shard.links()->Offline(pipe->near);
      shard.sender()->dirty()->Forget(pipe->near);
      pipe->near->out.Clear(pipe->near->pool);
    }
    Redial({pipe->from, pipe->from_life, pipe->link, pipe->slot});
  }
  void FarClosed(Pipe* pipe) {
    if (!pipe->far_open) return;
    pipe->far_open = false;
    if (Process* process = network_->Alive(pipe->to, pipe->to_life))
      process->world.Detach(pipe->far);
  }
  std::string ClientId(const Pipe& pipe) const {
    return NameOf(pipe.from) + ":msg:00000000:" + std::to_string(pipe.slot + 1);
  }

  // ---- what they carry

  void There(const PipeRef& pipe, std::function<void()> arrive) {
    Clock& clock = network_->clock;
    pipe->there_ms = std::max(pipe->there_ms, clock.now_ms + network_->Delay());
    clock.After(pipe->there_ms - clock.now_ms, [pipe, arrive = std::move(arrive)] {
      if (!pipe->lost && pipe->far_open) arrive();
    });
  }
  void Back(const PipeRef& pipe, std::function<void()> arrive) {
    Clock& clock = network_->clock;
    pipe->back_ms = std::max(pipe->back_ms, clock.now_ms + network_->Delay());
    clock.After(pipe->back_ms - clock.now_ms, [pipe, arrive = std::move(arrive)] {
      if (!pipe->lost && !pipe->deaf) arrive();
    });
  }

  bool Carry(Broker& self) {
    bool moved = false;
    const std::vector<PipeRef> now = pipes_;
    for (const PipeRef& pipe : now) {
      if (pipe->from == self.index && pipe->from_life == self.life && pipe->near_open)
        moved |= CarryMessages(pipe, self.process.get());
      if (pipe->to == self.index && pipe->to_life == self.life && pipe->far_open)
        CarryAcknowledgements(pipe);
    }
    fanout::Client* probe = self.process->probe;
    for (const fanout::Packet& packet : probe->inbox)
      if (packet.type == mqtt::PacketType::kPublish) network_->ledger.Heard(self, packet);
    if (probe->inbox.empty()) return moved;
    self.process->world.Acknowledge(probe);
    probe->inbox.clear();
    return true;
  }
  bool CarryMessages(const PipeRef& pipe, Process* process) {
    fanout::World::LinkConnection* near = pipe->near;
    if (near == nullptr || near->out.empty()) return false;
    fanout::World& world = process->world;
    fanout::Shard& shard = world.shard(near->loop);
    shard.sender()->dirty()->Forget(near);
    near->stream += session::TakeBytes(&near->out, near->pool, pipe->read_bytes_max);
    for (fanout::Packet& packet : session::ReadPackets(&near->stream, true)) {
      if (packet.qos > 0 && ++pipe->unacknowledged > pipe->receive_maximum)
        network_->ledger.Violated("more in flight than the peer's Receive Maximum");
      There(pipe, [this, pipe, packet = std::move(packet)] { Arrive(pipe, packet); });
    }
    shard.RoomInOutBuffer(near, world.now_ms);
    return true;
  }
  void CarryAcknowledgements(const PipeRef& pipe) {
    for (const fanout::Packet& packet : pipe->far->inbox) {
      if (packet.type != mqtt::PacketType::kPuback) continue;
      Back(pipe, [this, pipe, id = packet.id, reason = packet.reason] {
        Process* process = network_->Alive(pipe->from, pipe->from_life);
        if (process == nullptr) return;
        process->world.now_ms = network_->clock.now_ms;
        --pipe->unacknowledged;
        // One for a connection that is over must find nothing, whatever its number.
        process->world.shard(pipe->near->loop)
            .links()
            ->OnPuback(pipe->near, id, reason, process->world.now_ms);
        Work(pipe->from);
      });
    }
    pipe->far->inbox.clear();
  }
  /// A PUBLISH at the far end; it waits while an earlier one has not ended, as in transport.
  void Arrive(const PipeRef& pipe, const fanout::Packet& packet) {
    fanout::Client* client = pipe->far;
    if (client->connection->fanout_pending || !client->blocked.empty()) {
      client->blocked.push_back([this, pipe, packet] { Take(pipe, packet); });
    } else {
      Take(pipe, packet);
    }
    Work(pipe->to);
  }
  void Take(const PipeRef& pipe, const fanout::Packet& packet) {
    using fanout::Taken;
    Broker& self = network_->At(pipe->to);
    Process* process = self.process.get();
    fanout::Client* client = pipe->far;
    session::Connection* connection = client->connection.get();
    std::string scratch;
    link::ForwardedMessage message;
    if (link::DecodeMessage(packet.payload, &scratch, &message) != link::MessageStatus::kOk)
      return network_->ledger.Violated("a message that cannot be decoded");
    const size_t number = Ledger::NumberOf(std::string(message.payload));
    fanout::Shard& shard = process->world.shard(client->loop);
    const auto answer = [&](mqtt::Reason reason) {
      if (packet.qos > 0)
        shard.sender()->Acknowledge(connection, mqtt::PacketType::kPuback, packet.id, reason);
    };
    if (packet.qos > 0 && !network_->calm && network_->chance.Percent(1)) {
      network_->ledger.Refused(self, number);
      return answer(mqtt::Reason::kQuotaExceeded);
    }
    const std::string cluster = packet.topic.substr(std::string("$LINK/cluster/msg/").size());
    process->world.now_ms = network_->clock.now_ms;
    const Taken taken = process->intakes[static_cast<size_t>(client->loop)]->Take(
        {cluster, ClientId(*pipe), packet.payload, packet.qos}, connection, process->world.now_ms,
        network_->WallMs(self));
    process->world.Wake(client->loop);
    network_->ledger.Taken(self, number, pipe->slot, taken.verdict == Taken::Verdict::kPublished);
    switch (taken.verdict) {
      case Taken::Verdict::kPublished:
        if (taken.outcome != fanout::Shard::Published::kPending)
          return answer(mqtt::Reason::kSuccess);
        if (packet.qos > 0)
          shard.SettleWhenDone(connection,
                               connection->acks.Add(mqtt::PacketType::kPuback, packet.id,
                                                    mqtt::Reason::kSuccess, true));
        return;
      case Taken::Verdict::kRepeated:
        ++network_->ledger.repeated;
        return answer(mqtt::Reason::kSuccess);
      case Taken::Verdict::kFiltered:
        return answer(mqtt::Reason::kNoMatchingSubscribers);
      case Taken::Verdict::kUndecodable:
        network_->ledger.Violated("a message that is said to be undecodable");
        return answer(mqtt::Reason::kPayloadFormatInvalid);
    }
  }

 public:
  /// What acceptors announce; 0: no limit.
  uint32_t packet_bytes_max = 0;

 private:
  Network* const network_;
  std::vector<PipeRef> pipes_;
  std::set<Seeker> seekers_;
  std::set<int> soon_;  // brokers that go on in a millisecond
};

}  // namespace causeway::sim
