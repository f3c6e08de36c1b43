// The names and numbers both sides must agree on, told by the native side;
// src/native/layout.generated.ts is made from them and the door refuses to start on a mismatch.
#include "core/counters.h"
#include "core/limits.h"
#include "seam/crossings.h"
#include "transport/records.h"

namespace causeway::seam {

namespace {

Napi::Value Layout(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Object layout = Napi::Object::New(env);
  uint32_t at = 0;
#define CAUSEWAY_NAME(NAME, name) list.Set(at++, Napi::String::New(env, #name));
#define CAUSEWAY_TEXT(NAME, text) list.Set(at++, Napi::String::New(env, text));
#define CAUSEWAY_BIT(NAME, name, bit) flags.Set(#name, Napi::Number::New(env, bit));
  {
    Napi::Array list = Napi::Array::New(env);
    CAUSEWAY_EVENTS(CAUSEWAY_NAME)
    layout.Set("events", list);
  }
  {
    at = 0;
    Napi::Array list = Napi::Array::New(env);
    CAUSEWAY_COMMANDS(CAUSEWAY_NAME)
    layout.Set("commands", list);
  }
  {
    at = 0;
    Napi::Array list = Napi::Array::New(env);
    CAUSEWAY_EDGE_COMMANDS(CAUSEWAY_NAME)
    layout.Set("edgeCommands", list);
  }
  {
    at = 0;
    Napi::Array list = Napi::Array::New(env);
    CAUSEWAY_EDGE_EVENTS(CAUSEWAY_NAME)
    layout.Set("edgeEvents", list);
  }
  {
    at = 0;
    Napi::Array list = Napi::Array::New(env);
    CAUSEWAY_EDGE_REFUSALS(CAUSEWAY_NAME)
    layout.Set("edgeRefusals", list);
  }
  {
    at = 0;
    Napi::Array list = Napi::Array::New(env);
    CAUSEWAY_EDGE_VERDICTS(CAUSEWAY_NAME)
    layout.Set("edgeVerdicts", list);
  }
  {
    at = 0;
    Napi::Array list = Napi::Array::New(env);
    CAUSEWAY_CLOSE_CAUSES(CAUSEWAY_TEXT)
    layout.Set("closeCauses", list);
  }
  {
    Napi::Object flags = Napi::Object::New(env);
    CAUSEWAY_ATTACH_FLAGS(CAUSEWAY_BIT)
    layout.Set("attachFlags", flags);
  }
  {
    Napi::Object flags = Napi::Object::New(env);
    CAUSEWAY_OP_FLAGS(CAUSEWAY_BIT)
    layout.Set("opFlags", flags);
  }
#undef CAUSEWAY_NAME
#undef CAUSEWAY_TEXT
#undef CAUSEWAY_BIT
  Napi::Array counters = Napi::Array::New(env);
  at = 0;
  for (const CounterInfo& counter : kCounterInfos) {
    Napi::Object one = Napi::Object::New(env);
    one.Set("name", std::string(counter.name));
    one.Set("unit", std::string(counter.unit));
    one.Set("meaning", std::string(counter.meaning));
    counters.Set(at++, one);
  }
  layout.Set("counters", counters);
  layout.Set("loopsMax", Napi::Number::New(env, static_cast<double>(limits::kLoopsMax)));
  layout.Set("linksMax", Napi::Number::New(env, static_cast<double>(limits::kLinksMax)));
  return layout;
}

}  // namespace

void ExportLayout(Napi::Env env, Napi::Object exports) { Export<Layout>(env, exports, "layout"); }

}  // namespace causeway::seam
