// The bytes of a WebSocket connection as its io loop sees them: they come from and go to the edge
// thread, not a descriptor.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "edge/conduit.h"
#include "transport/stream.h"

namespace causeway::transport {

/// What a stream needs of the edge's port.
class ConduitListener {
 public:
  /// Any loop: the edge should look at this one. It is woken by the end of the loop's turn.
  virtual void Announce(std::shared_ptr<edge::Conduit> conduit) = 0;

 protected:
  ~ConduitListener() = default;
};

/// Owner: its socket, which has no descriptor and no poll: it asks here when to read and write
/// (IoLoop::Watch), and hears of changes by an EdgeReadyCommand.
class RingStream final : public Stream {
 public:
  /// `edge` lives as long as the process. `certificate`: the client's, DER; empty: it showed none.
  RingStream(std::shared_ptr<edge::Conduit> conduit, ConduitListener* edge, std::string certificate)
      : conduit_(std::move(conduit)), edge_(edge), certificate_(std::move(certificate)) {}
  /// The edge closes the WebSocket: gracefully where the output was ended, else at once.
  ~RingStream() override;

  ssize_t Read(char* into, size_t bytes) override;
  ssize_t Write(const iovec* vectors, int count) override;
  void EndOutput() override;
  bool buffered() const override { return !conduit_->up.empty(); }
  std::string PeerCertificate() const override { return certificate_; }

  /// From now on `loop` is told. It looks once by itself afterwards: what came before may have been
  /// told to another.
  void MoveTo(int loop) { conduit_->loop.store(loop, std::memory_order_seq_cst); }
  /// Whether its socket reads at present.
  void SetReading(bool reading) { conduit_->unread.store(!reading, std::memory_order_relaxed); }
  /// Read would give bytes or the end.
  bool readable() const {
    return buffered() || conduit_->peer_gone.load(std::memory_order_acquire);
  }
  /// Write would take bytes. False: an EdgeReadyCommand follows when it will.
  bool Writable();
  /// The client sent more than may wait, or what it sent waited too long: design.md §6.
  bool overrun() const { return conduit_->overrun.load(std::memory_order_acquire); }

 private:
  const std::shared_ptr<edge::Conduit> conduit_;
  ConduitListener* const edge_;
  const std::string certificate_;
};

}  // namespace causeway::transport
