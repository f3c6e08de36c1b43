// What a library left open in a libuv loop that is about to be closed.
#pragma once

struct uv_loop_s;

namespace causeway::transport {

/// Closes every poll handle of `loop` and its descriptor. On the loop's thread, when nothing of it
/// runs any more.
///
/// For the edge thread: uWebSockets.js leaves its sockets to the loop, and Node ends the whole
/// process when a worker thread ends with an open handle in its loop: after an uncaught error,
/// after process.exit in the main thread, or with one client that has not finished its HTTP
/// request.
void CloseLeftoverPolls(uv_loop_s* loop);

}  // namespace causeway::transport
