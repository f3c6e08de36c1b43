// Listeners as control opens and closes them.
#include <algorithm>
#include <utility>

#include "transport/engine.h"

namespace causeway::transport {

int Engine::Listen(const ListenerOptions& options, std::string* what) {
  std::vector<int> fds;
  UnixListener file;
  const int error = options.is_unix()
                        ? OpenUnixListener(options.path, options.mode, options.backlog, &file, what)
                        : OpenListeningSockets(options, options_.loops, &fds, what);
  if (error != 0) return error;
  listeners_.push_back(std::make_unique<Listener>());
  Listener* const listener = listeners_.back().get();
  listener->options = options;
  listener->rate.Configure(static_cast<int64_t>(options.accept_interval_ns), options.accept_burst);
  listener->rates.messages.Configure(options.total_messages_per_second);
  listener->rates.bytes.Configure(options.total_bytes_per_second);
  if (options.on_edge) {
    edge_.AddListener(listener);
    return 0;
  }
  if (options.is_unix()) {
    // One loop each, in turn: what it does for them ends with the CONNECT.
    Post(static_cast<int>(options.id) % options_.loops, ListenCommand{listener, file.fd});
    unix_files_.emplace_back(options.id, std::move(file));
    return 0;
  }
  for (int i = 0; i < options_.loops; ++i)
    Post(i, ListenCommand{listener, fds[static_cast<size_t>(i)]});
  return 0;
}

Listener* Engine::FindListener(uint32_t id) {
  const auto found = std::find_if(listeners_.rbegin(), listeners_.rend(),
                                  [id](const auto& one) { return one->options.id == id; });
  return found == listeners_.rend() ? nullptr : found->get();
}

void Engine::Unlisten(uint32_t id) {
  // Before the descriptor is closed: who comes in between is told ENOENT, not left to a dead file.
  std::erase_if(unix_files_, [id](auto& one) {
    if (one.first != id) return false;
    one.second.RemoveFile();
    return true;
  });
  for (int i = 0; i < options_.loops; ++i) Post(i, UnlistenCommand{id});
}

}  // namespace causeway::transport
