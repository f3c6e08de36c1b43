// Start and stop, listeners, and the two batches: events up, commands down.
#include <unistd.h>

#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "core/limits.h"
#include "core/wake_slice.h"
#include "seam/arguments.h"
#include "seam/crossings.h"

namespace causeway::seam {

namespace {

/// Rings control's environment: one coalesced call however many events wait. Leaked with the
/// engine.
struct Bell {
  Napi::ThreadSafeFunction function;
  /// Set by the loop that rings, cleared before the events are taken: no event is left behind
  /// unannounced.
  std::atomic<bool> ringing{false};
  std::atomic<bool> closed{false};
};

Bell* bell = nullptr;

void Deliver(Napi::Env env, Napi::Function on_events, Bell* rung) {
  rung->ringing.store(false, std::memory_order_seq_cst);
  // The environment is going away, or the engine has halted: what still waited in the queue runs
  // when handles are cleaned up, where no JavaScript can be called any more.
  if (env == nullptr || rung->closed.load(std::memory_order_acquire)) return;
  std::string events;
  engine.load(std::memory_order_acquire)->TakeEvents(&events);
  if (events.empty()) return;
  Cross();
  on_events.Call({BufferOf(env, events)});
}

void Ring(void* argument) {
  Bell* one = static_cast<Bell*>(argument);
  if (one->closed.load(std::memory_order_acquire)) return;
  if (one->ringing.exchange(true, std::memory_order_seq_cst)) return;
  one->function.NonBlockingCall(one, Deliver);
}

/// The environment is leaving: the loops stop first (design.md §12).
void Leave(void*) {
  if (transport::Engine* running = engine.load(std::memory_order_acquire)) {
    bell->closed.store(true, std::memory_order_release);
    running->Halt(1000);
  }
}

router::Strategy StrategyOf(const std::string& name) {
  if (name == "random") return router::Strategy::kRandom;
  if (name == "sticky") return router::Strategy::kSticky;
  if (name == "hash_clientid") return router::Strategy::kHashClientId;
  if (name == "hash_topic") return router::Strategy::kHashTopic;
  if (name == "local") return router::Strategy::kLocal;
  return router::Strategy::kRoundRobin;  // also round_robin_per_group: one node is one group
}

/// Topic → priority, as two arrays of the same length.
session::QueuePriorities PrioritiesOf(const Napi::Object& from) {
  const Napi::Array topics = from.Get("topics").As<Napi::Array>();
  const Napi::Array priorities = from.Get("priorities").As<Napi::Array>();
  std::map<std::string, uint16_t, std::less<>> by_topic;
  for (uint32_t i = 0; i < topics.Length(); ++i)
    by_topic.emplace(TextOf(topics.Get(i)), static_cast<uint16_t>(NumberOf(priorities.Get(i))));
  const bool highest = BooleanOf(from.Get("othersHighest"));
  return {std::move(by_topic), highest ? session::kHighestPriority : session::kLowestPriority};
}

fanout::MessagePolicy PolicyOf(const Napi::Object& from) {
  fanout::MessagePolicy policy;
  const uint32_t expiry_seconds = NumberOf(from.Get("expirySecondsMax"));
  if (expiry_seconds != 0) policy.expiry_seconds_max = expiry_seconds;
  policy.topic_levels_max = NumberOf(from.Get("topicLevelsMax"));
  policy.retry_ms = NumberOf(from.Get("retryMs"));
  policy.await_release_ms = NumberOf(from.Get("awaitReleaseMs"));
  policy.clears_silently = BooleanOf(from.Get("clearsSilently"));
  policy.priorities = PrioritiesOf(from.Get("queuePriorities").As<Napi::Object>());
  return policy;
}

/// Null: no limit.
transport::Rate RateOf(const Napi::Value& value) {
  if (value.IsNull()) return {};
  const Napi::Object from = value.As<Napi::Object>();
  const auto number = [&from](const char* name) {
    return from.Get(name).As<Napi::Number>().DoubleValue();
  };
  return {number("perSecond"), number("burst"), number("burstPerSecond")};
}

/// start(StartOptions of src/native/binding.ts, onEvents)
Napi::Value Start(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (engine.load(std::memory_order_acquire) != nullptr) {
    Throw(env, "ENGINE_STARTED", "this process has an engine already; one process runs one broker");
    return env.Undefined();
  }
  const Napi::Object from = info[0].As<Napi::Object>();
  transport::EngineOptions options;
  options.loops = static_cast<int>(NumberOf(from.Get("loops")));
  options.lane_slots = NumberOf(from.Get("laneSlots"));
  options.pending_connects = NumberOf(from.Get("pendingConnects"));
  options.store_retained = BooleanOf(from.Get("storeRetained"));
  options.retained.max_messages = static_cast<size_t>(LargeOf(from.Get("retainedMessagesMax")));
  options.retained.max_payload_bytes =
      static_cast<size_t>(LargeOf(from.Get("retainedPayloadBytesMax")));
  options.retained.max_total_bytes = static_cast<size_t>(LargeOf(from.Get("retainedBytesMax")));
  options.delayed_enabled = BooleanOf(from.Get("delayedEnabled"));
  options.delayed_messages_max = static_cast<size_t>(LargeOf(from.Get("delayedMessagesMax")));
  options.delayed_bytes_max = static_cast<size_t>(LargeOf(from.Get("delayedBytesMax")));
  options.retained.lifetime_ms = LargeOf(from.Get("retainedLifetimeMs"));
  options.sharing = {StrategyOf(TextOf(from.Get("strategy"))),
                     StrategyOf(TextOf(from.Get("stickyPick")))};
  options.policy = PolicyOf(from.Get("messagePolicy").As<Napi::Object>());
  bell = new Bell;
  bell->function =
      Napi::ThreadSafeFunction::New(env, info[1].As<Napi::Function>(), "causeway.events", 0, 1);
  bell->function.Unref(
      env);  // sockets of the loops do not keep Node alive: the broker's own timers do
  auto* started = new transport::Engine(options, Ring, bell);
  engine.store(started, std::memory_order_release);
  napi_add_env_cleanup_hook(env, Leave, nullptr);
  started->Start();
  AskForWakeSlice(limits::kControlSliceNs);  // the loops have their own
  return env.Undefined();
}

Napi::Value Halt(const Napi::CallbackInfo& info) {
  transport::Engine* running = engine.load(std::memory_order_acquire);
  if (running == nullptr) return Napi::Boolean::New(info.Env(), true);
  bell->closed.store(true, std::memory_order_release);
  return Napi::Boolean::New(info.Env(), running->Halt(NumberOf(info[0])));
}

/// exitProcess(code): nothing that runs at an ordinary exit does. Node would terminate the edge
/// thread wherever it is, and uWebSockets.js aborts the process when that is inside a callback.
Napi::Value ExitProcess(const Napi::CallbackInfo& info) {
  _exit(static_cast<int>(NumberOf(info[0])));
}

/// listen({...}) → null, or { error: 'EADDRINUSE', step: 'bind' }
Napi::Value Listen(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  transport::Engine* running = EngineOrThrow(env);
  if (running == nullptr) return env.Undefined();
  const Napi::Object from = info[0].As<Napi::Object>();
  transport::ListenerOptions options;
  options.id = NumberOf(from.Get("id"));
  options.host = TextOf(from.Get("host"));
  options.port = static_cast<uint16_t>(NumberOf(from.Get("port")));
  options.path = TextOf(from.Get("path"));
  options.mode = NumberOf(from.Get("mode"));
  options.backlog = static_cast<int>(NumberOf(from.Get("backlog")));
  options.connections_max = NumberOf(from.Get("connectionsMax"));
  options.packet_bytes_max = NumberOf(from.Get("packetBytesMax"));
  options.accept_interval_ns = static_cast<uint64_t>(LargeOf(from.Get("acceptIntervalNs")));
  options.messages_rate = RateOf(from.Get("messageRate"));
  options.bytes_rate = RateOf(from.Get("byteRate"));
  options.total_messages_per_second = DoubleOf(from.Get("totalMessagesPerSecond"));
  options.total_bytes_per_second = DoubleOf(from.Get("totalBytesPerSecond"));
  options.accept_burst = NumberOf(from.Get("acceptBurst"));
  options.proxy_timeout_ms = NumberOf(from.Get("proxyTimeoutMs"));
  options.send_buffer_bytes = NumberOf(from.Get("sndbufBytes"));
  options.receive_buffer_bytes = NumberOf(from.Get("recbufBytes"));
  options.probe_idle_s = NumberOf(from.Get("probeIdleSeconds"));
  options.probe_interval_s = NumberOf(from.Get("probeIntervalSeconds"));
  options.probes = NumberOf(from.Get("probes"));
  for (const std::string& text : TextsOf(from.Get("accessRules"))) {
    transport::AccessRule rule;
    CHECK(transport::ParseAccessRule(text, &rule));  // the configuration has checked it
    options.access_rules.push_back(rule);
  }
  options.connect_deadline_ms = NumberOf(from.Get("connectDeadlineMs"));
  options.high_watermark_bytes = NumberOf(from.Get("highWatermarkBytes"));
  options.send_timeout_ms = NumberOf(from.Get("sendTimeoutMs"));
  options.max_qos = static_cast<uint8_t>(NumberOf(from.Get("qosMax")));
  options.retain_available = BooleanOf(from.Get("retainAvailable"));
  options.no_delay = BooleanOf(from.Get("noDelay"));
  options.on_edge = BooleanOf(from.Get("onEdge"));
  options.tls = NumberOf(from.Get("tls"));
  options.handshake_deadline_ms = NumberOf(from.Get("handshakeDeadlineMs"));
  options.wants_peer_certificate = BooleanOf(from.Get("wantsPeerCertificate"));
  std::string step;
  const int error = running->Listen(options, &step);
  if (error == 0) return env.Null();
  Napi::Object failure = Napi::Object::New(env);
  failure.Set("error", strerrorname_np(error));
  failure.Set("step", step);
  return failure;
}

Napi::Value Unlisten(const Napi::CallbackInfo& info) {
  if (transport::Engine* running = EngineOrThrow(info.Env())) running->Unlisten(NumberOf(info[0]));
  return info.Env().Undefined();
}

/// listenerState(id) → { connections, accepted, …, refusedPeer }, or null when it was never opened
Napi::Value ListenerState(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  transport::Engine* running = EngineOrThrow(env);
  if (running == nullptr) return env.Undefined();
  transport::Listener* listener = running->FindListener(NumberOf(info[0]));
  if (listener == nullptr) return env.Null();
  Napi::Object state = Napi::Object::New(env);
  state.Set("connections", listener->connections.load(std::memory_order_relaxed));
  for (size_t i = 0; i < transport::kListenerCounters; ++i) {
    state.Set(transport::kListenerCounterNames[i],
              static_cast<double>(listener->counters[i].load(std::memory_order_relaxed)));
  }
  state.Set("refusedPeer", listener->refused_peer());
  return state;
}

Napi::Value Submit(const Napi::CallbackInfo& info) {
  if (transport::Engine* running = EngineOrThrow(info.Env())) running->Submit(BytesOf(info[0]));
  return info.Env().Undefined();
}

Napi::Value Drain(const Napi::CallbackInfo& info) {
  if (transport::Engine* running = EngineOrThrow(info.Env())) running->Drain();
  return info.Env().Undefined();
}

Napi::Value Maintain(const Napi::CallbackInfo& info) {
  if (transport::Engine* running = EngineOrThrow(info.Env())) running->Maintain();
  return info.Env().Undefined();
}

Napi::Value OpenSockets(const Napi::CallbackInfo& info) {
  const transport::Engine* running = engine.load(std::memory_order_acquire);
  return Napi::Number::New(info.Env(), running == nullptr ? 0 : running->open_sockets());
}

/// counters() → Float64Array in the order of layout().counters, then filters, retained messages,
/// retained bytes, epoch bytes, retained expired, delayed messages, delayed bytes, edge
/// connections, bytes in their rings.
Napi::Value CountersNow(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const transport::Engine* running = engine.load(std::memory_order_acquire);
  const std::vector<uint64_t> values =
      running == nullptr ? std::vector<uint64_t>(kCounterCount) : running->Counters();
  Napi::Float64Array out = Napi::Float64Array::New(env, values.size() + 9);
  for (size_t i = 0; i < values.size(); ++i) out[i] = static_cast<double>(values[i]);
  if (running != nullptr) {
    out[values.size()] = static_cast<double>(running->filters());
    out[values.size() + 1] = static_cast<double>(running->retained_messages());
    out[values.size() + 2] = static_cast<double>(running->retained_bytes());
    out[values.size() + 3] = static_cast<double>(running->epoch_bytes());
    out[values.size() + 4] = static_cast<double>(running->retained_expired());
    out[values.size() + 5] = static_cast<double>(running->delayed_messages());
    out[values.size() + 6] = static_cast<double>(running->delayed_bytes());
    const edge::Totals& edge = running->edge_totals();
    out[values.size() + 7] = static_cast<double>(edge.conduits.load(std::memory_order_relaxed));
    out[values.size() + 8] = static_cast<double>(edge.bytes.load(std::memory_order_relaxed));
  }
  return out;
}

}  // namespace

void ExportEngine(Napi::Env env, Napi::Object exports) {
  Export<Start>(env, exports, "start");
  Export<Halt>(env, exports, "halt");
  Export<ExitProcess>(env, exports, "exitProcess");
  Export<Listen>(env, exports, "listen");
  Export<Unlisten>(env, exports, "unlisten");
  Export<ListenerState>(env, exports, "listenerState");
  Export<Submit>(env, exports, "submit");
  Export<Drain>(env, exports, "drain");
  Export<Maintain>(env, exports, "maintain");
  Export<OpenSockets>(env, exports, "openSockets");
  Export<CountersNow>(env, exports, "counters");
}

}  // namespace causeway::seam
