// WebSocket connections between a stand-in for the edge thread and one for the io loops, under an
// alphabet of operations: two bytes each, what, and on whom or how much; three bytes before them
// set the bounds. Bytes of each connection and direction are numbered: whoever reads gets them in
// order, once, whatever the chunks, turns, holds and moves between loops. What was not overrun
// arrives whole, rings keep their bounds, and nothing is left when everybody has gone.
#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/check.h"
#include "core/limits.h"
#include "transport/edge_port.h"
#include "transport/records.h"

namespace causeway::transport {
namespace {

constexpr uint32_t kListener = 7;
constexpr int kLoops = 3;
constexpr uint32_t kIds = 5;
constexpr size_t kOperationsMax = 300;

/// The byte that stands at this place of a stream.
char ByteAt(uint32_t salt, size_t place) { return static_cast<char>((place * 31 + salt) % 251); }

std::string Stretch(uint32_t salt, size_t from, size_t count) {
  std::string bytes(count, '\0');
  for (size_t i = 0; i < count; ++i) bytes[i] = ByteAt(salt, from + i);
  return bytes;
}

/// One connection as both ends know it. The edge's id and the connection's number name it.
struct Talk {
  uint32_t id = 0;
  bool may_pause = false;
  std::unique_ptr<RingStream> stream;  // until the loop lets go
  bool edge_has_it = true;             // until the edge says gone, or is detached
  bool told = false;                   // its end or its drop
  bool held = false, paused = false, output_ended = false, released = false;
  size_t up_sent = 0, up_read = 0, down_sent = 0, down_read = 0;
  uint32_t salt() const { return id * 17; }
};

class Story final : public LoopPeers {
 public:
  explicit Story(const uint8_t* bounds) {
    listener_.options.id = kListener;
    listener_.options.on_edge = true;
    listener_.options.connections_max = bounds[2] % 4;
    CHECK(ParseAccessRule("deny 10.0.0.0/8", &listener_.options.access_rules.emplace_back()));
    listener_.rate.Configure(bounds[2] % 2 * 1000, 2);
    port_.AddListener(&listener_);
    options_.ring_bytes = size_t{64} << bounds[0] % 8;
    options_.stall_ms = 100 * (1 + bounds[1] % 8);
    Attach();
  }
  ~Story() {
    Settle();
    talks_.clear();  // the loops let go
    port_.Detach();
    CHECK(port_.totals().conduits.load() == 0);
    CHECK(port_.totals().bytes.load() == 0);
    port_.Close();
  }

  void Do(uint8_t what, uint8_t how) {
    const uint32_t id = how % kIds;
    Talk* const talk = TalkOf(id);
    switch (what % 16) {
      case 0:
        if (talk == nullptr) Open(id, how >= 128);
        break;
      case 1:
      case 2:
        if (talk != nullptr) Data(talk, 1 + what / 16 * how);
        break;
      case 3:
        if (talk != nullptr) Gone(talk);
        break;
      case 4:
        if (talk != nullptr) Hold(talk, how >= 128);
        break;
      case 5:
        Submit();
        break;
      case 6:
        Take(EdgePort::kTakeBytesMin + how * 16);
        break;
      case 7:
      case 8:
        if (Talk* served = Served(how)) Read(served, 1 + what / 16 * 40);
        break;
      case 9:
      case 10:
        if (Talk* served = Served(how)) Write(served, 1 + what / 16 * 400);
        break;
      case 11:
        if (Talk* served = Served(how)) End(served);
        break;
      case 12:
        if (Talk* served = Served(how)) Release(served);
        break;
      case 13:
        if (Talk* served = Served(how)) served->stream->MoveTo(how / 8 % kLoops);
        break;
      case 14:
        now_ms_ += how * 10;
        break;
      case 15:
        if (how == 255) {
          Reattach();
        } else {
          Knock(how);
        }
        break;
    }
  }

