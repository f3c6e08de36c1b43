// What a broker's end of a connection costs when nothing is decided there: accept, read, answer.
#pragma once

#include <optional>
#include <thread>
#include <vector>

#include "loadgen/endpoint.h"
#include "loadgen/floor_fan.h"
#include "loadgen/worker.h"

namespace causeway::loadgen {

/// Answers CONNECT with CONNACK and SUBSCRIBE with SUBACK by the first byte alone: it parses,
/// validates, keeps and matches nothing, so no broker on epoll can answer for less. One packet a
/// read is what it expects, as clients that wait for answers send. With a fan, clients that have
/// subscribed are its receivers.
/// Thread: one of its own, on the processors of whoever made it.
class FloorServer {
 public:
  explicit FloorServer(const Endpoint& endpoint, const std::optional<FanPlan>& fan = std::nullopt);
  FloorServer(const FloorServer&) = delete;
  FloorServer& operator=(const FloorServer&) = delete;
  ~FloorServer();

  /// 0, or the errno of the step that failed.
  int error() const { return error_; }

 private:
  void Serve();
  void Accept();
  void Answer(int client);
  void Close(int client);

  Descriptor listening_, epoll_, wake_;
  const bool is_tcp_;
  int error_ = 0;
  std::vector<bool> open_;  // by descriptor: clients
  std::optional<FloorFan> fan_;
  std::thread thread_;
};

}  // namespace causeway::loadgen
