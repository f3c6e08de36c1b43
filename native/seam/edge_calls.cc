// The edge thread's environment: it attaches to the engine of the process, and exchanges one batch
// a turn with it.
#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "core/clock.h"
#include "seam/arguments.h"
#include "seam/crossings.h"
#include "transport/edge_port.h"
#include "transport/leftover_polls.h"

namespace causeway::seam {

namespace {

/// Rings the edge's environment. Leaked: what waits in the function's queue when the environment
/// ends still names it.
struct EdgeBell {
  Napi::ThreadSafeFunction function;
  transport::EdgePort* port;
  uv_loop_s* loop;
};

void Deliver(Napi::Env env, Napi::Function on_bell, EdgeBell*) {
  if (env == nullptr) return;  // the environment is going away
  Cross();
  on_bell.Call({});
}

/// The environment is leaving, however that came about: its clients go with it.
void LeaveEdge(void* argument) {
  auto* bell = static_cast<EdgeBell*>(argument);
  bell->port->Detach();
  transport::CloseLeftoverPolls(bell->loop);
}

/// Names the calling thread as the loops are named, and adds to its nice value: io loops go first
/// (design.md §1). Where that cannot be had it runs as it is.
void StandBehindLoops(int by) {
#ifdef __linux__
  pthread_setname_np(pthread_self(), "edge");
  const auto thread = static_cast<id_t>(syscall(SYS_gettid));
  errno = 0;
  const int now = getpriority(PRIO_PROCESS, thread);
  if (errno == 0) setpriority(PRIO_PROCESS, thread, now + by);
#else
  static_cast<void>(by);
#endif
}

/// attachEdge({ ringBytes, stallMs, nice }, onBell)
Napi::Value AttachEdge(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  transport::Engine* running = EngineOrThrow(env);
  if (running == nullptr) return env.Undefined();
  const Napi::Object from = info[0].As<Napi::Object>();
  transport::EdgeOptions options;
  options.ring_bytes = static_cast<size_t>(LargeOf(from.Get("ringBytes")));
  options.stall_ms = LargeOf(from.Get("stallMs"));
  auto* bell = new EdgeBell;
  bell->port = running->edge();
  CHECK(napi_get_uv_event_loop(env, &bell->loop) == napi_ok);
  StandBehindLoops(static_cast<int>(NumberOf(from.Get("nice"))));
  bell->function =
      Napi::ThreadSafeFunction::New(env, info[1].As<Napi::Function>(), "causeway.edge", 0, 1);
  bell->function.Unref(env);
  bell->port->Attach(
      options,
      [](void* rung) {
        auto* one = static_cast<EdgeBell*>(rung);
        one->function.NonBlockingCall(one, Deliver);
      },
      bell);
  napi_add_env_cleanup_hook(env, LeaveEdge, bell);
  return env.Undefined();
}

/// exchangeEdge(batch, out) → bytes written to `out`; negative: as many, and more wait. An empty
/// `out` takes nothing.
Napi::Value ExchangeEdge(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  // A halted engine still has its port: what goes down is dropped there.
  transport::EdgePort* port = engine.load(std::memory_order_acquire)->edge();
  const int64_t now_ms = MonotonicMs();
  port->Submit(BytesOf(info[0]), now_ms);
  auto out = info[1].As<Napi::Uint8Array>();
  if (out.ByteLength() == 0) return Napi::Number::New(env, 0);
  bool more = false;
  const size_t written =
      port->Take(reinterpret_cast<char*>(out.Data()), out.ByteLength(), now_ms, &more);
  return Napi::Number::New(env,
                           more ? -static_cast<double>(written) : static_cast<double>(written));
}

/// admitEdge(listener, address, peer) → index into layout().edgeVerdicts
Napi::Value AdmitEdge(const Napi::CallbackInfo& info) {
  transport::EdgePort* port = engine.load(std::memory_order_acquire)->edge();
  const transport::EdgeVerdict verdict =
      port->Admit(NumberOf(info[0]), TextOf(info[1]), TextOf(info[2]), MonotonicNs());
  return Napi::Number::New(info.Env(), static_cast<double>(verdict));
}

}  // namespace

void ExportEdge(Napi::Env env, Napi::Object exports) {
  Export<AttachEdge>(env, exports, "attachEdge");
  Export<ExchangeEdge>(env, exports, "exchangeEdge");
  Export<AdmitEdge>(env, exports, "admitEdge");
}

}  // namespace causeway::seam