  // ---- LoopPeers: io loops that do nothing by themselves
  void WakeLoop(int) override {}
  void EventsWaiting() override {}
  EdgePort* edge() override { return &port_; }
  void PostTo(int loop, Command command) override {
    CHECK(loop >= 0 && loop < kLoops);
    if (auto* open = std::get_if<EdgeOpenCommand>(&command)) {
      CHECK(open->listener == &listener_ && open->peer == "192.0.2.1:1" && !opening_.empty());
      CHECK(open->stream->PeerCertificate() == "DER");
      Talk* const talk = opening_.front();
      opening_.erase(opening_.begin());
      talk->stream = std::move(open->stream);
    } else {
      CHECK(std::get_if<EdgeReadyCommand>(&command) != nullptr);
    }
  }

 private:
  void Attach() {
    port_.Attach(options_, [](void* self) { ++static_cast<Story*>(self)->bells_; }, this);
  }
  Talk* TalkOf(uint32_t id) {
    for (const auto& talk : talks_)
      if (talk->id == id && talk->edge_has_it) return talk.get();
    return nullptr;
  }
  /// Some connection that a loop has.
  Talk* Served(uint8_t how) {
    for (size_t i = 0; i < talks_.size(); ++i) {
      Talk* const talk = talks_[(how + i) % talks_.size()].get();
      if (talk->stream != nullptr) return talk;
    }
    return nullptr;
  }
  RecordWriter Begin(EdgeCommandKind kind) {
    RecordWriter writer(&batch_);
    writer.Begin(static_cast<uint8_t>(kind), 0);
    return writer;
  }
  void Say(EdgeCommandKind kind, uint32_t id) { Begin(kind).U32(id).End(); }

  // ---- the edge
  void Open(uint32_t id, bool may_pause) {
    talks_.push_back(std::make_unique<Talk>());
    Talk* const talk = talks_.back().get();
    talk->id = id;
    talk->may_pause = may_pause;
    opening_.push_back(talk);
    Begin(EdgeCommandKind::kOpen)
        .U32(id)
        .U32(kListener)
        .U32(may_pause ? 1 : 0)
        .Bytes("192.0.2.1:1")
        .Bytes("DER")
        .End();
  }
  void Data(Talk* talk, size_t count) {
    Begin(EdgeCommandKind::kData)
        .U32(talk->id)
        .Bytes(Stretch(talk->salt(), talk->up_sent, count))
        .End();
    talk->up_sent += count;
  }
  void Gone(Talk* talk) {
    Say(EdgeCommandKind::kGone, talk->id);
    talk->edge_has_it = false;
    // Whatever comes up for it until then is for nobody, and must not come afterwards.
    Submit();
  }
  void Hold(Talk* talk, bool on) {
    Say(on ? EdgeCommandKind::kHold : EdgeCommandKind::kUnhold, talk->id);
    Submit();
    talk->held = on;
  }
  void Submit() {
    port_.Submit(batch_, now_ms_);
    batch_.clear();
    CHECK(opening_.empty());
  }
  bool Take(size_t room) {
    std::string into(room, '\0');
    bool more = false;
    const size_t used = port_.Take(into.data(), room, now_ms_, &more);
    CHECK(used <= room);
    RecordReader reader({into.data(), used});
    while (reader.Next()) {
      Talk* const talk = TalkOf(reader.U32());
      CHECK(talk != nullptr);
      Hear(talk, static_cast<EdgeEventKind>(reader.kind()), &reader);
    }
    CHECK(!reader.failed());
    return more;
  }
  void Hear(Talk* talk, EdgeEventKind kind, RecordReader* fields) {
    switch (kind) {
      case EdgeEventKind::kBytes: {
        const std::string_view bytes = fields->Bytes();
        CHECK(!bytes.empty() && !talk->held && !talk->told);
        CHECK(bytes == Stretch(talk->salt(), talk->down_read, bytes.size()));
        talk->down_read += bytes.size();
        CHECK(talk->down_read <= talk->down_sent);
        break;
      }
      case EdgeEventKind::kEnd:
        CHECK(talk->output_ended && talk->down_read == talk->down_sent && !talk->told);
        talk->told = true;
        break;
      case EdgeEventKind::kDrop:
        CHECK(talk->released);
        talk->told = true;
        break;
      case EdgeEventKind::kPause:
      case EdgeEventKind::kResume:
        CHECK(talk->may_pause && talk->paused == (kind == EdgeEventKind::kResume));
        talk->paused = !talk->paused;
        break;
    }
  }
  /// Somebody asks; arbitrary text is no address.
  void Knock(uint8_t how) {
    const bool is_denied = how % 2 == 0;
    const std::string address = is_denied ? "10.1.2.3" : std::string(how % 9, '1');
    const EdgeVerdict verdict = port_.Admit(kListener, address, "peer", now_ms_ * 1'000'000);
    CHECK(!is_denied || verdict == EdgeVerdict::kDenied);
    const EdgeRefusal why = static_cast<EdgeRefusal>(how % 9);
    Begin(EdgeCommandKind::kRefused)
        .U32(0)
        .U32(kListener)
        .U32(static_cast<uint32_t>(why))
        .Bytes("peer")
        .End();
  }
  /// The edge thread ends, and another begins: it knows nobody.
  void Reattach() {
    Submit();
    port_.Detach();
    for (const auto& talk : talks_) talk->edge_has_it = false;
    Attach();
  }

