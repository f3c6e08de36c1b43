// The calls of the link room: interest out, routes in, terms of the route channel. One call a
// batch, never one a message.
#include <cstring>

#include "link/etf.h"
#include "mqtt/packet.h"
#include "seam/arguments.h"
#include "seam/crossings.h"

namespace causeway::seam {

namespace {

/// { first, count }
fanout::LinkSpec::SlotRange SlotRangeOf(const Napi::Value& value) {
  const Napi::Object from = value.As<Napi::Object>();
  return {NumberOf(from.Get("first")), NumberOf(from.Get("count"))};
}

std::vector<uint8_t> LoopsOf(const Napi::Value& value) {
  const Napi::Array from = value.As<Napi::Array>();
  std::vector<uint8_t> loops;
  for (uint32_t i = 0; i < from.Length(); ++i)
    loops.push_back(static_cast<uint8_t>(NumberOf(from.Get(i))));
  return loops;
}

/// configureLinks(self, [{ index, name, enabled, forwards, topics, pool, former, homes, transit,
/// retainedSync, maxInflight, bufferBytesMax, requestTtlMs }])
Napi::Value ConfigureLinks(const Napi::CallbackInfo& info) {
  transport::Engine* running = EngineOrThrow(info.Env());
  if (running == nullptr) return info.Env().Undefined();
  const Napi::Array from = info[1].As<Napi::Array>();
  std::vector<fanout::LinkSpec> specs;
  for (uint32_t i = 0; i < from.Length(); ++i) {
    const Napi::Object one = from.Get(i).As<Napi::Object>();
    fanout::LinkSpec spec;
    spec.index = static_cast<int>(NumberOf(one.Get("index")));
    spec.name = TextOf(one.Get("name"));
    spec.enabled = BooleanOf(one.Get("enabled"));
    spec.forwards = BooleanOf(one.Get("forwards"));
    spec.topics = link::LinkTopics(TextsOf(one.Get("topics")));
    spec.pool = SlotRangeOf(one.Get("pool"));
    spec.former = SlotRangeOf(one.Get("former"));
    spec.homes = LoopsOf(one.Get("homes"));
    spec.transit = BooleanOf(one.Get("transit"));
    spec.retained = link::LinkTopics(TextsOf(one.Get("retainedSync")));
    spec.inflight_max = static_cast<uint16_t>(NumberOf(one.Get("maxInflight")));
    spec.buffer_bytes_max = static_cast<size_t>(LargeOf(one.Get("bufferBytesMax")));
    spec.request_ttl_ms = LargeOf(one.Get("requestTtlMs"));
    specs.push_back(std::move(spec));
  }
  running->ConfigureLinks(TextOf(info[0]), std::move(specs));
  return info.Env().Undefined();
}

Napi::Value OpenInterest(const Napi::CallbackInfo& info) {
  if (transport::Engine* running = EngineOrThrow(info.Env())) {
    running->OpenInterest(static_cast<int>(NumberOf(info[0])), TextsOf(info[1]));
  }
  return info.Env().Undefined();
}

Napi::Value CloseInterest(const Napi::CallbackInfo& info) {
  if (transport::Engine* running = EngineOrThrow(info.Env()))
    running->CloseInterest(static_cast<int>(NumberOf(info[0])));
  return info.Env().Undefined();
}

/// takeInterest(link, actor, incarnation, entriesMax, bytesMax) → null or { payload, token, entries
/// }
Napi::Value TakeInterest(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  transport::Engine* running = EngineOrThrow(env);
  link::DeltaBatch::Batch batch;
  if (running == nullptr ||
      !running->TakeInterest(static_cast<int>(NumberOf(info[0])), NumberOf(info[3]),
                             NumberOf(info[4]), TextOf(info[1]), BigIntOf(info[2]), &batch)) {
    return env.Null();
  }
  Napi::Object out = Napi::Object::New(env);
  out.Set("payload", BufferOf(env, batch.payload));
  out.Set("token", static_cast<double>(batch.token));
  out.Set("entries", static_cast<double>(batch.entries));
  return out;
}

Napi::Value SettleInterest(const Napi::CallbackInfo& info) {
  if (transport::Engine* running = EngineOrThrow(info.Env())) {
    running->SettleInterest(static_cast<int>(NumberOf(info[0])),
                            static_cast<uint64_t>(LargeOf(info[1])), BooleanOf(info[2]));
  }
  return info.Env().Undefined();
}

/// interestFlags() → Uint8Array over the engine's memory: read without a crossing from then on.
Napi::Value InterestFlags(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  transport::Engine* running = EngineOrThrow(env);
  if (running == nullptr) return env.Undefined();
  constexpr size_t kBytes = 2 * transport::Engine::kLinks;
  // The engine is never freed, so the view may live as long as it likes.
  return Napi::Uint8Array::New(env, kBytes,
                               Napi::ArrayBuffer::New(env, running->interest_flags(), kBytes), 0);
}

Napi::Value Invalid(Napi::Env env, const char* reason) {
  Napi::Object out = Napi::Object::New(env);
  out.Set("op", "invalid");
  out.Set("reason", reason);
  out.Set("trailing", Napi::Boolean::New(env, false));
  return out;
}

/// decodeRoute(payload) → RouteMessage of src/native/engine.ts
Napi::Value DecodeRoute(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  link::RouteHeader header;
  std::string scratch;
  if (link::DecodeRouteMessage(BytesOf(info[0]), &scratch, &header) != link::RouteStatus::kOk) {
    return Invalid(env, "not a term of the route channel");
  }
  if (header.op_name.empty()) return Invalid(env, "the operation is missing");
  if (header.missing_keys && header.op != link::RouteOp::kUnknown)
    return Invalid(env, "a required key is missing or of a wrong type");
  Napi::Object out = Napi::Object::New(env);
  out.Set("trailing", Napi::Boolean::New(env, header.trailing));
  const auto text = [&](const char* key, std::string_view value) {
    out.Set(key, Napi::String::New(env, value.data(), value.size()));
  };
  const auto capabilities = [&] {
    out.Set("capabilities",
            header.has_capabilities ? BufferOf(env, header.capabilities) : env.Null());
  };
  switch (header.op) {
    case link::RouteOp::kActorInit:
      text("op", "actor_init");
      text("actor", header.actor);
      text("target", header.target);
      out.Set("incarnation", Napi::BigInt::New(env, header.incarnation));
      out.Set("protocolVersion", static_cast<double>(header.protocol_version));
      capabilities();
      break;
    case link::RouteOp::kActorInitAck:
      text("op", "actor_init_ack");
      text("actor", header.actor);
      out.Set("protocolVersion", static_cast<double>(header.protocol_version));
      if (header.accepted) {
        out.Set("error", env.Null());
      } else {
        text("error", header.error_reason);
      }
      if (header.need_bootstrap == link::NeedBootstrap::kUndefined) {
        out.Set("needBootstrap", env.Null());
      } else {
        out.Set("needBootstrap",
                Napi::Boolean::New(env, header.need_bootstrap == link::NeedBootstrap::kTrue));
      }
      capabilities();
      break;
    case link::RouteOp::kRoute:
      text("op", "route");
      text("actor", header.actor);
      out.Set("incarnation", Napi::BigInt::New(env, header.incarnation));
      out.Set("count", static_cast<double>(header.operation_count));
      break;
    case link::RouteOp::kHeartbeat:
      text("op", "heartbeat");
      text("actor", header.actor);
      out.Set("incarnation", Napi::BigInt::New(env, header.incarnation));
      out.Set("digest", header.digest.empty() ? env.Null() : BufferOf(env, header.digest));
      break;
    case link::RouteOp::kUnknown:
      text("op", "unknown");
      text("name", header.op_name);
      break;
  }
  return out;
}

std::string CapabilitiesOf(const Napi::Value& value) {
  return value.IsNull() ? std::string() : std::string(BytesOf(value));
}

/// encodeActorInit(actor, incarnation, target, capabilities | null)
Napi::Value EncodeActorInit(const Napi::CallbackInfo& info) {
  std::string out;
  link::EncodeActorInit(TextOf(info[0]), BigIntOf(info[1]), TextOf(info[2]),
                        CapabilitiesOf(info[3]), &out);
  return BufferOf(info.Env(), out);
}

/// encodeActorInitAck(actor, error | null, needBootstrap, capabilities | null)
Napi::Value EncodeActorInitAck(const Napi::CallbackInfo& info) {
  std::string out;
  if (info[1].IsNull()) {
    link::EncodeActorInitAckOk(TextOf(info[0]), info[2].IsBoolean() && BooleanOf(info[2]),
                               CapabilitiesOf(info[3]), &out);
  } else {
    link::EncodeActorInitAckError(TextOf(info[0]), TextOf(info[1]), &out);
  }
  return BufferOf(info.Env(), out);
}

/// encodeHeartbeat(actor, incarnation, digest | null)
Napi::Value EncodeHeartbeat(const Napi::CallbackInfo& info) {
  std::string out;
  const std::string_view digest = info[2].IsNull() ? std::string_view() : BytesOf(info[2]);
  link::EncodeHeartbeat(TextOf(info[0]), BigIntOf(info[1]), digest, &out);
  return BufferOf(info.Env(), out);
}

Napi::Value DigestOf(Napi::Env env, const link::RouteDigest& digest) {
  std::string bytes;
  digest.Append(&bytes);
  return BufferOf(env, bytes);
}

/// digestKey() → Buffer, SipKey::kBytes
Napi::Value DigestKey(const Napi::CallbackInfo& info) {
  const transport::Engine* running = EngineOrThrow(info.Env());
  if (running == nullptr) return info.Env().Undefined();
  std::string key(SipKey::kBytes, '\0');
  running->digest_key().Write(key.data());
  return BufferOf(info.Env(), key);
}

/// laneDigest(link, lane) → Buffer, RouteDigest::kBytes
Napi::Value LaneDigest(const Napi::CallbackInfo& info) {
  const transport::Engine* running = EngineOrThrow(info.Env());
  if (running == nullptr) return info.Env().Undefined();
  return DigestOf(info.Env(), running->LaneDigest(static_cast<int>(NumberOf(info[0])),
                                                  static_cast<int>(NumberOf(info[1]))));
}

/// startInterestDigest(link, key)
Napi::Value StartInterestDigest(const Napi::CallbackInfo& info) {
  if (transport::Engine* running = EngineOrThrow(info.Env())) {
    running->StartInterestDigest(static_cast<int>(NumberOf(info[0])), SipKey::Of(BytesOf(info[1])));
  }
  return info.Env().Undefined();
}

/// stepInterestDigest(link) → whether nothing is left
Napi::Value StepInterestDigest(const Napi::CallbackInfo& info) {
  transport::Engine* running = EngineOrThrow(info.Env());
  if (running == nullptr) return info.Env().Undefined();
  return Napi::Boolean::New(info.Env(),
                            running->StepInterestDigest(static_cast<int>(NumberOf(info[0]))));
}

/// interestDigest(link) → Buffer, RouteDigest::kBytes, or null while changes are under way
Napi::Value InterestDigest(const Napi::CallbackInfo& info) {
  const transport::Engine* running = EngineOrThrow(info.Env());
  if (running == nullptr) return info.Env().Undefined();
  link::RouteDigest digest;
  if (!running->ReadInterestDigest(static_cast<int>(NumberOf(info[0])), &digest))
    return info.Env().Null();
  return DigestOf(info.Env(), digest);
}

/// setTransit(link, carries)
Napi::Value SetTransit(const Napi::CallbackInfo& info) {
  if (transport::Engine* running = EngineOrThrow(info.Env()))
    running->SetTransit(static_cast<int>(NumberOf(info[0])), BooleanOf(info[1]));
  return info.Env().Undefined();
}

/// setRetainedSync(link, state): see retainedSyncStates of src/native/native-engine.ts
Napi::Value SetRetainedSync(const Napi::CallbackInfo& info) {
  if (transport::Engine* running = EngineOrThrow(info.Env()))
    running->SetRetainedSync(static_cast<int>(NumberOf(info[0])),
                             static_cast<transport::Engine::RetainedSync>(NumberOf(info[1])));
  return info.Env().Undefined();
}

Napi::Value StartTransitWalk(const Napi::CallbackInfo& info) {
  if (transport::Engine* running = EngineOrThrow(info.Env())) running->StartTransitWalk();
  return info.Env().Undefined();
}

/// stepTransitWalk() → whether nothing is left
Napi::Value StepTransitWalk(const Napi::CallbackInfo& info) {
  transport::Engine* running = EngineOrThrow(info.Env());
  if (running == nullptr) return info.Env().Undefined();
  return Napi::Boolean::New(info.Env(), running->StepTransitWalk());
}

Napi::Value TransitRefused(const Napi::CallbackInfo& info) {
  const transport::Engine* running = EngineOrThrow(info.Env());
  if (running == nullptr) return info.Env().Undefined();
  const uint64_t refused = running->TransitRefused(static_cast<int>(NumberOf(info[0])));
  return Napi::Number::New(info.Env(), static_cast<double>(refused));
}

/// applyRoutes(link, lane, payload) → { adds, deletes, invalid }
Napi::Value ApplyRoutes(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  transport::Engine* running = EngineOrThrow(env);
  if (running == nullptr) return env.Undefined();
  link::ApplyResult result;
  if (running->ApplyRoutes(static_cast<int>(NumberOf(info[0])), static_cast<int>(NumberOf(info[1])),
                           BytesOf(info[2]), &result) != link::RouteStatus::kOk) {
    Throw(env, "LINK_ROUTES_INVALID",
          "not a route term");  // control has decoded it before: a programmer error there
    return env.Undefined();
  }
  Napi::Object out = Napi::Object::New(env);
  out.Set("adds", result.adds);
  out.Set("deletes", result.deletes);
  out.Set("invalid", result.invalid + result.refused);
  return out;
}

Napi::Value MarkRoutes(const Napi::CallbackInfo& info) {
  if (transport::Engine* running = EngineOrThrow(info.Env())) {
    running->MarkRoutes(static_cast<int>(NumberOf(info[0])), static_cast<int>(NumberOf(info[1])));
  }
  return info.Env().Undefined();
}

template <size_t (transport::Engine::*remove)(int, int, size_t)>
Napi::Value Remove(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  transport::Engine* running = EngineOrThrow(env);
  if (running == nullptr) return env.Undefined();
  const size_t budget = NumberOf(info[2]);
  const size_t removed = (running->*remove)(static_cast<int>(NumberOf(info[0])),
                                            static_cast<int>(NumberOf(info[1])), budget);
  Napi::Object out = Napi::Object::New(env);
  out.Set("removed", static_cast<double>(removed));
  out.Set("done", Napi::Boolean::New(env, removed < budget));
  return out;
}

Napi::Value RouteCount(const Napi::CallbackInfo& info) {
  const transport::Engine* running = EngineOrThrow(info.Env());
  if (running == nullptr) return info.Env().Undefined();
  return Napi::Number::New(
      info.Env(), static_cast<double>(running->RouteCount(static_cast<int>(NumberOf(info[0])))));
}

/// readRoutes(link, from) → { routes: [{ filter, lane, id | null, term | null }], next | null }
Napi::Value ReadRoutes(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const transport::Engine* running = EngineOrThrow(env);
  if (running == nullptr) return env.Undefined();
  const auto text = [env](std::string_view value) {
    return Napi::String::New(env, value.data(), value.size());
  };
  Napi::Array routes = Napi::Array::New(env);
  uint32_t count = 0;
  const uint32_t next = running->ReadRoutes(
      static_cast<int>(NumberOf(info[0])), NumberOf(info[1]),
      [&](std::string_view filter, int lane, std::string_view route_id) {
        Napi::Object route = Napi::Object::New(env);
        route.Set("filter", text(filter));
        route.Set("lane", lane);
        std::string_view id = filter;
        const bool is_text =
            route_id.empty() || (link::EtfReader(route_id).ReadBinary(&id) && mqtt::ValidUtf8(id));
        route.Set("id", is_text ? text(id) : env.Null());
        route.Set("term", is_text ? env.Null() : BufferOf(env, route_id));
        routes.Set(count++, route);
      });
  Napi::Object out = Napi::Object::New(env);
  out.Set("routes", routes);
  out.Set("next", next == link::RouteTable::kPagesEnd ? env.Null() : Napi::Number::New(env, next));
  return out;
}

Napi::Value LinkCounters(const Napi::CallbackInfo& info) {
  const transport::Engine* running = EngineOrThrow(info.Env());
  if (running == nullptr) return info.Env().Undefined();
  Napi::Object out = Napi::Object::New(info.Env());
  for (const auto& [name, value] : running->LinkCounters(static_cast<int>(NumberOf(info[0])))) {
    out.Set(std::string(name), static_cast<double>(value));
  }
  return out;
}

/// → { sumMicros, buckets: [end in microseconds, count, …] }, empty buckets left out.
Napi::Object TimesOf(Napi::Env env, const transport::LinkTimes& times) {
  Napi::Array buckets = Napi::Array::New(env, 2 * times.buckets.size());
  uint32_t at = 0;
  for (const auto& [end_micros, count] : times.buckets) {
    buckets.Set(at++, static_cast<double>(end_micros));
    buckets.Set(at++, static_cast<double>(count));
  }
  Napi::Object out = Napi::Object::New(env);
  out.Set("sumMicros", static_cast<double>(times.sum_micros));
  out.Set("buckets", buckets);
  return out;
}

/// linkTimes(link) → { rtt, latency }
Napi::Value LinkTimes(const Napi::CallbackInfo& info) {
  const transport::Engine* running = EngineOrThrow(info.Env());
  if (running == nullptr) return info.Env().Undefined();
  const int link = static_cast<int>(NumberOf(info[0]));
  Napi::Object out = Napi::Object::New(info.Env());
  out.Set("rtt", TimesOf(info.Env(), running->LinkHistogram(link, &link::LinkMetrics::rtt)));
  out.Set("latency",
          TimesOf(info.Env(), running->LinkHistogram(link, &link::LinkMetrics::latency)));
  return out;
}

Napi::Value LinksConfigured(const Napi::CallbackInfo& info) {
  const transport::Engine* running = EngineOrThrow(info.Env());
  if (running == nullptr) return info.Env().Undefined();
  return Napi::Boolean::New(info.Env(), running->LinksConfigured());
}

/// bootstrapBatch({ topics, actor, incarnation, cursor, entriesMax, bytesMax, into }) → { written,
/// payload | null, entries, cursor, done }; any environment. The batch is in the first `written`
/// bytes of `into`, or where that is too small in `payload`.
Napi::Value BootstrapBatch(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  transport::Engine* running = EngineOrThrow(env);
  if (running == nullptr) return env.Undefined();
  const Napi::Object from = info[0].As<Napi::Object>();
  const Napi::Value topics = from.Get("topics"), actor = from.Get("actor"),
                    incarnation = from.Get("incarnation"), cursor = from.Get("cursor"),
                    entries_max = from.Get("entriesMax"), bytes_max = from.Get("bytesMax"),
                    into = from.Get("into");
  // The only crossing that worker threads make, and these are ended at any moment.
  for (const Napi::Value& value :
       {topics, actor, incarnation, cursor, entries_max, bytes_max, into}) {
    if (IsEnding(value)) return env.Undefined();
  }
  transport::BootstrapRequest request;
  request.topics = TextsOf(topics);
  request.actor = TextOf(actor);
  request.incarnation = BigIntOf(incarnation);
  request.cursor = NumberOf(cursor);
  request.entries_max = NumberOf(entries_max);
  request.bytes_max = NumberOf(bytes_max);
  const transport::BootstrapBatch batch = running->MakeBootstrap(request);
  Napi::Object out = Napi::Object::New(env);
  auto memory = into.As<Napi::Uint8Array>();
  const bool fits = batch.payload.size() <= memory.ByteLength();
  if (fits) std::memcpy(memory.Data(), batch.payload.data(), batch.payload.size());
  out.Set("written", static_cast<double>(fits ? batch.payload.size() : 0));
  out.Set("payload", fits ? env.Null() : BufferOf(env, batch.payload));
  out.Set("entries", static_cast<double>(batch.entries));
  out.Set("cursor", batch.cursor);
  out.Set("done", Napi::Boolean::New(env, batch.done));
  return out;
}

}  // namespace

void ExportLink(Napi::Env env, Napi::Object exports) {
  Export<ConfigureLinks>(env, exports, "configureLinks");
  Export<OpenInterest>(env, exports, "openInterest");
  Export<CloseInterest>(env, exports, "closeInterest");
  Export<TakeInterest>(env, exports, "takeInterest");
  Export<SettleInterest>(env, exports, "settleInterest");
  Export<InterestFlags>(env, exports, "interestFlags");
  Export<DecodeRoute>(env, exports, "decodeRoute");
  Export<EncodeActorInit>(env, exports, "encodeActorInit");
  Export<EncodeActorInitAck>(env, exports, "encodeActorInitAck");
  Export<EncodeHeartbeat>(env, exports, "encodeHeartbeat");
  Export<DigestKey>(env, exports, "digestKey");
  Export<LaneDigest>(env, exports, "laneDigest");
  Export<StartInterestDigest>(env, exports, "startInterestDigest");
  Export<StepInterestDigest>(env, exports, "stepInterestDigest");
  Export<InterestDigest>(env, exports, "interestDigest");
  Export<SetTransit>(env, exports, "setTransit");
  Export<SetRetainedSync>(env, exports, "setRetainedSync");
  Export<StartTransitWalk>(env, exports, "startTransitWalk");
  Export<StepTransitWalk>(env, exports, "stepTransitWalk");
  Export<TransitRefused>(env, exports, "transitRefused");
  Export<ApplyRoutes>(env, exports, "applyRoutes");
  Export<MarkRoutes>(env, exports, "markRoutes");
  Export<Remove<&transport::Engine::SweepRoutes>>(env, exports, "sweepRoutes");
  Export<Remove<&transport::Engine::ClearRoutes>>(env, exports, "clearRoutes");
  Export<RouteCount>(env, exports, "routeCount");
  Export<ReadRoutes>(env, exports, "readRoutes");
  Export<LinkCounters>(env, exports, "linkCounters");
  Export<LinkTimes>(env, exports, "linkTimes");
  Export<LinksConfigured>(env, exports, "linksConfigured");
  Export<BootstrapBatch>(env, exports, "bootstrapBatch");
}

}  // namespace causeway::seam
