#include "transport/leftover_polls.h"

#include <unistd.h>
#include <uv.h>

namespace causeway::transport {

void CloseLeftoverPolls(uv_loop_s* loop) {
  uv_walk(
      loop,
      [](uv_handle_t* handle, void*) {
        if (handle->type != UV_POLL || uv_is_closing(handle)) return;
        uv_os_fd_t fd = -1;
        const bool open = uv_fileno(handle, &fd) == 0;
        uv_close(handle, nullptr);  // its memory is the library's, and left
        if (open) close(fd);
      },
      nullptr);
  uv_run(loop, UV_RUN_NOWAIT);  // closing takes one more turn
}

}  // namespace causeway::transport
