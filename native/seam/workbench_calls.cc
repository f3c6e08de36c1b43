// The calls of the workbench (`causeway bench core`, bench/micro): parts of the core by themselves,
// without an engine, a socket or a thread. One call a batch, so that what is measured is the part
// and not the crossing; texts come as one buffer in which a NUL, which no topic may hold, ends
// each.
#include <array>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "core/epoch.h"
#include "core/limits.h"
#include "link/delta_batch.h"
#include "link/message_term.h"
#include "mqtt/encode.h"
#include "mqtt/packet.h"
#include "router/index.h"
#include "router/members.h"
#include "seam/arguments.h"
#include "seam/crossings.h"

namespace causeway::seam {

namespace {

constexpr int kLoop = 0;
constexpr uint32_t kSession = 1;  // one subscriber, of everything

/// What one loop and the control thread have of a router.
struct Router {
  Router() : reader(epochs.Register()) {}
  ~Router() { epochs.Unregister(reader); }
  Router(const Router&) = delete;
  Router& operator=(const Router&) = delete;

  EpochDomain epochs;
  const int reader;
  router::Index index{HashSeed::Random(), &epochs};
  router::MemberTable members{HashSeed::Random()};
  /// Of the topics at hand.
  std::array<std::vector<router::Filter*>, router::Index::kTogether> found;
  std::array<router::Index::Query, router::Index::kTogether> queries;

