// The calls of the load generator (causeway bench): a run is started, asked and ended; nothing
// crosses per message. Linux only, as the generator; elsewhere these functions are absent.
#include "seam/arguments.h"
#include "seam/crossings.h"

#if defined(__linux__)

#include <sched.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>

#include "loadgen/floor_server.h"
#include "loadgen/generator.h"
#include "loadgen/route_probe.h"
#include "loadgen/web_socket_stream.h"
#include "transport/tls_self_signed.h"
#include "transport/tls_stream.h"

namespace causeway::seam {

namespace {

using loadgen::Endpoint;
using loadgen::Histogram;

/// What a handle holds: gone when `stop…` is called, or with the handle.
template <typename Held>
using Slot = std::unique_ptr<Held>;

template <typename Held>
Napi::Value HandleOf(Napi::Env env, Slot<Held> held) {
  return Napi::External<Slot<Held>>::New(env, new Slot<Held>(std::move(held)),
                                         [](Napi::Env, Slot<Held>* slot) { delete slot; });
}
template <typename Held>
Slot<Held>& SlotOf(const Napi::Value& handle) {
  return *handle.As<Napi::External<Slot<Held>>>().Data();
}
/// Asked after the end: a programmer error.
template <typename Held>
Held& HeldBy(const Napi::Value& handle) {
  CHECK(SlotOf<Held>(handle) != nullptr);
  return *SlotOf<Held>(handle);
}

double DoubleOf(const Napi::Value& value) { return value.As<Napi::Number>().DoubleValue(); }

/// { host, port } or { path }: checked by who resolved the name.
Endpoint EndpointOf(const Napi::Value& value) {
  const auto from = value.As<Napi::Object>();
  const auto endpoint =
      from.Has("path") ? loadgen::UnixEndpoint(TextOf(from.Get("path")))
                       : loadgen::TcpEndpoint(TextOf(from.Get("host")),
                                              static_cast<uint16_t>(NumberOf(from.Get("port"))));
  CHECK(endpoint.has_value());
  return *endpoint;
}

std::vector<Endpoint> EndpointsOf(const Napi::Value& value) {
  const auto from = value.As<Napi::Array>();
  std::vector<Endpoint> endpoints;
  for (uint32_t i = 0; i < from.Length(); ++i) endpoints.push_back(EndpointOf(from.Get(i)));
  return endpoints;
}

/// TLS without asking who the broker is: it is measured, not trusted. No session is continued, so
/// every connection pays its handshake.
std::function<std::unique_ptr<transport::Stream>(int)> TlsOpener() {
  transport::TlsOptions options;
  options.server = false;
  options.resumption = false;
  transport::TlsRefusal refusal;
  const auto context =
      transport::TlsContext::Make(options, std::make_shared<transport::TicketKeys>(), &refusal);
  CHECK(context != nullptr);
  return [context](int fd) { return std::make_unique<transport::TlsStream>(context, fd); };
}

std::function<std::unique_ptr<transport::Stream>(int)> WebSocketOpener(const std::string& host) {
  return [host](int fd) {
    return std::make_unique<loadgen::WebSocketStream>(fd, host, static_cast<uint32_t>(fd));
  };
}

loadgen::Plan PlanOf(const Napi::Object& from) {
  const auto number = [&](const char* name) { return NumberOf(from.Get(name)); };
  loadgen::Plan plan;
  plan.run = number("run");
  plan.version = static_cast<mqtt::Version>(number("version"));
  plan.pattern = static_cast<loadgen::Pattern>(number("pattern"));
  plan.publish_to = EndpointsOf(from.Get("publishTo"));
  plan.subscribe_to = EndpointsOf(from.Get("subscribeTo"));
  plan.publishers = number("publishers");
  plan.subscribers = number("subscribers");
  plan.churners = number("churners");
  plan.churn_one_filter = BooleanOf(from.Get("churnOneFilter"));
  plan.filters_each = number("filtersEach");
  plan.regions = number("regions");
  plan.seed = number("seed");
  plan.retained_publishers = number("retainedPublishers");
  plan.publish_qos = static_cast<uint8_t>(number("publishQos"));
  plan.subscribe_qos = static_cast<uint8_t>(number("subscribeQos"));
  plan.clear = BooleanOf(from.Get("clear"));
  plan.payload_bytes = number("payloadBytes");
  plan.rate = DoubleOf(from.Get("rate"));
  plan.messages_each = number("messagesEach");
  plan.window = number("window");
  plan.inflight_max = number("inflightMax");
  plan.connecting_max = number("connectingMax");
  plan.hold_subscriptions = BooleanOf(from.Get("holdSubscriptions"));
  plan.session_expiry_seconds = number("sessionExpirySeconds");
  plan.source_addresses = number("sourceAddresses");
  plan.threads = number("threads");
  plan.username = TextOf(from.Get("username"));
  plan.password = TextOf(from.Get("password"));
  const std::string stream = TextOf(from.Get("stream"));
  if (stream == "tls") plan.open_stream = TlsOpener();
  if (stream == "ws") plan.open_stream = WebSocketOpener(plan.subscribe_to.front().name);
  return plan;
}

Napi::Value StartLoad(const Napi::CallbackInfo& info) {
  return HandleOf(info.Env(),
                  std::make_unique<loadgen::Generator>(PlanOf(info[0].As<Napi::Object>())));
}

Napi::Value EnterLoadPhase(const Napi::CallbackInfo& info) {
  HeldBy<loadgen::Generator>(info[0]).Enter(static_cast<loadgen::Phase>(NumberOf(info[1])));
  return info.Env().Undefined();
}

Napi::Value MeasureLoad(const Napi::CallbackInfo& info) {
  HeldBy<loadgen::Generator>(info[0]).Measure(LargeOf(info[1]), LargeOf(info[2]));
  return info.Env().Undefined();
}

Napi::Value ReadLoad(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  loadgen::Generator& generator = HeldBy<loadgen::Generator>(info[0]);
  const loadgen::Reading reading = generator.Read();
  Napi::Object out = Napi::Object::New(env);
  const auto set = [&](const char* name, auto number) {
    out.Set(name, Napi::Number::New(env, static_cast<double>(number)));
  };
  set("atNs", reading.at_ns);
  set("threadCpuNs", reading.thread_cpu_ns);
  set("firstSubscribeNs", reading.first_subscribe_ns);
  set("lastSubackNs", reading.last_suback_ns);
  out.Set("drained", Napi::Boolean::New(env, reading.drained));
#define CAUSEWAY_SET(name) set(#name, reading.counts.name);
  CAUSEWAY_LOADGEN_COUNTERS(CAUSEWAY_SET)
#undef CAUSEWAY_SET
  Napi::Array failures = Napi::Array::New(env);
  uint32_t at = 0;
  for (const std::string& one : generator.failures()) {
    failures.Set(at++, Napi::String::New(env, one));
  }
  out.Set("failures", failures);
  return out;
}

/// { count, maxNs, quantilesNs: of each asked share, buckets: low, width, count of each }
Napi::Value DistributionOf(Napi::Env env, const Histogram& histogram, const Napi::Value& shares) {
  Napi::Object out = Napi::Object::New(env);
  out.Set("count", Napi::Number::New(env, static_cast<double>(histogram.count())));
  out.Set("maxNs", Napi::Number::New(env, static_cast<double>(histogram.max())));
  const auto asked = shares.As<Napi::Array>();
  Napi::Array quantiles = Napi::Array::New(env);
  for (uint32_t i = 0; i < asked.Length(); ++i) {
    const uint64_t ns = histogram.Quantile(DoubleOf(asked.Get(i)));
    quantiles.Set(i, Napi::Number::New(env, static_cast<double>(ns)));
  }
  out.Set("quantilesNs", quantiles);
  std::vector<double> numbers;
  histogram.ForEach([&](const Histogram::Bucket& bucket) {
    for (const uint64_t number : {bucket.low, bucket.width, bucket.count}) {
      numbers.push_back(static_cast<double>(number));
    }
  });
  auto buckets = Napi::Float64Array::New(env, numbers.size());
  std::copy(numbers.begin(), numbers.end(), buckets.Data());
  out.Set("buckets", buckets);
  return out;
}

/// readLoadLatency(handle, 'publish' | 'subscribe', shares)
Napi::Value ReadLoadLatency(const Napi::CallbackInfo& info) {
  const auto histogram = std::make_unique<Histogram>();
  const auto& generator = HeldBy<loadgen::Generator>(info[0]);
  if (TextOf(info[1]) == "publish") {
    generator.ReadLatency(histogram.get());
  } else {
    generator.ReadSubscribeLatency(histogram.get());
  }
  return DistributionOf(info.Env(), *histogram, info[2]);
}

Napi::Value StopLoad(const Napi::CallbackInfo& info) {
  SlotOf<loadgen::Generator>(info[0]).reset();
  return info.Env().Undefined();
}

Napi::Value StartProbe(const Napi::CallbackInfo& info) {
  const auto from = info[0].As<Napi::Object>();
  loadgen::ProbePlan plan;
  plan.publish_to = EndpointOf(from.Get("publishTo"));
  plan.subscribe_to = EndpointOf(from.Get("subscribeTo"));
  plan.run = NumberOf(from.Get("run"));
  plan.rounds = NumberOf(from.Get("rounds"));
  plan.gap_us = NumberOf(from.Get("gapUs"));
  return HandleOf(info.Env(), std::make_unique<loadgen::RouteProbe>(plan));
}

/// readProbe(handle, shares) → { done, error, rounds, never, suback, effective }
Napi::Value ReadProbe(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto& probe = HeldBy<loadgen::RouteProbe>(info[0]);
  Napi::Object out = Napi::Object::New(env);
  const bool done = probe.done();
  out.Set("done", Napi::Boolean::New(env, done));
  out.Set("error", Napi::String::New(env, done ? probe.error() : ""));
  out.Set("rounds", Napi::Number::New(env, probe.rounds()));
  out.Set("never", Napi::Number::New(env, probe.never()));
  out.Set("suback", DistributionOf(env, probe.suback(), info[1]));
  out.Set("effective", DistributionOf(env, probe.effective(), info[1]));
  return out;
}

Napi::Value StopProbe(const Napi::CallbackInfo& info) {
  SlotOf<loadgen::RouteProbe>(info[0]).reset();
  return info.Env().Undefined();
}

std::optional<loadgen::FanPlan> FanOf(const Napi::Value& value) {
  if (value.IsNull()) return std::nullopt;
  const auto from = value.As<Napi::Object>();
  const auto number = [&](const char* name) { return NumberOf(from.Get(name)); };
  return loadgen::FanPlan{.receivers = number("receivers"),
                          .batch = number("batch"),
                          .payload_bytes = number("payloadBytes"),
                          .version = static_cast<mqtt::Version>(number("version"))};
}

/// startFloor(endpoint, fan or null) → null, or why not. Leaked: it serves as long as the process
/// lives.
Napi::Value StartFloor(const Napi::CallbackInfo& info) {
  auto server = std::make_unique<loadgen::FloorServer>(EndpointOf(info[0]), FanOf(info[1]));
  if (server->error() != 0) return Napi::String::New(info.Env(), std::strerror(server->error()));
  server.release();
  return info.Env().Null();
}

/// makeSelfSigned() → { certificate, key }, PEM; or null
Napi::Value MakeSelfSigned(const Napi::CallbackInfo& info) {
  const transport::SelfSigned made = transport::MakeSelfSigned();
  if (made.key_pem.empty()) return info.Env().Null();
  Napi::Object out = Napi::Object::New(info.Env());
  out.Set("certificate", made.certificate_pem);
  out.Set("key", made.key_pem);
  return out;
}

/// useProcessors(numbers): the calling thread, and what it starts from now on. False: not possible.
Napi::Value UseProcessors(const Napi::CallbackInfo& info) {
  cpu_set_t set;
  CPU_ZERO(&set);
  const auto numbers = info[0].As<Napi::Array>();
  for (uint32_t i = 0; i < numbers.Length(); ++i) {
    const uint32_t number = NumberOf(numbers.Get(i));
    if (number < CPU_SETSIZE) CPU_SET(number, &set);
  }
  return Napi::Boolean::New(info.Env(), sched_setaffinity(0, sizeof set, &set) == 0);
}

/// processors(): those the calling thread may use.
Napi::Value Processors(const Napi::CallbackInfo& info) {
  cpu_set_t set;
  CPU_ZERO(&set);
  Napi::Array numbers = Napi::Array::New(info.Env());
  if (sched_getaffinity(0, sizeof set, &set) != 0) return numbers;
  uint32_t at = 0;
  for (uint32_t i = 0; i < CPU_SETSIZE; ++i) {
    if (CPU_ISSET(i, &set)) numbers.Set(at++, Napi::Number::New(info.Env(), i));
  }
  return numbers;
}

}  // namespace

void ExportLoadgen(Napi::Env env, Napi::Object exports) {
  Export<StartLoad>(env, exports, "startLoad");
  Export<EnterLoadPhase>(env, exports, "enterLoadPhase");
  Export<MeasureLoad>(env, exports, "measureLoad");
  Export<ReadLoad>(env, exports, "readLoad");
  Export<ReadLoadLatency>(env, exports, "readLoadLatency");
  Export<StopLoad>(env, exports, "stopLoad");
  Export<StartProbe>(env, exports, "startProbe");
  Export<ReadProbe>(env, exports, "readProbe");
  Export<StopProbe>(env, exports, "stopProbe");
  Export<StartFloor>(env, exports, "startFloor");
  Export<MakeSelfSigned>(env, exports, "makeSelfSigned");
  Export<UseProcessors>(env, exports, "useProcessors");
  Export<Processors>(env, exports, "processors");
}

}  // namespace causeway::seam

#else

namespace causeway::seam {

void ExportLoadgen(Napi::Env, Napi::Object) {}

}  // namespace causeway::seam

#endif