  // ---- io loops
  void Read(Talk* talk, size_t count) {
    std::string into(count, '\0');
    const ssize_t got = talk->stream->Read(into.data(), count);
    if (got > 0) {
      const auto bytes = static_cast<size_t>(got);
      CHECK(into.substr(0, bytes) == Stretch(talk->salt(), talk->up_read, bytes));
      talk->up_read += bytes;
      CHECK(talk->up_read <= talk->up_sent);
      return;
    }
    CHECK(got == 0 ? !talk->edge_has_it : errno == EAGAIN);
    CHECK(!talk->stream->buffered());
  }
  void Write(Talk* talk, size_t count) {
    if (talk->output_ended) return;
    std::string first = Stretch(talk->salt(), talk->down_sent, count);
    std::string second = first.substr(count / 3);
    const iovec vectors[] = {{first.data(), count / 3}, {second.data(), second.size()}};
    const ssize_t sent = talk->stream->Write(vectors, 2);
    if (sent < 0) {
      CHECK(errno == (talk->edge_has_it ? EAGAIN : EPIPE));
      if (talk->edge_has_it) talk->stream->Writable();
      return;
    }
    talk->down_sent += static_cast<size_t>(sent);
    CHECK(!talk->edge_has_it || talk->down_sent - talk->down_read <= limits::kRingDownBytes);
  }
  void End(Talk* talk) {
    talk->stream->EndOutput();
    talk->output_ended = true;
    port_.RingBell();
  }
  void Release(Talk* talk) {
    talk->stream.reset();
    talk->released = true;
    port_.RingBell();
  }

  /// Everybody reads what there is.
  void Settle() {
    Submit();
    for (const auto& talk : talks_) {
      if (talk->edge_has_it && talk->held) Hold(talk.get(), false);
    }
    while (Take(64 * 1024)) continue;
    for (const auto& talk : talks_) {
      if (talk->stream == nullptr) continue;
      while (talk->stream->buffered()) Read(talk.get(), 4096);
      CHECK(talk->stream->overrun() || talk->up_read == talk->up_sent);
      if (talk->edge_has_it) CHECK(talk->down_read == talk->down_sent);
    }
  }

  Listener listener_;
  EdgePort port_{this, kLoops};
  EdgeOptions options_;
  std::vector<std::unique_ptr<Talk>> talks_;
  std::vector<Talk*> opening_;  // said, and not yet at a loop
  std::string batch_;
  int64_t now_ms_ = 1000;
  int bells_ = 0;
};

}  // namespace
}  // namespace causeway::transport

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 5) return 0;
  causeway::transport::Story story(data);
  const size_t end = std::min(size, 3 + 2 * causeway::transport::kOperationsMax);
  for (size_t at = 3; at + 1 < end; at += 2) story.Do(data[at], data[at + 1]);
  return 0;
}