  /// Filters found for the first `count` queries.
  size_t Match(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      found[i].clear();
      queries[i].found = &found[i];
    }
    if (count == 1) {
      index.Match(queries[0].topic, queries[0].found);
    } else {
      index.Match(queries.data(), count);
    }
    size_t all = 0;
    for (size_t i = 0; i < count; ++i) all += found[i].size();
    return all;
  }
};

struct Deltas {
  link::DeltaBatch batch{{limits::kInterestEntriesMax, limits::kInterestBytesMax},
                         HashSeed::Random()};
};

template <typename Held>
Napi::Value NewHandle(Napi::Env env) {
  return Napi::External<std::unique_ptr<Held>>::New(
      env, new std::unique_ptr<Held>(std::make_unique<Held>()),
      [](Napi::Env, std::unique_ptr<Held>* slot) { delete slot; });
}
template <typename Held>
std::unique_ptr<Held>& SlotOf(const Napi::Value& handle) {
  return *handle.As<Napi::External<std::unique_ptr<Held>>>().Data();
}
/// Asked after the end: a programmer error.
template <typename Held>
Held& HeldBy(const Napi::Value& handle) {
  CHECK(SlotOf<Held>(handle) != nullptr);
  return *SlotOf<Held>(handle);
}

template <typename Visit>
void ForEachText(std::string_view texts, Visit visit) {
  while (!texts.empty()) {
    const size_t end = texts.find('\0');
    CHECK(end != std::string_view::npos);
    visit(texts.substr(0, end));
    texts.remove_prefix(end + 1);
  }
}

Napi::Value NumberFrom(Napi::Env env, size_t number) {
  return Napi::Number::New(env, static_cast<double>(number));
}

Napi::Value OpenRouter(const Napi::CallbackInfo& info) { return NewHandle<Router>(info.Env()); }

/// closeRouter(handle): its memory is free when the call returns.
Napi::Value CloseRouter(const Napi::CallbackInfo& info) {
  SlotOf<Router>(info[0]).reset();
  return info.Env().Undefined();
}

/// subscribeRouter(handle, filters) → how many had no subscriber before
Napi::Value SubscribeRouter(const Napi::CallbackInfo& info) {
  Router& held = HeldBy<Router>(info[0]);
  size_t edges = 0;
  ForEachText(BytesOf(info[1]), [&](std::string_view text) {
    router::Filter* const filter = held.index.Acquire(text);
    if (held.index.AddLocal(filter)) ++edges;
    bool first = false;
    held.members.Add(filter->ref, {.session = kSession}, &first);
    if (first) held.index.ShowOnLoop(filter, kLoop);
  });
  return NumberFrom(info.Env(), edges);
}

/// unsubscribeRouter(handle, filters) → how many have no subscriber any more
Napi::Value UnsubscribeRouter(const Napi::CallbackInfo& info) {
  Router& held = HeldBy<Router>(info[0]);
  size_t edges = 0;
  ForEachText(BytesOf(info[1]), [&](std::string_view text) {
    router::Filter* const filter = held.index.Find(text);
    CHECK(filter != nullptr);
    bool last = false;
    held.members.Remove(filter->ref, kSession, &last);
    if (last) held.index.HideOnLoop(filter, kLoop);
    if (held.index.RemoveLocal(filter)) ++edges;
    held.index.Release(filter);
  });
  held.epochs.Collect();
  return NumberFrom(info.Env(), edges);
}

/// matchRouter(handle, topics, together) → filters found, all topics together. In one epoch, as the
/// packets of one read are; nothing is cached. `together`: as many at once as a loop matches of one
/// read; else one after the other.
Napi::Value MatchRouter(const Napi::CallbackInfo& info) {
  Router& held = HeldBy<Router>(info[0]);
  const EpochGuard guard(&held.epochs, held.reader);
  const size_t batch = BooleanOf(info[2]) ? held.queries.size() : 1;
  size_t found = 0, waiting = 0;
  ForEachText(BytesOf(info[1]), [&](std::string_view topic) {
    held.queries[waiting++].topic = topic;
    if (waiting < batch) return;
    found += held.Match(std::exchange(waiting, 0));
  });
  if (waiting > 0) found += held.Match(waiting);
  return NumberFrom(info.Env(), found);
}

/// routerBytes(handle) → heap bytes, an estimate
Napi::Value RouterBytes(const Napi::CallbackInfo& info) {
  const Router& held = HeldBy<Router>(info[0]);
  return NumberFrom(info.Env(), held.index.memory_bytes() + held.members.memory_bytes());
}

bool IsValid(const mqtt::Frame& frame, mqtt::Version version) {
  if (frame.type == mqtt::PacketType::kConnect) {
    mqtt::Connect connect;
    return mqtt::DecodeConnect(frame, &connect) == mqtt::Reason::kSuccess;
  }
  return mqtt::ValidatePacket(frame, version, mqtt::Sender::kClient) == mqtt::Reason::kSuccess;
}

/// decodePackets(bytes, version) → whole packets of a client, up to the first that is none
Napi::Value DecodePackets(const Napi::CallbackInfo& info) {
  std::string_view bytes = BytesOf(info[0]);
  const auto version = static_cast<mqtt::Version>(NumberOf(info[1]));
  size_t packets = 0, need;
  mqtt::Frame frame;
  while (mqtt::NextFrame(bytes, UINT32_MAX, &frame, &need) == mqtt::FrameStatus::kFrame &&
         IsValid(frame, version)) {
    ++packets;
    bytes.remove_prefix(frame.whole.size());
  }
  return NumberFrom(info.Env(), packets);
}

/// encodePublishes(topic, payload, packetId, qos, version, count) → Buffer, as many of them
Napi::Value EncodePublishes(const Napi::CallbackInfo& info) {
  const std::string topic = TextOf(info[0]);
  mqtt::PublishOut publish;
  publish.topic = topic;
  publish.payload = BytesOf(info[1]);
  publish.packet_id = static_cast<uint16_t>(NumberOf(info[2]));
  publish.qos = static_cast<uint8_t>(NumberOf(info[3]));
  const auto version = static_cast<mqtt::Version>(NumberOf(info[4]));
  const uint32_t count = NumberOf(info[5]);
  size_t whole = 0, packet_id_at;
  mqtt::PublishHeaderSize(publish, version, &whole);
  auto out = Napi::Buffer<char>::New(info.Env(), whole * count);
  char* to = out.Data();
  for (uint32_t i = 0; i < count; ++i) {
    // Each is measured and written as if the one before it were another one.
    mqtt::PublishHeaderSize(publish, version, &whole);
    to += mqtt::WritePublishHeader(publish, version, to, &packet_id_at);
    std::memcpy(to, publish.payload.data(), publish.payload.size());
    to += publish.payload.size();
  }
  return out;
}

Napi::Value OpenDeltas(const Napi::CallbackInfo& info) { return NewHandle<Deltas>(info.Env()); }

/// mergeDeltas(handle, filters, add): changes of one link's interest, one a filter
Napi::Value MergeDeltas(const Napi::CallbackInfo& info) {
  Deltas& held = HeldBy<Deltas>(info[0]);
  const auto kind =
      BooleanOf(info[2]) ? link::RouteOperation::Kind::kAdd : link::RouteOperation::Kind::kDelete;
  ForEachText(BytesOf(info[1]),
              [&](std::string_view filter) { CHECK(held.batch.Push(kind, filter, filter)); });
  return info.Env().Undefined();
}

/// takeDeltas(handle, entriesMax) → Buffer, the route message of what waits; acknowledged at once
Napi::Value TakeDeltas(const Napi::CallbackInfo& info) {
  Deltas& held = HeldBy<Deltas>(info[0]);
  link::DeltaBatch::Batch batch;
  if (held.batch.Take(NumberOf(info[1]), UINT32_MAX, "workbench", 1, &batch))
    held.batch.Acknowledge(batch.token);
  return BufferOf(info.Env(), batch.payload);
}

/// encodeMessages(topic, payload, clientId, count) → Buffer, the terms of as many forwarded
/// messages, all of one size
Napi::Value EncodeMessages(const Napi::CallbackInfo& info) {
  const std::string topic = TextOf(info[0]), from = TextOf(info[2]);
  const std::string id(link::kMessageIdBytes, 'i');
  link::ForwardedMessage message;
  message.id = id;
  message.qos = 1;
  message.from = from;
  message.topic = topic;
  message.payload = BytesOf(info[1]);
  message.timestamp_ms = 1'700'000'000'000;
  message.protocol_version = 4;
  const uint32_t count = NumberOf(info[3]);
  auto out = Napi::Buffer<char>::New(info.Env(), link::EncodedMessageSize(message) * count);
  char* to = out.Data();
  for (uint32_t i = 0; i < count; ++i) {
    CHECK(link::EncodedMessageSize(message) * count == out.Length());
    to = link::WriteMessage(message, to);
  }
  return out;
}

/// decodeMessages(terms, count) → how many of the `count` terms of one size are messages
Napi::Value DecodeMessages(const Napi::CallbackInfo& info) {
  std::string_view terms = BytesOf(info[0]);
  const size_t each = terms.size() / NumberOf(info[1]);
  CHECK(each > 0);
  size_t messages = 0;
  std::string scratch;
  for (; terms.size() >= each; terms.remove_prefix(each)) {
    link::ForwardedMessage message;
    if (link::DecodeMessage(terms.substr(0, each), &scratch, &message) == link::MessageStatus::kOk)
      ++messages;
  }
  return NumberFrom(info.Env(), messages);
}

}  // namespace

void ExportWorkbench(Napi::Env env, Napi::Object exports) {
  Export<OpenRouter>(env, exports, "openRouter");
  Export<CloseRouter>(env, exports, "closeRouter");
  Export<SubscribeRouter>(env, exports, "subscribeRouter");
  Export<UnsubscribeRouter>(env, exports, "unsubscribeRouter");
  Export<MatchRouter>(env, exports, "matchRouter");
  Export<RouterBytes>(env, exports, "routerBytes");
  Export<DecodePackets>(env, exports, "decodePackets");
  Export<EncodePublishes>(env, exports, "encodePublishes");
  Export<OpenDeltas>(env, exports, "openDeltas");
  Export<MergeDeltas>(env, exports, "mergeDeltas");
  Export<TakeDeltas>(env, exports, "takeDeltas");
  Export<EncodeMessages>(env, exports, "encodeMessages");
  Export<DecodeMessages>(env, exports, "decodeMessages");
}

}  // namespace causeway::seam
